"""Checks after the call: stored once, again after a correction, made up for after a restart, no call held up."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from asr.events import TranscriptReady
from asr.record.transcripts import Utterance
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from quality.checks.review import Checks
from quality.gather import holds_of
from quality.listener import CheckListener
from quality.tables import CallChecks, CallFinding
from telephony.ledger import CallRow
from tests.unit.quality_support import GOOD, NUMBER, checks
from tests.unit.triage_support import small_city

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


async def prepared() -> Checks:
    return checks()


class Room:
    def __init__(self, url: str) -> None:
        self.bus = Bus()
        self.database = Database(url, self.bus)
        self.listener = CheckListener(self.bus, self.database, small_city(), ManualClock(NOW), prepared)

    async def close(self) -> None:
        await self.bus.close()
        await self.database.close()

    async def call(self, call_id: str, last: str) -> None:
        """An answered call whose call taker ends with ``last``, and its transcript of record."""
        async with self.database.work() as work:
            work.session.add(
                CallRow(
                    id=call_id, direction="in", line="12345", caller=NUMBER, agent="801", arrived_at=NOW,
                    answered_at=NOW + timedelta(seconds=4), ended_at=NOW + timedelta(seconds=90),
                )
            )  # fmt: skip
            for at, said in enumerate((*GOOD[:8], f"A {last}")):
                work.session.add(
                    Utterance(
                        id=f"{call_id}-{at}", call_id=call_id, leg="agent" if said[0] == "A" else "caller",
                        source="record", start_s=5.0 * at, end_s=5.0 * at + 4, text=said[2:], raw=said[2:],
                        confidence=1.0, at=NOW,
                    )
                )  # fmt: skip

    async def ready(self, call_id: str) -> None:
        async with self.database.work() as work:
            work.record(TranscriptReady(at=NOW, call_id=call_id, utterances=9))
        await self.bus.drain()

    async def stored(self, call_id: str) -> tuple[list[str], list[str]]:
        """(violations, words of the findings that are one)."""
        async with self.database.read() as session:
            row = await session.get(CallChecks, call_id)
            words = await session.scalars(
                select(CallFinding.words).where(CallFinding.call_id == call_id, CallFinding.label != "")
            )
            return (row.violations if row else []), list(words)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(f"sqlite+aiosqlite:///{tmp_path}/heyi.db")
    await made.database.create_all()
    yield made
    await made.close()


async def test_a_ready_transcript_is_checked_once_however_often_it_is_told(room: Room) -> None:
    await room.call("c1", "催什么催，再见。")
    await room.ready("c1")
    await room.ready("c1")
    assert await room.stored("c1") == (["态度生硬"], ["催什么催"])
    async with room.database.read() as session:
        finding = (await session.scalars(select(CallFinding).where(CallFinding.label != ""))).one()
    assert (finding.utterance_id, finding.start, finding.second) == ("c1-8", 0, 40.0)


async def test_a_corrected_transcript_takes_the_place_of_the_former(room: Room) -> None:
    await room.call("c1", "催什么催，再见。")
    await room.ready("c1")
    async with room.database.work() as work:
        (await work.session.get_one(Utterance, "c1-8")).text = "会催他们的，再见。"
    await room.ready("c1")
    assert await room.stored("c1") == ([], [])


async def test_what_became_ready_while_nobody_listened_is_made_up_for(room: Room) -> None:
    await room.call("c1", "再见。")
    await room.call("c2", "行。")
    assert await room.listener.catch_up() == 2
    assert (await room.stored("c2"))[0] == ["无结束语"]
    assert await room.listener.catch_up() == 0


async def test_a_call_without_transcript_is_left_alone(room: Room) -> None:
    await room.ready("nobody")
    async with room.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(CallChecks)) == 0


def test_a_hold_that_was_never_taken_back_ends_with_the_call() -> None:
    call = CallRow(id="c", direction="in", line="1", caller="1", arrived_at=NOW, ended_at=NOW + timedelta(seconds=50))
    told = [(NOW + timedelta(seconds=s), held) for s, held in ((10, True), (12, True), (20, False), (40, True))]
    assert [(h.start_s, h.end_s) for h in holds_of(told, call)] == [(10, 20), (40, 50)]
