"""The house: every room built, joined to the others, started in order, ended in the opposite order."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import time, timedelta
from functools import partial

import structlog
from rich.console import Console

from asr import models
from asr.decode.pool import Pool
from asr.live.ears import Ears
from asr.live.strain import StrainWatch
from asr.metrics import samples as asr_samples
from asr.record import lexicon
from asr.record.after import AfterCall
from asr.record.transcripts import of_call
from core.bus import Bus
from core.city import City
from core.clock import SystemClock
from core.database import Database
from core.metrics import Sample
from core.settings import Settings
from desk.access.signedin import login_at
from desk.access.users import Users
from desk.app import create_app
from desk.config.ports import Restart
from desk.quality.people import reviewers
from desk.server import DeskServer, bundle_ready
from desk.services import DeskServices
from heyi import voicing
from heyi.configuring import AsteriskConfig, own_rules
from heyi.errors import BundleMissing
from heyi.messages import writer
from heyi.readers import Transcripts, Verdicts, answered_without_ticket, ended_without_record
from heyi.speech import words_of
from heyi.texts import WebhookTexts
from ivr.journal import Journal
from quality.checks.fitting import prepared
from quality.listener import CheckListener
from quality.sampling.watch import DrawWatch
from switchboard.board import Switchboard
from switchboard.figures.worktime import WorkTimes
from switchboard.health import Health
from telephony.bridge import Bridge
from telephony.dialplan import sip_secret
from telephony.events import CallArrived, CallEnded, CallUrged
from telephony.install import check_space
from telephony.ledger import QUEUED_DIRECTIONS, CallRow, LedgerReader
from telephony.media import MediaServer
from telephony.recordings.retention import Retention
from telephony.recordings.sealer import Sealer
from ticketing.analysis.watch import AnalysisWatch
from ticketing.assign.watch import LevelWatch
from ticketing.callbacks.plan import CallbackPolicy
from ticketing.callbacks.robot import CallbackRunner
from ticketing.callbacks.rules import policy_of
from ticketing.callbacks.texts import Texts
from ticketing.clocks.watch import ClockWatch
from ticketing.doors.deliver import Deliverer
from ticketing.index import catch_up
from ticketing.knowledge.service import Knowledge
from ticketing.labelling import Labelling
from ticketing.likely import IncidentListener
from ticketing.listener import TicketListener
from ticketing.selfservice.messages import MessageTexts
from ticketing.service import Tickets
from triage.incidents.rarity import seed_rarity
from triage.judge import Judge, Turn
from triage.learn.shelf import ensure_model
from triage.listener import TriageListener
from triage.loop.models import Models
from triage.loop.switch import ModelSwitch
from triage.verdict import CallTriaged, Verdict

log = structlog.get_logger(__name__)


class House:
    """All roles of heyi in one process, over one database and one Asterisk."""

    def __init__(
        self, settings: Settings, city: City, restart: Restart | None = None, left_out: Collection[str] = ()
    ) -> None:
        """``left_out``: names of the changed files that ``city`` was read without."""
        self._settings = settings
        self._city = city
        self._restart = restart
        self._left_out = left_out
        self._stack = AsyncExitStack()
        #: Calls that go before others at recognition.
        self._urgent: set[str] = set()

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
        await database.upgrade(lambda what: log.info(what))
        if found := await catch_up(database):
            log.info("tickets entered in the search", tickets=found)
        await database.look_over()
        if settings.demo_people:
            await Users(database).seed_people(city)

        await lexicon.export(database, settings.data)
        pool = Pool(city.profile.asr_engine, model, settings.asr_workers, words=words_of(settings, city))
        ending.push_async_callback(pool.close)
        # Its processes read their models while everything else opens; what is heard before waits for them.
        pool.begin()
        ears = Ears(bus, database, clock, pool, self._urgent.__contains__)
        ending.push_async_callback(ears.close)
        await ears.start()
        strain = StrainWatch(bus, clock, ears.lag, lambda: pool.state().shed)
        ending.push_async_callback(strain.close)
        strain.start()
        self._after = AfterCall(database, clock, pool)
        ending.push_async_callback(self._after.close)
        await self._after.start()
        media = MediaServer(settings.media_port, ears)
        ending.push_async_callback(media.close)
        await media.start()

        sealer = Sealer(
            database, bus, clock, settings.recordings,
            keep_days=settings.recording_days, spare=settings.min_free_mb << 20,
        )  # fmt: skip
        ending.push_async_callback(sealer.close)
        sealer.start()
        retention = Retention(database, clock, settings.recordings)
        ending.push_async_callback(retention.close)
        retention.start()

        ledger = self._ledger = LedgerReader(database)
        transcripts, verdicts = Transcripts(database), Verdicts(database)
        tickets = Tickets(database, city, clock, callback_policy(settings, city))
        await Knowledge(database, city, clock, tickets).seed()
        bus.subscribe(self._mark_urgent, CallArrived)
        learned = await asyncio.to_thread(ensure_model, settings, city, Console(stderr=True))
        rules, categories, questions = own_rules(settings)
        judge = Judge(city, rules, categories, model=learned)
        await Models(database, settings, clock).begin(learned, judge.rules.version)
        listener = TriageListener(bus, database, city, clock, of_call, judge)
        self._judge = judge

        def use(promoted: Judge) -> None:
            self._judge = promoted
            listener.use(promoted)

        ModelSwitch(bus, city, settings, judge, use)
        labelling = Labelling(bus, database, clock)
        await labelling.catch_up(clock.now() - timedelta(days=7))
        IncidentListener(bus, database, clock, transcripts.caller_live, judge.gazetteer.find)
        checks = CheckListener(bus, database, city, clock, partial(prepared, settings, city))
        drafts = TicketListener(bus, tickets, ledger.facts, verdicts.latest, transcripts.caller_live)

        bridge = Bridge(settings, city, database, clock)
        self._switchboard = Switchboard(settings, city, bridge, database, bus, clock, media.expect, fed=media.feeds)
        at_desk = partial(login_at, database, lifetime=timedelta(hours=settings.session_hours))
        callbacks = CallbackRunner(database, tickets, self._switchboard.dialling, clock, login_at=at_desk)
        callbacks.listen(bus)
        bus.subscribe(self._raise, CallTriaged)
        bus.subscribe(self._urged, CallUrged)
        bus.subscribe(self._ended, CallEnded)
        ending.push_async_callback(bridge.close)
        await bridge.start()
        for call in bridge.calls.calls.values():  # calls that were up before we were
            self._mark(call.id, call.line)
        ending.push_async_callback(self._switchboard.close)
        await self._switchboard.start()
        # Before the bridge there is nothing to hear; what it stored meanwhile is read from the events.
        await WorkTimes(database, bus, at_desk).start()
        health = Health(settings, city, database, clock)
        ending.push_async_callback(health.close)
        health.start()
        for call_id, line, caller, agent in await answered_without_ticket(database, clock.now() - timedelta(days=7)):
            # heyi was killed between an answer and its draft
            await drafts.answered(call_id, line, caller, agent)
        for row in await ended_without_record(database, clock.now() - timedelta(days=7)):
            await self._transcribe(row)
        calling_back = asyncio.create_task(callbacks.run(), name="callbacks")
        ending.callback(calling_back.cancel)
        gateway = WebhookTexts(settings.sms_url, settings.sms_secret, clock.now) if settings.sms_url else None
        if gateway is not None:
            ending.push_async_callback(gateway.close)
        texts = Texts(database, tickets, clock, gateway, f"{settings.public_url}/r/" if settings.public_url else "")
        texting = asyncio.create_task(texts.run(), name="text callbacks")
        ending.callback(texting.cancel)
        watching = asyncio.create_task(ClockWatch(database, city, clock).run(), name="clocks")
        ending.callback(watching.cancel)

        journals: list[Journal] = []

        async def metrics() -> Sequence[Sample]:
            waiting = await self._after.backlog()
            heard = asr_samples(pool.state(), open_finals=ears.backlog(), lag_s=ears.lag(), recordings=waiting)
            return [*heard, *(sample for journal in journals for sample in journal.samples())]

        services = DeskServices(
            settings=settings, city=city, database=database, bus=bus, clock=clock, switchboard=self._switchboard,
            ledger=ledger, transcripts=transcripts, verdicts=verdicts, tickets=tickets,
            sip_secret=sip_secret(settings), metrics=metrics, find_places=judge.gazetteer.find,
            judged=self._judged, questions=questions, exchange=AsteriskConfig(settings),
            restart=self._restart,
        )  # fmt: skip
        if settings.voice and city.ivr:
            journal = await voicing.begin(
                settings, city, database, bus, clock, bridge, self._switchboard, tickets, services.assignments,
                self._judged, judge.gazetteer.find, self._urgent_by_voice, ending, {},
            )  # fmt: skip
            journals.append(journal)
        messages = MessageTexts(
            database, tickets, clock, settings.recordings, writer(pool), keep_days=settings.recording_days
        )  # fmt: skip
        writing = asyncio.create_task(messages.run(), name="voice messages")
        ending.callback(writing.cancel)
        levels = LevelWatch(database, services.assignments, clock)
        sending_up = asyncio.create_task(levels.run(), name="levels")
        ending.callback(sending_up.cancel)
        looking = asyncio.create_task(AnalysisWatch(services.analysis).run(), name="analysis")
        ending.callback(looking.cancel)
        checking = asyncio.create_task(checks.catch_up(), name="quality checks")
        ending.callback(checking.cancel)
        draws = DrawWatch(database, clock, services.reviews, city.quality, partial(reviewers, database))
        drawing = asyncio.create_task(draws.run(), name="quality draws")
        ending.callback(drawing.cancel)
        sender = services.doors.sender()
        ending.push_async_callback(sender.close)
        deliverer = Deliverer(database, services.doors.hooks, sender, clock)
        deliverer.listen(bus)
        delivering = asyncio.create_task(deliverer.run(), name="hooks")
        ending.callback(delivering.cancel)
        desk = DeskServer(create_app(services), settings.host, settings.desk_port)
        ending.push_async_callback(desk.stop)
        await desk.start()
        await pool.ready()
        await services.configuration.note_started(self._left_out)
        counting = asyncio.create_task(asyncio.to_thread(seed_rarity), name="rarity")
        ending.callback(counting.cancel)
        log.info("heyi is open", city=city.profile.name, desk=f"http://{settings.host}:{desk.port}/")

    def _judged(self, line: str, turns: Sequence[Turn], caller: str) -> Verdict:
        return self._judge.judge(line, turns, caller)

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
            await self._switchboard.standings.raised(event.call_id)

    async def _urged(self, event: CallUrged) -> None:
        await self._urgent_by_voice(event.call_id or "")

    async def _urgent_by_voice(self, call_id: str) -> None:
        self._urgent.add(call_id)
        await self._switchboard.standings.raised(call_id)

    async def _ended(self, event: CallEnded) -> None:
        self._urgent.discard(event.call_id or "")
        row = await self._ledger.call(event.call_id or "")
        if row is not None and row.direction in QUEUED_DIRECTIONS and row.answered_at is not None:
            await self._transcribe(row)

    async def _transcribe(self, row: CallRow) -> None:
        caller, agent = (self._settings.recordings / f"{row.id}-{leg}.wav" for leg in ("caller", "agent"))
        # The recording begins with the call; the last moments before the answer may hold a first word.
        await self._after.submit(row.id, caller, agent, agent_from_s=max((row.waited_s or 0.0) - 0.3, 0.0))


def callback_policy(settings: Settings, city: City) -> CallbackPolicy:
    """The city's plan of callbacks; times that the site itself has set stand above it."""
    made, own = policy_of(city), settings.model_fields_set
    if "callback_first_s" in own:
        # Also for what a rule puts off: the demonstration waits for nobody.
        rules = tuple(rule.model_copy(update={"after_minutes": None}) for rule in made.rules)
        made = replace(made, first_delay=timedelta(seconds=settings.callback_first_s), rules=rules)
    if "callback_quiet" in own:
        quiet = [time.fromisoformat(t) for t in settings.callback_quiet.split("-")] if settings.callback_quiet else None
        quiet_from, quiet_to = quiet or (time(0), time(0))
        made = replace(made, quiet_from=quiet_from, quiet_to=quiet_to, office=made.office if quiet else None)
    if settings.demo_people:
        # Nobody sits at the demonstration to call back.
        return replace(made, channels=frozenset({"robot"}))
    return replace(made, channels=made.channels | {"sms"}) if settings.sms_url and settings.sms_secret else made
