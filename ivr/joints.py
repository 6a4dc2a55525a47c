"""Spoken pieces made ready to stand beside each other: silence cut away, pauses as the punctuation asks, one level."""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ivr.sound import Pcm

RATE = 8000
#: Quieter than this over a frame is silence: speech stands at -20 dBFS (:func:`ivr.sound.level`).
_SILENT = 32768 * 10 ** (-48 / 20)
_FRAME = RATE // 100
#: Kept around the voice: consonants begin and vowels end below that level. With 0.03 s before it, 四 is heard as 资: of
#: an s the telephone leaves little.
_BEFORE, _AFTER = int(0.08 * RATE), int(0.05 * RATE)
#: Seconds of silence after a piece, by the mark that closes it; after any other character none.
PAUSES = {
    **dict.fromkeys("，、,", 0.15),
    **dict.fromkeys("；：;:", 0.25),
    **dict.fromkeys("。！？.!?", 0.4),
}
#: Between two parts of one clause, and between two figures of a row, on top of the margins that each keeps.
PART_GAP_S, FIGURE_GAP_S = 0.06, 0.0
#: The cut ends fade over this, so that none clicks.
_FADE = int(0.005 * RATE)


def trimmed(pcm: Pcm) -> Pcm:
    """Without the silence before and after the voice; empty where there is no voice."""
    frames = pcm[: pcm.size // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > _SILENT)
    if not loud.size:
        return pcm[:0]
    start = max(0, int(loud[0]) * _FRAME - _BEFORE)
    end = min(pcm.size, (int(loud[-1]) + 1) * _FRAME + _AFTER)
    cut = pcm[start:end].astype(np.float64)
    fade = min(_FADE, cut.size // 2)
    slope = np.linspace(0, 1, fade)
    cut[:fade] *= slope
    cut[cut.size - fade :] *= slope[::-1]
    return np.asarray(np.round(cut), dtype=np.int16)


def closed(pcm: Pcm, text: str) -> Pcm:
    """``pcm`` trimmed, with the pause that the end of ``text`` asks for."""
    pause = PAUSES.get(text.rstrip()[-1:], 0.0)
    return np.concatenate([trimmed(pcm), np.zeros(int(pause * RATE), np.int16)])


def joined(parts: Sequence[tuple[str, Pcm]], text: str) -> Pcm:
    """Words and their sounds as one clause; single characters (figures, letters) stand close together."""
    row: list[Pcm] = []
    for at, (word, sound) in enumerate(parts):
        if at:
            close = len(word) == 1 and len(parts[at - 1][0]) == 1
            row.append(np.zeros(int((FIGURE_GAP_S if close else PART_GAP_S) * RATE), np.int16))
        row.append(trimmed(sound))
    return closed(np.concatenate(row) if row else np.zeros(0, np.int16), text)


def read_wav(path: Path) -> Pcm:
    """Samples of an 8 kHz mono 16-bit file, as the shelf writes them. Raises OSError or ``wave.Error``."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def seconds_of(path: Path) -> float:
    """Length of a WAV file; 0.0 where it cannot be read."""
    try:
        with wave.open(str(path)) as file:
            return float(file.getnframes() / file.getframerate())
    except (OSError, EOFError, wave.Error):
        return 0.0
