"""``heyi recordings``: are the sealed recordings unchanged, and delete those whose time is over."""

import getpass
import json
import os
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from heyi.site import with_database
from telephony.recordings.care import Verdict, past, prune, sealed_bytes, verify

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="The calls' recordings.")


@app.command("verify")
def verify_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Hash every sealed recording again. Exit 0 only if each is there and unchanged."""
    settings = _site()
    verdict = with_database(settings, lambda database: _verify(settings, database))
    if as_json:
        print(json.dumps({"checked": verdict.checked, "faults": verdict.faults}, ensure_ascii=False))
    elif verdict.faults:
        table = Table("file", "fault", title=f"{len(verdict.faults)} of {verdict.checked} sealed files are not intact")
        for file, fault in sorted(verdict.faults.items()):
            table.add_row(escape(file), fault)
        console.print(table)
    else:
        console.print(f"{verdict.checked} sealed files, all intact")
    if verdict.faults:
        raise typer.Exit(1)


async def _verify(settings: Settings, database: Database) -> Verdict:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("hashing", total=await sealed_bytes(database))
        return await verify(database, settings.recordings, lambda size: progress.advance(task, size))


@app.command("prune")
def prune_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete recordings whose time is over (HEYI_RECORDING_DAYS). What was deleted, when and by whom stays known."""
    settings = _site()
    if dry_run:
        due = with_database(settings, lambda database: past(database, SystemClock().now()))
        for row in due:
            console.print(f"{escape(row.file)}  {row.bytes / 1e6:.1f} MB", highlight=False)
        console.print(f"{len(due)} files would be deleted, {sum(row.bytes for row in due) / 1e6:.1f} MB")
        return
    gone = with_database(settings, lambda database: _prune(settings, database))
    console.print(f"{len(gone)} files deleted")


async def _prune(settings: Settings, database: Database) -> list[str]:
    clock = SystemClock()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("deleting", total=len(await past(database, clock.now())))
        return await prune(database, clock, settings.recordings, _who(), lambda: progress.advance(task))


def _site() -> Settings:
    settings = Settings()
    if not settings.recordings.is_dir():
        raise HeyiError(f"there is no folder {settings.recordings}", hint="HEYI_DATA names the site's data folder")
    return settings


def _who() -> str:
    """The person at the terminal, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
