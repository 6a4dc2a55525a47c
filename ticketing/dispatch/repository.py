"""Every query of this room. It reads and adds within the session it is given; only the unit of work commits."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.dispatch.states import TOLD
from ticketing.dispatch.tables import PlanTick, TicketScene, UnitLog, UnitOrder, UnitPosition, UnitRow
from ticketing.tables import Ticket


class DispatchRepository:
    """Units' states, positions and orders, scenes and ticks."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def states(self) -> dict[str, UnitRow]:
        return {row.unit: row for row in await self._session.scalars(select(UnitRow))}

    async def positions(self) -> dict[str, UnitPosition]:
        return {row.unit: row for row in await self._session.scalars(select(UnitPosition))}

    async def state(self, unit: str, now: datetime) -> UnitRow:
        """The unit's row, made where it has none yet."""
        row = await self._session.get(UnitRow, unit)
        if row is None:
            row = UnitRow(unit=unit, state="idle", since=now, reason="", order_id="", version=1)
            self._session.add(row)
        return row

    async def order(self, order_id: str) -> UnitOrder | None:
        return await self._session.get(UnitOrder, order_id)

    async def orders(self, ticket_id: str) -> Sequence[UnitOrder]:
        """All orders of a ticket, oldest first."""
        wanted = select(UnitOrder).where(UnitOrder.ticket_id == ticket_id)
        return (await self._session.scalars(wanted.order_by(UnitOrder.sent_at, UnitOrder.id))).all()

    async def open_orders(self) -> dict[str, tuple[UnitOrder, Ticket]]:
        """Orders that go on, each with its ticket, by unit."""
        wanted = select(UnitOrder, Ticket).join(Ticket, Ticket.id == UnitOrder.ticket_id)
        rows = await self._session.execute(wanted.where(UnitOrder.ended_at.is_(None)))
        return {row[0].unit: (row[0], row[1]) for row in rows}

    async def going_on(self, ticket_id: str) -> Sequence[UnitOrder]:
        """Orders of a ticket that have not ended, the oldest first."""
        wanted = select(UnitOrder).where(UnitOrder.ticket_id == ticket_id, UnitOrder.ended_at.is_(None))
        return (await self._session.scalars(wanted.order_by(UnitOrder.sent_at, UnitOrder.id))).all()

    async def notices(self, since: datetime) -> dict[str, list[tuple[UnitOrder, Ticket]]]:
        """By unit, orders taken from it after ``since`` of which it has not said that it knows, the oldest first."""
        wanted = select(UnitOrder, Ticket).join(Ticket, Ticket.id == UnitOrder.ticket_id)
        wanted = wanted.where(UnitOrder.ending.in_(TOLD), UnitOrder.seen_at.is_(None), UnitOrder.ended_at > since)
        found: dict[str, list[tuple[UnitOrder, Ticket]]] = {}
        for order, ticket in await self._session.execute(wanted.order_by(UnitOrder.ended_at, UnitOrder.id)):
            found.setdefault(order.unit, []).append((order, ticket))
        return found

    async def position(self, unit: str) -> UnitPosition | None:
        return await self._session.get(UnitPosition, unit)

    async def scene(self, ticket_id: str) -> TicketScene | None:
        return await self._session.get(TicketScene, ticket_id)

    async def ticks(self, ticket_id: str) -> dict[tuple[str, str], PlanTick]:
        """The last tick of each item, by plan and item."""
        wanted = select(PlanTick).where(PlanTick.ticket_id == ticket_id).order_by(PlanTick.id)
        return {(row.plan, row.item): row for row in await self._session.scalars(wanted)}

    async def log(self, unit: str, limit: int = 50) -> Sequence[UnitLog]:
        """What a unit did, latest first."""
        wanted = select(UnitLog).where(UnitLog.unit == unit).order_by(UnitLog.id.desc()).limit(limit)
        return (await self._session.scalars(wanted)).all()
