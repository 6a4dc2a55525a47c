"""The board's page and its API: what stands on it, to whom a ticket may go, and sending."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.responses import Response

from core.city_levels import LEVELS
from core.romanise import english
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket, may_see_unit
from desk.access.users import User, Users
from desk.board.boardviews import BoardViews
from desk.board.lanes import MOST, SHOWN, Laid, at_level, laid, shown
from desk.board.openlist import OpenTickets
from desk.board.sending import Order, send
from desk.board.spots import Spots, ground
from desk.context import services_of
from desk.dispatch.dispatchviews import PAGE_ORDER, DispatchViews
from desk.i18n import language_of
from desk.listexport import by_key, wanted
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.tickets.assignviews import LEVEL_NAMES, AssignViews
from desk.views import Views
from ticketing.assign import board as parts_board
from ticketing.assign.board import OfTicket
from ticketing.assign.levels import starts_with
from ticketing.assign.proposed import Matter, proposed
from ticketing.dispatch.states import STATE_NAMES
from ticketing.dispatch.views import Proposal
from ticketing.repository import TicketMissing, TicketRepository
from ticketing.tables import Ticket

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
_Key = Annotated[str, Field(min_length=1, max_length=40)]
_Rows = Annotated[int, Query(ge=1, le=MOST)]


class Sent(BaseModel):
    """An order: at least one department or unit."""

    model_config = ConfigDict(extra="forbid")

    main: Annotated[str, Field(max_length=40)] = ""
    assist: Annotated[list[_Key], Field(max_length=30)] = []
    units: Annotated[list[_Key], Field(max_length=50)] = []
    note: Annotated[str, Field(max_length=500)] = ""
    reason: Annotated[str, Field(max_length=500)] = ""
    version: Annotated[int | None, Field(ge=1, lt=2**31)] = None
    part: Annotated[str, Field(max_length=32)] = ""


def spots_of(request: Request) -> Spots:
    """One for the application: it remembers where places are."""
    found: Spots = request.app.state.spots
    return found


@router.get("/board", include_in_schema=False)
async def board(
    request: Request, user: SignedIn, services: Services, level: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The page; what stands on it is asked for by its script. ``level``: of a file alone."""
    feed: Feed = request.app.state.feed
    tiles = urlsplit(services.city.profile.map_tiles)
    if tiles.netloc:
        # The city's own map, and nothing else, is fetched from elsewhere.
        request.state.connect_to = f"{tiles.scheme}://{tiles.netloc}"
    views = Views(services.city, language_of(request))
    if wanted(request):
        return page(request, "board.html", me=user, rows=await _as_file(request, user, services, level))
    return page(
        request,
        "board.html",
        me=user,
        setup={
            "seq": await feed.latest(),
            "now": services.clock.now().isoformat(),
            "shown": SHOWN,
            "most": MOST,
            "states": [[state, views.text(STATE_NAMES[state])] for state in PAGE_ORDER],
            "departments": views.choices()["departments"],
        },
        levels=[(level, views.text(LEVEL_NAMES[level])) for level in LEVELS],
        invented=services.dispatch.data.units.invented,
    )


async def _as_file(
    request: Request, user: User, services: DeskServices, level: str
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Every row of every lane from the top, as the board has them now."""
    open_tickets: OpenTickets = request.app.state.open_tickets
    found = [one for one in await open_tickets.all() if may_see_ticket(user, one)]
    placed = laid(at_level(found, level, services.city.level_of), services.clock.now())
    views = await _views(request, user)
    known = {one.id: (lane.key, one) for lane in placed for one in lane.tickets}

    async def some(ids: Sequence[str]) -> list[dict[str, Any]]:
        async with services.database.read() as session:
            rows = {row.id: row for row in await session.scalars(select(Ticket).where(Ticket.id.in_(ids)))}
        colours = await services.tickets.clocks.next_due(ids)
        return [
            views.row(*known[key], rows[key], None, colours.get(key, (None, None))[1])
            | {"lane_name": views.lane(known[key][0])}
            for key in ids
            if key in rows
        ]

    return by_key(list(known), some)


@router.get("/api/board")
async def lanes(
    request: Request,
    user: SignedIn,
    services: Services,
    emergency: _Rows = SHOWN,
    waiting: _Rows = SHOWN,
    overdue: _Rows = SHOWN,
    moving: _Rows = SHOWN,
    level: Annotated[str, Query(max_length=20)] = "",
    id: Annotated[list[str] | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    """Open tickets by lane, each lane counted and its first rows shown; with ``id`` of those rows only these."""
    now = services.clock.now()
    open_tickets: OpenTickets = request.app.state.open_tickets
    found = [one for one in await open_tickets.all() if may_see_ticket(user, one)]
    placed = laid(at_level(found, level, services.city.level_of), now)
    lane_of = shown(placed, {"emergency": emergency, "waiting": waiting, "overdue": overdue, "moving": moving})
    ids = set(lane_of) if id is None else set(lane_of) & set(id)
    async with services.database.read() as session:
        rows = {row.id: row for row in await session.scalars(select(Ticket).where(Ticket.id.in_(ids)))}
    views = await _views(request, user)
    return {
        "now": now.isoformat(),
        "lanes": views.lanes(placed),
        "rows": await _rows(request, services, views, placed, lane_of, rows),
    }


async def _rows(
    request: Request,
    services: DeskServices,
    views: BoardViews,
    placed: Sequence[Laid],
    lane_of: dict[str, Any],
    rows: dict[str, Ticket],
) -> list[dict[str, Any]]:
    colours = await services.tickets.clocks.next_due(list(rows))
    spots, made = spots_of(request), []
    for one in (one for lane in placed for one in lane.tickets if one.id in rows):
        ticket = rows[one.id]
        _, colour = colours.get(one.id, (None, None))
        made.append(views.row(lane_of[one.id], one, ticket, spots.of(one, ticket.place), colour))
    return made


@router.get("/api/board/units")
async def units(request: Request, user: SignedIn, services: Services) -> list[dict[str, Any]]:
    """Every unit that this person may see: state, duty, where it is, on which ticket."""
    return (await _views(request, user)).units(await services.dispatch.units())


@router.get("/api/board/map")
async def the_map(request: Request, user: SignedIn, services: Services) -> dict[str, Any]:
    """The ground of the map: grids, towns' names, box, and the address of the city's tiles where it has some."""
    chinese = language_of(request) == "zh"
    return ground(services.city, spots_of(request), str if chinese else english)


@router.get("/api/board/tickets/{ticket_id}")
async def choices(request: Request, ticket_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """To whom a ticket may go: departments with reasons, units with distances, and what this person may do."""
    ticket = await _visible(services, user, ticket_id)
    proposal = await services.dispatch.proposal(ticket.id)
    async with services.database.read() as session:
        of_ticket = await parts_board.of_ticket(session, ticket.id)
    views = Views(services.city, language_of(request))
    now = services.clock.now()
    seen = AssignViews(services.city, views, user, now).ticket(ticket, of_ticket)
    ways = services.tickets.flows.place(ticket)
    main = {
        "part": seen["main"],
        "may_reassign": seen["may_reassign"],
        "may_assist": seen["may_assist"],
        "may_recall": any(edge.action == "refuse" for edge in ways[0].ways(ways[1].key, user.role)),
        "near": views.near(ticket),
    }
    found = proposed(services.city, _matter(services, ticket, proposal, of_ticket))
    return (await _views(request, user)).choices(found, proposal, main)


@router.post("/api/board/tickets/{ticket_id}/send")
async def send_it(request: Request, ticket_id: str, body: Sent, user: SignedIn, services: Services) -> dict[str, Any]:
    """Send a ticket to a main department, to others that assist, and units, in one order."""
    ticket = await _visible(services, user, ticket_id)
    for key in body.units:
        known = services.dispatch.data.unit(key)
        if known is None or not may_see_unit(user, known.department):
            raise HTTPException(404, "没有这个单位")
    if not (body.main or body.assist or body.units):
        raise HTTPException(400, "请先选择部门或单位")
    order = Order(
        main=body.main, assist=tuple(body.assist), units=tuple(dict.fromkeys(body.units)), note=body.note,
        reason=body.reason, version=body.version, part=body.part,
    )  # fmt: skip
    await send(services, ticket, order, user.actor())
    told = " ".join([ticket.number, body.main, *body.assist, *body.units])
    await audit(request, user.login, "board_send", ticket.call_id, told)
    return {"id": ticket.id, "number": ticket.number}


def _matter(services: DeskServices, ticket: Ticket, proposal: Proposal, found: OfTicket) -> Matter:
    scene = proposal.scene
    set_by_hand = scene.source == "person" and scene.spot.lon is not None and scene.spot.lat is not None
    point = (scene.spot.lon or 0.0, scene.spot.lat or 0.0) if set_by_hand else None
    return Matter(
        code=ticket.code, line=ticket.line, department=ticket.department, assist=ticket.assist,
        begins=starts_with(services.city, ticket.code, ticket.place, services.tickets.grids, point),
        planned=[key for plan in proposal.plans for key in plan.departments],
        refused=[refusal.department for refusal in found.refusals],
        suggested=[refusal.suggested for refusal in found.refusals if refusal.suggested],
    )  # fmt: skip


async def _views(request: Request, user: User) -> BoardViews:
    services = services_of(request)
    views = Views(services.city, language_of(request))
    now: datetime = services.clock.now()
    names = await Users(services.database).names()
    return BoardViews(services.city, views, DispatchViews(services.city, views, user, names, now), user, now)


async def _visible(services: DeskServices, user: User, ticket_id: str) -> Ticket:
    """404 for a ticket that this person may not see."""
    async with services.database.read() as session:
        try:
            found = await TicketRepository(session).get(ticket_id)
        except TicketMissing:
            raise HTTPException(404, "没有这张工单") from None
    if not may_see_ticket(user, found):
        raise HTTPException(404, "没有这张工单")
    return found
