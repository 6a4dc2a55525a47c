"""In place of the voice: a process that writes a tone as long as its text, at once or as the text asks."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from core.speaking import seconds
from ivr.joints import RATE, closed
from ivr.sound import Pcm, write_wav

COMMAND = (sys.executable, str(Path(__file__).resolve()))


def tone(text: str, pitch: float = 300.0) -> Pcm:
    """Half a second of silence, a tone of a tenth of the text's time at -20 dBFS RMS, half a second of silence."""
    length = int(max(0.2, seconds(text) / 10) * RATE)
    loud = np.sin(2 * np.pi * pitch * np.arange(length) / RATE) * 0.1 * np.sqrt(2)
    silence = np.zeros(RATE // 2)
    return np.asarray(np.concatenate([silence, loud, silence]) * 32767, dtype=np.int16)


def main() -> None:
    """``死`` in a text ends the process, ``错`` is an error, ``慢`` takes a second."""
    print(json.dumps({"ready": "tone"}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        text = job["text"]
        if "死" in text:
            os._exit(3)
        if "错" in text:
            print(json.dumps({"error": "no"}), flush=True)
            continue
        if "慢" in text:
            time.sleep(1)
        write_wav(Path(job["target"]), closed(tone(text), text), RATE)
        print(json.dumps({"ready": job["target"]}), flush=True)


if __name__ == "__main__":
    main()
