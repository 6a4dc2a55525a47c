"""No text where nobody speaks: by the detector and Whisper together, and by Whisper alone."""

import pytest

from asr import models
from asr.decode.schedule import EFFORT
from asr.engines.whisper import WhisperEngine
from asr.live.segmenter import LIVE
from asr.live.sound import Feed
from asr.live.vad import Hearing
from core.settings import Settings
from tests.wordless import SOUNDS, pcm8k

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def whisper() -> WhisperEngine:
    return WhisperEngine(models.ensure("whisper-base", Settings().cache), threads=2)


@pytest.mark.parametrize("name", SOUNDS)
def test_whisper_writes_nothing_where_nobody_speaks(whisper: WhisperEngine, name: str) -> None:
    """Whisper alone invents sentences in noise; what it holds for nobody's and was guessing at is dropped."""
    pcm = Feed(8000).push(pcm8k(name, 6.0, seed=1).tobytes())
    assert whisper.recognise(pcm).text == ""


@pytest.mark.parametrize("name", SOUNDS)
def test_what_the_detector_lets_through_has_no_text(whisper: WhisperEngine, name: str) -> None:
    hearing = Hearing(LIVE)
    pcm = Feed(8000).push(pcm8k(name, 36.0).tobytes())
    moments = [*hearing.push(pcm), *hearing.flush()]
    assert [whisper.recognise(m.pcm, EFFORT[m.kind]).text for m in moments] == [""] * len(moments)
