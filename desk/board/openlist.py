"""The open tickets in few words, kept in memory for all pages, and read again where something has happened."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.clock import Clock
from core.database import Database
from ticketing.dispatch.pending import Pending, pending
from ticketing.incidents import carried

#: After so long everything is read again, whatever was told.
LONGEST = timedelta(seconds=20)
#: After more events than these since the last reading, too.
MOST = 300


class OpenTickets:
    """All boards hear of an event and ask together; what they ask for differs by area and level alone.

    What one event costs goes with the tickets that it is about, and not with all that are open.
    """

    def __init__(self, database: Database, clock: Clock, latest: Callable[[], Awaitable[int]]) -> None:
        """``latest``: number of the newest stored event."""
        self._database, self._clock, self._latest = database, clock, latest
        self._one_at_a_time = asyncio.Lock()
        self._seq = 0
        self._read_at: datetime | None = None
        self._found: dict[str, Pending] = {}

    async def all(self) -> Sequence[Pending]:
        """As they are after the newest event, or later."""
        async with self._one_at_a_time:
            now = self._clock.now()
            if self._read_at is None or not timedelta() <= now - self._read_at < LONGEST:
                await self._everything(now)
                return list(self._found.values())
            events = await self._database.events_after(self._seq, MOST)
            if len(events) == MOST:
                await self._everything(now)
            elif events:
                await self._these({json.loads(event.body).get("ticket_id") or "" for event in events} - {""})
                self._seq = events[-1].seq
            return list(self._found.values())

    async def _everything(self, now: datetime) -> None:
        # The number first: what happens while the tickets are read is read once more.
        seq = await self._latest()
        async with self._database.read() as session:
            self._found = {one.id: one for one in await pending(session)}
        self._seq, self._read_at = seq, now

    async def _these(self, ids: Collection[str]) -> None:
        if not ids:
            return
        async with self._database.read() as session:
            changed = {one.id: one for one in await pending(session, ids)}
            of_heads = await carried(session)
        for key in ids:
            if key in changed:
                self._found[key] = changed[key]
            else:
                self._found.pop(key, None)
        # Of a head's step its children tell nothing.
        for key, one in self._found.items():
            if one.carried != (key in of_heads):
                self._found[key] = replace(one, carried=key in of_heads)
