"""``heyi asr backlog`` and ``heyi asr index``: the pass over recordings, and the index of the search."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import select

from asr.record.backlog import Backlog, look
from asr.record.transcripts import Utterance, find
from core.clock import SystemClock
from core.database import Database
from core.settings import Settings
from heyi.site import with_database

console = Console(stderr=True)

#: Calls that are indexed in one transaction; between two of them the running house writes.
_BATCH = 20


def backlog(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay with a progress bar until nothing waits.")] = False,
    days: Annotated[int, typer.Option(min=0, help="Faults of the last so many days.")] = 7,
) -> None:
    """Recordings that wait to be transcribed again, how far the present one is, and those that could not be."""
    since = SystemClock().now() - timedelta(days=days)
    found = with_database(Settings(), lambda database: _watch(database, since) if watch else _look(database, since))
    if as_json:
        print(json.dumps(_plain(found), ensure_ascii=False))
    else:
        _print(found)


def index() -> None:
    """Make the search's index of all transcripts anew; calls go on meanwhile."""
    count = with_database(Settings(), _index)
    console.print(f"{count} utterances can be found")


async def _look(database: Database, since: datetime) -> Backlog:
    async with database.read() as session:
        return await look(session, since)


async def _watch(database: Database, since: datetime) -> Backlog:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        while (found := await _look(database, since)).waiting:
            working = found.working
            progress.update(
                task,
                description=f"{found.waiting} waiting" + (f", {working.call_id}" if working else ""),
                completed=working.done_s if working else 0,
                total=working.total_s or None if working else None,
            )
            await asyncio.sleep(1)
    return found


async def _index(database: Database) -> int:
    async with database.read() as session:
        calls = list(await session.scalars(select(Utterance.call_id).distinct().order_by(Utterance.call_id)))
    count = 0
    columns = (TextColumn("calls"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(calls))
        for start in range(0, len(calls), _BATCH):
            batch = calls[start : start + _BATCH]
            async with database.work() as work:
                for call_id in batch:
                    count += await find(work.session, call_id)
            progress.advance(task, len(batch))
    return count


def _print(found: Backlog) -> None:
    if not found.waiting:
        console.print("no recording waits")
    else:
        oldest = f", the oldest since {found.oldest:%Y-%m-%d %H:%M} UTC" if found.oldest else ""
        console.print(f"{found.waiting} recordings wait, {found.talked_s / 60:.0f} minutes of talk{oldest}")
    if found.working is not None:
        done, total = found.working.done_s, found.working.total_s
        share = f"{100 * done / total:.0f}% of {total:.0f} s of sound" if total else "being read"
        console.print(f"now {found.working.call_id}: {share}")
    if found.faulty:
        table = Table("call", "when, UTC", "what", title=f"{len(found.faulty)} recordings were not transcribed whole")
        for row in found.faulty:
            table.add_row(row.call_id, f"{row.began_at:%Y-%m-%d %H:%M}", escape(row.reason))
        console.print(table)


def _plain(found: Backlog) -> dict[str, Any]:
    working = found.working
    return {
        "waiting": found.waiting,
        "talked_s": round(found.talked_s, 1),
        "oldest": found.oldest.isoformat() if found.oldest else None,
        "working": {"call_id": working.call_id, "done_s": working.done_s, "total_s": working.total_s}
        if working
        else None,
        "faulty": [
            {"call_id": row.call_id, "at": row.began_at.isoformat(), "state": row.state, "fault": row.fault,
             "reason": row.reason}
            for row in found.faulty
        ],
    }  # fmt: skip
