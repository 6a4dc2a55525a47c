"""When to call back: a pure plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ticketing.events import CallbackOutcome

#: Outcomes after which nobody is called again.
ANSWERED: tuple[CallbackOutcome, ...] = ("satisfied", "unsatisfied")


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


def next_attempt(policy: CallbackPolicy, attempts: Sequence[Attempt], now: datetime) -> datetime | None:
    """When to call next (UTC, not before ``now``, never in quiet hours), or ``None``.

    ``None`` while an attempt is planned or running, after an answer, and when all attempts are used up.
    """
    if any(a.ended_at is None or a.outcome in ANSWERED for a in attempts) or len(attempts) >= policy.max_attempts:
        return None
    made = len(attempts)
    delay = policy.retry_delays[min(made, len(policy.retry_delays)) - 1] if made else policy.first_delay
    return policy.audible(now + delay)
