"""sherpa-onnx itself, on tiny models of every family that heyi knows: the right sound arrives at the right time."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asr.engines.load import load_engine
from asr.recognition import Recognition
from core.errors import HeyiError, ModelMissing
from tests.sherpa_kit import MODELS, sense_voice, tones

pytestmark = pytest.mark.models

MELODY = tones(("", 0.5), ("低", 0.6), ("", 0.4), ("高", 0.8), ("", 0.4), ("低", 0.5), ("", 0.3))
#: What each tiny model writes of it. A Paraformer here writes one character for all, or one for each quarter second.
WRITTEN = {family: "低高低" for family in MODELS} | {"paraformer": "高", "streaming-paraformer": "低低高高高高低低"}
TIMED = [family for family in MODELS if "paraformer" not in family]


@pytest.mark.parametrize("family", MODELS)
def test_tones_are_told_apart(tmp_path: Path, family: str) -> None:
    engine = load_engine("sherpa-onnx", MODELS[family](tmp_path))
    raw = engine.recognise(MELODY).raw
    if family == "streaming-paraformer":
        # How many fit into a tone depends on where the blocks of frames fall.
        assert sorted(set(raw)) == ["低", "高"]
        assert "".join(a for a, b in zip(raw, raw[1:] + " ", strict=True) if a != b) == "低高低"
    else:
        assert raw == WRITTEN[family]
    assert engine.recognise(tones(("高", 1.0))).raw.strip("高") == ""


@pytest.mark.parametrize("family", TIMED)
def test_every_character_has_its_time(tmp_path: Path, family: str) -> None:
    words = load_engine("sherpa-onnx", MODELS[family](tmp_path)).recognise(MELODY).words
    assert [word.text for word in words] == ["低", "高", "低"]
    assert [word.start_s for word in words] == pytest.approx([0.5, 1.5, 2.7], abs=0.1)
    assert all(word.end_s - word.start_s <= 0.5 for word in words)


@pytest.mark.parametrize("family", ["streaming-zipformer-ctc", "streaming-transducer"])
def test_a_stream_ends_utterances_by_itself_and_counts_time_from_its_start(tmp_path: Path, family: str) -> None:
    engine: Any = load_engine("sherpa-onnx", MODELS[family](tmp_path))
    stream = engine.open_stream()
    line = tones(("", 0.5), ("低", 0.6), ("", 1.5), ("高", 0.8), ("", 0.2))
    ended: list[Recognition] = []
    for start in range(0, line.size, 1600):
        if (found := stream.feed(line[start : start + 1600])) is not None:
            ended.append(found)
            assert stream.partial() == ""
    assert stream.partial() == "高"
    said = [*ended, stream.finish()]
    assert [part.text for part in said] == ["低", "高"]
    assert [word.start_s for part in said for word in part.words] == pytest.approx([0.5, 2.6], abs=0.1)


def test_a_model_that_says_how_sure_it_is(tmp_path: Path) -> None:
    engine = load_engine("sherpa-onnx", MODELS["transducer"](tmp_path))
    loud, faint = (engine.recognise(tones(("低", 1.0), amplitude=a)) for a in (30_000, 9_000))
    assert 0 < faint.confidence < loud.confidence < 1


def test_a_graph_that_does_not_load_is_one_line(tmp_path: Path) -> None:
    folder = sense_voice(tmp_path)
    path = folder / "model.int8.onnx"
    path.write_bytes(path.read_bytes().replace(b"ReduceMax", b"ReduceMix"))
    with pytest.raises(ModelMissing, match=r"sense-voice model .* does not load") as caught:
        load_engine("sherpa-onnx", folder)
    assert "\n" not in str(caught.value)


def test_without_the_extra_the_line_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    monkeypatch.delitem(sys.modules, "asr.engines.sherpa", raising=False)
    with pytest.raises(HeyiError, match="sherpa-onnx is not installed") as caught:
        load_engine("sherpa-onnx", tmp_path)
    assert "locks/sherpa.lock" in caught.value.hint


def test_a_whisper_process_holds_no_other_engine() -> None:
    code = "import sys, asr.engines.load, asr.engines.whisper; print(*{'vosk', 'sherpa_onnx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_samples_are_scaled_without_a_copy_left_behind(tmp_path: Path) -> None:
    """A tone a hundred times fainter is below what these models call sound: the scale is right, not only the shape."""
    engine = load_engine("sherpa-onnx", MODELS["zipformer-ctc"](tmp_path))
    assert engine.recognise(tones(("低", 1.0), amplitude=30000)).text == "低"
    assert engine.recognise(tones(("低", 1.0), amplitude=3)).text == ""
    assert engine.recognise(np.zeros(16000, np.int16)).text == ""
