"""What one refresh of the leaders' page costs among ten thousand and a hundred thousand tickets, 913 of them a day."""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import insert

import heyi.tables  # noqa: F401  every table
from bench._tickets_fill import Life, filler
from core.city import City
from core.cityfile import load_city
from core.clock import ManualClock
from core.ids import new_id
from desk.leader.leaderfeed import LeaderFeed
from telephony.ledger import CallRow
from tests.desk_fakes import Stage, make_stage
from ticketing.analysis.briefs import Briefs
from ticketing.assessment.service import Assessment

SIZES = (10_000, 100_000)
#: Tickets in three years: 913 a day, the load of a large city's hotline.
A_MILLION = 1_000_000
#: Calls a day, and days of them before now: those of the trend and of the usual values.
CALLS, DAYS = 2_283, 57
TIMES = 30


class Bench:
    """The leaders' feed over a filled database."""

    def __init__(self, folder: Path, city: City) -> None:
        self._folder, self._city = folder, city
        self._life = Life(city, A_MILLION, "sqlite")
        self._size = 0

    async def fill(self, size: int, progress: Progress) -> Stage:
        """Let there be ``size`` tickets, the latest now, and the calls of the last weeks."""
        clock = ManualClock(self._life.at(size))
        stage = await make_stage(self._folder, clock)
        stage.services = replace(stage.services, city=self._city)
        task = progress.add_task(f"filling up to {size:,} tickets", total=size, completed=self._size)
        into = filler(f"sqlite+aiosqlite:///{self._folder / 'heyi.db'}")
        await into.begin()
        for rows in self._life.rows(self._size, size):
            await into.write(rows)
            progress.advance(task, len(rows["tickets"]))
        await into.end()
        self._size = size
        async with stage.services.database.work() as work:
            for day in range(DAYS):
                await work.session.execute(insert(CallRow), _calls(self._city, clock, day))
        progress.remove_task(task)
        return stage

    async def measure(self, stage: Stage) -> dict[str, dict[str, float]]:
        """Milliseconds by the clock (p50, p95) and of processor time of each part of the page."""
        services = stage.services
        feed = LeaderFeed(
            services, Assessment(services.database, services.city, stage.clock),
            Briefs(services.database, services.analysis, stage.clock),
        )  # fmt: skip
        await feed.sections()  # what is usual is there from now on
        now = stage.clock.now()
        found = {"today": await _timed(feed.sections, TIMES)}

        async def usual() -> object:
            feed._usual_at = None
            return await feed.sections()

        found["usual values"] = await _timed(usual, 3)
        for part in feed._parts:
            if part.name == "ranking":
                continue
            found[f"{part.name}, first"] = await _timed(partial(part.make, now), 1)
            found[part.name] = await _timed(partial(part.make, now), 5)
        ranking = next(part for part in feed._parts if part.name == "ranking")
        found["ranking"] = await _timed(partial(ranking.make, now), 1)
        return found


async def _timed(do: Callable[[], Awaitable[object]], times: int) -> dict[str, float]:
    took, cpu = [], time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        await do()
        took.append((time.perf_counter() - began) * 1000)
    worked = (time.process_time() - cpu) * 1000 / times
    took.sort()
    return {"p50_ms": round(statistics.median(took), 1), "most_ms": round(took[-1], 1), "cpu_ms": round(worked, 1)}


def _calls(city: City, clock: ManualClock, back: int) -> list[dict[str, Any]]:
    chance = random.Random(back)  # noqa: S311  made-up calls
    lines, day = [line.number for line in city.lines], clock.now() - timedelta(days=back)
    found = []
    for _ in range(CALLS):
        at = day - timedelta(seconds=chance.uniform(0, 86400))
        answered = at + timedelta(seconds=chance.expovariate(1 / 6)) if chance.random() < 0.96 else None
        found.append({
            "id": new_id(), "direction": "in", "line": chance.choice(lines), "caller": "13800001234", "queue": "",
            "arrived_at": at, "agent": "1001" if answered else "", "queued_at": at, "answered_at": answered,
            "ended_at": (answered or at) + timedelta(seconds=90), "talked_s": 90.0 if answered else None,
            "waited_s": ((answered or at) - at).total_seconds(), "outcome": "answered" if answered else "abandoned",
            "ended_by": "caller", "priority": 10, "cause": 16, "recording": "",
        })  # fmt: skip
    return found


async def run(sizes: list[int]) -> dict[str, Any]:
    """Fill and measure, one size after the other."""
    city = load_city(Path(__file__).parent.parent / "cities" / "jinjiang")
    found: dict[str, Any] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as progress:
        bench = Bench(Path(folder), city)
        for size in sizes:
            stage = await bench.fill(size, progress)
            found[str(size)] = await bench.measure(stage)
            await stage.services.database.close()
            await stage.bus.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench leader", description=__doc__)
    parser.add_argument("--tickets", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on the last line")
    given = parser.parse_args()
    found = asyncio.run(run(given.tickets))
    for size, parts in found.items():
        table = Table("part", "p50 ms", "longest ms", "CPU ms", title=f"{int(size):,} tickets")
        for name, figures in parts.items():
            table.add_row(name, *(str(value) for value in figures.values()))
        Console().print(table)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
