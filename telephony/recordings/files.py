"""Recordings as files: is one finished, mend its header, lay both legs into one stereo file, hash. Blocking.

Every step may be the last one before a kill. What was done is seen in the files themselves, so the same call again goes
on from there: a stereo file has two channels and takes its name only when it is whole and on disk.
"""

import errno
import hashlib
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

#: Seconds after which a file that nobody writes to is taken as it is. Asterisk closes its files within a second of
#: the hang-up; while it lives it writes 32 KB (2 s of sound) at a time.
PATIENCE_S = 10.0
#: Bytes before the sound in the files that Asterisk writes.
HEADER = 44
#: Bytes read at once.
BLOCK = 1 << 16
#: The mix stays where the legs hold this many seconds less than it: then they lost something.
_LOST_S = 0.5

Kind = Literal["stereo", "mono", "caller", "agent", "supervisor"]

#: Reasons, kept with the recording.
NO_ROOM = "no room for the stereo file yet"
NO_FILE = "Asterisk wrote no file"
NO_LEGS = "the legs are missing or shorter than the mix"
MENDED = "the header was mended from the length"
EMPTY = "no sound"
LOST_LEG = {"caller": "the caller's leg is missing", "agent": "the desk's leg is missing"}


class NotYet(Exception):
    """A file is still being written, or will be in a moment."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file looks like; without ``channels`` it has no header that we know."""

    size: int
    #: Seconds since the epoch.
    modified: float
    channels: int = 0
    rate: int = 0
    #: Bytes of sound that the header speaks of.
    claimed: int = 0

    @property
    def sound(self) -> int:
        """Bytes of whole samples behind the header."""
        return (self.size - HEADER) // (2 * self.channels) * 2 * self.channels if self.channels else 0

    @property
    def seconds(self) -> float:
        return self.sound / (2 * self.channels * self.rate) if self.channels and self.rate else 0.0

    @property
    def finished(self) -> bool:
        """Closed by its writer. An empty file cannot be told from one whose first block is still in memory."""
        return self.claimed == self.sound > 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A file as it is to be sealed; ``sha256`` is empty where there is no file."""

    file: str
    kind: Kind
    sha256: str
    size: int
    seconds: float
    reason: str


class _Settled(NamedTuple):
    shape: Shape | None
    reason: str


def is_full(error: OSError) -> bool:
    """Whether this error says that the disk, or our share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def header(channels: int, rate: int, sound: int) -> bytes:
    """The head of a 16-bit WAV file with ``sound`` bytes of samples."""
    frame = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + sound, b"WAVE", b"fmt ", 16, 1, channels, rate, rate * frame, frame, 16,
        b"data", sound,
    )  # fmt: skip


def look(path: Path) -> Shape | None:
    """The file's shape; None where there is none."""
    try:
        with path.open("rb") as file:
            head, stat = file.read(HEADER), os.fstat(file.fileno())
    except FileNotFoundError:
        return None
    shape = Shape(stat.st_size, stat.st_mtime)
    if len(head) < HEADER or (head[:4], head[8:16], head[36:40]) != (b"RIFF", b"WAVEfmt ", b"data"):
        return shape
    coding, channels, rate, bits = *struct.unpack_from("<HHI", head, 20), *struct.unpack_from("<H", head, 34)
    if (coding, bits) != (1, 16) or channels not in (1, 2) or not rate:
        return shape
    return replace(shape, channels=channels, rate=rate, claimed=struct.unpack_from("<I", head, 40)[0])


def mend(path: Path, shape: Shape) -> None:
    """Write the header that Asterisk did not live to write. A second time changes nothing."""
    with path.open("r+b") as file:
        file.write(header(shape.channels, shape.rate, shape.sound))
        os.fsync(file.fileno())


def interleave(left: bytes, right: bytes) -> bytes:
    """Two channels of 16-bit samples as one stereo block; the shorter is filled up with silence.

    Odd bytes at an end (half a sample) are dropped.
    """
    left, right = left[: len(left) & ~1], right[: len(right) & ~1]
    length = max(len(left), len(right))
    stereo = bytearray(2 * length)
    for offset, side in ((0, left.ljust(length, b"\0")), (2, right.ljust(length, b"\0"))):
        stereo[offset::4] = side[0::2]
        stereo[offset + 1 :: 4] = side[1::2]
    return bytes(stereo)


def make_stereo(left: Path | None, right: Path | None, target: Path, *, spare: int = 0) -> None:
    """Put ``target`` in place: ``left`` and ``right`` (mono, one rate) side by side; a side without a file is silent.

    Raises :class:`OSError` (ENOSPC) where less than ``spare`` bytes would stay free: those are for the calls that run.
    """
    shapes = [look(path) if path is not None else None for path in (left, right)]
    rates = {shape.rate for shape in shapes if shape is not None}
    if len(rates) != 1 or any(shape is not None and shape.channels != 1 for shape in shapes):
        raise ValueError(f"{target.name}: the legs are not mono of one rate")
    sound = 2 * max(shape.sound for shape in shapes if shape is not None)
    if shutil.disk_usage(target.parent).free < HEADER + sound + spare:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
    part = target.with_name(f".{target.name}.part")
    sides = [_blocks(path, shape) for path, shape in zip((left, right), shapes, strict=True)]
    try:
        with part.open("wb") as file:
            file.write(header(2, rates.pop(), sound))
            for one, other in zip_longest(*sides, fillvalue=b""):
                file.write(interleave(one, other))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _blocks(path: Path | None, shape: Shape | None) -> Iterator[bytes]:
    if path is None or shape is None:
        return
    left = shape.sound
    with path.open("rb") as file:
        file.seek(HEADER)
        while left and (block := file.read(min(BLOCK, left))):
            left -= len(block)
            yield block


def digest(path: Path) -> str:
    """SHA-256 in hex. What was hashed has reached the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep_parts(folder: Path) -> None:
    """Remove what a killed run left half written."""
    for part in folder.glob(".*.wav.part"):
        part.unlink(missing_ok=True)


def finish(
    folder: Path, stem: str, *, over: bool, now: float, spare: int = 0, supervisor: bool = False
) -> list[Finished]:
    """Bring the files of one recording to their last form: ``stem.wav`` in stereo, its legs as they are.

    ``over``: the call ended at least :data:`PATIENCE_S` ago; ``now``: seconds since the epoch. Raises :class:`NotYet`
    while Asterisk may still write. Where there is no room for the stereo file, the mix stays and has the reason
    :data:`NO_ROOM`; any other :class:`OSError` is raised.
    """
    target = folder / f"{stem}.wav"
    paths = {leg: folder / f"{stem}-{leg}.wav" for leg in LOST_LEG}
    mix, mended = _settle(target, over=over, now=now)
    legs = {leg: _settle(path, over=over, now=now) for leg, path in paths.items()}
    heard = {leg: found.shape for leg, found in legs.items() if found.shape is not None and found.shape.channels == 1}
    reasons = [LOST_LEG[leg] for leg in paths if leg not in heard]
    if mix is None or mix.channels != 2:
        longest = max((leg.seconds for leg in heard.values()), default=0.0)
        if len({leg.rate for leg in heard.values()}) != 1 or (mix and longest < mix.seconds - _LOST_S):
            reasons = [NO_LEGS if mix else NO_FILE, mended]
        else:
            try:
                caller, agent = (paths[leg] if leg in heard else None for leg in paths)
                make_stereo(caller, agent, target, spare=spare)
                mix = look(target)
            except OSError as error:
                if not is_full(error):
                    raise
                reasons = [NO_ROOM, mended]
    main: Kind = "supervisor" if supervisor else "stereo" if mix and mix.channels == 2 else "mono"
    files = [_hashed(target, main, mix, "; ".join(filter(None, reasons)))]
    for leg, found in legs.items():
        if found.shape is not None:
            kind: Kind = "supervisor" if supervisor else "caller" if leg == "caller" else "agent"
            files.append(_hashed(paths[leg], kind, found.shape, found.reason))
    return files


def _settle(path: Path, *, over: bool, now: float) -> _Settled:
    """The file's shape once nobody writes to it any more, its header mended where it has to be."""
    shape = look(path)
    if shape is not None and shape.finished:
        return _Settled(shape, "")
    if not over or (shape is not None and abs(now - shape.modified) < PATIENCE_S):
        raise NotYet(path.name)
    if shape is None:
        return _Settled(None, "")
    if shape.claimed != shape.sound:
        mend(path, shape)
        return _Settled(look(path), MENDED)
    return _Settled(shape, "" if shape.sound else EMPTY)


def _hashed(path: Path, kind: Kind, shape: Shape | None, reason: str) -> Finished:
    if shape is None:
        return Finished(path.name, kind, "", 0, 0.0, reason)
    found = Finished(path.name, kind, digest(path), shape.size, round(shape.seconds, 3), reason)
    if look(path) != shape:
        raise NotYet(path.name)
    return found
