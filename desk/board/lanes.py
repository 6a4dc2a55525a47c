"""In which lane of the board an open ticket stands, and in what order. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from ticketing.dispatch.pending import Pending

#: ``emergency``: every emergency until it is reported; ``waiting``: nobody was sent; ``overdue``: somebody was, and a
#: clock has run out; ``moving``: somebody was, in time.
Lane = Literal["emergency", "waiting", "overdue", "moving"]
LANES: tuple[Lane, ...] = get_args(Lane)
LANE_NAMES: dict[Lane, str] = {"emergency": "紧急", "waiting": "待派", "overdue": "超时", "moving": "在办"}
#: Rows of a lane that a page gets unless it asks for more, and at most.
SHOWN, MOST = 40, 400
_UNGRADED = 5
#: After everything that has a due time; in milliseconds.
_NEVER = 9_000_000_000_000


@dataclass(frozen=True)
class Laid:
    """One lane: all its tickets in their order."""

    key: Lane
    tickets: list[Pending]
    #: How many of them are late, and how many nobody was sent to.
    late: int
    waits: int


def lane_of(one: Pending, now: datetime) -> Lane | None:
    """None: nothing for the dispatcher. A draft of a service call is still its call taker's; an emergency's is shown at
    once, for whoever sends need not wait for the form.
    """
    if one.carried:
        return None
    if one.is_emergency:
        return "emergency"
    if one.state == "draft":
        return None
    if one.waits:
        return "waiting"
    return "overdue" if one.late(now) else "moving"


def order_of(one: Pending) -> tuple[int, int, int, int, str]:
    """The less, the further up: what nobody was sent to (among emergencies), then by grade, then what is due first,
    then the older. No part of it changes by time passing.
    """
    due = _NEVER if one.due_at is None else _ms(one.due_at)
    return int(one.is_emergency and not one.waits), one.grade or _UNGRADED, due, _ms(one.created_at), one.id


def laid(found: Iterable[Pending], now: datetime) -> list[Laid]:
    """All lanes from the top, each ordered."""
    lanes: dict[Lane, list[Pending]] = {lane: [] for lane in LANES}
    for one in found:
        lane = lane_of(one, now)
        if lane is not None:
            lanes[lane].append(one)
    return [
        Laid(lane, sorted(tickets, key=order_of), sum(t.late(now) for t in tickets), sum(t.waits for t in tickets))
        for lane, tickets in lanes.items()
    ]


def shown(lanes: Iterable[Laid], wanted: Mapping[str, int]) -> dict[str, Lane]:
    """Ids of the tickets that a page gets: of each lane the first so many, at least one and at most :data:`MOST`."""
    return {
        ticket.id: lane.key
        for lane in lanes
        for ticket in lane.tickets[: max(1, min(wanted.get(lane.key, SHOWN), MOST))]
    }


def at_level(found: Iterable[Pending], level: str, level_of: Callable[[str], str]) -> list[Pending]:
    """Those whose main department stands at this level of the city; all where it is empty."""
    return [one for one in found if not level or (one.department and level_of(one.department) == level)]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
