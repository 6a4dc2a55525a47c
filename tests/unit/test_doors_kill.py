"""Messages out survive SIGKILL of the process that sends them, on SQLite and on PostgreSQL."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.city import City
from core.cityfile import load_city
from tests.eventually import PATIENCE_S
from tests.postgres import postgres_programs
from tests.unit.doors_support import SECRET, Receiver
from tests.unit.ticket_support import CHIEF, CITY, Room
from ticketing.doors import hooks, items, open311
from ticketing.doors.deliver import HELD, Deliverer
from ticketing.doors.intake import Said
from ticketing.doors.outward import Sender, networks
from ticketing.doors.room import Doors

ROOT = Path(__file__).parents[2]
#: Sends what is due, until somebody kills it.
CHILD = """
import asyncio, sys
from pathlib import Path
from tests.unit.doors_support import SECRET
from tests.unit.ticket_support import CITY, Room
from ticketing.doors.deliver import Deliverer
from ticketing.doors.outward import Sender, networks
from ticketing.doors.room import Doors

async def main():
    room = Room(sys.argv[1])
    made = Doors(room.database, CITY, room.clock, secret=SECRET, data=Path(sys.argv[2]))
    await Deliverer(room.database, made.hooks, Sender(networks("127.0.0.1")), room.clock).run()

asyncio.run(main())
"""


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.skipif(not postgres_programs(), reason="no PostgreSQL")),
    ]
)
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Room, Doors, str]]:
    sqlite = f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    opened = Room(url)
    await opened.database.create_all()
    yield opened, Doors(opened.database, CITY, opened.clock, secret=SECRET, data=tmp_path), url
    await opened.close()


async def test_a_sender_that_is_killed_loses_nothing(room: tuple[Room, Doors, str], tmp_path: Path) -> None:
    opened, made, url = room
    async with Receiver(hang=True).open() as receiver:
        await made.hooks.add("x", f"http://127.0.0.1:{receiver.port}/", ["ticket.created", "ticket.moved"], "lin")
        tickets = [(await opened.drafted(f"1.{number}")).number for number in range(3)]
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, url, str(tmp_path), cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S):
            await receiver.arrived.wait()
        child.send_signal(signal.SIGKILL)
        await child.wait()
        # What was on its way has its id, and nobody wrote down whether it arrived.
        on_its_way = {headers["webhook-id"] for headers, _ in receiver.got}
        receiver.hang = False
        sender = Sender(networks("127.0.0.1"))
        after = Deliverer(opened.database, made.hooks, sender, opened.clock)
        opened.clock.advance(HELD.total_seconds() + 1)
        while await after.tick():
            await after.settle()
        async with opened.database.read() as session:
            rows = await hooks.deliveries(session)
        assert sorted(row.number for row in rows) == tickets and {row.state for row in rows} == {"done"}
        assert on_its_way <= {row.message_id for row in rows}
        await sender.close()


async def test_items_are_made_and_found_on_every_database(room: tuple[Room, Doors, str]) -> None:
    opened, made, _url = room
    first = await made.intake.take_in("open311", Said(text="停水", code="S0104", public=True), external_id="k:1")
    again, other = await asyncio.gather(
        made.intake.take_in("open311", Said(text="停水", code="S0104", public=True), external_id="k:1"),
        made.intake.take_in("letter", Said(text="来信一封", phone="13800138000")),
    )
    assert again.number == first.number != other.number
    await made.letters.write(await _item(opened, other.ticket_id), CHIEF, "答复")
    async with opened.database.read() as session:
        shown = await items.public(session, open311.search({}, opened.clock.now()), batch=False)
        assert [entry.ticket.number for entry in shown] == [first.number]
        assert await items.count_waiting(session) == 2 and len(await items.waiting(session)) == 2
        assert len(await hooks.states(session)) == 0


async def _item(opened: Room, ticket_id: str) -> str:
    async with opened.database.read() as session:
        entry = await items.of_ticket(session, ticket_id)
    assert entry is not None
    return entry.item.id


def test_the_example_city_says_what_its_doors_are() -> None:
    city: City = load_city(ROOT / "cities" / "jinjiang")
    assert (city.doors.reply_workdays, city.doors.open311) == (7, "realtime")
