"""A morning on the dispatchers' board, over a city in memory; ``python -m tests.board_scene --port 8001`` shows it."""

import argparse
import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.city import City, Person
from core.cityfile import load_city
from core.clock import ManualClock
from desk.app import create_app
from desk.server import DeskServer
from tests import desk_fakes
from tests.desk_fakes import CITY, PASSWORD, Stage, make_stage
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


#: Line, category, place, words, sent?, units, grade, where: what a morning in the example city may look like.
MORNING: tuple[tuple[str, str, str, str, bool, tuple[str, ...], int | None, tuple[float, float] | None], ...] = (
    ("12345", "S0401", "青阳街道演示网格2", "工地凌晨四点仍在打桩，整栋楼睡不着", True, (), None, None),
    ("12345", "S0201", "安海镇演示网格4", "校门口摊贩占道，学生只能走机动车道", True, ("urban-03",), None, None),
    ("12345", "S0104", "青阳街道", "整条街停水两小时，没有通知", False, (), None, None),
    ("12345", "S0203", "陈埭镇", "大树被风吹倒压住非机动车道", False, (), 3, None),
    ("12345", "S0202", "青阳街道演示网格8", "垃圾三天没清，已经发臭", False, (), None, None),
    ("12345", "S0501", "安海镇", "鞋厂拖欠四十多人两个月工资，来电 13900002222", False, (), None, None),
    ("12345", "S0103", "青阳街道演示网格5", "井盖缺失，晚上看不见", True, (), None, (118.5545, 24.7805)),
    ("12345", "S0205", "青阳街道演示网格6", "消防通道长期停车", True, (), None, None),
    (
        "119",
        "E101",
        "青阳街道演示网格3",
        "自建房冒烟，有人被困",
        True,
        ("fire-11", "amb-01"),
        2,
        (118.5581, 24.7771),
    ),
    ("120", "E302", "安海镇演示网格5", "老人胸口痛出冷汗", True, ("amb-03",), None, (118.4702, 24.7152)),
    ("122", "E401", "", "国道上两车相撞，有人流血", False, (), None, None),
    ("110", "E505", "青阳街道演示网格7", "烧烤店多人打架", False, (), None, (118.5462, 24.7862)),
)


async def morning(stage: Stage, clock: ManualClock) -> None:
    """Twelve tickets over two hours, some on their way, some late."""
    services = stage.services
    for n, (line, code, place, words, sent, units, grade, where) in enumerate(MORNING):
        fields = {"code": code, "place": place, "summary": words, "is_emergency": code.startswith("E")}
        ticket = await calls_in(stage, f"c-{n}", line, **fields)
        if where:
            await services.dispatch.scenes.place(ticket.id, *where, DIAO)
        if grade:
            await services.dispatch.scenes.grade(ticket.id, grade, DIAO)
        if units:
            await services.dispatch.send(ticket.id, units, DIAO)
            for unit in units[:1]:
                await services.dispatch.act(unit, "depart", DIAO)
        elif sent or not fields["is_emergency"]:
            ticket = await services.tickets.submit(ticket.id, WANG)
            if not sent:
                await services.tickets.refuse(ticket.id, DIAO, "须核实归属")
        clock.advance(900 if n < 7 else 90)
    await services.dispatch.act("police-02", "stand_down", DIAO, "加油")


async def show(port: int) -> None:
    """Serve it until interrupted."""
    with tempfile.TemporaryDirectory() as folder:
        desk_fakes.CITY = with_dispatchers(load_city(Path("cities/jinjiang")))
        clock = ManualClock(datetime.now(UTC) - timedelta(hours=2))
        stage = await make_stage(Path(folder), clock)
        await morning(stage, clock)
        server = DeskServer(create_app(stage.services), "127.0.0.1", port)
        await server.start()
        print(f"http://127.0.0.1:{server.port}/board  diao, lin / {PASSWORD}", flush=True)
        try:
            while True:
                await asyncio.sleep(1)
                clock.advance(1)
        finally:
            await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(show(parser.parse_args().port))
