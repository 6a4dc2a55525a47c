"""One decode process: ``python -m asr.worker ENGINE MODEL``; jobs on standard input, answers on standard output.

A job is a line of JSON ``{"effort", "samples"}`` followed by that many int16 samples; an answer is one line of JSON.
The first answer is ``{"ready": true}`` or ``{"missing": …, "hint": …}``. The process ends when its input does, so none
is left behind when the parent is killed.
"""

import ctypes
import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from asr.engine import load_engine
from asr.recognition import Engine
from core.errors import HeyiError

_PR_SET_PDEATHSIG = 1


def main(engine_name: str, model_path: str) -> int:
    """Serves until the end of input; exit status 0, or 1 when the engine does not load."""
    _die_with_parent()
    out = os.fdopen(os.dup(1), "wb")
    # What native libraries print must not fall between the answers.
    os.dup2(2, 1)
    try:
        engine = load_engine(engine_name, Path(model_path), threads=1)
    except HeyiError as error:
        _answer(out, {"missing": error.message, "hint": error.hint})
        return 1
    _answer(out, {"ready": True})
    serve(engine, sys.stdin.buffer, out)
    return 0


def serve(engine: Engine, jobs: BinaryIO, out: BinaryIO) -> None:
    """Answers jobs in order until ``jobs`` ends."""
    while line := jobs.readline():
        head = json.loads(line)
        data = jobs.read(2 * head["samples"])
        if len(data) < 2 * head["samples"]:
            return
        found = engine.recognise(np.frombuffer(data, dtype="<i2").astype(np.int16), head["effort"])
        _answer(out, dataclasses.asdict(found))


def _answer(out: BinaryIO, body: dict[str, Any]) -> None:
    out.write(json.dumps(body).encode() + b"\n")
    out.flush()


def _die_with_parent() -> None:
    """The kernel's own signal, for the case that the pipe is held open by somebody else."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
