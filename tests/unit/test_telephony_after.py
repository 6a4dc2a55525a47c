"""Calls that go on after their desk has hung up, and calls that heyi placed and whose answerer wants a person."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from core.bus import Bus
from core.database import Database
from telephony import ledger
from telephony.calls import CallTracker
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallMoved,
    CallQueued,
    CallUrged,
    ConversationEnded,
)
from telephony.proof import claims
from tests.unit.telephony_support import DESKS, Script, at


def told(script: Script) -> list[CallEvent]:
    tracker = CallTracker(DESKS)
    return [fact for event in script.events for fact in tracker.feed(event)]


T = TypeVar("T", bound=CallEvent)


def one(facts: list[CallEvent], kind: type[T]) -> T:
    found = [fact for fact in facts if isinstance(fact, kind)]
    assert len(found) == 1, found
    return found[0]


def rated(script: Script) -> str:
    """Answered after 4 s, the desk hangs up after 34, the caller rates and is let go after 42."""
    call = script.arrive(0, line="12345", priority=10)
    leg = script.ring(call, "1001", 0.1)
    script.pick_up(call, leg, 4)
    script.leave(leg, 34)
    script.leave(call, 34)
    script.hang_up(leg, 34, by=leg)
    script.tell("USER_DEFINED", call, 34.05, context="after", name="AFTER", extra="1")
    script.hang_up(call, 42)
    return call


def test_the_talk_ends_with_the_desk_whatever_the_caller_is_asked_then() -> None:
    script = Script()
    rated(script)
    facts = told(script)
    assert one(facts, ConversationEnded).at == at(34.05)
    end = one(facts, CallEnded)
    assert (end.outcome, end.by, end.talked_s, end.at) == ("answered", "agent", 30.05, at(42))


def test_heard_twice_it_is_told_once() -> None:
    script = Script()
    rated(script)
    script.events[-3:-3] = [event for event in script.events if event.name == "AFTER"]
    one(told(script), ConversationEnded)


def test_who_asks_for_a_person_instead_of_rating_waits_and_talks_on() -> None:
    script = Script()
    call = script.arrive(0, line="12345", priority=10)
    leg = script.ring(call, "1001", 0.1)
    script.pick_up(call, leg, 4)
    script.leave(leg, 34)
    script.leave(call, 34)
    script.hang_up(leg, 34, by=leg)
    script.tell("USER_DEFINED", call, 34.05, context="after", name="AFTER", extra="1")
    script.queue(call, 36, 10, "service")
    tracker = CallTracker(DESKS)
    for event in script.events:
        tracker.feed(event)
    waiting = tracker.calls[call]
    assert waiting.waiting and waiting.talked_until is None
    again = script.ring(call, "1002", 37)
    script.pick_up(call, again, 40, "b2")
    script.hang_up(call, 60, by=call)
    end = one(told(script), CallEnded)
    assert (end.by, end.talked_s) == ("caller", 56.0)
    one(told(script), CallAnswered)


def test_a_key_of_emergency_is_told_once() -> None:
    script = Script()
    call = script.arrive(0, line="12345", priority=10)
    for second in (3, 4):
        script.tell("USER_DEFINED", call, second, context="voice-ways", name="URGED", extra="")
    script.queue(call, 4, 100)
    facts = told(script)
    assert {f.call_id for f in facts if isinstance(f, CallUrged)} == {call}
    assert len({f.id for f in facts if isinstance(f, CallUrged)}) == 1
    assert one(facts, CallMoved).queue == "emergency"


def handed_over(script: Script) -> str:
    call = script.place(0)
    script.tell("ANSWER", call, 5)
    script.tell("USER_DEFINED", call, 5.1, context="voice-flow", name="VOICE", extra="1:robot-callback")
    script.tell("USER_DEFINED", call, 12, context="callback", name="LINE", extra="12345")
    script.queue(call, 12.1, 10, "service")
    leg = script.ring(call, "1001", 12.2)
    script.pick_up(call, leg, 15)
    script.hang_up(call, 45, by=call)
    return call


def test_who_asks_the_robot_for_a_person_is_a_caller_of_the_hotline() -> None:
    script = Script()
    call = handed_over(script)
    facts = told(script)
    assert (one(facts, CallQueued).line, one(facts, CallAnswered).agent) == ("12345", "1001")
    end = one(facts, CallEnded)
    assert (end.outcome, end.talked_s, end.line, end.recording) == ("answered", 30.0, "12345", f"{call}.wav")


@pytest.mark.parametrize("scenario", [rated, handed_over])
async def test_the_ledger_says_what_asterisks_files_say(tmp_path: Path, scenario: Callable[[Script], str]) -> None:
    script = Script()
    call = scenario(script)
    facts = told(script)
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", Bus())
    await database.upgrade()
    async with database.work() as work:
        await ledger.write(work.session, facts)
    async with database.read() as session:
        row = await ledger.call(session, call)
    await database.close()
    assert row is not None
    for name, value in claims(facts).items():
        assert getattr(row, name) == value, name
