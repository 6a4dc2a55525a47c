"""A service caller hangs up, keeps his place and is rung when the turn comes. Pure.

    kept ──turn──▶ calling ──answered──▶ seated: in the live queue, at :func:`place_of`
    ▲  │             │ failed │ exhausted ──▶ given_up: a missed call from now on
    │  └──exhausted──┼────────┴──────────────▲  (kept too long)
    └────────────────┘
    kept, calling ──caller_called_again, closed_by_person──▶ cancelled

As in :mod:`switchboard.missed.policy` the id of a call out is stored with ``turn`` before it is dialled, and only who
then finds it in :attr:`Held.out` dials: nobody is rung twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from core.errors import NotAllowed

State = Literal["kept", "calling", "seated", "given_up", "cancelled"]
Happening = Literal["turn", "answered", "failed", "exhausted", "caller_called_again", "closed_by_person"]

STATE_NAMES: dict[State, str] = {
    "kept": "保留位置",
    "calling": "回拨中",
    "seated": "已回到队列",
    "given_up": "回拨未接",
    "cancelled": "已取消",
}
LIVE: tuple[State, ...] = ("kept", "calling")

#: Calls to one who keeps a place, and the time between the end of one and the next.
TRIES = 2
PAUSE = timedelta(seconds=60)

BACK = "回拨接通，已按原位排队"
GIVEN_UP = "两次回拨未接，不再保留位置，转入未接来电"
EXPIRED = "保留过久，转入未接来电由人处理"
CALLED_AGAIN = "来电人已再次来电"
#: Why a place whose turn has come is not rung (:data:`switchboard.missed.policy.Hold`).
HOLDS: dict[str, str] = {
    "often": "该号码自动回拨已达上限，转入未接来电由人处理",
    "nuisance": "号码已标记为骚扰，转入未接来电由人处理",
}
#: A place is kept no longer than this, counted from the call that was hung up.
KEPT_FOR = timedelta(hours=2)


@dataclass(frozen=True)
class Edge:
    """One step; a state and a happening lead to at most one state."""

    before: State
    happening: Happening
    after: State
    #: Why this step exists.
    reason: str


EDGES: tuple[Edge, ...] = (
    Edge("kept", "turn", "calling", "轮到此人且有空闲坐席；先记下再拨，不会重拨"),
    Edge("calling", "answered", "seated", "来电人接听，按原位回到队列"),
    Edge("calling", "failed", "kept", "未接通，位置仍在，稍后再拨一次"),
    Edge("calling", "exhausted", "given_up", "次数用完，不让后面的人空等，转入未接来电"),
    Edge("kept", "exhausted", "given_up", "保留过久（如停机、无坐席），或该号码不再自动回拨，由人决定"),
    *(Edge(state, "caller_called_again", "cancelled", "来电人再次来电，新来电沿用原位") for state in LIVE),
    *(Edge(state, "closed_by_person", "cancelled", "由人取消，须写明理由") for state in LIVE),
)
_TABLE = {(edge.before, edge.happening): edge.after for edge in EDGES}


@dataclass(frozen=True)
class Waiting:
    """A caller in the live queue."""

    call_id: str
    priority: int
    arrived_at: datetime


@dataclass(frozen=True)
class Held:
    """A place that is kept for somebody who has hung up."""

    #: Of the call that was hung up.
    call_id: str
    number: str
    #: As if he still waited: whoever keeps the place lets it age (:func:`switchboard.priority.standing`).
    priority: int
    #: Of the call that was hung up: the place in the queue is counted from then.
    arrived_at: datetime
    state: State = "kept"
    #: Calls that were decided on.
    tries: int = 0
    #: Not rung before; ``None``: as soon as the turn comes.
    not_before: datetime | None = None
    #: Id of the call that is out, or empty. On a cancelled place: to be hung up if nobody has picked up yet.
    out: str = ""
    #: Why it ended; set exactly when it has.
    reason: str = ""

    @property
    def live(self) -> bool:
        return self.state in LIVE


@dataclass(frozen=True)
class Happened:
    """Something that concerns a kept place."""

    what: Happening
    at: datetime
    #: ``turn``: the id chosen for the new call. ``answered``, ``failed``: the call out that it is about.
    call_id: str = ""
    #: For ``closed_by_person``, and for ``exhausted`` where something else than time or tries is at its end.
    reason: str = ""


def keep(held: Sequence[Held], new: Held) -> tuple[Held, ...]:
    """The places with ``new`` among them; unchanged where this number (or this call) has one already.

    Raises :class:`NotAllowed` where there is no number to ring.
    """
    if not new.number:
        raise NotAllowed("来电未显示号码，无法保留位置")
    if any(h.call_id == new.call_id or (h.live and h.number == new.number) for h in held):
        return tuple(held)
    return (*held, new)


def _key(who: Held | Waiting) -> tuple[int, datetime, str]:
    """Asterisk's order: higher priority, then earlier arrival."""
    return (-who.priority, who.arrived_at, who.call_id)


def whose_turn(held: Iterable[Held], waiting: Iterable[Waiting], free_desks: int, now: datetime) -> list[str]:
    """Call ids of the kept places to be rung now, in their order.

    A place's turn has come when fewer callers are ahead of it than ``free_desks``. Ahead are those in the live queue,
    the kept ones with a better place, and everybody whose telephone rings already: a desk is spoken for. Who was not
    reached and rests between two tries holds up nobody.

    ``free_desks`` should count, besides desks that are free, those that will be by the time somebody has picked up the
    telephone: in a full queue Asterisk gives each free desk away at once, and a desk that is free is seldom seen.
    """
    held = list(held)
    spoken_for = sum(h.state == "calling" for h in held)
    due = [h for h in held if h.state == "kept" and (h.not_before is None or h.not_before <= now)]
    queue: list[Held | Waiting] = sorted([*waiting, *due], key=_key)
    return [who.call_id for who in queue[: max(0, free_desks - spoken_for)] if isinstance(who, Held)]


def place_of(held: Held, waiting: Iterable[Waiting]) -> int:
    """Position in the live queue (1 is next) that is his: behind all who are ahead of him, before all others.

    For Asterisk's ``Queue(…,position)``, entered with his own priority.
    """
    return 1 + sum(_key(who) < _key(held) for who in waiting)


def step(held: Held, happened: Happened) -> Held:
    """The place after this; a fact that does not concern it (told twice, about another call, too late) changes nothing.

    Raises :class:`NotAllowed` where a person closes what has ended, or gives no reason.
    """
    what = happened.what
    if what == "failed" and held.tries >= TRIES:
        what = "exhausted"
    after = _TABLE.get((held.state, what))
    if what == "closed_by_person":
        if after is None:
            raise NotAllowed("这个位置已经不再保留", hint=held.reason)
        if not happened.reason.strip():
            raise NotAllowed("取消保留的位置须写明理由")
    if after is None:
        return held
    match what:
        case "turn":
            rests = held.not_before is not None and happened.at < held.not_before
            if rests or not happened.call_id:
                return held
            return replace(held, state=after, tries=held.tries + 1, not_before=None, out=happened.call_id)
        case "answered" | "failed" | "exhausted" if happened.call_id != held.out:
            return held
        case "answered":
            return replace(held, state=after, out="", reason=BACK)
        case "failed":
            return replace(held, state=after, out="", not_before=happened.at + PAUSE)
        case "exhausted":
            reason = happened.reason or (GIVEN_UP if held.state == "calling" else EXPIRED)
            return replace(held, state=after, out="", reason=reason)
        case "caller_called_again":
            return replace(held, state=after, reason=CALLED_AGAIN)
        case _:
            return replace(held, state=after, reason=happened.reason.strip())
