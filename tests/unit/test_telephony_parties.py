"""The tracker where a call has more than two sides: transfers, consultations, linkage, supervision, kept places."""

from telephony.callids import joining, joining_id, returned, returned_id
from telephony.calls import CallTracker
from telephony.events import (
    CallArrived,
    CallEnded,
    CallEvent,
    CallHandedOver,
    CallKept,
    CallMoved,
    CallQueued,
    CallRinging,
    CallSupervised,
    CallTransferred,
    DeskJoined,
    LegEnded,
)
from tests.unit.telephony_support import DESKS, Script, at


class Told:
    """A tracker that has heard a script, and what it told."""

    def __init__(self) -> None:
        self.script = Script()
        self.tracker = CallTracker(DESKS)
        self.facts: list[CallEvent] = []

    def hear(self) -> list[CallEvent]:
        """What the events since the last time tell."""
        fresh = [fact for event in self.script.events for fact in self.tracker.feed(event)]
        self.script.events.clear()
        self.facts += fresh
        return fresh

    def answered(self) -> tuple[str, str]:
        """A caller who talks to 1001: call and leg of the desk."""
        call = self.script.arrive(0)
        leg = self.script.ring(call, "1001", 1)
        self.script.pick_up(call, leg, 2)
        self.hear()
        return call, leg


def kinds(facts: list[CallEvent]) -> list[str]:
    return [fact.type for fact in facts]


def test_ids_that_we_choose_say_what_they_are_for() -> None:
    into = joining(joining_id("link", "hy1-1795000000.7"))
    assert into is not None and (into.role, into.call_id) == ("link", "hy1-1795000000.7")
    back = returned(returned_id("recall", "119"))
    assert back is not None and (back.why, back.line) == ("recall", "119")
    for other in ("hy1-1795000000.7", "cb-1", "ln-zz-1", "rc-119-13800138000", "rc-119-abc-0000000000000000", ""):
        assert joining(other) is None and returned(other) is None


def test_a_blind_transfer_changes_whose_call_it_is() -> None:
    told = Told()
    call, first = told.answered()
    told.script.leave(first, 5)
    told.script.leave(call, 5)
    told.script.hang_up(first, 5, by="")
    second = told.script.ring(call, "1002", 5.1)
    told.script.pick_up(call, second, 8, "b2")
    facts = told.hear()
    assert kinds(facts) == ["LegEnded", "CallRinging", "DeskJoined"]
    joined = facts[-1]
    assert isinstance(joined, DeskJoined) and (joined.agent, joined.role) == ("1002", "agent")
    assert told.tracker.calls[call].agent == "1002"
    told.script.hang_up(call, 20, by=call)
    ended = [f for f in told.hear() if isinstance(f, CallEnded)]
    assert [(e.outcome, e.by, e.talked_s) for e in ended] == [("answered", "caller", 18.0)]


def test_a_consultation_becomes_a_conference_and_then_a_transfer() -> None:
    told = Told()
    call, first = told.answered()
    told.script.leave(first, 5)
    told.script.leave(call, 5)
    second = told.script.ring(call, "1002", 5.1)
    told.script.tell("ANSWER", second, 7)
    told.script.tell("BRIDGE_ENTER", second, 7, bridge_id="b2")
    told.script.tell("BRIDGE_ENTER", first, 7, bridge_id="b2")
    facts = told.hear()
    assert [(f.agent, f.role) for f in facts if isinstance(f, DeskJoined)] == [("1002", "consult")]
    assert told.tracker.calls[call].agent == "1001"
    told.script.tell("BRIDGE_ENTER", call, 12, bridge_id="b2")
    assert [(f.agent, f.role) for f in told.hear() if isinstance(f, DeskJoined)] == [("1002", "link")]
    assert told.tracker.calls[call].agent == "1001"
    told.script.leave(first, 14, "b2")
    told.script.hang_up(first, 14, by=first)
    facts = told.hear()
    assert kinds(facts) == ["LegEnded", "CallHandedOver"]
    assert isinstance(facts[1], CallHandedOver) and facts[1].agent == "1002"


def test_a_desk_called_in_rings_for_the_call_and_leaves_it_to_its_owner() -> None:
    told = Told()
    call, _ = told.answered()
    uid = joining_id("link", call)
    told.script._new("PJSIP/1003", "", "1003", uid)
    told.script.tell("CHAN_START", uid, 5, context="from-desk")
    ringing = told.hear()
    assert [(f.call_id, f.agent, f.role) for f in ringing if isinstance(f, CallRinging)] == [(call, "1003", "link")]
    told.script.tell("BRIDGE_ENTER", uid, 8, bridge_id="b1")
    joined = told.hear()
    assert [(f.agent, f.role) for f in joined if isinstance(f, DeskJoined)] == [("1003", "link")]
    assert told.tracker.calls[call].agent == "1001"
    told.script.hang_up(uid, 30, by=uid)
    assert kinds(told.hear()) == ["LegEnded"], "the call goes on with its owner"


def test_somebody_outside_who_is_called_in_is_no_new_caller() -> None:
    told = Told()
    call, _ = told.answered()
    uid = joining_id("link", call)
    told.script._new("PJSIP/trunk", "", "05951200", uid)
    told.script.tell("CHAN_START", uid, 5, context="from-trunk")
    told.script.tell("BRIDGE_ENTER", uid, 8, bridge_id="b1")
    assert told.hear() == []
    assert [leg.kind for leg in told.tracker.calls[call].legs.values() if leg.joined] == ["desk", "outside"]
    told.script.hang_up(uid, 30, by=uid)
    (leg,) = told.hear()
    assert isinstance(leg, LegEnded) and (leg.kind, leg.extension, leg.joined) == ("outside", "", True)


def test_a_supervisor_is_told_with_each_mode_once_however_often_it_is_read() -> None:
    told = Told()
    told.tracker = CallTracker((*DESKS, "1009"))
    call, _ = told.answered()
    uid = joining_id("supervisor", call)
    told.script._new("PJSIP/1009", "", "1009", uid)
    told.script.tell("CHAN_START", uid, 5)
    for second, mode in ((6, "listen:1"), (9, "whisper:2"), (12, "barge:3")):
        told.script.tell("USER_DEFINED", uid, second, name="SUPERVISE", extra=mode)
    events = list(told.script.events)
    told.script.events += events[-3:]
    facts = told.hear()
    watched = [(f.agent, f.mode) for f in facts if isinstance(f, CallSupervised)]
    assert watched == [("1009", "listen"), ("1009", "whisper"), ("1009", "barge")]
    assert not [f for f in facts if isinstance(f, CallRinging)], "no desk of the queue rings for it"


def test_a_caller_who_waits_again_is_told_as_moved_and_once() -> None:
    told = Told()
    call = told.script.arrive(0, line="12345", priority=20)
    told.script.queue(call, 60, 21, "service-wide")
    events = list(told.script.events)
    facts = told.hear()
    assert [(f.queue, f.priority) for f in facts if isinstance(f, CallQueued)] == [("emergency", 20)]
    assert [(f.queue, f.priority) for f in facts if isinstance(f, CallMoved)] == [("service-wide", 21)]
    told.script.events += events
    assert [f for f in told.hear() if isinstance(f, CallMoved | CallQueued)] == []
    assert told.tracker.calls[call].queue == "service-wide"


def test_a_kept_place_is_told_and_its_caller_has_not_given_up_the_queue() -> None:
    told = Told()
    call = told.script.arrive(0, line="12345", priority=20)
    told.script.tell("USER_DEFINED", call, 30, name="KEPT", extra="20:emergency:1")
    told.script.hang_up(call, 33, by="")
    facts = told.hear()
    (kept,) = [f for f in facts if isinstance(f, CallKept)]
    assert (kept.line, kept.caller, kept.queue, kept.priority) == ("12345", "13800138000", "emergency", 20)


def test_a_returned_call_is_of_its_line_and_answered_by_a_person_only() -> None:
    told = Told()
    uid = returned_id("recall", "119")
    told.tracker = CallTracker(DESKS, {uid: "13800138000"})
    told.script._new("PJSIP/trunk", "", "", uid)
    told.script.tell("CHAN_START", uid, 0, context="from-trunk")
    told.script.tell("ANSWER", uid, 4)
    (arrived,) = told.hear()
    assert isinstance(arrived, CallArrived)
    assert (arrived.direction, arrived.line, arrived.caller) == ("back", "119", "13800138000")
    told.script.queue(uid, 6, 105)
    leg = told.script.ring(uid, "1001", 6)
    told.script.pick_up(uid, leg, 9)
    told.script.hang_up(uid, 30, by=uid)
    (ended,) = [f for f in told.hear() if isinstance(f, CallEnded)]
    assert (ended.outcome, ended.talked_s) == ("answered", 21.0)


def test_what_a_desk_dials_is_its_call_from_the_first_ring_on() -> None:
    told = Told()
    uid = told.script._new("PJSIP/1001", "", "1001")
    told.script.tell("CHAN_START", uid, 0, context="from-desk", exten="13900139000")
    other = told.script._new("PJSIP/trunk", uid, "13900139000")
    told.script.tell("CHAN_START", other, 0.1, context="from-trunk")
    (arrived,) = told.hear()
    assert isinstance(arrived, CallArrived)
    assert (arrived.direction, arrived.caller, arrived.agent) == ("out", "13900139000", "1001")
    found = told.tracker.call_of_desk("1001")
    assert found is not None and found.id == uid
    told.script.hang_up(other, 20, by="", cause=19)
    told.script.hang_up(uid, 20, by="")
    (ended,) = [f for f in told.hear() if isinstance(f, CallEnded)]
    assert (ended.outcome, ended.recording) == ("unanswered", "")


def test_a_telephones_own_consultation_that_becomes_a_transfer_is_told() -> None:
    """asterisk#759: attended transfers are missing from the log. Who has the caller is named by what was dialled."""
    told = Told()
    call, leg = told.answered()
    for number in ("1002", "13900139000"):
        asks = told.script._new("PJSIP/1001", "", "1001")
        told.script.tell("CHAN_START", asks, 5, context="from-desk", exten=number)
        asked = told.script._new("PJSIP/1002" if number == "1002" else "PJSIP/trunk", asks, number)
        told.hear()
        told.script.tell(
            "ATTENDEDTRANSFER", leg, 9, bridge1_id="b1", channel2_uniqueid=asks,
            channel2_name=told.script.channel(asks), transferee_channel_uniqueid=call,
            transfer_target_channel_name=told.script.channel(asked), transfer_target_channel_uniqueid=asked,
        )  # fmt: skip
        (passed,) = told.hear()
        assert isinstance(passed, CallTransferred)
        assert (passed.call_id, passed.agent, passed.kind, passed.target) == (call, "1001", "attended", number)


def test_a_telephones_own_transfer_is_told() -> None:
    """asterisk#759: transfers are missing from the log."""
    told = Told()
    call, leg = told.answered()
    told.script.tell("BLINDTRANSFER", leg, 5, extension="1002", context="from-desk", bridge_id="b1")
    (passed,) = told.hear()
    assert isinstance(passed, CallTransferred)
    assert (passed.call_id, passed.agent, passed.kind, passed.target, passed.at) == (
        call,
        "1001",
        "blind",
        "1002",
        at(5),
    )
