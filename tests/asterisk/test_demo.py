"""The demonstration itself: calls in, closed tickets out, told as JSON."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from core.settings import Settings
from tests.asterisk.serving import environment

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

CALLS = [
    {
        "id": "fire", "line": "119", "caller_number": "13800138001", "turns": [
            {"who": "A", "text": "请讲。"},
            {"who": "C", "text": "二楼还有两个工人没有跑出来，火苗从窗户冒出来了。"},
        ],
    },
    {
        "id": "water", "line": "供水", "caller_number": "13800138002", "turns": [
            {"who": "C", "text": "我们这里从早上开始就停水了，什么时候能来水？", "gap_s": -0.5},
            {"who": "A", "text": "（敲键盘）已经登记。"},
        ],
    },
]  # fmt: skip


def test_every_call_ends_in_a_closed_ticket(settings: Settings, tmp_path: Path) -> None:
    calls, out = tmp_path / "calls.jsonl", tmp_path / "out.json"
    calls.write_text("".join(json.dumps(call, ensure_ascii=False) + "\n" for call in CALLS))
    done = subprocess.run(
        [sys.executable, "-m", "heyi", "demo", "--once", "--json", str(out), "--calls", str(calls)],
        env=environment(settings), capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    fire, water = json.loads(out.read_text())["calls"]
    assert (fire["line"], fire["is_emergency"], fire["department"]) == ("119", True, "fire")
    assert (water["is_emergency"], water["department"]) == (False, "water")
    steps = fire["steps"]
    assert steps["dispatched"] <= steps["accepted"] <= steps["departed"] <= steps["arrived"] <= steps["handling"]
    assert "departed" not in water["steps"]
    for call in (fire, water):
        assert call["state"] == "closed" and call["error"] is None
        assert [s["state"] for s in call["states"]] == [
            "draft", "filed", "dispatched", "handling", "reported", "callback", "closed"
        ]  # fmt: skip
        assert [(c["attempt"], c["outcome"], c["digit"]) for c in call["callback"]] == [(1, "satisfied", "1")]
        assert call["transcript"]["caller"] and call["waited_s"] >= 0 and call["answered_by"].startswith("19")
        with wave.open(call["recording"]) as recording:
            assert recording.getnframes() > 3 * 8000
