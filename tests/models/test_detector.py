"""The detector of speech on a real voice: it hears the last turn of a long call as well as the first."""

import numpy as np
import pytest

from asr.live.sound import read_recording
from asr.live.vad import Hearing
from core.settings import Settings
from ivr import voice_model
from ivr.voice import Voice

pytestmark = pytest.mark.models


def test_a_short_answer_after_each_long_silence_is_heard_for_five_minutes() -> None:
    cache = Settings().cache
    voice = Voice(voice_model.ensure(cache), cache)
    answers = [
        read_recording(voice.wav8k(text, speaker)).astype(np.float64) / 3
        for text, speaker in (
            ("去社区医院打就行了。", "zf_xiaobei"), ("那就回老家开嘛。", "zm_yunxi"), ("就近。", "zf_xiaoxiao"),
        )
    ]  # fmt: skip
    dice, hearing = np.random.default_rng(5), Hearing()
    heard = asked = 0
    said_s = 0.0
    while said_s < 300:
        turn = np.concatenate([np.zeros(8 * 16000), answers[asked % 3], np.zeros(16000)])
        line = (turn + dice.normal(0, 60, turn.size)).astype(np.int16)
        finals = [m for at in range(0, line.size, 960) for m in hearing.push(line[at : at + 960]) if m.final]
        asked, heard, said_s = asked + 1, heard + bool(finals), said_s + line.size / 16000
    assert heard == asked
