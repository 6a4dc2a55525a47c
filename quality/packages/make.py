"""Writes an evidence package: each file is read once, hashed as it is written."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import HeyiError
from quality.packages.form import (
    MANIFEST,
    MAX_BYTES,
    MAX_FILES,
    SUMS,
    Entry,
    crc_of,
    fingerprint,
    fits,
    length,
    local,
    manifest,
    sums,
    tail,
)

_BLOCK = 1 << 20


def make(
    target: Path,
    about: Mapping[str, Any],
    files: Mapping[str, bytes | Path],
    told: Callable[[int], None] = lambda _: None,
) -> bytes:
    """Write the package of ``files`` to ``target``, which must not be there, and return its manifest.

    ``told`` hears of bytes as they are written. Raises :class:`HeyiError` where the package cannot be written; nothing
    is left then.
    """
    for name in files:
        if not fits(name) or name in (MANIFEST, SUMS):
            raise ValueError(f"{name!r} is no name of a file in a package")
    if len(files) > MAX_FILES - 2:
        raise HeyiError(f"a package holds {MAX_FILES - 2} files at most", hint=f"these are {len(files)}")
    try:
        measured = {name: _measure(what) for name, what in files.items()}
        raw = manifest(about, {name: (size, sha) for name, (size, sha, _) in measured.items()})
        listed = sums({name: sha for name, (_, sha, _) in measured.items()} | {MANIFEST: fingerprint(raw)})
        every: dict[str, bytes | Path] = {**files, MANIFEST: raw, SUMS: listed}
        measured |= {name: _measure(every[name]) for name in (MANIFEST, SUMS)}
        entries = [Entry(name, measured[name][0], measured[name][2]) for name in sorted(every)]
        if length(entries) > MAX_BYTES:
            raise HeyiError("the package would be larger than 4 GiB", hint=target.name)
        _write(target, entries, every, told)
    except OSError as error:
        raise HeyiError(f"{error.filename or target}: {error.strerror or error}") from error
    return raw


def _measure(what: bytes | Path) -> tuple[int, str, int]:
    size, sha, crc = 0, hashlib.sha256(), 0
    for block in _blocks(what):
        size, crc = size + len(block), crc_of(block, crc)
        sha.update(block)
    return size, sha.hexdigest(), crc


def _blocks(what: bytes | Path) -> Iterator[bytes]:
    if isinstance(what, bytes):
        yield what
        return
    with what.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _write(target: Path, entries: list[Entry], files: Mapping[str, bytes | Path], told: Callable[[int], None]) -> None:
    if target.exists():
        raise HeyiError(f"{target} is there already", hint="choose another name")
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("xb") as out:
            for entry in entries:
                out.write(local(entry))
                crc = 0
                for block in _blocks(files[entry.name]):
                    out.write(block)
                    crc = crc_of(block, crc)
                    told(len(block))
                if crc != entry.crc:
                    raise HeyiError(f"{entry.name} changed while it was packed", hint="try again when the call is over")
            out.write(tail(entries))
            out.flush()
            os.fsync(out.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
