"""Opens and fills drafts as calls are answered, heard and judged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from asr.events import UtteranceHeard
from core.bus import Bus
from core.events import Event
from telephony.events import CallAnswered, CallArrived, CallEnded
from telephony.ledger import QUEUED_DIRECTIONS
from ticketing.dialler import is_callback
from ticketing.service import Tickets
from triage.verdict import CallTriaged, Verdict

log = structlog.get_logger(__name__)

#: Line and caller of an incoming call that arrived before this process started; ``None`` where there is no such call.
CallFacts = Callable[[str], Awaitable[tuple[str, str] | None]]
#: The stored verdict of a call, the newest; ``None`` where it has none.
LatestVerdict = Callable[[str], Awaitable[Verdict | None]]
#: Utterance id and text of what the caller of a call has said so far, as stored live, oldest first.
CallerSaid = Callable[[str], Awaitable[Sequence[tuple[str, str]]]]

#: Drafts whose stored words are remembered: far more than can be made while an utterance is on its way on the bus.
_CAUGHT_UP_KEPT = 200


class TicketListener:
    """Every answered call gets a draft, exactly one; a call that heyi or a call taker placed gets none.

    A draft begins with what is stored of its call, so what the caller said while waiting counts, whichever process
    heard it.
    """

    def __init__(
        self, bus: Bus, tickets: Tickets, call_facts: CallFacts, latest_verdict: LatestVerdict, caller_said: CallerSaid
    ) -> None:
        self._tickets = tickets
        self._call_facts = call_facts
        self._latest_verdict = latest_verdict
        self._caller_said = caller_said
        #: Line and caller of the calls that are here; ``None`` for outgoing ones.
        self._calls: dict[str, tuple[str, str] | None] = {}
        #: Utterances that a draft took from the store: their events may still be on the way, even after the call's end.
        self._caught_up: dict[str, frozenset[str]] = {}
        # A draft asked for from outside and the events of its call must not fill it at the same time.
        self._one_at_a_time = asyncio.Lock()
        # One subscription, so that a call's events stay in their order.
        bus.subscribe(self.handle, CallArrived, CallAnswered, CallTriaged, UtteranceHeard, CallEnded)

    async def answered(self, call_id: str, line: str, caller: str, agent: str) -> None:
        """Draft a caller's answered call, filled from what is stored of it. ``agent`` is the extension."""
        async with self._one_at_a_time:
            await self._draft(call_id, line, caller, agent)

    async def handle(self, event: Event) -> None:
        call_id = event.call_id
        if call_id is None or is_callback(call_id):
            return
        async with self._one_at_a_time:
            match event:
                case CallArrived():
                    self._calls[call_id] = (event.line, event.caller) if event.direction in QUEUED_DIRECTIONS else None
                case CallAnswered():
                    await self._answered(call_id, event.agent)
                case CallTriaged():
                    # Where this process has not seen the call arrive, an earlier one may have drafted it.
                    await self._tickets.prefill(call_id, event.verdict)
                case UtteranceHeard():
                    if event.utterance_id not in self._caught_up.get(call_id, ()):
                        await self._tickets.hear(call_id, event.leg, event.text)
                case CallEnded():
                    self._calls.pop(call_id, None)

    async def _answered(self, call_id: str, agent: str) -> None:
        if call_id not in self._calls:
            self._calls[call_id] = await self._call_facts(call_id)
        facts = self._calls[call_id]
        if facts is None:
            log.info("answered call is not a caller's: no draft", call_id=call_id)
            return
        await self._draft(call_id, *facts, agent)

    async def _draft(self, call_id: str, line: str, caller: str, agent: str) -> None:
        ticket = await self._tickets.draft(call_id, line, caller, agent)
        if verdict := await self._latest_verdict(call_id):
            await self._tickets.prefill(call_id, verdict)
        if ticket.summary:
            # Made earlier, and it has heard the caller: once more would say everything twice.
            return
        said = await self._caller_said(call_id)
        for _, text in said:
            await self._tickets.hear(call_id, "caller", text)
        if said:
            self._caught_up[call_id] = frozenset(utterance_id for utterance_id, _ in said)
            while len(self._caught_up) > _CAUGHT_UP_KEPT:
                del self._caught_up[next(iter(self._caught_up))]
