"""Clocks on screen: more time, pauses, approvals; the city's calendar and time limits."""

from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from desk.access.auth import SignedIn, audit
from desk.access.rights import may_decide_clocks, may_see_ticket
from desk.access.users import User, Users
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.tickets.clockviews import COLOUR_NAMES, WEEKDAYS, ClockViews, levels, month
from desk.views import Views
from desk.whole import Whole
from ticketing.clocks.tables import ClockRequest, TicketClock
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Extension(_Body):
    #: In the clock's own unit.
    amount: Annotated[float, Field(gt=0, le=100_000)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class Pause(_Body):
    #: Key of a reason that the city allows.
    key: Annotated[str, Field(min_length=1, max_length=40)]
    reason: Annotated[str, Field(max_length=500)] = ""


class Note(_Body):
    reason: Annotated[str, Field(max_length=500)] = ""


@router.get("/api/tickets/{ticket_id}/clocks")
async def clocks(request: Request, ticket_id: str, user: SignedIn, services: Services) -> list[dict[str, Any]]:
    """The ticket's clocks, the oldest first: due times, colours, what was asked for and granted."""
    async with services.database.read() as session:
        ticket = await session.get(Ticket, ticket_id)
    return await clocks_of(request, user, services, _visible(user, ticket))


@router.post("/api/clocks/{clock_id}/extension")
async def extension(
    request: Request, clock_id: str, body: Extension, user: SignedIn, services: Services
) -> list[dict[str, Any]]:
    """The department asks for so much more, in the clock's unit."""
    ticket = await _ticket_of(services, user, clock_id)
    await services.tickets.clocks.request_extension(clock_id, user.actor(), body.amount, body.reason)
    return await clocks_of(request, user, services, ticket)


@router.post("/api/clocks/{clock_id}/pause")
async def pause(
    request: Request, clock_id: str, body: Pause, user: SignedIn, services: Services
) -> list[dict[str, Any]]:
    """The department asks for a pause; whoever may approve one pauses at once."""
    ticket = await _ticket_of(services, user, clock_id)
    if user.staff:
        await services.tickets.clocks.request_pause(clock_id, user.actor(), body.key, body.reason)
    else:
        await services.tickets.clocks.pause(clock_id, user.actor(), body.key, body.reason)
        await audit(request, user.login, "clock_pause", ticket.call_id, f"{ticket.number} {body.key}")
    return await clocks_of(request, user, services, ticket)


@router.post("/api/clocks/{clock_id}/resume")
async def resume(
    request: Request, clock_id: str, body: Note, user: SignedIn, services: Services
) -> list[dict[str, Any]]:
    """Let a paused clock run again."""
    ticket = await _ticket_of(services, user, clock_id)
    await services.tickets.clocks.resume(clock_id, user.actor(), body.reason)
    return await clocks_of(request, user, services, ticket)


@router.post("/api/clock-requests/{request_id}/approve")
async def approve(
    request: Request, request_id: Whole, body: Note, user: SignedIn, services: Services
) -> list[dict[str, Any]]:
    """Grant what a department asked for."""
    return await _decide(request, request_id, True, body.reason, user, services)


@router.post("/api/clock-requests/{request_id}/refuse")
async def refuse(
    request: Request, request_id: Whole, body: Note, user: SignedIn, services: Services
) -> list[dict[str, Any]]:
    """Refuse it, and say why."""
    return await _decide(request, request_id, False, body.reason, user, services)


@router.get("/calendar", include_in_schema=False)
async def calendar_page(request: Request, user: SignedIn, services: Services) -> Response:
    """This month and the next, the time limits, and for whoever decides what waits; ``?part=1``: what is kept fresh."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    city, views = services.city, Views(services.city, language_of(request))
    days = services.tickets.clocks.keeper.calendar
    today = services.clock.now().astimezone(ZoneInfo(city.profile.timezone)).date()
    after = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    shown = ClockViews(city, views, user, await Users(services.database).names())
    waiting = await services.tickets.clocks.waiting() if may_decide_clocks(user) else []
    # The longest time limits reach into the next year before its holidays are announced.
    ahead = sorted({today.year, (today + timedelta(days=60)).year})
    return page(
        request,
        "calendar_part.html" if request.query_params.get("part") else "calendar.html",
        me=user,
        seq=seq,
        months=[month(at.year, at.month, days, today, views) for at in (today, after)],
        weekdays=[views.text(name) for name in WEEKDAYS],
        unknown=[year for year in ahead if not days.known(year)],
        hours=[f"{a:%H:%M}–{b:%H:%M}" for a, b in days.office_hours],
        policies=[shown.policy(policy) for policy in city.clocks.policies],
        colours=[(key, views.text(COLOUR_NAMES[key]), share) for key, share in levels(city.clocks.colours)],
        quiet=f"{city.clocks.quiet_from:%H:%M}–{city.clocks.quiet_to:%H:%M}",
        waiting=[{**shown.request(asked, row), "number": ticket.number} for asked, row, ticket in waiting],
        decides=may_decide_clocks(user),
    )  # fmt: skip


async def clocks_of(request: Request, user: User, services: DeskServices, ticket: Ticket) -> list[dict[str, Any]]:
    """The ticket's clocks as this person may see and move them."""
    views = Views(services.city, language_of(request))
    shown = ClockViews(services.city, views, user, await Users(services.database).names())
    async with services.database.read() as session:
        whose = {part.id: part.department for part in await services.tickets.parts.of(session, ticket.id)}
    return [
        {**shown.clock(view, ticket), "department": views.department_name(whose.get(view.row.assignment, ""))}
        for view in await services.tickets.clocks.of_ticket(ticket.id)
    ]


async def _decide(
    request: Request, request_id: int, granted: bool, answer: str, user: User, services: DeskServices
) -> list[dict[str, Any]]:
    async with services.database.read() as session:
        asked = await session.get(ClockRequest, request_id)
    if asked is None:
        raise HTTPException(404, "没有找到")
    ticket = await _ticket_of(services, user, asked.clock_id)
    await services.tickets.clocks.decide(request_id, user.actor(), granted, answer)
    what = "clock_approve" if granted else "clock_refuse"
    await audit(request, user.login, what, ticket.call_id, f"{ticket.number} {asked.wish}")
    return await clocks_of(request, user, services, ticket)


async def _ticket_of(services: DeskServices, user: User, clock_id: str) -> Ticket:
    """404 for a clock of a ticket that this person may not see: not even its existence is told."""
    async with services.database.read() as session:
        row = await session.get(TicketClock, clock_id)
        ticket = await TicketRepository(session).get(row.ticket_id) if row else None
    return _visible(user, ticket)


def _visible(user: User, ticket: Ticket | None) -> Ticket:
    if ticket is None or not may_see_ticket(user, ticket):
        raise HTTPException(404, "没有找到")
    return ticket
