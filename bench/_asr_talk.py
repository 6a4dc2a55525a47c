"""Conversations for the benchmark of recognition: turns of speech laid out on two legs, and when each was said."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiortp
import numpy as np

from asr.live.sound import Feed
from asr.recognition import Pcm

#: Turns come as the telephone has them, legs leave as Asterisk sends them: samples per second.
TURN_RATE, RATE = 8000, 16000
#: Seconds of silence between two turns.
_GAP_S = (0.2, 0.9)
#: One turn in eight begins before the other side has ended.
_OVERLAP, _OVERLAP_S = 1 / 8, 0.4
#: Standard deviation of the line's noise: about -55 dBFS.
_NOISE = 60
#: Speech is what exceeds this share of the loudest sample; silences shorter than this belong to it.
_SPEECH, _CLOSE_S = 0.03, 0.15
_STEP = TURN_RATE // 100


@dataclass
class Leg:
    """One party: its sound at 16 kHz, and the stretches in which it speaks, seconds from the start."""

    pcm: Pcm
    spoken: list[tuple[float, float]] = field(default_factory=list)

    def end_of_speech(self, start_s: float, end_s: float) -> float | None:
        """When the last word before ``end_s`` was over; None where nothing was said after ``start_s``."""
        heard = [(begun, over) for begun, over in self.spoken if begun < end_s and over > start_s]
        return min(end_s, heard[-1][1]) if heard else None


def stretches(turn: Pcm) -> list[tuple[float, float]]:
    """Where somebody speaks in a clean recording at 8 kHz, in seconds."""
    steps = np.abs(turn[: turn.size - turn.size % _STEP].astype(np.int32)).reshape(-1, _STEP).max(axis=1, initial=0)
    loud = np.flatnonzero(steps > max(1, steps.max(initial=0)) * _SPEECH) / 100
    found: list[tuple[float, float]] = []
    for at in loud:
        if found and at - found[-1][1] < _CLOSE_S:
            found[-1] = found[-1][0], at + 0.01
        else:
            found.append((at, at + 0.01))
    return found


def conversation(turns: Sequence[tuple[bool, Pcm]], seconds: float, seed: int) -> tuple[Leg, Leg]:
    """Caller and call taker for so many seconds; ``turns`` (by the caller?, sound at 8 kHz) in order, over and over."""
    dice, noise = random.Random(seed), np.random.default_rng(seed)  # noqa: S311
    size = int(seconds * TURN_RATE)
    lines = [noise.normal(0, _NOISE, size), noise.normal(0, _NOISE, size)]
    spoken: list[list[tuple[float, float]]] = [[], []]
    at, number, before = dice.uniform(0, 3), dice.randrange(len(turns)), None
    while True:
        by_caller, sound = turns[number % len(turns)]
        said = stretches(sound)
        number += 1
        if not said:
            continue
        side = 0 if by_caller else 1
        if before is not None:
            overlap = before != side and dice.random() < _OVERLAP
            at += -_OVERLAP_S if overlap else dice.uniform(*_GAP_S)
        sound = sound[: int(said[-1][1] * TURN_RATE)]
        start = int(at * TURN_RATE)
        # The last words are not cut: nobody is in mid-sentence when the measurement ends.
        if start + sound.size > size - TURN_RATE:
            break
        lines[side][start : start + sound.size] += sound
        spoken[side] += [(at + begun, at + over) for begun, over in said]
        at, before = at + sound.size / TURN_RATE, side
    caller, agent = (Leg(_telephone(line), said) for line, said in zip(lines, spoken, strict=True))
    return caller, agent


def _telephone(line: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Pcm:
    """Through A-law, then doubled as on its way to recognition."""
    codec = aiortp.get_codec(8)
    clean = np.clip(line, -32768, 32767).astype("<i2").tobytes()
    return Feed(TURN_RATE).push(codec.decode(codec.encode(clean)))
