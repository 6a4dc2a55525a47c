"""How long a caller who waits will go on waiting, as honestly as it can be known. Pure.

**Place.** Asterisk gives a desk to whoever waits in the heaviest of the queues that it is in, there to the highest
priority, among equals to who came first (docs/switchboard.md). Ahead of a caller are therefore all who wait in heavier
queues that share a desk with his, and in his own queue those of higher priority or, at the same, of earlier arrival;
kept places count like people. Between two queues of one weight chance decides: their callers are not counted as ahead,
they show in the pace.

**Wait.** In a queue whose desks are all busy the next caller goes to a desk each time a conversation ends. With *c*
desks of which each is through with *m* callers an hour, the one with *k* callers ahead waits for *k* + 1 such ends,
(k + 1) / (c·m) hours on average: exactly so in the queue that theory calls M/M/c, whose conversations have no memory
(Ibrahim and Whitt, *Real-Time Delay Estimation Based on Delay History*, 2009: their estimator QL).
Both figures are taken from the last :data:`WINDOW`: *m* is the group's own answers by the time its desks were at work
(talking, ringing, writing), so that what those desks do for other groups makes it smaller; *c* are the desks that are
signed in now, so that who goes to lunch counts at once. :func:`by_answers`, answers by the clock alone, is the simpler
method that this one was measured against (tests/unit/test_expected.py, docs/ivr.md).

**Nothing.** Fewer than :data:`LEAST` answers in that time, no desk signed in, or more than :data:`MOST` minutes: no
figure is given, and callers are told none.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from telephony.queues import AsteriskQueue

#: How far back the pace is taken from.
WINDOW = timedelta(minutes=60)
#: Answers in the window below which nothing is said: with n of them the pace is wrong by 1/√n on average.
LEAST = 5
#: Minutes above which no figure is told: by then the desks and callers of now say little.
MOST = 60
#: States of a desk that takes callers, now or when its present one is through (:data:`telephony.events.AgentState`).
SERVING = frozenset({"ready", "ringing", "talking", "held", "wrapup"})
#: … and in which it is at work.
AT_WORK = SERVING - {"ready"}


@dataclass(frozen=True)
class InLine:
    """Somebody who waits, or whose place is kept."""

    call_id: str
    #: Asterisk's queue.
    queue: str
    priority: int
    #: From when his place counts.
    arrived_at: datetime

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Within a queue: higher priority, then earlier arrival."""
        return (-self.priority, self.arrived_at, self.call_id)


@dataclass(frozen=True)
class Pace:
    """What the desks of a queue did within a stretch of time, and how many there are now."""

    #: Callers of this group whom these desks answered.
    answers: int
    #: Seconds that these desks were at work, together.
    busy_s: float
    #: Seconds of the stretch.
    window_s: float
    #: Desks in one of :data:`SERVING` now, and those of them that are free.
    desks: int
    free: int


@dataclass(frozen=True)
class Expected:
    """What a caller may be told."""

    #: Callers who stand before him.
    ahead: int
    #: Minutes, rounded up; None where it is not known.
    minutes: int | None


def ahead(me: InLine, others: Iterable[InLine], queues: Sequence[AsteriskQueue]) -> int:
    """How many of ``others`` are given a desk before ``me``."""
    by_name = {queue.name: queue for queue in queues}
    mine = by_name.get(me.queue)
    return sum(
        other.order < me.order if other.queue == me.queue else _heavier(by_name.get(other.queue), mine)
        for other in others
        if other.call_id != me.call_id
    )


def position(me: InLine, others: Iterable[InLine]) -> int:
    """His place in his own queue, the first is 1: for Asterisk's ``Queue(…,position)``."""
    return 1 + sum(
        other.order < me.order for other in others if other.queue == me.queue and other.call_id != me.call_id
    )


def _heavier(other: AsteriskQueue | None, mine: AsteriskQueue | None) -> bool:
    if other is None or mine is None or other.weight <= mine.weight:
        return False
    return bool({desk.extension for desk in other.desks} & {desk.extension for desk in mine.desks})


def by_desks(ahead: int, pace: Pace) -> float | None:
    """Expected seconds until an answer, from desks and their pace; None where it cannot be known."""
    if ahead < pace.free:
        return 0.0
    if pace.desks <= 0 or pace.answers < LEAST or pace.busy_s <= 0:
        return None
    return (ahead + 1 - pace.free) * pace.busy_s / (pace.answers * pace.desks)


def by_answers(ahead: int, pace: Pace) -> float | None:
    """The same from nothing but the answers by the clock."""
    if pace.desks <= 0 or pace.answers < LEAST:
        return None
    return (ahead + 1) * pace.window_s / pace.answers


def expected(ahead: int, pace: Pace) -> Expected:
    """What the caller with so many ahead is told."""
    seconds = by_desks(ahead, pace)
    if seconds is None or seconds > MOST * 60:
        return Expected(ahead, None)
    return Expected(ahead, max(1, math.ceil(round(seconds / 60, 6))))
