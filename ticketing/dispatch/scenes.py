"""What people say of a ticket's scene: coordinates, grade, and the ticked items of its plans."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from core.city_dispatch import CityDispatch
from core.clock import Clock
from core.database import Work
from core.errors import HeyiError, NotAllowed
from ticketing.actor import Actor
from ticketing.dispatch.events import SceneChanged
from ticketing.dispatch.repository import DispatchRepository
from ticketing.dispatch.tables import PlanTick, TicketScene
from ticketing.service import Tickets
from ticketing.tables import Ticket


class UnitMissing(HeyiError):
    """No unit or item of a plan has this key."""


class Scenes:
    """Every call is one unit of work on one ticket."""

    def __init__(self, data: CityDispatch, clock: Clock, tickets: Tickets) -> None:
        self._data = data
        self._clock = clock
        self._tickets = tickets

    async def place(self, ticket_id: str, lon: float | None, lat: float | None, by: Actor) -> None:
        """A person sets the ticket's coordinates (degrees of WGS 84), or takes them away again."""
        if (lon is None) != (lat is None):
            raise HeyiError("经度和纬度须一起填写")
        box = self._data.box or (-180.0, -90.0, 180.0, 90.0)
        if lon is not None and lat is not None and not (box[0] <= lon <= box[2] and box[1] <= lat <= box[3]):
            if box[0] <= lat <= box[2] and box[1] <= lon <= box[3]:
                raise HeyiError("经度和纬度填反了", hint=f"{lon}, {lat}")
            raise HeyiError("坐标不在本市范围", hint=f"{lon}, {lat}")
        async with self._scene(ticket_id, by) as (work, ticket, scene):
            scene.lon, scene.lat = lon, lat
            if lon is not None and lat is not None:
                self._tickets.place(work, ticket, (lon, lat))

    async def grade(self, ticket_id: str, grade: int | None, by: Actor) -> None:
        """A person says how grave it is: 1 特别重大 … 4 一般; None takes it away."""
        if grade is not None and not 1 <= grade <= 4:
            raise HeyiError("没有这个等级", hint=str(grade))
        async with self._scene(ticket_id, by) as (_work, _ticket, scene):
            scene.grade = grade

    async def tick(self, ticket_id: str, plan: str, item: str, done: bool, by: Actor) -> None:
        """Tick an item of a plan, or take the tick away; who and when are kept, once for each change."""
        known = self._data.plan(plan)
        if known is None or all(i.key != item for i in known.items):
            raise UnitMissing("预案没有这一项", hint=f"{plan} {item}")
        now = self._clock.now()
        async with self._tickets.change(ticket_id) as (work, ticket):
            last = (await DispatchRepository(work.session).ticks(ticket_id)).get((plan, item))
            if (last is not None and last.done) != done:
                work.session.add(PlanTick(ticket_id=ticket_id, plan=plan, item=item, done=done, at=now, who=by.login))
                work.record(_changed(ticket, by, now))

    @asynccontextmanager
    async def _scene(self, ticket_id: str, by: Actor) -> AsyncIterator[tuple[Work, Ticket, TicketScene]]:
        if by.role not in ("agent", "supervisor", "dispatcher"):
            raise NotAllowed("只有坐席和指挥人员可以标注位置和等级", hint=by.login)
        now = self._clock.now()
        async with self._tickets.change(ticket_id) as (work, ticket):
            scene = await DispatchRepository(work.session).scene(ticket_id)
            if scene is None:
                scene = TicketScene(ticket_id=ticket_id)
                work.session.add(scene)
            yield work, ticket, scene
            scene.at, scene.who = now, by.login
            work.record(_changed(ticket, by, now))


def _changed(ticket: Ticket, by: Actor, now: datetime) -> SceneChanged:
    return SceneChanged(at=now, call_id=ticket.call_id, ticket_id=ticket.id, number=ticket.number, by=by.login)
