"""One decode process: ``python -m asr.worker ENGINE MODEL``; jobs on standard input, answers on standard output.

A job is a line of JSON ``{"effort", "samples"}`` followed by that many int16 samples; an answer is one line of JSON.
The first answer is ``{"ready": true}`` or ``{"missing": …, "hint": …}``. The process ends when its input does, so none
is left behind when the parent is killed.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from asr.engine import load_engine
from asr.serving import answer, serve
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
        answer(out, {"missing": error.message, "hint": error.hint})
        return 1
    answer(out, {"ready": True})
    serve(engine, sys.stdin.buffer, out)
    return 0


def _die_with_parent() -> None:
    """The kernel's own signal, for the case that the pipe is held open by somebody else."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
