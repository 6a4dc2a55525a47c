"""Sound files of any usual kind (WAV of every coding, MP3, Ogg, FLAC, M4A) as samples for recognition."""

from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError

from asr.live.sound import Feed
from asr.recognition import RATE, Pcm
from core.errors import HeyiError


def read_sound(path: Path) -> tuple[Pcm, ...]:
    """The channels of ``path`` (one, or two of a stereo file), each mono at 16 kHz.

    Two equal channels are one speaker recorded twice and come as one; more than two are mixed into one. Telephone rates
    go the way that live sound goes, so that a recording is heard as the call was. Raises :class:`HeyiError` with one
    clear line for a file that is absent, is no sound, or holds none.
    """
    if not path.is_file():
        raise HeyiError(f"{path} is not there" if not path.exists() else f"{path} is no file")
    try:
        rate, channels = _decoded(path)
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HeyiError(f"{path} cannot be read as sound: {reason}") from error
    if not channels or not channels[0].size:
        raise HeyiError(f"{path} holds no sound")
    if len(channels) == 2 and np.array_equal(channels[0], channels[1]):
        channels = channels[:1]
    return tuple(Feed(rate).push(channel.astype("<i2").tobytes()) for channel in channels)


def _decoded(path: Path) -> tuple[int, list[Pcm]]:
    """Rate (8000 or 16000) and the channels at it, as far as the file can be decoded."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise HeyiError(f"{path} holds no sound")
        stream = container.streams.audio[0]
        rate = stream.rate if stream.rate in (8000, RATE) else RATE
        stereo = stream.channels == 2
        resampler = av.AudioResampler("s16p", "stereo" if stereo else "mono", rate)
        pieces: list[Pcm] = []
        try:
            for frame in container.decode(stream):
                pieces += [_samples(made) for made in resampler.resample(frame)]
        except FFmpegError:
            # Cut off in the middle: what came before is worth having.
            if not pieces:
                raise
        if pieces:
            pieces += [_samples(made) for made in resampler.resample(None)]
    whole = np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.int16)
    return rate, list(whole)


def _samples(frame: AudioFrame) -> Pcm:
    return np.asarray(frame.to_ndarray(), dtype=np.int16)
