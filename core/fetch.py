"""Packages from the registries that this machine's own npm and uv are set up with.

No registry's address is written here: npm and uv say where their files lie. Everything is checked by hash before it is
used, and a download that broke off goes on where it stopped (:mod:`core.download`).
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from core.download import Digest, Refused, console, download
from core.errors import HeyiError
from core.unpack import untar, unzip

_PIN = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def npm_package(name: str, version: str, integrity: str, into: Path, downloads: Path | None = None) -> Path:
    """The unpacked npm package ``name@version`` in folder ``into``; fetched when it is not there yet.

    ``integrity`` is npm's own form, ``sha512-…`` in base64. ``downloads``: where half a download is kept, beside
    ``into`` when nothing is said. Raises :class:`HeyiError` with what to do.
    """
    if into.is_dir():
        return into
    npm = _tool("npm", "install Node.js 18 or newer, or let ./run set it up")
    asked = subprocess.run(  # noqa: S603
        [npm, "view", f"{name}@{version}", "dist.tarball", "--json"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise HeyiError(f"npm does not know {name}@{version}", hint="check the network and npm's registry setting")
    digest = Digest("sha512", base64.b64decode(integrity.removeprefix("sha512-")).hex())
    into.parent.mkdir(parents=True, exist_ok=True)
    tarball = (downloads or into.parent) / f"{name.replace('/', '-')}-{version}.tgz"
    download(json.loads(asked.stdout), tarball, f"{name} {version}", digest)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        (untar(tarball, Path(scratch)) / "package").rename(into)
    tarball.unlink()
    return into


def pypi_packages(lock: Path, into: Path, downloads: Path | None = None) -> Path:
    """The packages of a hash-pinned ``lock`` file, unpacked in folder ``into``; fetched when it is not there yet.

    ``downloads``: where half a download is kept, beside ``into`` when nothing is said.
    """
    if into.is_dir():
        return into
    uv = _tool("uv", "start heyi through ./run, which brings uv")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        target = Path(scratch) / "out"
        try:
            wheels = _wheels(uv, lock, downloads or into.parent)
            for wheel in wheels:
                unzip(wheel, target)
        except Refused:
            # An index that only uv may enter, by its own login.
            wheels = []
        if not wheels:
            _install(uv, lock, target)
        target.rename(into)
    for wheel in wheels:
        wheel.unlink()
    return into


def _wheels(uv: str, lock: Path, downloads: Path) -> list[Path]:
    """The lock's wheels, fetched; none where uv knows no address for one of them (a folder in place of an index)."""
    asked = subprocess.run(  # noqa: S603
        [uv, "pip", "compile", "--quiet", "--no-deps", "--no-header", "--python", sys.executable, "--format",
         "pylock.toml", str(lock)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode:
        # The last line of a chain of causes is the one that a person can mend.
        cause = asked.stderr.strip().splitlines()[-1].strip(" ╰─▶").removeprefix("cause: ")
        raise HeyiError(f"the packages of {lock.name} are not to be had", hint=cause)
    pinned = set(_PIN.findall(lock.read_text(encoding="utf-8")))
    found = []
    for package in tomllib.loads(asked.stdout).get("packages", []):
        wheel = next((w for w in package.get("wheels", []) if w["hashes"].get("sha256") in pinned), None)
        if wheel is None or not str(wheel.get("url", "")).startswith("http"):
            return []
        found.append((package["name"], package["version"], wheel))
    return [
        download(
            w["url"], downloads / f"{name}-{version}.whl", f"{name} {version}",
            Digest("sha256", w["hashes"]["sha256"]), size=w.get("size"),
        )
        for name, version, w in found
    ]  # fmt: skip


def _install(uv: str, lock: Path, target: Path) -> None:
    console.print(f"fetching {lock.stem} …")
    # uv draws its own progress bars on this terminal.
    done = subprocess.run(  # noqa: S603
        [uv, "pip", "install", "--python", sys.executable, "--target", str(target), "--no-deps", "--require-hashes",
         "--no-cache", "-r", str(lock)],
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise HeyiError(f"the packages of {lock.name} could not be fetched", hint="see uv's message above")


def _tool(name: str, hint: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise HeyiError(f"{name} is not on this machine", hint=hint)
    return path
