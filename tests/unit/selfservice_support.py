"""Self-service over a database of its own, with the city of Jinjiang."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.clock import ManualClock
from core.database import Database
from core.events import Event
from tests.desk_fakes import write_wav
from ticketing.actor import Actor
from ticketing.assign.service import Assignments
from ticketing.knowledge.service import Knowledge
from ticketing.selfservice.announcements import Announcements
from ticketing.selfservice.service import SelfService
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.places import Gazetteer

AGENT = Actor("agent1", "agent", extension="1001")
CHIEF = Actor("chief", "supervisor")
WATER = Actor("water1", "department", department="water")
#: Friday, 10:00 in the city.
START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
CALLER, OTHER, OWNER = "13800138000", "13900139000", "13705951234"


@cache
def jinjiang() -> City:
    return load_city(Path(__file__).resolve().parents[2] / "cities" / "jinjiang")


@cache
def gazetteer() -> Gazetteer:
    return Gazetteer(jinjiang())


class Site:
    """One process over a database; two of them over the same file are two processes."""

    def __init__(self, folder: Path, clock: ManualClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or ManualClock(START)
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.listen(self.events.append)
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", self.bus)
        self.tickets = Tickets(self.database, jinjiang(), self.clock)
        self.assignments = Assignments(self.database, self.tickets, self.clock)
        self.knowledge = Knowledge(self.database, jinjiang(), self.clock, self.tickets)
        self.sayable = True
        self.recordings = folder / "recordings"
        self.service = SelfService(
            self.database, jinjiang(), self.clock, self.tickets, self.assignments, self.knowledge,
            recordings=self.recordings, find_places=gazetteer().find, sayable=lambda _text: self.sayable,
        )  # fmt: skip

    @property
    def cuts(self) -> Announcements:
        return self.service.announcements

    async def ask(
        self, name: str, arguments: Mapping[str, str] | None = None, caller: str = CALLER, call_id: str = "hy-2.1"
    ) -> tuple[str, dict[str, str]]:
        return await self.service.look_up(name, arguments or {}, caller, call_id, "12345", self.clock.now())

    async def ticket(self, call_id: str = "hy-1.1", caller: str = CALLER, **fields: object) -> Ticket:
        """One about burst pipes, in the hands of the water company."""
        drafted = await self.tickets.draft(call_id, "12345", caller, "1001")
        return await self.tickets.submit(
            drafted.id, AGENT, {"code": "S0104", "place": "池店镇华洲村", "contact_name": "王小明", **fields}
        )

    def message(self, name: str = "hy-2.1-voice-1.wav") -> str:
        write_wav(self.recordings / name, 1.0)
        return name

    async def close(self) -> None:
        await self.bus.close()
        await self.database.close()


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    opened = Site(folder)
    await opened.database.create_all()
    try:
        yield opened
    finally:
        await opened.close()


def figures(ticket: Ticket) -> str:
    return "".join(c for c in ticket.number if c.isdigit())
