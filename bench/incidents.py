"""How soon a desk sees earlier calls about the same: from the caller's words to the event at the page.

The real process but for sound and telephone: judge, tickets, look-up and the desk's web server over SQLite, a page that
listens over HTTP; beside it so many open tickets of two weeks, whose calls told what the seed corpus says at the city's
places, and as many closed ones as asked for.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import insert

from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from desk.app import create_app
from desk.server import DeskServer
from tests.desk_fakes import PASSWORD, Stage, make_stage
from ticketing.likely import IncidentListener
from ticketing.listener import TicketListener
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.incidents import store
from triage.incidents.account import Account, account_of, keys
from triage.incidents.rarity import seed_rarity
from triage.judge import Judge
from triage.learn.corpus import seed_corpus
from triage.learn.shelf import ensure_model
from triage.listener import TriageListener
from triage.turns import Turn

#: Calls measured, each with an earlier one about the same.
CALLS = 40
#: Different texts that were judged; with more tickets they are told again at other times.
TEXTS = 4000
SEEN_WITHIN_S = 10.0
DAYS = 14
#: What the first and the second caller say of one matter, at one place.
SCENES = (
    ("119", "{place}这边有房子着火了，烟好大", "{place}有一栋楼在冒烟，看得到火"),
    ("12345", "{place}从早上就停水了，一滴都没有", "我们{place}没水，什么时候来水"),
    ("120", "{place}有人晕倒了，叫他没反应", "{place}有个老人倒在地上，没有意识"),
    ("12345", "{place}的工地半夜还在打桩，吵得睡不着", "{place}工地又在施工，噪音太大了"),
)


@dataclass(frozen=True)
class Filled:
    """What the database holds before the calls."""

    seconds: float
    keys: int


async def fill(
    database: Database, city: City, judge: Judge, count: int, closed: int, now: datetime, progress: Progress
) -> Filled:
    """Tickets and what their calls told, spread over two weeks; the closed ones are not found by keys."""
    start = time.perf_counter()
    chance = random.Random(3)  # noqa: S311
    examples = [example for example in seed_corpus(city) if len(example.text) > 8]
    told: list[Account] = []
    task = progress.add_task("judging", total=min(TEXTS, count))
    for number, example in enumerate(chance.sample(examples, min(TEXTS, count))):
        line = "119" if example.emergency else "12345"
        text = example.text
        if number % 2:
            town = chance.choice([t for t in city.towns if t.communities])
            text = f"{town.name}{chance.choice(town.communities).name}，{text}"
        told.append(account_of("", now, judge.judge(line, [Turn("caller", text)]), [text]))
        progress.advance(task)
    task = progress.add_task("writing", total=count + closed)
    found = 0
    for begin in range(0, count + closed, 1000):
        tickets: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        kept: list[dict[str, Any]] = []
        for number in range(begin, min(begin + 1000, count + closed)):
            at = now - timedelta(seconds=chance.uniform(0, DAYS * 86400))
            account = replace(told[number % len(told)], call_id=f"old-{number}", at=at)
            is_open = number < count
            tickets.append(
                {
                    "id": f"t{number}", "number": f"T{number}", "call_id": account.call_id, "line": "12345",
                    "caller": "", "caller_digits": "", "state": "handling" if is_open else "closed",
                    "is_emergency": account.emergency, "created_at": at,
                }
            )  # fmt: skip
            kept.append({"call_id": account.call_id, "at": at, "body": store.body_of(account), "settled": ""})
            if is_open:
                rows += [{"key": key, "at": at, "call_id": account.call_id} for key in keys(account)]
        async with database.work() as work:
            await work.session.execute(insert(Ticket), tickets)
            await work.session.execute(insert(store.StoredAccount), kept)
            if rows:
                await work.session.execute(insert(store.IncidentKey), rows)
        found += len(rows)
        progress.advance(task, len(tickets))
    return Filled(time.perf_counter() - start, found)


class Page:
    """A desk's page: it signs in, listens to the live stream, and notes when it is told of likely incidents."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._told: dict[str, asyncio.Future[tuple[float, int]]] = {}
        self.open = asyncio.Event()

    def expect(self, call_id: str) -> asyncio.Future[tuple[float, int]]:
        """Resolves with the time of the first suggestion for this call, and how many there were in it."""
        return self._told.setdefault(call_id, asyncio.get_running_loop().create_future())

    async def listen(self) -> None:
        kind = ""
        async with self._client.stream("GET", "/live") as stream:
            self.open.set()
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind == "IncidentSuggested":
                    body = json.loads(line.removeprefix("data: "))
                    waiting = self._told.get(body["call_id"])
                    if waiting is not None and not waiting.done() and body["found"]:
                        waiting.set_result((time.perf_counter(), len(body["found"])))


def rooms(stage: Stage, city: City, judge: Judge) -> None:
    """What the house joins to the bus, in its order."""
    fake, database = stage.city, stage.services.database
    tickets = Tickets(database, city, stage.clock)

    async def said(call_id: str) -> list[tuple[str, str]]:
        return [(row.utterance_id, row.text) for row in fake.said.get(call_id, []) if row.leg == "caller"]

    async def facts(call_id: str) -> tuple[str, str] | None:
        row = fake.rows.get(call_id)
        return (row.line, row.caller) if row else None

    async def heard(_session: object, _call_id: str) -> list[Any]:
        return []

    TriageListener(stage.bus, database, city, stage.clock, heard, judge)
    IncidentListener(stage.bus, database, stage.clock, said, judge.gazetteer.find)
    TicketListener(stage.bus, tickets, facts, fake.latest, said)


async def run(count: int, closed: int, folder: Path) -> dict[str, Any]:
    console = Console(stderr=True)
    settings = Settings()
    city = load_city(settings.city_folder)
    judge = Judge(city, model=ensure_model(settings, city, console))
    seed_rarity()
    stage = await make_stage(folder, SystemClock())
    rooms(stage, city, judge)
    with Progress(console=console, transient=True) as progress:
        filled = await fill(stage.services.database, city, judge, count, closed, stage.clock.now(), progress)
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    took, offered, missed = [], [], 0
    try:
        base = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=base, timeout=None, follow_redirects=True) as client:  # noqa: S113
            answer = await client.post("/login", data={"login": "wang", "password": PASSWORD})
            answer.raise_for_status()
            page = Page(client)
            listening = asyncio.create_task(page.listen())
            await asyncio.wait_for(page.open.wait(), SEEN_WITHIN_S)
            chance = random.Random(11)  # noqa: S311
            for number in range(CALLS):
                line, first, second = SCENES[number % len(SCENES)]
                town = chance.choice([t for t in city.towns if len(t.communities) > 3])
                place = town.name + chance.choice(town.communities).name
                for call, text, desk in ((f"a-{number}", first, "1002"), (f"b-{number}", second, "1001")):
                    await stage.city.arrive(call, line, f"1380000{number:04d}")
                    await stage.city.answer(call, desk)
                    await stage.bus.drain()
                    waiting = page.expect(call)
                    begin = time.perf_counter()
                    await stage.city.say(call, text.format(place=place))
                    if call.startswith("b"):
                        try:
                            at, many = await asyncio.wait_for(waiting, SEEN_WITHIN_S)
                            took.append(1000 * (at - begin))
                            offered.append(many)
                        except TimeoutError:
                            missed += 1
                    await stage.bus.drain()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    finally:
        await server.stop()
        await stage.bus.close()
        await stage.services.database.close()
    took.sort()
    return {
        "open_tickets": count, "closed_tickets": closed, "calls": CALLS, "suggested": len(took),
        "not_suggested": missed,
        "p50_ms": round(statistics.median(took), 1), "p95_ms": round(took[int(0.95 * (len(took) - 1))], 1),
        "max_ms": round(took[-1], 1), "offered_median": statistics.median(offered),
        "keys": filled.keys, "filling_s": round(filled.seconds, 1), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench incidents", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--open", type=int, nargs="+", default=[1000, 20_000], help="open tickets (default 1000 20000)")
    parser.add_argument("--closed", type=int, default=0, help="closed tickets beside them (default 0)")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on the last line")
    arguments = parser.parse_args()
    results = []
    for count in arguments.open:
        with tempfile.TemporaryDirectory() as folder:
            results.append(asyncio.run(run(count, arguments.closed, Path(folder))))
    table = Table("what", *(f"{row['open_tickets']} open" for row in results))
    for key in results[0]:
        table.add_row(key.replace("_", " "), *(str(row[key]) for row in results))
    Console(stderr=arguments.json).print(table)
    if arguments.json:
        print(json.dumps({"cases": results}))


if __name__ == "__main__":
    main()
