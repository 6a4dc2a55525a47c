"""What the benchmark measures, in a process of its own: the application over a city in memory where 50 calls talk."""

import asyncio
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from core.city import Person
from core.clock import SystemClock
from desk.access.users import Users
from desk.app import create_app
from desk.server import DeskServer
from tests.desk_fakes import CITY, PASSWORD, make_stage
from tests.fake_city import FakeCity

#: Desks, each with a call taker who looks at a page: login and extension.
DESKS = {f"desk{number}": str(2001 + number) for number in range(400)}
#: Talking at once, on the first desks, and how often each says something: every utterance, and its partial texts.
CALLS, UTTERANCE_S, PARTIALS = 50, 5.0, 5
#: One caller more arrives in the queue, and one leaves it.
ARRIVAL_S = 0.5
SAID = "池店镇华洲村这边有一栋自建房在冒烟，火从二楼窗户出来了"


async def talk(city: FakeCity, call_id: str, first_s: float) -> None:
    """One call: partial texts, then the utterance, again and again."""
    await asyncio.sleep(first_s)
    for number in count():
        for part in range(1, PARTIALS + 1):
            city.partial(call_id, f"{call_id}-{number}", SAID[: len(SAID) * part // PARTIALS])
            await asyncio.sleep(UTTERANCE_S / PARTIALS)
        await city.say(call_id, f"{SAID}，第{number}遍")


async def queue(city: FakeCity) -> None:
    """Callers who wait for twenty others."""
    for number in count():
        await city.arrive(f"q-{number}", "12345", f"1390000{number % 10000:04d}")
        if number >= 20:
            await city.end(f"q-{number - 20}")
        await asyncio.sleep(ARRIVAL_S)


async def main(port: int) -> None:
    with tempfile.TemporaryDirectory(prefix="heyi-bench-") as folder:
        stage = await make_stage(Path(folder), SystemClock())
        people = tuple(
            Person(login=login, name=login, role="agent", password=PASSWORD, extension=extension)
            for login, extension in DESKS.items()
        )
        await Users(stage.services.database).seed_people(CITY.model_copy(update={"people": people}))
        some = next(iter(stage.city.states.values()))
        stage.city.states |= {extension: replace(some, extension=extension) for extension in DESKS.values()}
        desk = DeskServer(create_app(stage.services), "127.0.0.1", port)
        await desk.start()
        for number, extension in enumerate(list(DESKS.values())[:CALLS]):
            await stage.city.arrive(f"c-{number}", "119", f"1380000{number:04d}")
            await stage.city.answer(f"c-{number}", extension)
        tasks = [
            asyncio.create_task(talk(stage.city, f"c-{n}", n * UTTERANCE_S / CALLS), name=f"call {n}")
            for n in range(CALLS)
        ]
        tasks.append(asyncio.create_task(queue(stage.city), name="queue"))
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        print("ready", flush=True)
        await stop.wait()
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await desk.stop()
        await stage.bus.close()
        await stage.services.database.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
