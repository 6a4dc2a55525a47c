"""A room of tickets with units: fire engines, ambulances of the water company, a patrol."""

from collections.abc import Sequence
from pathlib import Path

from tests.dispatch_kit import dispatch
from tests.unit import ticket_support
from tests.unit.ticket_support import AGENT, CITY, Room
from ticketing.assign.tables import Assignment
from ticketing.dispatch.service import Dispatch
from ticketing.dispatch.tables import UnitOrder
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.verdict import Place

#: The water company has the ambulances here: the tests' city has no medical department.
OUR_CITY = CITY.model_copy(update={"dispatch": dispatch(medical="water")})


def find(text: str) -> Sequence[Place]:
    if "池店镇" not in text:
        return ()
    return (Place(canonical="池店镇", town="池店镇", community="", mention=text, score=1.0),)


class Scene(Room):
    """The room with units."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.tickets = Tickets(self.database, OUR_CITY, self.clock, ticket_support.POLICY)
        self.dispatch = Dispatch(self.database, self.clock, self.tickets, find)

    async def fire(self, submit: bool = True) -> Ticket:
        ticket = await self.drafted(line="119")
        fields = {"code": "E101", "place": "池店镇", "is_emergency": True}
        if submit:
            return await self.tickets.submit(ticket.id, AGENT, fields)
        return await self.tickets.edit(ticket.id, fields, AGENT)

    async def order(self, ticket_id: str, unit: str) -> UnitOrder:
        orders = (await self.dispatch.proposal(ticket_id)).orders
        return [order for order in orders if order.unit == unit][-1]

    async def states(self) -> dict[str, str]:
        return {u.standing.unit.key: u.standing.state for u in await self.dispatch.units()}

    def told(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]

    async def parts(self, ticket_id: str) -> Sequence[Assignment]:
        async with self.database.read() as session:
            return await self.tickets.parts.of(session, ticket_id)


async def opened(folder: Path) -> Scene:
    """A scene with an empty database in this folder; :meth:`Scene.close` ends it."""
    made = Scene(f"sqlite+aiosqlite:///{folder / 'heyi.db'}")
    await made.database.create_all()
    return made
