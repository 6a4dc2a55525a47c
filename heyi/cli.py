"""The command line: ``./run heyi …``. Faults a person can mend are one line on standard error, never a traceback."""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from core.bus import Bus
from core.city import City, Person
from core.cityfile import load_city
from core.clock import SystemClock
from core.collector import settle
from core.database import Database
from core.errors import HeyiError
from core.logs import set_up_logs
from core.newcity import new_city
from core.settings import Settings
from desk.access.users import Users
from heyi import (
    asr_command,
    db_command,
    flow_command,
    ivr_command,
    ivr_report,
    line_command,
    models_command,
    prepare,
    quality_command,
    recordings_command,
    restore_command,
    review_command,
    selfservice_command,
    transcripts_command,
    transfer_command,
    triage_command,
    webhooks_command,
)
from heyi.configuring import RESTORE, laid_out, opened, prove
from heyi.demo.command import demo as run_demo
from heyi.house import House
from heyi.restarting import Again
from telephony import dialplan
from telephony.install import Install, Server, check_space
from telephony.proof import Report
from telephony.reconcile import Reconciler

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, add_completion=False, help="heyi 合一: one queue for all hotlines of a city.")
city_app = typer.Typer(no_args_is_help=True, help="The city's files.")
dialplan_app = typer.Typer(no_args_is_help=True, help="The city as Asterisk's configuration.")
asterisk_app = typer.Typer(no_args_is_help=True, help="The Asterisk that runs from heyi's own folder.")
user_app = typer.Typer(no_args_is_help=True, help="Who may sign in at the desk.")
city_app.command("restore")(restore_command.restore)
app.add_typer(city_app, name="city")
app.add_typer(dialplan_app, name="dialplan")
app.add_typer(models_command.app, name="models")
app.add_typer(asterisk_app, name="asterisk")
app.add_typer(triage_command.app, name="triage")
app.add_typer(user_app, name="user")
asr_command.app.command("backlog")(transcripts_command.backlog)
asr_command.app.command("index")(transcripts_command.index)
app.add_typer(asr_command.app, name="asr")
app.add_typer(line_command.app, name="line")
app.add_typer(db_command.app, name="db")
app.command("import")(transfer_command.import_command)
app.command("export")(transfer_command.export_command)
app.add_typer(flow_command.app, name="flow")
ivr_command.app.command("report")(ivr_report.report_command)
app.add_typer(ivr_command.app, name="ivr")
review_command.join(quality_command.app, app)
app.add_typer(quality_command.app, name="quality")
app.add_typer(recordings_command.app, name="recordings")
app.add_typer(webhooks_command.app, name="webhooks")
app.add_typer(webhooks_command.doors_app, name="doors")
app.add_typer(selfservice_command.announcements_app, name="announcements")
app.add_typer(selfservice_command.cars_app, name="cars")


def main() -> None:
    """Run a command; exit status 1 and one line for what a person must mend, 130 after Ctrl-C."""
    set_up_logs()
    try:
        app(standalone_mode=True)
    except HeyiError as error:
        console.print(f"[red]heyi:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except ValidationError as error:
        first = error.errors()[0]
        name = "HEYI_" + "_".join(map(str, first["loc"])).upper()
        console.print(f"[red]heyi:[/red] {name}: {first['msg']}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _site() -> tuple[Settings, City]:
    settings = Settings()
    return settings, load_city(settings.city_folder)


def _open_site() -> tuple[Settings, City]:
    """For what must start whatever became of a changed file."""
    settings = Settings()
    return settings, opened(settings)


def _folder(settings: Settings) -> Path:
    return settings.data / "asterisk"


@app.command()
def serve(
    check: Annotated[
        bool, typer.Option("--check", help="Only prove that it would open: read all that the start reads, and end.")
    ] = False,
) -> None:
    """Serve the desk and follow Asterisk until Ctrl-C (or SIGTERM). Asterisk itself must be running."""
    settings = Settings()
    if check:
        prove(settings)
        return
    again = Again()
    made, since = laid_out(settings)
    try:
        asyncio.run(_serve(House(settings, made.city, again, made.left_out), again, since))
    finally:
        # Also where it did not end in good order: whoever asked for a restart has been told of one.
        if again.wanted:
            again.run()


async def _serve(house: House, again: Again, since: Sequence[str] = ()) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, again.end)
    try:
        await house.start()
    except HeyiError as error:
        if since:
            hint = f"changed since heyi was last open: {', '.join(since)}; to put it back: {RESTORE.format('--all')}"
            raise HeyiError(error.message, hint=f"{error.hint}; {hint}" if error.hint else hint) from error
        raise
    settle()
    try:
        await again.stop.wait()
    finally:
        await house.close()


@app.command("prepare")
def prepare_command() -> None:
    """Fetch models, speak the prompts, make the waiting music: all that the first call needs."""
    settings, city = _open_site()
    prepare.everything(settings, city, console)


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the calls; exit 0 only if every ticket closed.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write a summary of every call here.")] = None,
    calls: Annotated[Path | None, typer.Option(help="Dialogues to play instead of the city's demo.jsonl.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Play only the first N dialogues.")] = None,
) -> None:
    """Boot Asterisk and heyi for the city; scripted callers phone in and every ticket goes its whole way."""
    settings, city = _open_site()
    raise typer.Exit(run_demo(settings, city, once=once, json_file=json_file, calls=calls, limit=limit))


@city_app.command("check")
def city_check(folder: Annotated[Path | None, typer.Argument()] = None) -> None:
    """Read a city folder and say what it holds, or what is wrong with it, by file and line."""
    city = load_city(folder or Settings().city_folder)
    counts = {
        "lines": len(city.lines),
        "desks": len(city.desks),
        "departments": len(city.departments),
        "towns": len(city.towns),
        "communities": sum(len(town.communities) for town in city.towns),
        "categories": sum(len(group.categories) for group in city.taxonomy),
        "flows": len(city.flows),
    }
    console.print(f"{city.profile.name}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))


@city_app.command("new")
def city_new(
    code: Annotated[str, typer.Argument(help="National division code of a county, e.g. 430112.")],
    folder: Annotated[Path | None, typer.Argument(help="Where to write it; default cities/CODE.")] = None,
    area_code: Annotated[str, typer.Option(help="Long-distance area code, e.g. 0731.")] = "000",
) -> None:
    """Start a city folder for any county of China, with its real towns and communities."""
    target = folder or Path("cities") / code
    city = new_city(code, target, Settings().cache, area_code=area_code)
    console.print(f"{city.profile.name}: {target} — read through it, then: ./run heyi city check {target}")


@dialplan_app.command("render")
def dialplan_render(folder: Annotated[Path | None, typer.Argument(help="Where to write etc/.")] = None) -> None:
    """Write Asterisk's configuration for the city into FOLDER/etc; without FOLDER, print it."""
    settings, city = _site()
    files = dialplan.render(city, settings, Install.find(settings), folder or _folder(settings))
    if folder is None:
        for name, text in files.items():
            print(f";;; {name}\n{text}")
        return
    dialplan.write(files, folder)
    console.print(f"{len(files)} files in {folder / 'etc'}")


@dialplan_app.command("check")
def dialplan_check() -> None:
    """Load the configuration in a scratch Asterisk and report what that Asterisk says."""
    settings, city = _site()
    found = dialplan.check(city, settings, Install.find(settings))
    for line in found:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if found:
        raise HeyiError(f"Asterisk has {len(found)} complaints")
    console.print("Asterisk has no complaints")


@dialplan_app.command("apply")
def dialplan_apply() -> None:
    """Put the configuration in place; a running Asterisk reads it without dropping a call."""
    settings, city = _site()
    changed = dialplan.apply(city, settings, Install.find(settings), _folder(settings))
    console.print(f"changed: {', '.join(changed) or 'nothing'}")


@asterisk_app.command("start")
def asterisk_start() -> None:
    """Render the configuration and start Asterisk in the background."""
    settings, city = _open_site()
    prepare.asterisk(settings, city).start()
    console.print(f"Asterisk runs from {_folder(settings)}")


@asterisk_app.command("stop")
def asterisk_stop() -> None:
    """End it, calls and all."""
    settings = Settings()
    Server(Install.find(settings), _folder(settings)).stop()


@app.command()
def reconcile(
    since: Annotated[
        str | None, typer.Option(help="Only calls from this time on (2026-11-21T08:00) or of the last N days.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Prove the ledger against Asterisk's event files and repair it; exit 0 only if nothing is wrong afterwards."""
    settings, city = _site()
    start = _time(since, city) if since is not None else None
    found, repaired, left = asyncio.run(_reconcile(settings, city, start))
    if as_json:
        print(json.dumps({"found": found.to_dict(), "repaired": repaired, "left": left.to_dict()}, ensure_ascii=False))
    else:
        _print_reports(found, repaired, left)
    if not left.ok:
        raise typer.Exit(1)


async def _reconcile(settings: Settings, city: City, since: datetime | None) -> tuple[Report, list[str], Report]:
    bus = Bus()
    database = Database(settings.db_url, bus)
    events = _folder(settings) / "log" / "cel-custom" / "Master.csv"
    reconciler = Reconciler(database, SystemClock(), events, [desk.extension for desk in city.desks])
    try:
        await database.upgrade(db_command.say)  # heyi may never have run
        with Progress(console=console, transient=True) as progress:
            reading = progress.add_task("reading Asterisk's event files", total=None)
            found = await reconciler.compare(since, lambda path: progress.update(reading, description=path.name))
            if found.ok:
                return found, [], found
            mending = progress.add_task("repairing the ledger", total=len(found.mendable))
            repaired = await reconciler.repair(found, lambda: progress.advance(mending))
            return found, repaired, await reconciler.prove()
    finally:
        await database.close()
        await bus.close()


def _time(text: str, city: City) -> datetime:
    """A moment as a person writes it, in the city's time where no zone is given; a number is days before now."""
    try:
        if text.isdecimal():
            return SystemClock().now() - timedelta(days=int(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise HeyiError(
            f"--since {text} is no time", hint="2026-11-21, 2026-11-21T08:00 or a number of days"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(city.profile.timezone))


def _print_reports(found: Report, repaired: list[str], left: Report) -> None:
    table = Table(
        "", "found", "left", title=f"{left.calls} calls in Asterisk's files, {left.alive} of them without an end"
    )
    for name, faults in found.lists.items():
        table.add_row(name.replace("_", " "), str(len(faults)), str(len(left.lists[name])))
    console.print(table)
    if not found.ok:
        details = Table("call", "fault", "what", "repaired")
        still = {fault.call_id for faults in left.lists.values() for fault in faults}
        for name, faults in found.lists.items():
            for fault in faults:
                mended = fault.call_id in repaired and fault.call_id not in still
                details.add_row(fault.call_id, name.replace("_", " "), escape(fault.what), "✓" if mended else "✗")
        console.print(details)


@user_app.command("add")
def user_add(
    login: str,
    name: Annotated[str, typer.Option(help="Name shown on the screens.")],
    role: Annotated[
        str,
        typer.Option(
            help="agent, dispatcher, department, grid, supervisor, reviewer, arbiter, leader, administrator or auditor."
        ),
    ],
    extension: Annotated[str | None, typer.Option(help="The call taker's desk.")] = None,
    department: Annotated[str | None, typer.Option(help="Key of the department.")] = None,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)] = "",
) -> None:
    """Add a login, or give an existing one a new password, role and place."""
    settings, city = _site()
    if extension is not None and all(desk.extension != extension for desk in city.desks):
        raise HeyiError(f"the city has no desk {extension}", hint="see desks.yaml")
    if department is not None and city.department(department) is None:
        raise HeyiError(f"the city has no department {department!r}", hint="see departments.yaml")
    try:
        person = Person.model_validate(
            {"login": login, "name": name, "role": role, "password": password, "extension": extension,
             "department": department}
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        raise HeyiError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    asyncio.run(_add_user(settings, person))
    console.print(f"{login} may sign in")


async def _add_user(settings: Settings, person: Person) -> None:
    check_space(settings)
    database = Database(settings.db_url, Bus())
    try:
        await database.upgrade(db_command.say)
        await Users(database).add(person)
    finally:
        await database.close()
