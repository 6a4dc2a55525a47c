"""One file from the network: resumed where it broke off, checked by hash, put in place by one rename.

What has arrived stays beside the target as ``….part``, also after Ctrl-C or a power cut, and the next call asks the
server only for the rest. A file with a wrong hash is put aside as ``….wrong``, so that the next call starts anew.
"""

import errno
import hashlib
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from core.errors import HeyiError

console = Console(stderr=True)

#: Attempts in a row that bring not one byte, before it is given up.
TRIES = 4
#: Seconds between attempts; a line that flaps needs a moment.
PAUSE_S = 2.0
_RANGE = re.compile(r"bytes (\d+)-")
_WHOLE = re.compile(r"bytes \*/(\d+)")


@dataclass(frozen=True)
class Digest:
    """What a file must hash to: ``algorithm`` as hashlib names it, ``value`` in hexadecimal."""

    algorithm: str
    value: str

    def fits(self, path: Path) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, self.algorithm).hexdigest() == self.value


class Refused(HeyiError):
    """The server answered that it will not give the file (4xx); trying again changes nothing."""


class _Broken(Exception):
    """The connection broke; going on may help. The text is for a person."""


def download(url: str, to: Path, label: str, digest: Digest, *, size: int | None = None) -> Path:
    """The file of ``url`` at ``to``, whole and with the right hash; ``size`` in bytes where it is known beforehand.

    A right file that is there already is left as it is. Raises :class:`Refused` on a 4xx answer and
    :class:`HeyiError` on a broken line, a full disk or a wrong hash; each says what to do.
    """
    if to.is_file() and digest.fits(to):
        return to
    part = to.with_name(to.name + ".part")
    to.parent.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    try:
        with httpx.Client(follow_redirects=True, timeout=60) as client, Progress(*columns, console=console) as progress:
            task = progress.add_task(label, total=size)
            _persist(client, url, part, label, size, progress, task)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise HeyiError(f"the disk is full: {label} has no room in {to.parent}", hint=_ROOM) from error
    if not digest.fits(part):
        wrong = to.with_name(to.name + ".wrong")
        part.replace(wrong)
        raise HeyiError(f"{label} has a wrong hash; it was put aside as {wrong}", hint="delete it and try again")
    part.replace(to)
    return to


_ROOM = "free disk space, then run it again: it goes on where it stopped"


def _persist(
    client: httpx.Client, url: str, part: Path, label: str, size: int | None, progress: Progress, task: TaskID
) -> None:
    """Asks again for the rest as long as something comes."""
    vain = 0
    while True:
        before = _have(part)
        _check_room(part, label, size)
        try:
            _rest(client, url, part, label, progress, task)
            return
        except _Broken as broken:
            # Less than before is progress as well: a server without ranges began anew.
            vain = vain + 1 if _have(part) == before else 0
            if vain >= TRIES:
                got = _have(part)
                kept = f" after {got / 1e6:.1f} MB" if got else ""
                hint = "run it again: it goes on from there" if got else "check the network, then try again"
                raise HeyiError(f"{label} could not be fetched{kept}: {broken}", hint=hint) from broken
            time.sleep(PAUSE_S)


def _rest(client: httpx.Client, url: str, part: Path, label: str, progress: Progress, task: TaskID) -> None:
    have = _have(part)
    # Compressed in transit, a range would count other bytes than the file has.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                _past_the_end(answer, part, have)
                return
            if answer.is_client_error:
                raise Refused(f"{label} could not be fetched: the server says {answer.status_code}", hint=f"see {url}")
            if not answer.is_success:
                raise _Broken(f"the server says {answer.status_code}")
            start = _start(answer)
            if start not in (0, have):
                raise _Broken("the server sends another part than was asked for")
            # From 0: the whole file in place of the rest, from a server without ranges.
            have = start
            length = answer.headers.get("content-length", "")
            total = have + int(length) if length.isdecimal() else None
            progress.update(task, completed=have, total=total)
            with part.open("ab" if have else "wb") as file:
                # As it comes: a chunk of fixed size would be lost with the connection.
                for block in answer.iter_raw():
                    file.write(block)
                    progress.advance(task, len(block))
    except httpx.HTTPError as error:
        raise _Broken(_told(error)) from error


def _start(answer: httpx.Response) -> int:
    """From which byte on the answer is."""
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    found = _RANGE.match(answer.headers.get("content-range", ""))
    if found is None:
        raise _Broken("the server does not say which part it sends")
    return int(found[1])


def _past_the_end(answer: httpx.Response, part: Path, have: int) -> None:
    """Nothing is left to send: either all of it is here, or what is here is no part of this file."""
    found = _WHOLE.match(answer.headers.get("content-range", ""))
    if found is None or int(found[1]) != have:
        part.unlink()
        raise _Broken("what was here did not fit; it begins anew")


def _check_room(part: Path, label: str, size: int | None) -> None:
    if size is None:
        return
    need, free = size - _have(part), shutil.disk_usage(part.parent).free
    if need > free:
        raise HeyiError(
            f"the disk is too full: {label} needs {need / 1e6:.0f} MB more, {part.parent} has {free / 1e6:.0f} MB",
            hint=_ROOM,
        )


def _have(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _told(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError):
        return f"no connection to {error.request.url.host}"
    if isinstance(error, httpx.TimeoutException):
        return f"{error.request.url.host} does not answer"
    return str(error) or type(error).__name__
