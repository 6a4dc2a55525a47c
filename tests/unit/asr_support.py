"""What the tests of the ears share: a decoder without a model, and a detector that takes loud for speech."""

import asyncio
from collections.abc import Callable

import numpy as np

from asr.decode.pool import DecodeFailed
from asr.decode.schedule import Kind
from asr.live.segmenter import FRAME, Cut, Moment, Segmenter
from asr.recognition import Pcm, Recognition

RATE = 16_000


def speech(seconds: float, value: int = 5000, rate: int = RATE) -> np.ndarray:
    return np.full(int(seconds * rate), value, np.int16)


def silence(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(int(seconds * rate), np.int16)


def loudness(pcm: Pcm) -> int:
    """The value that :func:`speech` was filled with (at its edges the way to 16 kHz rings)."""
    return int(np.median(np.abs(pcm[np.abs(pcm) > 1000])))


class LoudIsSpeech:
    """In place of :class:`asr.live.vad.Hearing`: the same segmenter behind a detector that any test can steer."""

    def __init__(self, cut: Cut | None = None) -> None:
        self._segmenter = Segmenter(cut)
        self._rest = np.zeros(0, np.int16)

    def push(self, pcm: Pcm) -> list[Moment]:
        line = np.concatenate([self._rest, pcm])
        whole = line.size - line.size % FRAME
        self._rest = line[whole:]
        moments: list[Moment] = []
        for frame in line[:whole].reshape(-1, FRAME):
            moments += self._segmenter.push(frame, 1.0 if np.abs(frame).max() > 1000 else 0.0)
        return moments

    def flush(self) -> list[Moment]:
        return self._segmenter.flush()


class FakeDecoder:
    """Satisfies :class:`asr.live.ears.LiveDecoder`; ``answer`` makes the text of a stretch of audio."""

    def __init__(self, answer: Callable[[Pcm, Kind], str] | None = None, delay_s: float = 0.0) -> None:
        self.asked: list[tuple[Kind, bool]] = []
        #: Utterances whose pause turned out to be their end.
        self.promoted: list[str] = []
        self.error: DecodeFailed | None = None
        self._answer = answer or (lambda pcm, kind: f"{kind}{loudness(pcm)}")
        self._delay_s = delay_s

    async def submit(
        self, utterance_id: str, pcm: Pcm, kind: Kind, *, emergency: bool = False
    ) -> "asyncio.Future[Recognition | None]":
        self.asked.append((kind, emergency))
        return asyncio.ensure_future(self._decode(pcm, kind))

    async def promote(self, utterance_id: str) -> None:
        self.promoted.append(utterance_id)

    async def _decode(self, pcm: Pcm, kind: Kind) -> Recognition | None:
        await asyncio.sleep(self._delay_s)
        if self.error is not None:
            raise self.error
        text = self._answer(pcm, kind)
        return Recognition(text, text, 0.7)
