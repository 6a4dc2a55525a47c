"""Archives from the network, unpacked so that nothing can be written outside the folder that was named."""

import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from core.errors import HeyiError

_KIND = 0o170000
_LINK = 0o120000


def unzip(archive: Path, into: Path) -> Path:
    """The contents of a zip file in the folder ``into``; raises :class:`HeyiError` before a byte is written
    where a name leads outside of it, or where the file is no zip."""
    try:
        with zipfile.ZipFile(archive) as source:
            entries = [entry for entry in source.infolist() if not entry.is_dir()]
            for entry in entries:
                _refuse_escape(entry.filename, archive)
                if entry.external_attr >> 16 & _KIND == _LINK:
                    raise HeyiError(f"{archive.name} holds a link: {entry.filename}", hint="do not use this file")
            for entry in entries:
                target = into / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(entry) as packed, target.open("wb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
    except zipfile.BadZipFile as error:
        raise HeyiError(f"{archive.name} is no zip file: {error}", hint="fetch it again") from error
    return into


def untar(archive: Path, into: Path) -> Path:
    """The contents of a tar file, compressed or not, in the folder ``into``; the same care as :func:`unzip`."""
    try:
        with tarfile.open(archive) as source:
            for entry in source.getmembers():
                _refuse_escape(entry.name, archive)
                if not (entry.isfile() or entry.isdir()):
                    raise HeyiError(f"{archive.name} holds a link: {entry.name}", hint="do not use this file")
            # Debian 12's Python 3.11.2 has no filters yet: what matters was checked above.
            source.extraction_filter = getattr(tarfile, "data_filter", None)
            source.extractall(into)  # noqa: S202
    except (tarfile.TarError, EOFError) as error:
        raise HeyiError(f"{archive.name} is no tar file, or half of one", hint="fetch it again") from error
    return into


def _refuse_escape(name: str, archive: Path) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise HeyiError(f"{archive.name} would write outside of its folder: {name}", hint="do not use this file")
