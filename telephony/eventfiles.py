"""Asterisk's event files on disk: what was rotated away beside them, packed or not, and how to read on from a place."""

import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import HeyiError
from telephony.cel import CelEvent, read_file

_FILE = re.compile(r"Master\.csv([.-][0-9]+)*(\.gz)?")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file: its inode, which a rotation by renaming does not change, and the byte."""

    inode: int
    offset: int


def siblings(file: Path) -> list[Path]:
    """``file`` (a Master.csv) and what was rotated away beside it: ``.1``, ``-20261121``, either with ``.gz``."""
    return [path for path in file.parent.glob("Master.csv*") if _FILE.fullmatch(path.name)]


def event_files(file: Path) -> list[Path]:
    """The siblings of the event file. Raises :class:`HeyiError` where there is none."""
    found = siblings(file)
    if not found:
        raise HeyiError(f"no event file of Asterisk at {file}", hint="HEYI_DATA names the folder; has Asterisk run?")
    return found


def read_events(
    files: Iterable[Path],
    since: datetime | None = None,
    on_file: Callable[[Path], None] | None = None,
    place: Place | None = None,
) -> Iterator[CelEvent]:
    """Events of all ``files``, in order of time; files that were last written before ``since`` are left out.

    Where one of them holds ``place``, those before it are left out, and of that one what stands before the place.
    Raises :class:`HeyiError` where one cannot be read.
    """
    begun: list[tuple[datetime, float, Path, int]] = []
    try:
        for path in files:
            written = path.stat().st_mtime
            if since is not None and written < since.timestamp():
                continue
            offset = _offset(path, place)
            with _plain(path) as plain:
                first = next(read_file(plain), None)
            if first is not None:
                begun.append((first.at, written, path, offset))
        # By what is in them: every rotation tool has its own names.
        begun.sort()
        held = next((n for n, (*_, offset) in enumerate(begun) if offset), 0)
        for *_, path, offset in begun[held:]:
            if on_file is not None:
                on_file(path)
            with _plain(path) as plain:
                yield from read_file(plain, offset)
    except (OSError, EOFError, zlib.error) as error:
        raise HeyiError(f"Asterisk's event file cannot be read: {error}") from error


def read_on(file: Path, place: Place | None) -> Iterator[CelEvent]:
    """Events after ``place``, also where the file that holds it was rotated away; else ``file`` from its start."""
    files = siblings(file)
    if place is not None and any(_offset(path, place) for path in files):
        return read_events(files, place=place)
    return read_events([file] if file in files else [])


def place_of(file: Path) -> Place | None:
    """The end of ``file`` as it is now; ``None`` where there is no such file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return Place(found.st_ino, found.st_size)


def _offset(path: Path, place: Place | None) -> int:
    """Where to read on in ``path``: the place's byte where it is this file's, else 0.

    A shorter file was emptied, and one in which no line ends there is another with the same inode: both from the start.
    """
    if place is None or not place.offset or path.suffix == ".gz":
        return 0
    found = path.stat()
    if found.st_ino != place.inode or found.st_size < place.offset:
        return 0
    with path.open("rb") as file:
        file.seek(place.offset - 1)
        return place.offset if file.read(1) == b"\n" else 0


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="heyi-cel-") as unpacked:
        with gzip.open(path) as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.flush()
        yield Path(unpacked.name)
