"""``heyi verify``: is a package what it was when it was made? Reads one file, and neither database nor city.

What this can and cannot say. A package that passes holds exactly the files that its manifest names, unchanged, and not
a byte besides. Whoever changes something and makes manifest and sums anew gets a package that passes, too, but with
another **fingerprint**. So whoever needs to know that the package is the one that the hotline handed out compares the
fingerprint with the one that the hotline told him by another way: on the paper that came with it, by telephone, or in
the manifest of the hotline's next package, which names it. The package carries no signature: heyi ships no library for
one, and a seal by a secret could be checked by nobody but its maker.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from core.errors import HeyiError
from quality.packages.form import (
    FORM,
    MANIFEST,
    MAX_BYTES,
    MAX_FILES,
    MAX_MANIFEST,
    SUMS,
    Entry,
    crc_of,
    fingerprint,
    fits,
    length,
    local,
    sums,
    tail,
)

_BLOCK = 1 << 16
_LINK = 0o120000
_KIND = 0o170000
#: A repacked package shrinks less than this; what would swell more is made to do harm.
_SWELLS = 200
#: By these ``zipfile`` tells broken structures, passwords and what it does not know.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


class NoPackage(HeyiError):
    """The file is no evidence package, or one that was made to do harm. Nothing of it was believed."""


@dataclass(frozen=True)
class Report:
    """``faults``: one line each, by file; empty where the package is whole."""

    fingerprint: str
    about: dict[str, Any]
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    #: What is wrong between and around the files, or with the fingerprint.
    besides: tuple[str, ...] = ()
    #: Names, lengths and hashes as the manifest has them.
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not (self.changed or self.added or self.missing or self.besides)

    @property
    def faults(self) -> list[str]:
        named = (("changed", self.changed), ("added", self.added), ("missing", self.missing))
        return [f"{name}: {what}" for what, names in named for name in names] + list(self.besides)


def verify(path: Path, expected: str = "") -> Report:
    """Check a package. ``expected``: the fingerprint that was told by another way.

    Raises :class:`NoPackage` with one line for what is no package, or a hostile one.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            entries = _entries(archive, path)
            return _report(archive, file, entries, path, expected)
    except OSError as error:
        raise NoPackage(f"{path.name} cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise NoPackage(f"{path.name} is no evidence package: {reason!a}") from error


# --- the archive --------------------------------------------------------------------------------------------------


def _entries(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The archive's files by name, once nothing in the list of them could do harm."""
    listed = archive.infolist()
    if len(listed) > MAX_FILES:
        raise NoPackage(f"{path.name} holds {len(listed)} files, a package at most {MAX_FILES}")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in listed:
        name = ascii(entry.orig_filename)[:60]
        if entry.orig_filename != SUMS and not fits(entry.orig_filename):
            raise NoPackage(f"{path.name} holds a file with a name that no package has: {name}")
        if entry.orig_filename in found:
            raise NoPackage(f"{path.name} holds two files of the same name: {name}")
        if entry.external_attr >> 16 & _KIND == _LINK:
            raise NoPackage(f"{path.name} holds a link: {name}")
        if entry.flag_bits & 1:
            raise NoPackage(f"{path.name} holds a file with a password: {name}")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NoPackage(f"{path.name} holds a file that is packed as no package is: {name}")
        found[entry.orig_filename] = entry
    whole = sum(entry.file_size for entry in listed)
    if whole > min(MAX_BYTES, _SWELLS * path.stat().st_size):
        raise NoPackage(f"{path.name} would swell to {whole / 1e6:.0f} MB: a zip bomb, or no package")
    for name in (MANIFEST, SUMS):
        if name not in found:
            raise NoPackage(f"{path.name} is no evidence package: it has no {name}")
        if found[name].file_size > MAX_MANIFEST:
            raise NoPackage(f"{path.name} is no evidence package: its {name} is too large")
    return found


def _blocks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> Iterator[bytes]:
    """A file's bytes, never more than ``limit`` and one block: a bomb ends here."""
    got = 0
    with archive.open(entry) as source:
        while got <= limit and (block := source.read(_BLOCK)):
            got += len(block)
            yield block


def _small(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> bytes:
    data = b"".join(_blocks(archive, entry, MAX_MANIFEST))
    if len(data) > MAX_MANIFEST:
        raise NoPackage(f"{path.name} is no evidence package: its {entry.orig_filename} is too large")
    return data


# --- what it says ---------------------------------------------------------------------------------------------------


def _report(
    archive: zipfile.ZipFile, file: IO[bytes], entries: dict[str, zipfile.ZipInfo], path: Path, expected: str
) -> Report:
    raw, listed = (_content(archive, entries[name], path) for name in (MANIFEST, SUMS))
    if raw is None:
        raise NoPackage(f"{path.name} is damaged: its {MANIFEST} cannot be read")
    told = fingerprint(raw)
    about, files = _manifest(raw, path)
    changed: list[str] = []
    kept: list[Entry] = []
    for name in sorted(set(files) & set(entries)):
        size, wanted = files[name]
        found = _hashed(archive, entries[name], size)
        if found is None or (found[0], found[1]) != (size, wanted):
            changed.append(name)
        else:
            kept.append(Entry(name, size, found[2]))
    hashes = {name: wanted for name, (_, wanted) in files.items()} | {MANIFEST: told}
    if listed != sums(hashes):
        # Which of the two it was, their own line for the manifest says: both were made of the same files.
        stays = f"{told}  {MANIFEST}\n".encode() in (listed or b"")
        changed.append(SUMS if stays else f"{MANIFEST} or {SUMS}")
    added = tuple(sorted(set(entries) - set(files) - {MANIFEST, SUMS}))
    missing = tuple(sorted(set(files) - set(entries)))
    besides: list[str] = []
    if not (changed or added or missing):
        own = [Entry(MANIFEST, len(raw), crc_of(raw)), Entry(SUMS, len(listed or b""), crc_of(listed or b""))]
        if not _canonical(file, sorted([*kept, *own], key=lambda one: one.name)):
            besides.append("the archive was packed again or changed between its files; the files are unchanged")
    if expected and _bare(expected) != told:
        besides.append("the fingerprint is not the one that was told: this is not the package that was handed out")
    return Report(told, about, tuple(changed), added, missing, tuple(besides), files)


def _bare(expected: str) -> str:
    return "".join(expected.split()).lower()


def _manifest(raw: bytes, path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, str]]]:
    """What the manifest says of the package, and its files."""
    try:
        told = json.loads(raw)
        if told["form"] != FORM:
            raise NoPackage(f"{path.name} has form {ascii(told['form'])[:20]}, this heyi knows {FORM}")
        files = {one["name"]: (one["bytes"], one["sha256"]) for one in told.pop("files")}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NoPackage(f"{path.name} is damaged: its {MANIFEST} is not one") from error
    for name, (size, wanted) in files.items():
        sound = isinstance(name, str) and fits(name) and name not in (MANIFEST, SUMS)
        whole = isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= MAX_BYTES
        if not (sound and whole and isinstance(wanted, str)):
            raise NoPackage(f"{path.name} is damaged: its {MANIFEST} names {ascii(name)[:60]} wrongly")
    return told, files


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> bytes | None:
    """A small file; None where the archive itself says that it is broken."""
    try:
        return _small(archive, entry, path)
    except _BROKEN:
        return None


def _hashed(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> tuple[int, str, int] | None:
    """Length, SHA-256 and CRC of a file; None where the archive itself says that it is broken."""
    size, told, crc = 0, hashlib.sha256(), 0
    try:
        for block in _blocks(archive, entry, limit):
            size, crc = size + len(block), crc_of(block, crc)
            told.update(block)
    except _BROKEN:
        return None
    return size, told.hexdigest(), crc


def _canonical(file: IO[bytes], entries: list[Entry]) -> bool:
    """Whether the file is, byte by byte, the one form of these files; their contents are known to be right."""
    if file.seek(0, 2) != length(entries):
        return False
    file.seek(0)
    for entry in entries:
        before = local(entry)
        if file.read(len(before)) != before:
            return False
        crc, left = 0, entry.size
        while left and (block := file.read(min(_BLOCK, left))):
            crc, left = crc_of(block, crc), left - len(block)
        if left or crc != entry.crc:
            return False
    return file.read() == tail(entries)
