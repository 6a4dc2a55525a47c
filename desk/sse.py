"""Server-sent events, as the HTML standard has them (section 9.2): the pages that listen, and what carries them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, suppress
from typing import Generic, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.events import Event
from desk.services import DeskServices

#: A page to which nothing was said from one beat to the next is told that the line stands: it hears nothing of one that
#: was cut without a word, and opens another after 12 s of silence (web/src/live.js).
HEARTBEAT_S = 5.0
#: A browser that takes nothing for so long is dropped.
STALL_S = 20.0
#: First words of a stream: how soon a browser that lost it asks again, in milliseconds.
RETRY = b"retry: 1000\n\n"


def encode(event_type: str, body: str, seq: int | None = None) -> bytes:
    """One event; ``body`` is one line of JSON."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {event_type}\ndata: {body}\n\n".encode()


ALIVE = encode("alive", "{}")


class Page:
    """One open connection; at most ``room`` frames wait for it. One that takes less is dropped, and begins anew."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._waiting: list[bytes] = []
        self._woken = asyncio.Event()
        self.over = False
        #: Nothing was offered since the last beat.
        self.quiet = False

    def offer(self, frame: bytes) -> None:
        if self.over:
            return
        if len(self._waiting) == self._room:
            self.end()
            return
        self.quiet = False
        self._waiting.append(frame)
        self._woken.set()

    def end(self) -> None:
        """Let go of everything that waits."""
        self.over = True
        self._waiting.clear()
        self._woken.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """What was offered, until the end; all that waits in one piece, for a write costs more than what is in it."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self.over:
                return
            said, self._waiting = self._waiting, []
            yield b"".join(said)


P = TypeVar("P", bound=Page)


class Fanout(ABC, Generic[P]):
    """Hears what happens once, and tells all pages."""

    def __init__(self, services: DeskServices) -> None:
        self._services = services
        self._pages: set[P] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stop_listening: Callable[[], None] | None = None

    @property
    def pages(self) -> int:
        """Open connections."""
        return len(self._pages)

    async def start(self) -> None:
        self._stop_listening = self._services.bus.listen(self._heard)
        name = f"desk: {type(self).__name__}"
        self._tasks = [asyncio.create_task(self._run(), name=name), asyncio.create_task(self._beat(), name=name)]

    async def close(self) -> None:
        """End every page's connection and stop reading."""
        if self._stop_listening:
            self._stop_listening()
        for page in tuple(self._pages):
            page.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for page in tuple(self._pages):
                if page.quiet:
                    page.offer(ALIVE)
                page.quiet = True

    @abstractmethod
    def _heard(self, event: Event) -> None: ...

    @abstractmethod
    async def _run(self) -> None: ...


class EventStream(Response):
    """Sends a live stream until the browser leaves, stalls, the stream ends, or its person's session (``watched``)."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes], watched: AbstractContextManager[asyncio.Event]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._chunks, self._watched = chunks, watched

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._watched as over:
            tasks: list[asyncio.Task[object]] = [
                asyncio.create_task(self._say(send)), asyncio.create_task(_gone(receive)),
                asyncio.create_task(over.wait()),
            ]  # fmt: skip
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            # The browser is still there: it is told that this is the end.
            if over.is_set() and tasks[1].cancelled():
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(STALL_S):
                        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if isinstance(outcomes[0], Exception) and not isinstance(outcomes[0], TimeoutError | OSError):
            raise outcomes[0]

    async def _say(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._chunks:
            async with asyncio.timeout(STALL_S):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
