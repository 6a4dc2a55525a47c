"""The house: every room built, joined to the others, started in order, ended in the opposite order."""

import asyncio
from contextlib import AsyncExitStack
from datetime import time, timedelta

import structlog

from asr import models
from asr.after import AfterCall
from asr.ears import Ears
from asr.pool import Pool
from asr.transcripts import of_call
from core.bus import Bus
from core.city import City
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from desk.services import DeskServices
from desk.users import Users
from heyi.errors import BundleMissing
from heyi.readers import Transcripts, Verdicts, answered_without_ticket, ended_without_record
from telephony.bridge import Bridge
from telephony.dialplan import sip_secret
from telephony.events import CallArrived, CallEnded
from telephony.install import check_space
from telephony.ledger import CallRow, LedgerReader
from telephony.media import MediaServer
from telephony.switchboard import Switchboard
from ticketing.callback import CallbackPolicy
from ticketing.callbacks import CallbackRunner
from ticketing.listener import TicketListener
from ticketing.service import Tickets
from triage.listener import TriageListener
from triage.verdict import CallTriaged

log = structlog.get_logger(__name__)


class House:
    """All roles of heyi in one process, over one database and one Asterisk."""

    def __init__(self, settings: Settings, city: City) -> None:
        self._settings = settings
        self._city = city
        self._stack = AsyncExitStack()
        #: Calls that go before others at recognition.
        self._urgent: set[str] = set()
        self._top = max(line.priority for line in city.lines)

    async def start(self) -> None:
        """Open: the ears before the doors. Raises :class:`HeyiError` with one clear line, everything ended again."""
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        settings, city, clock, ending = self._settings, self._city, SystemClock(), self._stack
        check_space(settings)
        if not bundle_ready():
            raise BundleMissing
        model = models.require(city.profile.asr_model, settings.cache)
        bus = Bus()
        database = Database(settings.db_url, bus)
        ending.push_async_callback(database.close)
        ending.push_async_callback(bus.close)
        await database.create_all()
        if settings.demo_people:
            await Users(database).seed_people(city)

        pool = Pool(city.profile.asr_engine, model, settings.asr_workers)
        ending.push_async_callback(pool.close)
        await pool.start()
        ears = Ears(bus, database, clock, pool, self._urgent.__contains__)
        ending.push_async_callback(ears.close)
        await ears.start()
        self._after = AfterCall(database, clock, pool)
        ending.push_async_callback(self._after.close)
        await self._after.start()
        media = MediaServer(settings.media_port, ears)
        ending.push_async_callback(media.close)
        await media.start()

        ledger = self._ledger = LedgerReader(database)
        transcripts, verdicts = Transcripts(database), Verdicts(database)
        tickets = Tickets(database, city, clock, callback_policy(settings, city))
        bus.subscribe(self._mark_urgent, CallArrived)
        TriageListener(bus, database, city, clock, of_call)
        drafts = TicketListener(bus, tickets, ledger.facts, verdicts.latest, transcripts.caller_live)

        bridge = Bridge(settings, city, database, clock)
        self._switchboard = Switchboard(settings, bridge, bus, clock)
        callbacks = CallbackRunner(database, tickets, self._switchboard, clock)
        callbacks.listen(bus)
        bus.subscribe(self._raise, CallTriaged)
        bus.subscribe(self._ended, CallEnded)
        ending.push_async_callback(bridge.close)
        await bridge.start()
        for call in bridge.calls.calls.values():  # calls that were up before we were
            self._mark(call.id, call.line)
        ending.push_async_callback(self._switchboard.close)
        self._switchboard.start()
        for call_id, line, caller, agent in await answered_without_ticket(database, clock.now() - timedelta(days=7)):
            # heyi was killed between an answer and its draft
            await drafts.answered(call_id, line, caller, agent)
        for row in await ended_without_record(database, clock.now() - timedelta(days=7)):
            await self._transcribe(row)
        calling_back = asyncio.create_task(callbacks.run(), name="callbacks")
        ending.callback(calling_back.cancel)

        services = DeskServices(
            settings=settings, city=city, database=database, bus=bus, clock=clock, switchboard=self._switchboard,
            ledger=ledger, transcripts=transcripts, verdicts=verdicts, tickets=tickets,
            sip_secret=sip_secret(settings),
        )  # fmt: skip
        desk = DeskServer(create_app(services), settings.host, settings.desk_port)
        ending.push_async_callback(desk.stop)
        await desk.start()
        log.info("heyi is open", city=city.profile.name, desk=f"http://{settings.host}:{desk.port}/")

    async def _mark_urgent(self, event: CallArrived) -> None:
        self._mark(event.call_id or "", event.line)

    def _mark(self, call_id: str, number: str) -> None:
        line = self._city.line(number)
        if line is not None and line.kind == "emergency":
            self._urgent.add(call_id)

    async def _raise(self, event: CallTriaged) -> None:
        """What a waiting caller says can move the call to the front."""
        if event.raised and event.call_id:
            self._urgent.add(event.call_id)
            await self._switchboard.raise_priority(event.call_id, self._top)

    async def _ended(self, event: CallEnded) -> None:
        self._urgent.discard(event.call_id or "")
        row = await self._ledger.call(event.call_id or "")
        if row is not None and row.direction == "in" and row.answered_at is not None:
            await self._transcribe(row)

    async def _transcribe(self, row: CallRow) -> None:
        caller, agent = (self._settings.recordings / f"{row.id}-{leg}.wav" for leg in ("caller", "agent"))
        # The recording begins with the call; the last moments before the answer may hold a first word.
        await self._after.submit(row.id, caller, agent, agent_from_s=max((row.waited_s or 0.0) - 0.3, 0.0))


def callback_policy(settings: Settings, city: City) -> CallbackPolicy:
    """The site's plan of callbacks."""
    first = timedelta(seconds=settings.callback_first_s)
    if not settings.callback_quiet:
        return CallbackPolicy(first_delay=first, quiet_from=time(0), quiet_to=time(0), timezone=city.profile.timezone)
    quiet_from, quiet_to = (time.fromisoformat(t) for t in settings.callback_quiet.split("-"))
    return CallbackPolicy(first_delay=first, quiet_from=quiet_from, quiet_to=quiet_to, timezone=city.profile.timezone)
