"""A decode process without a model, for tests of the pool: the first sample says what to do.

Run as ``python -m tests.unit.fake_decoder ENGINE MODEL``. 1 answers, 2 dies, 3 dies unless MODEL (a file) exists and
makes it, so that the second attempt answers. ENGINE "slow-30" takes 30 ms for everything and gives the loudest
sample as text.
"""

import os
import sys
import time
from pathlib import Path

from asr.decode.serving import answer, serve
from asr.recognition import Capabilities, Effort, Hypothesis, Pcm, Recognition


class FakeEngine:
    name = "fake"
    capabilities = Capabilities(streaming=False, word_times=False, languages=("zh",))

    def __init__(self, name: str, marker: Path) -> None:
        self._takes_s = float(name.removeprefix("slow-")) / 1000 if name.startswith("slow-") else 0.0
        self._marker = marker

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        if self._takes_s:
            time.sleep(self._takes_s)
            return Recognition(str(int(abs(pcm).max())), "raw", 0.5)
        if pcm[0] == 2 or (pcm[0] == 3 and not self._marker.exists()):
            self._marker.touch()
            os._exit(1)
        text = f"{effort}:{pcm.size}:{int(pcm[-1])}"
        return Recognition(text, "raw", 0.5, hypotheses=(Hypothesis(text, -0.25), Hypothesis("other", -0.5)))


if __name__ == "__main__":
    answer(sys.stdout.buffer, {"ready": True})
    serve(FakeEngine(sys.argv[1], Path(sys.argv[2])), sys.stdin.buffer, sys.stdout.buffer)
