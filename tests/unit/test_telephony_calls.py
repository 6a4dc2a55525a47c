"""The tracker of calls: named scenarios, and what must hold for any stream of events."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.calls import CallTracker
from telephony.cel import CelEvent
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallEvent,
    CallQueued,
    CallRingEnded,
    CallRinging,
    DeskJoined,
    KeyPressed,
    LegEnded,
)
from tests.unit.telephony_support import DESKS, Script, at


def play(events: list[CelEvent], tracker: CallTracker | None = None) -> list[CallEvent]:
    tracker = tracker or CallTracker(DESKS)
    return [fact for event in events for fact in tracker.feed(event)]


def of(facts: list[CallEvent], *types: type[CallEvent]) -> list[CallEvent]:
    return [fact for fact in facts if isinstance(fact, types)]


def ends(facts: list[CallEvent]) -> list[CallEnded]:
    return [fact for fact in facts if isinstance(fact, CallEnded)]


# -- scenarios


def answered(script: Script) -> str:
    call = script.arrive(0)
    leg = script.ring(call, "1001", 0.1)
    script.pick_up(call, leg, 4)
    script.leave(call, 34)
    script.leave(leg, 34)
    script.hang_up(call, 34, by=call)
    script.hang_up(leg, 34.01, by=call)
    return call


def abandoned(script: Script) -> str:
    call = script.arrive(0)
    leg = script.ring(call, "1001", 1)
    script.hang_up(leg, 7, by=call)
    script.hang_up(call, 7, by=call)
    return call


def abandoned_in_the_greeting(script: Script) -> str:
    call = script.arrive(0, line="12345", priority=20)
    script.events.pop()  # it never came as far as the queue
    script.hang_up(call, 2, by=call)
    return call


def ended_by_the_desk(script: Script) -> str:
    call = script.arrive(0)
    leg = script.ring(call, "1001", 0)
    script.pick_up(call, leg, 5)
    script.leave(leg, 65)
    script.hang_up(leg, 65, by=leg)
    script.leave(call, 65)
    script.hang_up(call, 65, by=leg)
    return call


def given_up_by_us(script: Script) -> str:
    call = script.arrive(0)
    script.hang_up(call, 90, cause=34)
    return call


def second_desk_answers(script: Script) -> str:
    call = script.arrive(0)
    first = script.ring(call, "1001", 0)
    script.hang_up(first, 20, cause=19)
    second = script.ring(call, "1002", 21)
    script.pick_up(call, second, 25)
    script.leave(call, 35)
    script.hang_up(call, 35, by=call)
    script.hang_up(second, 35, by=call)
    return call


def last_resort(script: Script) -> str:
    """Nobody in time: all emergency desks ring at once, the first to answer has the call."""
    call = script.arrive(0)
    legs = [script.ring(call, desk, 25) for desk in ("1001", "1002", "1003")]
    script.pick_up(call, legs[1], 28)
    script.hang_up(legs[0], 28, cause=26)
    script.hang_up(legs[2], 28, cause=26)
    script.leave(call, 58)
    script.hang_up(call, 58, by=call)
    script.hang_up(legs[1], 58, by=call)
    return call


def page_refreshed(script: Script) -> str:
    """The desk comes back on a new channel before its former one is dropped; the caller hears no gap."""
    call = script.arrive(0)
    first = script.ring(call, "1001", 0)
    script.pick_up(call, first, 2)
    second = script.come_back(call, "1001", 10)
    script.leave(first, 11)
    script.hang_up(first, 11)
    script.leave(call, 32)
    script.hang_up(call, 32, by=call)
    script.leave(second, 32)
    script.hang_up(second, 32)
    return call


def callback_taken(script: Script) -> str:
    call = script.place(0)
    script.tell("ANSWER", call, 8)
    script.key(call, 20, "satisfaction:1")
    script.hang_up(call, 28)
    return call


def callback_not_taken(script: Script) -> str:
    call = script.place(0)
    script.hang_up(call, 45, by=call, cause=19)
    return call


@pytest.mark.parametrize(
    ("scenario", "outcome", "by", "agent", "waited", "talked", "cause"),
    [
        (answered, "answered", "caller", "1001", 4, 30, 16),
        (abandoned, "abandoned", "caller", "", None, 0, 16),
        (abandoned_in_the_greeting, "abandoned", "caller", "", None, 0, 16),
        (ended_by_the_desk, "answered", "agent", "1001", 5, 60, 16),
        (given_up_by_us, "unanswered", "system", "", None, 0, 34),
        (second_desk_answers, "answered", "caller", "1002", 25, 10, 16),
        (last_resort, "answered", "caller", "1002", 28, 30, 16),
        (page_refreshed, "answered", "caller", "1001", 2, 30, 16),
        (callback_taken, "answered", "system", "", None, 20, 16),
        (callback_not_taken, "unanswered", "caller", "", None, 0, 19),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_how_calls_end(
    scenario: Callable[[Script], str], outcome: str, by: str, agent: str, waited: float | None, talked: float,
    cause: int,
) -> None:  # fmt: skip
    script = Script()
    call = scenario(script)
    tracker = CallTracker(DESKS)
    facts = play(script.events, tracker)
    assert [f.call_id for f in of(facts, CallArrived)] == [call]
    (end,) = ends(facts)
    assert (end.outcome, end.by, end.talked_s, end.cause) == (outcome, by, talked, cause)
    answers = [(f.agent, f.waited_s) for f in facts if isinstance(f, CallAnswered)]
    assert answers == ([(agent, waited)] if agent else [])
    assert {f.call_id for f in facts} == {call}
    assert (tracker.calls, tracker.is_over(call), tracker.call_of_desk("1001")) == ({}, True, None)


def test_the_facts_of_an_answered_call_in_their_order() -> None:
    script = Script()
    answered(script)
    facts = play(script.events)
    assert [type(f) for f in facts] == [
        CallArrived, CallQueued, CallRinging, CallAnswered, DeskJoined, CallEnded, LegEnded, LegEnded
    ]  # fmt: skip
    queued = facts[1]
    assert isinstance(queued, CallQueued) and (queued.line, queued.priority) == ("119", 100)


def test_every_desk_that_rang_in_vain_stops_ringing() -> None:
    script = Script()
    last_resort(script)
    facts = play(script.events)
    rang = [f.agent for f in facts if isinstance(f, CallRinging)]
    ended = [f.agent for f in facts if isinstance(f, CallRingEnded)]
    assert (rang, ended) == (["1001", "1002", "1003"], ["1001", "1003"])
    legs = {f.extension: f.joined for f in facts if isinstance(f, LegEnded) and f.kind == "desk"}
    assert legs == {"1001": False, "1002": True, "1003": False}


def test_a_refreshed_page_keeps_the_call_and_its_recording() -> None:
    """Browser-Phone#267: a refresh drops the call. mikopbx/Core#1084: the recording loses its call."""
    script = Script()
    call = page_refreshed(script)
    tracker = CallTracker(DESKS)
    told: list[CallEvent] = []
    for event in script.events:
        told += tracker.feed(event)
        if at(2) < event.at < at(32):
            assert tracker.calls[call].state == "talking"
            held = tracker.call_of_desk("1001")
            assert held is not None and held.id == call
    assert len(of(told, DeskJoined)) == 2
    assert len(of(told, CallAnswered)) == 1
    assert ends(told)[0].recording == f"{call}.wav"


def test_a_round_in_the_queue_raises_the_priority_and_is_not_a_second_arrival() -> None:
    script = Script()
    call = script.arrive(0, line="12345", priority=20)
    script.queue(call, 60, 21)
    tracker = CallTracker(DESKS)
    facts = play(script.events, tracker)
    assert len(of(facts, CallQueued)) == 1
    assert (tracker.calls[call].priority, tracker.calls[call].state) == (21, "queued")


def test_a_callback_tells_the_key_and_has_a_recording_only_if_taken() -> None:
    for scenario, keys, recorded in ((callback_taken, [("satisfaction", "1")], True), (callback_not_taken, [], False)):
        script = Script()
        call = scenario(script)
        facts = play(script.events)
        arrived = facts[0]
        assert isinstance(arrived, CallArrived) and (arrived.direction, arrived.line) == ("out", "callback")
        assert [(f.question, f.digit) for f in facts if isinstance(f, KeyPressed)] == keys
        assert ends(facts)[0].recording == (f"{call}.wav" if recorded else "")


def test_abandoned_calls_are_a_list_with_number_and_time_also_when_learned_late() -> None:
    """qpanel#265: a list, not a percentage. AsterNET#273: calls abandoned while the application was down are lost."""
    script = Script()
    left = [abandoned(script) for _ in range(3)]
    answered(script)
    facts = play(script.events)  # read from the file in one go
    arrived = {f.call_id: f for f in facts if isinstance(f, CallArrived)}
    gone = [f for f in ends(facts) if f.outcome == "abandoned"]
    assert [f.call_id for f in gone] == left
    assert [(arrived[f.call_id].caller, arrived[f.call_id].line, f.at) for f in gone] == [
        ("13800138000", "119", at(7))
    ] * 3


def test_what_is_no_call_of_a_citizen_is_no_call() -> None:
    script = Script()
    tap = script._new("WebSocket/asr", "", "")
    script.tell("CHAN_START", tap, 0, context="default")
    script.hang_up(tap, 1)
    script._channels["ghost"] = ("PJSIP/trunk-000000ff", "ghost", "1")
    script.hang_up("ghost", 4)
    script.key("ghost", 5, "satisfaction:1")
    assert play(script.events) == []


def test_calls_that_vanished_with_asterisk_are_ended_once() -> None:
    script = Script()
    waiting = script.arrive(0)
    talking = script.arrive(1)
    script.pick_up(talking, script.ring(talking, "1001", 1), 3)
    alive = script.arrive(2)
    later = script.arrive(62.5)
    tracker = CallTracker(DESKS)
    play(script.events, tracker)
    gone = tracker.lost({alive}, at(62), at(63))
    told = ends(gone)
    assert {(f.call_id, f.outcome, f.by, f.talked_s) for f in told} == {
        (waiting, "lost", "system", 0.0), (talking, "answered", "system", 60.0)
    }  # fmt: skip
    # Their desks are free again: the legs ended too.
    assert {f.extension for f in gone if isinstance(f, LegEnded) and f.kind == "desk"} == {"1001"}
    assert tracker.lost({alive, later}, at(64), at(64)) == []
    # A call that came after Asterisk had named its channels is not lost for not being among them.
    assert list(tracker.calls) == [alive, later]


# -- what holds for any stream

SCENARIOS: list[Callable[[Script], str]] = [
    answered, abandoned, abandoned_in_the_greeting, ended_by_the_desk, given_up_by_us, second_desk_answers,
    last_resort, page_refreshed,
]  # fmt: skip


@st.composite
def interleaved(draw: st.DrawFn) -> list[CelEvent]:
    """The events of several calls at once, each call's own in their order."""
    script = Script()
    parts: list[list[CelEvent]] = []
    for number, scenario in enumerate(draw(st.lists(st.sampled_from(SCENARIOS), min_size=1, max_size=4))):
        script.events = []
        scenario(script)
        for event in script.events:  # a bridge of its own for each call
            if "bridge_id" in event.extra:
                event.extra["bridge_id"] = f"b{number}"
        parts.append(script.events)
    order = draw(st.permutations([n for n, part in enumerate(parts) for _ in part]))
    return [parts[n].pop(0) for n in order]


@settings(deadline=None)
@given(interleaved())
def test_every_call_that_arrived_ends_exactly_once(events: list[CelEvent]) -> None:
    tracker = CallTracker(DESKS)
    facts = play(events, tracker)
    arrived = [f.call_id for f in of(facts, CallArrived)]
    assert sorted(arrived) == sorted(str(f.call_id) for f in ends(facts))
    assert len(arrived) == len(set(arrived)) > 0
    assert tracker.calls == {}
    assert len({f.id for f in facts}) == len(facts)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_one_call_read_again_from_any_place_tells_nothing_new(scenario: Callable[[Script], str]) -> None:
    """A desk that had left was once believed to consult when its bridge was read again while the call went on."""
    script = Script()
    scenario(script)
    events = script.events
    known = {fact.id for fact in play(events)}
    for stop in range(len(events) + 1):
        for back in range(stop + 1):
            tracker = CallTracker(DESKS)
            facts = play([*events[:stop], *events[back:]], tracker)
            assert {fact.id for fact in facts} == known, (stop, back)
            assert tracker.calls == {}


@settings(deadline=None)
@given(interleaved(), st.data())
def test_events_that_come_again_tell_nothing_new(events: list[CelEvent], data: st.DataObject) -> None:
    """After a lost connection the file tells again what came live, from some earlier place up to some later one."""
    first = play(events)
    known = {fact.id: fact for fact in first}
    stop = data.draw(st.integers(0, len(events)), "live until")
    back = data.draw(st.integers(0, stop), "read again from")
    tracker = CallTracker(DESKS)
    facts = play([*events[:stop], *events[back:], *events], tracker)
    told: dict[str, CallEvent] = {}
    for fact in facts:
        told.setdefault(fact.id, fact)  # the ledger takes the first
    assert told == known
    assert tracker.calls == {}


@settings(deadline=None)
@given(interleaved(), st.randoms(use_true_random=False))
def test_events_that_are_missing_never_break_the_tracker_nor_invent_an_end(events: list[CelEvent], random) -> None:  # type: ignore[no-untyped-def]
    kept = [event for event in events if random.random() < 0.7]
    facts = play(kept)
    arrived = {f.call_id for f in of(facts, CallArrived)}
    ended = [f.call_id for f in ends(facts)]
    hung_up = {event.uniqueid for event in kept if event.type == "HANGUP"}
    assert len(ended) == len(set(ended))
    assert set(ended) == arrived & hung_up


@settings(deadline=None)
@given(interleaved())
def test_facts_of_a_call_are_in_an_order_that_can_be_believed(events: list[CelEvent]) -> None:
    facts = play(events)
    rank = {CallArrived: 0, CallQueued: 1, CallAnswered: 2, CallEnded: 3}
    for call_id in {f.call_id for f in facts}:
        ranks = [rank[type(f)] for f in facts if f.call_id == call_id and type(f) in rank]
        assert ranks == sorted(set(ranks))


def test_who_was_consulted_and_then_joined_by_the_caller_is_told_as_a_third() -> None:
    """Telling it twice (live and from the file) adds nothing: the second telling has the same id."""
    script = Script()
    call = script.arrive(0)
    mine = script.ring(call, "1001", 1)
    script.pick_up(call, mine, 2)
    for channel in (mine, call):
        script.leave(channel, 9)
    asked = script.ring(call, "1002", 10)
    script.tell("BRIDGE_ENTER", asked, 12, bridge_id="b2")
    script.tell("BRIDGE_ENTER", mine, 12, bridge_id="b2")
    script.tell("BRIDGE_ENTER", call, 20, bridge_id="b2")
    joined = [f for f in of(play(script.events), DeskJoined) if f.agent == "1002"]
    assert [(f.role, f.at) for f in joined] == [("consult", at(12)), ("link", at(20))]
    assert len({f.id for f in joined}) == 2
    assert of(play([*script.events, *script.events]), DeskJoined)[-1].id == joined[-1].id


@pytest.mark.parametrize("context", ["from-probe", "from-trunk", "from-desk", "emergency"])
def test_the_line_check_makes_no_call(context: str) -> None:
    """Its caller walks a line's whole way through queue and bridge; neither it nor its robot is anybody's call."""
    script = Script()
    caller = script._new("PJSIP/probe", "", "119")
    script.tell("CHAN_START", caller, 0, context=context, exten="119")
    script.tell("USER_DEFINED", caller, 0, context="line-in", name="LINE", extra="119")
    script.tell("ANSWER", caller, 0, context="line-in")
    script.queue(caller, 0, 100)
    robot = script._new("PJSIP/probe", caller, "probe")
    script.tell("CHAN_START", robot, 0.1, context=context)
    script.pick_up(caller, robot, 1)
    script.leave(caller, 3)
    script.leave(robot, 3)
    script.hang_up(robot, 3, by=caller)
    script.hang_up(caller, 3, by=caller)
    tracker = CallTracker(DESKS)
    assert play(script.events, tracker) == []
    assert not tracker.calls
