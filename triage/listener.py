"""Judges every incoming call while it is heard, and tells the other rooms when the verdict changes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from asr.events import UtteranceHeard, UtterancePartial
from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.events import Event
from telephony.events import CallArrived, CallEnded
from triage import store
from triage.judge import Judge, Turn
from triage.verdict import CallTriaged, Verdict

_RANK = {"service": 0, "review": 1, "emergency": 2}
#: Recognition lags behind the line: what was said last is heard after the end. So many ended calls are remembered.
_ENDED_KEPT = 200


class _Row(Protocol):
    """A stored utterance: its id, ``caller`` or ``agent``, and what was said."""

    @property
    def id(self) -> str: ...
    @property
    def leg(self) -> str: ...
    @property
    def text(self) -> str: ...


#: The stored final utterances of a call, oldest first (``asr.record.transcripts.of_call``).
Transcript = Callable[[AsyncSession, str], Awaitable[Sequence[_Row]]]


@dataclass
class _Call:
    line: str
    #: The number called from.
    caller: str
    #: Final utterances by id, in the order heard; a partial stands beside them until its final comes.
    heard: dict[str, Turn] = field(default_factory=dict)
    partial: dict[str, tuple[str, Turn]] = field(default_factory=dict)
    verdict: Verdict | None = None

    def turns(self) -> list[Turn]:
        unfinished = (turn for uid, turn in self.partial.values() if uid not in self.heard)
        return [*self.heard.values(), *unfinished]


class TriageListener:
    """Subscribes itself to ``bus``; stores and publishes :class:`~triage.verdict.CallTriaged`.

    A verdict on a partial utterance is told only where it raises the call or changes its category. A call that this
    process has not seen arrive (it was restarted) is taken up from the stored arrival and transcript. Calls that heyi
    placed itself are not judged.
    """

    def __init__(
        self, bus: Bus, database: Database, city: City, clock: Clock, transcript: Transcript, judge: Judge | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._transcript = transcript
        self._judge = judge or Judge(city)
        self._calls: dict[str, _Call] = {}
        self._ended: dict[str, None] = {}
        self._ignored: set[str] = set()
        # One subscription: arrival, words and end of a call are handled in their order.
        bus.subscribe(self._handle, CallArrived, UtterancePartial, UtteranceHeard, CallEnded)

    def use(self, judge: Judge) -> None:
        """Judge with this one from the next utterance on; what was raised stays raised."""
        self._judge = judge

    async def _handle(self, event: Event) -> None:
        call_id = event.call_id
        if call_id is None:
            return
        match event:
            case CallEnded():
                self._end(call_id)
            case CallArrived(direction="out"):
                self._ignored.add(call_id)
            case CallArrived():
                if call_id not in self._calls:
                    self._calls[call_id] = _Call(event.line, event.caller)
                    await self._judge_again(call_id, final=True)
            case UtterancePartial() | UtteranceHeard():
                await self._hear(call_id, event)

    async def _hear(self, call_id: str, event: UtterancePartial | UtteranceHeard) -> None:
        call = self._calls.get(call_id) or await self._take_up(call_id)
        if call is None:
            return
        final = isinstance(event, UtteranceHeard)
        turn = Turn(event.leg, event.text, event.utterance_id, partial=not final)
        if final:
            call.heard[event.utterance_id] = turn
            call.partial.pop(event.leg, None)
        elif event.utterance_id in call.heard:
            return
        else:
            call.partial[event.leg] = (event.utterance_id, turn)
        await self._judge_again(call_id, final=final)

    async def _judge_again(self, call_id: str, *, final: bool) -> None:
        call = self._calls[call_id]
        former = call.verdict
        verdict = _never_lowered(self._judge.judge(call.line, call.turns(), call.caller), former)
        if former is not None:
            higher = _RANK[verdict.outcome] > _RANK[former.outcome]
            recoded = bool(verdict.code) and verdict.code != former.code
            if verdict == former or not (final or higher or recoded):
                return
        by_words = any(r.says == "emergency" and r.rule != "line" for r in verdict.reasons)
        raised = (
            verdict.outcome == "emergency"
            and (former is None or former.outcome != "emergency")
            and by_words
            and not any(r.rule == "line" for r in verdict.reasons)
        )
        now = self._clock.now()
        async with self._database.work() as work:
            await store.save(work.session, call_id, now, verdict)
            work.record(CallTriaged(at=now, call_id=call_id, verdict=verdict, raised=raised))
        call.verdict = verdict

    async def _take_up(self, call_id: str) -> _Call | None:
        """A call from before the restart; None for one that is not ours to judge."""
        if call_id in self._ignored:
            return None
        async with self._database.read() as session:
            arrived = await store.arrived(session, call_id)
            if arrived is None:
                self._ignored.add(call_id)
                return None
            rows = await self._transcript(session, call_id)
            verdict = await store.latest(session, call_id)
        call = _Call(*arrived, verdict=verdict)
        for row in rows:
            call.heard[row.id] = Turn("agent" if row.leg == "agent" else "caller", row.text, row.id)
        self._calls[call_id] = call
        return call

    def _end(self, call_id: str) -> None:
        self._ignored.discard(call_id)
        self._ended[call_id] = None
        while len(self._ended) > _ENDED_KEPT:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._calls.pop(oldest, None)


def _never_lowered(verdict: Verdict, former: Verdict | None) -> Verdict:
    """Software only raises: words that recognition took back leave the outcome, with the reasons it had."""
    if former is None or _RANK[verdict.outcome] >= _RANK[former.outcome]:
        return verdict
    return replace(verdict, outcome=former.outcome, reasons=former.reasons)
