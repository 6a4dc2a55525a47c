"""The runner of missed calls: makes the list from the ledger, rings emergencies back, keeps what people do with it.

Everything is decided from what is stored, in one transaction each, by :mod:`switchboard.missed.policy`. A call out is
stored before it is dialled; one of which neither Asterisk nor the ledger knows after a while was never made. So whoever
kills heyi at any moment costs a caller at most one try, and gets nobody rung twice.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Literal

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from core.ids import new_id
from core.phones import normal
from switchboard.events import MissedCallChanged, RecallTried
from switchboard.exchange import Exchange, dialled, find, is_emergency, on_the_line
from switchboard.kept.pools import emergency_desks
from switchboard.missed import facts, tables
from switchboard.missed.policy import (
    DROPPED_S,
    RINGS,
    Happened,
    Happening,
    Hold,
    Item,
    Kind,
    Missed,
    RecallPolicy,
    kind_of,
    may_be_out,
    new_item,
    same_matter,
    step,
    to_ring,
    too_often,
)
from switchboard.missed.tables import RecallTry
from switchboard.standing import Standings
from telephony import ledger
from telephony.callids import returned, returned_id
from telephony.events import CallEnded
from telephony.ledger import QUEUED_DIRECTIONS, CallRow

log = structlog.get_logger(__name__)

#: Nothing is rung by heyi: the list only.
LIST_ONLY = RecallPolicy(emergency=(), service=())
#: Calls that ended while heyi was down are looked for so far back.
LOOK_BACK = timedelta(days=1)
#: Learned of later than this (heyi was down), a person decides whether ringing still helps.
LATE = timedelta(hours=1)
#: Who has taken an item on and does nothing for so long gives it back to all.
OWNED_FOR = timedelta(minutes=10)
#: A call out that Asterisk has not shown after this time was never made.
UNSEEN = timedelta(seconds=15)


class Recalls:
    """One for each switchboard. ``at_once``: automatic calls back that may be out at the same time."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: Clock,
        city: City,
        exchange: Exchange,
        standings: Standings,
        policy: RecallPolicy | None = None,
        *,
        poll_s: float = 1.0,
        at_once: int = 8,
    ) -> None:
        self._database, self._bus, self._clock, self._city = database, bus, clock, city
        self._exchange, self._standings, self._policy = exchange, standings, policy or RecallPolicy()
        self._poll_s, self._at_once = poll_s, at_once
        self._area_code = city.profile.area_code
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take part; first of all what happened while nobody looked."""
        self._bus.subscribe(self._ended, CallEnded)
        await self.catch_up()
        self._running = asyncio.create_task(self._run(), name="recalls")

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("missed calls could not be looked through")
            await asyncio.sleep(self._poll_s)

    # -- what happened

    async def _ended(self, event: CallEnded) -> None:
        await self.settle(event.call_id or "")

    async def catch_up(self) -> None:
        """Everything that ended while nobody told us, in the order in which it happened."""
        since = self._clock.now() - LOOK_BACK
        async with self._database.read() as session:
            rows = list(
                await session.scalars(
                    select(CallRow)
                    .where(CallRow.ended_at > since, CallRow.direction.in_(QUEUED_DIRECTIONS))
                    .order_by(CallRow.ended_at)
                )
            )
            waited = await facts.ended_waiting(session, since)
            counted = await tables.counted_since(session, since)
            numbers = await tables.numbers(session)
        missed = {
            row.id for row in rows
            if row.outcome != "answered" or (row.talked_s or 0) < DROPPED_S or row.id in waited
        }  # fmt: skip
        numbers |= {normal(row.caller, self._area_code) for row in rows if row.id in missed}
        for row in rows:
            if row.id not in counted and (row.id in missed or normal(row.caller, self._area_code) in numbers):
                await self.settle(row.id)

    async def settle(self, call_id: str) -> None:
        """A call of the queue has ended: what that means for the list. The same call again changes nothing."""
        raised = await self._standings.was_raised(call_id)
        needless: list[str] = []
        async with self._database.work() as work:
            needless = await self._settle(work, call_id, raised)
        for out in needless:
            await self._exchange.give_up(out)

    async def _settle(self, work: Work, call_id: str, raised: bool) -> list[str]:
        """Returns the calls out that are needless now."""
        row = await ledger.call(work.session, call_id)
        if row is None or row.ended_at is None or row.direction not in QUEUED_DIRECTIONS:
            return []
        back = returned(row.id)
        if back is not None and back.why == "kept" and row.queued_at is None:
            return []  # its owner was not reached: that room's matter
        if await facts.kept(work.session, row.id):
            return []
        waiting, line = await facts.at_the_end(work.session, row)
        tried = await work.session.get(RecallTry, row.id) if back is not None and back.why == "recall" else None
        before = await tables.load(work.session, tried.item) if tried is not None else None
        emergency = raised or is_emergency(self._city, line) or (before is not None and before.emergency)
        kind = kind_of(
            outcome=row.outcome, waiting=waiting, emergency=emergency, waited_s=row.waited_s or 0.0,
            talked_s=row.talked_s or 0.0, ended_by=row.ended_by,
        )  # fmt: skip
        # Who was helped, and then passed on and lost, is missed anew; the item of any other call back is open still.
        if back is not None and back.why == "recall" and (tried is None or tried.outcome != "answered"):
            reached = kind is None and row.answered_at is not None
            lost = "dropped" if kind == "dropped" else "abandoned" if row.queued_at else "unanswered"
            await self._try_ended(work, row.id, "answered" if reached else lost)
            return await self._helped(work, row) if reached else []
        if kind is None:
            return await self._helped(work, row)
        await self._missed(work, row.id, row.caller, line, emergency, kind, row.ended_at)
        return []

    async def add(self, call_id: str, caller: str, line: str, at: datetime) -> None:
        """Put a call on the list that another room could not help (a kept place that came to nothing)."""
        emergency = is_emergency(self._city, line) or await self._standings.was_raised(call_id)
        async with self._database.work() as work:
            await self._missed(work, call_id, caller, line, emergency, "waiting", at)

    async def _missed(
        self, work: Work, call_id: str, caller: str, line: str, emergency: bool, kind: Kind, at: datetime
    ) -> None:
        if await tables.counted(work.session, call_id):
            return
        missed = Missed(call_id, normal(caller, self._area_code), line, emergency, kind, at)
        late = self._clock.now() - at > LATE
        policy = LIST_ONLY if late or not dialled(self._city, missed.number) else self._policy
        item = same_matter(await tables.near(work.session, missed), missed)
        if item is None:
            item = new_item(new_id(), missed, policy)
        else:
            item = step(item, Happened("missed_again", at, missed=missed), policy)
        await self._save(work, item)

    async def _helped(self, work: Work, row: CallRow) -> list[str]:
        """This caller was answered: what he had missed before needs no call back. Returns calls out that are up."""
        number = normal(row.caller, self._area_code)
        out: list[str] = []
        if not number or row.answered_at is None:
            return out
        for item in await tables.of_number(work.session, number):
            if item.calls[-1].at <= row.answered_at:
                await self._step(work, item, Happened("caller_called_again", self._clock.now()))
                if item.out and item.out != row.id:
                    out.append(item.out)
        return out

    async def _try_ended(self, work: Work, call_id: str, outcome: str) -> None:
        tried = await work.session.get(RecallTry, call_id)
        if tried is None or tried.ended_at is not None:
            return
        tried.ended_at, tried.outcome = self._clock.now(), outcome
        work.record(RecallTried(at=self._clock.now(), call_id=call_id, item=tried.item, outcome=outcome, by=tried.by))
        item = await tables.load(work.session, tried.item)
        if item is not None:
            what: Happening = "answered" if outcome == "answered" else "failed"
            await self._step(work, item, Happened(what, self._clock.now(), call_id))

    # -- what is due

    async def tick(self) -> None:
        """One look: calls out that never were, items that their owner has forgotten, telephones to be rung."""
        if not self._exchange.in_step:
            return
        now = self._clock.now()
        out = await self._sweep(now)
        async with self._database.read() as session:
            idle = await tables.owned_since(session, now - OWNED_FOR)
        for item_id in idle:
            await self._release(item_id)
        most = self._may_be_out()
        if out >= most:
            return
        async with self._database.read() as session:
            items = [*await tables.due(session, now), *await tables.rung(session)]
        for item in to_ring(items, now, on_the_line(self._city, self._exchange)):
            if out >= most:
                break
            out += await self._ring(item.id)

    def _may_be_out(self) -> int:
        desks = emergency_desks(self._city, self._exchange.mode)
        states = [agent.state for agent in self._exchange.agents() if agent.extension in desks]
        return may_be_out(
            at_once=self._at_once, ready=states.count("ready"), wrapup=states.count("wrapup"),
            waiting=self._standings.emergencies_waiting(),
        )  # fmt: skip

    async def _sweep(self, now: datetime) -> int:
        """What became of calls out where nobody told the end; returns how many have nobody to talk to yet."""
        async with self._database.read() as session:
            tries = await tables.open_tries(session)
            rows = {tried.call_id: await ledger.call(session, tried.call_id) for tried in tries}
        out = len(tries)
        for tried in tries:
            row = rows[tried.call_id]
            if row is not None and row.ended_at is not None:
                await self.settle(tried.call_id)
            elif row is not None and row.answered_at is not None:
                # Sooner he may be cut off, as the first time: then he was not reached.
                if now - row.answered_at >= timedelta(seconds=DROPPED_S):
                    async with self._database.work() as work:
                        await self._try_ended(work, tried.call_id, "answered")
            elif row is None and now - tried.decided_at > UNSEEN and find(self._exchange, tried.call_id) is None:
                async with self._database.work() as work:
                    await self._try_ended(work, tried.call_id, "failed")
            else:
                continue
            out -= 1
        return out

    async def _ring(self, item_id: str) -> bool:
        """Decide and store, then dial. False where it is no longer due."""
        async with self._database.work() as work:
            item = await tables.load(work.session, item_id)
            if item is None or not (number := dialled(self._city, item.number)):
                return False
            if hold := await self.hold(work.session, item.number):
                await self._step(work, item, Happened("held", self._clock.now(), hold=hold))
                return False
            call_id = returned_id("recall", item.calls[-1].line)
            item = step(item, Happened("due", self._clock.now(), call_id), self._policy)
            if item.out != call_id:
                return False
            await self._decided(work, item, call_id)
        await self._dial(item, call_id, number)
        return True

    async def hold(self, session: AsyncSession, number: str) -> Hold | Literal[""]:
        """Why this number must not be rung by itself now; empty where it may."""
        if await self._standings.is_nuisance(number):
            return "nuisance"
        now = self._clock.now()
        rings = await tables.rings(session, dialled(self._city, number), now - max(within for within, _ in RINGS))
        return "often" if too_often(rings, now) else ""

    async def _decided(self, work: Work, item: Item, call_id: str, by: str = "") -> None:
        now = self._clock.now()
        work.session.add(RecallTry(call_id=call_id, item=item.id, by=by, decided_at=now, outcome=""))
        await self._save(work, item)

    async def _dial(self, item: Item, call_id: str, number: str, desk: str = "") -> None:
        """Asterisk's silence is no refusal: whether there is a call is seen by its events, or by their absence."""
        line = item.calls[-1].line
        raised = item.emergency and not is_emergency(self._city, line)
        try:
            priority = await self._standings.recall_priority(number, line, raised=raised)
            taken = await self._exchange.ring_back(
                "recall", line, number, priority=priority, call_id=call_id, desk=desk, urgent=raised
            )
        except HeyiError as error:
            log.warning("a missed call could not be rung back", item=item.id, error=str(error))
            return
        if taken:
            async with self._database.work() as work:
                latest = await tables.load(work.session, item.id)
                if latest is not None and latest.out == call_id:
                    await self._step(work, latest, Happened("placed", self._clock.now(), call_id))

    async def _release(self, item_id: str) -> None:
        async with self._database.work() as work:
            item = await tables.load(work.session, item_id)
            if item is not None and item.state == "owned" and not item.out:
                await self._step(work, item, Happened("released", self._clock.now(), who="system"))

    # -- what people do

    async def claim(self, item_id: str, *, who: str) -> None:
        """``who`` takes it on; heyi does not ring by itself meanwhile. Raises :class:`NotAllowed`."""
        await self._by_person(item_id, Happened("claimed", self._clock.now(), who=who))

    async def release(self, item_id: str, *, who: str, chief: bool = False) -> None:
        """Give it back to all: its owner, or with ``chief`` the supervisor."""
        await self._by_person(item_id, Happened("released", self._clock.now(), who=who), chief=chief)

    async def finish(self, item_id: str, *, who: str, reason: str, chief: bool = False) -> None:
        """Close it with a reason: who owns it, anybody while nobody does, or the supervisor."""
        await self._by_person(
            item_id, Happened("closed_by_person", self._clock.now(), who=who, reason=reason), chief=chief
        )

    async def ring_by_hand(self, item_id: str, *, who: str, desk: str = "") -> str:
        """Ring the caller and connect him to ``desk``, without one to the queue; returns the id of the call.

        Claims the item where nobody has it. Raises :class:`NotAllowed` where it is somebody else's or the number cannot
        be dialled, :class:`Conflict` where the caller is being rung, or is on the line.
        """
        now = self._clock.now()
        async with self._database.work() as work:
            item = _mine(await tables.load(work.session, item_id), who)
            number = dialled(self._city, item.number)
            if not number:
                raise NotAllowed("这个号码不能外拨", hint=item.number or "来电未显示号码")
            if item.out:
                raise Conflict("回拨尚未结束")
            if item.number in on_the_line(self._city, self._exchange):
                raise Conflict("来电人正在线上", hint=item.number)
            if item.state != "owned":
                item = step(item, Happened("claimed", now, who=who), self._policy)
            call_id = returned_id("recall", item.calls[-1].line)
            item = step(item, Happened("placed", now, call_id, who=who), self._policy)
            await self._decided(work, item, call_id, by=who)
        await self._dial(item, call_id, number, desk)
        return call_id

    # -- helpers

    async def _by_person(self, item_id: str, happened: Happened, *, chief: bool = False) -> None:
        async with self._database.work() as work:
            item = _mine(await tables.load(work.session, item_id), happened.who, chief=chief)
            await self._step(work, item, happened)
        if item.out and happened.what == "closed_by_person":
            await self._exchange.give_up(item.out)

    async def _step(self, work: Work, item: Item, happened: Happened) -> None:
        stepped = step(item, happened, self._policy)
        if stepped != item:
            await self._save(work, stepped)

    async def _save(self, work: Work, item: Item) -> None:
        now = self._clock.now()
        await tables.save(work.session, item, now)
        work.record(
            MissedCallChanged(
                at=now, call_id=item.calls[-1].call_id, item=item.id, state=item.state, emergency=item.emergency,
                count=item.count, tries=item.tries, due_at=item.due_at, owner=item.owner, reason=item.reason,
            )
        )  # fmt: skip


def _mine(item: Item | None, who: str, *, chief: bool = False) -> Item:
    """The item, if ``who`` may touch it: nobody else has it, or ``who`` is the supervisor."""
    if item is None:
        raise NotAllowed("没有这条未接来电")
    if item.state == "owned" and item.owner != who and not chief:
        raise NotAllowed("这条未接来电已由他人处理", hint=item.owner)
    return item
