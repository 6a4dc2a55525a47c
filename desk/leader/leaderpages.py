"""领导驾驶舱: the page, its wall mode, its stream, and the rows that no other page lists."""

from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from core.city_dispatch import Grid
from desk.access import masking
from desk.access.auth import SignedIn, auth_of, watch_of
from desk.access.sessions import SCREEN_FOR, SCREEN_MAY
from desk.analysis.analysisviews import WEEKDAYS, AnalysisViews
from desk.assess.assessviews import period_name
from desk.context import services_of
from desk.i18n import language_of
from desk.leader.leaderfeed import LeaderFeed
from desk.listexport import by_mark, by_place
from desk.listexport import wanted as as_file
from desk.listsheets import AT_ONCE
from desk.render import page, static_url
from desk.services import DeskServices
from desk.sse import EventStream
from desk.views import Views
from switchboard.figures.board import stretches
from ticketing.assessment.period import Period, parse
from ticketing.callbacks.figures import WHICH, Which, behind
from ticketing.listing import IN_HAND, PAGE, UNANSWERED, Order, Wanted, how_many
from ticketing.listing import page as listed

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]

#: Callbacks on one page.
_SHOWN = 300
TICKET_LISTS = {"in_hand": "在办工单", "overdue": "逾期工单"}
CALLBACK_LISTS: dict[Which, str] = {
    "done": "今日回访", "asked": "今日已作评价", "satisfied": "今日满意", "unsatisfied": "今日不满意",
    "waiting": "待回访",
}  # fmt: skip


@router.get("/leader")
async def leader(request: Request, user: SignedIn, services: Services) -> Response:
    """Everything on one page; its script draws what ``/live/leader`` tells."""
    return page(request, "leader.html", me=user, setup=_setup(request, services, wall=False))


@router.get("/leader/wall")
async def wall(request: Request, user: SignedIn, services: Services) -> Response:
    """The same for a big screen that nobody touches (大屏)."""
    setup = {**_setup(request, services, wall=True), "screen": user.scopes == SCREEN_MAY}
    return page(request, "leaderwall.html", me=user, setup=setup, screen_days=SCREEN_FOR.days)


@router.post("/leader/screen")
async def screen(request: Request, user: SignedIn) -> Response:
    """Make this browser a screen: it stays signed in, and shows the wall alone."""
    response = RedirectResponse("/leader/wall", 303)
    await auth_of(request).become_screen(request, response, user)
    return response


@router.get("/live/leader")
async def live(request: Request, user: SignedIn) -> Response:
    """The figures as server-sent events."""
    feed: LeaderFeed = request.app.state.leader
    return EventStream(feed.stream(), watch_of(request, user, counts=True))


@router.get("/leader/map.json")
async def grid_map(_user: SignedIn, services: Services) -> Response:
    """The city's grids as GeoJSON, for the map: key and name of each, and whether it is made up."""
    city = services.city.dispatch
    body = {"type": "FeatureCollection", "features": [_feature(grid) for grid in city.grids]}
    return JSONResponse(body, headers={"Cache-Control": "private, max-age=3600"})


@router.get("/leader/tickets")
async def tickets(
    request: Request, user: SignedIn, services: Services, which: str = "in_hand",
    after: Annotated[str, Query(max_length=80)] = "",
) -> Response:  # fmt: skip
    """Tickets in hand, or overdue: the earliest due first."""
    if which not in TICKET_LISTS:
        raise HTTPException(422, "查询条件不符合要求")
    views, now = Views(services.city, language_of(request)), services.clock.now()
    wanted = Wanted(states=UNANSWERED, overdue_at=now) if which == "overdue" else Wanted(states=IN_HAND)

    async def some(after: str | None, size: int = AT_ONCE) -> tuple[list[dict[str, Any]], str | None]:
        """A page from that mark on, and the mark of the next."""
        order: Order = "due" if which == "overdue" else "newest"
        async with services.database.read() as session:
            found = await listed(session, wanted, after=after or "", order=order, limit=size)
        return [views.ticket(ticket, user) for ticket in found.tickets], found.next or None

    if as_file(request):
        return page(request, "leader_tickets.html", me=user, rows=by_mark(some))
    rows, onward = await some(after, PAGE)
    async with services.database.read() as session:
        count = await how_many(session, wanted)
    return page(
        request,
        "leader_tickets.html",
        me=user,
        title=views.text(TICKET_LISTS[which]),
        which=which,
        count=count,
        rows=rows,
        next=onward,
        first=bool(after),
    )


@router.get("/leader/callbacks")
async def callbacks(request: Request, user: SignedIn, services: Services, which: str = "done") -> Response:
    """Today's callbacks, or those that wait."""
    asked = next((one for one in WHICH if one == which), None)
    if asked is None:
        raise HTTPException(422, "查询条件不符合要求")
    views, now = Views(services.city, language_of(request)), services.clock.now()
    begin = stretches(now, ZoneInfo(services.city.profile.timezone))[0][0]
    until = now if asked == "waiting" else now + timedelta(seconds=1)
    which_of, hidden = asked, masking.hides(user)

    async def some(start: int, size: int) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], int]:
        async with services.database.read() as session:
            found, count = await behind(session, which_of, begin, until, size, start)
        told = [(views.callbacks([row])[0], views.ticket(ticket, user)) for row, ticket in found]
        return [(masking.callback(row) if hidden else row, ticket) for row, ticket in told], count

    if as_file(request):

        async def rows(start: int, size: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
            return (await some(start, size))[0]

        return page(request, "leader_callbacks.html", me=user, rows=by_place(rows))
    shown, count = await some(0, _SHOWN)
    return page(
        request,
        "leader_callbacks.html",
        me=user,
        title=views.text(CALLBACK_LISTS[asked]),
        count=count,
        rows=shown,
    )


# --- within ---------------------------------------------------------------------------------------------------------


def _setup(request: Request, services: DeskServices, *, wall: bool) -> dict[str, Any]:
    """Names in the reader's language, and which version of the page this is: one that is open for weeks looks."""
    city = services.city
    views = Views(city, language_of(request))
    shown = AnalysisViews(city, views)
    zh = views.language == "zh"
    return {
        "wall": wall,
        "version": static_url("dist/leader.js"),
        "city": city.profile.name if zh else city.profile.name_en,
        "groups": {group.code: shown.matter(group.code) for group in city.taxonomy},
        "towns": [town.name for town in city.towns],
        "departments": {one.id: views.department_name(one.id) for one in city.departments},
        "tiers": {tier.key: tier.name if zh else tier.name_en for tier in city.assessment.tiers},
        "modes": {mode.key: mode.name if zh else mode.name_en for mode in city.modes},
        "normal": city.modes[0].key if city.modes else "",
        "weekdays": [views.text(day) for day in WEEKDAYS],
        "grids": {grid.key: grid.name for grid in city.dispatch.grids},
        "periods": _periods(request, services, views),
        "language": views.language,
    }


def _periods(request: Request, services: DeskServices, views: Views) -> dict[str, str]:
    """Names of the months that a ranking may be of while this page stays open."""
    current: Period = request.app.state.assessment.current
    return {one.key: period_name(views, one) for one in (parse(current.later(n).key) for n in range(-1, 4))}


def _feature(grid: Grid) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"name": grid.key, "invented": grid.invented},
        "geometry": {"type": "MultiPolygon", "coordinates": grid.polygons},
    }
