"""Who is answered first: the one policy, pure. The dialplan alone gives the same numbers for callers without a mark.

What Asterisk does while nothing of ours runs (``dialplans/extensions.conf.j2``): a caller gets the line's priority, and
each round adds one to a service call, up to the ceiling, and :data:`EMERGENCY_STEP` to an emergency. This adds what
only we know: words, earlier calls, recalls, nuisance, a supervisor's push.

    pushed by a supervisor          top + 1000
    recall of somebody cut off      top: rung only when desks are to be had, so age decides
    emergency by its words          top
    emergency line                  the line's own, + 5 for each earlier call that nobody answered (at most 3)
    nuisance on any of these        ceiling + 1
    ------------------------------- nothing below ever rises above the ceiling, nothing above ever falls under it
    service line                    the line's own
    nuisance on a service line      0

and each round in the queue adds 5 above the line, 1 below it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from core.city import Line

#: What a round in the queue adds to an emergency and to a service call: the dialplan's own figures.
EMERGENCY_STEP = 5
SERVICE_STEP = 1
#: Earlier unanswered calls beyond these add nothing: redialling must not be the way to the front.
MAX_REPEATS = 3
#: A supervisor sees the whole queue; it takes more than two hours of rounds to rise past this.
PUSH = 1000

Reason = Literal["emergency", "line", "raised", "repeat", "recall", "pushed", "waited", "lowered"]

#: For screens, beside a caller's place.
REASON_NAMES: dict[Reason, str] = {
    "pushed": "班长提前",
    "recall": "回拨断线来电",
    "raised": "通话内容紧急",
    "repeat": "重复来电",
    "emergency": "紧急线路",
    "line": "线路优先级更高",
    "waited": "等候更久",
    "lowered": "位置后移（骚扰标记或取消提前）",
}


@dataclass(frozen=True)
class Caller:
    """A waiting caller as the policy sees it."""

    call_id: str
    #: Of the line that was dialled (``lines.yaml``).
    line_priority: int
    #: Dialled an emergency line.
    emergency: bool
    arrived_at: datetime
    #: What was said while waiting is an emergency (the verdict).
    raised: bool = False
    #: Earlier calls of this number to an emergency line within 10 minutes that nobody answered.
    repeat: int = 0
    #: The number is marked as nuisance (骚扰) and the mark has not expired.
    nuisance: bool = False
    #: We called this person back after an emergency call that broke off.
    recall: bool = False
    #: A supervisor put the caller first.
    pushed: bool = False
    #: Whole rounds in the queue that have passed.
    rounds: int = 0

    @property
    def urgent(self) -> bool:
        """Counts as an emergency: by line, words, recall or a supervisor's decision."""
        return self.emergency or self.raised or self.recall or self.pushed


@dataclass(frozen=True)
class Standing:
    """A caller's priority for Asterisk's queue, and what made it (strongest first)."""

    priority: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Passed:
    """Somebody is now ahead who was not before."""

    #: Who passed.
    call_id: str
    reason: Reason

    @property
    def text(self) -> str:
        return REASON_NAMES[self.reason]


def limits(lines: Iterable[Line]) -> tuple[int, int]:
    """``(ceiling, top)`` of a city: the highest that a service call may age to, and its highest line's priority."""
    lines = tuple(lines)
    ceiling = min((line.priority for line in lines if line.kind == "emergency"), default=100) - 1
    return ceiling, max((line.priority for line in lines), default=ceiling)


def standing(caller: Caller, ceiling: int, top: int) -> Standing:
    """The caller's priority now.

    Wants what a checked city has: service lines at most ``ceiling``, emergency lines above it and at most ``top``.

    Between the ceiling and the lowest emergency line there is no number left, so nuisance on an emergency line stands
    level with that line and, as everybody there, rises with the rounds: behind the others, never shut out.
    """
    waited: tuple[Reason, ...] = ("waited",) if caller.rounds > 0 else ()
    if not caller.urgent:
        if caller.nuisance:
            return Standing(min(ceiling, SERVICE_STEP * caller.rounds), (*waited, "lowered"))
        aged = max(caller.line_priority, min(ceiling, caller.line_priority + SERVICE_STEP * caller.rounds))
        return Standing(aged, ("line", *waited))

    base, reasons = _urgent(caller, ceiling, top)
    return Standing(base + EMERGENCY_STEP * caller.rounds, (*reasons, *waited))


def _urgent(caller: Caller, ceiling: int, top: int) -> tuple[int, tuple[Reason, ...]]:
    line: tuple[Reason, ...] = ("emergency",) if caller.emergency else ()
    if caller.pushed:  # a person has decided, who may know of the nuisance mark
        return top + PUSH, ("pushed", *line)
    if caller.nuisance:  # redialling, and words said for effect, are what such callers do
        return ceiling + 1, (*line, "lowered") if line else ("raised", "lowered")
    # Earlier calls lift on an emergency line only: there they were made, and nobody came.
    repeats = min(max(caller.repeat, 0), MAX_REPEATS) if caller.emergency else 0
    own = max(caller.line_priority, ceiling + 1) + EMERGENCY_STEP * repeats
    if (caller.recall or caller.raised) and own <= top:
        # A recall among equals: who dialled a minute ago must not stand behind one whom we rang just now.
        return top, ("recall" if caller.recall else "raised", *line)
    return own, ("repeat", *line) if repeats else line


def _key(caller: Caller, ceiling: int, top: int) -> tuple[int, datetime, str]:
    return (-standing(caller, ceiling, top).priority, caller.arrived_at, caller.call_id)


def order(callers: Iterable[Caller], ceiling: int, top: int) -> list[str]:
    """Call ids, the one to be answered next first: higher priority, then earlier arrival."""
    return [c.call_id for c in sorted(callers, key=lambda c: _key(c, ceiling, top))]


def explain(
    before: Sequence[Caller], after: Sequence[Caller], call_id: str, ceiling: int, top: int
) -> tuple[Passed, ...]:
    """Who is ahead of ``call_id`` in ``after`` and was not in ``before``, in the order of the queue, and why.

    Empty where nobody passed, and for a caller who is not in both.
    """
    old, new = {c.call_id: c for c in before}, {c.call_id: c for c in after}
    if call_id not in old or call_id not in new:
        return ()
    was_ahead = _ahead(before, call_id, ceiling, top)
    return tuple(
        Passed(other, _why(new[other], old.get(other), new[call_id], old[call_id], ceiling, top))
        for other in _ahead(after, call_id, ceiling, top)
        if other not in was_ahead
    )


def _ahead(callers: Iterable[Caller], call_id: str, ceiling: int, top: int) -> list[str]:
    queue = order(callers, ceiling, top)
    return queue[: queue.index(call_id)]


def _why(passer: Caller, was: Caller | None, passed: Caller, passed_was: Caller, ceiling: int, top: int) -> Reason:
    """What put ``passer`` before ``passed``: the first thing without which it would not be there."""
    place = _key(passed, ceiling, top)
    if _key(passer, ceiling, top) > _key(passed_was, ceiling, top):
        return "lowered"  # where the other stood before, nobody would have passed
    if was is None or (was.nuisance and not passer.nuisance):
        # Nothing to compare with: measured against somebody who rings later on the line of the one who was passed.
        was = Caller(
            call_id=passer.call_id, line_priority=passed.line_priority, emergency=passed.emergency,
            arrived_at=max(passer.arrived_at, passed.arrived_at + timedelta(microseconds=1)),
        )  # fmt: skip
    changes: tuple[tuple[Reason, bool, Caller], ...] = (
        ("pushed", passer.pushed > was.pushed, replace(passer, pushed=was.pushed)),
        ("recall", passer.recall > was.recall, replace(passer, recall=was.recall)),
        ("raised", passer.raised > was.raised, replace(passer, raised=was.raised)),
        ("repeat", passer.repeat > was.repeat, replace(passer, repeat=was.repeat)),
        ("emergency", passer.emergency > was.emergency, replace(passer, emergency=was.emergency)),
        ("line", passer.line_priority > was.line_priority, replace(passer, line_priority=was.line_priority)),
        ("waited", True, replace(passer, rounds=was.rounds, arrived_at=was.arrived_at)),
    )
    for reason, grew, without in changes:
        if grew and _key(without, ceiling, top) > place:
            return reason
    # Each of several things would have been enough: the strongest of them.
    counted = standing(passer, ceiling, top).reasons
    enough = (reason for reason, grew, _without in changes if grew and reason in counted)
    return next(enough, "lowered" if passed.nuisance else "waited")
