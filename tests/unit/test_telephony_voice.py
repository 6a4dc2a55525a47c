"""A voice before a person, as the tracker tells it, and the tap that follows it."""

import pytest

from core.bus import Bus
from switchboard.missed.policy import kind_of
from switchboard.taps import Taps
from telephony.calls import CallTracker
from telephony.events import CallEnded, CallEvent, CallQueued, VoiceBegan
from tests.unit.telephony_support import DESKS, Script, at


def arrived(script: Script) -> str:
    """A service call that has not come as far as the queue."""
    call = script.arrive(0, line="12345", priority=20)
    script.events.pop()
    return call


def voice(script: Script, call: str, seconds: float, value: str) -> None:
    script.tell("USER_DEFINED", call, seconds, name="VOICE", extra=value)


def told(script: Script) -> list[CallEvent]:
    tracker = CallTracker(DESKS)
    return [fact for event in script.events for fact in tracker.feed(event)]


def test_each_voice_of_a_call_is_told_once_with_its_flow() -> None:
    script = Script()
    call = arrived(script)
    voice(script, call, 0.1, "1:welcome")
    script.queue(call, 20, 20, "service")
    voice(script, call, 60, "2:waiting")
    voice(script, call, 60, "2:waiting")
    voice(script, call, 61, "x:nonsense")
    began = [fact for fact in told(script) if isinstance(fact, VoiceBegan)]
    assert [(fact.flow, fact.at) for fact in began] == [("welcome", at(0.1)), ("waiting", at(60))]
    assert len({fact.id for fact in began}) == 2


@pytest.mark.parametrize(("queued", "outcome"), [(False, "voice"), (True, "abandoned")])
def test_who_never_waited_has_neither_given_up_nor_been_missed(queued: bool, outcome: str) -> None:
    script = Script()
    call = arrived(script)
    voice(script, call, 0.1, "1:welcome")
    if queued:
        script.queue(call, 20, 20, "service")
    script.hang_up(call, 40, by=call)
    ended = next(fact for fact in told(script) if isinstance(fact, CallEnded))
    assert ended.outcome == outcome
    missed = kind_of(
        outcome=ended.outcome, waiting=ended.waiting, emergency=False, waited_s=40, talked_s=0, ended_by=ended.by
    )
    assert (missed is None) == (not queued)


class _Ami:
    def __init__(self) -> None:
        self.orders: list[str] = []

    async def action(self, action: str, headers: dict[str, str]) -> None:
        self.orders.append(headers["Data"].partition(",")[0])


class _Bridge:
    def __init__(self) -> None:
        self.ami = _Ami()
        self.calls = CallTracker(DESKS)


@pytest.mark.parametrize("feeds", [True, False])
async def test_a_caller_is_tapped_with_the_voice_and_again_only_where_that_was_lost(
    feeds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that the voice lost by its silence loses its tap with it: who waits must be heard all the same."""
    now = [100.0]
    monkeypatch.setattr("switchboard.taps.time.monotonic", lambda: now[0])
    bus, bridge = Bus(), _Bridge()
    taps = Taps(bridge, bus, lambda call_id, leg: "token", lambda call_id, leg: feeds)  # type: ignore[arg-type]
    if feeds:
        taps._fed = lambda call_id, leg: bool(bridge.ami.orders)
    taps.start()
    bus.publish(VoiceBegan(at=at(0), call_id="hy1-1.1", flow="welcome"))
    await bus.drain()
    # Refused at once: the queue comes before the first tap has connected.
    bus.publish(CallQueued(at=at(0), call_id="hy1-1.1", line="12345", priority=20))
    await bus.drain()
    assert bridge.ami.orders == ["hy1-1.1"]
    now[0] += 20
    bus.publish(CallQueued(at=at(20), call_id="hy1-1.1", line="12345", priority=20))
    await bus.drain()
    assert bridge.ami.orders == ["hy1-1.1"] * (1 if feeds else 2)
    await taps.close()
    await bus.close()
