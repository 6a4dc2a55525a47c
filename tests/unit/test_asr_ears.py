"""Live audio to stored utterances."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asr.live.ears
from asr.decode.pool import DecodeFailed
from asr.events import UtteranceHeard, UtterancePartial
from asr.live.ears import Ears, _Stream
from asr.record.transcripts import Utterance, of_call
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from tests.unit.asr_support import FakeDecoder, LoudIsSpeech, silence, speech

NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


class Room:
    """Ears over a database of its own, and everything that they published."""

    def __init__(self, database: Database, bus: Bus, decoder: FakeDecoder, emergency: Callable[[str], bool]) -> None:
        self.clock = ManualClock(NOON)
        self.database = database
        self.decoder = decoder
        self.events: list[Event] = []
        bus.listen(self.events.append)
        self.ears = Ears(bus, database, self.clock, decoder, emergency)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def rows(self, call_id: str = "c1") -> list[Utterance]:
        async with self.database.read() as session:
            return list(await of_call(session, call_id, "live"))


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(asr.live.ears, "Hearing", LoudIsSpeech)
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", Bus())
    await made.create_all()
    yield made
    await made.close()


@asynccontextmanager
async def room(
    database: Database, decoder: FakeDecoder | None = None, emergency: Callable[[str], bool] = lambda _: False
) -> AsyncIterator[Room]:
    """Leaving it closes the ears, so that everything has been decoded and stored."""
    made = Room(database, database._bus, decoder or FakeDecoder(), emergency)
    await made.ears.start()
    yield made
    await made.ears.close()


def say(ears: Ears, pcm: np.ndarray, leg: Any = "caller", call_id: str = "c1") -> None:
    ears.audio(call_id, leg, pcm.astype("<i2").tobytes())


async def test_an_utterance_is_stored_with_its_times_and_announced(database: Database) -> None:
    async with room(database) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, np.concatenate([silence(2), speech(1, 7000), silence(1)]))
        r.ears.closed("c1", "caller")
    (row,) = await r.rows()
    (event,) = r.of(UtteranceHeard)
    assert (row.text, row.leg, row.id) == ("final7000", "caller", event.utterance_id)
    assert row.start_s == pytest.approx(1.7, abs=0.1)
    assert row.end_s == pytest.approx(3.6, abs=0.1)
    assert (row.at - NOON).total_seconds() == pytest.approx(row.start_s, abs=0.01)
    stored = await database.events_after(0)
    assert [s.type for s in stored] == ["UtteranceHeard"]


async def test_partials_share_the_id_of_their_final_and_are_not_stored(database: Database) -> None:
    async with room(database, FakeDecoder(lambda pcm, effort: f"{effort}{pcm.size}")) as r:
        r.ears.opened("c1", "caller", 8000)
        say(r.ears, speech(2.5, rate=8000))
        while not r.of(UtterancePartial):
            await r.database.events_after(0)
        say(r.ears, silence(1, rate=8000))
    (final,) = r.of(UtteranceHeard)
    assert {p.utterance_id for p in r.of(UtterancePartial)} == {final.utterance_id}
    assert [row.text for row in await r.rows()] == [final.text]
    assert {s.type for s in await database.events_after(0)} == {"UtteranceHeard"}


async def test_a_final_that_was_noise_takes_back_what_was_shown(database: Database) -> None:
    async with room(database, FakeDecoder(lambda pcm, effort: "嗯" if effort == "partial" else "")) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, speech(1.5))
        while not r.of(UtterancePartial):
            await r.database.events_after(0)
        say(r.ears, silence(1))
    assert [p.text for p in r.of(UtterancePartial)] == ["嗯", ""]
    assert r.of(UtteranceHeard) == []
    assert r.ears.backlog() == 0


async def test_both_legs_and_two_calls_are_kept_apart(database: Database) -> None:
    async with room(database) as r:
        for call_id, leg, loud in (("c1", "caller", 2000), ("c1", "agent", 3000), ("c2", "caller", 4000)):
            r.ears.opened(call_id, leg, 16000)
            say(r.ears, speech(0.5, loud), leg, call_id)
    assert {(row.leg, row.text) for row in await r.rows("c1")} == {("caller", "final2000"), ("agent", "final3000")}
    assert [row.text for row in await r.rows("c2")] == ["final4000"]


async def hear(r: Room, *parts: tuple[np.ndarray, int]) -> None:
    """Each part by itself: the next when so many decodings in all were asked for, and are done."""
    for part, asked in parts:
        say(r.ears, part)
        while len(r.decoder.asked) < asked or (asked and r.ears._asked):
            await r.database.events_after(0)


async def test_what_was_decoded_at_the_pause_is_the_final_when_nothing_follows(database: Database) -> None:
    async with room(database, FakeDecoder(lambda pcm, kind: f"{kind}{pcm.size}")) as r:
        r.ears.opened("c1", "caller", 16000)
        await hear(r, (speech(0.8), 0), (silence(0.3), 1), (silence(1), 0))
    assert [kind for kind, _ in r.decoder.asked] == ["pause"]
    (final,) = r.of(UtteranceHeard)
    assert r.decoder.promoted == [final.utterance_id]
    assert final.text.startswith("pause")
    # It is on the screen before it is certain.
    assert [p.text for p in r.of(UtterancePartial)] == [final.text]


async def test_what_was_decoded_at_a_pause_is_a_partial_when_more_is_said(database: Database) -> None:
    async with room(database, FakeDecoder(lambda pcm, kind: f"{kind}{pcm.size}")) as r:
        r.ears.opened("c1", "caller", 16000)
        await hear(r, (speech(0.8), 0), (silence(0.3), 1), (speech(0.5), 0))
    assert [kind for kind, _ in r.decoder.asked] == ["pause", "final"]
    assert [p.text[:5] for p in r.of(UtterancePartial)] == ["pause"]
    assert [e.text[:5] for e in r.of(UtteranceHeard)] == ["final"]


async def test_a_pause_that_was_shed_is_decoded_as_the_final(database: Database) -> None:
    class Shedding(FakeDecoder):
        async def _decode(self, pcm: Any, kind: Any) -> Any:
            return None if kind == "pause" else await super()._decode(pcm, kind)

    async with room(database, Shedding()) as r:
        r.ears.opened("c1", "caller", 16000)
        await hear(r, (speech(0.8), 0), (silence(0.3), 1), (silence(1), 2))
    assert [kind for kind, _ in r.decoder.asked] == ["pause", "final"]
    assert [row.text for row in await r.rows()] == ["final5000"]


async def test_a_look_that_comes_late_does_not_take_back_words(database: Database) -> None:
    paused = asyncio.Event()

    class LatePartial(FakeDecoder):
        async def _decode(self, pcm: Any, kind: Any) -> Any:
            if kind == "partial":
                await paused.wait()
            return await super()._decode(pcm, kind)

    async with room(database, LatePartial(lambda pcm, kind: kind)) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, speech(1.1))
        while len(r.decoder.asked) < 1:
            await r.database.events_after(0)
        say(r.ears, silence(0.3))
        while not r.of(UtterancePartial):
            await r.database.events_after(0)
        paused.set()
        while r.ears._asked:
            await r.database.events_after(0)
        assert [p.text for p in r.of(UtterancePartial)] == ["pause"]


async def test_ears_that_are_behind_ask_for_the_end_alone(database: Database) -> None:
    async with room(database) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, np.concatenate([speech(3.5), silence(0.3), speech(1), silence(1)]))
        while not r.of(UtteranceHeard):
            await r.database.events_after(0)
    assert [kind for kind, _ in r.decoder.asked] == ["final"]


async def test_lag_is_told_while_a_final_is_open(database: Database) -> None:
    async with room(database, FakeDecoder(delay_s=0.2)) as r:
        assert r.ears.lag() == 0
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, np.concatenate([speech(0.5), silence(1)]))
        lags = []
        while not r.of(UtteranceHeard):
            lags.append(r.ears.lag())
            await r.database.events_after(0)
    assert max(lags) >= 0.15
    assert (r.ears.backlog(), r.ears.lag()) == (0, 0)


async def test_emergency_is_asked_for_each_utterance(database: Database) -> None:
    urgent: set[str] = set()
    async with room(database, emergency=urgent.__contains__) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, np.concatenate([speech(0.5), silence(1)]))
        while not r.of(UtteranceHeard):
            await r.database.events_after(0)
        urgent.add("c1")
        say(r.ears, np.concatenate([speech(0.5), silence(1)]))
    assert [flag for effort, flag in r.decoder.asked if effort == "final"] == [False, True]


async def test_a_database_that_refuses_loses_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asr.live.ears, "_FIRST_PAUSE_S", 0.01)
    work, refusals = database.work, 3

    @asynccontextmanager
    async def refusing() -> AsyncIterator[Any]:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise OSError("disk full")
        async with work() as made:
            yield made

    monkeypatch.setattr(database, "work", refusing)
    async with room(database) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, np.concatenate([speech(0.5, 2000), silence(1), speech(0.5, 3000), silence(1)]))
    assert [row.text for row in await r.rows()] == ["final2000", "final3000"]
    assert len(r.of(UtteranceHeard)) == 2
    assert r.ears.backlog() == 0


async def test_a_commit_whose_answer_was_lost_is_not_stored_twice(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asr.live.ears, "_FIRST_PAUSE_S", 0.01)
    work, losses = database.work, 1

    @asynccontextmanager
    async def losing() -> AsyncIterator[Any]:
        nonlocal losses
        async with work() as made:
            yield made
        if losses:
            losses -= 1
            raise OSError("connection lost after the commit")

    monkeypatch.setattr(database, "work", losing)
    async with room(database) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, speech(0.5))
    assert len(await r.rows()) == 1
    assert len(await database.events_after(0)) == 1


async def test_one_utterance_that_fails_does_not_end_the_stream(database: Database) -> None:
    decoder = FakeDecoder()
    async with room(database, decoder) as r:
        decoder.error = DecodeFailed("twice")
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, np.concatenate([speech(0.5), silence(1)]))
        while r.ears.backlog() or not decoder.asked:
            await r.database.events_after(0)
        decoder.error = None
        say(r.ears, np.concatenate([speech(0.5, 6000), silence(1)]))
    assert [row.text for row in await r.rows()] == ["final6000"]


async def test_close_waits_for_a_slow_decoder(database: Database) -> None:
    async with room(database, FakeDecoder(delay_s=0.3)) as r:
        for number in range(4):
            r.ears.opened(f"c{number}", "caller", 16000)
            say(r.ears, speech(0.5), call_id=f"c{number}")
    assert [len(await r.rows(f"c{number}")) for number in range(4)] == [1, 1, 1, 1]


async def test_a_tap_that_comes_back_goes_on_in_the_same_time(database: Database) -> None:
    async with room(database) as r:
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, speech(0.5, 2000))
        r.clock.advance(20)
        r.ears.opened("c1", "caller", 16000)
        say(r.ears, speech(0.5, 3000))
    assert [(row.text, row.start_s) for row in await r.rows()] == [("final2000", 0.0), ("final3000", 20.0)]


@pytest.mark.parametrize("block", [b"", b"\x01", b"\x01\x02\x03", b"\xff" * 99_999])
async def test_hostile_blocks_do_not_raise(database: Database, block: bytes) -> None:
    async with room(database) as r:
        r.ears.audio("unknown", "caller", block)
        r.ears.closed("unknown", "agent")
        r.ears.opened("c2", "agent", 44100)
        r.ears.audio("c2", "agent", block)
        r.ears.opened("c1", "caller", 8000)
        for _ in range(3):
            r.ears.audio("c1", "caller", block)
        r.ears.closed("c1", "caller")
        r.ears.closed("c1", "caller")
        r.ears.audio("c1", "caller", block)
        r.ears.opened("c3", "caller", 16000)
        say(r.ears, speech(0.5), call_id="c3")
    assert len(await r.rows("c3")) == 1


@given(st.lists(st.binary(max_size=3000), max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_can_be_heard(blocks: list[bytes]) -> None:
    stream = _Stream("c", "caller", 8000, NOON, 0.0)
    for block in blocks:
        stream.hear(block, False)
    assert all(moment.final for moment in stream.hear(b"", True))
