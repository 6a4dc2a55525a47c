"""Noise, ringing, music and silence: the detector lets nothing through but a melody, which recognition must refuse."""

import numpy as np
import pytest

from asr.live.segmenter import LIVE, Moment
from asr.live.sound import Feed
from asr.live.vad import Hearing
from asr.recognition import Pcm
from tests.wordless import SOUNDS, pcm8k

#: Notes one after the other go up and down as a voice does. That no text comes of them either is tested with Whisper
#: itself (tests/models/test_wordless.py).
LIKE_A_VOICE = {"tune"}


def utterances(pcm: Pcm) -> list[Moment]:
    hearing = Hearing(LIVE)
    return [*hearing.push(pcm), *hearing.flush()]


@pytest.mark.parametrize("name", sorted(set(SOUNDS) - LIKE_A_VOICE))
def test_sounds_without_words_are_no_utterances(name: str) -> None:
    assert utterances(Feed(8000).push(pcm8k(name, 36.0).tobytes())) == []


@pytest.mark.parametrize("name", SOUNDS)
def test_the_sounds_are_loud_enough_to_mean_something(name: str) -> None:
    pcm = pcm8k(name, 8.0).astype(np.float64)
    level = 20 * np.log10(np.sqrt(np.mean(pcm**2)) / 32768)
    assert (-72 if name == "silence" else -36) < level < -12
    assert np.array_equal(pcm8k(name, 8.0), pcm8k(name, 8.0))
