"""Figures of the whole centre, its lines and its skill groups: how many wait, how fast they are answered. Pure.

Counted are the calls that reached the centre from outside. A caller whom heyi rang back waits and talks like any other
and is seen doing so, but was counted when he called; his second wait is no second call.

The wait runs from the call's arrival, as the caller feels it: on a service line the greeting is part of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Protocol
from zoneinfo import ZoneInfo

from core.city import City, Line, Mode
from telephony.ledger import QUEUED_DIRECTIONS
from telephony.queues import wide

#: Seconds within which answers are counted.
THRESHOLDS = (10, 15, 20)
#: Weeks that today is compared with.
WEEKS = 8
#: Key of the figures of all lines of a kind together.
KINDS = ("emergency", "service")


@dataclass(frozen=True)
class ServiceLevel:
    """The share of calls that has to be answered within some seconds."""

    seconds: int
    share: float
    source: str


#: What each kind of line is measured against.
SERVICE_LEVELS: Mapping[str, tuple[ServiceLevel, ...]] = {
    # NENA-STA-020, call answering standard: 90 % of all emergency calls within 15 s, 95 % within 20 s.
    "emergency": (ServiceLevel(15, 0.90, "NENA"), ServiceLevel(20, 0.95, "NENA")),
    # GB/T 33358-2016, government service hotlines: answered within 15 s, connection rate at least 95 %.
    "service": (ServiceLevel(15, 0.95, "GB/T 33358-2016"),),
}


@dataclass(frozen=True)
class Counts:
    """Calls that arrived from outside within one stretch of time."""

    offered: int = 0
    answered: int = 0
    #: Answered within each of :data:`THRESHOLDS`.
    within: tuple[int, ...] = (0,) * len(THRESHOLDS)
    #: Answered within their line's own target.
    on_target: int = 0
    #: Ended without an answer: given up by the caller, by us, or lost. Not who keeps the place to be rung later.
    gone: int = 0
    #: Seconds that those who were answered have waited, together.
    waited_s: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.offered + other.offered,
            self.answered + other.answered,
            tuple(a + b for a, b in zip(self.within, other.within, strict=True)),
            self.on_target + other.on_target,
            self.gone + other.gone,
            self.waited_s + other.waited_s,
        )

    @property
    def speed_s(self) -> float | None:
        """Average speed of answer in seconds; None where nobody was answered."""
        return self.waited_s / self.answered if self.answered else None

    def share(self, within: int, late: int = 0) -> float | None:
        """``within`` of all calls that are decided; None where none is.

        Decided are those that were answered, those that ended without, and the ``late``: who still wait and have
        waited too long already. Whoever waits and may yet be answered in time counts neither way.
        """
        decided = self.answered + self.gone + late
        return within / decided if decided else None


@dataclass(frozen=True)
class Tally:
    """Counts of one line's calls that waited first in one of Asterisk's queues."""

    line: str
    queue: str
    counts: Counts


@dataclass(frozen=True)
class Usual:
    """The median of the same weekday up to the same time of day; None where no such day says it."""

    #: How many of the last :data:`WEEKS` weeks have calls at all.
    weeks: int
    offered: float | None
    #: Share answered within 15 s.
    share: float | None
    gone: float | None
    speed_s: float | None


class LiveCall(Protocol):
    """What the figures need of a call that is up."""

    @property
    def line(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def direction(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def arrived_at(self) -> datetime: ...


class LiveDesk(Protocol):
    """What the figures need of a desk."""

    @property
    def extension(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def state(self) -> str: ...


@dataclass(frozen=True)
class Figures:
    """One line, one skill group, or one kind of line as a whole (key: ``emergency`` or ``service``)."""

    key: str
    waiting: int
    #: Arrival of the caller who has waited longest.
    oldest: datetime | None
    talking: int
    today: Counts
    usual: Usual
    #: Callers who wait and have waited longer than each of :data:`THRESHOLDS`.
    late: tuple[int, ...]
    #: Answer target in seconds; 0 where several hold.
    target_s: int = 0
    #: Desks of people by state, of groups.
    desks: Mapping[str, int] = field(default_factory=dict)

    @property
    def shares(self) -> tuple[float | None, ...]:
        """Share answered within each of :data:`THRESHOLDS`, 0..1."""
        return tuple(self.today.share(n, late) for n, late in zip(self.today.within, self.late, strict=True))

    def short_of(self, kind: str) -> tuple[ServiceLevel, ...]:
        """The service levels of this kind of line that are missed today."""
        shares = dict(zip(THRESHOLDS, self.shares, strict=True))
        levels = ((level, shares[level.seconds]) for level in SERVICE_LEVELS[kind])
        return tuple(level for level, share in levels if share is not None and share < level.share)


@dataclass(frozen=True)
class Board:
    """All figures of one moment."""

    kinds: tuple[Figures, ...]
    lines: tuple[Figures, ...]
    groups: tuple[Figures, ...]


def stretches(now: datetime, zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
    """Today from midnight until now, then the same weekday of each week before, until the same time by the clock."""
    local = now.astimezone(zone)

    def stretch(day: date) -> tuple[datetime, datetime]:
        until = datetime.combine(day, local.time(), zone)
        return datetime.combine(day, time(0), zone), until

    return tuple(stretch(local.date() - timedelta(weeks=week)) for week in range(WEEKS + 1))


def target_s(line: Line, mode: Mode) -> int:
    """Seconds within which a call of this line is to be answered in this mode."""
    return mode.target_s if mode.target_s is not None and line.kind == "service" else line.target_s


def group_of(city: City, queue: str, line: str) -> str:
    """Key of the skill group whose caller this is: that of the queue, else that of the line in normal times."""
    for group in city.groups:
        if queue and queue in (group.key, wide(group)):
            return group.key
    found = city.line(line)
    return found.answered_by if found is not None else ""


def waits(call: LiveCall) -> bool:
    """Whether somebody waits here: not one whom heyi is still ringing, nor one whom a desk has dialled."""
    on_the_line = call.direction == "in" or (call.direction == "back" and bool(call.queue))
    return on_the_line and call.state in ("queued", "ringing")


def keys_of(city: City, line: str, queue: str) -> tuple[str, ...]:
    """The figures that a call counts in: its line, its skill group, the kind of its line."""
    found = city.line(line)
    group = group_of(city, queue, line)
    kind = (f"kind:{found.kind}", f"line:{line}") if found is not None else ()
    return (*kind, f"group:{group}") if group else kind


def sums(city: City, tallies: Iterable[Tally]) -> dict[str, Counts]:
    """The counts of everything that has a figure, by :func:`keys_of`."""
    found: dict[str, Counts] = {}
    for tally in tallies:
        for key in keys_of(city, tally.line, tally.queue):
            found[key] = found.get(key, Counts()) + tally.counts
    return found


def usuals(city: City, past: Iterable[Sequence[Tally]]) -> dict[str, Usual]:
    """What is usual by now. ``past`` has one entry for each week before; an empty one (nothing ran) is left out."""
    weeks = [sums(city, week) for week in past if week]
    keys = {key for week in weeks for key in week}
    # A line that had no call on a day on which others had some: that day counts, with nothing.
    return {key: _usual([week.get(key, Counts()) for week in weeks]) for key in keys} | {
        "": _usual([Counts()] * len(weeks))
    }


def compute(
    city: City,
    mode: Mode,
    now: datetime,
    *,
    today: Iterable[Tally],
    usual: Mapping[str, Usual],
    calls: Iterable[LiveCall],
    desks: Iterable[LiveDesk],
) -> Board:
    """Everything that a wallboard shows; ``usual`` comes from :func:`usuals`, and may be some minutes old."""
    counts = sums(city, today)
    live: dict[str, list[LiveCall]] = {}
    for call in calls:
        if call.direction in QUEUED_DIRECTIONS:
            for key in keys_of(city, call.line, call.queue):
                live.setdefault(key, []).append(call)
    people = {desk.extension: desk.state for desk in desks if desk.kind != "robot"}

    def figures(about: str, key: str, target: int = 0, states: Mapping[str, int] | None = None) -> Figures:
        full = f"{about}:{key}"
        here = live.get(full, [])
        arrivals = [call.arrived_at for call in here if waits(call)]
        waited = [(now - arrived).total_seconds() for arrived in arrivals]
        return Figures(
            key=key,
            waiting=len(arrivals),
            oldest=min(arrivals, default=None),
            talking=sum(call.state == "talking" for call in here),
            today=counts.get(full, Counts()),
            usual=usual.get(full) or usual.get("") or NEVER,
            late=tuple(sum(seconds > limit for seconds in waited) for limit in THRESHOLDS),
            target_s=target,
            desks=states or {},
        )

    def states_of(group: str) -> Counter[str]:
        members = (desk.extension for desk in city.desks if group in desk.groups and desk.in_queue)
        return Counter(people[extension] for extension in members if extension in people)

    emergencies_first = sorted(city.lines, key=lambda line: line.kind != "emergency")
    return Board(
        kinds=tuple(figures("kind", kind) for kind in KINDS),
        lines=tuple(figures("line", line.number, target_s(line, mode)) for line in emergencies_first),
        groups=tuple(figures("group", group.key, states=states_of(group.key)) for group in city.groups),
    )


def _usual(weeks: Sequence[Counts]) -> Usual:
    def middle(values: Iterable[float | None]) -> float | None:
        said = [value for value in values if value is not None]
        return float(median(said)) if said else None

    fifteen = THRESHOLDS.index(15)
    return Usual(
        weeks=len(weeks),
        offered=middle(week.offered for week in weeks),
        share=middle(week.share(week.within[fifteen]) for week in weeks),
        gone=middle(week.gone for week in weeks),
        speed_s=middle(week.speed_s for week in weeks),
    )


#: Where no week before has any call.
NEVER = _usual(())
