"""``heyi line``: do the city's lines work?"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from heyi.db_command import say
from switchboard.health import TRUNK, LineCheck, ask_trunk, of_line, of_trunk, record
from telephony.install import check_space
from telephony.linecheck import LineResult, check_lines

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="The city's lines, and the way to its exchange.")


@app.callback()
def lines() -> None:
    """The city's lines, and the way to its exchange."""


@app.command("check")
def check(
    lines: Annotated[
        list[str] | None, typer.Argument(help="Numbers or names of lines; without any, the trunk and every line.")
    ] = None,
    trunk: Annotated[bool, typer.Option("--trunk", help="Only ask the trunk by SIP OPTIONS, dial nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Dial lines end to end with a synthetic caller, whom no desk hears; exit 0 only if all of them work."""
    settings = Settings()
    city = load_city(settings.city_folder)
    numbers = [] if trunk else _numbers(city, lines or [line.number for line in city.lines])
    checks = asyncio.run(_check(settings, city, numbers, with_trunk=trunk or not lines))
    if as_json:
        print(json.dumps([_plain(row) for row in checks], ensure_ascii=False))
    else:
        _print(settings, city, checks)
    if not all(row.ok for row in checks):
        raise typer.Exit(1)


def _numbers(city: City, wanted: Sequence[str]) -> list[str]:
    found = [(name, city.line_called(name)) for name in wanted]
    for name, line in found:
        if line is None:
            raise HeyiError(f"the city has no line {name!r}", hint="see lines.yaml")
    return list(dict.fromkeys(line.number for _, line in found if line is not None))


async def _check(settings: Settings, city: City, numbers: Sequence[str], *, with_trunk: bool) -> list[LineCheck]:
    check_space(settings)
    clock = SystemClock()
    made: list[LineCheck] = []
    if with_trunk:
        made.append(of_trunk(await ask_trunk(settings), clock.now()))
    if numbers:
        columns = (TextColumn("dialling {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("…", total=len(numbers))
            results = await check_lines(settings, numbers, _teller(progress, task, city))
        made += [of_line(result, clock.now()) for result in results]
    bus = Bus()
    database = Database(settings.db_url, bus)
    try:
        await database.upgrade(say)
        for row in made:
            await record(database, row)
    except SQLAlchemyError as error:
        # What was found is worth knowing all the same.
        console.print(f"not kept for the wallboard: {str(error).splitlines()[0]}", highlight=False, markup=False)
    finally:
        await database.close()
        await bus.close()
    return made


def _teller(progress: Progress, task: Any, city: City) -> Callable[[LineResult], None]:
    def tell(result: LineResult) -> None:
        progress.update(task, advance=1, description=_name(city, result.line))

    return tell


def _name(city: City, number: str) -> str:
    line = city.line(number)
    return f"{number} {line.name}" if line is not None else number


def _print(settings: Settings, city: City, checks: Sequence[LineCheck]) -> None:
    table = Table("line", "", "answer s", "desk s", "what fails")
    for row in checks:
        name = f"trunk {settings.trunk_host}:{settings.trunk_port}" if row.line == TRUNK else _name(city, row.line)
        mark = "[green]✓[/green]" if row.ok else "[red]✗[/red]"
        what = f"{row.why}: {row.detail}" if not row.ok and row.detail else row.why or row.detail
        table.add_row(name, mark, _seconds(row.answered_s), _seconds(row.rung_s), escape(what))
    console.print(table)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _plain(row: LineCheck) -> dict[str, Any]:
    return {
        "line": row.line, "ok": row.ok, "step": row.step, "why": row.why, "detail": row.detail,
        "answered_s": row.answered_s, "rung_s": row.rung_s, "took_s": row.took_s, "at": row.at.isoformat(),
    }  # fmt: skip
