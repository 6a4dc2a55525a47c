"""The algebra of one clock: pure. Its entries, folded in order, are its state; no row says more than they do.

What it guarantees, and tests over random sequences check: the due time moves later only by an approved extension or
pause, or by another plan; no plan makes overdue what was in time; a merged clock never has more time than either of the
two had; a clock's whole time is what it ran and what it was paused; nothing but :class:`Stopped` ends it, least of all
that nobody accepts. One that stopped because nobody is to do any more what it measured was not in time; late it was
only if its time was over before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from core.city_clocks import Unit
from ticketing.clocks.calendar import WorkCalendar

EntryKind = Literal["start", "plan", "pause", "resume", "extend", "merge", "lapse", "stop", "withdraw"]


@dataclass(frozen=True)
class Amount:
    """So many minutes, hours or working days."""

    value: float
    unit: Unit


@dataclass(frozen=True)
class Started:
    """It begins; always the first entry, and only the first."""

    at: datetime
    allowed: Amount


@dataclass(frozen=True)
class Planned:
    """Category, level or flow changed: it is allowed another amount, from where it began (:func:`plan`)."""

    at: datetime
    allowed: Amount
    #: It is not due before this.
    least: datetime | None = None


@dataclass(frozen=True)
class Paused:
    at: datetime


@dataclass(frozen=True)
class Resumed:
    at: datetime


@dataclass(frozen=True)
class Extended:
    at: datetime
    by: Amount


@dataclass(frozen=True)
class Merged:
    """Another clock of the same kind runs in this one from now on."""

    at: datetime
    #: Where the other began, when it was due, how often it had been extended, and whether it stood still.
    began: datetime
    due: datetime
    extended: int
    paused: bool


@dataclass(frozen=True)
class Lapsed:
    """Its time was over at this moment and it was not done; noted before the due time moves, which does not undo it."""

    at: datetime


@dataclass(frozen=True)
class Stopped:
    """What it measured is done; ``withdrawn``: nobody is to do it any more."""

    at: datetime
    withdrawn: bool = False


Entry = Started | Planned | Paused | Resumed | Extended | Merged | Lapsed | Stopped


@dataclass(frozen=True)
class Pause:
    """A pause that is over."""

    begin: datetime
    end: datetime


@dataclass(frozen=True)
class State:
    """A clock after some of its entries."""

    #: The earliest beginning of all that runs in it.
    began: datetime
    allowed: Amount
    #: Due at the last entry; while it is paused :func:`due` knows more.
    due: datetime
    paused: datetime | None = None
    stopped: datetime | None = None
    #: It stopped without what it measured having been done: it says nothing about anybody.
    withdrawn: bool = False
    #: Extensions granted.
    extended: int = 0
    #: What was granted, in order: a plan from the beginning grants it again.
    grants: tuple[Pause | Extended, ...] = ()
    #: All its pauses, the present one left out.
    pauses: tuple[Pause, ...] = ()


def replay(entries: Iterable[Entry], calendar: WorkCalendar) -> State:
    """The state after all entries. ``ValueError`` where they do not begin with one :class:`Started`."""
    state: State | None = None
    for entry in entries:
        if isinstance(entry, Started) == (state is not None):
            raise ValueError("a clock starts once, and first")
        state = begin(entry, calendar) if isinstance(entry, Started) else step(state, entry, calendar)  # type: ignore[arg-type]
    if state is None:
        raise ValueError("a clock without entries")
    return state


def begin(entry: Started, calendar: WorkCalendar) -> State:
    return State(entry.at, entry.allowed, calendar.add(entry.allowed.value, entry.allowed.unit, entry.at))


def step(state: State, entry: Entry, calendar: WorkCalendar) -> State:
    """The state after one more entry. A stopped clock stays as it is; a second pause changes nothing, as does resuming
    what runs."""
    if state.stopped is not None:
        return state
    match entry:
        case Paused(at):
            return state if state.paused else replace(state, paused=at)
        case Resumed(at):
            return _resume(state, at, calendar)
        case Stopped(at, withdrawn):
            return replace(_resume(state, at, calendar), stopped=at, withdrawn=withdrawn)
        case Extended():
            extended = replace(state, extended=state.extended + 1, grants=(*state.grants, entry))
            return replace(extended, due=_granted(state.due, entry, state.allowed.unit, calendar))
        case Planned(_, allowed, least):
            again = calendar.add(allowed.value, allowed.unit, state.began)
            for grant in state.grants:
                again = _granted(again, grant, allowed.unit, calendar)
            return replace(state, allowed=allowed, due=max(again, least) if least else again)
        case Lapsed():
            return state
        case Merged():
            return _merge(state, entry, calendar)
        case Started():
            raise ValueError("a clock starts once")


def plan(state: State, at: datetime, allowed: Amount, calendar: WorkCalendar) -> Planned:
    """The entry by which a clock is allowed another amount.

    It counts from where the clock began. Where that time would be over already and the clock is in time as it is, the
    new amount counts from this moment, at most until it was due before: nobody is late because a rule changed.
    """
    entry, here = Planned(at, allowed), state.paused or at
    if late(state, at) or step(state, entry, calendar).due > here:
        return entry
    return replace(entry, least=min(state.due, calendar.add(allowed.value, allowed.unit, here)))


def _resume(state: State, at: datetime, calendar: WorkCalendar) -> State:
    if state.paused is None:
        return state
    pause = Pause(state.paused, max(at, state.paused))
    return replace(
        state,
        paused=None,
        due=_granted(state.due, pause, state.allowed.unit, calendar),
        grants=(*state.grants, pause),
        pauses=(*state.pauses, pause),
    )


def _merge(state: State, other: Merged, calendar: WorkCalendar) -> State:
    """The earlier beginning and the earlier due time; it stands still only if both did.

    Where the other was due earlier, what had been granted to this one alone is gone: no later plan brings it back.
    """
    paused = state.paused is not None and other.paused
    now = _resume(state, other.at, calendar)
    return replace(
        now,
        began=min(now.began, other.began),
        due=min(now.due, other.due),
        grants=now.grants if now.due <= other.due else (),
        extended=max(now.extended, other.extended),
        paused=other.at if paused else None,
    )


def _granted(due: datetime, grant: Pause | Extended, unit: Unit, calendar: WorkCalendar) -> datetime:
    if isinstance(grant, Extended):
        return calendar.add(grant.by.value, grant.by.unit, due)
    # What is late already does not become punctual by a pause.
    if grant.begin >= due:
        return due
    if unit == "workdays":
        return calendar.work_on(due, calendar.working_s(grant.begin, grant.end))
    return due + (grant.end - grant.begin)


# --- what is derived --------------------------------------------------------------------------------------------------


def due(state: State, now: datetime, calendar: WorkCalendar) -> datetime:
    """When it is due as things stand: a clock that is paused moves on with ``now``."""
    return _resume(state, now, calendar).due


def measure(unit: Unit, begin: datetime, end: datetime, calendar: WorkCalendar) -> float:
    """Seconds between two moments as a clock of this unit counts them; negative where ``end`` lies before ``begin``."""
    return calendar.working_s(begin, end) if unit == "workdays" else (end - begin).total_seconds()


def paused_s(state: State, now: datetime, calendar: WorkCalendar) -> float:
    """How long it stood still, in seconds of its own measure."""
    end = state.stopped or now
    spans = [(p.begin, p.end) for p in state.pauses] + (
        [(state.paused, max(end, state.paused))] if state.paused else []
    )
    return sum(measure(state.allowed.unit, a, b, calendar) for a, b in spans)


def worked_s(state: State, now: datetime, calendar: WorkCalendar) -> float:
    """How long it ran, in seconds of its own measure."""
    total, at = 0.0, state.began
    for pause in state.pauses:
        total += measure(state.allowed.unit, at, pause.begin, calendar)
        at = pause.end
    return total + measure(state.allowed.unit, at, state.paused or state.stopped or max(now, at), calendar)


def left_s(state: State, now: datetime, calendar: WorkCalendar) -> float:
    """What is left of its time, in seconds of its own measure; negative when overdue. A stopped clock's at its stop."""
    at = state.stopped or state.paused or now
    return measure(state.allowed.unit, at, state.due, calendar)


def used(state: State, now: datetime, calendar: WorkCalendar) -> float:
    """Share of its time that is used up; 1 and more is overdue."""
    worked, left = worked_s(state, now, calendar), left_s(state, now, calendar)
    if late(state, now):
        return max(1.0, worked / (worked + left)) if worked + left > 0 else 1.0
    return min(worked / (worked + left), 0.999) if worked + left > 0 else 0.0


def late(state: State, now: datetime) -> bool:
    """Whether its time is over, or was over when it stopped. At the due moment itself nothing is late yet."""
    return (state.stopped or state.paused or now) > state.due


def in_time(state: State) -> bool:
    """Whether what it measured was done in time; not so where it runs yet, was late, or was withdrawn."""
    return state.stopped is not None and not state.withdrawn and state.stopped <= state.due


def warn_at(state: State, share: float, before: float | None, calendar: WorkCalendar) -> datetime:
    """When its pre-warning is due: at ``share`` of its time, or ``before`` (in its unit) it is due. For what runs."""
    unit = state.allowed.unit
    if before is not None:
        return max(state.began, calendar.back(before, unit, state.due))
    whole = measure(unit, state.began, state.due, calendar) - sum(
        measure(unit, p.begin, min(p.end, state.due), calendar) for p in state.pauses if p.begin < state.due
    )
    rest = max(0.0, whole * (1 - share))
    moment = (
        calendar.work_back(state.due, rest) if unit == "workdays" else calendar.back(rest / 3600, "hours", state.due)
    )
    return max(state.began, moment)
