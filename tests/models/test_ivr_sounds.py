"""What the real voice makes of prompts: joints that are not heard, words that are understood, English too."""

import re
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel
from rapidfuzz.distance import Levenshtein

from asr import models
from core.settings import Settings
from ivr import voice_model
from ivr.english import number_words
from ivr.inventory import WORDS, parts_of
from ivr.joints import RATE, closed, joined, read_wav, trimmed
from ivr.mouth import Mouth, command
from ivr.sound import Pcm
from ivr.voice import Voice
from ivr.voice_model import speaker
from ivr.wording import pieces

pytestmark = pytest.mark.models

FRAME = RATE // 100


@pytest.fixture(scope="module")
def voice() -> Voice:
    # The machine's own cache of spoken texts: these are the inventory's.
    return Voice(voice_model.ensure(Settings().cache), Settings().cache, threads=1)


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    folder = models.ensure("whisper-base", Settings().cache)
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=2)


def words_of(voice: Voice, template: str, text: str) -> tuple[list[tuple[str, Pcm]], str]:
    piece = pieces(template, text, "zh")[0]
    return [(part[:-1], read_wav(voice.wav8k(part))) for part in parts_of(piece, WORDS)], piece.text


def levels(pcm: Pcm) -> np.ndarray:
    """dBFS of each hundredth of a second."""
    frames = pcm[: pcm.size // FRAME * FRAME].reshape(-1, FRAME).astype(float)
    return np.asarray(20 * np.log10(np.maximum(np.sqrt(np.mean(frames**2, axis=1)), 1) / 32768))


def gaps_s(pcm: Pcm) -> list[float]:
    """Silences between voices."""
    loud = np.flatnonzero(levels(pcm) > -45)
    return [float(step - 1) / 100 for step in np.diff(loud) if step > 2]


def understood(whisper: WhisperModel, pcm: Pcm, language: str) -> str:
    loud = pcm.astype(np.float32) / 32768
    twice = np.interp(np.arange(loud.size * 2) / 2, np.arange(loud.size), loud).astype(np.float32)
    prompt = "以下是普通话的句子。" if language == "zh" else None
    found, _ = whisper.transcribe(twice, language=language, beam_size=5, initial_prompt=prompt)
    return " ".join(one.text for one in found)


@pytest.mark.parametrize(
    ("template", "text", "after", "figures"),
    [
        ("车牌号{plate}，对的话请按1。", "车牌号闽C12345，对的话请按1。", ["对的话请按1，不对请按2。"], "12345"),
        ("您前面还有{place}位，请等。", "您前面还有45位，请等。", ["预计等候12分钟，", "请不要挂机。"], "45"),
    ],
    ids=["plate", "place"],
)
def test_words_stand_beside_each_other_as_in_one_sentence(
    voice: Voice, whisper: WhisperModel, template: str, text: str, after: list[str], figures: str
) -> None:
    parts, said = words_of(voice, template, text)
    # As the model gives it, a single figure has over a second of silence around it.
    assert all(sound.size - trimmed(sound).size > 0.5 * RATE for _, sound in parts)
    one = joined(parts, said)
    assert max(gaps_s(one)) <= 0.25, gaps_s(one)
    # Each word as loud as the others, where it is loud.
    heights = [float(np.percentile(levels(trimmed(sound)), 75)) for _, sound in parts]
    assert max(heights) - min(heights) < 3, heights
    whole = np.concatenate([one, *(closed(read_wav(voice.wav8k(piece)), piece) for piece in after)])
    assert figures in re.sub(r"\D", "", understood(whisper, whole, "zh").replace("四十五", "45"))


def test_english_prompts_are_understood(voice: Voice, whisper: WhisperModel) -> None:
    texts = (
        "Please say the number plate of the car.",
        "Enter the last four figures of your ticket, then press pound. For an agent press pound alone.",
        "This ticket is closed. If you do not agree, press 0 for an agent.",
        "Press 1 if it was settled, 2 if not.",
    )
    wrong = words = 0
    for text in texts:
        heard = understood(whisper, read_wav(voice.wav8k(text, speaker("zf_xiaobei", "en"))), "en")
        wanted, got = english(text), english(heard)
        wrong, words = wrong + Levenshtein.distance(wanted, got), words + len(wanted)
    assert wrong / words <= 0.1


def english(text: str) -> list[str]:
    spelled = re.sub(r"\d+", lambda found: f" {' '.join(number_words(found[0]))} ", text.lower())
    return re.findall(r"[a-z']+", spelled)


async def test_the_process_speaks_into_the_file(voice: Voice, tmp_path: Path) -> None:
    mouth = Mouth(command(Settings().cache))
    mouth.start()
    try:
        assert await mouth.say("您好。", "zf_xiaobei", tmp_path / "hello.wav", now=True)
        assert trimmed(read_wav(tmp_path / "hello.wav")).size > 0.3 * RATE
        assert not await mouth.say("您好。", "nobody", tmp_path / "nobody.wav", now=True)
        assert mouth.takes_s(2.0) < float("inf")
    finally:
        await mouth.close()
