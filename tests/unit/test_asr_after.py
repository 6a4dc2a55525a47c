"""The pass over the recording after the call."""

import asyncio
import wave
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import asr.after
from asr.after import AfterCall
from asr.events import TranscriptReady
from asr.pool import DecodeFailed, PoolStopped
from asr.transcripts import Utterance, of_call, pending
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from tests.unit.asr_support import FakeDecoder, LoudIsSpeech, silence, speech

CLOCK = ManualClock(datetime(2026, 3, 1, 4, 0, tzinfo=UTC))


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(asr.after, "Hearing", LoudIsSpeech)
    monkeypatch.setattr(asr.after, "_PATIENCE", (0.0, 0.01))
    monkeypatch.setattr(asr.after, "_PAUSE_S", 0.01)
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", Bus())
    await made.create_all()
    yield made
    await made.close()


def recorded(path: Path, *stretches: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.concatenate([np.zeros(0, np.int16), *stretches]).astype("<i2").tobytes())
    return path


async def settled(after: AfterCall) -> None:
    async with asyncio.timeout(20):
        while await after.backlog():  # noqa: ASYNC110  the table is what is asked, not an object
            await asyncio.sleep(0.01)


async def rows(database: Database, call_id: str = "c1") -> list[Utterance]:
    async with database.read() as session:
        return list(await of_call(session, call_id))


async def test_both_legs_become_the_transcript_of_record(database: Database, tmp_path: Path) -> None:
    events: list[Event] = []
    database._bus.listen(events.append)
    caller = recorded(tmp_path / "a.wav", silence(3, 8000), speech(1, 4000, 8000), silence(1, 8000))
    agent = recorded(tmp_path / "b.wav", speech(1, 6000, 8000), silence(5, 8000), speech(1, 7000, 8000))
    async with database.work() as work:
        work.session.add(
            Utterance(id="live", call_id="c1", leg="caller", source="live", start_s=0, end_s=1, text="旧", raw="旧",
                      confidence=1, at=CLOCK.now())
        )  # fmt: skip
    after = AfterCall(database, CLOCK, FakeDecoder())
    await after.start()
    await after.submit("c1", caller, agent)
    await settled(after)
    await after.close()
    found = [(row.leg, row.text, round(row.start_s, 1)) for row in await rows(database)]
    assert found == [("agent", "record6000", 0.0), ("caller", "record4000", 2.7), ("agent", "record7000", 5.7)]
    assert [e.utterances for e in events if isinstance(e, TranscriptReady)] == [3]


async def test_a_second_pass_replaces_the_first(database: Database, tmp_path: Path) -> None:
    wav = recorded(tmp_path / "a.wav", speech(1, 4000, 8000))
    after = AfterCall(database, CLOCK, FakeDecoder())
    await after.start()
    for _ in range(2):
        await after.submit("c1", wav, tmp_path / "none.wav")
        await settled(after)
    await after.close()
    assert len(await rows(database)) == 1


@pytest.mark.parametrize("content", [None, b"", b"RIFF" + b"\0" * 90], ids=["none", "empty", "damaged"])
async def test_missing_empty_and_damaged_recordings_leave_the_live_transcript(
    database: Database, tmp_path: Path, content: bytes | None
) -> None:
    wav = tmp_path / "a.wav"
    if content is not None:
        wav.write_bytes(content)
    events: list[Event] = []
    database._bus.listen(events.append)
    after = AfterCall(database, CLOCK, FakeDecoder())
    await after.start()
    await after.submit("c1", wav, wav)
    await settled(after)
    await after.submit("c2", recorded(tmp_path / "good.wav", speech(1, 4000, 8000)), wav)
    await settled(after)
    await after.close()
    assert [e.call_id for e in events] == ["c2"]
    assert [row.text for row in await rows(database, "c2")] == ["record4000"]


async def test_a_restart_takes_up_what_was_left(database: Database, tmp_path: Path) -> None:
    wav = recorded(tmp_path / "a.wav", speech(1, 4000, 8000))
    stopped = FakeDecoder()
    stopped.error = PoolStopped()
    first = AfterCall(database, CLOCK, stopped)
    await first.start()
    await first.submit("c1", wav, wav)
    while not stopped.asked:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await first.close()
    async with database.read() as session:
        assert [p.call_id for p in await pending(session)] == ["c1"]
    assert await rows(database) == []

    second = AfterCall(database, CLOCK, FakeDecoder())
    await second.start()
    await settled(second)
    await second.close()
    assert len(await rows(database)) == 2


async def test_one_stretch_that_fails_does_not_take_the_others(database: Database, tmp_path: Path) -> None:
    class Half(FakeDecoder):
        async def submit(self, *args: object, **kwargs: object) -> asyncio.Future:  # type: ignore[type-arg]
            self.error = DecodeFailed("twice") if not self.asked else None
            future = await super().submit(*args, **kwargs)  # type: ignore[arg-type]
            await asyncio.wait([future])
            return future

    wav = recorded(tmp_path / "a.wav", speech(1, 4000, 8000), silence(2, 8000), speech(1, 5000, 8000))
    after = AfterCall(database, CLOCK, Half())
    await after.start()
    await after.submit("c1", wav, tmp_path / "none.wav")
    await settled(after)
    await after.close()
    assert [row.text for row in await rows(database)] == ["record5000"]
