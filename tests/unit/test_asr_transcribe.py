"""A whole recording to segments: order, sides, progress, and a stretch that fails."""

import asyncio

import numpy as np
import pytest

from asr.decode.pool import DecodeFailed, PoolStopped
from asr.live.segmenter import Cut
from asr.record import transcribe as module
from asr.record.transcribe import transcribe
from tests.unit.asr_support import FakeDecoder, LoudIsSpeech, silence, speech


@pytest.fixture(autouse=True)
def loud_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Hearing", LoudIsSpeech)


def two_legs() -> dict[str, np.ndarray]:
    return {
        "caller": np.concatenate([speech(1, 4000), silence(4), speech(1, 5000), silence(1)]),
        "agent": np.concatenate([silence(2.5), speech(1, 6000), silence(3.5)]),
    }


@pytest.mark.parametrize("ahead", [0, 1, 2, 9])
async def test_both_sides_come_in_the_order_of_speech_and_all_seconds_are_told(ahead: int) -> None:
    seconds: list[float] = []
    found = await transcribe(two_legs(), FakeDecoder(), ahead=ahead, done=seconds.append)
    assert [(s.leg, s.found.text) for s in found] == [
        ("caller", "record4000"),
        ("agent", "record6000"),
        ("caller", "record5000"),
    ]
    assert all(s.start_s < s.end_s <= 7 for s in found)
    assert sum(seconds) == pytest.approx(14, abs=0.1)


async def test_a_pause_of_a_second_does_not_cut_a_sentence() -> None:
    pcm = np.concatenate([speech(1), silence(1), speech(1), silence(1.5), speech(1)])
    assert len(await transcribe({"": pcm}, FakeDecoder())) == 2
    assert len(module.utterances(pcm, Cut(endpoint_s=0.6))) == 3


async def test_what_was_not_understood_is_left_out() -> None:
    decoder = FakeDecoder(lambda pcm, effort: "")
    assert await transcribe(two_legs(), decoder) == []
    assert await transcribe({"": np.zeros(0, np.int16)}, FakeDecoder()) == []


async def test_a_stretch_that_fails_does_not_take_the_others() -> None:
    class Half(FakeDecoder):
        async def submit(self, *args: object, **kwargs: object) -> asyncio.Future:  # type: ignore[type-arg]
            self.error = DecodeFailed("twice") if not self.asked else None
            future = await super().submit(*args, **kwargs)  # type: ignore[arg-type]
            await asyncio.wait([future])
            return future

    assert [s.found.text for s in await transcribe(two_legs(), Half())] == ["record6000", "record5000"]


async def test_a_pool_that_stops_ends_it() -> None:
    decoder = FakeDecoder()
    decoder.error = PoolStopped()
    with pytest.raises(PoolStopped):
        await transcribe(two_legs(), decoder)
