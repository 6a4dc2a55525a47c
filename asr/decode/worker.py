"""One decode process: ``python -m asr.decode.worker ENGINE MODEL [CITY LEXICON TEXTS CACHE]``; jobs in, answers out.

With a city folder the city's names are set right in what was heard, those of the file LEXICON too, and the rest is
weighed with what callers say; the folder TEXTS adds sentences of theirs (:func:`asr.words.rescore.texts_of`). What it
learns from them is kept in the folder CACHE.

A job on standard input is a line of JSON ``{"effort", "samples"}`` followed by that many int16 samples; an answer on
standard output is one line of JSON.
The first answer is ``{"ready": true}`` or ``{"missing": …, "hint": …}``. The process ends when its input does, so none
is left behind when the parent is killed.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

from asr.decode.serving import answer, serve
from asr.engines.load import load_engine
from asr.words.city import FreshWords
from asr.words.rescore import improver
from core.cityfolder import CityFolder
from core.errors import HeyiError

_PR_SET_PDEATHSIG = 1


def main(
    engine_name: str, model_path: str, city: str = "", lexicon: str = "", texts: str = "", cache: str = "",
    changed: str = "",
) -> int:  # fmt: skip
    """Serves until the end of input; exit status 0, or 1 when engine or city do not load."""
    _die_with_parent()
    out = os.fdopen(os.dup(1), "wb")
    # What native libraries print must not fall between the answers.
    os.dup2(2, 1)
    try:
        words = FreshWords(CityFolder(Path(city), Path(changed) if changed else None), Path(lexicon)) if city else None
        engine = load_engine(engine_name, Path(model_path), threads=1)
        folders = (Path(folder) if folder else None for folder in (texts, cache))
        better = improver(engine, words, *folders) if words else None
    except HeyiError as error:
        answer(out, {"missing": error.message, "hint": error.hint})
        return 1
    _give_back()
    answer(out, {"ready": True})
    serve(engine, sys.stdin.buffer, out, better.improve if better else None)
    return 0


def _die_with_parent() -> None:
    """The kernel's own signal, for the case that the pipe is held open by somebody else."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _give_back() -> None:
    """Memory that was needed to load models only: the C library keeps it, some 60 MB."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:8]))
