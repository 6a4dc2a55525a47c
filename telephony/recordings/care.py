"""Care of sealed recordings: are they still what was sealed, and which may go. Works beside a running heyi."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from core.audit import note
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from telephony.recordings.files import digest
from telephony.recordings.sealer import Recording

Fault = Literal["changed", "missing", "unreadable"]

#: Tries at a transaction while heyi itself writes; each waits for up to 5 s.
_TRIES = 3
_SEALED = (Recording.sha256 != "", Recording.deleted_at.is_(None))


@dataclass(slots=True)
class Verdict:
    """What :func:`verify` found: how many files, and the names of those that are not as they were sealed."""

    checked: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)


async def sealed_bytes(database: Database) -> int:
    """Bytes of all sealed files that should be there."""
    async with database.read() as session:
        return await session.scalar(select(func.sum(Recording.bytes)).where(*_SEALED)) or 0


async def verify(database: Database, folder: Path, on_bytes: Callable[[int], None] | None = None) -> Verdict:
    """Hash every sealed file again; ``on_bytes`` hears the size of each that is done."""
    async with database.read() as session:
        files = (await session.execute(select(Recording.file, Recording.sha256, Recording.bytes).where(*_SEALED))).all()
    verdict = Verdict()
    for file, sha256, size in files:
        fault = await asyncio.to_thread(_fault, folder / file, sha256)
        if fault is not None:
            # Since the list was made, heyi may have laid it out in stereo, or somebody pruned it.
            async with database.read() as session:
                now = await session.scalar(select(Recording.sha256).where(Recording.file == file, *_SEALED))
            fault = await asyncio.to_thread(_fault, folder / file, now) if now else None
        verdict.checked += 1
        if fault is not None:
            verdict.faults[file] = fault
        if on_bytes is not None:
            on_bytes(size)
    return verdict


def _fault(path: Path, sha256: str) -> Fault | None:
    try:
        return None if digest(path) == sha256 else "changed"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


async def past(database: Database, now: datetime) -> Sequence[Recording]:
    """Recordings whose time is over, by call."""
    async with database.read() as session:
        rows = await session.scalars(
            select(Recording)
            .where(Recording.delete_after <= now, Recording.deleted_at.is_(None))
            .order_by(Recording.call_id, Recording.file)
        )
        return list(rows)


async def prune(
    database: Database, clock: Clock, folder: Path, who: str, on_file: Callable[[], None] | None = None
) -> list[str]:
    """Delete what is past its time; returns the files' names. Rows stay, and each call gets an entry in the audit.

    Raises :class:`HeyiError` where a file cannot be deleted or the database not be written; a second time goes on.
    """
    gone: list[str] = []
    for call_id, group in groupby(await past(database, clock.now()), lambda row: row.call_id):
        files = [row.file for row in group]
        try:
            for file in files:
                # The file before the row: killed in between, the next prune finds it due and does the rest.
                (folder / file).unlink(missing_ok=True)
            await _gone(database, clock.now(), who, call_id, files)
        except (OSError, SQLAlchemyError) as error:
            raise HeyiError(f"the recording of call {call_id} cannot be deleted", hint=_first_line(error)) from error
        gone += files
        for _ in files:
            if on_file is not None:
                on_file()
    return gone


async def _gone(database: Database, now: datetime, who: str, call_id: str, files: Sequence[str]) -> None:
    for attempt in range(_TRIES):
        try:
            async with database.work() as work:
                rows = await work.session.scalars(select(Recording).where(Recording.file.in_(files)))
                for row in rows:
                    row.deleted_at = now
                note(
                    work.session, at=now, who=who, what="recording_deleted", call_id=call_id,
                    detail="kept as long as the site's rule says: " + ", ".join(files),
                )  # fmt: skip
            return
        except SQLAlchemyError:
            if attempt == _TRIES - 1:
                raise
            await asyncio.sleep(0.05 * (attempt + 1))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), repr(error))[:200]
