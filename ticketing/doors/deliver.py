"""Sends what is queued: each ticket's messages in their order, again and ever later where it fails."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import CursorResult, delete, exists, or_, select, update
from sqlalchemy.orm import aliased

from core.bus import Bus
from core.clock import Clock
from core.database import Database
from core.events import Event
from ticketing.doors import signing
from ticketing.doors.hooks import Hooks, of_interest
from ticketing.doors.mail import LONGEST_S as LONGEST_MAIL_S
from ticketing.doors.mail import MAILTO
from ticketing.doors.outward import TOTAL_S, Answer
from ticketing.doors.tables import Delivery, Hook

log = structlog.get_logger(__name__)

#: After so many tries in vain a message is a dead letter; with the waits between them that is about four hours.
TRIES = 10
#: Seconds before the second try, growth from try to try, and the longest wait.
FIRST_S, GROWTH, LONGEST_S = 10.0, 3.0, 3600.0
#: Statuses after which no further try is made: gone for good; SMTP's of a mailbox that is none.
_GIVEN_UP = frozenset({410, 550, 551, 553})
#: Messages on their way at once, in all and to one receiver: a slow one takes the others' place no further than that.
AT_ONCE, AT_ONCE_EACH = 8, 2
#: A message that a process took and told nothing of is taken anew after this long; an email, which may take minutes,
#: later.
HELD, HELD_MAIL = timedelta(seconds=3 * TOTAL_S), timedelta(seconds=LONGEST_MAIL_S + TOTAL_S)
#: What was delivered is kept for so long.
KEPT = timedelta(days=30)
_TIDY = timedelta(hours=1)


class Post(Protocol):
    """What :class:`ticketing.doors.room.Outward` does."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer: ...


def wait(attempts: int, dice: float) -> timedelta:
    """How long until the next try after ``attempts`` in vain. Pure.

    ``dice`` (0..1) spreads those that failed together.
    """
    longest = min(FIRST_S * GROWTH ** (attempts - 1), LONGEST_S)
    return timedelta(seconds=longest * (0.5 + dice / 2))


class Deliverer:
    """One for each process; several may run on one database.

    A message is marked as held before it is sent and settled after the answer. A process that dies in between leaves
    it held, and it is sent once more when that has run out: a receiver may see a message twice, never not at all, and
    knows it by its id.
    """

    def __init__(
        self,
        database: Database,
        hooks: Hooks,
        sender: Post,
        clock: Clock,
        *,
        poll_s: float = 2.0,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._hooks = hooks
        self._sender = sender
        self._clock = clock
        self._poll_s = poll_s
        self._dice = dice
        self._wake = asyncio.Event()
        self._running: dict[asyncio.Task[None], str] = {}
        self._tidied: datetime | None = None

    def listen(self, bus: Bus) -> None:
        """Look at once when something happened."""
        bus.listen(self._heard)

    def _heard(self, event: Event) -> None:
        if of_interest(event):
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled; a pass that fails is logged and the next one tries again."""
        try:
            while True:
                try:
                    self._wake.clear()
                    await self.tick()
                except Exception:
                    log.exception("messages to other systems could not be looked after")
                    await asyncio.sleep(self._poll_s)
                try:
                    async with asyncio.timeout(self._poll_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            for task in self._running:
                task.cancel()

    async def tick(self) -> int:
        """One pass: queue what happened, begin to send what is due; how many were begun."""
        while await self._hooks.collect():
            pass
        await self._tidy()
        begun = 0
        for row, hook in await self._due():
            if await self._take(row.id, HELD_MAIL if hook.url == MAILTO else HELD):
                task = asyncio.create_task(self._send(row, hook), name=f"hook:{row.id}")
                self._running[task] = hook.id
                task.add_done_callback(self._ended)
                begun += 1
        return begun

    async def settle(self) -> None:
        """Wait for what is on its way."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
            await asyncio.sleep(0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a message to another system could not be settled", error=repr(error))

    async def _due(self) -> list[tuple[Delivery, Hook]]:
        """What may be sent now: of each ticket only the oldest that waits, so that its messages keep their order."""
        room = AT_ONCE - len(self._running)
        if room <= 0:
            return []
        now = self._clock.now()
        earlier = aliased(Delivery)
        query = (
            select(Delivery, Hook)
            .join(Hook, Hook.id == Delivery.hook_id)
            .where(
                Delivery.state == "waiting",
                Delivery.next_at <= now,
                or_(Delivery.held_until.is_(None), Delivery.held_until <= now),
                Hook.paused_at.is_(None),
                Hook.removed_at.is_(None),
                ~exists().where(
                    earlier.hook_id == Delivery.hook_id,
                    earlier.ticket_id == Delivery.ticket_id,
                    earlier.state == "waiting",
                    earlier.id < Delivery.id,
                ),
            )
            .order_by(Delivery.next_at, Delivery.id)
            .limit(AT_ONCE * 8)
        )
        async with self._database.read() as session:
            found = [(row[0], row[1]) for row in await session.execute(query)]
        busy = Counter(self._running.values())
        chosen: list[tuple[Delivery, Hook]] = []
        for row, hook in found:
            if busy[hook.id] < AT_ONCE_EACH and len(chosen) < room:
                busy[hook.id] += 1
                chosen.append((row, hook))
        return chosen

    async def _take(self, delivery_id: int, held: timedelta) -> bool:
        now = self._clock.now()
        async with self._database.work() as work:
            done = await work.session.execute(
                update(Delivery)
                .where(
                    Delivery.id == delivery_id,
                    Delivery.state == "waiting",
                    or_(Delivery.held_until.is_(None), Delivery.held_until <= now),
                )
                .values(held_until=now + held)
            )
        return isinstance(done, CursorResult) and done.rowcount == 1

    async def _send(self, row: Delivery, hook: Hook) -> None:
        now = self._clock.now()
        told = signing.headers(self._hooks.secrets(hook, now), row.message_id, now, row.body)
        answer = await self._sender.post(
            hook.url, {"Content-Type": "application/json; charset=utf-8", "User-Agent": "heyi", **told}, row.body
        )
        await self._conclude(row.id, answer)

    async def _conclude(self, delivery_id: int, answer: Answer) -> None:
        now = self._clock.now()
        async with self._database.work() as work:
            row = await work.session.get(Delivery, delivery_id)
            if row is None or row.state != "waiting":
                return
            row.attempts += 1
            row.status, row.error, row.held_until = answer.status, answer.error[:200], None
            if answer.ok:
                row.state, row.done_at = "done", now
            elif row.attempts >= TRIES or answer.status in _GIVEN_UP:
                row.state = "dead"
                log.warning(
                    "a message to another system is given up", number=row.number, topic=row.topic, why=row.error
                )
            else:
                row.next_at = now + wait(row.attempts, self._dice())

    async def _tidy(self) -> None:
        now = self._clock.now()
        if self._tidied is not None and now - self._tidied < _TIDY:
            return
        self._tidied = now
        async with self._database.work() as work:
            await work.session.execute(delete(Delivery).where(Delivery.state == "done", Delivery.done_at < now - KEPT))
