"""Which desks a live call belongs to, from the channel events that Asterisk sends where several desks ring at once."""

from types import SimpleNamespace
from typing import cast

from switchboard.views import CallView, live_calls
from telephony.bridge import Bridge
from telephony.calls import CallTracker
from tests.unit.telephony_support import DESKS, Script


class Board:
    """A switchboard over a tracker that has heard a script."""

    def __init__(self) -> None:
        self.script = Script()
        self._tracker = CallTracker(DESKS)
        self._bridge = cast(Bridge, SimpleNamespace(calls=self._tracker))

    def view(self, call_id: str) -> CallView:
        for event in self.script.events:
            self._tracker.feed(event)
        self.script.events.clear()
        return next(call for call in live_calls(self._bridge) if call.call_id == call_id)


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


def test_a_desk_that_is_consulted_rings_for_the_call_while_the_other_keeps_it() -> None:
    board = Board()
    call = board.script.arrive(0)
    mine = board.script.ring(call, "1001", 1)
    board.script.pick_up(call, mine, 2)
    board.script.leave(mine, 9)
    board.script.leave(call, 9)
    asked = board.script.ring(call, "1002", 10)
    view = board.view(call)
    assert (view.state, view.agent, view.ringing) == ("talking", "1001", {"1002"})
    assert [(p.extension, p.role) for p in view.called] == [("1002", "agent")]
    board.script.tell("BRIDGE_ENTER", asked, 12, bridge_id="b2")
    board.script.tell("BRIDGE_ENTER", mine, 12, bridge_id="b2")
    view = board.view(call)
    assert (view.called, view.ringing, view.desks) == ((), frozenset(), {"1001", "1002"})
    assert [(p.extension, p.role) for p in view.parties] == [("1001", "agent"), ("1002", "consult")]
    # The caller comes to both: from now on the third takes part in the conversation.
    board.script.tell("BRIDGE_ENTER", call, 20, bridge_id="b2")
    assert [(p.extension, p.role) for p in board.view(call).parties] == [("1001", "agent"), ("1002", "link")]


def test_a_desk_to_which_a_call_is_passed_has_it_from_its_first_ring_on() -> None:
    board = Board()
    call = board.script.arrive(0)
    mine = board.script.ring(call, "1001", 1)
    board.script.pick_up(call, mine, 2)
    board.script.leave(call, 9)
    board.script.hang_up(mine, 9)
    board.script.ring(call, "1002", 10)
    view = board.view(call)
    assert (view.agent, view.ringing, view.desks) == ("1002", {"1002"}, {"1002"})


def test_a_leg_left_over_from_the_first_ringing_is_nobody_who_is_called_in() -> None:
    board = Board()
    call = board.script.arrive(0)
    board.script.ring(call, "1001", 1)
    second = board.script.ring(call, "1002", 1)
    board.script.pick_up(call, second, 4)
    assert board.view(call).called == ()
