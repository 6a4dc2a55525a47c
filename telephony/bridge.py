"""The bridge: Asterisk's events into the ledger and onto the bus, without a gap.

Live facts come over AMI. After every login — the first, and each one after a lost connection — the truth is read anew:
calls from Asterisk's event file (from where everything before is settled), desks from ``QueueStatus``, and what is
still alive from ``CoreShowChannels``. Facts carry ids of their own, so reading them again adds nothing twice.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.city import City
from core.clock import Clock
from core.database import Database
from core.errors import AmiError
from core.events import Event
from core.settings import Settings
from telephony import ledger
from telephony.agents import AgentTracker
from telephony.ami import Ami
from telephony.calls import CallTracker, fact_id
from telephony.cel import CelEvent, from_message, read_file
from telephony.dialplan import ami_secret
from telephony.events import CallEnded, CallEvent
from telephony.wire import Message

log = structlog.get_logger(__name__)

#: Longest batch of facts in one transaction.
_BATCH = 500
_CHECKPOINT_S = 30
_MOMENT_S = 0.3
#: Damaged events are waited for this long, then the file is read once for all of them.
_AGAIN_S = 1.0
_RESYNC = Message(Event="heyi-resync")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place in the event file and the time at which it was the end."""

    inode: int
    offset: int
    at: datetime


class Bridge:
    """One Asterisk's events, told to the house."""

    def __init__(self, settings: Settings, city: City, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._extensions = [d.extension for d in city.desks]
        self.calls = CallTracker(self._extensions)
        self.agents = AgentTracker(d for d in city.desks if d.in_queue)
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._marks: deque[_Mark] = deque(maxlen=1000)
        self._looking: asyncio.TimerHandle | None = None
        self._consumer: asyncio.Task[None] | None = None
        self._synced = asyncio.Event()
        self.ami = Ami(
            host="127.0.0.1",
            port=settings.ami_port,
            user=settings.ami_user,
            secret=ami_secret(settings),
            on_event=self._messages.put_nowait,
            on_up=lambda: self._messages.put_nowait(_RESYNC),
            on_down=self._synced.clear,
        )

    @property
    def event_file(self) -> Path:
        return self._settings.data / "asterisk" / "log" / "cel-custom" / "Master.csv"

    async def start(self) -> None:
        """Connect and catch up with everything that happened. Raises :class:`AmiError` when Asterisk cannot be had."""
        await self.ami.start()
        self._consumer = asyncio.create_task(self._consume(), name="bridge")
        await asyncio.wait({asyncio.create_task(self._synced.wait()), self._consumer}, timeout=30,
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        if not self._synced.is_set():
            raise AmiError("Asterisk answers, but its calls and desks could not be read", hint="see the log above")

    async def close(self) -> None:
        await self.ami.close()
        if self._looking is not None:
            self._looking.cancel()
        if self._consumer is not None:
            self._consumer.cancel()
            await asyncio.gather(self._consumer, return_exceptions=True)

    async def _consume(self) -> None:
        checkpoint = asyncio.create_task(self._checkpoints(), name="bridge checkpoints")
        try:
            while True:
                batch = [await self._messages.get()]
                while len(batch) < _BATCH and not self._messages.empty():
                    batch.append(self._messages.get_nowait())
                await self._take(batch)
        finally:
            checkpoint.cancel()

    async def _take(self, batch: list[Message]) -> None:
        facts: list[Event] = []
        for message in batch:
            if message is _RESYNC:
                await self._store(facts)
                facts = []
                await self._step_in()
                continue
            try:
                facts += self._facts(message)
            except Exception:
                # One odd message must not end the bridge.
                log.exception("a message of Asterisk's was not understood", kind=message.get("Event", ""))
        await self._store(facts)

    async def _step_in(self) -> None:
        """Read the truth anew until that succeeds, or the connection is lost: the next login asks for it again."""
        pause = 0.5
        while self.ami.up:
            try:
                await self._resync()
                return
            except (AmiError, SQLAlchemyError, OSError) as error:
                log.error("not in step with Asterisk yet, trying again", error=str(error)[:200])
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)

    def _facts(self, message: Message) -> list[Event]:
        kind = message.get("Event", "")
        if kind == "CEL":
            event = from_message(message)
            if event is not None:
                return self._with_agents(self.calls.feed(event))
            # Cut in pieces by what a caller put into the number: the file has it whole.
            self._look_again()
            return []
        if kind in ("QueueMemberStatus", "QueueMemberPause"):
            return [*self.agents.member(message, self._clock.now())]
        return []

    def _look_again(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_AGAIN_S, self._look)

    def _look(self) -> None:
        self._looking = None
        self._messages.put_nowait(_RESYNC)

    def _with_agents(self, facts: list[CallEvent]) -> list[Event]:
        told: list[Event] = []
        for fact in facts:
            told.append(fact)
            told += self.agents.call(fact)
        return told

    async def _store(self, facts: list[Event]) -> None:
        """Write the facts, however long that takes: a full disk or a locked database loses none of them."""
        pause = 0.1
        while facts:
            try:
                async with self._database.work() as work:
                    fresh = await ledger.unknown(work.session, facts)
                    await ledger.write(work.session, fresh)
                    work.record(*fresh)
                return
            except (SQLAlchemyError, OSError) as error:
                log.error("the ledger cannot be written, trying again", error=str(error)[:200], facts=len(facts))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5)

    async def _resync(self) -> None:
        asked = self._clock.now()
        members = await self.ami.query("QueueStatus", "QueueStatusComplete", {"Queue": "hotline"})
        channels = await self.ami.query("CoreShowChannels", "CoreShowChannelsComplete")
        # The file is written a moment before or after the same event is sent. Read once this moment has passed, it
        # holds the end of every call that was no longer in the list of channels.
        await asyncio.sleep(_MOMENT_S)
        now = self._clock.now()
        self.calls = CallTracker(self._extensions)
        self.agents.clear_calls()
        facts: list[Event] = []
        for event in await asyncio.to_thread(self._read_events, await self._position()):
            facts += self._with_agents(self.calls.feed(event))
        facts += self._with_agents(self.calls.lost({c.get("Uniqueid", "") for c in channels}, asked, now))
        # States are what is true now; what was passed through while reading was told in its time.
        facts = [f for f in facts if isinstance(f, CallEvent)]
        facts += await self._lost_in_ledger(channels, now)
        for member in members:
            self.agents.member(member, now)
        for agent in self.agents.agents.values():
            agent.since = None
        facts += self.agents.settle_all(now)
        await self._store(facts)
        self._synced.set()
        log.info("in step with Asterisk", calls=len(self.calls.calls), facts=len(facts))

    async def _lost_in_ledger(self, channels: list[Message], now: datetime) -> list[Event]:
        """Ends for calls that the ledger holds open although neither Asterisk nor its file knows them any more."""
        living = {c.get("Uniqueid", "") for c in channels} | set(self.calls.calls)
        async with self._database.read() as session:
            rows = await ledger.open_calls(session)
        return [
            CallEnded(
                id=fact_id(row.id, "ended"), at=now, call_id=row.id, outcome="answered" if row.answered_at else "lost",
                cause=0, by="system", talked_s=0.0, recording=f"{row.id}.wav",
            )
            for row in rows
            if row.id not in living and not self.calls.is_over(row.id)
        ]  # fmt: skip

    # -- how far the event file is settled

    def _read_events(self, offset: int) -> list[CelEvent]:
        return list(read_file(self.event_file, offset))

    async def _position(self) -> int:
        async with self._database.read() as session:
            row = await session.get(ledger.CelPosition, self._settings.node)
        stat = self._stat()
        # Another inode or a shorter file is a new file: read it from its start.
        return (
            row.offset if row is not None and stat is not None and row.inode == stat[0] and row.offset <= stat[1] else 0
        )

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = self.event_file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size

    async def _checkpoints(self) -> None:
        """Every now and then: the newest mark before which no call is open becomes the place to read on from."""
        while True:
            await asyncio.sleep(_CHECKPOINT_S)
            stat = self._stat()
            if stat is None or not self._synced.is_set() or not self._messages.empty():
                continue
            self._marks.append(_Mark(*stat, self._clock.now()))
            oldest = min((c.arrived_at for c in self.calls.calls.values()), default=self._clock.now())
            settled = None
            while self._marks and self._marks[0].at < oldest - timedelta(seconds=10):
                settled = self._marks.popleft()
            if settled is not None:
                with contextlib.suppress(SQLAlchemyError):
                    async with self._database.work() as work:
                        await work.session.merge(
                            ledger.CelPosition(node=self._settings.node, inode=settled.inode, offset=settled.offset)
                        )
