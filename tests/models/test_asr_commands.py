"""``heyi asr eval`` and ``heyi asr transcribe`` as a person runs them, on speech spoken by the real voice."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from core.settings import Settings
from ivr import voice_model
from ivr.voice import Voice

pytestmark = pytest.mark.models

CALLER, AGENT = "楼下的路灯坏了，晚上很黑。", "好的，请问您在什么位置？"
PHONE = "我的电话是13705966218。"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings: a call with two sides (Ogg), one voice (WAV), a file that is none, and a manifest."""
    folder = tmp_path_factory.mktemp("said")
    voice = Voice(voice_model.ensure(Settings().cache), folder)
    caller, agent, phone = (
        spoken(voice, text, who) for text, who in ((CALLER, "zf_xiaobei"), (AGENT, "zm_yunjian"), (PHONE, "zf_xiaobei"))
    )
    pause = np.zeros(12_000, np.int16)
    left = np.concatenate([pause, caller, pause, np.zeros_like(agent), pause])
    right = np.concatenate([pause, np.zeros_like(caller), pause, agent, pause])
    with av.open(str(folder / "call.ogg"), "w") as file:
        stream = file.add_stream("libopus", rate=8000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.stack([left, right]), format="s16p", layout="stereo")
        frame.rate = 8000
        resampler = av.AudioResampler("s16", "stereo", 8000, frame_size=160)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    with wave.open(str(folder / "phone.wav"), "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(np.concatenate([pause, phone, pause]).astype("<i2").tobytes())
    (folder / "bad.wav").write_text("no sound")
    rows = [f"phone.wav\t{PHONE}\t", "bad.wav\t你好\t", "gone.wav\t你好\t"]
    (folder / "labels.tsv").write_text("\n".join(["file\ttext\tplace", *rows]), encoding="utf-8")
    return folder


def spoken(voice: Voice, text: str, who: str) -> np.ndarray:
    with wave.open(str(voice.wav8k(text, who))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)


def heyi(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heyi", "asr", *args],
        env={**os.environ, "HEYI_DATA": str(folder / "data"), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_transcribe_keeps_the_sides_apart_and_passes_over_a_bad_file(said: Path) -> None:
    files = [str(said / name) for name in ("bad.wav", "call.ogg", "phone.wav")]
    run = heyi(said, "transcribe", *files, "--json")
    assert run.returncode == 1
    assert "bad.wav cannot be read as sound" in run.stderr
    assert "Traceback" not in run.stderr
    call, phone = (json.loads(line) for line in run.stdout.splitlines())
    assert call["file"].endswith("call.ogg")
    assert {segment["leg"] for segment in call["segments"]} == {"caller", "agent"}
    first, last = call["segments"][0], call["segments"][-1]
    assert (first["leg"], last["leg"]) == ("caller", "agent")
    assert "路灯" in first["text"] and "位置" in last["text"]
    assert 1 < first["start_s"] < 2.5 and first["end_s"] < last["end_s"] < call["seconds"] + 0.1
    assert [segment["leg"] for segment in phone["segments"]] == [""]


def test_transcribe_writes_subtitles_into_a_folder(said: Path) -> None:
    out = said / "made" / "here"
    run = heyi(said, "transcribe", str(said / "call.ogg"), "--srt", "-o", str(out))
    assert (run.returncode, run.stdout) == (0, "")
    text = (out / "call.srt").read_text(encoding="utf-8")
    assert text.startswith("1\n00:00:0")
    assert " --> " in text and "来电人：" in text and "接线员：" in text


def test_eval_gives_both_rates_and_names_each_fault(said: Path) -> None:
    out = said / "out.jsonl"
    run = heyi(said, "eval", str(said / "labels.tsv"), "--json", "--predictions", str(out))
    assert run.returncode == 1
    assert "line 3: " in run.stderr and "line 4: gone.wav is not there" in run.stderr
    found = json.loads(run.stdout)
    assert (found["files"], len(found["broken"])) == (1, 2)
    assert 0 <= found["cer"]["text"]["rate"] <= found["cer"]["raw"]["rate"] + 0.1 < 1.0
    assert found["phones"]["text"]["of"] == 1
    assert found["rtf"] > 0 and found["rss_mb"] > 100
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["file"] for line in lines] == ["phone.wav", "bad.wav", "gone.wav"]
    assert lines[0]["raw"] and lines[0]["text"]
