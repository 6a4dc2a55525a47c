"""The bridge: Asterisk's events into the ledger and onto the bus, without a gap.

Live facts come over AMI. After every login — the first, and each one after a lost connection — the truth is read anew:
calls from Asterisk's event file (from where everything before is settled), desks from ``QueueStatus``, and what is
still alive from ``CoreShowChannels``. Facts carry ids of their own, so reading them again adds nothing twice. A call
that the file no longer tells from its beginning is adopted from the ledger (:mod:`telephony.adopt`); afterwards the
ledger is proved and repaired (:mod:`telephony.keeper`).
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.clock import Clock
from core.database import Database, StoredEvent
from core.errors import AmiError, HeyiError
from core.events import Event
from core.settings import Settings
from telephony import adopt, ledger
from telephony.adopt import Channel, Joined
from telephony.agents import AgentTracker
from telephony.ami import Ami
from telephony.call import fact_id
from telephony.calls import CallTracker
from telephony.cel import CelEvent, from_message
from telephony.dialplan import ami_secret
from telephony.eventfiles import Place, place_of, read_on
from telephony.events import CallEnded, CallEvent, DeskJoined
from telephony.keeper import Keeper
from telephony.reconcile import Reconciler
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

    place: Place
    at: datetime


class Bridge:
    """One Asterisk's events, told to the house."""

    def __init__(self, settings: Settings, city: City, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._extensions = [d.extension for d in city.desks]
        self._rung: dict[str, str] = {}
        self.calls = CallTracker(self._extensions, self._rung)
        self.agents = AgentTracker(d for d in city.desks if d.in_queue)
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        #: Told of every key that a channel has received, at once: unique id and digit.
        self.on_key: Callable[[str, str], None] = lambda channel, digit: None
        self._marks: deque[_Mark] = deque(maxlen=1000)
        self._looking: asyncio.TimerHandle | None = None
        self._consumer: asyncio.Task[None] | None = None
        self._synced = asyncio.Event()
        self.keeper = Keeper(Reconciler(database, clock, self.event_file, self._extensions), clock)
        self.ami = Ami(
            host="127.0.0.1",
            port=settings.ami_port,
            user=settings.ami_user,
            secret=ami_secret(settings),
            on_event=self._came,
            on_up=lambda: self._messages.put_nowait(_RESYNC),
            on_down=self._synced.clear,
        )

    @property
    def event_file(self) -> Path:
        return self._settings.data / "asterisk" / "log" / "cel-custom" / "Master.csv"

    @property
    def in_step(self) -> bool:
        """Whether calls and desks are known as they are now."""
        return self._synced.is_set()

    async def start(self) -> None:
        """Connect and catch up with everything that happened. Raises :class:`AmiError` when Asterisk cannot be had."""
        await self.ami.start()
        self._consumer = asyncio.create_task(self._consume(), name="bridge")
        await asyncio.wait({asyncio.create_task(self._synced.wait()), self._consumer}, timeout=30,
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        if not self._synced.is_set():
            raise AmiError("Asterisk answers, but its calls and desks could not be read", hint="see the log above")

    async def close(self) -> None:
        await self.keeper.close()
        await self.ami.close()
        if self._looking is not None:
            self._looking.cancel()
        if self._consumer is not None:
            self._consumer.cancel()
            await asyncio.gather(self._consumer, return_exceptions=True)

    async def will_ring(self, call_id: str, number: str) -> None:
        """Remember whom the call ``call_id``, which is placed next, rings."""
        self._rung[call_id] = number
        async with self._database.work() as work:
            work.session.add(ledger.Rung(call_id=call_id, number=number))

    def _came(self, message: Message) -> None:
        self._messages.put_nowait(message)
        if message.get("Event") == "DTMFEnd" and message.get("Direction") == "Received":
            self.on_key(message.get("Uniqueid", ""), message.get("Digit", ""))

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
            except (HeyiError, SQLAlchemyError, OSError) as error:
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
        if kind in ("Hold", "Unhold"):
            return self._with_agents(self.calls.hold(message.get("Uniqueid", ""), kind == "Hold", self._clock.now()))
        if kind == "DTMFEnd" and message.get("Direction") == "Received":
            return [*self.calls.pressed(message.get("Uniqueid", ""), message.get("Digit", ""), self._clock.now())]
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
        members = await self.ami.query("QueueStatus", "QueueStatusComplete")
        channels = await self.ami.query("CoreShowChannels", "CoreShowChannelsComplete")
        # The file is written a moment before or after the same event is sent. Read once this moment has passed, it
        # holds the end of every call that was no longer in the list of channels.
        await asyncio.sleep(_MOMENT_S)
        now = self._clock.now()
        place = await self._settled()
        events = await asyncio.to_thread(lambda: list(read_on(self.event_file, place)))
        async with self._database.read() as session:
            self._rung |= await ledger.rung(session)
        self.calls = CallTracker(self._extensions, self._rung)
        self.agents.clear_calls()
        facts: list[Event] = await self._replay(events, [Channel.of(c, now) for c in channels])
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
        self.keeper.ask(place)

    async def _replay(self, events: list[CelEvent], living: list[Channel]) -> list[Event]:
        """Feed what was read; before it the calls that it does not begin, after it the living whom nobody told of."""
        async with self._database.read() as session:
            rows = adopt.untold(await ledger.open_calls(session), events, living)
            desks = await _joined(session, [row.id for row in rows])
        self._with_agents(adopt.restore(self.calls, rows, desks, events, living))
        facts: list[Event] = []
        for event in events:
            facts += self._with_agents(self.calls.feed(event))
        ended = {event.uniqueid for event in events if event.type == "HANGUP"}
        strangers = adopt.strangers(living, {*self.calls.calls, *ended})
        for channel in strangers:
            said = [await self._variable(channel, name) for name in ("HEYI_LINE", "QUEUE_PRIO", "HEYI_QUEUE")]
            if said[0]:
                facts += self._with_agents(adopt.introduce(self.calls, channel, *said))
        adopted = [*(row.id for row in rows), *(channel.uniqueid for channel in strangers)]
        facts += self._with_agents(adopt.attach(self.calls, adopted, living))
        if adopted:
            log.warning("calls that the event file does not begin", calls=", ".join(adopted))
        return facts

    async def _variable(self, channel: Channel, name: str) -> str:
        """A channel's variable; empty where it has none, or is gone."""
        try:
            return (await self.ami.action("Getvar", {"Channel": channel.name, "Variable": name})).get("Value", "")
        except AmiError:
            return ""

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

    async def _settled(self) -> Place | None:
        async with self._database.read() as session:
            row = await session.get(ledger.CelPosition, self._settings.node)
        return Place(row.inode, row.offset) if row is not None else None

    async def _checkpoints(self) -> None:
        """Every now and then: the newest mark before which no call is open becomes the place to read on from."""
        while True:
            await asyncio.sleep(_CHECKPOINT_S)
            place = place_of(self.event_file)
            if place is None or not self._synced.is_set() or not self._messages.empty():
                continue
            self._marks.append(_Mark(place, self._clock.now()))
            oldest = min((c.arrived_at for c in self.calls.calls.values()), default=self._clock.now())
            settled = None
            while self._marks and self._marks[0].at < oldest - timedelta(seconds=10):
                settled = self._marks.popleft()
            if settled is not None:
                with contextlib.suppress(SQLAlchemyError):
                    async with self._database.work() as work:
                        place = settled.place
                        await work.session.merge(
                            ledger.CelPosition(node=self._settings.node, inode=place.inode, offset=place.offset)
                        )


async def _joined(session: AsyncSession, calls: list[str]) -> list[Joined]:
    """Desks that entered these calls and whose channel the ledger does not know as ended."""
    ended = set(await session.scalars(select(ledger.LegRow.id).where(ledger.LegRow.call_id.in_(calls))))
    stored = await session.scalars(
        select(StoredEvent).where(StoredEvent.type == DeskJoined.__name__, StoredEvent.call_id.in_(calls))
    )
    bodies = [json.loads(event.body) for event in stored]
    return [
        Joined(body["call_id"], body["agent"], body["agent_channel"], datetime.fromisoformat(body["at"]))
        for body in bodies
        if body["agent_channel"] not in ended
    ]
