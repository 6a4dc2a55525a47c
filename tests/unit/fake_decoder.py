"""A decode process without a model, for tests of the pool: the first sample says what to do.

Run as ``python -m tests.unit.fake_decoder ENGINE MODEL``. 1 answers, 2 dies, 3 dies unless MODEL (a file) exists and
makes it, so that the second attempt answers.
"""

import os
import sys
from pathlib import Path

from asr.recognition import Capabilities, Effort, Pcm, Recognition
from asr.serving import answer, serve


class FakeEngine:
    name = "fake"
    capabilities = Capabilities(streaming=False, word_times=False, languages=("zh",))

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        if pcm[0] == 2 or (pcm[0] == 3 and not self._marker.exists()):
            self._marker.touch()
            os._exit(1)
        return Recognition(f"{effort}:{pcm.size}:{int(pcm[-1])}", "raw", 0.5)


if __name__ == "__main__":
    answer(sys.stdout.buffer, {"ready": True})
    serve(FakeEngine(Path(sys.argv[2])), sys.stdin.buffer, sys.stdout.buffer)
