"""The speaking process: ``python -m ivr.speaker CACHE``; texts in, files out (:mod:`ivr.mouth` feeds it).

A job on standard input is a line of JSON ``{"text", "speaker", "target", "keep"}``; the answer on standard output is
``{"ready": …}`` or ``{"error": …}``, one line. The first answer is ``{"ready": …}`` or ``{"missing": …}``. The process
ends when its input does, so none is left behind when the parent is killed.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from core.errors import HeyiError
from ivr import voice_model
from ivr.joints import closed, read_wav
from ivr.sound import write_wav
from ivr.voice import Voice

_PR_SET_PDEATHSIG = 1


def main(cache: str) -> int:
    """Serves until the end of input; exit status 0, or 1 where the voice model is not there."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    out = os.fdopen(os.dup(1), "wb")
    # What native libraries print must not fall between the answers.
    os.dup2(2, 1)
    try:
        voice = Voice(voice_model.require(Path(cache)), Path(cache), threads=1)
    except HeyiError as error:
        _tell(out, {"missing": error.message})
        return 1
    _tell(out, {"ready": "voice"})
    for line in sys.stdin.buffer:
        job = json.loads(line)
        try:
            speak(voice, job["text"], job["speaker"], Path(job["target"]), keep=job["keep"])
        except Exception as error:  # one text that cannot be spoken must not take the others with it
            _tell(out, {"error": f"{type(error).__name__}: {error}"})
        else:
            _tell(out, {"ready": job["target"]})
    return 0


def speak(voice: Voice, text: str, speaker: str, target: Path, *, keep: bool) -> None:
    """``text`` as a piece of the shelf. What ``keep`` does not allow to be kept passes through no other file."""
    pcm = read_wav(voice.wav8k(text, speaker)) if keep else voice.telephone(text, speaker)
    write_wav(target, closed(pcm, text), 8000)


def _tell(out: BinaryIO, answer: dict[str, str]) -> None:
    out.write(json.dumps(answer).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
