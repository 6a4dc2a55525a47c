"""Reads what a period's facts are made of; each query enters by an index of the time at which something happened."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Select,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
    union,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core.database import UtcDateTime
from ticketing.assessment.tables import FrozenPeriod
from ticketing.assign.tables import Assignment, Nudge, Refusal
from ticketing.clocks.tables import ClockEntry, TicketClock
from ticketing.tables import Callback, Ticket, TicketHistory

#: In the statement itself: a partial index serves only who asks in just these words.
_IS_REOPENING = TicketHistory.action == literal_column("'reopen'")
_IS_LAPSE = ClockEntry.kind == literal_column("'lapse'")
_KINDS = ("answer", "accept", "dispatch", "handle")


def _touched(begin: datetime, end: datetime) -> CompoundSelect[Any]:
    """Tickets to which anything that counts happened in between."""

    def within(ticket: InstrumentedAttribute[str], at: Any, *more: ColumnElement[bool]) -> Select[Any]:
        return select(ticket).where(at >= begin, at < end, *more)

    return union(
        within(Ticket.id, Ticket.created_at),
        within(Assignment.ticket_id, Assignment.assigned_at),
        within(Assignment.ticket_id, Assignment.reported_at),
        within(TicketClock.ticket_id, TicketClock.due_at),
        within(TicketClock.ticket_id, TicketClock.stopped_at),
        select(TicketClock.ticket_id)
        .join(ClockEntry, ClockEntry.clock_id == TicketClock.id)
        .where(_IS_LAPSE, ClockEntry.at >= begin, ClockEntry.at < end),
        within(Callback.ticket_id, Callback.ended_at),
        within(Refusal.ticket_id, Refusal.at),
        within(Refusal.ticket_id, Refusal.decided_at),
        within(Nudge.ticket_id, Nudge.at),
        within(TicketHistory.ticket_id, TicketHistory.at, _IS_REOPENING),
    )


def _bare(*columns: InstrumentedAttribute[Any]) -> list[ColumnElement[Any]]:
    return [type_coerce(c, DateTime) if isinstance(c.type, UtcDateTime) else c.expression for c in columns]


def _queries() -> dict[str, Select[Any]]:
    tickets: BindParameter[Any] = bindparam("tickets", expanding=True)
    begin, end = bindparam("begin", type_=UtcDateTime), bindparam("end", type_=UtcDateTime)

    def of(*columns: InstrumentedAttribute[Any]) -> Select[Any]:
        return select(*_bare(*columns)).where(columns[0].in_(tickets))

    return {
        "ticket": of(Ticket.id, Ticket.number, Ticket.agent_login, Ticket.created_at, Ticket.code),
        "parts": of(
            Assignment.ticket_id, Assignment.id, Assignment.department, Assignment.part, Assignment.assigned_at,
            Assignment.accepted_at, Assignment.refused_at, Assignment.reported_at, Assignment.withdrawn_at,
        ).order_by(Assignment.assigned_at),
        "clocks": of(
            TicketClock.ticket_id, TicketClock.assignment, TicketClock.kind, TicketClock.started_at,
            TicketClock.due_at, TicketClock.paused_at, TicketClock.stopped_at, TicketClock.withdrawn, TicketClock.id,
        ).where(TicketClock.kind.in_(_KINDS)).order_by(TicketClock.started_at),
        "asked": of(
            Callback.ticket_id, Callback.ended_at, Callback.outcome, Callback.solved, Callback.channel, Callback.who
        ).where(Callback.ended_at.is_not(None), Callback.outcome.is_not(None)),
        "refusals": of(Refusal.ticket_id, Refusal.department, Refusal.at, Refusal.decided_at, Refusal.ruling),
        "nudges": of(Nudge.ticket_id, Nudge.department, Nudge.at, Nudge.kind),
        "reopened": of(TicketHistory.ticket_id, TicketHistory.at)
        .where(_IS_REOPENING, TicketHistory.at >= begin, TicketHistory.at < end),
    }  # fmt: skip


_QUERIES = _queries()


class AssessmentRepository:
    """Queries of this room within a session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def touched(self, begin: datetime, end: datetime) -> Sequence[str]:
        """Ids of the tickets to which anything that counts happened in between."""
        return (await self._session.scalars(_touched(begin, end))).all()

    async def lapses(self, begin: datetime) -> dict[str, tuple[datetime, ...]]:
        """When each clock that ran since ``begin`` was overdue before its due time was moved, by its id; bare."""
        query = (
            select(*_bare(ClockEntry.clock_id, ClockEntry.at))
            .join(TicketClock, TicketClock.id == ClockEntry.clock_id)
            .where(_IS_LAPSE, or_(TicketClock.stopped_at.is_(None), TicketClock.stopped_at >= begin))
            .order_by(ClockEntry.id)
        )
        found: dict[str, tuple[datetime, ...]] = {}
        for clock_id, at in await self._session.execute(query):
            found[clock_id] = (*found.get(clock_id, ()), at)
        return found

    async def rows(self, tickets: Sequence[str], begin: datetime, end: datetime) -> dict[str, Sequence[Sequence[Any]]]:
        """The rows of some thousand tickets at most, by the field of :class:`ticketing.assessment.facts.Case`.

        Those of one ticket come in the order in which they began; the first value of each is its ticket's id, the last
        of a clock its own. Moments are UTC without a zone: most of what reading costs would be to give them one.
        """
        given = {"tickets": tickets, "begin": begin, "end": end}
        return {name: (await self._session.execute(query, given)).all() for name, query in _QUERIES.items()}

    async def versions(self, period: str) -> Sequence[FrozenPeriod]:
        """The frozen versions of a period, the first first; their facts are left out."""
        query = select(FrozenPeriod).where(FrozenPeriod.period == period).order_by(FrozenPeriod.version)
        return (await self._session.scalars(query)).all()

    async def latest(self, periods: Sequence[str]) -> dict[str, FrozenPeriod]:
        """The latest version of each period that has one."""
        last = (
            select(FrozenPeriod.period, func.max(FrozenPeriod.version).label("version"))
            .where(FrozenPeriod.period.in_(periods))
            .group_by(FrozenPeriod.period)
            .subquery()
        )
        query = select(FrozenPeriod).join(
            last, (last.c.period == FrozenPeriod.period) & (last.c.version == FrozenPeriod.version)
        )
        return {row.period: row for row in await self._session.scalars(query)}

    async def periods(self) -> Sequence[str]:
        """Every period that was frozen."""
        return (await self._session.scalars(select(FrozenPeriod.period).distinct().order_by(FrozenPeriod.period))).all()

    async def facts(self, frozen_id: str) -> bytes:
        """The facts of one version as they are kept."""
        return (
            await self._session.execute(select(FrozenPeriod.facts).where(FrozenPeriod.id == frozen_id))
        ).scalar_one()
