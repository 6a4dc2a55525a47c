"""The pass over the recording after the call."""

import asyncio
import wave
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import asr.record.after
import asr.record.transcribe
from asr.decode.pool import DecodeFailed, PoolStopped
from asr.events import TranscriptReady
from asr.record import corrections
from asr.record.after import AfterCall
from asr.record.backlog import TranscriptPass, look
from asr.record.transcripts import Utterance, of_call, pending, replace_record
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from telephony.ledger import CallRow
from tests.eventually import until
from tests.unit.asr_support import FakeDecoder, LoudIsSpeech, silence, speech

CLOCK = ManualClock(datetime(2026, 3, 1, 4, 0, tzinfo=UTC))


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(asr.record.transcribe, "Hearing", LoudIsSpeech)
    monkeypatch.setattr(asr.record.after, "_PATIENCE", (0.0, 0.01))
    monkeypatch.setattr(asr.record.after, "_PAUSE_S", 0.01)
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
    async def empty() -> bool:
        return not await after.backlog()

    await until(empty, "everything was transcribed")


async def rows(database: Database, call_id: str = "c1") -> list[Utterance]:
    async with database.read() as session:
        return list(await of_call(session, call_id))


async def faulty(database: Database) -> list[TranscriptPass]:
    async with database.read() as session:
        return list((await look(session, CLOCK.now())).faulty)


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
    # What was wrong with it is said, and stays known.
    fault = "missing" if not content else "damaged"
    found = {row.call_id: (row.state, row.fault) for row in (await faulty(database))}
    assert found == {"c1": ("failed", fault), "c2": ("half", fault)}


async def test_a_restart_takes_up_what_was_left(database: Database, tmp_path: Path) -> None:
    wav = recorded(tmp_path / "a.wav", speech(1, 4000, 8000))
    stopped = FakeDecoder()
    stopped.error = PoolStopped()
    first = AfterCall(database, CLOCK, stopped)
    await first.start()
    await first.submit("c1", wav, wav)
    await until(lambda: stopped.asked, "the decoder is asked")
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


async def test_how_far_a_recording_is_can_be_seen_while_others_wait(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asr.record.after, "_NOTE_S", 0.02)
    wav = recorded(tmp_path / "a.wav", speech(1, 4000, 8000), silence(2, 8000), speech(1, 5000, 8000))
    second = asyncio.Event()

    class Halfway(FakeDecoder):
        async def submit(self, *args: object, **kwargs: object) -> asyncio.Future:  # type: ignore[type-arg]
            if len(self.asked) == 1:
                await second.wait()
            return await super().submit(*args, **kwargs)  # type: ignore[arg-type]

    after = AfterCall(database, CLOCK, Halfway())
    await after.start()
    await after.submit("c1", wav, tmp_path / "none.wav")
    await after.submit("c2", wav, tmp_path / "none.wav")

    async def halfway() -> bool:
        working = (await after.look()).working
        return working is not None and working.done_s > 0

    await until(halfway, "something of the first call is done")
    now = (await after.look()).working
    assert now is not None
    assert (now.call_id, now.total_s, (await after.look()).waiting) == ("c1", 4.0, 2)
    assert 0.5 < now.done_s < 2.5
    second.set()
    await settled(after)
    assert (await after.look()).working is None
    await after.close()
    async with database.read() as session:
        row = await session.get(TranscriptPass, "c1")
    assert row is not None and (row.state, row.done_s, row.ended_at) == ("half", 4.0, CLOCK.now())


async def test_what_a_person_corrected_is_not_transcribed_again(database: Database, tmp_path: Path) -> None:
    async with database.work() as work:
        work.session.add(
            CallRow(id="c1", direction="in", line="119", caller="", arrived_at=CLOCK.now(), ended_at=CLOCK.now())
        )
        await work.session.flush()
        said = Utterance(id="u1", call_id="c1", leg="caller", source="record", start_s=0, end_s=1, text="旧", raw="旧",
                         confidence=1, at=CLOCK.now())  # fmt: skip
        await replace_record(work.session, "c1", [said])
        await corrections.correct(work.session, "c1", "u1", before="旧", after="新", who="lin", at=CLOCK.now())
    after = AfterCall(database, CLOCK, decoder := FakeDecoder())
    await after.start()
    wav = recorded(tmp_path / "a.wav", speech(1, 4000, 8000))
    await after.submit("c1", wav, wav)
    await settled(after)
    await after.close()
    assert [row.text for row in await rows(database)] == ["新"]
    assert decoder.asked == []
