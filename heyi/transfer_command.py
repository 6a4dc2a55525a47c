"""``heyi import`` and ``heyi export``: calls and tickets from tables and into tables."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from heyi.site import with_database
from heyi.transfer.calls import CallTable
from heyi.transfer.carry import Carried, Outcome, bring_in, carry_out
from heyi.transfer.fields import mapping
from heyi.transfer.sheets import Sheet, open_sheet
from heyi.transfer.tickets import TicketTable
from telephony.install import check_space

console = Console(stderr=True)
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def import_command(
    kind: Annotated[str, typer.Argument(help="calls or tickets.")],
    file: Annotated[Path, typer.Argument(help="A .csv (UTF-8 or GB 18030) or .xlsx file; its first row is the head.")],
    said: Annotated[
        list[str] | None,
        typer.Option("--map", help="OURS=THEIRS: which column a field is in, where it is not guessed."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row, write nothing but the error file.")
    ] = False,
) -> None:
    """Import calls or tickets. Run again, it passes over what is there; bad rows are in FILE.errors with the reason."""
    settings = Settings()
    city = load_city(settings.city_folder)
    table = _table(kind, city)
    sheet = open_sheet(file)
    columns = mapping(table.fields, sheet.head, said or [])
    _show(table, sheet, columns)
    check_space(settings)

    async def run(database: Database) -> Outcome:
        with Progress(*_COLUMNS, console=console, transient=True) as progress:
            task = progress.add_task("checking" if dry_run else "importing", total=sheet.size)
            return await bring_in(
                database, table, sheet, columns, SystemClock().now(), dry_run=dry_run,
                told=lambda rows: progress.advance(task, rows),
            )  # fmt: skip

    outcome = with_database(settings, run)
    would = "would be " if dry_run else ""
    console.print(f"{outcome.added} {kind} {would}imported, {outcome.known} there already, {outcome.bad} bad rows")
    for line, reason in outcome.examples:
        console.print(f"  line {line}: {reason}", highlight=False, markup=False, soft_wrap=True)
    if outcome.errors:
        raise HeyiError(f"{outcome.bad} rows could not be read", hint=f"see and mend {outcome.errors}, import it again")


def export_command(
    kind: Annotated[str, typer.Argument(help="calls or tickets.")],
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file to write.")],
    since: Annotated[str, typer.Option(help="From this day or time on: 2026-11-21 or 2026-11-21T08:00.")] = "",
    until: Annotated[str, typer.Option(help="Until before this day or time.")] = "",
    department: Annotated[str, typer.Option(help="Only tickets of this department (key or name).")] = "",
) -> None:
    """Export calls or tickets, the latest first. No cell is a formula; `heyi import` reads the file again."""
    settings = Settings()
    city = load_city(settings.city_folder)
    table = _table(kind, city)
    start, end = _moment(since, city), _moment(until, city)
    key = ""
    if department:
        found = next((d for d in city.departments if department in (d.id, d.name, *d.aliases)), None)
        if found is None:
            raise HeyiError(f"the city has no department {department}", hint="see departments.yaml")
        key = found.id

    async def run(database: Database) -> int:
        with Progress(*_COLUMNS, console=console, transient=True) as progress:
            task = progress.add_task("exporting", total=None)
            return await carry_out(
                database, table, file, since=start, until=end, department=key,
                told=lambda rows: progress.advance(task, rows),
            )  # fmt: skip

    console.print(f"{with_database(settings, run)} {kind} in {file}", highlight=False)


def _table(kind: str, city: City) -> Carried:
    if kind == "calls":
        return CallTable(city)
    if kind == "tickets":
        return TicketTable(city)
    raise HeyiError(f"{kind} cannot be imported or exported", hint="calls or tickets")


def _moment(said: str, city: City) -> datetime | None:
    if not said:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError as error:
        raise HeyiError(f"{said} is no time", hint="2026-11-21 or 2026-11-21T08:00") from error
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(city.profile.timezone))


def _show(table: Carried, sheet: Sheet, columns: dict[str, str]) -> None:
    shown = Table("field", "", "column", title=f"{sheet.path.name} ({sheet.encoding})")
    for field in table.fields:
        shown.add_row(field.key, field.name, columns.get(field.key, ""))
    console.print(shown)
    unused = [name for name in sheet.head if name and name not in columns.values()]
    if unused:
        console.print("not imported: " + ", ".join(unused), highlight=False, markup=False)
