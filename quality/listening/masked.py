"""What is private in a call, left out: of texts, and of sound while it is read. The originals are never touched."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from quality.listening.picture import Picture, Span
from telephony.recordings.files import BLOCK, HEADER, Shape, header

#: What stands in place of words.
HIDDEN = "【已遮蔽】"
#: The tone in place of sound: Hz, and its loudness of 32767 (−22 dB).
_TONE_HZ, _LOUD = 1000, 2600
#: Seconds that are left out besides, on either side: times of transcripts are not exact.
MARGIN_S = 0.15

Place = TypeVar("Place", int, float)


class Words(Protocol):
    """A span of an utterance's text, and what stood there when it was marked."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def words(self) -> str: ...


def hide(text: str, parts: Iterable[Words]) -> str:
    """``text`` without these parts.

    Where a correction has moved them, the words are looked for, and left out wherever they stand: nobody knows which
    was meant. Where they are there no more, nothing is shown: nobody knows what they have become.
    """
    spans: list[tuple[int, int]] = []
    for part in parts:
        stands = text[part.start : part.end] == part.words
        # Ahead of each place, so that those which overlap are found, too.
        starts = [part.start] if stands else [at.start() for at in re.finditer(f"(?={re.escape(part.words)})", text)]
        if not starts:
            return HIDDEN
        spans += [(start, start + len(part.words)) for start in starts]
    made, at = "", 0
    for start, end in merged(spans):
        made += text[at:start] + HIDDEN
        at = end
    return made + text[at:]


def hide_evidence(
    evidence: Mapping[str, Sequence[Mapping[str, Any]]], utterances: Container[str]
) -> dict[str, list[dict[str, Any]]]:
    """What answers of a scorecard rest on, without words from ``utterances`` in which something is private."""
    return {
        item: [{**place, "words": HIDDEN} if place["utterance_id"] in utterances else dict(place) for place in places]
        for item, places in evidence.items()
    }


def merged(spans: Iterable[tuple[Place, Place]]) -> list[tuple[Place, Place]]:
    """The same in order, those that touch as one."""
    found: list[tuple[Place, Place]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif begin < end:
            found.append((begin, end))
    return found


def beeped(frames: NDArray[np.int16], first: int, rate: int, spans: Iterable[Span]) -> NDArray[np.int16]:
    """``frames`` (frames, channels), of which the first is number ``first`` of the recording, with a tone in place of
    the seconds of ``spans``. The tone goes on over the bounds of blocks."""
    made = frames.copy()
    for begin, end in spans:
        a = max(int((begin - MARGIN_S) * rate) - first, 0)
        b = min(int(np.ceil((end + MARGIN_S) * rate)) - first, len(frames))
        if a < b:
            turns = np.arange(first + a, first + b) * (_TONE_HZ / rate)
            made[a:b] = (_LOUD * np.sin(2 * np.pi * turns)).astype(np.int16)[:, None]
    return made


@dataclass(frozen=True)
class Wav:
    """A stretch of a recording as a WAV file that exists nowhere: any range of its bytes is made when asked for."""

    file: Path
    shape: Shape
    #: Frames of the recording.
    begin: int
    end: int
    spans: tuple[Span, ...] = ()

    @property
    def _frame(self) -> int:
        return 2 * self.shape.channels

    @property
    def size(self) -> int:
        return HEADER + (self.end - self.begin) * self._frame

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes ``start`` to ``end`` (not included), in blocks. Blocking."""
        end = min(end, self.size)
        if start < HEADER:
            head = header(self.shape.channels, self.shape.rate, self.size - HEADER)
            yield head[start : min(end, HEADER)]
            start = HEADER
        with self.file.open("rb") as source:
            while start < end:
                first = (start - HEADER) // self._frame
                last = -(-(min(end, start + BLOCK) - HEADER) // self._frame)
                source.seek(HEADER + (self.begin + first) * self._frame)
                block = source.read((last - first) * self._frame)
                if len(block) < (last - first) * self._frame:
                    return
                frames = np.frombuffer(block, "<i2").reshape(-1, self.shape.channels)
                made = beeped(frames, self.begin + first, self.shape.rate, self.spans).astype("<i2").tobytes()
                offset = start - HEADER - first * self._frame
                piece = made[offset : offset + min(end - start, BLOCK)]
                yield piece
                start += len(piece)


def stretch(file: Path, shape: Shape, spans: Iterable[Span], within: Span | None = None) -> Wav:
    """The recording, or the seconds ``within`` of it, without ``spans``."""
    whole = shape.sound // (2 * shape.channels)
    begin, end = (0, whole) if within is None else (int(second * shape.rate) for second in within)
    return Wav(file, shape, min(max(begin, 0), whole), min(end, whole), tuple(merged(spans)))


def drawn(picture: Picture, spans: Iterable[Span]) -> Picture:
    """The picture, flat where something was left out."""
    sides = tuple(side.copy() for side in picture.sides)
    for begin, end in spans:
        for side in sides:
            side[max(int(begin * picture.per_second), 0) : int(np.ceil(end * picture.per_second))] = 0
    return Picture(picture.seconds, picture.per_second, sides, picture.silences)
