"""Applies the policy of priorities (:mod:`switchboard.priority`) to those who wait.

Asterisk's dialplan ranks by line and rounds without us. Only a caller of whom we know more — words, earlier calls, a
recall, a nuisance mark, a supervisor's push — is moved, and from then on kept where the policy wants him. What was
decided is stored as :class:`CallRanked`, so that a restart goes on from there.
"""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database, StoredEvent
from core.errors import HeyiError, NotAllowed
from switchboard.events import CallRanked, NumberMarked
from switchboard.exchange import Exchange, find, is_emergency
from switchboard.marks import Marks
from switchboard.overtaking import Overtaking, Place
from switchboard.priority import Caller, Passed, Reason, Standing, limits, standing
from telephony.call import Call
from telephony.callids import returned
from telephony.events import CallEvent, CallMoved, CallQueued, CallRingEnded
from telephony.ledger import CallRow
from telephony.queues import LAST_RESORT, queues, wide

#: Earlier calls that nobody answered count within this time.
REPEATS_WITHIN = timedelta(minutes=10)
_REMEMBERED = 5000
#: The connection to Asterisk is usually back by then.
RETRY_S = 3.0


@dataclass(frozen=True)
class Known:
    """What is remembered of a call."""

    raised: bool = False
    pushed: bool = False
    #: The priority that we gave, and its reasons; None while the dialplan's holds.
    given: int | None = None
    #: Of a kept place: the priority that it came with.
    base: int | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Ranked:
    """A waiting caller as the screens show him."""

    call: Call
    standing: Standing
    #: Who came before him since he waits, and why.
    passed: tuple[Passed, ...] = ()


class Standings:
    """One for each switchboard."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: Clock,
        city: City,
        exchange: Exchange,
        marks: Marks,
        *,
        retry_s: float = RETRY_S,
    ) -> None:
        self._database, self._bus, self._clock, self._city = database, bus, clock, city
        self._exchange, self._marks = exchange, marks
        self._ceiling, self._top = limits(city.lines)
        emergency = city.skill_group("emergency")
        self._emergency_queues = {LAST_RESORT, *((emergency.key, wide(emergency)) if emergency else ())}
        self._weights = {queue.name: queue.weight for queue in queues(city)}
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._overtaking = Overtaking(self._ceiling, self._top)
        #: Those who wait, as the policy saw them last.
        self._seen: dict[str, Caller] = {}
        #: Held while something is read, decided and stored, never while Asterisk is asked.
        self._deciding = asyncio.Lock()
        self._retry_s = retry_s
        self._retries: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Take part; callers who wait already are ranked with what was known of them."""
        self._bus.subscribe(self._moved, CallQueued, CallMoved)
        self._bus.subscribe(self._ring_ended, CallRingEnded)
        self._bus.subscribe(self._marked, NumberMarked)
        for call in self._waiting():
            await self._apply(call.id)

    async def close(self) -> None:
        for task in self._retries.values():
            task.cancel()
        await asyncio.gather(*self._retries.values(), return_exceptions=True)

    # -- what others tell and ask

    async def raised(self, call_id: str) -> None:
        """The words of this call are an emergency."""
        await self._learn(call_id, raised=True)

    async def was_raised(self, call_id: str) -> bool:
        """Whether the words of this call were an emergency; also after it has ended."""
        return (await self._remembered(call_id)).raised

    async def push(self, call_id: str, *, by: str, pushed: bool = True) -> None:
        """A supervisor puts a waiting caller before all others of his skill group, or takes that back.

        Raises :class:`NotAllowed` where the caller does not wait any more.
        """
        call = find(self._exchange, call_id)
        if call is None or not call.waiting:
            raise NotAllowed("来电人已不在等候", hint=call_id)
        await self._learn(call_id, pushed=pushed, by=by)

    async def is_nuisance(self, number: str) -> bool:
        """Whether a mark holds for this number."""
        return await self._marks.active(number) is not None

    def emergencies_waiting(self) -> int:
        """Callers who have dialled us, wait for an emergency desk, and have none that rings."""
        return sum(
            call.state == "queued" and returned(call.id) is None
            and (is_emergency(self._city, call.line) or call.queue in self._emergency_queues)
            for call in self._waiting()
        )  # fmt: skip

    async def recall_priority(self, number: str, line: str, *, raised: bool = False) -> int:
        """With which priority somebody who was cut off from an emergency line is put into its queue."""
        caller = self._caller("", line, self._clock.now())
        nuisance = await self._marks.active(number) is not None
        return standing(
            replace(caller, recall=True, raised=raised, nuisance=nuisance), self._ceiling, self._top
        ).priority

    async def aged(self, line: str, number: str, *, at_least: int, rounds: int) -> int:
        """The priority of somebody who keeps his place, as if he had waited on."""
        caller = replace(self._caller("", line, self._clock.now()), rounds=rounds)
        if await self._marks.active(number) is not None:
            return standing(replace(caller, nuisance=True), self._ceiling, self._top).priority
        return max(at_least, standing(caller, self._ceiling, self._top).priority)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting())

    def view(self) -> Sequence[Ranked]:
        """Who waits, and why there: queue by queue, the one whose callers are given desks first leads."""
        self._note()
        rows = []
        for call in self._waiting():
            known = self._known.get(call.id, Known())
            reasons = known.reasons or standing(self._of(call), self._ceiling, self._top).reasons
            rows.append(Ranked(call, Standing(call.priority, reasons), self._overtaking.passed(call.id)))
        return sorted(rows, key=self._place)

    def _place(self, row: Ranked) -> tuple[int, str, int, datetime, str]:
        call = row.call
        return (-self._weights.get(call.queue, 0), call.queue, -row.standing.priority, call.arrived_at, call.id)

    # -- deciding

    async def _moved(self, event: CallEvent) -> None:
        await self._apply(event.call_id or "")

    async def _ring_ended(self, event: CallRingEnded) -> None:
        """A caller for whom a desk rings is left where he is; now he can be put where his words belong."""
        if await self.was_raised(event.call_id or ""):
            await self._apply(event.call_id or "")

    async def _marked(self, event: NumberMarked) -> None:
        for call in self._waiting():
            await self._apply(call.id)

    async def _learn(
        self, call_id: str, *, raised: bool | None = None, pushed: bool | None = None, by: str = ""
    ) -> None:
        async with self._deciding:
            known = await self._remembered(call_id)
            learned = replace(
                known,
                raised=known.raised if raised is None else raised,
                pushed=known.pushed if pushed is None else pushed,
            )
            if learned == known:
                return
            self._remember(call_id, learned)
            decided = await self._decide(call_id, by=by, told=known)
        if decided:
            await self._move(call_id)

    async def _apply(self, call_id: str) -> None:
        async with self._deciding:
            decided = await self._decide(call_id, told=await self._remembered(call_id))
        if decided:
            await self._move(call_id)

    async def _decide(self, call_id: str, *, told: Known, by: str = "") -> bool:
        """Rank the caller and store what is new about it. ``told``: what is stored. False: nothing of it is ours."""
        call = find(self._exchange, call_id)
        known = await self._remembered(call_id)
        if call is None or not call.waiting or self._city.line(call.line) is None:
            if known.raised != told.raised:  # words that came with the answer: a recall may want to know
                await self._store(call_id, known, call.priority if call else 0, by)
            return False
        caller = await self._whole(call, known)
        self._seen[call_id] = caller
        self._note()
        now = standing(caller, self._ceiling, self._top)
        marked = bool(caller.raised or caller.pushed or caller.nuisance or caller.repeat or caller.recall)
        if not marked and known.given is None:
            return False
        decided = replace(known, given=now.priority, reasons=now.reasons, base=caller.line_priority)
        if decided != told:
            await self._store(call_id, decided, now.priority, by)
        return True

    async def _move(self, call_id: str, *, again: bool = True) -> None:
        """Have Asterisk move him to where he was ranked last; with ``again`` once more if it could not."""
        call, known = find(self._exchange, call_id), self._known.get(call_id)
        if call is None or not call.waiting or known is None or known.given is None:
            return
        if call.priority != known.given and not await self._exchange.set_priority(call_id, known.given):
            if again and call_id not in self._retries:
                self._retries[call_id] = asyncio.create_task(self._move_later(call_id), name=f"rank {call_id}")
            return
        service = not is_emergency(self._city, call.line)
        if known.raised and service and call.queue not in self._emergency_queues:
            # Asterisk ranks within a queue; between queues their weight decides, so he must be where emergencies wait.
            with contextlib.suppress(HeyiError):
                await self._exchange.urge(call_id, known.given)

    async def _move_later(self, call_id: str) -> None:
        try:
            await asyncio.sleep(self._retry_s)
            await self._move(call_id, again=False)
        finally:
            del self._retries[call_id]

    def _note(self) -> None:
        """Remember the order that there is."""
        waiting = {call.id: call for call in self._waiting()}
        self._seen = {call_id: seen for call_id, seen in self._seen.items() if call_id in waiting}
        self._overtaking.note([self._place_of(waiting[call_id], seen) for call_id, seen in self._seen.items()])

    def _place_of(self, call: Call, caller: Caller) -> Place:
        urgent = call.queue in self._emergency_queues
        return Place(caller, "emergency" if urgent else call.queue.removesuffix("-wide"), urgent)

    async def _whole(self, call: Call, known: Known) -> Caller:
        back = returned(call.id)
        caller = replace(
            self._of(call), raised=known.raised, pushed=known.pushed, recall=back is not None and back.why == "recall"
        )
        if back is not None and back.why == "kept":
            # Came with the priority of his kept place, which nuisance and waiting have gone into.
            base = known.base if known.given is not None else call.priority
            return replace(caller, line_priority=base or caller.line_priority, rounds=0)
        nuisance = await self._marks.active(call.caller) is not None
        return replace(caller, nuisance=nuisance, repeat=0 if caller.recall else await self._repeats(call))

    def _of(self, call: Call) -> Caller:
        return replace(self._caller(call.id, call.line, call.arrived_at), rounds=max(0, call.rounds - 1))

    def _caller(self, call_id: str, line: str, arrived_at: datetime) -> Caller:
        found = self._city.line(line)
        priority = found.priority if found is not None else 1
        return Caller(call_id, priority, is_emergency(self._city, line), arrived_at)

    async def _repeats(self, call: Call) -> int:
        """Earlier calls of this number to an emergency line that nobody answered."""
        if not call.caller or not is_emergency(self._city, call.line):
            return 0
        lines = [line.number for line in self._city.lines if line.kind == "emergency"]
        async with self._database.read() as session:
            rows = await session.scalars(
                select(CallRow.id).where(
                    CallRow.caller == call.caller, CallRow.line.in_(lines), CallRow.direction == "in",
                    CallRow.id != call.id, CallRow.answered_at.is_(None), CallRow.ended_at.is_not(None),
                    CallRow.arrived_at < call.arrived_at, CallRow.arrived_at > call.arrived_at - REPEATS_WITHIN,
                )
            )  # fmt: skip
            return len(list(rows))

    def _waiting(self) -> list[Call]:
        return [call for call in self._exchange.calls() if call.waiting and call.in_queue]

    # -- remembering

    async def _remembered(self, call_id: str) -> Known:
        known = self._known.get(call_id)
        if known is None:
            async with self._database.read() as session:
                known = await _stored(session, call_id)
            self._remember(call_id, known)
        return known

    def _remember(self, call_id: str, known: Known) -> None:
        self._known[call_id] = known
        self._known.move_to_end(call_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _store(self, call_id: str, known: Known, priority: int, by: str) -> None:
        self._remember(call_id, known)
        # "raised" stands among the reasons even where something stronger made the number: it is remembered by it.
        extra: tuple[Reason, ...] = ("raised",) if known.raised and "raised" not in known.reasons else ()
        reasons = (*known.reasons, *extra)
        async with self._database.work() as work:
            work.record(CallRanked(at=self._clock.now(), call_id=call_id, priority=priority, reasons=reasons, by=by))


async def _stored(session: AsyncSession, call_id: str) -> Known:
    """What the last stored decision about this call says."""
    body = await session.scalar(
        select(StoredEvent.body)
        .where(StoredEvent.type == CallRanked.__name__, StoredEvent.call_id == call_id)
        .order_by(StoredEvent.seq.desc())
        .limit(1)
    )
    if body is None:
        return Known()
    told = json.loads(body)
    reasons = tuple(told["reasons"])
    return Known("raised" in reasons, "pushed" in reasons, told["priority"], reasons=reasons)
