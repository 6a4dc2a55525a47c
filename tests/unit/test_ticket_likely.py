"""Suggestions: other calls about the same are found as soon as the place is known, told once, and never linked."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from core.events import Event
from telephony.events import CallLocated
from tests.unit.ticket_support import AGENT, CHIEF, Room, room
from tests.unit.triage_support import small_judge
from ticketing.actor import SYSTEM
from ticketing.events import IncidentSuggested
from ticketing.likely import IncidentListener, suggestions
from ticketing.moves import move
from ticketing.repository import TicketRepository
from ticketing.tables import LikelyIncident, TicketLink
from triage.incidents import store
from triage.judge import Turn
from triage.verdict import CallTriaged


class Calls:
    """Calls that are heard and judged in a room with the listener."""

    def __init__(self, r: Room) -> None:
        self.room = r
        self.said: dict[str, list[tuple[str, str]]] = {}
        IncidentListener(r.bus, r.database, r.clock, self._caller_said, small_judge().gazetteer.find)

    async def _caller_said(self, call_id: str) -> Sequence[tuple[str, str]]:
        return self.said.get(call_id, [])

    async def say(self, call_id: str, text: str, line: str = "119") -> None:
        words = self.said.setdefault(call_id, [])
        words.append((f"{call_id}-{len(words)}", text))
        verdict = small_judge().judge(line, [Turn("caller", said) for _, said in words])
        await self.tell(CallTriaged(at=self.room.clock.now(), call_id=call_id, verdict=verdict))

    async def tell(self, event: Event) -> None:
        async with self.room.database.work() as work:
            work.record(event)
        await self.room.bus.drain()

    def found(self, call_id: str) -> list[list[str]]:
        """The calls of each suggestion that was told to this call."""
        told = [e for e in self.room.events if isinstance(e, IncidentSuggested) and e.call_id == call_id]
        return [[s.call_id for s in event.found] for event in told]


@asynccontextmanager
async def calls(folder: Path) -> AsyncIterator[Calls]:
    async with room(folder) as r:
        yield Calls(r)


FIRE = "华洲村这边一栋自建房着火了，烟好大"
SAME = "池店花洲村有房子烧起来了"


async def test_the_second_caller_is_suggested_the_first_and_nothing_is_linked(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        await c.say("1.1", FIRE)
        c.room.clock.advance(120)
        await c.say("1.2", "喂，你好")
        assert c.found("1.2") == []
        await c.say("1.2", SAME)
        assert c.found("1.2") == [["1.1"]]
        event = next(e for e in c.room.events if isinstance(e, IncidentSuggested) and e.call_id == "1.2")
        assert ("place", "华洲村") in event.found[0].grounds
        assert ("time", "120") in event.found[0].grounds
        async with c.room.database.read() as session:
            row = await session.get(LikelyIncident, "1.2")
            assert row is not None and suggestions(row) == event.found
            assert await session.scalar(select(func.count()).select_from(TicketLink)) == 0


async def test_the_same_suggestion_is_not_told_twice(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        await c.say("1.1", FIRE)
        await c.say("1.2", SAME)
        await c.say("1.2", "你们快点来啊")
        assert c.found("1.2") == [["1.1"]]


async def test_after_an_hour_another_fire_is_another_fire(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        await c.say("1.1", FIRE)
        c.room.clock.advance(61 * 60)
        await c.say("1.2", SAME)
        assert c.found("1.2") == []


async def test_closed_tickets_are_not_suggested(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        ticket = await c.room.drafted("1.1", line="119")
        await c.say("1.1", FIRE)
        await c.room.tickets.close(ticket.id, CHIEF, "火已扑灭")
        await c.say("1.2", SAME)
        assert c.found("1.2") == []


async def test_a_look_up_does_not_grow_with_closed_tickets_and_finds_one_that_is_opened_again(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        ticket = await c.room.drafted("1.1", line="119")
        await c.say("1.1", FIRE)
        await c.room.tickets.close(ticket.id, CHIEF, "火已扑灭")
        await c.room.bus.drain()
        async with c.room.database.read() as session:
            kept = await session.scalars(select(store.IncidentKey.key).where(store.IncidentKey.call_id == "1.1"))
            assert list(kept) == []
            assert await store.get(session, "1.1") is not None
        async with c.room.database.work() as work:
            again = await TicketRepository(work.session).get(ticket.id)
            move(work, c.room.tickets.flows, again, "reopen", SYSTEM, c.room.clock.now())
        await c.room.bus.drain()
        await c.say("1.2", SAME)
        assert c.found("1.2") == [["1.1"]]


async def test_a_place_that_a_person_writes_counts_before_what_was_heard(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        await c.say("1.1", FIRE)
        ticket = await c.room.drafted("1.2", line="119")
        await c.say("1.2", "新店村这边着火了，烟好大")
        assert c.found("1.2") == []
        await c.room.tickets.edit(ticket.id, {"place": "池店镇华洲村"}, AGENT)
        await c.room.bus.drain()
        assert c.found("1.2") == [["1.1"]]
        await c.say("1.2", "对，就是那里")
        async with c.room.database.read() as session:
            account = await store.get(session, "1.2")
        assert account is not None and account.community == "华洲村"


async def test_positions_from_the_network_count(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        for number, latitude in (("1.1", 24.7800), ("1.2", 24.7805)):
            await c.tell(
                CallLocated(at=c.room.clock.now(), call_id=number, latitude=latitude, longitude=118.55, radius_m=50)
            )
            await c.say(number, "着火了，烟好大，快来")
        assert c.found("1.2") == [["1.1"]]


async def test_what_is_too_old_is_forgotten_while_calls_go_on(tmp_path: Path) -> None:
    async with calls(tmp_path) as c:
        await c.say("1.1", FIRE)
        c.room.clock.advance(timedelta(days=15).total_seconds())
        await c.say("1.2", SAME)
        async with c.room.database.read() as session:
            assert await store.get(session, "1.1") is None
