"""Calls that ended without help: each becomes an item that somebody has until it is called back or closed. Pure.

    open ──due──▶ calling ──answered──▶ reached
     ▲ │ held       │ failed
     │ │  ◀─────────┘
     │ └─claimed──▶ owned (a person rings by hand: placed, answered, failed)
     └──released─────┘
    open, calling, owned ──caller_called_again, closed_by_person──▶ closed

A call out gets its id and is stored here (``due`` for heyi, ``placed`` for a person who owns the item) before it is
dialled, and only who then finds that id in :attr:`Item.out` dials. So whatever is told twice, late or after a restart
belongs to one known call or to none, and nobody is rung twice.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from core.errors import NotAllowed

Kind = Literal["waiting", "dropped"]
State = Literal["open", "calling", "owned", "reached", "closed"]
Happening = Literal[
    "due", "held", "placed", "answered", "failed", "missed_again", "caller_called_again", "claimed", "released",
    "closed_by_person",
]  # fmt: skip
#: Why heyi does not ring a number by itself: rung as often as :data:`RINGS` allows, or marked as nuisance.
Hold = Literal["often", "nuisance"]

KIND_NAMES: dict[Kind, str] = {"waiting": "等待中挂断", "dropped": "接通即断"}
STATE_NAMES: dict[State, str] = {
    "open": "待回拨",
    "calling": "回拨中",
    "owned": "处理中",
    "reached": "已接通",
    "closed": "已关闭",
}
HOLD_NAMES: dict[Hold, str] = {
    "often": "该号码自动回拨已达上限（一小时3次、一天6次），由人处理",
    "nuisance": "号码已标记为骚扰，不自动回拨，由人处理",
}
ENDED: tuple[State, ...] = ("reached", "closed")
#: What people do: refused with a reason where the table has no such step. Else it is a fact, and one that no longer
#: concerns the item changes nothing.
BY_PEOPLE: tuple[Happening, ...] = ("claimed", "released", "closed_by_person")

CALLED_AGAIN = "来电人已再次来电"
REACHED = "已回拨接通"

#: An emergency that was cut off sooner than this after the answer was not helped.
DROPPED_S = 5.0
#: On a service line, who hangs up sooner than this has noticed that the number was wrong.
MISDIALLED_S = 3.0
#: Missed calls of one number are one item when the next comes within this time.
MERGE_WITHIN = timedelta(minutes=30)
#: Whoever forges a caller's number must not make heyi ring its owner without end: within each time so many calls out.
RINGS: tuple[tuple[timedelta, int], ...] = ((timedelta(hours=1), 3), (timedelta(days=1), 6))


def kind_of(
    *, outcome: str, waiting: bool, emergency: bool, waited_s: float, talked_s: float, ended_by: str
) -> Kind | None:
    """Whether a call of the queue ended without help, and how.

    ``outcome``, ``waiting`` and ``ended_by`` are those of :class:`telephony.events.CallEnded`, ``emergency`` is the
    kind of the line of which the call was last; seconds. Also a call that we lost while it waited (Asterisk ended, we
    gave up) is ``waiting``, and so is one that was answered, passed on, and not answered there. A call taker who hangs
    up at once has meant to.
    """
    if outcome == "voice":
        return None  # helped, or has made up his mind, before anybody was asked for
    if outcome != "answered":
        return "waiting" if emergency or waited_s >= MISDIALLED_S else None
    if waiting:
        return "waiting"
    return "dropped" if emergency and talked_s < DROPPED_S and ended_by != "agent" else None


def too_often(rings: Iterable[datetime], now: datetime) -> bool:
    """Whether a number that was rung at these times must not be rung now by itself (:data:`RINGS`)."""
    rings = list(rings)
    return any(sum(now - within < rung <= now for rung in rings) >= most for within, most in RINGS)


def may_be_out(*, at_once: int, ready: int, wrapup: int, waiting: int) -> int:
    """How many automatic calls back may be out: no more than the emergency desks can take, but one.

    ``ready`` and ``wrapup`` count those desks; ``waiting`` the emergency callers for whom no desk rings. They come
    first: while they are more than the desks that are ready, nobody is rung.
    """
    if waiting > ready:
        return 0
    return max(1, min(at_once, ready + wrapup - waiting))


@dataclass(frozen=True)
class RecallPolicy:
    """When heyi rings by itself: each try so long after the end of the one before (the first: of the missed call).

    Service calls stand on the list only: a person calls them back, at an hour fit for it.
    """

    emergency: tuple[timedelta, ...] = (timedelta(0), timedelta(seconds=60), timedelta(seconds=180))
    service: tuple[timedelta, ...] = ()

    def next_try(self, *, emergency: bool, tries: int, after: datetime) -> datetime | None:
        """When to ring, if ``tries`` were made and the last event was at ``after``; ``None``: not any more."""
        delays = self.emergency if emergency else self.service
        return after + delays[tries] if tries < len(delays) else None


@dataclass(frozen=True)
class Missed:
    """One call that ended without help."""

    call_id: str
    #: Empty where the caller withheld it: then nobody can be rung.
    number: str
    line: str
    emergency: bool
    kind: Kind
    at: datetime


@dataclass(frozen=True)
class Item:
    """What stands on the list: the missed calls of one number on one kind of line, and what was done about them."""

    id: str
    #: Latest last; never empty. Of a long row the storage gives the latest only.
    calls: tuple[Missed, ...]
    state: State = "open"
    #: Automatic calls that were decided on.
    tries: int = 0
    #: When heyi rings by itself; ``None``: it does not, a person has to.
    due_at: datetime | None = None
    #: Login of who has it, while it is owned or after this person ended it.
    owner: str = ""
    #: Id of the call that is out, or empty. On a closed item: to be hung up if nobody has picked up yet.
    out: str = ""
    #: Asterisk has taken the call that is out.
    placed: bool = False
    #: Why it ended; set exactly in the states :data:`ENDED`.
    reason: str = ""
    #: Why heyi does not ring although it would be time; empty: nothing speaks against it.
    hold: Hold | Literal[""] = ""
    #: Missed calls before the first of :attr:`calls`.
    before: int = 0

    @property
    def number(self) -> str:
        return self.calls[-1].number

    @property
    def emergency(self) -> bool:
        return self.calls[-1].emergency

    @property
    def count(self) -> int:
        return self.before + len(self.calls)

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class Edge:
    """One step; a state and a happening lead to at most one state."""

    before: State
    happening: Happening
    after: State
    #: Why this step exists.
    reason: str


_LIVE: tuple[State, ...] = tuple(s for s in get_args(State) if s not in ENDED)
EDGES: tuple[Edge, ...] = (
    Edge("open", "due", "calling", "到时自动回拨；先记下再拨，重启后也不重拨"),
    Edge("open", "held", "open", "该号码回拨过多或已标记骚扰，不再自动回拨，由人处理"),
    Edge("calling", "placed", "calling", "交换机已受理，对方振铃"),
    Edge("calling", "answered", "reached", "来电人与坐席已通话"),
    Edge("calling", "failed", "open", "未接通，等下一次；次数用完则留在清单上由人处理"),
    Edge("open", "claimed", "owned", "有人认领，自动回拨让位于人"),
    Edge("owned", "placed", "owned", "认领人亲自回拨"),
    Edge("owned", "answered", "reached", "认领人已与来电人通话"),
    Edge("owned", "failed", "owned", "亲自回拨未接通，仍归此人"),
    Edge("owned", "released", "open", "放弃或久无进展，交还大家"),
    *(Edge(state, "missed_again", state, "同一号码又未得到帮助，并入一条，只增次数") for state in _LIVE),
    *(Edge(state, "caller_called_again", "closed", "来电人再次来电并已有坐席接听，不必再拨") for state in _LIVE),
    *(Edge(state, "closed_by_person", "closed", "由人关闭，须写明理由") for state in _LIVE),
)
_TABLE = {(edge.before, edge.happening): edge.after for edge in EDGES}


@dataclass(frozen=True)
class Happened:
    """Something that concerns an item."""

    what: Happening
    at: datetime
    #: ``due``: the id chosen for the new call. ``placed``, ``answered``, ``failed``: the call out that it is about.
    call_id: str = ""
    #: Login, for what people do and for a call by hand.
    who: str = ""
    #: For ``closed_by_person``.
    reason: str = ""
    #: For ``missed_again``.
    missed: Missed | None = None
    #: For ``held``.
    hold: Hold | Literal[""] = ""


def new_item(item_id: str, missed: Missed, policy: RecallPolicy) -> Item:
    """The item that a first missed call makes."""
    return Item(item_id, (missed,), due_at=_next_try(policy, missed, 0, missed.at))


def same_matter(items: Iterable[Item], missed: Missed) -> Item | None:
    """The item that ``missed`` belongs to: same number, same kind of line, not ended, last missed within 30 minutes.

    Withheld numbers are one item for each line: nobody can be rung, and a flood of them must not bury the others.
    """
    items = list(items)
    for item in items:
        if missed.call_id in (call.call_id for call in item.calls):
            return item
    fitting = [
        item
        for item in items
        if not item.ended
        and (item.number, item.emergency) == (missed.number, missed.emergency)
        and (missed.number or item.calls[-1].line == missed.line)
        and abs(missed.at - item.calls[-1].at) <= MERGE_WITHIN
    ]
    return max(fitting, key=lambda item: item.calls[-1].at, default=None)


def to_ring(items: Iterable[Item], now: datetime, on_the_line: Collection[str] = ()) -> list[Item]:
    """The items for which ``due`` shall happen now, emergencies first, then those that are due the longest.

    ``on_the_line`` are the numbers that are in a call with us at the moment: who rings us is not rung. Nor is a number
    twice at a time, whatever items it has.
    """
    items = list(items)
    taken = {*on_the_line, *(item.number for item in items if item.out and not item.ended)}
    ring = []
    for item in sorted(items, key=lambda i: (not i.emergency, i.due_at or now, i.id)):
        if _is_due(item, now) and item.number not in taken:
            taken.add(item.number)
            ring.append(item)
    return ring


def step(item: Item, happened: Happened, policy: RecallPolicy) -> Item:
    """The item after this.

    A fact that does not concern it (told twice, about another call, too late) leaves it as it is. Where a person does
    what the table does not know, :class:`NotAllowed` is raised.
    """
    after = _TABLE.get((item.state, happened.what))
    if happened.what in BY_PEOPLE:
        _check_person(item, happened, after)
    if after is None:
        return item
    match happened.what:
        case "due":
            if not happened.call_id or not _is_due(item, happened.at):
                return item
            return replace(item, state=after, tries=item.tries + 1, due_at=None, out=happened.call_id, placed=False)
        case "held":
            return replace(item, due_at=None, hold=happened.hold) if _is_due(item, happened.at) else item
        case "placed":
            if item.state == "owned" and not item.out and happened.call_id:
                return replace(item, out=happened.call_id, placed=True)
            return replace(item, placed=True) if _about(item, happened) else item
        case "answered":
            if not _about(item, happened):
                return item
            return replace(item, state=after, out="", placed=False, due_at=None, reason=REACHED)
        case "failed":
            if not _about(item, happened):
                return item
            due = _next_try(policy, item.calls[-1], item.tries, happened.at)
            return replace(item, state=after, out="", placed=False, due_at=due)
        case "missed_again":
            return _merge(item, happened.missed, policy)
        case "claimed":
            return replace(item, state=after, owner=happened.who)
        case "released":
            return replace(item, state=after, owner="")
        case "caller_called_again":
            return replace(item, state=after, due_at=None, reason=CALLED_AGAIN)
        case "closed_by_person":
            return replace(item, state=after, owner=happened.who, due_at=None, reason=happened.reason.strip())


def _check_person(item: Item, happened: Happened, after: State | None) -> None:
    if item.ended:
        raise NotAllowed("这条未接来电已经了结", hint=item.reason)
    if not happened.who:
        raise NotAllowed("须有操作人")
    if happened.what == "closed_by_person" and not happened.reason.strip():
        raise NotAllowed("关闭未接来电须写明理由")
    if after is None:
        hint = item.owner or STATE_NAMES[item.state]
        raise NotAllowed("未接来电当前状态不能这样处理", hint=hint)
    if happened.what == "released" and item.out:
        raise NotAllowed("回拨尚未结束，不能退回", hint=item.owner)


def _about(item: Item, happened: Happened) -> bool:
    """Whether a fact is about the call that is out."""
    return bool(item.out) and happened.call_id == item.out


def _is_due(item: Item, now: datetime) -> bool:
    return item.state == "open" and not item.out and item.due_at is not None and item.due_at <= now


def _next_try(policy: RecallPolicy, missed: Missed, tries: int, after: datetime) -> datetime | None:
    if not missed.number:
        return None
    return policy.next_try(emergency=missed.emergency, tries=tries, after=after)


def _merge(item: Item, missed: Missed | None, policy: RecallPolicy) -> Item:
    if missed is None or missed.call_id in (call.call_id for call in item.calls):
        return item
    due, hold = item.due_at, item.hold
    if not item.out and _next_try(policy, missed, item.tries, missed.at) is not None:
        # the telephone is in the caller's hand: the next try is due at once, but no try is added
        due, hold = min(item.due_at or missed.at, missed.at), ""
    return replace(item, calls=(*item.calls, missed), due_at=due, hold=hold)
