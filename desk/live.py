"""The live stream: server-sent events, one connection a page, resumable by the number of the last stored event.

One reader for all pages: it is woken by the bus, reads what was stored since, and hands each event to the pages that
may have it. Events are read back from the database because only there do they have their number, and because then a
page that resumes sees exactly what the others saw.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import func, select

from core.database import StoredEvent
from core.events import Event, to_json
from desk.access import masking
from desk.access.rights import Audience, audience_of_call, only, receives
from desk.access.users import User
from desk.services import DeskServices
from desk.sse import RETRY, Fanout, Page, encode
from ticketing.events import TicketLinked, TicketUnlinked
from ticketing.repository import TicketMissing, TicketRepository

log = structlog.get_logger(__name__)

#: Frames that may wait for one page. A page that is further behind is dropped, and resumes by itself.
QUEUE = 256
#: Partial transcripts that may wait for the reader; older ones are superseded anyway.
PARTIALS = 512
#: Events replayed at most; a page that was away longer loads its state afresh.
REPLAY = 2000
_OF_INCIDENTS = frozenset({TicketLinked.__name__, TicketUnlinked.__name__})


@dataclass(frozen=True)
class Frame:
    """One event, encoded once for all pages."""

    seq: int | None
    data: bytes
    #: The same for who sees no numbers.
    masked: bytes
    audience: Audience

    def for_user(self, user: User) -> bytes:
        return self.masked if masking.hides(user) else self.data


class _Page(Page):
    def __init__(self, user: User, joint: int) -> None:
        super().__init__(QUEUE)
        self.user, self._joint = user, joint

    def take(self, frame: Frame) -> None:
        """What this person may know and was not sent as a replay."""
        if receives(self.user, frame.audience) and (frame.seq is None or frame.seq > self._joint):
            self.offer(frame.for_user(self.user))


class Feed(Fanout[_Page]):
    """Reads new events once and fans them out."""

    def __init__(self, services: DeskServices) -> None:
        super().__init__(services)
        self._partials: deque[Event] = deque(maxlen=PARTIALS)
        self._seq = 0
        #: All stored events after number ``_kept_after``, encoded: a network that comes back brings all pages at once.
        self._kept: deque[Frame] = deque()
        self._kept_after = 0
        self._recalling = asyncio.Lock()

    async def latest(self) -> int:
        """Number of the newest stored event, 0 when there is none."""
        async with self._services.database.read() as session:
            return await session.scalar(select(func.max(StoredEvent.seq))) or 0

    async def start(self) -> None:
        self._seq = self._kept_after = await self.latest()
        await super().start()

    async def stream(self, user: User, after: int | None) -> AsyncIterator[bytes]:
        """Encoded events for ``user``: first the stored ones after number ``after``, then what happens."""
        joint = self._seq
        page = _Page(user, joint)
        self._pages.add(page)
        try:
            yield RETRY
            if after is None or after > joint:
                yield encode("hello", "{}", joint)
            elif joint - after > REPLAY:
                yield encode("reset", "{}", joint)
            else:
                frames = await self._since(after, joint)
                if missed := b"".join(f.for_user(user) for f in frames if receives(user, f.audience)):
                    yield missed
            async for said in page.frames():
                yield said
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
                frame = await self._stored(row)
                self._kept.append(frame)
                self._seq = row.seq
                for page in tuple(self._pages):
                    page.take(frame)
            # Not while earlier ones are put before them: nothing may be missing between.
            while len(self._kept) > REPLAY and not self._recalling.locked():
                self._kept_after = self._kept.popleft().seq or 0
        while self._partials:
            event = self._partials.popleft()
            if not self._pages:
                continue
            body = to_json(event)
            audience = await self._audience(event.type, event.call_id, json.loads(body))
            data = encode(event.type, body, None)
            for page in tuple(self._pages):
                page.take(Frame(None, data, data, audience))

    async def _since(self, after: int, until: int) -> list[Frame]:
        """The stored events after one number up to another, read once for all pages that ask."""
        async with self._recalling:
            if after < self._kept_after:
                rows = await self._services.database.events_after(after, self._kept_after - after)
                earlier = [await self._stored(row) for row in rows if row.seq <= self._kept_after]
                self._kept.extendleft(reversed(earlier))
                self._kept_after = after
        return [frame for frame in self._kept if after < (frame.seq or 0) <= until]

    async def _stored(self, row: StoredEvent) -> Frame:
        body = json.loads(row.body)
        audience = await self._audience(row.type, row.call_id, body)
        data, hidden = encode(row.type, row.body, row.seq), masking.event(body)
        masked = data if hidden is body else encode(row.type, json.dumps(hidden, ensure_ascii=False), row.seq)
        return Frame(row.seq, data, masked, audience)

    async def _audience(self, event_type: str, call_id: str | None, body: dict[str, Any]) -> Audience:
        if (audience := audience_of_call(event_type, body)) is not None:
            if audience.desks_of_call and call_id:
                return replace(audience, desks=audience.desks | await call_desks(self._services, call_id))
            return audience
        if ticket_id := body.get("ticket_id"):
            async with self._services.database.read() as session:
                try:
                    ticket = await TicketRepository(session).get(ticket_id)
                except TicketMissing:
                    return Audience()
            # The department that a ticket has just left must hear that it is gone.
            concerned = {ticket.department, *ticket.assist, body.get("department", "")} - {""}
            return Audience(
                # Who has called about an incident concerns every desk that has, or is about to have, one of its calls.
                all_desks=event_type in _OF_INCIDENTS,
                desks=frozenset({ticket.agent_extension} - {""}),
                departments=frozenset(concerned),
                arbiters=True,
            )
        return Audience()


async def call_desks(services: DeskServices, call_id: str) -> frozenset[str]:
    """Extensions of the desks where this call rings, is or was; empty where it reached nobody."""
    call = services.switchboard.live_call(call_id)
    if call is not None:
        return call.desks
    row = await services.ledger.call(call_id)
    return only(row.agent if row is not None else None)


async def desks_ever(services: DeskServices, call_id: str) -> frozenset[str]:
    """Those, and every desk that took part and has left: they may still hear and read what they were in."""
    return await call_desks(services, call_id) | await services.ledger.desks(call_id)
