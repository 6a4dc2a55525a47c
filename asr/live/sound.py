"""Sound on its way into the engines: bytes to samples, 8 kHz to 16 kHz, recordings read from disk."""

import wave
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.recognition import RATE, Pcm
from core.errors import HeyiError

#: Half the length of the interpolation filter, in input samples.
_REACH = 16
#: Bytes before the sound in a plain WAV file.
_HEADER = 44


def _kernel() -> NDArray[np.float64]:
    # Values half a sample off the grid: the even phase of the doubled signal is the input itself.
    n = np.arange(-_REACH, _REACH) + 0.5
    taps = np.sinc(n) * np.kaiser(2 * _REACH, 6.0)
    return np.asarray(taps / taps.sum(), dtype=np.float64)


_TAPS = _kernel()


class Feed:
    """Blocks of bytes of any size in, samples at 16 kHz out; half samples and filter state are kept in between."""

    def __init__(self, rate: int) -> None:
        """``rate``: 8000 or 16000 samples per second; raises :class:`HeyiError` for another."""
        if rate not in (8000, RATE):
            raise HeyiError(
                f"audio at {rate} Hz cannot be heard", hint="Asterisk must send slin (8000) or slin16 (16000)"
            )
        self.rate = rate
        self._odd = b""
        self._past = np.zeros(2 * _REACH - 1, np.float64)

    def push(self, block: bytes) -> Pcm:
        """Signed 16-bit little-endian mono at ``rate`` → int16 at 16 kHz (at 8 kHz 2 ms late)."""
        block = self._odd + block
        whole = len(block) & ~1
        self._odd = block[whole:]
        samples = np.frombuffer(block[:whole], dtype="<i2").astype(np.int16)
        return samples if self.rate == RATE else self._doubled(samples)

    def _doubled(self, samples: Pcm) -> Pcm:
        if not samples.size:
            return samples
        line = np.concatenate([self._past, samples])
        self._past = line[line.size - (2 * _REACH - 1) :]
        out = np.empty(2 * samples.size, np.float64)
        out[0::2] = line[_REACH - 1 : _REACH - 1 + samples.size]
        out[1::2] = np.convolve(line, _TAPS, mode="valid")
        return np.clip(np.round(out), -32768, 32767).astype(np.int16)


def read_recording(path: Path) -> Pcm:
    """A recorded leg as samples at 16 kHz.

    The file is mono 16-bit WAV at 8 or 16 kHz. A recording that was cut off by a crash has a header that counts no
    samples: then everything behind the header is taken. Raises :class:`HeyiError` with one clear line.
    """
    try:
        with wave.open(BytesIO(_whole(path.read_bytes())), "rb") as file:
            shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            data = file.readframes(file.getnframes())
    except FileNotFoundError as error:
        raise HeyiError(f"the recording {path} is not there") from error
    except (wave.Error, EOFError, OSError) as error:
        raise HeyiError(f"the recording {path} cannot be read: {str(error) or 'it is cut short'}") from error
    if shape[:2] != (1, 2):
        raise HeyiError(f"the recording {path} is not mono 16-bit but {shape[0]} channels of {8 * shape[1]} bits")
    return Feed(shape[2]).push(data)


def _whole(content: bytes) -> bytes:
    """With the lengths filled in that a writer leaves at zero until it closes the file."""
    sound = len(content) - _HEADER
    if sound <= 0 or content[36:40] != b"data" or int.from_bytes(content[40:44], "little"):
        return content
    lengths = ((sound + _HEADER - 8).to_bytes(4, "little"), sound.to_bytes(4, "little"))
    return content[:4] + lengths[0] + content[8:40] + lengths[1] + content[_HEADER:]
