"""The configuration tried in a scratch Asterisk and put in place, one at a time; a page looks on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import structlog

from core.audit import note
from core.city import City
from core.cityfile import load_city
from core.cityfolder import CityFolder
from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError
from desk.config.ports import Applied, ExchangeConfig

log = structlog.get_logger(__name__)

Step = Literal["reading", "checking", "applying", "done"]


@dataclass(frozen=True)
class Job:
    """What was asked for and how far it is."""

    apply: bool
    by: str
    begun_at: datetime
    step: Step = "reading"
    ended_at: datetime | None = None
    #: What the scratch Asterisk complained of; nothing is applied then.
    problems: Sequence[str] = ()
    applied: Applied | None = None
    #: Names of sounds that have to be spoken anew.
    unspoken: Sequence[str] = field(default=())
    #: Why it broke off, and what to do.
    error: str = ""
    hint: str = ""


class Applying:
    """One check or apply at a time. What is read is what holds in the folder when it begins."""

    def __init__(self, database: Database, clock: Clock, folder: CityFolder, exchange: ExchangeConfig) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._exchange = exchange
        self._task: asyncio.Task[None] | None = None
        self.job: Job | None = None

    def begin(self, *, apply: bool, by: str, address: str = "") -> Job:
        """Check, or check and apply. Raises :class:`Conflict` while another runs."""
        if self.job is not None and self.job.ended_at is None:
            raise Conflict("正在检查或应用，请等它结束")
        self.job = Job(apply, by, self._clock.now())
        self._task = asyncio.create_task(self._run(address), name="dialplan from the page")
        return self.job

    async def close(self) -> None:
        """Wait for what runs: an apply that has begun is finished."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, address: str) -> None:
        try:
            await self._steps()
        except HeyiError as error:
            self._now(error=error.message, hint=error.hint)
        except Exception as error:
            log.exception("the configuration could not be applied")
            self._now(error=f"{type(error).__name__}: {error}")
        job = self._now(step="done", ended_at=self._clock.now())
        async with self._database.work() as work:
            note(
                work.session, at=self._clock.now(), who=job.by, address=address, detail=_told(job),
                what="config_applied" if job.apply else "config_checked",
            )  # fmt: skip

    async def _steps(self) -> None:
        city: City = await asyncio.to_thread(load_city, self._folder)
        job = self._now(step="checking")
        problems = await asyncio.to_thread(self._exchange.problems, city)
        self._now(problems=tuple(problems))
        if problems or not job.apply:
            return
        self._now(step="applying")
        applied = await asyncio.to_thread(self._exchange.apply, city)
        self._now(applied=applied)
        self._now(unspoken=tuple(await asyncio.to_thread(self._exchange.unspoken, city)))

    def _now(self, **what: object) -> Job:
        assert self.job is not None  # noqa: S101  begin has made it
        self.job = replace(self.job, **what)  # type: ignore[arg-type]
        return self.job


def _told(job: Job) -> str:
    if job.error:
        return f"failed: {job.error}"
    if job.problems:
        return f"{len(job.problems)} problems: {job.problems[0]}"
    return f"changed: {' '.join(job.applied.changed) or 'nothing'}" if job.applied else "no problems"
