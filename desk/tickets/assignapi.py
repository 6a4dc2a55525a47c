"""Departments' parts on screen: accept, refuse, report, assist, rule, supervise, urge; the arbiter's page 督查室."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from desk.access.auth import SignedIn, audit
from desk.access.users import User
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.tickets.assignviews import AssignViews
from desk.views import Views
from ticketing.assign import board
from ticketing.assign.tables import NudgeKind
from ticketing.tables import Ticket

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
Lead = SignedIn


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Why(_Body):
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Refused(Why):
    #: Key of the department whose matter it is, as the one who refuses thinks; empty: says nothing.
    suggested: Annotated[str, Field(max_length=40)] = ""


class Result(_Body):
    result: Annotated[str, Field(min_length=1, max_length=5000)]


class To(_Body):
    department: Annotated[str, Field(min_length=1, max_length=40)]


class Directed(Why):
    #: The main part that the person saw; empty: whichever it is now.
    part: Annotated[str, Field(max_length=32)] = ""


class Reassigned(Directed):
    department: Annotated[str, Field(min_length=1, max_length=40)]


class Ruled(Why):
    #: Empty: a department that assists is let go.
    department: Annotated[str, Field(max_length=40)] = ""
    effect: Literal["plain", "binding"] = "plain"


class Urged(_Body):
    reason: Annotated[str, Field(max_length=500)] = ""


class Supervised(Why):
    #: Until the answer in writing.
    hours: Annotated[float | None, Field(gt=0, le=1000)] = None


Done = dict[str, Any]


@router.post("/api/parts/{part_id}/accept")
async def accept(part_id: str, user: SignedIn, services: Services) -> Done:
    """A department takes its part on."""
    return _done(await services.assignments.accept(part_id, user.actor()))


@router.post("/api/parts/{part_id}/refuse")
async def refuse(part_id: str, body: Refused, user: SignedIn, services: Services) -> Done:
    """A department gives its part back, for the arbiter to decide."""
    return _done(await services.assignments.refuse(part_id, user.actor(), body.reason, body.suggested))


@router.post("/api/parts/{part_id}/report")
async def report(part_id: str, body: Result, user: SignedIn, services: Services) -> Done:
    """A department states the result of its part."""
    return _done(await services.assignments.report(part_id, user.actor(), body.result))


@router.post("/api/parts/{part_id}/withdraw")
async def withdraw(part_id: str, body: Why, user: SignedIn, services: Services) -> Done:
    """A department need not assist any more."""
    return _done(await services.assignments.withdraw(part_id, user.actor(), body.reason))


@router.post("/api/tickets/{ticket_id}/assist")
async def assist(ticket_id: str, body: To, user: SignedIn, services: Services) -> Done:
    """Let one more department assist."""
    return _done(await services.assignments.assist(ticket_id, body.department, user.actor()))


@router.post("/api/tickets/{ticket_id}/reassign")
async def reassign(request: Request, ticket_id: str, body: Reassigned, user: SignedIn, services: Services) -> Done:
    """Give the main part to another department; no clock begins anew but that of accepting."""
    ticket = await services.assignments.reassign(
        ticket_id, body.department, user.actor(), body.reason, part_id=body.part
    )
    await audit(request, user.login, "reassign", ticket.call_id, f"{ticket.number} {body.department}")
    return _done(ticket)


@router.post("/api/tickets/{ticket_id}/escalate")
async def escalate(ticket_id: str, body: Directed, user: SignedIn, services: Services) -> Done:
    """Send the ticket one level up."""
    return _done(await services.assignments.escalate(ticket_id, user.actor(), body.reason, part_id=body.part))


@router.post("/api/tickets/{ticket_id}/urge")
async def urge(ticket_id: str, body: Urged, user: SignedIn, services: Services) -> Done:
    """Urge the department (催办); without words: the caller has rung again."""
    return await _nudge(services, ticket_id, "urge", user, body.reason or "来电人再次来电催问")


@router.post("/api/tickets/{ticket_id}/supervise")
async def supervise(request: Request, ticket_id: str, body: Supervised, user: SignedIn, services: Services) -> Done:
    """Supervise the ticket (督办): its department answers in writing, in time."""
    done = await _nudge(services, ticket_id, "supervise", user, body.reason, body.hours)
    await audit(request, user.login, "supervise", None, ticket_id)
    return done


@router.post("/api/nudges/{nudge_id}/answer")
async def answer(nudge_id: str, body: Why, user: SignedIn, services: Services) -> Done:
    """The department answers in writing."""
    nudge = await services.assignments.answer(nudge_id, user.actor(), body.reason)
    return {"id": nudge.id, "ticket_id": nudge.ticket_id}


@router.post("/api/refusals/{refusal_id}/decide")
async def decide(request: Request, refusal_id: str, body: Ruled, user: SignedIn, services: Services) -> Done:
    """Whose matter it is, that a department gave back."""
    binding = body.effect == "binding"
    ticket = await services.assignments.decide(refusal_id, user.actor(), body.department, body.reason, binding=binding)
    await audit(request, user.login, "ruling", ticket.call_id, f"{ticket.number} {body.department}")
    return _done(ticket)


@router.get("/rulings", include_in_schema=False)
async def rulings(request: Request, user: Lead, services: Services) -> Response:
    """Refusals to be decided, what departments have not answered, tickets that went to and fro."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    views, shown = _views(request, user, services)
    async with services.database.read() as session:
        waits = await board.waiting(session, user.departments)
        refused = [(shown.refusal(one, ticket), await board.of_ticket(session, ticket.id)) for one, ticket in waits]
        asked = await board.asked(session, user.departments)
        again = await board.ping_pong(session, user.departments)
    return page(
        request,
        "rulings_part.html" if request.query_params.get("part") else "rulings.html",
        me=user,
        seq=seq,
        waiting=[
            {**view, "before": [shown.part(part, ticket) for part in found.parts]}
            for (view, found), (_, ticket) in zip(refused, waits, strict=True)
        ],
        asked=[shown.nudge(nudge, ticket) for nudge, ticket in asked],
        again=[{**views.ticket(ticket, user), "times": times} for ticket, times in again],
        departments=views.choices()["departments"],
    )  # fmt: skip


async def parts_of(request: Request, user: User, services: DeskServices, ticket: Ticket) -> dict[str, Any]:
    """A ticket's parts for its page."""
    _, shown = _views(request, user, services)
    async with services.database.read() as session:
        return shown.ticket(ticket, await board.of_ticket(session, ticket.id))


async def own_of(request: Request, user: User, services: DeskServices, departments: Collection[str]) -> dict[str, Any]:
    """What departments' page shows beside its list: where they assist, and what they must answer."""
    _, shown = _views(request, user, services)
    if not departments:
        return {"parts": [], "nudges": []}
    async with services.database.read() as session:
        parts, asked = await board.assisting(session, departments), await board.asked(session, departments)
    return {"parts": [shown.part(*one) for one in parts], "nudges": [shown.nudge(*one) for one in asked]}


async def _nudge(
    services: DeskServices, ticket_id: str, kind: NudgeKind, user: User, reason: str, hours: float | None = None
) -> Done:
    nudge = await services.assignments.nudge(ticket_id, kind, user.actor(), reason, hours=hours)
    return {"id": nudge.id, "ticket_id": nudge.ticket_id}


def _views(request: Request, user: User, services: DeskServices) -> tuple[Views, AssignViews]:
    views = Views(services.city, language_of(request))
    return views, AssignViews(services.city, views, user, services.clock.now())


def _done(ticket: Ticket) -> Done:
    return {"ticket_id": ticket.id, "number": ticket.number, "state": ticket.state, "department": ticket.department}
