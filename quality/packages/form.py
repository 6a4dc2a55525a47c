"""The form of an evidence package: which bytes a package of these files is, to the last one. Pure.

A package is a zip file with one possible form: files stored as they are, in the order of their names, without times,
comments or extra fields. So whoever has the files has the package, byte by byte, and not one of its bytes can change
unnoticed, those between the files among them.

    manifest.json   what the package is of, who made it when and why, and each file with its length and SHA-256
    SHA256SUMS      the same sums, the manifest's among them, for ``sha256sum -c`` on a machine without heyi
    …               the files

The **fingerprint** of a package is the SHA-256 of its manifest. The manifest names the fingerprint of the package that
the same site made before it.
"""

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
#: Of the form; goes up when it changes, and older ones stay readable.
FORM = 1
#: Small letters, digits, ``.``, ``_`` and ``-``; one folder deep at most.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*(/[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*)?", re.ASCII)
MAX_NAME = 100
#: Files in a package; bytes of one manifest; bytes of a package (a zip without extensions ends at 4 GiB).
MAX_FILES = 1000
MAX_MANIFEST = 4 << 20
MAX_BYTES = (1 << 32) - (1 << 20)

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
#: 1 January 1980: the earliest that a zip can say.
_DATE = 33
#: A plain file that everybody may read, made on Unix.
_MODE = 0o100644 << 16


@dataclass(frozen=True)
class Entry:
    """One file as the archive names it."""

    name: str
    size: int
    crc: int


def crc_of(data: bytes, before: int = 0) -> int:
    return zlib.crc32(data, before)


def local(entry: Entry) -> bytes:
    """What stands before the file's bytes."""
    name = entry.name.encode("ascii")
    return _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATE, entry.crc, entry.size, entry.size, len(name), 0) + name


def tail(entries: Sequence[Entry]) -> bytes:
    """What stands after the last file's bytes: the list of files and its end."""
    parts: list[bytes] = []
    offset = 0
    for entry in entries:
        name = entry.name.encode("ascii")
        parts.append(
            _CENTRAL.pack(
                b"PK\1\2", 0x0314, 20, 0, 0, 0, _DATE, entry.crc, entry.size, entry.size, len(name), 0, 0, 0, 0, _MODE,
                offset,
            ) + name
        )  # fmt: skip
        offset += _LOCAL.size + len(name) + entry.size
    listed = b"".join(parts)
    end = _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(listed), offset, 0)
    return listed + end


def length(entries: Sequence[Entry]) -> int:
    """Bytes of the whole package."""
    return len(tail(entries)) + sum(_LOCAL.size + len(entry.name) + entry.size for entry in entries)


def sums(hashes: Mapping[str, str]) -> bytes:
    """``SHA256SUMS`` of these files, by name, as ``sha256sum`` writes it."""
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)).encode("ascii")


def manifest(about: Mapping[str, Any], files: Mapping[str, tuple[int, str]]) -> bytes:
    """The manifest's bytes. ``about``: of whom, by whom, when, why, ``previous``; ``files``: length and SHA-256."""
    listed = [{"name": name, "bytes": files[name][0], "sha256": files[name][1]} for name in sorted(files)]
    told = {"form": FORM, **about, "files": listed}
    return (json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def fingerprint(manifest_bytes: bytes) -> str:
    """SHA-256 of a manifest in hexadecimal."""
    return hashlib.sha256(manifest_bytes).hexdigest()


def fits(name: str) -> bool:
    """Whether a file of a package may have this name."""
    return len(name) <= MAX_NAME and NAME.fullmatch(name) is not None


def spoken(told: str) -> Iterator[str]:
    """A fingerprint in groups of four, to be read out or compared by eye."""
    for start in range(0, len(told), 4):
        yield told[start : start + 4]
