"""The pieces of a prompt, fetched ahead of being played: some are spoken only now."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: What lies on the shelf is there sooner; only what is spoken now takes longer.
_MOMENT_S = 0.05


class Fetching:
    """Reads a shelf's files in the background; :meth:`close` leaves it."""

    def __init__(self, source: AsyncIterator[Path]) -> None:
        self._source = source
        self._ready: deque[Path] = deque()
        self._news = asyncio.Event()
        self._fetched = False
        self._came: Callable[[], Awaitable[None]] | None = None
        self._task = asyncio.create_task(self._fetch())

    @property
    def over(self) -> bool:
        """Nothing is left, and nothing will come."""
        return self._fetched and not self._ready

    async def next(self) -> Path | None:
        """The next piece; None where it is not there within a moment, or none will come (:attr:`over`)."""
        if not self._ready and not self._fetched:
            try:
                await asyncio.wait_for(self._news.wait(), _MOMENT_S)
            except TimeoutError:
                return None
        self._news.clear()
        return self._ready.popleft() if self._ready else None

    @contextmanager
    def waited_for(self, came: Callable[[], Awaitable[None]]) -> Iterator[None]:
        """While this lasts, ``came`` is called as soon as there is a piece, or the end."""
        self._came = came
        try:
            yield
        finally:
            self._came = None

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _fetch(self) -> None:
        try:
            async for path in self._source:
                self._ready.append(path)
                await self._tell()
        finally:
            self._fetched = True
            self._news.set()
            close = getattr(self._source, "aclose", None)
            if close is not None:
                await close()
        await self._tell()

    async def _tell(self) -> None:
        self._news.set()
        if self._came is not None:
            await self._came()
