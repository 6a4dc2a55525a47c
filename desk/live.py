"""The live stream: server-sent events, one connection a page, resumable by the number of the last stored event.

One reader for all pages: it is woken by the bus, reads what was stored since, and hands each event to the pages that
may have it. Events are read back from the database because only there do they have their number, and because then a
page that resumes sees exactly what the others saw.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import func, select
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.database import StoredEvent
from core.events import Event, to_json
from desk.rights import Audience, only, receives
from desk.services import DeskServices
from desk.users import User
from ticketing.repository import TicketMissing, TicketRepository

log = structlog.get_logger(__name__)

#: Frames that may wait for one page. A page that is further behind is dropped, and resumes by itself.
QUEUE = 256
#: Partial transcripts that may wait for the reader; older ones are superseded anyway.
PARTIALS = 512
#: Events replayed at most; a page that was away longer loads its state afresh.
REPLAY = 2000
HEARTBEAT_S = 15.0
#: A browser that takes nothing for so long is dropped.
STALL_S = 20.0

_QUEUE_FACTS = frozenset({"CallQueued", "CallRinging", "CallRingEnded", "CallAnswered", "CallEnded", "AgentChanged"})
_OF_THE_CALL = frozenset({"UtterancePartial", "UtteranceHeard", "TranscriptReady", "CallTriaged"})


@dataclass(frozen=True)
class Frame:
    """One event, encoded once for all pages."""

    seq: int | None
    data: bytes
    audience: Audience


def encode(event_type: str, body: str, seq: int | None) -> bytes:
    """Server-sent event as in the HTML standard, section 9.2.6; ``body`` is one line of JSON."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {event_type}\ndata: {body}\n\n".encode()


class _Page:
    """One open connection."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.queue: asyncio.Queue[Frame | None] = asyncio.Queue(QUEUE)
        self.over = False

    def offer(self, frame: Frame) -> None:
        if self.over or not receives(self.user, frame.audience):
            return
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """Let go of everything that waits; the browser asks again from the last event it has."""
        self.over = True
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Feed:
    """Reads new events once and fans them out."""

    def __init__(self, services: DeskServices) -> None:
        self._services = services
        self._pages: set[_Page] = set()
        self._partials: deque[Event] = deque(maxlen=PARTIALS)
        self._wake = asyncio.Event()
        self._seq = 0
        self._task: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] | None = None

    @property
    def pages(self) -> int:
        """Open connections."""
        return len(self._pages)

    async def latest(self) -> int:
        """Number of the newest stored event, 0 when there is none."""
        async with self._services.database.read() as session:
            return await session.scalar(select(func.max(StoredEvent.seq))) or 0

    async def start(self) -> None:
        self._seq = await self.latest()
        self._stop_listening = self._services.bus.listen(self._heard)
        self._task = asyncio.create_task(self._run(), name="desk:feed")

    async def close(self) -> None:
        """End every page's connection and stop reading."""
        if self._stop_listening:
            self._stop_listening()
        for page in tuple(self._pages):
            page.end()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def stream(self, user: User, after: int | None) -> AsyncIterator[bytes]:
        """Encoded events for ``user``: first the stored ones after number ``after``, then what happens."""
        page = _Page(user)
        joint = self._seq
        self._pages.add(page)
        try:
            yield b"retry: 1000\n\n"
            if after is None or after > joint:
                yield encode("hello", "{}", joint)
            elif joint - after > REPLAY:
                yield encode("reset", "{}", joint)
            else:
                async for frame in self._replay(after, joint):
                    if receives(user, frame.audience):
                        yield frame.data
            while not page.over:
                try:
                    waiting = await asyncio.wait_for(page.queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if waiting is None:
                    return
                if waiting.seq is None or waiting.seq > joint:
                    yield waiting.data
        finally:
            self._pages.discard(page)

    def _heard(self, event: Event) -> None:
        if event.transient:
            self._partials.append(event)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._hand_out()
            except Exception:
                # The pages go on with the next event; what was not handed out is read again then.
                log.exception("live events could not be read")
                await asyncio.sleep(0.5)
                self._wake.set()

    async def _hand_out(self) -> None:
        while rows := await self._services.database.events_after(self._seq, 200):
            for row in rows:
                if self._pages:
                    frame = await self._stored(row)
                    for page in tuple(self._pages):
                        page.offer(frame)
                self._seq = row.seq
        while self._partials:
            event = self._partials.popleft()
            if not self._pages:
                continue
            body = to_json(event)
            audience = await self._audience(event.type, event.call_id, json.loads(body))
            data = encode(event.type, body, None)
            for page in tuple(self._pages):
                page.offer(Frame(None, data, audience))

    async def _replay(self, after: int, until: int) -> AsyncIterator[Frame]:
        while after < until:
            rows = await self._services.database.events_after(after, 200)
            if not rows:
                return
            for row in rows:
                if row.seq > until:
                    return
                yield await self._stored(row)
                after = row.seq

    async def _stored(self, row: StoredEvent) -> Frame:
        audience = await self._audience(row.type, row.call_id, json.loads(row.body))
        return Frame(row.seq, encode(row.type, row.body, row.seq), audience)

    async def _audience(self, event_type: str, call_id: str | None, body: dict[str, Any]) -> Audience:
        if event_type in _QUEUE_FACTS:
            return Audience(all_desks=True)
        if event_type in _OF_THE_CALL and call_id:
            return Audience(desks=await call_desks(self._services, call_id))
        if ticket_id := body.get("ticket_id"):
            async with self._services.database.read() as session:
                try:
                    ticket = await TicketRepository(session).get(ticket_id)
                except TicketMissing:
                    return Audience()
            # The department that a ticket has just left must hear that it is gone.
            concerned = {ticket.department, *ticket.assist, body.get("department", "")} - {""}
            return Audience(desks=frozenset({ticket.agent_extension} - {""}), departments=frozenset(concerned))
        return Audience()


async def call_desks(services: DeskServices, call_id: str) -> frozenset[str]:
    """Extensions of the desks where this call rings, is or was; empty where it reached nobody."""
    for call in services.switchboard.calls():
        if call.call_id == call_id:
            return call.desks
    row = await services.ledger.call(call_id)
    return only(row.agent if row is not None else None)


class EventStream(Response):
    """Sends a live stream until the browser leaves, stalls, or the stream ends."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tasks = [asyncio.create_task(self._say(send)), asyncio.create_task(_gone(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
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
