"""Lists, filters, searches, opening and saving tickets among ten thousand, a hundred thousand and a million of them."""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import heyi.tables  # noqa: F401  every table
from asr.record.grams import phrases
from bench._tickets_fill import START, Life, filler
from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.clock import ManualClock
from core.database import Database
from core.settings import Settings
from tests.postgres import Postgres
from ticketing.actor import Actor
from ticketing.clocks.service import Clocks
from ticketing.listing import OPEN, Order, Wanted, page
from ticketing.repository import TicketRepository
from ticketing.service import Tickets
from ticketing.tables import Ticket

SIZES = (10_000, 100_000, 1_000_000)
#: Times that each operation is done, each time with other values.
TIMES = 100

Doing = Callable[[random.Random], Awaitable[object]]


class Bench:
    """Operations of the desk on a filled database."""

    def __init__(self, url: str, city: City, life: Life) -> None:
        self._url = url
        self._city = city
        self._life = life
        self._clock = ManualClock(life.at(0))
        self._size = 0
        #: Tickets to be opened, edited and accepted: chosen before the clock runs.
        self._chosen: dict[str, list[Ticket]] = {}

    async def fill(self, size: int, progress: Progress) -> None:
        """Let there be ``size`` tickets."""
        task = progress.add_task(f"filling up to {size:,} tickets", total=size, completed=self._size)
        into = filler(self._url)
        await into.begin()
        for rows in self._life.rows(self._size, size):
            await into.write(rows)
            progress.advance(task, len(rows["tickets"]))
        progress.update(task, description=f"building indexes of {size:,} tickets")
        await into.end()
        self._size = size
        self._clock = ManualClock(self._life.at(size) + timedelta(days=40))
        progress.remove_task(task)

    async def measure(self, progress: Progress) -> dict[str, dict[str, float]]:
        """p50 and p95 in milliseconds of each operation, and what this process worked at one (PostgreSQL's not)."""
        bus = Bus()
        database = Database(self._url, bus)
        await database.look_over()
        await self._choose(database)
        operations = self._operations(database)
        task = progress.add_task(f"measuring among {self._size:,}", total=len(operations))
        took: dict[str, list[float]] = defaultdict(list)
        worked: dict[str, float] = {}
        for name, do in operations.items():
            chance = random.Random(name)  # noqa: S311
            cpu = time.process_time()
            for _ in range(TIMES):
                began = time.perf_counter()
                await do(chance)
                took[name].append((time.perf_counter() - began) * 1000)
            worked[name] = round((time.process_time() - cpu) * 1000 / TIMES, 2)
            progress.advance(task)
        progress.remove_task(task)
        await database.close()
        await bus.close()
        return {name: {**figures(times), "cpu_ms": worked[name]} for name, times in took.items()}

    async def _choose(self, database: Database) -> None:
        chance = random.Random(self._size)  # noqa: S311
        async with database.read() as session:
            marks = [f"{self._life.at(chance.randrange(1, self._size)).isoformat()}~f" for _ in range(TIMES)]
            opened = [(await page(session, Wanted(), after=mark, limit=1)).tickets[0] for mark in marks]
            saved = (await page(session, Wanted(states=("handling",)), limit=TIMES)).tickets
            moved = (await page(session, Wanted(states=("dispatched",)), limit=TIMES)).tickets
        self._chosen = {"open": opened, "save": list(saved), "step": list(moved)}

    def _operations(self, database: Database) -> dict[str, Doing]:
        city, now, clock = self._city, self._clock.now(), self._clock
        tickets, clocks = Tickets(database, city, clock), Clocks(database, city, clock)
        codes = [category.code for group in city.taxonomy for category in group.categories]
        owners = {c.code: c.department for group in city.taxonomy for c in group.categories}
        lines = [line.number for line in city.lines]
        departments = sorted(set(owners.values()))
        villages = [c.name for town in city.towns for c in town.communities]
        taker = Actor("agent1", "agent", extension="1001")

        def lists(make: Callable[[random.Random], Wanted], order: Order = "newest") -> Doing:
            async def do(chance: random.Random) -> object:
                async with database.read() as session:
                    return await page(session, make(chance), order=order)

            return do

        async def far_page(chance: random.Random) -> object:
            at = self._life.at(chance.randrange(self._size))
            async with database.read() as session:
                return await page(session, Wanted(), after=f"{at.isoformat()}~f")

        async def open_one(chance: random.Random) -> object:
            ticket_id = self._chosen["open"].pop().id
            async with database.read() as session:
                repository = TicketRepository(session)
                ticket = await repository.get(ticket_id)
                return (
                    await repository.by_number(ticket.number), await repository.history(ticket_id),
                    await repository.callbacks(ticket_id), await repository.link_of(ticket_id),
                    await repository.children(ticket_id), await repository.of_caller(ticket.caller_digits, ticket_id),
                    await clocks.of_ticket(ticket_id),
                )  # fmt: skip

        async def save(chance: random.Random) -> object:
            ticket_id = self._chosen["save"].pop().id
            text = f"{chance.choice(villages)}路灯不亮{chance.randrange(10**6)}"
            return await tickets.edit(ticket_id, {"summary": text}, taker)

        async def step(chance: random.Random) -> object:
            ticket = self._chosen["step"].pop()
            return await tickets.accept(ticket.id, Actor("d1", "department", department=ticket.department))

        count = iter(range(10**9))

        async def opened(chance: random.Random) -> object:
            return await tickets.draft(f"new-{self._size}-{next(count)}", "12345", "13800138000", "1001")

        def words(*choice: str) -> Callable[[random.Random], Wanted]:
            return lambda chance: Wanted(phrases=phrases(chance.choice(choice)))

        day = timedelta(days=1)
        span = now - START

        def of_day(chance: random.Random) -> Wanted:
            since = now - chance.random() * span
            return Wanted(since=since, until=since + day, department=chance.choice(departments))

        return {
            "list: newest": lists(lambda _: Wanted()),
            "list: any later page": far_page,
            "list: open": lists(lambda _: Wanted(states=OPEN)),
            "list: open by due time": lists(lambda _: Wanted(states=OPEN), "due"),
            "filter: state": lists(lambda c: Wanted(states=(c.choice((*OPEN, "closed")),))),
            "filter: flow": lists(lambda c: Wanted(flow=c.choice(("six", "emergency", "four")))),
            "filter: department": lists(lambda c: Wanted(department=c.choice(departments))),
            "filter: department and state": lists(
                lambda c: Wanted(department=c.choice(departments), states=(c.choice(OPEN),))
            ),
            "filter: department, assisting too": lists(
                lambda c: Wanted(department=c.choice(departments), assisting=True)
            ),
            "filter: category": lists(lambda c: Wanted(code=c.choice(codes))),
            "filter: line": lists(lambda c: Wanted(line=c.choice(lines))),
            "filter: mine": lists(lambda c: Wanted(agent=f"agent{c.randint(1, 60)}")),
            "filter: overdue": lists(lambda _: Wanted(overdue_at=now)),
            "filter: overdue of a department": lists(
                lambda c: Wanted(overdue_at=now, department=c.choice(departments))
            ),
            "filter: phone": lists(lambda c: Wanted(phone=f"13{c.randrange(10**6):09d}")),
            "filter: a day of a department": lists(of_day),
            "filter: line and department": lists(
                lambda c: Wanted(line=c.choice(lines), department=c.choice(departments))
            ),
            "filter: line, category, mine, closed": lists(
                lambda c: Wanted(line=c.choice(lines), code=c.choice(codes), agent="agent7", states=("closed",))
            ),
            "search: two characters, frequent": lists(words("噪音", "垃圾", "路灯", "物业")),
            "search: two characters, rare": lists(words("塌方", "油罐", "山上")),
            "search: one character": lists(words("烟", "灯", "楼", "龘")),
            "search: three or more": lists(words("没人管", "广场舞", "化工厂", "消防车")),
            "search: a village": lists(lambda c: Wanted(phrases=phrases(c.choice(villages)))),
            "search: part of a number": lists(lambda c: Wanted(phrases=(f"{c.randrange(10**5):05d}",))),
            "search: two words": lists(lambda c: Wanted(phrases=phrases(f"噪音 {c.choice(villages)}"))),
            "search: not there": lists(words("龘龘", "饕餮")),
            "search: frequent, of a department": lists(
                lambda c: Wanted(phrases=("噪音",), department=c.choice(departments))
            ),
            "search: frequent, of a department's open ones": lists(
                lambda c: Wanted(phrases=("噪音",), department=c.choice(departments), states=OPEN)
            ),
            "search: frequent, of a day": lists(
                lambda c: Wanted(phrases=("噪音",), since=(s := now - c.random() * span), until=s + day)
            ),
            "open": open_one,
            "save: edit": save,
            "save: step": step,
            "save: new draft": opened,
        }


def figures(times: list[float]) -> dict[str, float]:
    """The first is left out: it finds nothing in memory that the others find."""
    cuts = statistics.quantiles(times[1:], n=20)
    return {"p50_ms": round(statistics.median(times[1:]), 2), "p95_ms": round(cuts[-1], 2)}


async def run(url: str, rows: int, console: Console) -> dict[str, Any]:
    city = load_city(Settings().city)
    database = Database(url, Bus())
    await database.upgrade()
    await database.close()
    dialect = url.partition("+")[0].partition(":")[0]
    bench = Bench(url, city, Life(city, rows, dialect))
    growth: dict[str, dict[str, dict[str, float]]] = {}
    filled: dict[str, float] = {}
    sizes = [size for size in SIZES if size < rows] + [rows]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for size in sizes:
            began = time.perf_counter()
            await bench.fill(size, progress)
            filled[str(size)] = round(time.perf_counter() - began, 1)
            growth[str(size)] = await bench.measure(progress)
    last = growth[str(rows)]
    return {
        "database": dialect,
        "rows": rows,
        "operations": last,
        "worst_p95_ms": max(one["p95_ms"] for one in last.values()),
        "growth": growth,
        "fill_s": filled,
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
    }


def shown(result: dict[str, Any]) -> Table:
    table = Table(
        "p50 / p95 (worked) in ms", *(f"{int(size):,}" for size in result["growth"]), title=result["database"]
    )
    for name in result["operations"]:
        rows = (size[name] for size in result["growth"].values())
        table.add_row(name, *(f"{row['p50_ms']} / {row['p95_ms']} ({row['cpu_ms']})" for row in rows))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench tickets", description=__doc__)
    parser.add_argument("--rows", type=int, default=SIZES[-1], help="how many tickets (default 1000000)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="an empty database, e.g. postgresql+asyncpg://heyi@/bench (default: SQLite)")
    where.add_argument("--postgres", action="store_true", help="a PostgreSQL of its own, started for it")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="the result as JSON, on the last line or in FILE"
    )
    arguments = parser.parse_args()
    # Ended by whomever: its PostgreSQL ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=True)
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="heyi-bench-")))
        url = arguments.url or f"sqlite+aiosqlite:///{folder / 'heyi.db'}"
        if arguments.postgres:
            # As its manual advises for a machine of its own: its usual 128 MB are for a small one.
            url = ending.enter_context(Postgres(shared_buffers="1GB")).new_database()
        result = asyncio.run(run(url, arguments.rows, console))
    console.print(shown(result))
    console.print({key: value for key, value in result.items() if key not in ("operations", "growth")})
    if arguments.json == "-":
        print(json.dumps(result, ensure_ascii=False))
    elif arguments.json:
        Path(arguments.json).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
