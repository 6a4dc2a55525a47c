"""From a probability of speech per frame to utterances. Pure: audio and probabilities in, moments out."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asr.recognition import RATE, Pcm

#: Samples in one frame of the speech detector: 32 ms at 16 kHz.
FRAME = 512
_FRAME_S = FRAME / RATE


@dataclass(frozen=True)
class Cut:
    """When an utterance begins, ends, and may be looked at in between; all in seconds or probabilities."""

    #: Speech begins above the first and goes on until it falls below the second: no flutter in between.
    begins: float = 0.5
    goes_on: float = 0.25
    #: Silence that ends an utterance. Shorter cuts sentences in two, longer makes the screen wait.
    endpoint_s: float = 0.5
    #: One that lasts longer than the first ends at shorter and shorter silences, at ``longest_s`` at the second.
    patient_s: float = 15.0
    endpoint_at_last_s: float = 0.35
    #: Silence after which an utterance is looked at as if it were over. Mostly it is.
    pause_s: float = 0.16
    #: Kept from before the detector woke: it misses the first consonant.
    preroll_s: float = 0.3
    #: Less speech than this in all is a click or a breath.
    least_speech_s: float = 0.13
    #: So much of it must be as likely as a beginning: a plucked string or a motor is, for a frame now and then.
    least_sure_s: float = 0.12
    #: Nobody is heard later than this; the cut falls where the speaker was quietest in the last third.
    longest_s: float = 15.0
    partial_every_s: float = 1.0

    def endpoint(self, seconds: float) -> float:
        """Silence that ends an utterance which has lasted so long."""
        seconds = min(seconds, self.longest_s)
        if seconds <= self.patient_s:
            return self.endpoint_s
        along = (seconds - self.patient_s) / (self.longest_s - self.patient_s)
        return self.endpoint_s + along * (self.endpoint_at_last_s - self.endpoint_s)


#: While somebody waits for the words: what is long is slow to decode, and has had time for a whole sentence.
LIVE = Cut(patient_s=4.0)

#: ``partial``: the speaker goes on; ``pause``: a short silence, perhaps the end; ``final``: the end.
Kind = Literal["partial", "pause", "final"]


@dataclass(frozen=True)
class Moment:
    """Audio of one utterance so far, or as a whole; times from the start of the leg's audio."""

    number: int
    kind: Kind
    start_s: float
    end_s: float
    pcm: Pcm
    #: Of a final: nothing was said since the last ``pause`` of this utterance, which therefore holds all of it.
    paused: bool = False

    @property
    def final(self) -> bool:
        return self.kind == "final"


class Segmenter:
    """One leg of one call."""

    def __init__(self, cut: Cut | None = None) -> None:
        self._cut = cut or Cut()
        self._before: deque[Pcm] = deque(maxlen=max(1, round(self._cut.preroll_s / _FRAME_S)))
        self._frames: list[Pcm] = []
        self._chances: list[float] = []
        #: Index of the first frame of the running utterance, counted from the start of the leg.
        self._first = 0
        self._seen = 0
        self._speaking = False
        self._quiet = 0
        self._spoken = self._sure = 0
        self._shown = 0
        #: The silence that lasts was told as a pause.
        self._paused = False
        self._number = 0

    @property
    def seconds(self) -> float:
        """Audio seen so far."""
        return self._seen * _FRAME_S

    def push(self, frame: Pcm, chance: float) -> list[Moment]:
        """The next frame (512 samples) and its probability of speech; gives at most one moment of each kind."""
        self._seen += 1
        if not self._speaking:
            return self._wait(frame, chance)
        self._add(frame, chance)
        if chance >= self._cut.goes_on:
            self._quiet, self._paused = 0, False
            self._spoken += 1
            self._sure += chance >= self._cut.begins
        else:
            self._quiet += 1
        if self._quiet * _FRAME_S >= self._cut.endpoint(len(self._frames) * _FRAME_S):
            return self._end()
        if len(self._frames) * _FRAME_S >= self._cut.longest_s:
            return self._split()
        return self._look()

    def flush(self) -> list[Moment]:
        """No more audio: what is open ends here."""
        return self._end() if self._speaking else []

    def _wait(self, frame: Pcm, chance: float) -> list[Moment]:
        if chance < self._cut.begins:
            self._before.append(frame)
            return []
        self._frames = [*self._before, frame]
        self._chances = [0.0] * len(self._before) + [chance]
        self._first = self._seen - len(self._frames)
        self._before.clear()
        self._speaking, self._quiet, self._shown, self._paused = True, 0, 0, False
        self._spoken = self._sure = 1
        return []

    def _add(self, frame: Pcm, chance: float) -> None:
        self._frames.append(frame)
        self._chances.append(chance)

    def _look(self) -> list[Moment]:
        if self._quiet and not self._paused and self._quiet * _FRAME_S >= self._cut.pause_s and self._enough():
            self._paused = True
            self._shown = len(self._frames)
            return [self._moment(len(self._frames), "pause")]
        due = (len(self._frames) - self._shown) * _FRAME_S >= self._cut.partial_every_s
        # While the speaker pauses nothing new is to be seen, and the final may be near.
        if not due or self._quiet or not self._enough():
            return []
        self._shown = len(self._frames)
        return [self._moment(len(self._frames), "partial")]

    def _enough(self) -> bool:
        cut = self._cut
        return self._spoken * _FRAME_S >= cut.least_speech_s and self._sure * _FRAME_S >= cut.least_sure_s

    def _end(self) -> list[Moment]:
        moments = [self._moment(len(self._frames), "final", paused=self._paused)] if self._enough() else []
        self._number += len(moments)
        # What was silence at the end may be the beginning of the next word.
        self._before.extend(self._frames[-min(self._quiet, self._before.maxlen or 0) :] if self._quiet else ())
        self._frames, self._chances, self._speaking = [], [], False
        return moments

    def _split(self) -> list[Moment]:
        total = len(self._frames)
        tail = total - total // 3
        at = tail + int(np.argmin(self._chances[tail:])) + 1
        moments = [self._moment(at, "final")]
        self._number += 1
        self._frames, self._chances = self._frames[at:], self._chances[at:]
        self._first += at
        self._spoken = sum(chance >= self._cut.goes_on for chance in self._chances)
        self._shown, self._paused = 0, False
        return moments

    def _moment(self, frames: int, kind: Kind, *, paused: bool = False) -> Moment:
        start, pcm = self._first * _FRAME_S, np.concatenate(self._frames[:frames])
        return Moment(self._number, kind, start, start + frames * _FRAME_S, pcm, paused)
