"""The runner of kept places: who presses the key hangs up, and is rung when the turn comes.

Who is to be rung and where he stands then is :mod:`switchboard.kept.policy`'s; this looks at the queue and the desks
whenever something moves there. A call out is stored before it is dialled, as in :mod:`switchboard.missed.recalls`.
"""

import asyncio
import contextlib
import json
from datetime import datetime

import structlog
from sqlalchemy import select

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database, StoredEvent, Work
from core.errors import HeyiError, NotAllowed
from core.events import Event
from core.phones import normal
from switchboard.events import KeptPlaceChanged
from switchboard.exchange import Exchange, dialled, find, is_emergency, on_the_line
from switchboard.figures.expected import InLine
from switchboard.kept import tables
from switchboard.kept.policy import (
    HOLDS,
    KEPT_FOR,
    Happened,
    Happening,
    Held,
    Waiting,
    keep,
    place_of,
    step,
    whose_turn,
)
from switchboard.kept.pools import Pool, pool
from switchboard.kept.tables import KeptPlace
from switchboard.missed.recalls import UNSEEN, Recalls
from switchboard.standing import Standings
from telephony import ledger
from telephony.callids import returned, returned_id
from telephony.events import AgentChanged, CallAnswered, CallEnded, CallKept, CallQueued

log = structlog.get_logger(__name__)

#: Many things move at once: they are looked at together.
_TOGETHER_S = 0.05


class Keeping:
    """One for each switchboard. ``round_s``: seconds of a service call's round in the queue."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: Clock,
        city: City,
        exchange: Exchange,
        standings: Standings,
        recalls: Recalls,
        *,
        round_s: int,
        poll_s: float = 1.0,
    ) -> None:
        self._database, self._bus, self._clock, self._city = database, bus, clock, city
        self._exchange, self._standings, self._recalls = exchange, standings, recalls
        self._round_s, self._poll_s = round_s, poll_s
        self._moved = asyncio.Event()
        #: What Asterisk was told last about somebody who is being rung.
        self._told: dict[str, tuple[int, int]] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take part; first of all what happened while nobody looked."""
        self._bus.subscribe(self._kept, CallKept)
        self._bus.subscribe(self._queued, CallQueued)
        self._bus.subscribe(self._ended, CallEnded)
        self._bus.subscribe(self._look, AgentChanged, CallAnswered, CallEnded, CallQueued)
        await self.catch_up()
        self._running = asyncio.create_task(self._run(), name="kept places")

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _look(self, event: Event) -> None:
        self._moved.set()

    async def _run(self) -> None:
        while True:
            self._moved.clear()
            try:
                await self.tick()
            except Exception:
                log.exception("kept places could not be looked through")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):  # wait_for can swallow our cancellation
                    await self._moved.wait()
                await asyncio.sleep(_TOGETHER_S)

    # -- what happened

    async def catch_up(self) -> None:
        """Keys that were pressed while nobody told us; places that were to become missed calls."""
        since = self._clock.now() - KEPT_FOR
        async with self._database.read() as session:
            pressed = list(
                await session.execute(
                    select(StoredEvent.body, StoredEvent.at)
                    .where(StoredEvent.type == CallKept.__name__, StoredEvent.at > since)
                    .order_by(StoredEvent.seq)
                )
            )
            lost = list(
                await session.scalars(
                    select(KeptPlace).where(KeptPlace.state == "given_up", KeptPlace.changed_at > since)
                )
            )
        for body, at in pressed:
            told = json.loads(body)
            await self._keep(told["call_id"], told["line"], told["caller"], told["priority"], at)
        for row in lost:
            await self._recalls.add(row.call_id, row.number, row.line, row.changed_at)
        await self._sweep()

    async def _kept(self, event: CallKept) -> None:
        await self._keep(event.call_id or "", event.line, event.caller, event.priority, event.at)
        self._moved.set()

    async def _keep(self, call_id: str, line: str, caller: str, priority: int, at: datetime) -> None:
        number = normal(caller, self._city.profile.area_code)
        urgent = is_emergency(self._city, line) or await self._standings.was_raised(call_id)
        if urgent or not dialled(self._city, number):
            # An emergency does not wait for its turn: it is rung back at once.
            await self._recalls.add(call_id, caller, line, at)
            return
        async with self._database.work() as work:
            if await work.session.get(KeptPlace, call_id) is not None:
                return
            row = await ledger.call(work.session, call_id)
            earlier = await tables.come_for(work.session, call_id)
            arrived_at = earlier.arrived_at if earlier is not None else row.arrived_at if row is not None else at
            new = Held(call_id, number, priority, arrived_at)
            held = [tables.held(other, other.priority) for other in await tables.live(work.session)]
            if len(keep(held, new)) == len(held):
                log.info("a number that keeps a place has asked for another", call_id=call_id)
                return
            place = KeptPlace(
                call_id=call_id, number=number, line=line, priority=priority, arrived_at=arrived_at, last_out="",
                taken_by="",
            )  # fmt: skip
            work.session.add(place)
            self._save(work, place, new)

    async def _queued(self, event: CallQueued) -> None:
        """Somebody waits: who was rung has picked up, or who keeps a place has called again by himself."""
        call_id = event.call_id or ""
        back = returned(call_id)
        if back is not None:
            await self._out(call_id, "answered")
            return
        call = find(self._exchange, call_id)
        number = normal(call.caller, self._city.profile.area_code) if call is not None else ""
        if not number:
            return
        now = self._clock.now()
        async with self._database.work() as work:
            places = [p for p in await tables.live(work.session) if (p.number, p.line) == (number, event.line)]
            if not places or places[0].call_id == call_id:
                return
            place = places[0]
            held, where = await self._aged(place, now)
            place.taken_by = call_id
            self._save(work, place, step(held, Happened("caller_called_again", now)))
        if held.out:
            await self._exchange.give_up(held.out)
        waiting = [w for w in await self._waiting() if w[0] == where.queue and w[1].call_id != call_id]
        position = place_of(held, [w for _, w in waiting])
        with contextlib.suppress(HeyiError):
            await self._exchange.seat(call_id, held.priority, position, wide=where.wide)

    async def _ended(self, event: CallEnded) -> None:
        call_id = event.call_id or ""
        back = returned(call_id)
        if back is not None and back.why == "kept":
            await self._out(call_id, "failed")

    async def _out(self, call_id: str, what: Happening) -> None:
        """Word of a call out: picked up, or at its end without that."""
        self._told.pop(call_id, None)
        async with self._database.work() as work:
            place = await work.session.scalar(select(KeptPlace).where(KeptPlace.out == call_id))
            if place is None:
                return
            self._save(
                work, place, step(tables.held(place, place.priority), Happened(what, self._clock.now(), call_id))
            )
        await self._give_up(place)

    async def _give_up(self, place: KeptPlace) -> None:
        if place.state == "given_up":
            await self._recalls.add(place.call_id, place.number, place.line, place.changed_at)

    # -- whose turn it is

    async def tick(self) -> None:
        """One look at places, queue and desks."""
        if not self._exchange.in_step:
            return
        await self._sweep()
        now = self._clock.now()
        async with self._database.read() as session:
            rows = list(await tables.live(session))
        places = {row.call_id: (row, *await self._aged(row, now)) for row in rows}
        busy = on_the_line(self._city, self._exchange)
        waiting = await self._waiting() if places else []
        order = sorted(places.values(), key=lambda p: (-p[1].priority, p[1].arrived_at, p[1].call_id))
        for row, held, where in order:
            if held.state == "calling":
                await self._keep_up(held, where, waiting)
            elif held.number not in busy and self._is_turn(held, where, places, waiting, busy, now):
                called = await self._ring(row.call_id, held, where, waiting)
                if called is not None:
                    places[row.call_id] = (row, called, where)

    def _is_turn(
        self,
        held: Held,
        where: Pool,
        places: dict[str, tuple[KeptPlace, Held, Pool]],
        waiting: list[tuple[str, Waiting]],
        busy: set[str],
        now: datetime,
    ) -> bool:
        """Compared with everybody who could be given one of the same desks."""
        rivals = [
            other for _, other, theirs in places.values()
            if theirs.desks & where.desks and (other.state == "calling" or other.number not in busy)
        ]  # fmt: skip
        live = [caller for queue, caller in waiting if queue in where.rivals]
        return held.call_id in whose_turn(rivals, live, where.free(self._exchange.agents()), now)

    async def _ring(self, call_id: str, held: Held, where: Pool, waiting: list[tuple[str, Waiting]]) -> Held | None:
        """Decide and store, then dial. None where it is no longer his turn."""
        number = dialled(self._city, held.number)
        async with self._database.work() as work:
            place = await work.session.get(KeptPlace, call_id)
            if place is None:
                return None
            now, out = self._clock.now(), returned_id("kept", place.line)
            hold = await self._recalls.hold(work.session, held.number)
            happened = Happened("exhausted", now, reason=HOLDS[hold]) if hold else Happened("turn", now, out)
            stepped = step(tables.held(place, held.priority), happened)
            if not hold:
                if stepped.out != out:
                    return None
                place.out_at, place.last_out = now, out
            self._save(work, place, stepped)
        if hold:
            await self._give_up(place)
            return None
        position = place_of(held, [caller for queue, caller in waiting if queue == where.queue])
        self._told[out] = (held.priority, position)
        try:
            await self._exchange.ring_back(
                "kept", place.line, number, priority=held.priority, position=position, call_id=out, wide=where.wide
            )
        except HeyiError as error:
            log.warning("a kept place could not be rung", call_id=call_id, error=str(error))
        return stepped

    async def _keep_up(self, held: Held, where: Pool, waiting: list[tuple[str, Waiting]]) -> None:
        """While his telephone rings others come and go: his place is told anew."""
        position = place_of(held, [caller for queue, caller in waiting if queue == where.queue])
        if self._told.get(held.out) != (held.priority, position):
            with contextlib.suppress(HeyiError):
                await self._exchange.set_place(held.out, held.priority, position)
                self._told[held.out] = (held.priority, position)

    async def _sweep(self) -> None:
        """Calls out whose word never came, and places that were kept too long."""
        now = self._clock.now()
        async with self._database.read() as session:
            rows = [
                (row, await ledger.call(session, row.out) if row.out else None) for row in await tables.live(session)
            ]
        for row, call in rows:
            if row.out:
                made = find(self._exchange, row.out) is not None or call is not None
                if call is not None and call.queued_at is not None:
                    await self._out(row.out, "answered")
                elif (call is not None and call.ended_at is not None) or (
                    not made and row.out_at is not None and now - row.out_at > UNSEEN
                ):
                    await self._out(row.out, "failed")
            elif now - row.arrived_at > KEPT_FOR:
                async with self._database.work() as work:
                    place = await work.session.get(KeptPlace, row.call_id)
                    if place is None:
                        continue
                    self._save(work, place, step(tables.held(place, place.priority), Happened("exhausted", now)))
                await self._give_up(place)

    # -- what people see and do

    async def places(self) -> list[tuple[KeptPlace, Held]]:
        """The places that are kept now, in the order of the queue, with their present priority."""
        now = self._clock.now()
        async with self._database.read() as session:
            rows = list(await tables.live(session))
        found = [(row, (await self._aged(row, now))[0]) for row in rows]
        return sorted(found, key=lambda p: (-p[1].priority, p[1].arrived_at, p[1].call_id))

    async def cancel(self, call_id: str, *, reason: str) -> None:
        """A person ends it, with a reason. Raises :class:`NotAllowed`."""
        async with self._database.work() as work:
            place = await work.session.get(KeptPlace, call_id)
            if place is None:
                raise NotAllowed("没有这个保留的位置", hint=call_id)
            out = place.out
            held = tables.held(place, place.priority)
            self._save(work, place, step(held, Happened("closed_by_person", self._clock.now(), reason=reason)))
        if out:
            await self._exchange.give_up(out)

    async def in_line(self) -> list[InLine]:
        """Everybody who waits, on the telephone or by a place that is kept; places as they stand now."""
        now = self._clock.now()
        async with self._database.read() as session:
            rows = list(await tables.live(session))
        kept = [await self._aged(row, now) for row in rows]
        waiting = await self._waiting()
        there = {caller.call_id for _, caller in waiting}
        return [
            *(InLine(c.call_id, queue, c.priority, c.arrived_at) for queue, c in waiting),
            # One whose telephone rings, or who has picked up but does not wait yet, is still before those behind him.
            *(InLine(h.call_id, w.queue, h.priority, h.arrived_at) for h, w in kept if h.out not in there),
        ]

    # -- helpers

    async def _aged(self, place: KeptPlace, now: datetime) -> tuple[Held, Pool]:
        """The place as if its caller had waited on, and where he would wait now."""
        where = pool(self._city, self._exchange.mode, place.line, place.arrived_at, now, self._round_s)
        priority = await self._standings.aged(place.line, place.number, at_least=place.priority, rounds=where.rounds)
        return tables.held(place, priority), where

    async def _waiting(self) -> list[tuple[str, Waiting]]:
        """Everybody in the live queues: the queue, and the caller with the arrival that his place counts from."""
        calls = [call for call in self._exchange.calls() if call.waiting and call.in_queue]
        async with self._database.read() as session:
            since = await tables.arrivals(session, [call.id for call in calls])
        return [(call.queue, Waiting(call.id, call.priority, since.get(call.id, call.arrived_at))) for call in calls]

    def _save(self, work: Work, place: KeptPlace, held: Held) -> None:
        if place.state == held.state and place.tries == held.tries and place.out == held.out:
            return
        now = self._clock.now()
        place.state, place.tries, place.not_before = held.state, held.tries, held.not_before
        place.out, place.reason, place.changed_at = held.out, held.reason[:200], now
        work.record(
            KeptPlaceChanged(
                at=now, call_id=place.call_id, line=place.line, state=held.state, tries=held.tries, reason=held.reason
            )
        )
