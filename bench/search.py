"""A phrase among many utterances: our index against LIKE, on the same database in one run.

Ours is what the search page does, hits with their calls and neighbours included. LIKE looks for the same text with the
same order and limit, in the order in which its table lies: more than a search without an index could hope for.
"""

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import select

from asr.record import index
from asr.record.grams import grams, phrases, searchable
from asr.record.index import Indexed
from asr.record.search import PAGE, Wanted, page
from asr.record.transcripts import Utterance, keep
from bench._utterances import utterances
from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.database import Database
from core.settings import Settings

START = datetime(2024, 1, 1, tzinfo=UTC)
#: Utterances of one call, and seconds from one to the next.
CALL, GAP_S = 20, 4.0
#: Times that each search is made; the first finds nothing in memory.
TIMES = 7
#: Rows written at once.
BATCH = 20_000


def fill(path: Path, city: City, count: int, progress: Progress) -> list[str]:
    """Calls and utterances straight into the tables, with the index as the product would have made it; returns some
    of the texts."""
    connection = sqlite3.connect(path)
    task = progress.add_task("writing utterances and their index", total=count)
    spread = timedelta(days=3 * 365) / max(count // CALL, 1)
    said, calls, found, words, kept = [], [], [], [], []
    for number, body in enumerate(utterances(city, count, seed=7)):
        call, place_in_call = divmod(number, CALL)
        arrived = START + call * spread
        at = arrived + timedelta(seconds=place_in_call * GAP_S)
        call_id, row_id, place = f"c{call}", f"{number:032d}", index.place_at(at) + number % 1000
        if place_in_call == 0:
            line = city.lines[call % len(city.lines)].number
            calls.append((call_id, "in", line, "13800138000", 0, "", "1001", _naive(arrived), "answered", 0, "", ""))
        leg = ("caller", "agent")[number % 2]
        said.append((row_id, call_id, leg, "record", place_in_call * GAP_S, place_in_call * GAP_S + 3, body, body, 0.9,
                     _naive(at)))  # fmt: skip
        found.append((place, row_id, call_id, body))
        words.append((place, " ".join(grams(body))))
        if number % max(count // 200, 1) == 0 and body == searchable(body):
            kept.append(body)
        if len(said) == BATCH or number == count - 1:
            connection.executemany(
                "INSERT INTO calls (id, direction, line, caller, priority, queue, agent, arrived_at, outcome, cause, "
                "ended_by, recording) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", calls)  # fmt: skip
            connection.executemany("INSERT INTO utterances VALUES (?,?,?,?,?,?,?,?,?,?)", said)
            connection.executemany("INSERT INTO utterance_index VALUES (?,?,?,?)", found)
            connection.executemany("INSERT INTO utterance_grams (rowid, grams) VALUES (?,?)", words)
            connection.commit()
            progress.advance(task, len(said))
            for rows in (said, calls, found, words):
                rows.clear()
    connection.close()
    return kept


def _naive(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


async def timed(search: Callable[[], Awaitable[int]]) -> tuple[list[float], int]:
    """Milliseconds of each of :data:`TIMES` searches, and how many rows they found."""
    took, rows = [], 0
    for _ in range(TIMES):
        began = time.perf_counter()
        rows = await search()
        took.append((time.perf_counter() - began) * 1000)
    return took, rows


async def measure(database: Database, cases: list[tuple[str, Wanted]], progress: Progress) -> list[dict[str, object]]:
    task = progress.add_task("searching", total=len(cases))
    results: list[dict[str, object]] = []
    for name, wanted in cases:

        async def ours(wanted: Wanted = wanted) -> int:
            async with database.read() as session:
                return len(await page(session, wanted))

        async def like(wanted: Wanted = wanted) -> int:
            query = (
                select(Indexed.place)
                .where(*(Indexed.body.contains(phrase) for phrase in wanted.phrases))
                .order_by(Indexed.place.desc())
                .limit(PAGE)
            )
            async with database.read() as session:
                return len((await session.scalars(query)).all())

        took, rows = await timed(ours)
        row: dict[str, object] = {"case": name, "query": " ".join(wanted.phrases), "hits": rows, **_figures("", took)}
        if not (wanted.line or wanted.desk or wanted.leg or wanted.start):
            took, others = await timed(like)
            assert others == rows, f"{name}: LIKE found {others}, the index {rows}"  # noqa: S101
            row |= _figures("like_", took)
        results.append(row)
        progress.advance(task)
    return results


def _figures(head: str, took: list[float]) -> dict[str, object]:
    return {
        f"{head}first_ms": round(took[0], 2),
        f"{head}median_ms": round(statistics.median(took), 2),
        f"{head}max_ms": round(max(took), 2),
    }


async def writing(database: Database, count: int = 300) -> dict[str, object]:
    """Milliseconds that one more utterance takes, stored and found, each in a transaction of its own."""
    took = []
    for number in range(count):
        at = START + timedelta(days=4 * 365, seconds=number)
        row = Utterance(id=f"x{number}", call_id="c0", leg="caller", source="live", start_s=0, end_s=1,
                        text="这里的噪音很大没有人管，电话13800138000", raw="", confidence=1, at=at)  # fmt: skip
        began = time.perf_counter()
        async with database.work() as work:
            await keep(work.session, row)
        took.append((time.perf_counter() - began) * 1000)
    return {"write_median_ms": round(statistics.median(took), 2), "write_max_ms": round(max(took), 2)}


def cases(city: City, texts: list[str]) -> list[tuple[str, Wanted]]:
    """What people look for: words that are everywhere and words that are rare, numbers, whole sentences, filters."""
    number = next((t[-11:] for t in texts if t[-11:].isdigit()), "13800138000")
    village = next(c.name for town in reversed(city.towns) for c in town.communities)
    whole = max(texts, key=len)
    plain = {
        "two characters, frequent": "噪音", "two characters, rare": "塌方", "three characters": "没人管",
        "a village": village, "a telephone number": number, "its last four figures": number[-4:],
        "two frequent words": "这边那个", "a frequent and a rare one": "这边 塌方", "a whole sentence": whole,
        "part of a sentence": whole[3:10], "not there": "龘龘", "one character": "烟",
    }  # fmt: skip
    found = [(name, Wanted(phrases=phrases(query))) for name, query in plain.items()]
    noise = phrases("噪音")
    found.append(("frequent, of one line", Wanted(phrases=noise, line=city.lines[0].number)))
    found.append(("frequent, of one day", Wanted(phrases=noise, start=START + timedelta(days=500),
                                                 end=START + timedelta(days=501))))  # fmt: skip
    found.append(("frequent, of a desk without calls", Wanted(phrases=noise, desk="9999")))
    return found


async def run(count: int, folder: Path) -> dict[str, object]:
    city = load_city(Settings().city)
    path = folder / "heyi.db"
    database = Database(f"sqlite+aiosqlite:///{path}", Bus())
    await database.create_all()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        began = time.perf_counter()
        texts = await asyncio.to_thread(fill, path, city, count, progress)
        filled = time.perf_counter() - began
        results = await measure(database, cases(city, texts), progress)
    written = await writing(database)
    await database.close()
    plain = sqlite3.connect(path)
    sizes = dict(plain.execute(
        "SELECT CASE WHEN name LIKE 'utterance_grams%' THEN 'index' WHEN name LIKE '%utterances%' THEN 'utterances' "
        "ELSE 'other' END AS part, sum(pgsize) / 1048576 FROM dbstat GROUP BY part"))  # fmt: skip
    plain.close()
    phrase_cases = [r for r in results if "like_median_ms" in r and r["case"] != "one character"]
    return {
        "utterances": count,
        "fill_s": round(filled, 1),
        "worst_phrase_median_ms": max(float(str(r["median_ms"])) for r in phrase_cases),
        "worst_phrase_ms": max(float(str(r["max_ms"])) for r in phrase_cases),
        "worst_like_median_ms": max(float(str(r["like_median_ms"])) for r in phrase_cases),
        **written,
        "megabytes": sizes,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "load": round(os.getloadavg()[0], 1),
        "cases": results,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench search", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--utterances", type=int, default=1_000_000, help="how many there are (default 1000000)")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object on the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(arguments.utterances, Path(folder)))
    table = Table("what", "hits", "ours, ms", "longest", "LIKE, ms", "longest")
    for row in result["cases"]:  # type: ignore[attr-defined]
        table.add_row(row["case"], *(str(row.get(key, "")) for key in
                      ("hits", "median_ms", "max_ms", "like_median_ms", "like_max_ms")))  # fmt: skip
    console = Console(stderr=arguments.json)
    console.print(table)
    console.print({key: value for key, value in result.items() if key != "cases"})
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
