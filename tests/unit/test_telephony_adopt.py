"""Calls whose beginning the event file has lost: what the ledger and Asterisk's channels say is enough to go on."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from telephony.adopt import Channel, Joined, attach, introduce, restore, strangers, untold
from telephony.calls import CallTracker
from telephony.events import CallAnswered, CallEnded, CallEvent, CallQueued, DeskJoined, LegEnded
from telephony.ledger import CallRow
from telephony.proof import claims
from tests.unit.telephony_support import DESKS, Script, at


def whole() -> tuple[Script, str, str]:
    """A call that rings at two desks, is answered by the second, and is hung up by the caller."""
    script = Script()
    call = script.arrive(0)
    in_vain = script.ring(call, "1002", 1)
    script.hang_up(in_vain, 5)
    desk = script.ring(call, "1001", 6)
    script.pick_up(call, desk, 8)
    for uid in (call, desk):
        script.leave(uid, 60)
        script.hang_up(uid, 60, by=call)
    return script, call, desk


def told(script: Script, start: int = 0, end: int | None = None, tracker: CallTracker | None = None) -> list[CallEvent]:
    tracker = tracker or CallTracker(DESKS)
    return [fact for event in script.events[start:end] for fact in tracker.feed(event)]


def row_of(call: str, facts: Sequence[CallEvent]) -> CallRow:
    return CallRow(**{"id": call, "priority": 0, "agent": "", "queue": ""} | claims(facts))


def joined_of(facts: Sequence[CallEvent]) -> list[Joined]:
    ended = {fact.channel for fact in facts if isinstance(fact, LegEnded)}
    return [
        Joined(fact.call_id or "", fact.agent, fact.agent_channel, fact.at)
        for fact in facts
        if isinstance(fact, DeskJoined) and fact.agent_channel not in ended
    ]


_SCRIPT, _CALL, _DESK = whole()
_END = next(n for n, e in enumerate(_SCRIPT.events) if e.type == "HANGUP" and e.uniqueid == _CALL)


@pytest.mark.parametrize("cut", range(1, _END + 1))
def test_wherever_the_file_was_lost_the_end_is_told_as_it_was(cut: int) -> None:
    every, before = told(_SCRIPT), told(_SCRIPT, 0, cut)
    row, events = row_of(_CALL, before), _SCRIPT.events[cut:]
    assert untold([row], events, []) == [row]
    tracker = CallTracker(DESKS)
    again = restore(tracker, [row], joined_of(before), events, [])
    after = told(_SCRIPT, cut, None, tracker)
    # Whatever the ledger can no longer know of is the ringing of a desk that had stopped before; its row has it.
    assert {f.id for f in [*before, *again, *after]} == {f.id for f in every}
    assert {f.id for f in again} <= {f.id for f in before} | {f.id for f in every if f.type == "CallRinging"}
    (end,) = [f for f in every if isinstance(f, CallEnded)]
    assert [f for f in after if isinstance(f, CallEnded)] == [end]
    assert (end.outcome, end.by, end.talked_s) == ("answered", "caller", 52.0)


def channel(uid: str, name: str, *, bridge: str = "", linked: str = "", up: bool = True, seconds: float = 0) -> Channel:
    return Channel(uid, linked or uid, name, "13800138000", bridge, up, at(seconds))


def test_a_call_that_goes_on_is_with_its_desk_again_and_what_the_file_lost_is_told() -> None:
    """The file went before the desk answered: only the bridge shows that it has."""
    script, call, desk = whole()
    before = [f for f in told(script) if f.at <= at(6)]
    row = row_of(call, before)
    living = [
        channel(call, script.channel(call), bridge="b1"),
        channel(desk, script.channel(desk), bridge="b1", linked=call, seconds=6),
        channel("tap", "WebSocket/asr/0x1"),
    ]
    assert untold([row], [], living) == [row]
    tracker = CallTracker(DESKS)
    restore(tracker, [row], [], [], living)
    news = attach(tracker, [call], living)
    assert [f.id for f in news if isinstance(f, CallAnswered | DeskJoined)] == [
        f.id for f in told(script) if isinstance(f, CallAnswered | DeskJoined)
    ]
    held = tracker.call_of_desk("1001")
    assert held is not None and held.id == call and held.channel == script.channel(call)
    # A second desk comes into the same bridge, then the caller hangs up.
    second = script.come_back(call, "1003", 30)
    assert [f.agent for f in told(script, -3, None, tracker) if isinstance(f, DeskJoined)] == ["1003"]
    script.hang_up(call, 61, by=call)
    (end,) = [f for f in told(script, -2, None, tracker) if isinstance(f, CallEnded)]
    assert (end.outcome, end.by) == ("answered", "caller") and second


def test_a_call_that_nobody_told_of_is_taken_in() -> None:
    known, new, desk = "hy1-1.0", "hy1-1.2", "hy1-1.3"
    living = [
        channel(known, "PJSIP/trunk-00000000"), channel(new, "PJSIP/trunk-00000001", bridge="b", seconds=5),
        channel(desk, "PJSIP/1001-00000002", bridge="b", linked=new, seconds=9), channel("tap", "WebSocket/asr/0x1"),
    ]  # fmt: skip
    (stranger,) = strangers(living, [known])
    assert stranger.uniqueid == new
    tracker = CallTracker(DESKS)
    facts = [*introduce(tracker, stranger, "119", "100", "emergency"), *attach(tracker, [new], living)]
    assert [(f.line, f.priority, f.queue) for f in facts if isinstance(f, CallQueued)] == [("119", 100, "emergency")]
    assert [(f.agent, f.waited_s) for f in facts if isinstance(f, CallAnswered)] == [("1001", 4.0)]
    call = tracker.call_of_desk("1001")
    assert call is not None and (call.id, call.line, call.caller) == (new, "119", "13800138000")


def test_calls_that_the_file_begins_and_calls_that_are_gone_are_left_alone() -> None:
    script, call, _ = whole()
    row = row_of(call, told(script)[:1])
    assert untold([row], script.events, []) == []
    assert untold([row], [], [channel("another", "PJSIP/trunk-00000009")]) == []


def test_a_channel_of_the_list_began_as_long_ago_as_it_says() -> None:
    message = {
        "Uniqueid": "hy1-1.0", "Linkedid": "hy1-1.0", "Channel": "PJSIP/trunk-00000000", "CallerIDNum": "138",
        "BridgeId": "b", "ChannelStateDesc": "Up", "Duration": "26:03:09",
    }  # fmt: skip
    since = at(0) - timedelta(hours=26, minutes=3, seconds=9)
    assert Channel.of(message, at(0)) == Channel("hy1-1.0", "hy1-1.0", "PJSIP/trunk-00000000", "138", "b", True, since)
    assert Channel.of({}, at(0)).since == at(0)
