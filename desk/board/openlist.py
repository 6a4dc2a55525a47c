"""The open tickets in few words, read once for all pages that ask about the same moment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from core.clock import Clock
from core.database import Database
from ticketing.dispatch.pending import Pending, pending

#: For so long at most what was read is taken for what is: not every pause of a clock tells an event.
LONGEST = timedelta(seconds=5)


class OpenTickets:
    """All boards hear of an event and ask together; what they ask for differs by area and level alone."""

    def __init__(self, database: Database, clock: Clock, latest: Callable[[], Awaitable[int]]) -> None:
        """``latest``: number of the newest stored event."""
        self._database, self._clock, self._latest = database, clock, latest
        self._one_at_a_time = asyncio.Lock()
        self._seq = -1
        self._read_at: datetime | None = None
        self._found: Sequence[Pending] = ()

    async def all(self) -> Sequence[Pending]:
        """As they are after the newest event, or later."""
        async with self._one_at_a_time:
            # The number first: whatever happens while the tickets are read is asked for once more.
            seq, now = await self._latest(), self._clock.now()
            if seq != self._seq or self._read_at is None or not timedelta() <= now - self._read_at < LONGEST:
                async with self._database.read() as session:
                    self._found = await pending(session)
                self._seq, self._read_at = seq, now
            return self._found
