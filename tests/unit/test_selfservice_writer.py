"""A caller's message through the decode pool into words."""

import wave
from pathlib import Path

import numpy as np
import pytest

from asr.decode.pool import PoolStopped
from asr.record import transcribe as module
from heyi.messages import writer
from tests.unit.asr_support import FakeDecoder, LoudIsSpeech, silence, speech
from ticketing.selfservice.messages import NotNow


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "Hearing", LoudIsSpeech)
    file = tmp_path / "hy-2.1-voice-1.wav"
    pcm = np.concatenate([speech(1, 4000, 8000), silence(4, 8000), speech(1, 5000, 8000), silence(1, 8000)])
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(pcm.astype("<i2").tobytes())
    return file


async def test_its_utterances_are_one_text_decoded_behind_the_living(recording: Path) -> None:
    decoder = FakeDecoder(lambda pcm, effort: f"{effort}{pcm.size > 0}，")
    assert await writer(decoder)(recording) == "recordTrue，recordTrue"


async def test_a_pool_that_stops_is_no_failed_try(recording: Path) -> None:
    decoder = FakeDecoder()
    decoder.error = PoolStopped()
    with pytest.raises(NotNow):
        await writer(decoder)(recording)


async def test_what_is_no_recording_fails(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="not there"):
        await writer(FakeDecoder())(tmp_path / "nothing.wav")
