"""More speech than can be decoded: what gives way, and that nothing said is lost. Real processes without a model."""

import asyncio
import os
import signal
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

import asr.live.ears
import asr.record.after
import asr.record.transcribe
from asr.decode.pool import Pool
from asr.events import UtteranceHeard, UtterancePartial
from asr.live.ears import Ears
from asr.record.after import AfterCall
from asr.record.transcripts import of_call
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from heyi.readers import ended_without_record
from telephony.ledger import CallRow
from tests.eventually import until
from tests.unit.asr_support import FakeDecoder, LoudIsSpeech, silence, speech

NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
LEGS = 40
SAID = 3


class Centre:
    """Ears and a pool over one database; every fourth call is an emergency."""

    def __init__(self, folder: Path, takes_ms: int) -> None:
        self.events: list[Event] = []
        self.bus = Bus()
        self.bus.listen(self.events.append)
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", self.bus)
        self.pool = Pool(f"slow-{takes_ms}", folder / "marker", workers=2, module="tests.unit.fake_decoder")
        self.calls = [f"c{number}" for number in range(LEGS)]
        self.urgent = frozenset(self.calls[::4])
        self.ears = Ears(self.bus, self.database, ManualClock(NOON), self.pool, self.urgent.__contains__)

    def loud(self, call: str, number: int) -> int:
        """Every utterance has a loudness of its own, which the fake decoder gives back as its text."""
        return 2000 + 10 * (SAID * self.calls.index(call) + number)

    async def say_all(self) -> None:
        """Every leg speaks at the same time, far faster than real time, with looks asked for in between."""
        for call in self.calls:
            self.ears.opened(call, "caller", 16000)
        for number in range(SAID):
            for part in (speech(1.1), speech(0.5), silence(0.3), silence(0.5)):
                for call in self.calls:
                    loud = self.loud(call, number) if part.any() else 0
                    self.ears.audio(call, "caller", (part // 5000 * loud).astype("<i2").tobytes())
                await self.listened()

    async def listened(self) -> None:
        await until(lambda: not any(stream.blocks for stream in self.ears._streams.values()), "everything is heard")

    async def texts(self, call: str) -> list[str]:
        async with self.database.read() as session:
            return [row.text for row in await of_call(session, call, "live")]

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def everything_is_there(self) -> None:
        for call in self.calls:
            wanted = [str(self.loud(call, number)) for number in range(SAID)]
            assert await self.texts(call) == wanted
            assert [event.text for event in self.of(UtteranceHeard) if event.call_id == call] == wanted
        assert (self.ears.backlog(), self.pool.state().failed) == (0, 0)


@asynccontextmanager
async def centre(folder: Path, takes_ms: int = 30) -> AsyncIterator[Centre]:
    made = Centre(folder, takes_ms)
    await made.database.create_all()
    await made.pool.start()
    await made.ears.start()
    try:
        yield made
    finally:
        await made.ears.close()
        await made.pool.close()
        await made.database.close()


@pytest.fixture(autouse=True)
def steered(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (asr.live.ears, asr.record.transcribe):
        monkeypatch.setattr(module, "Hearing", LoudIsSpeech)
    monkeypatch.setattr(asr.record.after, "_PATIENCE", (0.0, 0.01))


async def test_forty_legs_at_once_lose_partials_but_no_words_and_emergencies_are_served_first(tmp_path: Path) -> None:
    # Decoding is behind what is said, also where it is said slowly.
    async with centre(tmp_path, takes_ms=120) as c:
        await c.say_all()
        backlog, lag, state = c.ears.backlog(), c.ears.lag(), c.pool.state()
        assert backlog > LEGS and lag > 0
        assert state.finals > 0
        assert state.shed > 0
        await c.ears.close()
        await c.everything_is_there()
        places = {event.text: place for place, event in enumerate(c.of(UtteranceHeard))}
        for number in range(SAID):
            urgent, others = ([places[str(c.loud(call, number))] for call in c.calls if (call in c.urgent) is wanted]
                              for wanted in (True, False))  # fmt: skip
            assert fmean(urgent) < fmean(others)
        assert len(c.of(UtterancePartial)) < LEGS * SAID


async def test_processes_killed_in_the_middle_cost_no_words(tmp_path: Path) -> None:
    async with centre(tmp_path, takes_ms=10) as c:
        saying = asyncio.create_task(c.say_all())
        await until(lambda: c.of(UtteranceHeard), "the first words are told")
        for process in tuple(c.pool._processes.values()):
            os.kill(process.pid, signal.SIGKILL)
        await saying
        await c.ears.close()
        await c.everything_is_there()
        assert c.pool.state().restarts >= 2


async def test_a_database_that_is_away_under_load_costs_no_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asr.live.ears, "_FIRST_PAUSE_S", 0.01)
    async with centre(tmp_path, takes_ms=1) as c:
        work, away = c.database.work, True

        @asynccontextmanager
        async def perhaps() -> AsyncIterator[Any]:
            if away:
                raise OSError("disk full")
            async with work() as made:
                yield made

        monkeypatch.setattr(c.database, "work", perhaps)
        await c.say_all()
        # The pool may be idle for a moment while the ears still listen.
        await until(
            lambda: c.ears.backlog() >= LEGS * SAID and not (c.pool.state().finals or c.pool.state().busy),
            "everything waits for the database",
        )
        assert c.of(UtteranceHeard) == []
        assert c.ears.backlog() == LEGS * SAID
        away = False
        await c.ears.close()
        await c.everything_is_there()


async def test_what_was_not_decoded_when_heyi_died_comes_from_the_recording_after_its_restart(tmp_path: Path) -> None:
    wav = tmp_path / "c1-caller.wav"
    with wave.open(str(wav), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        for loud in (4000, 6000):
            file.writeframes(speech(1, loud).astype("<i2").tobytes() + silence(2).astype("<i2").tobytes())
    address = f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}"

    first = Database(address, Bus())
    await first.create_all()
    async with first.work() as work:
        work.session.add(
            CallRow(
                id="c1", line="119", caller="13500000000", arrived_at=NOON, answered_at=NOON + timedelta(seconds=5),
                ended_at=NOON + timedelta(seconds=60), direction="in", outcome="answered",
            )
        )  # fmt: skip
    ears = Ears(first._bus, first, ManualClock(NOON), FakeDecoder(delay_s=3600), lambda _: False)
    await ears.start()
    ears.opened("c1", "caller", 16000)
    for loud in (4000, 6000):
        ears.audio("c1", "caller", speech(1, loud).tobytes() + silence(2).tobytes())
    await until(lambda: ears.backlog() >= 2, "two utterances wait")
    # Killed: nothing is closed in order, nothing that waits is stored.
    for task in (*ears._tasks, *ears._asked):
        task.cancel()
    await asyncio.gather(*ears._tasks, *ears._asked, return_exceptions=True)
    ears._thread.shutdown()
    async with first.read() as session:
        assert await of_call(session, "c1") == []
    await first.close()

    second = Database(address, Bus())
    (row,) = await ended_without_record(second, NOON - timedelta(days=7))
    after = AfterCall(second, ManualClock(NOON), FakeDecoder())
    await after.start()
    await after.submit(row.id, wav, tmp_path / "c1-agent.wav")

    async def empty() -> bool:
        return not await after.backlog()

    await until(empty, "the record was transcribed")
    await after.close()
    async with second.read() as session:
        assert [row.text for row in await of_call(session, "c1")] == ["record4000", "record6000"]
    await second.close()
