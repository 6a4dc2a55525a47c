"""Calls people back: takes the attempts that are due, has them dialled, and draws the consequence of each result."""

import asyncio
from datetime import timedelta
from typing import Any

import structlog

from core.bus import Bus
from core.clock import Clock
from core.database import Database, Work
from telephony.events import CallEnded, CallEvent, KeyPressed
from ticketing.actor import SYSTEM
from ticketing.callback import ANSWERED
from ticketing.dialler import Dialler, is_callback
from ticketing.events import CallbackOutcome, CallbackTried
from ticketing.moves import edit, move
from ticketing.phones import dialable
from ticketing.repository import TicketRepository
from ticketing.schedule import schedule
from ticketing.service import Tickets
from ticketing.tables import Callback, Ticket

log = structlog.get_logger(__name__)

_KEYS: dict[str, CallbackOutcome] = {"1": "satisfied", "2": "unsatisfied"}
#: How ``CallEnded.outcome`` counts where no key came; anything else is ``failed``.
_ENDINGS: dict[str, CallbackOutcome] = {"answered": "no_key", "unanswered": "no_answer", "abandoned": "no_answer"}


class CallbackRunner:
    """One for each database. An attempt is marked as placed before it is dialled: a crash never dials it twice.

    ``result_s``: seconds after which a placed attempt without a result counts as failed (the process was down when
    the result came); longer than the longest callback. ``at_once``: callbacks that run at the same time.
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
        at_once: int = 4,
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._dialler = dialler
        self._clock = clock
        self._poll_s = poll_s
        self._patience = timedelta(seconds=result_s)
        self._at_once = at_once

    def listen(self, bus: Bus) -> None:
        """Take results from telephony's events."""
        bus.subscribe(self.handle, KeyPressed, CallEnded)

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
        elif isinstance(event, CallEnded):
            await self._settle(event.call_id, _ENDINGS.get(event.outcome, "failed"), "")

    async def _dial(self, row: Callback, live: list[str]) -> bool:
        async with self._database.work() as work:
            repository = TicketRepository(work.session)
            ticket = await repository.get(row.ticket_id)
            number = self._number(ticket)
            # One person with two tickets is not rung twice at once; the next pass takes the other one.
            if number and number in live:
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

    def _number(self, ticket: Ticket) -> str:
        """Whom to call: the contact, else the caller; empty where neither may be dialled."""
        city = self._tickets.city
        for given in (ticket.contact_phone, ticket.caller):
            number = dialable(given, city.profile.area_code)
            # A hotline of the city that is called back would queue with itself.
            if number and city.line(number) is None:
                return number
        return ""

    async def _settle(self, call_id: str, outcome: CallbackOutcome, digit: str) -> None:
        now = self._clock.now()
        async with self._database.work() as work:
            repository = TicketRepository(work.session)
            row = await repository.callback_by_call(call_id)
            # An answer is final. It also replaces an earlier failure: the person did speak to us.
            if row is None or row.outcome in ANSWERED or (row.outcome is not None and outcome not in ANSWERED):
                return
            row.outcome, row.digit, row.ended_at = outcome, digit, now
            ticket = await repository.get(row.ticket_id)
            work.record(
                CallbackTried(
                    at=now,
                    call_id=call_id,
                    ticket_id=ticket.id,
                    number=ticket.number,
                    attempt=row.attempt,
                    outcome=outcome,
                    digit=digit,
                )
            )
            if row.round != ticket.reopened:
                return
            if ticket.state == "callback":
                await self._conclude(work, ticket, row, outcome)
            elif ticket.state == "closed" and ticket.satisfaction != "satisfied" and outcome in ANSWERED:
                self._edit(work, ticket, {"satisfaction": outcome}, "结案后收到评价")

    async def _conclude(self, work: Work, ticket: Ticket, row: Callback, outcome: CallbackOutcome) -> None:
        """What the result of the present round means for the ticket."""
        now = self._clock.now()
        if outcome in ANSWERED:
            ticket.satisfaction = outcome
            await TicketRepository(work.session).drop_planned_callbacks(ticket.id)
        if outcome == "satisfied":
            ticket.escalated_at = None
            move(work, ticket, "settle", SYSTEM, now, "来电人满意")
        elif outcome == "unsatisfied" and ticket.reopened == 0:
            await self._tickets.send_back(work, ticket, SYSTEM, now, "来电人不满意，退回重办")
        elif outcome == "unsatisfied":
            self._edit(work, ticket, {"escalated_at": now}, "重办后来电人仍不满意，待值班主任决定")
        elif not row.number:
            ticket.satisfaction = "unknown"
            move(work, ticket, "settle", SYSTEM, now, "没有可回访的号码")
        elif await schedule(work, ticket, self._tickets.policy, now) is None:
            ticket.satisfaction = "unknown"
            tried = await TicketRepository(work.session).callbacks(ticket.id)
            reached = any(c.outcome == "no_key" for c in tried if c.round == ticket.reopened)
            move(work, ticket, "settle", SYSTEM, now, "回访已接通，未作评价" if reached else "多次回访未接通")

    def _edit(self, work: Work, ticket: Ticket, values: dict[str, Any], note: str) -> None:
        edit(work, ticket, values, SYSTEM, self._clock.now(), self._tickets.city.profile.area_code, note)
