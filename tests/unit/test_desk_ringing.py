"""Which desks a live call belongs to, from the channel events that Asterisk sends where several desks ring at once."""

from types import SimpleNamespace
from typing import cast

from core.bus import Bus
from core.clock import ManualClock
from core.settings import Settings
from telephony.bridge import Bridge
from telephony.calls import CallTracker
from telephony.switchboard import CallView, Switchboard
from tests.unit.telephony_support import DESKS, Script, at


class Board:
    """A switchboard over a tracker that has heard a script."""

    def __init__(self) -> None:
        self.script = Script()
        self._tracker = CallTracker(DESKS)
        bridge = cast(Bridge, SimpleNamespace(calls=self._tracker))
        self._switchboard = Switchboard(Settings(), bridge, Bus(), ManualClock(at(0)))

    def view(self, call_id: str) -> CallView:
        for event in self.script.events:
            self._tracker.feed(event)
        self.script.events.clear()
        return next(call for call in self._switchboard.calls() if call.call_id == call_id)


def test_a_call_is_with_every_desk_that_rings_and_then_with_the_one_that_answered() -> None:
    board = Board()
    call = board.script.arrive(0)
    assert (board.view(call).ringing, board.view(call).desks) == (frozenset(), frozenset())
    first = board.script.ring(call, "1001", 1)
    second = board.script.ring(call, "1002", 1)
    view = board.view(call)
    assert (view.state, view.agent, view.desks) == ("ringing", "1001", {"1001", "1002"})
    assert view.ringing == view.desks
    board.script.pick_up(call, second, 4)
    view = board.view(call)
    # The first desk's leg is still there for a moment: it rings for nobody any more.
    assert (view.state, view.agent, view.ringing, view.desks) == ("talking", "1002", frozenset(), {"1002"})
    board.script.hang_up(first, 4.1, by=first)
    assert board.view(call).desks == {"1002"}


def test_a_desk_that_stops_ringing_no_longer_has_the_call() -> None:
    board = Board()
    call = board.script.arrive(0)
    first = board.script.ring(call, "1001", 1)
    board.script.ring(call, "1002", 1)
    board.script.hang_up(first, 3, by=first)
    assert (board.view(call).agent, board.view(call).desks) == ("1002", {"1002"})


def test_a_desk_that_talks_is_not_among_those_that_ring_for_another_caller() -> None:
    board = Board()
    other = board.script.arrive(0)
    board.script.pick_up(other, board.script.ring(other, "1001", 1), 2)
    call = board.script.arrive(3)
    board.script.ring(call, "1001", 4)
    board.script.ring(call, "1002", 4)
    assert (board.view(call).agent, board.view(call).desks) == ("1002", {"1002"})
    assert board.view(other).desks == {"1001"}
