"""Prompts as files, level and band of telephone sound, cutting of long texts; without the model."""

import os
import threading
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HeyiError, ModelMissing
from ivr.prompts import ensure_prompts
from ivr.sound import decimate, level, to_pcm, write_wav
from ivr.voice import MAX_TOKENS, Voice, key, pieces
from tests.eventually import PATIENCE_S


class Typist:
    """In place of the voice: counts what it is asked to speak."""

    def __init__(self, folder: Path) -> None:
        self.spoken: list[str] = []
        self._folder = folder

    def each_wav8k(self, texts: Iterable[tuple[str, str]]) -> Iterator[Path]:
        return (self.wav8k(*told) for told in texts)

    def wav8k(self, text: str, voice: str = "zf_xiaobei", speed: float = 1.0) -> Path:
        self.spoken.append(text)
        path = self._folder / f"{key(text, voice, speed)}.wav"
        write_wav(path, np.full(80, len(text), np.int16), 8000)
        return path


def test_prompts_are_written_once_and_again_when_the_text_changes(tmp_path: Path) -> None:
    voice = Typist(tmp_path / "cache")
    folder = tmp_path / "sounds"
    written = ensure_prompts({"line-12345": "您好", "queue/wait": "请稍候"}, folder, voice)
    assert written == [folder / "line-12345.wav", folder / "queue/wait.wav"]
    assert ensure_prompts({"line-12345": "您好", "queue/wait": "请稍候"}, folder, voice) == []
    assert ensure_prompts({"line-12345": "您好！"}, folder, voice) == [folder / "line-12345.wav"]
    assert voice.spoken == ["您好", "请稍候", "您好！"]
    with wave.open(str(folder / "line-12345.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert np.frombuffer(file.readframes(1), "<i2")[0] == 3


def test_a_lost_sound_is_made_again_and_another_speaker_too(tmp_path: Path) -> None:
    voice = Typist(tmp_path / "cache")
    ensure_prompts({"a": "您好"}, tmp_path, voice)
    (tmp_path / "a.wav").unlink()
    assert ensure_prompts({"a": "您好"}, tmp_path, voice) == [tmp_path / "a.wav"]
    assert ensure_prompts({"a": "您好"}, tmp_path, voice, speaker="zm_yunxi") == [tmp_path / "a.wav"]


@pytest.mark.parametrize("name", ["../a", "/etc/a", "x/../../a"])
def test_a_prompt_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="inside"):
        ensure_prompts({name: "您好"}, tmp_path, Typist(tmp_path))


def test_nothing_half_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(wave.Wave_write, "writeframes", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_wav(tmp_path / "a.wav", np.zeros(8, np.int16), 8000)
    assert list(tmp_path.iterdir()) == []


def rms_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(float) ** 2))))


@pytest.mark.parametrize("loud", [0.001, 0.05, 0.9])
def test_level_is_the_same_however_loud_it_was_and_pauses_do_not_count(loud: float) -> None:
    tone = np.sin(np.arange(16000) * 0.3).astype(np.float32) * loud
    out = level(np.concatenate([tone, np.zeros(32000, np.float32)]))
    assert rms_db(out[:16000]) == pytest.approx(-20, abs=0.5)


def test_peaks_are_bent_below_the_ceiling_and_silence_stays_silence() -> None:
    spiky = np.full(8000, 0.02, np.float32)
    spiky[::800] = 1.0
    assert 0.7 < np.abs(level(spiky)).max() <= 0.95
    assert not level(np.zeros(100, np.float32)).any()


def test_bringing_down_the_rate_keeps_speech_and_takes_what_would_fold_back() -> None:
    t = np.arange(24000) / 24000
    low = decimate(np.sin(2 * np.pi * 1000 * t).astype(np.float32), 24000)
    high = decimate(np.sin(2 * np.pi * 5000 * t).astype(np.float32), 24000)
    assert low.size == 8000
    assert rms_db(low[500:-500]) == pytest.approx(-3.01, abs=0.1)
    assert rms_db(high[500:-500]) < -50


@given(st.lists(st.floats(-4, 4, width=32), max_size=50))
def test_pcm_never_wraps_around(samples: list[float]) -> None:
    array = np.array(samples, np.float32)
    assert (np.sign(to_pcm(array)) * np.sign(array) >= 0).all()


def by_character(text: str) -> list[int]:
    return [ord(c) for c in text]


@given(st.text(alphabet="我你他，。！\n", max_size=1500))
def test_long_text_is_cut_and_nothing_is_left_out(text: str) -> None:
    made = pieces(text, by_character)
    assert all(0 < len(piece) <= MAX_TOKENS for piece in made)
    said = "".join(chr(token) for piece in made for token in piece)
    # Marks before the first word have nothing to belong to.
    assert [c for c in said if c not in "，。！\n"] == [c for c in text if c not in "，。！\n"]


def test_short_sentences_stay_together_and_long_ones_end_at_punctuation() -> None:
    assert len(pieces("您好。请讲。谢谢。", by_character)) == 1
    long = "一" * 150 + "，" + "二" * 150 + "。" + "三" * 700
    assert ["".join(chr(t) for t in piece)[-1] for piece in pieces(long, by_character)[:2]] == ["，", "。"]


def test_several_texts_are_spoken_side_by_side_and_given_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)

    def wav8k(self: Voice, text: str, voice: str) -> Path:
        both.wait(PATIENCE_S)
        return tmp_path / voice / text

    monkeypatch.setattr(Voice, "wav8k", wav8k)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    told = [("您好", "zf_xiaobei"), ("请讲", "zm_yunxi"), ("谢谢", "zf_xiaobei"), ("再见", "zm_yunxi")]
    spoken = Voice.__new__(Voice).each_wav8k(told)
    assert list(spoken) == [tmp_path / voice / text for text, voice in told]


def test_a_voice_without_its_model_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"model\.onnx") as caught:
        Voice(tmp_path, tmp_path)
    assert "./run heyi models fetch" in caught.value.hint


def test_an_unknown_voice_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    for file in ("model.onnx", "vocab.json", *(f"voices/{name}.bin" for name in VOICE_NAMES)):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text('{"vocab": {}}')
    with pytest.raises(HeyiError, match="'nobody'") as caught:
        Voice(tmp_path, tmp_path).wav8k("您好", "nobody")
    assert "zf_xiaobei" in caught.value.hint


VOICE_NAMES = (
    "zf_xiaobei",
    "zf_xiaoni",
    "zf_xiaoxiao",
    "zf_xiaoyi",
    "zm_yunjian",
    "zm_yunxi",
    "zm_yunxia",
    "zm_yunyang",
)
