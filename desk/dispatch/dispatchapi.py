"""The API and pages of dispatch: units, what is proposed for a ticket, orders, scene, plans. Rights and audit."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket, may_see_unit
from desk.access.users import User, Users
from desk.context import services_of
from desk.dispatch.dispatchviews import PAGE_ORDER, DispatchViews
from desk.i18n import language_of
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from ticketing.dispatch.states import STATE_NAMES, UnitAction
from ticketing.repository import TicketMissing, TicketRepository
from ticketing.tables import Ticket

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
_Key = Annotated[str, Field(min_length=1, max_length=40)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Send(_Body):
    """One order to all of these."""

    units: Annotated[list[_Key], Field(max_length=50)] = []
    departments: Annotated[list[_Key], Field(max_length=50)] = []
    note: Annotated[str, Field(max_length=500)] = ""


class Act(_Body):
    action: UnitAction
    reason: Annotated[str, Field(max_length=500)] = ""


class Locate(_Body):
    """Where a unit is, in degrees of WGS 84, as the browser's Geolocation gives it."""

    lon: Annotated[float, Field(ge=-180, le=180)]
    lat: Annotated[float, Field(ge=-90, le=90)]
    #: Radius in metres.
    accuracy_m: Annotated[float | None, Field(ge=0, le=1e6)] = None
    #: When it was there, with a zone; now where it is left out.
    at: datetime | None = None


class SetPlace(_Body):
    """Both, or neither: the ticket's place counts again."""

    lon: float | Literal[""] | None = None
    lat: float | Literal[""] | None = None


class SetGrade(_Body):
    grade: Annotated[int, Field(ge=1, le=4)] | Literal[""] | None = None


class Tick(_Body):
    plan: _Key
    item: _Key
    done: bool


@router.get("/api/units")
async def units(request: Request, user: SignedIn, services: Services) -> list[dict[str, Any]]:
    """Every unit that this person may see, with state, duty, last position, order and what may be done with it."""
    views = await _views(request, user)
    return [views.unit(u) for u in await services.dispatch.units() if _seen(user, u.standing.unit.department)]


@router.post("/api/units/{unit}/act")
async def act(request: Request, unit: str, body: Act, user: SignedIn, services: Services) -> dict[str, Any]:
    """One step of a unit (收到 出动 到场 完成 …): the unit's own, or the dispatcher's.

    ``reason``: why; of 完成 what came of it, with which a department's last unit reports its part of the ticket.
    """
    _own_unit(services, user, unit)
    row = await services.dispatch.act(unit, body.action, user.actor(), body.reason)
    await audit(request, user.login, "unit", detail=f"{unit} {body.action}")
    return {"unit": row.unit, "state": row.state}


@router.post("/api/orders/{order_id}/seen")
async def seen(order_id: str, user: SignedIn, services: Services) -> dict[str, str]:
    """The unit knows that this order was taken from it."""
    order = await services.dispatch.seen(order_id, user.actor())
    return {"order": order.id, "unit": order.unit}


@router.post("/api/units/{unit}/position")
async def position(unit: str, body: Locate, user: SignedIn, services: Services) -> dict[str, bool]:
    """A unit tells where it is; ``kept`` is false where a later position is known."""
    _own_unit(services, user, unit)
    if body.at is not None and body.at.tzinfo is None:
        raise HTTPException(422, "填写的内容不符合要求")
    kept = await services.dispatch.locate(unit, body.lon, body.lat, user.actor(), body.accuracy_m, body.at)
    return {"kept": kept}


@router.get("/api/units/{unit}/log")
async def unit_log(unit: str, user: SignedIn, services: Services) -> list[dict[str, Any]]:
    """What a unit did, latest first."""
    _own_unit(services, user, unit)
    return [
        {"at": row.at.isoformat(), "who": row.who, "action": row.action, "before": row.before, "after": row.after,
         "reason": row.reason}
        for row in await services.dispatch.log(unit)
    ]  # fmt: skip


@router.get("/api/tickets/{ticket_id}/dispatch")
async def proposal(request: Request, ticket_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """Which units could go and how far they are, orders with their times, plans, cameras, grid."""
    ticket = await _visible(services, user, ticket_id)
    return (await _views(request, user)).proposal(await services.dispatch.proposal(ticket.id))


@router.post("/api/tickets/{ticket_id}/dispatch")
async def send(request: Request, ticket_id: str, body: Send, user: SignedIn, services: Services) -> dict[str, Any]:
    """Send units and departments; a ticket that is not dispatched yet is filed and dispatched first."""
    ticket = await _visible(services, user, ticket_id)
    for unit in body.units:
        _own_unit(services, user, unit)
    if user.staff and body.departments:
        raise HTTPException(403, "您没有此项权限")
    orders = await services.dispatch.send(ticket.id, body.units, user.actor(), body.note, body.departments)
    await audit(request, user.login, "units_sent", ticket.call_id, f"{ticket.number} {' '.join(body.units)}")
    return {"orders": [order.id for order in orders]}


@router.post("/api/tickets/{ticket_id}/scene/place")
async def set_place(
    request: Request, ticket_id: str, body: SetPlace, user: SignedIn, services: Services
) -> dict[str, bool]:
    """A person sets the ticket's coordinates."""
    ticket = await _visible(services, user, ticket_id)
    lon, lat = (None if v == "" else v for v in (body.lon, body.lat))
    await services.dispatch.scenes.place(ticket.id, lon, lat, user.actor())
    await audit(request, user.login, "scene_place", ticket.call_id, f"{ticket.number} {lon} {lat}")
    return {"ok": True}


@router.post("/api/tickets/{ticket_id}/scene/grade")
async def set_grade(
    request: Request, ticket_id: str, body: SetGrade, user: SignedIn, services: Services
) -> dict[str, bool]:
    """A person says how grave it is (1 特别重大 … 4 一般): plans go by it."""
    ticket = await _visible(services, user, ticket_id)
    await services.dispatch.scenes.grade(ticket.id, None if body.grade == "" else body.grade, user.actor())
    await audit(request, user.login, "scene_grade", ticket.call_id, f"{ticket.number} {body.grade}")
    return {"ok": True}


@router.post("/api/tickets/{ticket_id}/plan")
async def tick(ticket_id: str, body: Tick, user: SignedIn, services: Services) -> dict[str, bool]:
    """Tick an item of a plan, or take the tick away."""
    ticket = await _visible(services, user, ticket_id)
    await services.dispatch.scenes.tick(ticket.id, body.plan, body.item, body.done, user.actor())
    return {"ok": True}


@router.get("/units", include_in_schema=False)
async def units_page(request: Request, user: SignedIn, services: Services, kind: str = "") -> Response:
    """Units by state; with ``?part=1`` only the list, for the script that keeps it fresh."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    views = await _views(request, user)
    seen = [views.unit(u) for u in await services.dispatch.units() if _seen(user, u.standing.unit.department)]
    kinds = {unit["kind"]: unit["kind_name"] for unit in seen}
    shown = [unit for unit in seen if kind not in kinds or unit["kind"] == kind]
    data = services.dispatch.data
    text = Views(services.city, language_of(request)).text
    return page(
        request,
        "units_part.html" if request.query_params.get("part") else "units.html",
        me=user,
        seq=seq,
        kinds=kinds,
        kind=kind if kind in kinds else "",
        groups=[(state, text(STATE_NAMES[state]), [u for u in shown if u["state"] == state and u["on_duty"]])
                for state in PAGE_ORDER],
        off=[unit for unit in shown if not unit["on_duty"]],
        invented=data.units.invented or data.roster.invented,
        old_min=data.units.old_min,
    )  # fmt: skip


@router.get("/tickets/{number}/dispatch", include_in_schema=False)
async def panel(request: Request, number: str, user: SignedIn, services: Services) -> Response:
    """The panel 调派 of one ticket, which pages put in their place; empty where it has nothing to do with units."""
    ticket = await _visible(services, user, number)
    seen = (await _views(request, user)).proposal(await services.dispatch.proposal(ticket.id))
    return page(
        request,
        "dispatch_part.html",
        me=user,
        d=seen,
        commands=user.role in ("agent", "supervisor", "dispatcher"),
        fitting=bool(seen["orders"] or seen["plans"] or seen["ticket"]["emergency"] or seen["units"]),
        setting=services.dispatch.data.units,
        invented=services.dispatch.data.units.invented,
    )


async def _views(request: Request, user: User) -> DispatchViews:
    services = services_of(request)
    names = await Users(services.database).names()
    return DispatchViews(services.city, Views(services.city, language_of(request)), user, names, services.clock.now())


def _seen(user: User, department: str) -> bool:
    return may_see_unit(user, department)


def _own_unit(services: DeskServices, user: User, unit: str) -> None:
    """404 for a unit that there is not, or that this person may not see: its existence is not told."""
    known = services.dispatch.data.unit(unit)
    if known is None or not may_see_unit(user, known.department):
        raise HTTPException(404, "没有这个单位")


async def _visible(services: DeskServices, user: User, ticket_id: str) -> Ticket:
    """The ticket of this id or number; 404 for one that this person may not see."""
    async with services.database.read() as session:
        repository = TicketRepository(session)
        try:
            found = await repository.by_number(ticket_id) or await repository.get(ticket_id)
        except TicketMissing:
            raise HTTPException(404, "没有这张工单") from None
    if not may_see_ticket(user, found):
        raise HTTPException(404, "没有这张工单")
    return found
