"""Music for callers who wait: made here, so that it belongs to nobody else."""

import wave
from pathlib import Path

import numpy as np

RATE = 8000
#: A slow pentatonic figure (semitones above A3), soft enough to talk over.
_NOTES = (0, 7, 12, 14, 16, 12, 7, 9, 4, 7, 12, 9, 7, 4, 2, 4)
_NOTE_S = 1.2


def ensure_music(folder: Path) -> Path:
    """``waiting.wav`` in ``folder`` (8 kHz mono, 16-bit, about -26 dBFS); made when it is not there."""
    target = folder / "waiting.wav"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    length = int(RATE * _NOTE_S)
    tail = 3 * length
    out = np.zeros(length * len(_NOTES) + tail)
    seconds = np.arange(length + tail) / RATE
    for index, semitones in enumerate(_NOTES):
        pitch = 220.0 * 2 ** (semitones / 12)
        tone = sum(np.sin(2 * np.pi * pitch * harmonic * seconds) / harmonic**2 for harmonic in (1, 2, 3))
        start = index * length
        out[start : start + length + tail] += tone * np.exp(-seconds * 1.6) * np.minimum(seconds / 0.02, 1)
    # The end rings into the beginning: the file is played in a loop.
    out[:tail] += out[-tail:]
    samples = (out[:-tail] / np.abs(out).max() * 0.12 * 32767).astype("<i2")
    part = target.with_suffix(".part")
    with wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    part.replace(target)
    return target
