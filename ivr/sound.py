"""Sound as arrays: resampling for the telephone, level, WAV files."""

import os
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Pcm = NDArray[np.int16]

#: The telephone carries 300 to 3400 Hz; above 4000 Hz nothing may be left when the rate becomes 8 kHz.
_CUTOFF_HZ = 3600.0
_TAPS = 193


def decimate(samples: Samples, rate: int, to: int = 8000) -> Samples:
    """``samples`` at ``rate`` brought down to ``to`` (a divisor of it), band-limited first (windowed sinc)."""
    if rate % to:
        raise ValueError(f"{rate} Hz cannot be divided down to {to} Hz")
    step = rate // to
    if step == 1 or not samples.size:
        return samples.astype(np.float32)
    n = np.arange(_TAPS) - (_TAPS - 1) / 2
    cutoff = 2 * _CUTOFF_HZ * (to / 8000) / rate
    kernel = np.sinc(cutoff * n) * np.kaiser(_TAPS, 8.0)
    kernel /= kernel.sum()
    # "same" would give the length of the kernel for a sound shorter than it.
    full = np.convolve(samples, kernel, mode="full")
    start = (_TAPS - 1) // 2
    return full[start : start + samples.size][::step].astype(np.float32)


def level(samples: Samples, dbfs: float = -20.0, ceiling: float = 0.95) -> Samples:
    """Brought to ``dbfs`` RMS over the stretches that are not silent; no sample ends above ``ceiling`` (0..1)."""
    loud = samples[np.abs(samples) > 0.01 * max(float(np.abs(samples).max(initial=0.0)), 1e-9)]
    if not loud.size:
        return samples
    gain = 10 ** (dbfs / 20) / float(np.sqrt(np.mean(loud.astype(np.float64) ** 2)))
    raised = samples * gain
    # The few peaks above the knee are bent, not cut: clipping is heard as a crackle.
    knee = 0.7 * ceiling
    over = np.abs(raised) > knee
    bent = knee + (ceiling - knee) * np.tanh((np.abs(raised) - knee) / (ceiling - knee))
    return np.where(over, np.sign(raised) * bent, raised).astype(np.float32)


def to_pcm(samples: Samples) -> Pcm:
    """-1..1 to signed 16-bit."""
    return np.asarray(np.clip(np.round(samples * 32767), -32768, 32767), dtype=np.int16)


def write_wav(path: Path, pcm: Pcm, rate: int) -> None:
    """A mono 16-bit WAV file, put in place by rename: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".wav")
    try:
        with os.fdopen(handle, "wb") as raw, wave.open(raw, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(pcm.astype("<i2").tobytes())
        # mkstemp makes files for the owner alone; Asterisk may run as another user.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
