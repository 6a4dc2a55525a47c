"""Are the lines alive? The trunk is asked by OPTIONS, each line is dialled by a synthetic caller; results are kept.

    trunk: every 30 s, three tries of 1 s each.      a line: about once an hour, the one checked longest ago first.
    room for recordings: every 30 s. A full disk stops no call, but what is said is lost: a person must hear of it.

A state that changes is told once (:class:`LineHealthChanged`); the wallboard makes an alarm of it.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import String, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.city import City
from core.clock import Clock
from core.database import Base, Database
from core.errors import HeyiError
from core.events import Event
from core.settings import Settings
from telephony.linecheck import LineResult, NoRegistration, check_lines
from telephony.probe import ProbeResult, probe

log = structlog.get_logger(__name__)

#: Stands for the way to the exchange where a line's number stands else.
TRUNK = "trunk"
TRUNK_DOWN, TRUNK_FAULT = "中继无应答", "中继有故障"
#: Stands for the disk that recordings are written to.
DISK = "recordings"
DISK_FULL = "录音磁盘空间不足"
_DISK_S = 30.0
#: Rows kept for each line: a week of hourly checks; the trunk's are written only when something changed.
KEEP = 200
#: Seconds from the start to the first question to the trunk: whoever just booted may still be registering.
_FIRST_S = 5.0


class LineCheck(Base):
    """One check of a line, or of the trunk."""

    __tablename__ = "line_checks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    #: The line's number, :data:`TRUNK` or :data:`DISK`.
    line: Mapped[str] = mapped_column(String(12), index=True)
    at: Mapped[datetime]
    ok: Mapped[bool]
    #: See :data:`telephony.linecheck.Step`; empty where nothing failed.
    step: Mapped[str] = mapped_column(String(20), default="")
    #: What failed, in words, and what the other side said.
    why: Mapped[str] = mapped_column(String(60), default="")
    detail: Mapped[str] = mapped_column(String(200), default="")
    #: Seconds to the answer, to the ringing desk, and of the whole check; of the trunk only the last.
    answered_s: Mapped[float | None]
    rung_s: Mapped[float | None]
    took_s: Mapped[float] = mapped_column(default=0.0)


@dataclass(frozen=True, kw_only=True)
class LineHealthChanged(Event):
    """Something began to fail, or works again. What works at its first check is no news."""

    #: The line's number, :data:`TRUNK` or :data:`DISK`.
    line: str
    ok: bool
    #: What fails, in words; empty where it works.
    why: str = ""


async def latest(session: AsyncSession) -> dict[str, LineCheck]:
    """The last check of each line that was ever checked."""
    newest = select(func.max(LineCheck.id)).group_by(LineCheck.line)
    rows = await session.scalars(select(LineCheck).where(LineCheck.id.in_(newest)))
    return {row.line: row for row in rows}


async def failing(session: AsyncSession) -> list[tuple[LineCheck, datetime]]:
    """The last check of everything that fails now, and the first of the checks since which it has."""
    found = []
    for check in (await latest(session)).values():
        if check.ok:
            continue
        of_it = select(func.max(LineCheck.id)).where(LineCheck.line == check.line, LineCheck.ok.is_(True))
        worked = await session.scalar(of_it) or 0
        first = select(func.min(LineCheck.at)).where(LineCheck.line == check.line, LineCheck.id > worked)
        found.append((check, await session.scalar(first) or check.at))
    return found


async def record(database: Database, check: LineCheck) -> bool:
    """Keep this check, forget the oldest of its line, and tell where the state changed (then True)."""
    async with database.work() as work:
        session = work.session
        ids = select(LineCheck.id).where(LineCheck.line == check.line).order_by(LineCheck.id.desc())
        before = await session.scalar(select(LineCheck).where(LineCheck.id.in_(ids.limit(1))))
        changed = not check.ok if before is None else (check.ok, check.why) != (before.ok, before.why)
        session.add(check)
        await session.flush()
        await session.execute(delete(LineCheck).where(LineCheck.id.in_(ids.offset(KEEP))))
        if changed:
            work.record(LineHealthChanged(at=check.at, line=check.line, ok=check.ok, why=check.why))
    return changed


def of_line(result: LineResult, at: datetime) -> LineCheck:
    """The row of a synthetic call."""
    return LineCheck(
        line=result.line, at=at, ok=result.ok, step=result.step, why=result.why, detail=result.detail,
        answered_s=result.answered_s, rung_s=result.rung_s, took_s=result.took_s,
    )  # fmt: skip


def of_trunk(result: ProbeResult, at: datetime) -> LineCheck:
    """The row of an answer to OPTIONS, or of silence."""
    why = "" if result.in_service else TRUNK_FAULT if result.reachable else TRUNK_DOWN
    detail = result.reason or (f"SIP {result.code}" if result.code else "")
    return LineCheck(
        line=TRUNK, at=at, ok=result.in_service, step="" if result.in_service else "options", why=why,
        detail=detail[:200], answered_s=None, rung_s=None, took_s=round((result.rtt_ms or 0.0) / 1000, 4),
    )  # fmt: skip


def of_disk(free: int, need: int, at: datetime) -> LineCheck:
    """The row of a look at the disk; both in bytes."""
    ok = free >= need
    return LineCheck(
        line=DISK, at=at, ok=ok, step="" if ok else "disk", why="" if ok else DISK_FULL,
        detail="" if ok else f"{free >> 20} MB free, {need >> 20} MB needed", answered_s=None, rung_s=None, took_s=0.0,
    )  # fmt: skip


def whose_turn(lines: Sequence[str], checked: Mapping[str, datetime]) -> str:
    """The line to be dialled next: one that never was, else the one that was longest ago; ``lines`` is not empty."""
    never = [line for line in lines if line not in checked]
    return never[0] if never else min(lines, key=lambda line: checked[line])


class Health:
    """Checks trunk, lines and disk on a schedule."""

    def __init__(
        self,
        settings: Settings,
        city: City,
        database: Database,
        clock: Clock,
        *,
        dial: Callable[[Settings, Sequence[str]], Awaitable[list[LineResult]]] = check_lines,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings, self._database, self._clock = settings, database, clock
        self._lines = [line.number for line in city.lines]
        self._dial, self._sleep = dial, sleep
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks.append(asyncio.create_task(self._watch_disk(), name="disk's health"))
        if self._settings.trunk_check_s:
            self._tasks.append(asyncio.create_task(self._watch_trunk(), name="trunk's health"))
        if self._settings.line_check_s:
            self._tasks.append(asyncio.create_task(self._watch_lines(), name="lines' health"))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def check(self, lines: Sequence[str]) -> list[LineCheck]:
        """Dial these lines now and keep what came of it. Raises :class:`HeyiError` where none can be dialled from here
        (another check is under way): that says nothing of the lines."""
        try:
            results = await self._dial(self._settings, lines)
        except NoRegistration as error:
            results = [LineResult(line=line, step="asterisk", detail=str(error)) for line in lines]
        checks = [of_line(result, self._clock.now()) for result in results]
        for check in checks:
            if not check.ok:
                log.warning("a line does not work", line=check.line, step=check.step, detail=check.detail)
            await record(self._database, check)
        return checks

    async def ask_trunk(self) -> LineCheck:
        """Ask the exchange now; kept where something changed."""
        return await self._note(of_trunk(await ask_trunk(self._settings), self._clock.now()))

    async def look_at_disk(self) -> LineCheck:
        """Is there room for recordings? Kept where something changed."""
        free = (await asyncio.to_thread(shutil.disk_usage, self._settings.recordings)).free
        return await self._note(of_disk(free, self._settings.min_free_mb << 20, self._clock.now()))

    async def _note(self, check: LineCheck) -> LineCheck:
        async with self._database.read() as session:
            before = (await latest(session)).get(check.line)
        if before is None or (before.ok, before.why) != (check.ok, check.why):
            await record(self._database, check)
        return check

    async def _watch_trunk(self) -> None:
        await self._sleep(_FIRST_S)
        while True:
            await self._survive(self.ask_trunk())
            await self._sleep(self._settings.trunk_check_s)

    async def _watch_disk(self) -> None:
        while True:
            await self._survive(self.look_at_disk())
            await asyncio.sleep(_DISK_S)

    async def _watch_lines(self) -> None:
        pause = self._settings.line_check_s / len(self._lines)
        while True:
            await self._sleep(pause)
            await self._survive(self._next_line())

    async def _next_line(self) -> None:
        async with self._database.read() as session:
            checked = {line: row.at for line, row in (await latest(session)).items()}
        await self.check([whose_turn(self._lines, checked)])

    async def _survive(self, work: Awaitable[object]) -> None:
        """A check that itself goes wrong must not be the last."""
        try:
            await work
        except HeyiError as error:
            log.warning("no health check", reason=str(error))
        except Exception:
            log.exception("a health check could not be made")


async def ask_trunk(settings: Settings) -> ProbeResult:
    """The exchange's answer to OPTIONS, asked from the address by which it knows us."""
    source = "" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    return await probe(settings.trunk_host, settings.trunk_port, source=source)
