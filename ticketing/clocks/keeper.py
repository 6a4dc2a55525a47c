"""Keeps clocks: every change is an entry, and the clock's row what the entries add up to; within a unit of work."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.city_clocks import ClockKind, ClockPolicy
from core.database import Work
from ticketing.clocks.calendar import WorkCalendar
from ticketing.clocks.clock import (
    Amount,
    Entry,
    Extended,
    Lapsed,
    Merged,
    Paused,
    Planned,
    Resumed,
    Started,
    State,
    Stopped,
    due,
    late,
    plan,
    replay,
    step,
    warn_at,
)
from ticketing.clocks.policy import Subject, policy_of
from ticketing.clocks.tables import ClockEntry, TicketClock
from ticketing.tables import Ticket

#: What a department is timed by.
_IN_HAND: tuple[ClockKind, ...] = ("accept", "arrive", "handle")


class Follower(Protocol):
    """What stands above the tickets and follows what a unit of work did to one, in that unit of work."""

    async def follow(self, work: Work, ticket: Ticket, now: datetime) -> None: ...


class Keeper:
    """The clocks of one city. It reads and adds in the unit of work it is given; cheap to make.

    The main department's handling is the ticket's own clock (``assignment`` empty): it outlives a change of department,
    and ``Ticket.due_at`` follows it. An assisting department's clocks have the id of its assignment.
    """

    def __init__(self, city: City) -> None:
        self.city = city
        self.calendar = WorkCalendar(city.calendar, city.profile.timezone)
        #: Asked at the end of each unit of work that moved or edited a ticket (:mod:`ticketing.assign.follow`): whoever
        #: changes tickets has this keeper.
        self.followers: list[Follower] = []

    async def start(
        self,
        work: Work,
        ticket: Ticket,
        kind: ClockKind,
        now: datetime,
        *,
        assignment: str = "",
        level: str = "",
        since: datetime | None = None,
    ) -> TicketClock | None:
        """The running clock of this kind; started where there is none. None where the city sets none.

        ``level``: of the assignment whose clock it is; the ticket's own have that of its department.
        ``since``: where it begins, when that is not ``now``; one whose time would be over already begins now, since
        nobody could have kept it. A clock that runs keeps its beginning.
        """
        for row in await self.running(work.session, ticket.id, (kind,)):
            if row.assignment == assignment:
                return row
        if not assignment:
            level = self._level(ticket, kind)
        policy = policy_of(self.city, kind, subject(ticket, level))
        if policy is None:
            return None
        row = TicketClock(
            ticket_id=ticket.id, assignment=assignment, kind=kind, level=level, extended=0, withdrawn=False
        )
        allowed = Amount(policy.amount, policy.unit)
        state = replay([Started(since or now, allowed)], self.calendar)
        if state.due <= now:
            state = replay([Started(now, allowed)], self.calendar)
        self._project(row, state, ticket, policy)
        work.session.add(row)
        await work.session.flush()
        _keep(work, row, ClockEntry(kind="start", at=state.began, amount=allowed.value, unit=allowed.unit))
        return row

    async def stop(
        self,
        work: Work,
        ticket_id: str,
        now: datetime,
        *,
        kinds: Collection[ClockKind] | None = None,
        assignment: str | None = None,
        withdrawn: bool = False,
    ) -> None:
        """What these clocks measured is done. ``kinds`` None: all; ``assignment`` None: everybody's, empty: its own.

        ``withdrawn``: it is not done, and nobody is to do it any more; they were neither in time nor late.
        """
        for row in await self.running(work.session, ticket_id, kinds):
            if assignment is None or row.assignment == assignment:
                await self.enter(work, row, None, ClockEntry(kind="withdraw" if withdrawn else "stop", at=now))

    async def replan(self, work: Work, ticket: Ticket, now: datetime) -> None:
        """Category, level or flow changed: every running clock is due anew from where it began.

        What is overdue stays noted as overdue; what is in time does not become overdue (:func:`clock.plan`). The
        ticket's own clocks go by the level of the department that has it now. One for which the city sets no time any
        more is withdrawn.
        """
        for row in await self.running(work.session, ticket.id):
            if not row.assignment:
                row.level = self._level(ticket, row.kind)
            policy = policy_of(self.city, row.kind, subject(ticket, row.level))
            if policy is None:
                await self.enter(work, row, ticket, ClockEntry(kind="withdraw", at=now))
            elif (policy.amount, policy.unit) != (row.amount, row.unit):
                planned = plan(
                    await self.state(work.session, row), now, Amount(policy.amount, policy.unit), self.calendar
                )
                entry = ClockEntry(
                    kind="plan", at=now, amount=policy.amount, unit=policy.unit, due_at=planned.least
                )  # fmt: skip
                await self.enter(work, row, ticket, entry)

    async def move_to(self, work: Work, from_ticket: Ticket, to_ticket: Ticket, now: datetime) -> None:
        """``from_ticket`` is of the same incident: the earliest start and due time hold for ``to_ticket``.

        The clocks of ``from_ticket`` go on: linking stops nothing.
        """
        theirs = {row.kind: row for row in await self.running(work.session, to_ticket.id) if not row.assignment}
        for row in await self.running(work.session, from_ticket.id):
            if row.assignment or (mine := theirs.get(row.kind)) is None:
                continue
            entry = ClockEntry(
                kind="merge", at=now, other_id=row.id, start_at=row.started_at, extended=row.extended,
                due_at=due(await self.state(work.session, row), now, self.calendar),
                reason="paused" if row.paused_at else "",
            )  # fmt: skip
            await self.enter(work, mine, to_ticket, entry)

    async def recount(self, work: Work, now: datetime, after: str = "", limit: int = 200) -> str:
        """Bring running clocks in working days up to a calendar that knows more than when they were started.

        One that was overdue by the calendar of then is noted as overdue. At most ``limit`` of them, those whose id
        comes after ``after``; returns the last one's id, empty at the end.
        """
        query = select(TicketClock, Ticket).join(Ticket, Ticket.id == TicketClock.ticket_id)
        query = query.where(TicketClock.stopped_at.is_(None), TicketClock.unit == "workdays", TicketClock.id > after)
        last = ""
        for row, ticket in (await work.session.execute(query.order_by(TicketClock.id).limit(limit))).all():
            last = row.id
            state = await self.state(work.session, row)
            if state.due != row.due_at:
                if row.due_at < (row.paused_at or now):
                    _keep(work, row, ClockEntry(kind="lapse", at=row.due_at))
                self._project(row, state, ticket, policy_of(self.city, row.kind, subject(ticket, row.level)))
        return last

    # --- for this room ------------------------------------------------------------------------------------------

    async def running(
        self, session: AsyncSession, ticket_id: str, kinds: Collection[ClockKind] | None = None
    ) -> Sequence[TicketClock]:
        if kinds is not None and not kinds:
            return ()
        query = select(TicketClock).where(TicketClock.ticket_id == ticket_id, TicketClock.stopped_at.is_(None))
        if kinds is not None:
            query = query.where(TicketClock.kind.in_(kinds))
        return (await session.scalars(query.order_by(TicketClock.started_at, TicketClock.id))).all()

    async def state(self, session: AsyncSession, row: TicketClock) -> State:
        return replay(map(entry_of, await entries(session, row.id)), self.calendar)

    async def enter(self, work: Work, row: TicketClock, ticket: Ticket | None, entry: ClockEntry) -> None:
        """Add one entry and bring the row up to date. ``ticket`` may be left out where the clock stops.

        Where it moves the due time of a clock that is overdue, that it was is noted first: nothing undoes it.
        """
        before = await self.state(work.session, row)
        state = step(before, entry_of(entry), self.calendar)
        if state.due != before.due and late(before, entry.at):
            _keep(work, row, ClockEntry(kind="lapse", at=before.due))
        _keep(work, row, entry)
        policy = policy_of(self.city, row.kind, subject(ticket, row.level)) if ticket else None
        self._project(row, state, ticket, policy)

    def _project(self, row: TicketClock, state: State, ticket: Ticket | None, policy: ClockPolicy | None) -> None:
        row.started_at, row.due_at = state.began, state.due
        row.amount, row.unit = state.allowed.value, state.allowed.unit
        row.paused_at, row.stopped_at, row.extended = state.paused, state.stopped, state.extended
        row.withdrawn = state.withdrawn
        if policy is not None:
            row.warn_at = warn_at(state, policy.warn, policy.warn_before, self.calendar)
        row.next_at = next_at(row)
        if ticket is not None and row.kind == "handle" and not row.assignment and state.stopped is None:
            ticket.due_at = state.due

    def _level(self, ticket: Ticket, kind: ClockKind) -> str:
        """By which level's policies one of the ticket's own clocks goes: its department's, while that has it."""
        return self.city.level_of(ticket.department) if kind in _IN_HAND and ticket.department else ""


def subject(ticket: Ticket, level: str = "") -> Subject:
    """What a ticket's policies are chosen by."""
    return Subject(ticket.code or "", ticket.flow or "", level, bool(ticket.is_emergency))


def next_at(row: TicketClock) -> datetime | None:
    """When there is something to tell of this clock next."""
    if row.stopped_at is not None or row.paused_at is not None:
        return None
    if row.warn_at is not None and row.warned_for != row.due_at and row.overdue_for != row.due_at:
        return row.warn_at
    return row.due_at if row.overdue_for != row.due_at else None


async def entries(session: AsyncSession, clock_id: str) -> Sequence[ClockEntry]:
    """Everything that happened to a clock, in order."""
    query = select(ClockEntry).where(ClockEntry.clock_id == clock_id).order_by(ClockEntry.id)
    return (await session.scalars(query)).all()


def entry_of(row: ClockEntry) -> Entry:
    """An entry as the algebra knows it; ``ValueError`` where the row lacks what its kind needs."""
    match row.kind:
        case "start":
            return Started(row.at, _amount(row))
        case "plan":
            return Planned(row.at, _amount(row), row.due_at)
        case "extend":
            return Extended(row.at, _amount(row))
        case "pause":
            return Paused(row.at)
        case "resume":
            return Resumed(row.at)
        case "lapse":
            return Lapsed(row.at)
        case "stop":
            return Stopped(row.at)
        case "withdraw":
            return Stopped(row.at, withdrawn=True)
        case "merge":
            if row.start_at is None or row.due_at is None:
                raise ValueError(f"entry {row.id} of clock {row.clock_id} does not say what it merged")
            return Merged(row.at, row.start_at, row.due_at, row.extended or 0, row.reason == "paused")


def replayed(rows: Iterable[ClockEntry], calendar: WorkCalendar) -> State:
    """The state that these rows add up to."""
    return replay(map(entry_of, rows), calendar)


def _amount(row: ClockEntry) -> Amount:
    if row.amount is None or row.unit is None:
        raise ValueError(f"entry {row.id} of clock {row.clock_id} does not say how much")
    return Amount(row.amount, row.unit)


def _keep(work: Work, row: TicketClock, entry: ClockEntry) -> None:
    entry.clock_id = row.id
    work.session.add(entry)
