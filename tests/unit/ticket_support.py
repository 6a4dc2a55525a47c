"""A small city, a clock and a database for the tests of tickets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from core.bus import Bus
from core.city import Category, City, Department, Desk, Group, Line, Profile, Town
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from telephony.events import CallEnded, KeyPressed
from ticketing.actor import Actor
from ticketing.callbacks.plan import CallbackPolicy
from ticketing.callbacks.robot import CallbackRunner
from ticketing.flows.table import replay
from ticketing.repository import TicketRepository
from ticketing.service import Tickets
from ticketing.tables import Callback, Ticket, TicketHistory
from triage.verdict import Candidate, Place, Verdict

AGENT = Actor("agent1", "agent", extension="1001")
AGENT2 = Actor("agent2", "agent", extension="1002")
WATER = Actor("water1", "department", department="water")
WATER2 = Actor("water2", "department", department="water")
URBAN = Actor("urban1", "department", department="urban")
FIRE = Actor("fire1", "department", department="fire")
CHIEF = Actor("chief", "supervisor")

#: 10:00 in the city.
START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)

CITY = City(
    profile=Profile(
        code="350582", name="晋江市", name_en="Jinjiang", area_code="0595", ticket_prefix="JJ", timezone="Asia/Shanghai"
    ),
    lines=(
        Line(
            number="119", name="火警", name_en="Fire", kind="emergency", priority=100, opening="您好", department="fire"
        ),
        Line(
            number="12345",
            name="热线",
            name_en="Service",
            kind="service",
            priority=10,
            opening="您好",
            department="centre",
        ),
        Line(
            number="85680000",
            name="供水",
            name_en="Water",
            kind="service",
            priority=10,
            opening="您好",
            department="water",
        ),
    ),
    desks=(Desk(extension="1001", name="一号台"),),
    departments=tuple(
        Department(id=key, name=key, name_en=key, kind="bureau") for key in ("fire", "centre", "water", "urban")
    ),
    towns=(Town(name="池店镇"),),
    taxonomy=(
        Group(
            code="E1",
            name="火灾",
            name_en="Fire",
            emergency=True,
            categories=(Category(code="E101", name="建筑", name_en="B", department="fire", due_hours=2),),
        ),
        Group(
            code="S01",
            name="城乡建设",
            name_en="Building",
            emergency=False,
            categories=(
                Category(code="S0104", name="供水", name_en="W", department="water", assist=("urban",), due_hours=24),
                Category(code="S0108", name="违建", name_en="I", department="urban", due_hours=168),
            ),
        ),
        Group(
            code="X",
            name="其他",
            name_en="Other",
            emergency=False,
            categories=(Category(code="X02", name="误拨", name_en="M", department="centre", due_hours=24),),
        ),
    ),
)

POLICY = CallbackPolicy(
    first_delay=timedelta(minutes=10),
    retry_delays=(timedelta(hours=1), timedelta(hours=3)),
    quiet_from=time(21),
    quiet_to=time(8),
    max_attempts=3,
)


@dataclass
class FakeDialler:
    """Remembers what was dialled; ``answer`` is what ``place`` gives, or raises."""

    answer: bool | BaseException = True
    dialled: list[tuple[str, str, str]] = field(default_factory=list)

    async def place(self, *, call_id: str, number: str, ticket_number: str) -> bool:
        self.dialled.append((call_id, number, ticket_number))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Room:
    """The whole room on one database."""

    def __init__(self, url: str, policy: CallbackPolicy = POLICY) -> None:
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.listen(self.events.append)
        self.clock = ManualClock(START)
        self.database = Database(url, self.bus)
        self.tickets = Tickets(self.database, CITY, self.clock, policy)
        self.dialler = FakeDialler()
        self.runner = CallbackRunner(self.database, self.tickets, self.dialler, self.clock)

    async def get(self, ticket_id: str) -> Ticket:
        async with self.database.read() as session:
            return await TicketRepository(session).get(ticket_id)

    async def history(self, ticket_id: str) -> list[TicketHistory]:
        async with self.database.read() as session:
            return list(await TicketRepository(session).history(ticket_id))

    async def replayed(self, ticket_id: str) -> str:
        """The phase that a ticket's history leads to; flow and step are the ticket's own."""
        told, ticket = replay(await self.history(ticket_id), self.tickets.flows), await self.get(ticket_id)
        assert (told.flow, told.step) == (ticket.flow, ticket.step)
        return told.phase

    async def callbacks(self, ticket_id: str) -> list[Callback]:
        async with self.database.read() as session:
            return list(await TicketRepository(session).callbacks(ticket_id))

    async def drafted(self, call_id: str = "1.1", line: str = "12345", caller: str = "13800138000") -> Ticket:
        return await self.tickets.draft(call_id, line, caller, "1001")

    async def reported(self, call_id: str = "1.1", caller: str = "13800138000") -> Ticket:
        """A ticket on burst pipes that the water company has handled."""
        ticket = await self.drafted(call_id, caller=caller)
        await self.tickets.submit(ticket.id, AGENT, {"code": "S0104", "place": "池店镇华洲村"})
        await self.tickets.accept(ticket.id, WATER)
        return await self.tickets.report(ticket.id, WATER, "爆裂水管已更换，恢复供水")

    async def dial(self, minutes: float) -> str:
        """Let time pass and one attempt be dialled; its call id."""
        self.clock.advance(minutes * 60)
        before = len(self.dialler.dialled)
        await self.runner.tick()
        assert len(self.dialler.dialled) == before + 1
        return self.dialler.dialled[-1][0]

    async def key(self, call_id: str, digit: str) -> None:
        await self.runner.handle(KeyPressed(at=self.clock.now(), call_id=call_id, question="satisfaction", digit=digit))

    async def hangup(self, call_id: str, outcome: str = "answered") -> None:
        await self.runner.handle(
            CallEnded(at=self.clock.now(), call_id=call_id, outcome=outcome, cause=16, by="caller", talked_s=8.0)
        )

    async def close(self) -> None:
        await self.bus.close()
        await self.database.close()


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Room]:
    opened = Room(f"sqlite+aiosqlite:///{folder / 'heyi.db'}")
    await opened.database.create_all()
    try:
        yield opened
    finally:
        await opened.close()


def verdict(
    outcome: str = "service", code: str = "", place: str = "", phone: str = "", department: str = "", nature: str = ""
) -> Verdict:
    return Verdict(
        outcome=outcome,  # type: ignore[arg-type]
        p_emergency=0.9 if outcome == "emergency" else 0.1,
        candidates=(Candidate(code=code, probability=0.8),) if code else (),
        nature=nature,
        department=department,
        assist=(),
        places=(Place(canonical=place, town="", community="", mention=place, score=1.0),) if place else (),
        phone=phone,
        reasons=(),
    )
