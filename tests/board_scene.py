"""A morning on the dispatchers' board, over a city in memory; ``python -m tests.board_scene --port 8001`` shows it."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from core.city import City, Person
from core.cityfile import load_city
from core.clock import SystemClock
from desk.app import create_app
from desk.server import DeskServer
from tests import desk_fakes
from tests.desk_fakes import CITY, PASSWORD, Stage, make_stage
from tests.dispatch_kit import HERE
from ticketing.actor import Actor
from ticketing.tables import Ticket

WANG = Actor("wang", "agent", extension="1001")
DIAO = Actor("diao", "dispatcher")


def with_dispatchers(city: City = CITY) -> City:
    """``diao`` has the whole city, ``quan`` the urban department's area alone."""
    return city.model_copy(
        update={
            "people": (
                *CITY.people,
                Person(login="diao", name="派单员", role="dispatcher", password=PASSWORD),
                Person(login="quan", name="片区派单", role="dispatcher", password=PASSWORD, department="urban"),
            )
        }
    )


async def calls_in(stage: Stage, call: str, line: str, **fields: object) -> Ticket:
    """A draft of a call, with these fields."""
    await stage.city.arrive(call, line, "13800001111")
    ticket = await stage.city.answer(call, "1001")
    return await stage.services.tickets.edit(ticket.id, fields, WANG)


async def fire(stage: Stage, call: str = "c-f", place: str = "池店镇华洲村") -> Ticket:
    """An emergency that is being taken."""
    return await calls_in(
        stage, call, "119", code="E101", place=place, is_emergency=True, summary="自建房冒烟，楼上有人"
    )


async def noise(stage: Stage, call: str = "c-n", sent: bool = False) -> Ticket:
    """A service matter, sent to its department or waiting for somebody to send it."""
    ticket = await calls_in(stage, call, "12345", code="S101", place="池店镇", summary="工地夜里施工 13900002222")
    ticket = await stage.services.tickets.submit(ticket.id, WANG)
    if sent:
        return ticket
    return await stage.services.tickets.refuse(ticket.id, DIAO, "派错")


async def morning(stage: Stage) -> None:
    """A little of everything."""
    for n in range(3):
        await noise(stage, f"c-n{n}")
        await noise(stage, f"c-s{n}", sent=True)
    burning = await fire(stage)
    await stage.services.dispatch.scenes.place(burning.id, *HERE, DIAO)
    other = await fire(stage, "c-g")
    await stage.services.dispatch.scenes.place(other.id, HERE[0] + 0.006, HERE[1] + 0.003, DIAO)
    await stage.services.dispatch.send(other.id, ["e1"], DIAO)


async def show(port: int, jinjiang: bool) -> None:
    """Serve it until interrupted."""
    with tempfile.TemporaryDirectory() as folder:
        city = load_city(Path("cities/jinjiang")) if jinjiang else CITY
        desk_fakes.CITY = with_dispatchers(city)
        stage = await make_stage(Path(folder), SystemClock())
        await morning(stage)
        server = DeskServer(create_app(stage.services), "127.0.0.1", port)
        await server.start()
        print(f"http://127.0.0.1:{server.port}/board  diao, quan, lin / {PASSWORD}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--jinjiang", action="store_true", help="the example city's grids and units")
    chosen = parser.parse_args()
    asyncio.run(show(chosen.port, chosen.jinjiang))
