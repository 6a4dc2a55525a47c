"""What units' steps do to tickets, and what becomes of units' orders when tickets change; within a unit of work."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from core.city_dispatch import Unit
from core.database import Work
from core.errors import Conflict, NotAllowed
from ticketing.actor import SYSTEM, Actor
from ticketing.assign.parts import IN_HAND
from ticketing.assign.tables import Assignment
from ticketing.dispatch.events import UnitChanged
from ticketing.dispatch.repository import DispatchRepository
from ticketing.dispatch.states import BUSY, DRIVES, UnitAction, sides_of, unit_step
from ticketing.dispatch.tables import UnitLog, UnitOrder, UnitRow
from ticketing.moves import kept, move
from ticketing.service import Tickets
from ticketing.tables import Ticket

#: Column of an order that keeps the time of a mark; whatever else is marked ends it.
_TIMES = {"received": "received_at", "departed": "departed_at", "arrived": "arrived_at"}


class Orders:
    """Keeps orders and tickets in step: a :class:`ticketing.clocks.keeper.Follower`."""

    def __init__(self, units: Mapping[str, Unit], tickets: Tickets) -> None:
        self._units = units
        self._tickets = tickets

    # --- from the unit to the ticket ----------------------------------------------------------------------------

    async def drive(self, work: Work, ticket: Ticket, action: UnitAction, unit: Unit, by: Actor, now: datetime) -> None:
        """What this step of a unit does to its ticket, by :data:`DRIVES`."""
        if action == "finish":
            await self._result(work, ticket, unit, by, now)
        elif action in DRIVES:
            self._step(work, ticket, action, unit, by, now)
            await self._accept(work, ticket, unit, by, now)

    def _step(self, work: Work, ticket: Ticket, action: UnitAction, unit: Unit, by: Actor, now: datetime) -> None:
        """The main department's first unit takes the ticket's step, where its flow has it; later ones find no edge.

        Units of departments that assist take none: the main department would have accepted what it has not, and could
        not refuse it any more.
        """
        if unit.department != ticket.department:
            return
        table, standing = self._tickets.flows.place(ticket)
        edge = table.edge(standing.key, DRIVES[action].action)
        if ticket.is_emergency and edge is not None and "department" in edge.roles:
            # What a unit does, or what the desk was told of it by radio, its department does.
            actor = Actor(by.login, "department", department=ticket.department)
            move(work, self._tickets.flows, ticket, DRIVES[action].action, actor, now, unit.name)

    async def _accept(self, work: Work, ticket: Ticket, unit: Unit, by: Actor, now: datetime) -> None:
        """A department that assists has accepted once one of its units goes: the result waits for it."""
        part = await self._part(work, ticket, unit.department)
        if part is not None and part.part == "assist" and part.accepted_at is None:
            actor = Actor(by.login, "department", department=part.department)
            kept(work, ticket, "part_accept", actor, now, unit.name)
            await self._tickets.parts.accept(work, ticket, part, now)

    async def _result(self, work: Work, ticket: Ticket, unit: Unit, by: Actor, now: datetime) -> None:
        """The last unit of a department, once it says what came of it, reports the department's part."""
        found = await DispatchRepository(work.session).orders(ticket.id)
        part = await self._part(work, ticket, unit.department)
        if part is None:
            return
        # What was done of an earlier handling was its result, and is not this one's.
        since = _in_hand_since(part, await self._tickets.parts.of(work.session, ticket.id))
        units = {key for key, one in self._units.items() if one.department == unit.department}
        theirs = [o for o in found if o.unit in units and o.sent_at >= since]
        ended = next((o for o in reversed(theirs) if o.unit == unit.key), None)
        if ended is None or not ended.reason or any(o.ended_at is None for o in theirs):
            return
        actor = Actor(by.login, "department", department=unit.department)
        if part.part == "main" and not self._may_report(work, ticket, actor, now):
            return
        said = "；".join(f"{self._units[o.unit].name}：{o.reason}" for o in theirs if o.ending == "done" and o.reason)
        try:
            await self._tickets.report_part(work, ticket, part, actor, now, said)
        except NotAllowed as refused:
            # The unit is back all the same; somebody else of its department has to report.
            kept(work, ticket, "unit_result", actor, now, f"{said}（{refused.message}）")

    def _may_report(self, work: Work, ticket: Ticket, by: Actor, now: datetime) -> bool:
        """Bring the ticket to where its main department may report: whoever has a result has accepted."""
        for action in (None, "accept"):
            if action == "accept":
                move(work, self._tickets.flows, ticket, "accept", by, now)
            table, standing = self._tickets.flows.place(ticket)
            if table.edge(standing.key, "report") is not None:
                return True
            if ticket.state not in IN_HAND or table.edge(standing.key, "accept") is None:
                return False
        return False

    async def _part(self, work: Work, ticket: Ticket, department: str) -> Assignment | None:
        """The department's open part, where it has one."""
        await self._tickets.parts.main(work, ticket)
        parts = await self._tickets.parts.open(work.session, ticket.id)
        return next((part for part in parts if part.department == department), None)

    # --- from the ticket to its units ---------------------------------------------------------------------------

    async def follow(self, work: Work, ticket: Ticket, now: datetime) -> None:
        """Withdraw the open orders of a closed ticket, and of departments that have no part in it any more."""
        orders = await DispatchRepository(work.session).going_on(ticket.id)
        parts = await self._tickets.parts.of(work.session, ticket.id) if orders else ()
        for order in orders:
            unit = self._units.get(order.unit)
            why = _why_over(ticket, [p for p in parts if unit is not None and p.department == unit.department])
            if not why:
                continue
            row = await DispatchRepository(work.session).state(order.unit, now)
            if unit is None or row.order_id != order.id:
                # The city has the unit no more: there is nobody to tell.
                _mark(order, "withdrawn", now, why)
                order.seen_at = now
                continue
            take(work, unit, row, "withdraw", SYSTEM, now, why, order, ticket)
        if orders:
            await flush(work)


def _in_hand_since(part: Assignment, parts: Sequence[Assignment]) -> datetime:
    """Since when the department has had the ticket without a break: an assisting part that became the main one counts.

    ``parts``: all of the ticket, oldest first.
    """
    since = part.assigned_at
    for earlier in reversed(parts):
        if earlier.department == part.department and earlier.withdrawn_at == since:
            since = earlier.assigned_at
    return since


def _why_over(ticket: Ticket, parts: list[Assignment]) -> str:
    """Why a department's orders on this ticket are over; empty: they go on. ``parts``: its own, oldest first."""
    if ticket.state == "closed":
        return "工单已结案"
    if not parts or any(part.open for part in parts) or parts[-1].state == "reported":
        return ""
    return f"部门已退单：{parts[-1].reason}" if parts[-1].state == "refused" else f"部门任务已撤回：{parts[-1].reason}"


def take(
    work: Work, unit: Unit, row: UnitRow, action: UnitAction, by: Actor, now: datetime, reason: str,
    order: UnitOrder | None, ticket: Ticket | None,
) -> None:  # fmt: skip
    """One edge of the units' table: the unit's row, its order's time, the log and the event."""
    edge = unit_step(row.state, action, sides_of(by, unit))
    if order is not None and edge.mark:
        _mark(order, edge.mark, now, reason)
    work.session.add(
        UnitLog(
            unit=unit.key, at=now, who=by.login, role=by.role, action=action, before=edge.before, after=edge.after,
            order_id=order.id if order else "", reason=reason,
        )
    )  # fmt: skip
    row.state, row.reason = edge.after, reason if edge.after == "out" else ""
    if edge.before != edge.after:
        row.since = now
    row.order_id = order.id if order is not None and edge.after in BUSY else ""
    row.version += 1
    work.record(
        UnitChanged(
            at=now, call_id=ticket.call_id if ticket else None, unit=unit.key, name=unit.name,
            department=unit.department, action=action, before=edge.before, after=edge.after,
            ticket_id=ticket.id if ticket else "", number=ticket.number if ticket else "", by=by.login,
            reason=reason,
        )
    )  # fmt: skip


def _mark(order: UnitOrder, mark: str, now: datetime, reason: str) -> None:
    """Keep the time of a step; whoever departs has received, and whoever arrives has departed, at that time at last."""
    if mark not in _TIMES:
        order.ended_at, order.ending, order.reason = now, mark, reason
        return
    for name in list(_TIMES)[: list(_TIMES).index(mark)]:
        if getattr(order, _TIMES[name]) is None:
            setattr(order, _TIMES[name], now)
    setattr(order, _TIMES[mark], now)


async def flush(work: Work) -> None:
    """Write what was done; :class:`Conflict` where somebody else has sent or moved the unit in between."""
    try:
        await work.session.flush()
    except (StaleDataError, IntegrityError) as error:
        raise Conflict("单位刚被他人派出或改动，请刷新后再试") from error
