"""The retention rule at work: what is past its time goes by itself, a little every hour."""

import asyncio
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from telephony.recordings.care import prune

log = structlog.get_logger(__name__)

#: Often enough that a day's files never go at once; a look costs one indexed query.
EVERY_S = 3600.0
#: Who the audit names.
RETENTION = "retention"


class Retention:
    """Runs :func:`prune` at once and then every ``every_s`` seconds."""

    def __init__(self, database: Database, clock: Clock, folder: Path, every_s: float = EVERY_S) -> None:
        self._database, self._clock, self._folder, self._every_s = database, clock, folder, every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="retention")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                gone = await prune(self._database, self._clock, self._folder, RETENTION)
                if gone:
                    log.info("recordings past their time deleted", files=len(gone))
            except (HeyiError, SQLAlchemyError) as error:
                log.error("recordings past their time stay, trying again in an hour", error=str(error)[:200])
            await asyncio.sleep(self._every_s)
