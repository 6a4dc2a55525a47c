"""Downloads: packages from the registries that this machine's own npm and pip are set up with.

No address is written here: npm says where its tarball lies, uv knows its index. Everything is checked by hash before
it is used, shown with a progress bar, and put in place by one rename, so that a killed download leaves nothing half.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from core.errors import HeyiError

console = Console(stderr=True)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def npm_package(name: str, version: str, integrity: str, into: Path) -> Path:
    """The unpacked npm package ``name@version`` in folder ``into``; fetched when it is not there yet.

    ``integrity`` is npm's own form, ``sha512-…`` in base64. Raises :class:`HeyiError` with what to do.
    """
    if into.is_dir():
        return into
    npm = _tool("npm", "install Node.js 18 or newer, or let ./run set it up")
    asked = subprocess.run(  # noqa: S603
        [npm, "view", f"{name}@{version}", "dist.tarball", "--json"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise HeyiError(f"npm does not know {name}@{version}", hint="check the network and npm's registry setting")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        tarball = Path(scratch) / "package.tgz"
        _download(json.loads(asked.stdout), tarball, f"{name} {version}")
        with tarball.open("rb") as file:
            found = "sha512-" + base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
        if found != integrity:
            raise HeyiError(f"{name}@{version} has a wrong hash: {found}", hint="the download is damaged; try again")
        with tarfile.open(tarball) as archive:
            # Debian 12's Python 3.11.2 has no filters yet; there the hash above is what vouches for the archive.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(Path(scratch) / "out")  # noqa: S202
        (Path(scratch) / "out" / "package").rename(into)
    return into


def pypi_packages(lock: Path, into: Path) -> Path:
    """The packages of a hash-pinned ``lock`` file, unpacked in folder ``into``; fetched when it is not there yet."""
    if into.is_dir():
        return into
    uv = _tool("uv", "start heyi through ./run, which brings uv")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        target = Path(scratch) / "out"
        console.print(f"fetching {lock.stem} …")
        # uv draws its own progress bars on this terminal.
        done = subprocess.run(  # noqa: S603
            [uv, "pip", "install", "--python", sys.executable, "--target", str(target), "--no-deps",
             "--require-hashes", "--no-cache", "-r", str(lock)],
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise HeyiError(f"the packages of {lock.name} could not be fetched", hint="see uv's message above")
        target.rename(into)
    return into


def _tool(name: str, hint: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise HeyiError(f"{name} is not on this machine", hint=hint)
    return path


def _download(url: str, to: Path, label: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    try:
        with (
            httpx.stream("GET", url, follow_redirects=True, timeout=60) as answer,
            Progress(*columns, console=console) as progress,
            to.open("wb") as file,
        ):
            answer.raise_for_status()
            size = int(answer.headers.get("content-length", 0)) or None
            task = progress.add_task(label, total=size)
            for block in answer.iter_bytes(1 << 16):
                file.write(block)
                progress.advance(task, len(block))
    except httpx.HTTPError as error:
        raise HeyiError(f"{label} could not be fetched: {error}", hint="check the network, then try again") from error
