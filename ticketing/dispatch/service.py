"""What people and units do in dispatch; every call is one unit of work."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.city_dispatch import CityDispatch, Unit
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import Actor
from ticketing.dispatch.cameras import Cameras
from ticketing.dispatch.events import UnitMoved
from ticketing.dispatch.nearest import Position, Standing, candidates, choose
from ticketing.dispatch.orders import Orders, flush, take
from ticketing.dispatch.plans import plans_for, wanted_units
from ticketing.dispatch.repository import DispatchRepository
from ticketing.dispatch.roster import Duty, DutyRoster, Works, monday_to_friday
from ticketing.dispatch.scene import scene_of
from ticketing.dispatch.scenes import Scenes, UnitMissing
from ticketing.dispatch.states import FREE, NEEDS_REASON, STATE_NAMES, TOLD, UnitAction, sides_of, unit_step
from ticketing.dispatch.tables import UnitLog, UnitOrder, UnitPosition, UnitRow
from ticketing.dispatch.views import Proposal, UnitNow
from ticketing.repository import TicketRepository
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.verdict import Place

#: A device's clock may be ahead by so much.
AHEAD = timedelta(minutes=2)
#: For so long a unit is told of an order that was taken from it; afterwards it is no news.
NEWS = timedelta(hours=24)
Find = Callable[[str], Sequence[Place]]


class Dispatch:
    """The service of this room. Only people send: everything here that proposes changes nothing."""

    def __init__(
        self, database: Database, clock: Clock, tickets: Tickets, find: Find, works: Works = monday_to_friday
    ) -> None:
        city = tickets.city
        self.data: CityDispatch = city.dispatch
        self.roster = DutyRoster(self.data.roster, ZoneInfo(city.profile.timezone), works)
        self.grids = tickets.grids
        self.cameras = Cameras(self.data.cameras)
        self.scenes = Scenes(self.data, clock, tickets)
        self._database = database
        self._clock = clock
        self._tickets = tickets
        self._find = find
        self._units = {unit.key: unit for unit in self.data.units.units}
        self._kinds = {kind.key: kind for kind in self.data.units.kinds}
        # The middle of a town stands for its units whose own station nobody wrote down.
        self._towns = {t.name: (t.lon, t.lat) for t in city.towns if t.lon is not None and t.lat is not None}
        self._orders = Orders(self._units, tickets)
        tickets.clocks.keeper.followers.append(self._orders)

    # --- looking ------------------------------------------------------------------------------------------------

    async def units(self) -> list[UnitNow]:
        """Every unit as it is now, in the order of the city's file."""
        now = self._clock.now()
        async with self._database.read() as session:
            return await self._all(session, now)

    async def log(self, unit: str) -> Sequence[UnitLog]:
        """What a unit did, latest first."""
        async with self._database.read() as session:
            return await DispatchRepository(session).log(self.unit(unit).key)

    async def proposal(self, ticket_id: str) -> Proposal:
        """Everything that the person who sends looks at: units, plans, cameras, orders, grid."""
        now = self._clock.now()
        async with self._database.read() as session:
            repository = DispatchRepository(session)
            ticket = await TicketRepository(session).get(ticket_id)
            kept = await repository.scene(ticket_id)
            orders = await repository.orders(ticket_id)
            ticks = await repository.ticks(ticket_id)
            everyone = await self._all(session, now)
        scene = scene_of(kept, self._find(ticket.place) if ticket.place else ())
        spot = scene.spot
        at = (spot.lon, spot.lat) if spot.lon is not None and spot.lat is not None else None
        found = candidates((u.standing for u in everyone), spot, ticket.code, self.data.units, now)
        plans = plans_for(self.data.plans, ticket.code, scene.grade)
        sent = [self._units[o.unit].kind for o in orders if o.unit in self._units and o.ending in ("", "done")]
        wishes = wanted_units(plans)
        missing = [(kind, count - sent.count(kind)) for kind, count in wishes if count > sent.count(kind)]
        chosen = choose(found, missing) if missing or not (sent or wishes) else []
        return Proposal(
            ticket=ticket,
            scene=scene,
            grid=self.grids.at(*at) if at else None,
            candidates=found,
            chosen=[c.standing.unit.key for c in chosen],
            plans=plans,
            ticks=ticks,
            orders=list(orders),
            units={u.standing.unit.key: u for u in everyone},
            cameras=self.cameras.near(*at) if at else [],
        )

    async def _all(self, session: AsyncSession, now: datetime) -> list[UnitNow]:
        repository = DispatchRepository(session)
        states, positions = await repository.states(), await repository.positions()
        orders, duties = await repository.open_orders(), self.roster.on_duty(now)
        notices = await repository.notices(now - NEWS)
        made = []
        for unit in self._units.values():
            row, order = states.get(unit.key), orders.get(unit.key)
            standing = self._standing(unit, row, positions.get(unit.key), duties)
            made.append(
                UnitNow(
                    standing=standing,
                    since=row.since if row else None,
                    reason=row.reason if row else "",
                    duty=duties.get(unit.key),
                    order=order[0] if order else None,
                    ticket=order[1] if order else None,
                    notices=notices.get(unit.key, ()),
                )
            )
        return made

    def _standing(
        self, unit: Unit, row: UnitRow | None, position: UnitPosition | None, duties: Mapping[str, Duty]
    ) -> Standing:
        own = (unit.lon, unit.lat) if unit.lon is not None and unit.lat is not None else None
        middle = self._towns.get(unit.town)
        return Standing(
            unit=unit,
            kind=self._kinds[unit.kind],
            state=row.state if row else "idle",
            on_duty=unit.key not in self.roster.listed or unit.key in duties,
            position=Position(position.lon, position.lat, position.accuracy_m, position.at) if position else None,
            station=own or middle,
        )

    def unit(self, key: str) -> Unit:
        """The city's unit of this key; :class:`UnitMissing` where there is none."""
        if key not in self._units:
            raise UnitMissing("没有这个单位", hint=key)
        return self._units[key]

    # --- orders -------------------------------------------------------------------------------------------------

    async def send(
        self, ticket_id: str, units: Sequence[str], by: Actor, note: str = "", departments: Sequence[str] = ()
    ) -> list[UnitOrder]:
        """One order to several units and departments at once: all of them, or none and why.

        A ticket that is not dispatched yet is filed and dispatched first. Departments that do not have it yet assist.
        """
        chosen = [self.unit(key) for key in dict.fromkeys(units)]
        if not chosen and not departments:
            raise HeyiError("请先选择要派出的单位")
        for key in departments:
            if self._tickets.city.department(key) is None:
                raise HeyiError("没有这个部门", hint=key)
        now = self._clock.now()
        before = await self.proposal(ticket_id)
        distances = {c.standing.unit.key: c.distance_m for c in before.candidates}
        if before.ticket.state == "closed":
            raise NotAllowed("工单已结案，不能再派单位", hint=before.ticket.number)
        await self.free(chosen, by, now)
        if before.ticket.state in ("draft", "filed"):
            await self._tickets.submit(ticket_id, by)
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            if ticket.state == "closed":
                raise NotAllowed("工单已结案，不能再派单位", hint=ticket.number)
            # After the parts were given: an order belongs to the part during which it was sent.
            now, orders = self._clock.now(), []
            for unit in chosen:
                row = await DispatchRepository(work.session).state(unit.key, now)
                order = UnitOrder(
                    ticket_id=ticket.id, unit=unit.key, sent_at=now, sent_by=by.login, note=note.strip(),
                    distance_m=distances.get(unit.key), ending="", reason="",
                )  # fmt: skip
                work.session.add(order)
                await flush(work)
                take(work, unit, row, "send", by, now, "", order, ticket)
                orders.append(order)
            await flush(work)
            await self._tell(work, ticket, {*departments, *(unit.department for unit in chosen)}, by, now)
            return orders

    async def free(self, units: Sequence[Unit], by: Actor, now: datetime) -> None:
        """:class:`NotAllowed` where one of them may not be sent; looked at before anything is written."""
        async with self._database.read() as session:
            states = await DispatchRepository(session).states()
        for unit in units:
            state = states[unit.key].state if unit.key in states else "idle"
            unit_step(state if state in FREE else "idle", "send", sides_of(by, unit))
            if state not in FREE:
                raise NotAllowed("单位正忙或已停用，不能派出", hint=f"{unit.name}: {STATE_NAMES[state]}")
            if not self.roster.is_on(unit.key, now):
                raise NotAllowed("单位不在班，不能派出", hint=unit.name)

    async def _tell(self, work: Work, ticket: Ticket, departments: set[str], by: Actor, now: datetime) -> None:
        """Departments that the ticket has not yet assist from now on, each with a part of its own."""
        for department in sorted(departments - {ticket.department, *ticket.assist, ""}):
            await self._tickets.parts.assist(work, ticket, department, by, now)

    async def act(self, unit: str, action: UnitAction, by: Actor, reason: str = "", *, order_id: str = "") -> UnitRow:
        """Take one step of a unit's table: what the unit's page and the dispatcher's buttons do.

        What that does to its ticket: :data:`ticketing.dispatch.states.DRIVES`. ``reason``: why, or what came of it.
        ``order_id``: the step is one of this order; :class:`Conflict` where the unit has another one, or none.
        """
        one, now = self.unit(unit), self._clock.now()
        if action == "send":
            raise HeyiError("请在工单上调派单位")
        if action in NEEDS_REASON and not reason.strip():
            raise HeyiError("请写明理由")
        async with self._database.read() as session:
            row = await session.get(UnitRow, unit)
            kept = await DispatchRepository(session).order(row.order_id) if row and row.order_id else None
        if kept is None:
            async with self._database.work() as work:
                return await self._step(work, one, action, by, now, reason, None, order_id)
        async with self._tickets.change(kept.ticket_id, hold=True) as (work, ticket):
            return await self._step(work, one, action, by, now, reason, ticket, order_id)

    async def _step(
        self, work: Work, unit: Unit, action: UnitAction, by: Actor, now: datetime, reason: str, ticket: Ticket | None,
        order_id: str,
    ) -> UnitRow:  # fmt: skip
        repository = DispatchRepository(work.session)
        row = await repository.state(unit.key, now)
        order = await repository.order(row.order_id) if row.order_id else None
        elsewhere = order is not None and (ticket is None or order.ticket_id != ticket.id)
        if elsewhere or (order_id and row.order_id != order_id):
            raise Conflict("单位刚被他人派出或改动，请刷新后再试", hint=unit.name)
        take(work, unit, row, action, by, now, reason.strip(), order, ticket)
        await flush(work)
        if ticket is not None:
            await self._orders.drive(work, ticket, action, unit, by, now)
        return row

    async def seen(self, order_id: str, by: Actor) -> UnitOrder:
        """The unit says that it knows that this order was taken from it; once is enough."""
        async with self._database.work() as work:
            order = await DispatchRepository(work.session).order(order_id)
            if order is None or order.unit not in self._units:
                raise UnitMissing("没有这个命令", hint=order_id)
            unit = self._units[order.unit]
            if "unit" not in sides_of(by, unit):
                raise NotAllowed("您的岗位不能这样操作单位", hint=unit.name)
            if order.ending in TOLD and order.seen_at is None:
                order.seen_at = self._clock.now()
            return order

    # --- positions ----------------------------------------------------------------------------------------------

    async def locate(
        self, unit: str, lon: float, lat: float, by: Actor, accuracy_m: float | None = None, at: datetime | None = None
    ) -> bool:
        """A unit tells where it is; false where a later position is known already (a network that brings them late)."""
        one, now = self.unit(unit), self._clock.now()
        if "unit" not in sides_of(by, one):
            raise NotAllowed("只有本单位可以上报位置", hint=one.name)
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise HeyiError("坐标不在有效范围", hint=f"{lon}, {lat}")
        when = at or now
        if when > now + AHEAD:
            raise HeyiError("位置的时间在将来，请校准设备时钟", hint=when.isoformat())
        try:
            async with self._database.work() as work:
                row = await DispatchRepository(work.session).position(unit)
                if row is not None and row.at >= when:
                    return False
                if row is None:
                    row = UnitPosition(unit=unit)
                    work.session.add(row)
                row.lon, row.lat, row.accuracy_m, row.at, row.who = lon, lat, accuracy_m, min(when, now), by.login
                await work.session.flush()
                work.record(
                    UnitMoved(at=now, unit=unit, department=one.department, lon=lon, lat=lat, position_at=row.at)
                )
        except IntegrityError as error:
            raise Conflict("位置刚由另一台设备上报", hint=one.name) from error
        return True
