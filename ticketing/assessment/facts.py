"""From a ticket's parts, clocks, callbacks and refusals to facts: what is counted, of whom, at which moment. Pure.

Each fact has one moment and is one subject's, so that nothing is counted in two months and no ticket that is open at
the end of a month is forgotten: whatever is decided later counts in the month in which it is decided.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ticketing.assessment.measures import Count, Subject

#: A step and what follows it in the same unit of work are written a moment apart at most.
_SAME = timedelta(seconds=1)
_REACHED = frozenset({"satisfied", "unsatisfied", "no_key", "later"})


class Fact(NamedTuple):
    """One thing that counts."""

    subject: Subject
    #: Key of a department, login of a call taker; empty: nobody had it then.
    who: str
    kind: Count
    at: datetime
    #: The ticket's number.
    ticket: str


class TicketRow(NamedTuple):
    id: str
    number: str
    agent: str
    created_at: datetime
    code: str


class PartRow(NamedTuple):
    ticket_id: str
    id: str
    department: str
    part: str
    assigned_at: datetime
    accepted_at: datetime | None
    refused_at: datetime | None
    reported_at: datetime | None
    withdrawn_at: datetime | None

    @property
    def given_up(self) -> datetime | None:
        """When it was refused or withdrawn."""
        return self.refused_at or self.withdrawn_at

    @property
    def ended(self) -> datetime | None:
        return self.reported_at or self.given_up


class ClockRow(NamedTuple):
    ticket_id: str
    #: Id of an assisting part; empty: the ticket's own.
    assignment: str
    kind: str
    started_at: datetime
    due_at: datetime
    paused_at: datetime | None
    stopped_at: datetime | None
    withdrawn: bool = False
    #: Moments at which its time was over, noted before its due time was moved later.
    lapses: Sequence[datetime] = ()

    @property
    def void(self) -> bool:
        """Taken off before its time was over: nobody was to do it any more, so it was neither in time nor late."""
        return self.withdrawn and self.stopped_at is not None and self.stopped_at <= self.due_at


class AskedRow(NamedTuple):
    """A callback that has ended."""

    ticket_id: str
    ended_at: datetime
    outcome: str
    solved: bool | None
    channel: str
    who: str


class RefusalRow(NamedTuple):
    ticket_id: str
    department: str
    at: datetime
    decided_at: datetime | None
    ruling: str | None


class NudgeRow(NamedTuple):
    ticket_id: str
    department: str
    at: datetime
    kind: str


class ReopenRow(NamedTuple):
    ticket_id: str
    at: datetime


@dataclass(frozen=True)
class Case:
    """Everything of one ticket that counts; parts and clocks in the order in which they began."""

    ticket: TicketRow
    parts: Sequence[PartRow] = ()
    clocks: Sequence[ClockRow] = ()
    asked: Sequence[AskedRow] = ()
    refusals: Sequence[RefusalRow] = ()
    nudges: Sequence[NudgeRow] = ()
    reopened: Sequence[ReopenRow] = ()


def facts(
    case: Case, begin: datetime, end: datetime, now: datetime, unit: Callable[[str], str] = lambda key: key
) -> Iterator[Fact]:
    """The facts of one ticket from ``begin`` until before ``end``, as they are known at ``now``.

    ``unit``: whose account a department's work goes to (a village's to its town).
    """
    for who, count, at in _of_departments(case, now):
        if begin <= at < end and at <= now:
            yield Fact("departments", unit(who) if who else "", count, at, case.ticket.number)
    for who, count, at in _of_agents(case, now):
        if begin <= at < end and at <= now:
            yield Fact("agents", who, count, at, case.ticket.number)


_Found = Iterator[tuple[str, Count, datetime]]


def _of_departments(case: Case, now: datetime) -> _Found:
    mains = [part for part in case.parts if part.part == "main"]
    for part in case.parts:
        yield part.department, "received", part.assigned_at
        if part.refused_at:
            yield part.department, "refused", part.refused_at
        if part.reported_at:
            yield part.department, "reported", part.reported_at
        yield from _accepted(case, part, now)
        if part.part == "assist":
            yield from _assisted(case, part, now)
    for clock in case.clocks:
        if clock.kind == "handle" and not clock.assignment:
            yield from _handled(clock, mains, now)
    for one in case.asked:
        who = _judged(mains, one.ended_at)
        for count in _answers(one):
            yield who, count, one.ended_at
    for refusal in case.refusals:
        if refusal.decided_at and refusal.ruling == "bound":
            yield refusal.department, "unjustified", refusal.decided_at
    for nudge in case.nudges:
        yield nudge.department, "urged" if nudge.kind == "urge" else "supervised", nudge.at
    for again in case.reopened:
        yield _judged(mains, again.at), "reopened", again.at


def _of_agents(case: Case, now: datetime) -> _Found:
    for one in case.asked:
        if one.channel == "person" and one.who:
            yield one.who, "reached" if one.outcome in _REACHED else "unreached", one.ended_at
    agent = case.ticket.agent
    if not agent:  # came by letter or form: no call taker's work
        return
    yield agent, "received", case.ticket.created_at
    for kind, ok, late in _TIMED:
        first = next((clock for clock in case.clocks if clock.kind == kind and not clock.assignment), None)
        if first is None or (limit := _limit(first, first.started_at)) is None:
            continue
        if first.stopped_at and first.stopped_at <= limit:
            yield agent, ok, first.stopped_at
        elif _overdue(first, limit, first.stopped_at, now):
            yield agent, late, limit
    for one in case.asked:
        for count in _answers(one):
            if count not in ("reached", "unreached"):
                yield agent, count, one.ended_at
    for refusal in case.refusals:
        yield agent, "refused", refusal.at
        if refusal.decided_at and refusal.ruling == "bound":
            yield agent, "unjustified", refusal.decided_at
        if refusal.decided_at and refusal.ruling in ("sent", "released"):
            yield agent, "misdirected", refusal.decided_at
    for nudge in case.nudges:
        yield agent, "urged" if nudge.kind == "urge" else "supervised", nudge.at
    for again in case.reopened:
        yield agent, "reopened", again.at


_TIMED: tuple[tuple[str, Count, Count], ...] = (
    ("answer", "accept_ok", "accept_late"),
    ("dispatch", "handle_ok", "handle_late"),
)


def _answers(one: AskedRow) -> Iterator[Count]:
    if one.outcome == "satisfied":
        yield "satisfied"
    elif one.outcome == "unsatisfied":
        yield "unsatisfied"
    if one.solved is not None:
        yield "solved" if one.solved else "unsolved"
    yield "reached" if one.outcome in _REACHED else "unreached"


def _limit(clock: ClockRow, since: datetime) -> datetime | None:
    """When the time was over for who had it since then, whatever moved it afterwards; None: it was taken off before."""
    lapsed = next((at for at in clock.lapses if at >= since), None)
    return lapsed or (None if clock.void else clock.due_at)


def _overdue(clock: ClockRow, limit: datetime, until: datetime | None, now: datetime) -> bool:
    """Whether its time ended before ``until`` (still open: before now). One that stands still is not late yet."""
    return limit < (until or clock.paused_at or now)


def _accepted(case: Case, part: PartRow, now: datetime) -> _Found:
    clock = _accept_clock(case, part)
    if clock is None or (limit := _limit(clock, part.assigned_at)) is None:
        return
    if part.accepted_at and part.accepted_at <= limit:
        yield part.department, "accept_ok", part.accepted_at
    elif _overdue(clock, limit, part.accepted_at or part.given_up, now):
        yield part.department, "accept_late", limit


def _accept_clock(case: Case, part: PartRow) -> ClockRow | None:
    """The clock of this part: an assisting one's own, else the ticket's that began with it and ended not before."""
    if part.part == "assist":
        return next((c for c in case.clocks if c.kind == "accept" and c.assignment == part.id), None)
    found = None
    for clock in case.clocks:
        if clock.kind == "accept" and not clock.assignment and clock.started_at <= part.assigned_at + _SAME:
            over = clock.stopped_at is not None and clock.stopped_at < part.assigned_at
            found = found if over else clock
    return found


def _assisted(case: Case, part: PartRow, now: datetime) -> _Found:
    clock = next((c for c in case.clocks if c.kind == "handle" and c.assignment == part.id), None)
    if clock is None or (limit := _limit(clock, part.assigned_at)) is None:
        return
    if part.reported_at and part.reported_at <= limit:
        yield part.department, "handle_ok", part.reported_at
    elif _overdue(clock, limit, part.ended, now):
        yield part.department, "handle_late", limit


def _handled(clock: ClockRow, mains: Sequence[PartRow], now: datetime) -> _Found:
    """The main department's time outlives a change of department: it is late with whoever had it at the due moment.

    A due time that was over and moved afterwards stays missed; who missed one is late once, and not in time as well.
    """
    stopped, missed = clock.stopped_at, list(clock.lapses)
    if not clock.void and _overdue(clock, clock.due_at, stopped, now):
        missed.append(clock.due_at)
    late: set[str] = set()
    for at in missed:
        held = [p for p in mains if p.assigned_at <= at and (p.ended is None or p.ended > at)]
        who = held[-1].department if held else ""
        if who not in late:
            late.add(who)
            yield who, "handle_late", at
    if stopped and stopped <= clock.due_at and not clock.void:
        for part in mains:
            if part.reported_at and abs(part.reported_at - stopped) <= _SAME:
                if part.department not in late:
                    yield part.department, "handle_ok", part.reported_at
                return


def _judged(mains: Sequence[PartRow], at: datetime) -> str:
    """Whose result was the last one before this moment."""
    reported = [part for part in mains if part.reported_at and part.reported_at <= at]
    return max(reported, key=lambda part: part.reported_at or at).department if reported else ""
