"""Every query of this room. It reads within the session it is given."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.assign.tables import Assignment
from ticketing.clocks.tables import TicketClock
from ticketing.dispatch.tables import TicketScene, UnitOrder
from ticketing.patrol.tables import FieldAction, FieldHelp, FieldPhoto
from ticketing.tables import Ticket

_OPEN = (Assignment.refused_at.is_(None), Assignment.withdrawn_at.is_(None), Assignment.reported_at.is_(None))


class FieldRepository:
    """What phones sent, and the work that they show."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def action(self, action_id: str) -> FieldAction | None:
        return await self._session.get(FieldAction, action_id)

    async def actions(self, ticket_id: str) -> Sequence[FieldAction]:
        """What was sent for a ticket, in the order in which it came."""
        wanted = select(FieldAction).where(FieldAction.ticket_id == ticket_id)
        return (await self._session.scalars(wanted.order_by(FieldAction.at, FieldAction.made_at))).all()

    async def parts(self, departments: Collection[str], limit: int = 100) -> list[tuple[Assignment, Ticket]]:
        """Open parts of these departments with their tickets: emergencies first, then what is due first."""
        wanted = select(Assignment, Ticket).join(Ticket, Ticket.id == Assignment.ticket_id)
        wanted = wanted.where(Assignment.department.in_(departments), Ticket.state != "closed", *_OPEN)
        order = (Ticket.is_emergency.desc(), Ticket.due_at.is_(None), Ticket.due_at, Assignment.assigned_at)
        return [(row[0], row[1]) for row in await self._session.execute(wanted.order_by(*order).limit(limit))]

    async def parts_of(self, ticket_id: str, departments: Collection[str]) -> Sequence[Assignment]:
        """All parts of these departments in a ticket, the latest first."""
        wanted = select(Assignment).where(Assignment.ticket_id == ticket_id, Assignment.department.in_(departments))
        return (await self._session.scalars(wanted.order_by(Assignment.assigned_at.desc(), Assignment.id.desc()))).all()

    async def order(self, ticket_id: str, unit: str, order_id: str = "") -> UnitOrder | None:
        """A unit's order on a ticket: this one, or where none is named its last."""
        wanted = select(UnitOrder).where(UnitOrder.ticket_id == ticket_id, UnitOrder.unit == unit)
        if order_id:
            wanted = wanted.where(UnitOrder.id == order_id)
        return await self._session.scalar(wanted.order_by(UnitOrder.sent_at.desc(), UnitOrder.id.desc()).limit(1))

    async def concerned(self, ticket_id: str, departments: Collection[str], units: Collection[str]) -> bool:
        """Whether a department or a unit has, or had, anything to do with a ticket."""
        part = exists().where(Assignment.ticket_id == ticket_id, Assignment.department.in_(departments))
        order = exists().where(UnitOrder.ticket_id == ticket_id, UnitOrder.unit.in_(units))
        own = exists().where(Ticket.id == ticket_id, Ticket.department.in_(departments))
        return bool(await self._session.scalar(select(or_(part, order, own))))

    async def photo(self, photo_id: str) -> tuple[FieldPhoto, Ticket] | None:
        """A photograph with the ticket whose rights are its own."""
        wanted = select(FieldPhoto, Ticket).join(Ticket, Ticket.id == FieldPhoto.ticket_id)
        row = (await self._session.execute(wanted.where(FieldPhoto.id == photo_id))).one_or_none()
        return None if row is None else (row[0], row[1])

    async def photos(self, ticket_id: str) -> Sequence[FieldPhoto]:
        wanted = select(FieldPhoto).where(FieldPhoto.ticket_id == ticket_id)
        return (await self._session.scalars(wanted.order_by(FieldPhoto.at, FieldPhoto.id))).all()

    async def photo_counts(self, ticket_ids: Collection[str]) -> dict[str, int]:
        wanted = select(FieldPhoto.ticket_id, func.count()).where(FieldPhoto.ticket_id.in_(ticket_ids))
        return {row[0]: row[1] for row in await self._session.execute(wanted.group_by(FieldPhoto.ticket_id))}

    async def been_there(self, ticket_ids: Collection[str], departments: Collection[str]) -> dict[str, datetime]:
        """When people of these departments last said that they were on the spot, by ticket."""
        wanted = select(FieldAction.ticket_id, func.max(FieldAction.at)).where(
            FieldAction.ticket_id.in_(ticket_ids), FieldAction.department.in_(departments),
            FieldAction.kind == "arrive", FieldAction.state == "done",
        )  # fmt: skip
        return {row[0]: row[1] for row in await self._session.execute(wanted.group_by(FieldAction.ticket_id))}

    async def clocks(self, ticket_ids: Collection[str], part_ids: Collection[str]) -> Sequence[TicketClock]:
        """Clocks that run: the tickets' own, and those of these parts."""
        wanted = select(TicketClock).where(TicketClock.ticket_id.in_(ticket_ids), TicketClock.stopped_at.is_(None))
        return (await self._session.scalars(wanted.where(TicketClock.assignment.in_(["", *part_ids])))).all()

    async def scenes(self, ticket_ids: Collection[str]) -> dict[str, TicketScene]:
        """Points that people have set."""
        found = await self._session.scalars(select(TicketScene).where(TicketScene.ticket_id.in_(ticket_ids)))
        return {row.ticket_id: row for row in found}

    async def helps(self, departments: Collection[str] = (), limit: int = 50) -> Sequence[FieldHelp]:
        """Calls for help that nobody has answered, the oldest first; of these departments' people, or of all."""
        wanted = select(FieldHelp).where(FieldHelp.answered_at.is_(None))
        if departments:
            wanted = wanted.where(FieldHelp.department.in_(departments))
        return (await self._session.scalars(wanted.order_by(FieldHelp.at).limit(limit))).all()

    async def helps_of(self, login: str, since: datetime) -> Sequence[FieldHelp]:
        """A person's own calls for help, the latest first."""
        wanted = select(FieldHelp).where(FieldHelp.who == login, FieldHelp.at > since)
        return (await self._session.scalars(wanted.order_by(FieldHelp.at.desc()).limit(5))).all()

    async def helps_on(self, ticket_id: str) -> Sequence[FieldHelp]:
        wanted = select(FieldHelp).where(FieldHelp.ticket_id == ticket_id)
        return (await self._session.scalars(wanted.order_by(FieldHelp.at))).all()

    async def reported(self, login: str, limit: int = 20) -> list[tuple[FieldAction, Ticket]]:
        """Matters that a person found on the way, with what became of them, the latest first."""
        wanted = select(FieldAction, Ticket).join(Ticket, Ticket.id == FieldAction.ticket_id)
        wanted = wanted.where(FieldAction.login == login, FieldAction.kind == "patrol")
        rows = await self._session.execute(wanted.order_by(FieldAction.at.desc()).limit(limit))
        return [(row[0], row[1]) for row in rows]
