"""The tracker of desks: what is shown, since when, and that it is told only when it changes."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.city import Desk
from telephony.agents import AWAY, WRAPUP, Agent, AgentTracker, state_of
from telephony.calls import CallTracker
from telephony.events import AgentChanged, AgentState, CallEvent, CallRingEnded, CallRinging, DeskJoined, LegEnded
from tests.unit.telephony_support import DESKS, START, Script, at

NOT_IN_USE, IN_USE, BUSY, INVALID, UNAVAILABLE, RINGING, ON_HOLD = "1", "2", "3", "4", "5", "6", "8"


def member(desk: str = "1001", status: str = NOT_IN_USE, *, paused: bool = False, reason: str = "") -> dict[str, str]:
    return {
        "Event": "QueueMemberStatus", "Queue": "emergency", "Interface": f"PJSIP/{desk}",
        "StateInterface": f"PJSIP/{desk}", "Status": status, "Paused": str(int(paused)), "PausedReason": reason,
    }  # fmt: skip


def tracker() -> AgentTracker:
    return AgentTracker([Desk(extension=number, name=f"{number}号席") for number in DESKS])


def shown(told: list[AgentChanged]) -> list[tuple[str, AgentState, str]]:
    return [(change.agent, change.state, change.reason) for change in told]


@pytest.mark.parametrize(
    ("on_call", "rings", "reachable", "paused", "reason", "state"),
    [
        # the call that is on the desk comes before all
        ("c", "", True, False, "", "talking"),
        ("c", "d", True, False, "", "talking"),
        ("c", "", False, True, AWAY, "talking"),
        ("", "d", True, True, WRAPUP, "ringing"),
        ("", "d", False, False, "", "ringing"),
        # nobody can be called who is not there, whatever was chosen
        ("", "", False, False, "", "offline"),
        ("", "", False, True, "吃饭", "offline"),
        # what the desk's person chose
        ("", "", True, True, WRAPUP, "wrapup"),
        ("", "", True, True, AWAY, "away"),
        ("", "", True, True, "吃饭", "paused"),
        ("", "", True, True, "", "paused"),
        ("", "", True, False, "", "ready"),
    ],
)
def test_the_state_that_is_shown(
    on_call: str, rings: str, reachable: bool, paused: bool, reason: str, state: AgentState
) -> None:
    agent = Agent(
        "1001", "1号席", "browser", "emergency", reachable=reachable, paused=paused, reason=reason, ringing_call=rings,
        call_id=on_call,
    )  # fmt: skip
    assert state_of(agent) == state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (NOT_IN_USE, "ready"), (IN_USE, "ready"), (BUSY, "ready"), (RINGING, "ready"), (ON_HOLD, "ready"),
        (INVALID, "offline"), (UNAVAILABLE, "offline"), ("0", "offline"), ("", "offline"),
    ],
)  # fmt: skip
def test_a_desk_can_be_called_where_its_telephone_is_registered(status: str, state: AgentState) -> None:
    desks = tracker()
    desks.member(member(status=UNAVAILABLE), START)
    desks.member(member(status=status), START)
    assert desks.agents["1001"].state == state


def test_a_pause_shows_its_reason_and_since_when() -> None:
    """qpanel#280: pause reason and time are not shown."""
    desks = tracker()
    assert shown(desks.member(member(), START)) == [("1001", "ready", "")]
    assert shown(desks.member(member(paused=True, reason="吃饭"), at(60))) == [("1001", "paused", "吃饭")]
    assert desks.member(member(paused=True, reason="吃饭"), at(90)) == []
    assert (desks.agents["1001"].shown[1], desks.agents["1001"].since) == ("吃饭", at(60))
    assert shown(desks.member(member(paused=True, reason="培训"), at(120))) == [("1001", "paused", "培训")]
    assert shown(desks.member(member(), at(180))) == [("1001", "ready", "")]
    assert desks.agents["1001"].since == at(180)


def test_a_flood_of_the_same_device_state_tells_nothing() -> None:
    """asterisk#1972: a reload floods with device states. One change is one event, whatever the flood."""
    desks = tracker()
    told = [change for n in range(1000) for desk in DESKS for change in desks.member(member(desk), at(n))]
    assert shown(told) == [(desk, "ready", "") for desk in DESKS]
    assert all(agent.since == START for agent in desks.agents.values())


def test_wrap_up_is_a_state_of_its_own_with_the_call_it_belongs_to() -> None:
    """asterisk#1006: wrap-up is invisible to the wallboard and ends early."""
    desks = tracker()
    desks.member(member(), START)
    script = Script()
    call = script.arrive(0)
    leg = script.ring(call, "1001", 1)
    script.pick_up(call, leg, 3)
    script.leave(leg, 33)
    script.hang_up(leg, 33, by=leg)
    script.hang_up(call, 33, by=leg)
    calls = CallTracker(DESKS)
    told = [c for event in script.events for fact in calls.feed(event) for c in desks.call(fact)]
    told += desks.member(member(paused=True, reason=WRAPUP), at(33.1))
    # what the telephone does in between does not end it
    told += desks.member(member(status=IN_USE, paused=True, reason=WRAPUP), at(40))
    told += desks.member(member(paused=True, reason=WRAPUP), at(50))
    told += desks.member(member(), at(63.1))
    assert [(c.state, c.call_id, c.at) for c in told] == [
        ("ringing", call, at(1)), ("talking", call, at(3)), ("ready", None, at(33)), ("wrapup", call, at(33.1)),
        ("ready", None, at(63.1)),
    ]  # fmt: skip


def test_a_refreshed_page_talks_on_without_a_gap() -> None:
    """Browser-Phone#267: a refresh drops the call. The former leg's end is not the desk's end."""
    desks = tracker()
    desks.member(member(), START)
    joined = DeskJoined(at=at(1), call_id="c", agent="1001", agent_channel="a.1")
    again = DeskJoined(at=at(9), call_id="c", agent="1001", agent_channel="a.2")
    assert shown(desks.call(joined)) == [("1001", "talking", "")]
    assert desks.member(member(status=UNAVAILABLE), at(5)) == []  # the page is loading
    assert desks.call(again) == []
    assert desks.call(leg_ended("1001", "a.1", at_s=10)) == []
    desks.member(member(), at(11))
    assert shown(desks.call(leg_ended("1001", "a.2", at_s=30))) == [("1001", "ready", "")]


def leg_ended(desk: str, channel: str, *, at_s: float, call: str = "c", joined: bool = True) -> LegEnded:
    return LegEnded(
        at=at(at_s), call_id=call, channel=channel, kind="desk", extension=desk, started_at=START, answered_at=None,
        joined=joined, cause=16,
    )  # fmt: skip


def test_strangers_and_damaged_messages_change_nothing() -> None:
    desks = tracker()
    desks.member(member(), START)
    for message in (member("9999"), {"Interface": "Local/1001@x"}, {}, {"Status": "1"}):
        assert desks.member(message, at(1)) == []
    ringing = CallRinging(at=at(2), call_id="c", agent="9999")
    assert desks.call(ringing) == []
    # QueueStatus names the interface Location; a message without a status leaves the state as it was
    assert shown(desks.member({"Location": "PJSIP/1001", "Paused": "1", "PausedReason": AWAY}, at(3))) == [
        ("1001", "away", "")
    ]


def test_after_a_lost_connection_all_states_are_told_anew_once() -> None:
    desks = tracker()
    desks.member(member(), START)
    desks.call(DeskJoined(at=at(1), call_id="c", agent="1001", agent_channel="a.1"))
    desks.clear_calls()
    for agent in desks.agents.values():
        agent.since = None
    assert shown(desks.settle_all(at(5))) == [
        ("1001", "ready", ""), *((desk, "offline", "") for desk in DESKS if desk != "1001")
    ]  # fmt: skip
    assert desks.settle_all(at(6)) == []


@st.composite
def happenings(draw: st.DrawFn) -> list[CallEvent | dict[str, str]]:
    made: list[CallEvent | dict[str, str]] = []
    for n in range(draw(st.integers(0, 30))):
        desk, call = draw(st.sampled_from(DESKS)), draw(st.sampled_from(["c1", "c2"]))
        status = draw(st.sampled_from([NOT_IN_USE, IN_USE, BUSY, UNAVAILABLE, RINGING]))
        channel = f"{desk}.{draw(st.integers(0, 2))}"
        reason = draw(st.sampled_from([AWAY, WRAPUP, "吃饭"]))
        made.append(draw(st.sampled_from([
            member(desk, status), member(desk, status, paused=True, reason=reason),
            CallRinging(at=at(n), call_id=call, agent=desk), CallRingEnded(at=at(n), call_id=call, agent=desk),
            DeskJoined(at=at(n), call_id=call, agent=desk, agent_channel=channel),
            leg_ended(desk, channel, at_s=n, call=call),
        ])))  # fmt: skip
    return made


@settings(deadline=None)
@given(happenings())
def test_what_was_told_last_is_what_holds_and_nothing_is_told_twice(made: list[CallEvent | dict[str, str]]) -> None:
    desks = tracker()
    told: list[AgentChanged] = []
    for n, each in enumerate(made):
        told += desks.member(each, at(n)) if isinstance(each, dict) else desks.call(each)
    for desk, agent in desks.agents.items():
        changes = [c for c in told if c.agent == desk]
        if changes:
            assert changes[-1].state == agent.state == state_of(agent)
            assert changes[-1].at == agent.since
        for former, later in itertools.pairwise(changes):
            assert (former.state, former.reason, former.call_id) != (later.state, later.reason, later.call_id)
        for change in changes:
            assert (change.call_id is not None) or change.state not in ("talking", "ringing")
            assert bool(change.reason) <= (change.state == "paused")


def test_the_end_of_one_ring_is_not_the_end_of_another() -> None:
    """In the last resort two emergency callers ring the same desk."""
    agents = tracker()
    agents.member(member(), START)
    agents.call(CallRinging(at=at(1), call_id="b", agent="1001"))
    agents.call(CallRinging(at=at(2), call_id="a", agent="1001"))
    agents.call(CallRingEnded(at=at(3), call_id="b", agent="1001"))
    assert (agents.agents["1001"].state, agents.agents["1001"].ringing_call) == ("ringing", "a")
    agents.call(CallRingEnded(at=at(4), call_id="a", agent="1001"))
    assert agents.agents["1001"].state == "ready"
