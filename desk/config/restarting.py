"""heyi restarted from the page: the next start is proved first, then the process ends in good order and begins anew."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import structlog

from core.audit import note
from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError
from desk.config.checking import Told
from desk.config.ports import Restart

log = structlog.get_logger(__name__)

Step = Literal["checking", "restarting", "refused"]


@dataclass(frozen=True)
class RestartJob:
    """What was asked for and how far it is."""

    by: str
    why: str
    begun_at: datetime
    step: Step = "checking"
    #: Why the next start would not open.
    faults: Sequence[Told] = ()
    error: str = ""
    hint: str = ""

    @property
    def running(self) -> bool:
        return self.step != "refused"


class Restarting:
    """One restart at a time. ``faults`` reads the city's files as the start does, and blocks."""

    def __init__(
        self, database: Database, clock: Clock, restart: Restart, faults: Callable[[], Sequence[Told]],
        busy: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """``busy``: whether something runs that must not be broken off."""
        self._database, self._clock = database, clock
        self._restart, self._faults, self._busy = restart, faults, busy
        self._task: asyncio.Task[None] | None = None
        self.job: RestartJob | None = None
        #: Which start of heyi this is: a page sees by it that there was another.
        self.boot, self.since = secrets.token_hex(8), clock.now()

    def begin(self, *, by: str, why: str, address: str = "") -> RestartJob:
        """Prove the next start, then restart. Raises :class:`Conflict` while that, or an apply, runs."""
        if not why.strip():
            raise HeyiError("请填写重启原因")
        if self.job is not None and self.job.running:
            raise Conflict("正在重启，请等它结束")
        if self._busy():
            raise Conflict("正在检查或应用，请等它结束")
        self.job = RestartJob(by, why.strip()[:200], self._clock.now())
        self._task = asyncio.create_task(self._run(address), name="restart from the page")
        return self.job

    async def close(self) -> None:
        """Break off a proof that still runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, address: str) -> None:
        job = await self._proved()
        told = job.why if job.running else f"{job.why}: {job.error or _first(job.faults)}"
        async with self._database.work() as work:
            note(
                work.session, at=self._clock.now(), who=job.by, address=address, detail=told,
                what="restarted" if job.running else "restart_refused",
            )  # fmt: skip
        self.job = job
        if job.running:
            log.info("heyi is restarted from the page", by=job.by, why=job.why)
            self._restart.begin()

    async def _proved(self) -> RestartJob:
        assert self.job is not None  # noqa: S101  begin has made it
        try:
            if faults := await asyncio.to_thread(self._faults):
                return replace(self.job, step="refused", faults=tuple(faults))
            await self._restart.prove()
        except HeyiError as error:
            return replace(self.job, step="refused", error=error.message, hint=error.hint)
        except Exception as error:
            log.exception("whether the next start opens could not be proved")
            return replace(self.job, step="refused", error=f"{type(error).__name__}: {error}")
        return replace(self.job, step="restarting")


def _first(faults: Sequence[Told]) -> str:
    return f"{faults[0].file}:{faults[0].line}: {faults[0].text}" if faults else ""
