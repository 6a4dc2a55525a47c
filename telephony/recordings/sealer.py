"""Recordings of calls: laid out in stereo and sealed after the call, kept as long as the site says.

What is left to do follows from the tables alone (calls that ended, recordings that are sealed), so a kill at any moment
costs nothing but the time to do the last step again.
"""

import asyncio
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import BigInteger, String, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.audit import note
from core.bus import Bus
from core.clock import Clock
from core.database import Base, Database
from telephony.events import CallEnded
from telephony.ledger import CallRow
from telephony.recordings import files
from telephony.recordings.files import NO_ROOM, PATIENCE_S, Finished, NotYet

log = structlog.get_logger(__name__)

#: How the audit names what nobody did by hand.
ITSELF = "heyi"
#: Seconds between looks at the tables for calls whose end was not told (a repaired ledger).
_SWEEP_S = 600.0
#: First and longest pause before another try, in seconds: files that still grow, and all other trouble.
_SOON = (0.25, 5.0)
_LATER = (5.0, 300.0)
#: What Asterisk's channel ids are made of; nothing else is ever a name of a file.
_STEM = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Recording(Base):
    """One file of a call. The row outlives the file."""

    __tablename__ = "recordings"

    #: Name in the recordings folder.
    file: Mapped[str] = mapped_column(String(100), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    #: ``stereo``: caller left, desk right; ``mono``: the mix, where there is no stereo (yet); ``caller`` and ``agent``:
    #: the legs; ``supervisor``: of a supervisor's own channel, what was said left, what was heard right, and its legs.
    kind: Mapped[str] = mapped_column(String(10))
    #: In hex; empty where there is no file.
    sha256: Mapped[str] = mapped_column(String(64), default="")
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    #: None while the file is still to be finished.
    sealed_at: Mapped[datetime | None]
    #: When it may be deleted; None: never.
    delete_after: Mapped[datetime | None] = mapped_column(index=True)
    deleted_at: Mapped[datetime | None]
    #: Why it is not as it should be; empty where it is.
    reason: Mapped[str] = mapped_column(String(200), default="")


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to be finished: ``stem.wav`` and its legs."""

    stem: str
    call_id: str
    ended_at: datetime
    supervisor: bool = False


async def of_call(session: AsyncSession, call_id: str) -> list[Recording]:
    """All rows of a call, also of files that were deleted since."""
    rows = await session.scalars(select(Recording).where(Recording.call_id == call_id).order_by(Recording.file))
    return list(rows)


async def sealed(database: Database, call_id: str) -> list[Recording]:
    """The call's sealed files that are still there, by name."""
    async with database.read() as session:
        rows = await of_call(session, call_id)
    return [row for row in rows if row.sha256 and row.deleted_at is None]


def announce_supervisor(session: AsyncSession, call_id: str, stem: str) -> None:
    """Link a supervisor's own recording, ``stem.wav`` and its legs, to the call that is listened to.

    To be called within the transaction that audits the listening, before the recording begins; it is sealed after the
    call's end. Raises :class:`ValueError` where ``stem`` cannot be a file of ours.
    """
    if not _STEM.fullmatch(stem):
        raise ValueError(f"{stem!r} is no name of a recording")
    session.add(Recording(file=f"{stem}.wav", call_id=call_id, kind="supervisor"))


async def unfinished(session: AsyncSession, call_id: str | None = None) -> list[Job]:
    """What is left to do for the calls that ended (or for this one), in the order in which they ended."""
    known = select(Recording.file).where(Recording.file == CallRow.recording).exists()
    waits = or_(
        Recording.sealed_at.is_(None), Recording.reason.startswith(NO_ROOM) & Recording.deleted_at.is_(None)
    )  # fmt: skip
    new = select(CallRow.recording, CallRow.id, CallRow.ended_at).where(CallRow.recording != "", ~known)
    begun = (
        select(Recording.file, Recording.call_id, CallRow.ended_at, Recording.kind)
        .join(CallRow, CallRow.id == Recording.call_id)
        .where(waits)
    )
    jobs: list[Job] = []
    for query in (new, begun):
        wanted = query.where(CallRow.ended_at.is_not(None))
        if call_id is not None:
            wanted = wanted.where(CallRow.id == call_id)
        for file, of, ended_at, *kind in await session.execute(wanted.order_by(CallRow.ended_at)):
            stem = file.removesuffix(".wav")
            if _STEM.fullmatch(stem):
                jobs.append(Job(stem, of, ended_at, kind == ["supervisor"]))
            else:
                log.warning("not the name of a recording", call_id=of, file=file)
    return jobs


@dataclass(slots=True)
class _Try:
    job: Job
    #: The loop's time of the next try.
    at: float
    tries: int = 0


class Sealer:
    """Finishes and seals recordings in the background, one after the other, behind the calls that run."""

    def __init__(
        self, database: Database, bus: Bus, clock: Clock, folder: Path, *, keep_days: int = 365, spare: int = 0
    ) -> None:
        """``keep_days``: days from a call's end until its recording may go, 0 for ever; ``spare``: bytes that stay
        free on the disk for running calls."""
        self._database, self._bus, self._clock, self._folder = database, bus, clock, folder
        self._keep = timedelta(days=keep_days) if keep_days else None
        self._spare = spare
        self._tries: dict[str, _Try] = {}
        self._news = asyncio.Event()
        self._sweep_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recordings")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take up what an earlier run left, then each call as it ends."""
        self._bus.subscribe(self._ended, CallEnded)
        self._task = asyncio.create_task(self._run(), name="recordings")

    async def close(self) -> None:
        """Stop; what is unfinished is taken up at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(cancel_futures=True)

    async def _ended(self, event: CallEnded) -> None:
        async with self._database.read() as session:
            self._add(await unfinished(session, event.call_id or ""))
        self._news.set()

    def _add(self, jobs: Iterable[Job]) -> None:
        now = asyncio.get_running_loop().time()
        for job in jobs:
            self._tries.setdefault(job.stem, _Try(job, now))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, files.sweep_parts, self._folder)
        while True:
            if loop.time() >= self._sweep_at:
                await self._sweep()
            due = [entry for entry in self._tries.values() if entry.at <= loop.time()]
            for entry in due:
                await self._try(entry)
            if due:
                continue
            self._news.clear()
            pause = min([self._sweep_at, *(entry.at for entry in self._tries.values())]) - loop.time()
            try:
                await asyncio.wait_for(self._news.wait(), max(pause, 0))
            except TimeoutError:
                continue

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with self._database.read() as session:
                self._add(await unfinished(session))
            self._sweep_at = loop.time() + _SWEEP_S
        except Exception:
            log.exception("unfinished recordings could not be looked up", again_in_s=_LATER[0])
            self._sweep_at = loop.time() + _LATER[0]

    async def _try(self, entry: _Try) -> None:
        (first, longest), entry.tries = _SOON, entry.tries + 1
        try:
            if await self._seal(entry.job):
                del self._tries[entry.job.stem]
                return
            trouble = NO_ROOM
        except NotYet:
            trouble = ""
        except Exception as error:
            trouble = str(error).splitlines()[0] if str(error) else repr(error)
        if trouble:
            first, longest = _LATER
        pause = min(first * 2 ** min(entry.tries - 1, 30), longest)
        entry.at = asyncio.get_running_loop().time() + pause
        if trouble:
            log.warning("recording not finished", file=entry.job.stem, reason=trouble, again_in_s=pause)

    async def _seal(self, job: Job) -> bool:
        """True when nothing is left to do."""
        now = self._clock.now()
        finish = partial(
            files.finish, self._folder, job.stem, over=now - job.ended_at >= timedelta(seconds=PATIENCE_S),
            now=now.timestamp(), spare=self._spare, supervisor=job.supervisor,
        )  # fmt: skip
        done = await asyncio.get_running_loop().run_in_executor(self._thread, finish)
        async with self._database.work() as work:
            for file in done:
                await self._write(work.session, job, file, now)
        return not done[0].reason.startswith(NO_ROOM)

    async def _write(self, session: AsyncSession, job: Job, file: Finished, now: datetime) -> None:
        row = await session.get(Recording, file.file)
        if row is None:
            row = Recording(file=file.file, call_id=job.call_id, sha256="", sealed_at=None, deleted_at=None)
            session.add(row)
        if row.sealed_at is not None:
            # Once sealed only the mix changes, and only into the stereo file for which there was no room.
            if not row.reason.startswith(NO_ROOM) or file.reason.startswith(NO_ROOM) or row.deleted_at is not None:
                return
            note(session, at=now, who=ITSELF, what="recording_replaced", call_id=job.call_id,
                 detail=f"{file.file}: mono {row.sha256 or '-'} → {file.kind} {file.sha256}")  # fmt: skip
        row.kind, row.sha256, row.bytes, row.seconds = file.kind, file.sha256, file.size, file.seconds
        row.reason, row.sealed_at = file.reason, now
        row.delete_after = job.ended_at + self._keep if self._keep is not None else None
