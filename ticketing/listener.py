"""Opens and fills drafts as calls are answered, heard and judged."""

from collections.abc import Awaitable, Callable

import structlog

from asr.events import UtteranceHeard
from core.bus import Bus
from core.events import Event
from telephony.events import CallAnswered, CallArrived, CallEnded
from ticketing.dialler import is_callback
from ticketing.service import Tickets
from triage.verdict import CallTriaged, Verdict

log = structlog.get_logger(__name__)

#: Line and caller of an incoming call that arrived before this process started; ``None`` where there is no such call.
CallFacts = Callable[[str], Awaitable[tuple[str, str] | None]]


class TicketListener:
    """Every answered call gets a draft, exactly one; a call that heyi or a call taker placed gets none."""

    def __init__(self, bus: Bus, tickets: Tickets, call_facts: CallFacts) -> None:
        self._tickets = tickets
        self._call_facts = call_facts
        #: Line and caller of the calls that are here; ``None`` for outgoing ones.
        self._calls: dict[str, tuple[str, str] | None] = {}
        #: Verdicts of calls that nobody has answered yet.
        self._early: dict[str, Verdict] = {}
        self._drafted: set[str] = set()
        # One subscription, so that a call's events stay in their order.
        bus.subscribe(self.handle, CallArrived, CallAnswered, CallTriaged, UtteranceHeard, CallEnded)

    async def handle(self, event: Event) -> None:
        call_id = event.call_id
        if call_id is None or is_callback(call_id):
            return
        match event:
            case CallArrived():
                self._calls[call_id] = (event.line, event.caller) if event.direction == "in" else None
            case CallAnswered():
                await self._answered(call_id, event.agent)
            case CallTriaged():
                if call_id in self._calls and call_id not in self._drafted:
                    self._early[call_id] = event.verdict
                # Where this process has not seen the call arrive, an earlier one may have drafted it.
                await self._tickets.prefill(call_id, event.verdict)
            case UtteranceHeard():
                await self._tickets.hear(call_id, event.leg, event.text)
            case CallEnded():
                self._calls.pop(call_id, None)
                self._early.pop(call_id, None)
                self._drafted.discard(call_id)

    async def _answered(self, call_id: str, agent: str) -> None:
        if call_id not in self._calls:
            self._calls[call_id] = await self._call_facts(call_id)
        facts = self._calls[call_id]
        if facts is None:
            log.info("answered call is not a caller's: no draft", call_id=call_id)
            return
        await self._tickets.draft(call_id, *facts, agent)
        self._drafted.add(call_id)
        if verdict := self._early.pop(call_id, None):
            await self._tickets.prefill(call_id, verdict)
