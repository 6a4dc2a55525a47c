"""Ends live streams within seconds after their session is over, whoever ended it and in whatever process."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from desk.access.sessions import Sessions

log = structlog.get_logger(__name__)

#: Seconds between two looks at the sessions whose pages are open: one statement for all of them.
LOOK_S = 2.0
#: Looks after which who was seen is written.
WRITTEN_AFTER = 15


@dataclass(eq=False)
class _Page:
    #: An open page is a person who is there.
    counts: bool
    over: asyncio.Event = field(default_factory=asyncio.Event)


class SessionWatch:
    """One for the application."""

    def __init__(self, sessions: Sessions, *, every_s: float = LOOK_S) -> None:
        self._sessions, self._every_s = sessions, every_s
        self._open: dict[int, set[_Page]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="desk: sessions")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            if self._sessions.unwritten:
                await self._sessions.write_seen()

    @contextmanager
    def follow(self, session_id: int, *, counts: bool) -> Iterator[asyncio.Event]:
        """What is set as soon as this session is over. ``counts``: an open page is a person who is there."""
        page = _Page(counts)
        self._open[session_id].add(page)
        try:
            yield page.over
        finally:
            self._open[session_id].discard(page)
            if not self._open[session_id]:
                del self._open[session_id]

    async def _run(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(self._every_s)
            looks += 1
            try:
                await self.look()
                if looks % WRITTEN_AFTER == 0 and self._sessions.unwritten:
                    await self._sessions.write_seen()
            except Exception:
                # A database that is away for a moment signs nobody out.
                log.exception("sessions could not be looked at")

    async def look(self) -> None:
        """Look once."""
        if not self._open:
            return
        # A page that opens while the table is asked was not asked for.
        asked = tuple(self._open)
        living = await self._sessions.living(asked)
        for session_id in asked:
            pages = self._open.get(session_id, set())
            if session_id not in living:
                for page in pages:
                    page.over.set()
            elif any(page.counts for page in pages):
                self._sessions.here(session_id)
