"""The listener: what it stores and publishes while a call is heard, and after a restart."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from asr.events import UtteranceHeard, UtterancePartial
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from telephony.events import CallArrived, CallEnded
from tests.unit.triage_support import small_city, small_judge
from triage import store
from triage.judge import Judge
from triage.listener import TriageListener
from triage.turns import Turn
from triage.verdict import CallTriaged, Verdict

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Stored:
    id: str
    leg: str
    text: str


class Room:
    """A bus, a database and a listener on them; ``restart`` puts a new listener on the same database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.triaged: list[CallTriaged] = []
        self.transcript: list[Stored] = []

    async def start(self) -> None:
        self.bus = Bus()
        self.database = Database(self.url, self.bus)
        await self.database.create_all()
        self.listener = TriageListener(
            self.bus, self.database, small_city(), ManualClock(NOW), self._of_call, small_judge()
        )
        self.bus.listen(self._saw)

    async def stop(self) -> None:
        await self.bus.close()
        await self.database.close()

    async def _of_call(self, session: AsyncSession, call_id: str) -> Sequence[Stored]:
        return self.transcript

    def _saw(self, event: Event) -> None:
        if isinstance(event, CallTriaged):
            self.triaged.append(event)

    async def arrive(self, line: str, direction: Literal["in", "out"] = "in") -> None:
        async with self.database.work() as work:
            work.record(CallArrived(at=NOW, call_id="c1", line=line, caller="13800000000", direction=direction))
        await self.bus.drain()

    async def say(self, uid: str, text: str, leg: Literal["caller", "agent"] = "caller", final: bool = True) -> None:
        common: dict[str, Any] = {
            "at": NOW, "call_id": "c1", "utterance_id": uid, "leg": leg, "text": text, "raw": text,
            "start_s": 0.0, "end_s": 1.0, "confidence": 1.0,
        }  # fmt: skip
        if final:
            self.transcript.append(Stored(uid, leg, text))
        self.bus.publish(UtteranceHeard(**common) if final else UtterancePartial(**common))
        await self.bus.drain()

    async def latest(self) -> Verdict | None:
        async with self.database.read() as session:
            return await store.latest(session, "c1")


@asynccontextmanager
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(f"sqlite+aiosqlite:///{tmp_path / 'triage.db'}")
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_emergency_line_is_known_on_arrival_and_never_raised(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("119")
        assert [e.verdict.outcome for e in r.triaged] == ["emergency"]
        await r.say("u1", "着火了着火了，快来")
        assert [e.raised for e in r.triaged] == [False, False]
        assert await r.latest() == r.triaged[-1].verdict


class _Noting(Judge):
    """A judge that remembers what it was asked about."""

    def judge(self, line_number: str, turns: Sequence[Turn], caller: str = "") -> Verdict:
        self.asked = list(turns)
        return super().judge(line_number, turns, caller)


async def test_the_number_called_from_helps_to_hear_it_also_after_a_restart(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("12345")
        await r.say("u1", "你就打这个电话")
        assert r.triaged[-1].verdict.phone == "13800000000"
        await r.stop()
        await r.start()
        await r.say("u2", "路灯坏了")
        assert r.triaged[-1].verdict.phone == "13800000000"


async def test_the_judge_is_told_what_is_still_being_said(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        judge = _Noting(small_city())
        r.listener.use(judge)
        await r.arrive("12345")
        await r.say("u1", "路灯坏了")
        await r.say("u2", "门口有", final=False)
        assert [(turn.text, turn.partial) for turn in judge.asked] == [("路灯坏了", False), ("门口有", True)]
        await r.say("u2", "门口有一个坑")
        assert [(turn.text, turn.partial) for turn in judge.asked] == [("路灯坏了", False), ("门口有一个坑", False)]


async def test_service_call_is_raised_once(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("12345")
        await r.say("u1", "路灯坏了")
        await r.say("u2", "哎呀着火了，里面还有人")
        await r.say("u3", "火越来越大")
        assert [e.raised for e in r.triaged].count(True) == 1
        raised = next(e for e in r.triaged if e.raised)
        assert raised.verdict.outcome == "emergency"
        assert any("着火" in reason.words for reason in raised.verdict.reasons)
        verdict = await r.latest()
        assert verdict is not None and verdict.outcome == "emergency"


async def test_partial_raises_at_once_but_small_changes_wait_for_the_final(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("12345")
        await r.say("u1", "路灯坏了", final=False)
        coded = len(r.triaged)
        assert r.triaged[-1].verdict.code == "S0103"
        await r.say("u1", "路灯坏了，在华洲村", final=False)
        assert len(r.triaged) == coded
        await r.say("u1", "路灯坏了，在华洲村")
        assert r.triaged[-1].verdict.place == "池店镇华洲村"
        await r.say("u2", "着火了，房子烧起来", final=False)
        assert r.triaged[-1].raised


async def test_words_that_recognition_takes_back_do_not_lower(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("12345")
        await r.say("u1", "着火了", final=False)
        assert r.triaged[-1].raised
        await r.say("u1", "找货呢")
        assert r.triaged[-1].verdict.outcome == "emergency"
        assert any("着火" in reason.words for reason in r.triaged[-1].verdict.reasons)
        assert [e.raised for e in r.triaged].count(True) == 1


async def test_same_verdict_is_not_told_twice(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("12345")
        await r.say("u1", "路灯坏了")
        told = len(r.triaged)
        await r.say("u2", "那个")
        await r.say("u3", "您好", leg="agent")
        assert len(r.triaged) == told


async def test_restart_in_mid_call_takes_up_the_transcript_and_does_not_raise_again(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("12345")
        await r.say("u1", "我在华洲村，着火了")
        await r.stop()
        r.triaged.clear()
        await r.start()
        await r.say("u2", "我电话13859501234")
        (event,) = r.triaged
        assert event.verdict.outcome == "emergency"
        assert event.verdict.place == "池店镇华洲村"
        assert event.verdict.phone == "13859501234"
        assert not event.raised


async def test_what_is_heard_after_the_end_still_counts(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("12345")
        r.bus.publish(CallEnded(at=NOW, call_id="c1", outcome="answered", cause=16, by="caller", talked_s=5))
        await r.say("u1", "着火了")
        assert r.triaged[-1].raised


async def test_calls_placed_by_us_and_unknown_calls_are_left_alone(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.say("u0", "着火了")
        await r.arrive("12345", direction="out")
        await r.say("u1", "着火了")
        assert r.triaged == []
        assert await r.latest() is None


async def test_facts_and_places_say_which_utterance_and_survive_the_database(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("119")
        await r.say("u1", "坑边村对面着火了，两个小孩被困")
        await r.say("u2", "我姓蒲，电话13859501234")
        verdict = await r.latest()
        assert verdict is not None
        assert verdict == r.triaged[-1].verdict
        assert [(p.full, p.utterance_id, p.towns) for p in verdict.places] == [
            ("坑边村对面", "u1", ("东石镇", "深沪镇"))
        ]
        assert {f.kind: (f.value, f.utterance_id) for f in verdict.facts.items} == {
            "phone": ("13859501234", "u2"), "name": ("蒲", "u2"), "trapped": ("2", "u1")
        }  # fmt: skip
        assert verdict.phone == "13859501234"
        assert verdict.facts.read_back == "您说的坑边村对面，是东石镇还是深沪镇的？"


async def test_a_verdict_from_before_facts_were_heard_is_still_read(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.arrive("119")
        await r.say("u1", "池店镇华洲村着火了")
        async with r.database.work() as work:
            row = await work.session.get(store.StoredVerdict, "c1")
            assert row is not None
            body = json.loads(row.body)
            del body["facts"]
            body["places"] = [
                {k: p[k] for k in ("canonical", "town", "community", "mention", "score")} for p in body["places"]
            ]
            row.body = json.dumps(body, ensure_ascii=False)
        verdict = await r.latest()
        assert verdict is not None
        assert (verdict.places[0].full, verdict.facts.items) == ("池店镇华洲村", ())
