"""Two programs over one PostgreSQL: each clock is told of once."""

import asyncio

from clock_support import CLOCK_CITY, ClockRoom
from ticket_support import AGENT

from tests.postgres import Postgres
from ticketing.clocks.events import ClockEvent
from ticketing.clocks.watch import ClockWatch


async def test_two_programs_tell_each_clock_once(postgres: Postgres) -> None:
    url = postgres.new_database()
    one, two = ClockRoom(url), ClockRoom(url)
    two.clock = one.clock
    two.watch = ClockWatch(two.database, CLOCK_CITY, one.clock)
    try:
        await one.database.create_all()
        for call in range(12):
            ticket = await one.drafted(f"1.{call}", "119")
            await one.tickets.submit(ticket.id, AGENT, {"code": "E101"})
        one.clock.advance(61)
        told = await asyncio.gather(one.watch.tick(), two.watch.tick(), one.watch.tick(), two.watch.tick())
        events = [e for room in (one, two) for e in room.events if isinstance(e, ClockEvent)]
        assert sum(told) == len(events) == 12, "of twelve acceptances"
        assert len({event.clock_id for event in events}) == 12
        assert await two.watch.tick() == 0
    finally:
        await one.close()
        await two.close()
