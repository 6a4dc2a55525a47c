"""The JSON API: what the pages and scripts call. Rights are checked here, whoever calls."""

import re
from collections.abc import Awaitable
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.responses import JSONResponse, Response

from desk.access import masking
from desk.access.auth import Auth, SignedIn, SignInRefused, address_of, audit, desk_of, watch_of
from desk.access.rights import may_hear, may_see_ticket
from desk.access.users import User
from desk.calls.softphone import softphone
from desk.casebook import Casebook
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed, call_desks, desks_ever
from desk.services import DeskServices
from desk.sse import EventStream
from desk.views import Views
from desk.whole import Whole
from switchboard.desks import ChosenState
from ticketing.events import TicketState
from ticketing.fields import EditConflict
from ticketing.repository import TicketMissing, TicketRepository
from ticketing.sources import TicketSource
from ticketing.tables import Ticket

router = APIRouter()
T = TypeVar("T")
#: Who has a telephone on the page: a supervisor listens by it, and goes on with a call that he has taken over.
Person = SignedIn
Services = Annotated[DeskServices, Depends(services_of)]
#: The number of an event, as a browser sends it back; what is longer no database gave out.
_NUMBER = re.compile("[0-9]{1,18}")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignIn(_Body):
    login: Annotated[str, Field(min_length=1, max_length=60)]
    password: Annotated[str, Field(min_length=1, max_length=200)]
    #: Of the second factor, where one is on.
    code: Annotated[str, Field(max_length=40)] = ""


class StateWish(_Body):
    """During a call the wish holds from its end on; during wrap-up it ends that."""

    state: ChosenState
    reason: Annotated[str, Field(max_length=20)] = ""


class Edit(_Body):
    #: New values by field name; names as in a ticket's view.
    fields: dict[str, str | bool | list[str]]
    #: The version that the page showed.
    version: Annotated[int, Field(ge=0, le=2**31)]


class Submit(_Body):
    #: Fields to save first, as in an edit.
    fields: dict[str, str | bool | list[str]] = {}
    version: int | None = None


class Reason(_Body):
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Refused(Reason):
    #: Key of the department whose matter it is, as the one who refuses thinks.
    suggested: Annotated[str, Field(max_length=40)] = ""


class Result(_Body):
    result: Annotated[str, Field(min_length=1, max_length=5000)]


def casebook(request: Request, user: SignedIn) -> Casebook:
    services = services_of(request)
    return Casebook(services, user, Views(services.city, language_of(request)))


Cases = Annotated[Casebook, Depends(casebook)]


@router.post("/api/login")
async def login(request: Request, body: SignIn) -> Response:
    """Sign in; the answer sets the session cookie."""
    auth: Auth = request.app.state.auth
    user = await auth.sign_in(body.login, body.password, request)
    match await auth.owed(user):
        case "factor" if not body.code:
            raise SignInRefused("请输入二次验证的验证码")
        case "factor":
            await auth.check_code(user, body.code, address_of(request))
        case "enrol":
            raise SignInRefused("您的岗位登录须开启二次验证", hint="请先在登录页面开启")
    response = JSONResponse({"login": user.login, "name": user.name, "role": user.role, "extension": user.extension})
    await auth.begin(request, response, user)
    return response


@router.get("/api/state")
async def state(request: Request, user: SignedIn, cases: Cases, services: Services) -> dict[str, Any]:
    """What a page needs to draw itself; the live stream goes on from ``seq``."""
    feed: Feed = request.app.state.feed
    # Read before the rest: an event in between is then shown twice, never missed.
    seq = await feed.latest()
    call_id = await cases.my_call_id()
    return {
        "seq": seq,
        "now": services.clock.now().isoformat(),
        "me": cases.me(),
        "agents": cases.agents() if user.role in ("agent", "supervisor") else [],
        "calls": cases.calls() if user.role in ("agent", "supervisor") else [],
        "call": await cases.call(call_id) if call_id else None,
        "side": cases.side_call(),
        "drafts": await cases.drafts(except_call=call_id),
    }


@router.get("/live")
async def live(request: Request, user: SignedIn, after: Whole | None = None) -> Response:
    """Server-sent events, from ``Last-Event-ID`` (or ``after``) on."""
    feed: Feed = request.app.state.feed
    header = request.headers.get("last-event-id", "")
    return EventStream(feed.stream(user, int(header) if _NUMBER.fullmatch(header) else after), watch_of(request, user))


@router.post("/api/agent/state")
async def set_state(request: Request, body: StateWish, user: Person, services: Services) -> dict[str, bool]:
    """Ready, paused with a reason, or away."""
    extension = desk_of(user)
    await services.switchboard.desks.set_agent_state(extension, body.state, body.reason)
    await audit(request, user.login, "agent_state", detail=f"{body.state} {body.reason}".strip())
    return {"ok": True}


@router.post("/api/agent/finish")
async def finish(user: Person, services: Services) -> dict[str, bool]:
    """The wrap-up of the last call is done."""
    await services.switchboard.desks.end_wrapup(desk_of(user))
    return {"ok": True}


@router.post("/api/agent/rejoin")
async def rejoin(user: Person, services: Services) -> dict[str, bool]:
    """After a refresh: ring this desk again for the call that it still holds; answers once it has joined."""
    return {"joined": await services.switchboard.handling.rejoin(desk_of(user))}


@router.get("/api/softphone")
async def softphone_account(request: Request, user: Person, services: Services) -> dict[str, Any]:
    """How the page's telephone registers."""
    return softphone(services, desk_of(user), request.url)


@router.get("/api/calls/{call_id}")
async def call(call_id: str, cases: Cases) -> dict[str, Any]:
    """A call with transcript, verdict, ticket and its caller's history."""
    return _found(await cases.call(call_id))


@router.get("/api/calls/{call_id}/verdict")
async def verdict(call_id: str, user: SignedIn, cases: Cases, services: Services) -> dict[str, Any] | None:
    """The newest verdict, with names and first questions; null while there is none."""
    async with services.database.read() as session:
        ticket = await TicketRepository(session).by_call(call_id)
    if not may_hear(user, await desks_ever(services, call_id), ticket):
        raise HTTPException(404, "没有找到")
    return await cases.verdict(call_id)


@router.post("/api/calls/{call_id}/hangup")
async def hangup(request: Request, call_id: str, user: SignedIn, services: Services) -> dict[str, bool]:
    """End a live call: its own call taker or the supervisor."""
    # Where several desks ring, none of them may take the caller away from the others.
    mine = user.role == "agent" and await call_desks(services, call_id) == {user.extension}
    if not (mine or user.role == "supervisor"):
        raise HTTPException(403, "您没有此项权限")
    await services.switchboard.handling.hangup(call_id)
    await audit(request, user.login, "hangup", call_id)
    return {"ok": True}


@router.get("/api/tickets")
async def tickets(
    cases: Cases,
    state: Annotated[list[TicketState] | None, Query()] = None,
    department: str = "",
    call_id: str = "",
    source: TicketSource | None = None,
) -> list[dict[str, Any]]:
    """Tickets by state (may be repeated), department, call and how they came."""
    return await cases.tickets(states=tuple(state or ()), department=department, call_id=call_id, source=source or "")


@router.get("/api/tickets/{ticket_id}")
async def ticket(ticket_id: str, cases: Cases) -> dict[str, Any]:
    """One ticket with history and callbacks."""
    return _found(await cases.ticket(ticket_id))


@router.post("/api/tickets/{ticket_id}")
async def edit(request: Request, ticket_id: str, body: Edit, user: SignedIn) -> dict[str, Any]:
    """Save fields that a person edited."""
    await _visible(request, user, ticket_id)
    saving = services_of(request).tickets.edit(ticket_id, body.fields, user.actor(), body.version)
    return _ticket_view(request, user, await _saved(user, saving))


@router.post("/api/tickets/{ticket_id}/submit")
async def submit(request: Request, ticket_id: str, body: Submit, user: SignedIn) -> dict[str, Any]:
    """File the ticket and dispatch it to its department."""
    await _visible(request, user, ticket_id)
    saving = services_of(request).tickets.submit(ticket_id, user.actor(), body.fields, body.version)
    return _ticket_view(request, user, await _saved(user, saving))


@router.post("/api/tickets/{ticket_id}/accept")
async def accept(request: Request, ticket_id: str, user: SignedIn) -> dict[str, Any]:
    """The department takes the ticket on."""
    await _visible(request, user, ticket_id)
    return _ticket_view(request, user, await services_of(request).tickets.accept(ticket_id, user.actor()))


@router.post("/api/tickets/{ticket_id}/depart")
async def depart(request: Request, ticket_id: str, user: SignedIn) -> dict[str, Any]:
    """Crew and vehicle have left."""
    await _visible(request, user, ticket_id)
    return _ticket_view(request, user, await services_of(request).tickets.advance(ticket_id, "depart", user.actor()))


@router.post("/api/tickets/{ticket_id}/arrive")
async def arrive(request: Request, ticket_id: str, user: SignedIn) -> dict[str, Any]:
    """They are on the scene."""
    await _visible(request, user, ticket_id)
    return _ticket_view(request, user, await services_of(request).tickets.advance(ticket_id, "arrive", user.actor()))


@router.post("/api/tickets/{ticket_id}/handle")
async def handle(request: Request, ticket_id: str, user: SignedIn) -> dict[str, Any]:
    """Work on the scene has begun."""
    await _visible(request, user, ticket_id)
    return _ticket_view(request, user, await services_of(request).tickets.advance(ticket_id, "handle", user.actor()))


@router.post("/api/tickets/{ticket_id}/refuse")
async def refuse(request: Request, ticket_id: str, body: Refused, user: SignedIn) -> dict[str, Any]:
    """The department gives the ticket back, with its reason."""
    await _visible(request, user, ticket_id)
    tickets = services_of(request).tickets
    return _ticket_view(request, user, await tickets.refuse(ticket_id, user.actor(), body.reason, body.suggested))


@router.post("/api/tickets/{ticket_id}/report")
async def report(request: Request, ticket_id: str, body: Result, user: SignedIn) -> dict[str, Any]:
    """The department reports the result; the callback follows."""
    await _visible(request, user, ticket_id)
    return _ticket_view(request, user, await services_of(request).tickets.report(ticket_id, user.actor(), body.result))


@router.post("/api/tickets/{ticket_id}/close")
async def close(request: Request, ticket_id: str, body: Reason, user: SignedIn) -> dict[str, Any]:
    """Close without dispatch (answered at once, nuisance), or by the supervisor."""
    await _visible(request, user, ticket_id)
    return _ticket_view(request, user, await services_of(request).tickets.close(ticket_id, user.actor(), body.reason))


@router.post("/api/tickets/{ticket_id}/reopen")
async def reopen(request: Request, ticket_id: str, body: Reason, user: SignedIn) -> dict[str, Any]:
    """The supervisor sends a ticket whose caller is not satisfied back to its department."""
    await _visible(request, user, ticket_id)
    return _ticket_view(request, user, await services_of(request).tickets.reopen(ticket_id, user.actor(), body.reason))


@router.get("/health")
async def health(services: Services) -> dict[str, Literal["ok"]]:
    """Answers when the desk and its database do."""
    async with services.database.read() as session:
        await session.scalar(select(1))
    return {"status": "ok"}


def _found(thing: T | None) -> T:
    if thing is None:
        raise HTTPException(404, "没有找到")
    return thing


async def _visible(request: Request, user: User, ticket_id: str) -> None:
    """404 for a ticket that this person may not see: not even its existence is told."""
    async with services_of(request).database.read() as session:
        try:
            found = await TicketRepository(session).get(ticket_id)
        except TicketMissing:
            raise HTTPException(404, "没有找到") from None
    if not may_see_ticket(user, found):
        raise HTTPException(404, "没有找到")


async def _saved(user: User, saving: Awaitable[Ticket]) -> Ticket:
    """The ticket as saved; what another person saved first is told as masked as the ticket is."""
    try:
        return await saving
    except EditConflict as lost:
        if not masking.hides(user):
            raise
        told = (replace(one, theirs=masking.value(one.field, one.theirs)) for one in lost.differences)
        raise EditConflict(lost.version, tuple(told)) from None


def _ticket_view(request: Request, user: User, changed: Ticket) -> dict[str, Any]:
    return Views(services_of(request).city, language_of(request)).ticket(changed, user)
