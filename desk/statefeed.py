"""State that all pages of a kind show, computed once for all of them and pushed as it changes.

Unlike the stream of events (:mod:`desk.live`) this carries state by sections: a page that connects, or comes back after
its line was lost, gets everything, then only the sections that differ. Nothing is computed while nobody looks.
"""

import asyncio
import contextlib
import json
from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import Any

import structlog

from desk.services import DeskServices
from desk.sse import RETRY, Fanout, Page, encode
from desk.views import stamp

log = structlog.get_logger(__name__)

#: Frames that may wait for one page; one that takes less is dropped, and begins anew by itself.
QUEUE = 16


class StatePage(Page):
    #: Has had everything once.
    begun = False


class StateFeed(Fanout[StatePage]):
    """One for the application; a stream for each page."""

    #: Shortest time between two frames in seconds: what happens is seen within this and the time of one computation.
    PACE_S = 0.5
    #: Longest: some figures move without any event, and pages see that the line is alive.
    TICK_S = 3.0

    def __init__(self, services: DeskServices) -> None:
        super().__init__(services)
        self._sections: dict[str, str] = {}

    @abstractmethod
    async def sections(self) -> dict[str, Any]:
        """Everything that is shown, by section: plain JSON types."""

    async def stream(self) -> AsyncGenerator[bytes]:
        """Server-sent events: ``board`` with the sections that differ."""
        page = StatePage(QUEUE)
        self._pages.add(page)
        self._wake.set()
        try:
            yield RETRY
            async for frame in page.frames():
                yield frame
        finally:
            self._pages.discard(page)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.TICK_S):
                    await self._wake.wait()
            ticked = not self._wake.is_set()
            self._wake.clear()
            if not self._pages:
                continue
            try:
                await self._push(ticked)
            except Exception:
                # The pages show a little later what they could not show now.
                log.exception("what all pages show could not be computed", feed=type(self).__name__)
            await asyncio.sleep(self.PACE_S)

    async def _push(self, ticked: bool) -> None:
        made = {name: to_line(section) for name, section in (await self.sections()).items()}
        differing = {name: text for name, text in made.items() if self._sections.get(name) != text}
        self._sections = made
        changes, everything = self._encode(differing), b""
        for page in tuple(self._pages):
            if not page.begun:
                everything = everything or self._encode(made)
                page.begun = True
                page.offer(everything)
            elif differing or ticked:
                page.offer(changes)

    def _encode(self, sections: dict[str, str]) -> bytes:
        now = to_line(stamp(self._services.clock.now()))
        body = ",".join((f'"now":{now}', *(f'"{name}":{text}' for name, text in sections.items())))
        return encode("board", f"{{{body}}}")


def to_line(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
