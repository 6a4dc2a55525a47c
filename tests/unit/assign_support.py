"""The small city of the tickets' tests with towns below it, an arbiter, and time limits of departments."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import select
from ticket_support import CITY, POLICY, Room

from core.city import City, Community, Department, Town
from core.city_clocks import CityClocks, ClockPolicy
from core.city_levels import CityLevels, LevelRule
from ticketing.actor import Actor
from ticketing.assign.service import Assignments
from ticketing.assign.tables import Assignment, Nudge, Refusal
from ticketing.assign.watch import LevelWatch
from ticketing.service import Tickets
from ticketing.tables import Ticket

ARBITER = Actor("judge", "arbiter")
TOWN = Actor("town1", "department", department="town_chidian")
VILLAGE = Actor("village1", "department", department="community_350582101001")
POLICE = Actor("police1", "department", department="police")

ASSIGN_CITY = CITY.model_copy(
    update={
        "departments": (
            *CITY.departments,
            Department(id="police", name="公安局", name_en="Police", kind="emergency"),
            Department(id="town_chidian", name="池店镇人民政府", name_en="Chidian", kind="town", aliases=("池店镇",)),
        ),
        "towns": (
            Town(
                name="池店镇",
                communities=(
                    Community(name="华洲村", code="350582101001"),
                    Community(name="新店村", code="350582101002"),
                    Community(name="无码村"),
                ),
            ),
            Town(name="安海镇", communities=(Community(name="新店村", code="350582102001"),)),
        ),
        "clocks": CityClocks(
            policies=(
                ClockPolicy(kind="accept", amount=2, unit="hours"),
                ClockPolicy(kind="accept", level="town", amount=1, unit="hours"),
                ClockPolicy(kind="dispatch", amount=30, unit="minutes"),
            )
        ),
        "levels": CityLevels(
            rules=(LevelRule(codes=("S0108",), start="community", up_after=8, unit="hours", up_refusals=1),)
        ),
    }
)


class AssignRoom(Room):
    """The tickets' room with its parts."""

    def __init__(self, url: str, city: City = ASSIGN_CITY) -> None:
        super().__init__(url)
        self.use(city)

    def use(self, city: City) -> None:
        self.tickets = Tickets(self.database, city, self.clock, POLICY)
        self.runner._tickets = self.tickets
        self.assignments = Assignments(self.database, self.tickets, self.clock)
        self.watch = LevelWatch(self.database, self.assignments, self.clock)

    async def parts(self, ticket_id: str) -> Sequence[Assignment]:
        async with self.database.read() as session:
            return await self.tickets.parts.of(session, ticket_id)

    async def part(self, ticket_id: str, department: str) -> Assignment:
        """The latest part of a department."""
        return [part for part in await self.parts(ticket_id) if part.department == department][-1]

    async def states(self, ticket_id: str) -> list[tuple[str, str, str]]:
        return [(part.department, part.part, part.state) for part in await self.parts(ticket_id)]

    async def refusals(self, ticket_id: str) -> list[Refusal]:
        async with self.database.read() as session:
            found = select(Refusal).where(Refusal.ticket_id == ticket_id).order_by(Refusal.at, Refusal.id)
            return list(await session.scalars(found))

    async def nudges(self, ticket_id: str) -> list[Nudge]:
        async with self.database.read() as session:
            return list(await session.scalars(select(Nudge).where(Nudge.ticket_id == ticket_id).order_by(Nudge.at)))

    async def sent(self, code: str = "S0104", place: str = "", call_id: str = "1.1") -> Ticket:
        """A ticket that its departments have just got: water with urban assisting, or a rule's."""
        agent = Actor("agent1", "agent", extension="1001")
        ticket = await self.drafted(call_id)
        return await self.tickets.submit(ticket.id, agent, {"code": code, "place": place})


@asynccontextmanager
async def assign_room(folder: Path, city: City = ASSIGN_CITY) -> AsyncIterator[AssignRoom]:
    opened = AssignRoom(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", city)
    await opened.database.create_all()
    try:
        yield opened
    finally:
        await opened.close()
