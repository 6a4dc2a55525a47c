"""The journal of what callers did before a person. Taking a note never waits: a slow database costs rows, no caller."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal, Protocol

import structlog
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from core.database import Base, Database
from core.metrics import Sample
from ivr.signals import Note
from ivr.tables import VoiceSession, VoiceStep

log = structlog.get_logger(__name__)

#: How a session ended. A person: ``queue`` as the line's calls go, ``group`` or ``line`` to certain desks, ``keep``
#: back to the place in the queue. ``party``: connected with somebody outside; ``callback``: rung when the turn comes;
#: ``hangup``: the flow's own end; ``caller``: the caller hung up; ``late``: our side was too slow or failed, the
#: dialplan went on to the queue without it.
How = Literal["queue", "emergency", "group", "line", "keep", "party", "callback", "hangup", "caller", "late"]

#: Rows that wait in memory at most: 500 sessions leave about 100 steps a second, so minutes of a database that stands.
ROOM = 20_000
#: Rows of one transaction, and how long rows are gathered for one.
_BATCH, _GATHER_S = 500, 0.5
#: Between two tries at a database that refuses, and what is waited for it at the end.
_AGAIN_S, _CLOSE_S = 2.0, 3.0


@dataclass(frozen=True)
class Ended:
    """The end of a session of a call."""

    #: Key of the flow with which it began.
    flow: str
    began: datetime
    ended: datetime
    how: How
    #: The group or the line, where ``how`` is one; never a number of the caller's.
    to: str = ""


class Notes(Protocol):
    """Where whoever drives a session writes; returns at once and raises nothing."""

    def note(self, call_id: str, note: Note) -> None:
        """A step was left."""

    def ended(self, call_id: str, end: Ended) -> None:
        """The session is over."""


class Journal:
    """:class:`Notes` over the database: a bounded row in memory, written by a task of its own."""

    def __init__(self, database: Database, *, room: int = ROOM, again_s: float = _AGAIN_S) -> None:
        self._database, self._room, self._again_s = database, room, again_s
        self._rows: deque[tuple[type[Base], dict[str, Any]]] = deque()
        self._some = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        #: Rows that found no room, or that the database refused to the end.
        self.lost = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="voice journal")

    async def close(self) -> None:
        """Write what waits, for a few seconds at most."""
        self._closing = True
        self._some.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_CLOSE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._rows:
            log.error("steps of callers lost: the database did not take them", rows=len(self._rows))
            self.lost += len(self._rows)
            self._rows.clear()

    def note(self, call_id: str, note: Note) -> None:
        self._add(
            VoiceStep,
            {
                "call_id": call_id[:80], "flow": note.flow[:60], "step": note.step[:60], "entered": note.entered,
                "left": note.left, "why": note.why[:40], "again": ",".join(note.again)[:80],
            },
        )  # fmt: skip

    def ended(self, call_id: str, end: Ended) -> None:
        self._add(
            VoiceSession,
            {
                "call_id": call_id[:80], "flow": end.flow[:60], "began": end.began, "ended": end.ended,
                "how": end.how, "to": end.to[:60],
            },
        )  # fmt: skip

    def samples(self) -> list[Sample]:
        """How it stands, for monitoring."""
        return [
            Sample("heyi_voice_notes_waiting", len(self._rows), "Steps of callers that are not written yet."),
            Sample("heyi_voice_notes_lost_total", self.lost, "Steps of callers that were not written.", "counter"),
        ]

    def _add(self, table: type[Base], row: dict[str, Any]) -> None:
        if len(self._rows) >= self._room or self._closing:
            if not self.lost:
                log.error("steps of callers are lost: the database is too slow", waiting=len(self._rows))
            self.lost += 1
            return
        self._rows.append((table, row))
        self._some.set()

    async def _run(self) -> None:
        while not self._closing or self._rows:
            await self._some.wait()
            if not self._rows:
                self._some.clear()
                continue
            if not self._closing:
                await asyncio.sleep(_GATHER_S)
            batch = list(islice(self._rows, _BATCH))
            try:
                await self._write(batch)
            except (SQLAlchemyError, OSError) as error:
                log.warning("steps of callers wait for the database", waiting=len(self._rows), error=str(error)[:200])
                await asyncio.sleep(self._again_s)
                continue
            for _ in batch:
                self._rows.popleft()

    async def _write(self, batch: Sequence[tuple[type[Base], dict[str, Any]]]) -> None:
        async with self._database.work() as work:
            for table in (VoiceStep, VoiceSession):
                if rows := [row for kind, row in batch if kind is table]:
                    await work.session.execute(insert(table), rows)
