"""Every query of this room. It reads and adds within the session it is given; only the unit of work commits."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, CursorResult, Select, delete, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HeyiError
from ticketing.events import TicketState
from ticketing.tables import Callback, CallbackRefusal, Ticket, TicketHistory, TicketLink

# Taking a number is one statement, so that two processes never take the same; SQLite ≥ 3.35 and PostgreSQL.
_TAKE_NUMBER = text(
    "INSERT INTO ticket_days (day, last) VALUES (:day, 1) "
    "ON CONFLICT (day) DO UPDATE SET last = ticket_days.last + 1 RETURNING last"
)


class TicketMissing(HeyiError):
    """No ticket has this id or number."""


class TicketRepository:
    """Tickets, their history and their callbacks."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def hold(self, ticket_id: str) -> None:
        """From now to the end of this transaction nobody else changes this ticket: asked before it is read."""
        held = update(Ticket).where(Ticket.id == ticket_id).values(version=Ticket.version)
        await self._session.execute(held.execution_options(synchronize_session=False))

    async def get(self, ticket_id: str) -> Ticket:
        """The ticket of this id; :class:`TicketMissing` where there is none."""
        ticket = await self._session.get(Ticket, ticket_id)
        if ticket is None:
            raise TicketMissing("没有这张工单", hint=ticket_id)
        return ticket

    async def by_number(self, number: str) -> Ticket | None:
        return await self._one(Ticket.number == number)

    async def by_call(self, call_id: str) -> Ticket | None:
        return await self._one(Ticket.call_id == call_id)

    async def of_department(
        self, department: str, states: Iterable[TicketState] = (), limit: int = 200
    ) -> Sequence[Ticket]:
        """Tickets whose main department this is, newest first; ``states`` empty means any."""
        query = select(Ticket).where(Ticket.department == department)
        if wanted := tuple(states):
            query = query.where(Ticket.state.in_(wanted))
        return await self._all(query.order_by(Ticket.created_at.desc()).limit(limit))

    async def of_caller(self, digits: str, besides: str = "", limit: int = 50) -> Sequence[Ticket]:
        """Tickets that this number opened or is the contact of, newest first, without the ticket ``besides``.

        ``digits`` as :func:`core.phones.normal` gives it; a withheld number has no history.
        """
        if not digits:
            return []
        query = select(Ticket).where(or_(Ticket.caller_digits == digits, Ticket.contact_digits == digits))
        return await self._all(query.where(Ticket.id != besides).order_by(Ticket.created_at.desc()).limit(limit))

    async def open(self, limit: int = 200) -> Sequence[Ticket]:
        """Tickets that are not closed: emergencies first, then the newest."""
        query = select(Ticket).where(Ticket.state != "closed")
        return await self._all(query.order_by(Ticket.is_emergency.desc(), Ticket.created_at.desc()).limit(limit))

    async def link_of(self, ticket_id: str) -> TicketLink | None:
        """Where this ticket is linked to; None where it is no child."""
        return await self._session.get(TicketLink, ticket_id)

    async def children(self, ticket_id: str) -> Sequence[tuple[TicketLink, Ticket]]:
        """The tickets linked to this head, the oldest call first."""
        query = (
            select(TicketLink, Ticket).join(Ticket, Ticket.id == TicketLink.child_id)
            .where(TicketLink.head_id == ticket_id).order_by(Ticket.created_at, Ticket.id)
        )  # fmt: skip
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def of_calls(self, call_ids: Collection[str]) -> dict[str, Ticket]:
        """The tickets of these calls, by call; calls without one are left out."""
        rows = await self._all(select(Ticket).where(Ticket.call_id.in_(call_ids)))
        return {ticket.call_id: ticket for ticket in rows if ticket.call_id}

    async def history(self, ticket_id: str, after_version: int = 0) -> Sequence[TicketHistory]:
        """Changes of the ticket, oldest first; those that made a version later than ``after_version``."""
        query = select(TicketHistory).where(TicketHistory.ticket_id == ticket_id, TicketHistory.version > after_version)
        return (await self._session.scalars(query.order_by(TicketHistory.id))).all()

    async def take_number(self, prefix: str, day: str) -> str:
        """The next number of ``day`` (``YYYYMMDD``): never given twice, also across restarts."""
        last = (await self._session.execute(_TAKE_NUMBER, {"day": day})).scalar_one()
        return f"{prefix}{day}-{last:04d}"

    async def callbacks(self, ticket_id: str) -> Sequence[Callback]:
        """All attempts to call back, oldest first."""
        query = select(Callback).where(Callback.ticket_id == ticket_id)
        return (await self._session.scalars(query.order_by(Callback.round, Callback.attempt))).all()

    async def callback_by_call(self, call_id: str) -> Callback | None:
        return (await self._session.scalars(select(Callback).where(Callback.call_id == call_id))).one_or_none()

    async def about_call(self, call_id: str) -> Ticket | None:
        """The ticket of a call: the one that it opened, or the one whose caller it asks after the result."""
        ticket = await self.by_call(call_id)
        row = await self.callback_by_call(call_id) if ticket is None else None
        return await self.get(row.ticket_id) if row is not None else ticket

    async def callbacks_due(self, now: datetime, limit: int = 100, channel: str = "robot") -> Sequence[Callback]:
        """Attempts of this channel whose time has come and that were not placed, the longest due first."""
        query = select(Callback).where(
            Callback.ended_at.is_(None),
            Callback.placed_at.is_(None),
            Callback.due_at <= now,
            Callback.channel == channel,
        )
        return (await self._session.scalars(query.order_by(Callback.due_at, Callback.id).limit(limit))).all()

    async def callbacks_running(self, channel: str = "robot") -> Sequence[Callback]:
        """Attempts of this channel that were placed and have no result."""
        query = select(Callback).where(
            Callback.ended_at.is_(None), Callback.placed_at.is_not(None), Callback.channel == channel
        )
        return (await self._session.scalars(query.order_by(Callback.id))).all()

    async def claim_callback(self, callback_id: int, number: str, now: datetime) -> bool:
        """Mark an attempt as placed; false where another process was first."""
        done = await self._session.execute(
            update(Callback)
            .where(Callback.id == callback_id, Callback.placed_at.is_(None), Callback.ended_at.is_(None))
            .values(placed_at=now, number=number)
        )
        return isinstance(done, CursorResult) and done.rowcount == 1

    async def callback_refused(self, ticket_id: str) -> bool:
        """Whether this ticket's caller asked not to be called back."""
        return await self._session.get(CallbackRefusal, ticket_id) is not None

    async def drop_planned_callbacks(self, ticket_id: str) -> None:
        """Forget the attempt that was planned and not placed."""
        await self._session.execute(
            delete(Callback).where(
                Callback.ticket_id == ticket_id, Callback.placed_at.is_(None), Callback.ended_at.is_(None)
            )
        )

    async def _one(self, condition: ColumnElement[bool]) -> Ticket | None:
        return (await self._session.scalars(select(Ticket).where(condition))).one_or_none()

    async def _all(self, query: Select[Ticket]) -> Sequence[Ticket]:
        return (await self._session.scalars(query)).all()
