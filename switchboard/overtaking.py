"""Who came before whom after both began to wait, and why: the order that each caller found, against now. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from switchboard.priority import Caller, Passed, Reason, explain, order, standing


@dataclass(frozen=True)
class Place:
    """A waiting caller and where he waits."""

    caller: Caller
    #: Skill group whose desks he gets.
    group: str
    #: Waits where the emergencies do: Asterisk gives these a desk before all others, whatever the priorities say.
    urgent: bool


@dataclass(frozen=True)
class _Joined:
    """The order when somebody began to wait in his group."""

    place: Place
    #: Everybody who waited then, by call id; and those of them who stood before him.
    others: dict[str, Place]
    ahead: frozenset[str]


class Overtaking:
    """Remembers for each caller the order in which he began to wait.

    ``ceiling`` and ``top`` as :func:`switchboard.priority.limits` gives them.
    """

    def __init__(self, ceiling: int, top: int) -> None:
        self._ceiling, self._top = ceiling, top
        self._now: dict[str, Place] = {}
        self._joined: dict[str, _Joined] = {}

    def note(self, places: Sequence[Place]) -> None:
        """All who wait now. Who is new, or waits in another group than before, begins from here."""
        self._now = {place.caller.call_id: place for place in places}
        self._joined = {call_id: joined for call_id, joined in self._joined.items() if call_id in self._now}
        for call_id, place in self._now.items():
            joined = self._joined.get(call_id)
            if joined is None or joined.place.group != place.group:
                self._joined[call_id] = _Joined(place, dict(self._now), frozenset(self._ahead(call_id)))

    def passed(self, call_id: str) -> tuple[Passed, ...]:
        """Who stands before this caller now and did not when he began to wait, in the order of the queue."""
        joined, mine = self._joined.get(call_id), self._now.get(call_id)
        if joined is None or mine is None:
            return ()
        ahead = [other for other in self._ahead(call_id) if other not in joined.ahead]
        urgent = [other for other in ahead if self._before_all(other, mine)]
        peers = [other for other in ahead if other not in urgent]
        before = [joined.others[other].caller for other in peers if other in joined.others]
        after = [self._now[other].caller for other in peers]
        return (
            *(Passed(other, self._strongest(other)) for other in urgent),
            *explain([*before, joined.place.caller], [*after, mine.caller], call_id, self._ceiling, self._top),
        )

    def _ahead(self, call_id: str) -> list[str]:
        """Those before him, first those whom no priority could hold back."""
        mine = self._now[call_id]
        urgent = [place.caller for other, place in self._now.items() if self._before_all(other, mine)]
        own = [place.caller for place in self._now.values() if place.group == mine.group]
        queue = order(own, self._ceiling, self._top)
        return [*order(urgent, self._ceiling, self._top), *queue[: queue.index(call_id)]]

    def _before_all(self, other: str, mine: Place) -> bool:
        return self._now[other].urgent and not mine.urgent

    def _strongest(self, call_id: str) -> Reason:
        return standing(self._now[call_id].caller, self._ceiling, self._top).reasons[0]
