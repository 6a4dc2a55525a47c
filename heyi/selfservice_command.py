"""``heyi announcements``: cuts of water, power and gas; ``heyi cars``: whom to ring when a car blocks the way."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from heyi.site import with_database
from heyi.transfer.sheets import open_sheet
from telephony.install import check_space
from ticketing.actor import Actor
from ticketing.selfservice import sheets
from ticketing.selfservice.announcements import EVERYWHERE, KIND_NAMES, Announcements
from ticketing.selfservice.cars import Brought, bring_owners

T = TypeVar("T")
console = Console(stderr=True)
announcements_app = typer.Typer(no_args_is_help=True, help="Cuts of water, power and gas, closed roads.")
cars_app = typer.Typer(no_args_is_help=True, help="Owners of cars, for callers whose way is blocked.")
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
#: Who the audit names.
WHO = Actor("command line", "system")
#: Faults that are shown; the others are counted.
_SHOWN = 20

File = Annotated[Path, typer.Argument(help="A .csv (UTF-8 or GB 18030) or .xlsx file; its first row is the head.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check every row, write nothing.")]


def _run(do: Callable[[Announcements], Awaitable[T]], settings: Settings, city: City) -> T:
    async def run(database: Database) -> T:
        return await do(Announcements(database, city, SystemClock(), lambda _text: ()))

    return with_database(settings, run)


def _tell(faults: sheets.Faults) -> None:
    for line, reason in faults[:_SHOWN]:
        console.print(f"  line {line}: {reason}", highlight=False, markup=False, soft_wrap=True)
    if faults:
        more = f", of which {_SHOWN} are shown" if len(faults) > _SHOWN else ""
        raise HeyiError(f"{len(faults)} rows could not be taken{more}", hint="mend them and import the file again")


@announcements_app.command("import")
def import_announcements(file: File, dry_run: DryRun = False) -> None:
    """Enter announcements; good rows are taken, each bad one is told with its line. The same row twice is one.

    Columns: kind (water, power, gas, road), areas (池店镇、陈埭镇江头村, or 全市), begins, until, text (at most 60
    characters), source.
    """
    settings = Settings()
    city = load_city(settings.city_folder)
    sheet = open_sheet(file)
    check_space(settings)

    async def enter(room: Announcements) -> tuple[int, int, sheets.Faults]:
        entries, faults = sheets.cuts(sheet.head, sheet.rows(), room.checked, ZoneInfo(city.profile.timezone))
        added = await room.add_all(entries, WHO, dry_run=dry_run)
        return added, len(entries) - added, faults

    added, there, faults = _run(enter, settings, city)
    would = "would be " if dry_run else ""
    console.print(f"{added} announcements {would}entered, {there} there already, {len(faults)} bad rows")
    _tell(faults)


@announcements_app.command("list")
def list_announcements() -> None:
    """Those that are not over, by their beginning."""
    settings = Settings()
    city = load_city(settings.city_folder)
    zone = ZoneInfo(city.profile.timezone)
    table = Table("kind", "areas", "from", "until", "text", "source")
    for row in _run(lambda room: room.listed(), settings, city):
        begins, until = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (row.begins, row.until))
        table.add_row(KIND_NAMES[row.kind], "、".join(row.areas) or EVERYWHERE, begins, until, escape(row.text),
                      escape(row.source))  # fmt: skip
    console.print(table)


@cars_app.command("import")
def import_cars(file: File, dry_run: DryRun = False) -> None:
    """Enter owners of cars; rows that are newer replace those that are there. Columns: plate, phone, [name, since]."""
    settings = Settings()
    city = load_city(settings.city_folder)
    sheet = open_sheet(file)
    today = SystemClock().now().astimezone(ZoneInfo(city.profile.timezone)).date()
    owners, faults = sheets.owners(sheet.head, sheet.rows(), city, today)
    check_space(settings)

    async def enter(database: Database) -> Brought:
        with Progress(*_COLUMNS, console=console, transient=True) as progress:
            task = progress.add_task("checking" if dry_run else "importing", total=len(owners))
            return await bring_owners(
                database, owners, WHO, SystemClock().now(), dry_run=dry_run,
                told=lambda rows: progress.advance(task, rows)
            )  # fmt: skip

    done = with_database(settings, enter)
    would = "would be " if dry_run else ""
    console.print(
        f"{done.added} cars {would}entered, {done.changed} {would}changed, {done.same} there already, "
        f"{len(faults)} bad rows"
    )
    _tell(faults)
