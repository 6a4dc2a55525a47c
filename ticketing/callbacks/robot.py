"""Calls people back: takes the attempts that are due, has them dialled, and draws the consequence of each result."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from core.bus import Bus
from core.clock import Clock
from core.database import Database
from telephony.events import CallAnswered, CallEnded, CallEvent, CallQueued, KeyPressed
from ticketing.assign.follow import changing
from ticketing.callbacks.outcome import settle
from ticketing.callbacks.people import being_called
from ticketing.dialler import Dialler, is_callback
from ticketing.events import CallbackOutcome
from ticketing.repository import TicketRepository
from ticketing.schedule import callback_number
from ticketing.service import Tickets
from ticketing.tables import Callback

log = structlog.get_logger(__name__)

_KEYS: dict[str, CallbackOutcome] = {"1": "satisfied", "2": "unsatisfied"}
#: How ``CallEnded.outcome`` counts where no answer came; anything else is ``failed``. Abandoned: asked for a person,
#: and left before one answered.
_ENDINGS: dict[str, CallbackOutcome] = {"answered": "no_key", "unanswered": "no_answer", "abandoned": "no_key"}
#: Login of whoever sits at a desk at some time; empty where nobody knows.
LoginAt = Callable[[str, datetime], Awaitable[str]]


async def _nobody(desk: str, at: datetime) -> str:
    return ""


class CallbackRunner:
    """One for each database. An attempt is marked as placed before it is dialled: a crash never dials it twice.

    ``result_s``: seconds after which a placed attempt without a result counts as failed (the process was down when
    the result came); longer than the longest callback. ``at_once``: callbacks that run at the same time. ``login_at``:
    who answers somebody that asked the robot for a person.
    """

    def __init__(
        self,
        database: Database,
        tickets: Tickets,
        dialler: Dialler,
        clock: Clock,
        *,
        poll_s: float = 1.0,
        result_s: float = 300.0,
        at_once: int = 6,
        login_at: LoginAt = _nobody,
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._dialler = dialler
        self._clock = clock
        self._poll_s = poll_s
        self._patience = timedelta(seconds=result_s)
        self._at_once = at_once
        self._login_at = login_at

    def listen(self, bus: Bus) -> None:
        """Take results from telephony's events."""
        bus.subscribe(self.handle, KeyPressed, CallQueued, CallAnswered, CallEnded)

    async def run(self) -> None:
        """Look for due attempts until cancelled; a pass that fails is logged and the next one tries again."""
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("callback pass failed")
            await asyncio.sleep(self._poll_s)

    async def tick(self) -> int:
        """One pass; returns how many calls were dialled."""
        now = self._clock.now()
        async with self._database.read() as session:
            repository = TicketRepository(session)
            running = list(await repository.callbacks_running())
            due = await repository.callbacks_due(now)
        live = []
        for row in running:
            if row.placed_at is not None and now - row.placed_at > self._patience:
                await self._settle(row.call_id, "failed", "")
            else:
                live.append(row.number)
        # Due before the service was down, or before the policy changed: quiet hours hold at the moment of dialling.
        if self._tickets.policy.quiet(now):
            return 0
        dialled = 0
        for row in due:
            if len(live) >= self._at_once:
                break
            dialled += await self._dial(row, live)
        return dialled

    async def handle(self, event: CallEvent) -> None:
        """The result of one of our calls. Keys come before the end of a call; repeated events change nothing."""
        if event.call_id is None or not is_callback(event.call_id):
            return
        if isinstance(event, KeyPressed):
            # Without a valid key the end of the call decides.
            if event.question == "satisfaction" and (outcome := _KEYS.get(event.digit)):
                await self._settle(event.call_id, outcome, event.digit)
        elif isinstance(event, CallQueued):
            await self._to_a_person(event.call_id, "")
        elif isinstance(event, CallAnswered):
            await self._to_a_person(event.call_id, await self._login_at(event.agent, event.at))
        elif isinstance(event, CallEnded):
            await self._ended(event.call_id, _ENDINGS.get(event.outcome, "failed"))

    async def _to_a_person(self, call_id: str, login: str) -> None:
        """Whoever was rung asks for a person: it is a person's attempt now, and who answers writes its result."""
        async with self._database.work() as work:
            row = await TicketRepository(work.session).callback_by_call(call_id)
            if row is not None and row.ended_at is None:
                row.channel, row.who, row.desk_call = "person", login, call_id

    async def _ended(self, call_id: str, outcome: CallbackOutcome) -> None:
        async with self._database.read() as session:
            row = await TicketRepository(session).callback_by_call(call_id)
        if row is None or (row.channel == "person" and row.who):
            return
        await self._settle(call_id, outcome, "")

    async def _dial(self, row: Callback, live: list[str]) -> bool:
        async with self._database.work() as work:
            repository = TicketRepository(work.session)
            ticket = await repository.get(row.ticket_id)
            number = callback_number(ticket, self._tickets.city)
            # One person with two tickets is not rung twice at once; the next pass takes the other one.
            if number and (number in live or await being_called(work.session, number)):
                return False
            if not await repository.claim_callback(row.id, number, self._clock.now()):
                return False
        if not number:
            await self._settle(row.call_id, "failed", "")
            return False
        live.append(number)
        try:
            placed = await self._dialler.place(call_id=row.call_id, number=number, ticket_number=ticket.number)
        except Exception:
            log.exception("callback could not be placed", ticket=ticket.number, call_id=row.call_id)
            placed = False
        if not placed:
            live.remove(number)
            await self._settle(row.call_id, "failed", "")
        return placed

    async def _settle(self, call_id: str, outcome: CallbackOutcome, digit: str) -> None:
        now = self._clock.now()
        async with changing(self._database, self._tickets.clocks.keeper) as work:
            repository = TicketRepository(work.session)
            row = await repository.callback_by_call(call_id)
            if row is not None:
                await settle(work, self._tickets, row, outcome, now, digit=digit)
