"""A unit of work at whose end departments' parts, units' orders and clocks have followed what it did to tickets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.database import Database, Work
from ticketing.assign.parts import Parts
from ticketing.clocks.follow import clocked
from ticketing.clocks.keeper import Keeper
from ticketing.events import TicketEdited, TicketMoved
from ticketing.flows.table import Flows
from ticketing.tables import Ticket


@asynccontextmanager
async def changing(database: Database, keeper: Keeper, flows: Flows | None = None) -> AsyncIterator[Work]:
    """Like :meth:`core.database.Database.work`, for whatever moves tickets."""
    async with clocked(database, keeper) as work:
        yield work
        parts = Parts(keeper.city, keeper, flows or Flows(keeper.city))
        for event in [e for e in work.events if isinstance(e, TicketMoved)]:
            ticket = await work.session.get(Ticket, event.ticket_id)
            if ticket is not None:
                await parts.moved(work, ticket, event)
        touched = {e.ticket_id: e.at for e in work.events if isinstance(e, TicketMoved | TicketEdited)}
        for follower in keeper.followers if touched else ():
            await work.session.flush()
            for ticket_id, at in touched.items():
                ticket = await work.session.get(Ticket, ticket_id)
                if ticket is not None:
                    await follower.follow(work, ticket, at)
