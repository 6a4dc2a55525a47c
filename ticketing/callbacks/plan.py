"""When to call back, and who asks: a pure plan."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.city_callbacks import CallbackRule, Channel
from ticketing.clocks.calendar import WorkCalendar
from ticketing.events import CallbackOutcome

#: Outcomes after which nobody is called again.
ANSWERED: tuple[CallbackOutcome, ...] = ("satisfied", "unsatisfied")
#: Further attempts are put off by less than this for a better hour.
_PATIENCE_H = 24
#: Moments of office hours and of quiet that are looked through for one that suits both.
_TRIES = 60


@dataclass(frozen=True)
class Attempt:
    """One attempt of the present round; ``ended_at`` is empty while it is planned or running."""

    ended_at: datetime | None
    outcome: CallbackOutcome | None


@dataclass(frozen=True)
class CallbackPolicy:
    """How soon, how often and at which hours a city calls back.

    Quiet hours are local and may cross midnight; ``quiet_from`` equal to ``quiet_to`` means that there are none.
    """

    #: From the department's report to the first attempt.
    first_delay: timedelta = timedelta(minutes=10)
    #: From the end of an attempt to the next; the last one repeats.
    retry_delays: tuple[timedelta, ...] = (timedelta(hours=2), timedelta(hours=20))
    quiet_from: time = time(21, 0)
    quiet_to: time = time(8, 30)
    timezone: str = "Asia/Shanghai"
    max_attempts: int = 3
    #: How often a caller may ask for another time without an attempt being counted.
    max_later: int = 2
    #: How long a text message waits for its reply.
    text_patience: timedelta = timedelta(hours=24)
    #: Whether further attempts go to the hours at which this number was reached before.
    best_time: bool = True
    #: The offices' hours, in which fixed lines are called; None: at any audible time.
    office: WorkCalendar | None = field(default=None, compare=False)
    rules: tuple[CallbackRule, ...] = ()
    #: Group of each category.
    groups: Mapping[str, str] = field(default_factory=dict, compare=False)
    #: Who can ask at this site; an attempt of another kind is the robot's.
    channels: frozenset[Channel] = frozenset({"robot", "person"})

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError("max_attempts must be at least 1")
        if self.max_attempts > 1 and not self.retry_delays:
            raise ValueError("retry_delays must not be empty")
        if min((self.first_delay, *self.retry_delays)) < timedelta(0):
            raise ValueError("delays must not be negative")
        ZoneInfo(self.timezone)

    def quiet(self, at: datetime) -> bool:
        """Whether ``at`` lies in the quiet hours."""
        local = at.astimezone(ZoneInfo(self.timezone)).time()
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= local < self.quiet_to
        return local >= self.quiet_from or local < self.quiet_to

    def audible(self, at: datetime) -> datetime:
        """``at`` itself, or the end of the quiet hours that it lies in; UTC."""
        if not self.quiet(at):
            return at.astimezone(UTC)
        zone = ZoneInfo(self.timezone)
        day = at.astimezone(zone).date()
        # Both folds: where clocks are set back, the hour at which quiet ends comes twice.
        ends = (
            datetime.combine(day + timedelta(days=days), self.quiet_to.replace(fold=fold), zone).astimezone(UTC)
            for days in (0, 1)
            for fold in (0, 1)
        )
        return min(end for end in ends if end > at and not self.quiet(end))

    def reachable(self, at: datetime, *, hours: Collection[int] = (), firm: bool = False) -> datetime:
        """The first audible moment from ``at`` on; for a firm while offices work; at a better hour within a day.

        ``hours`` are local hours at which the number was reached before; where none of them comes within a day, ``at``
        decides.
        """
        first = self._fits(at, firm)
        zone = ZoneInfo(self.timezone)
        if not hours or first.astimezone(zone).hour in hours:
            return first
        full = first.replace(minute=0, second=0, microsecond=0)
        for ahead in range(1, _PATIENCE_H + 1):
            better = full + timedelta(hours=ahead)
            if better.astimezone(zone).hour in hours and self._fits(better, firm) == better:
                return better
        return first

    def _fits(self, at: datetime, firm: bool) -> datetime:
        audible = self.audible(at)
        if not firm or self.office is None:
            return audible
        found = audible
        for _ in range(_TRIES):
            opened = self.office.next_open(found)
            if not self.quiet(opened):
                return opened.astimezone(UTC)
            found = self.audible(opened)
        # Offices that work in quiet hours alone.
        return audible

    def rule(self, code: str, urgent: bool) -> CallbackRule | None:
        """The rule for tickets of this category: one that names it, else its group, else everything."""
        for wanted in (code, self.groups.get(code, "")):
            for rule in self.rules:
                if wanted and wanted in rule.codes and rule.urgent in (None, urgent):
                    return rule
        return next((r for r in self.rules if not r.codes and r.urgent in (None, urgent)), None)

    def channel(self, rule: CallbackRule | None, made: int) -> Channel:
        """Who asks at the attempt after ``made`` others."""
        chosen: Channel = rule.by[min(made, len(rule.by) - 1)] if rule is not None and rule.by else "robot"
        return chosen if chosen in self.channels else "robot"


def counted(attempts: Sequence[Attempt], max_later: int) -> int:
    """How many attempts count: of those that the caller put off the first ``max_later`` do not."""
    later = sum(a.outcome == "later" for a in attempts)
    return len(attempts) - min(later, max_later)


def next_attempt(
    policy: CallbackPolicy,
    attempts: Sequence[Attempt],
    now: datetime,
    *,
    after: timedelta | None = None,
    asked: datetime | None = None,
    hours: Collection[int] = (),
    firm: bool = False,
) -> datetime | None:
    """When to call next (UTC, not before ``now``, never in quiet hours), or ``None``.

    ``None`` while an attempt is planned or running, after an answer, and when all attempts are used up. ``after``: to
    the first attempt, where a rule says so; ``asked``: when the caller wished to be called instead.
    """
    if any(a.ended_at is None or a.outcome in ANSWERED for a in attempts):
        return None
    made = counted(attempts, policy.max_later)
    if made >= policy.max_attempts:
        return None
    if asked is not None:
        return policy.reachable(max(asked, now), firm=firm)
    if not attempts:
        return policy.reachable(now + (policy.first_delay if after is None else after), firm=firm)
    delays = policy.retry_delays or (policy.first_delay,)
    delay = delays[min(max(made, 1), len(delays)) - 1]
    return policy.reachable(now + delay, hours=hours if policy.best_time else (), firm=firm)


def answered_hours(moments: Iterable[datetime], timezone: str) -> frozenset[int]:
    """Local hours at which somebody was reached."""
    zone = ZoneInfo(timezone)
    return frozenset(moment.astimezone(zone).hour for moment in moments)
