"""``heyi quality draw``, ``prove``, ``draws``, ``scorecards``, ``package``, ``packages``; ``heyi verify``."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from desk.access.users import Users
from desk.quality.people import reviewers
from heyi.site import with_database
from quality.packages.collect import Packages
from quality.packages.form import spoken
from quality.packages.verify import verify
from quality.reviews.service import Reviews
from quality.reviews.tables import EvidencePackage
from quality.sampling.record import Record
from quality.scorecards.versions import ScorecardVersion, body_of, every, hash_of
from ticketing.actor import Actor

console = Console(stderr=True)
Day = Annotated[str, typer.Option("--date", help="Day on which the shift began, e.g. 2026-11-20.")]


def draw_command(
    day: Day,
    shift: Annotated[str, typer.Option(help="Key of the shift (quality.yaml); without it every one of the day.")] = "",
    by: Annotated[str, typer.Option("--by", help="Login of the supervisor who draws; stays with the draw.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be drawn; keep nothing.")] = False,
) -> None:
    """Draw a shift's calls for review and give them to the reviewers. Each shift can be drawn once."""
    settings, city = _site()
    begin = _day(day)
    keys = [shift] if shift else [one.key for one in city.quality.shifts]

    async def run(database: Database) -> None:
        reviews = Reviews(database, SystemClock(), city)
        who = None if dry_run else await _supervisor(database, by)
        people = await reviewers(database)
        if not people:
            raise HeyiError("nobody may review yet", hint="heyi user add LOGIN --role reviewer")
        for key in keys:
            chosen = reviews.shift(key)
            made = await reviews.preview(begin, chosen, people)
            row = await reviews.draw(begin, chosen, people, who) if who else None
            _show(made, key, row.id if row else "")

    with_database(settings, run)


def prove_command(draw: Annotated[str, typer.Argument(help="Id of the draw (heyi quality draws).")]) -> None:
    """Draw again from what was kept, and compare. Exit 0 only if the same calls come and go to the same reviewers."""
    settings, city = _site()
    found = with_database(settings, lambda database: Reviews(database, SystemClock(), city).prove(draw))
    for fault in found:
        console.print(f"[red]✗[/red] {escape(fault)}", highlight=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
    console.print("drawn again, the same calls come and go to the same reviewers")


def draws_command() -> None:
    """The draws that were made, the latest first."""
    settings, city = _site()
    rows = with_database(settings, lambda database: Reviews(database, SystemClock(), city).draws())
    table = Table("draw", "day", "shift", "plan", "by", "calls' hash")
    for row in rows:
        table.add_row(row.id, str(row.day), row.shift, str(row.plan_version), escape(row.by), row.population_hash[:16])
    Console().print(table)


def scorecards_command() -> None:
    """The city's scorecards, and every version that calls were scored by. Exit 1 where a used one was changed."""
    settings, city = _site()
    kept = with_database(settings, _kept)
    used = {(row.key, row.version): row for row in kept}
    wrong = [
        f"{row.key} version {row.version}: what was kept was changed" for row in kept if hash_of(row.body) != row.hash
    ]
    table = Table("card", "version", "for", "items", "hash", "")
    for card in city.scorecards:
        told, row = hash_of(body_of(card)), used.pop((card.key, card.version), None)
        state = "not used yet" if row is None else "in use"
        if row is not None and row.hash != told:
            state = "[red]changed[/red]"
            wrong.append(f"{card.key} version {card.version} was used with another content: give it the next version")
        table.add_row(card.key, str(card.version), card.kind, str(len(list(card.items()))), told[:16], state)
    for row in used.values():
        table.add_row(row.key, str(row.version), "", "", row.hash[:16], "earlier")
    Console().print(table)
    for fault in wrong:
        console.print(f"[red]✗[/red] {escape(fault)}", highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


async def _kept(database: Database) -> list[ScorecardVersion]:
    async with database.read() as session:
        return list(await every(session))


def package_command(
    call: Annotated[str, typer.Argument(help="Id of the call.")],
    out: Annotated[Path, typer.Option("--out", help="The .zip to write.")],
    why: Annotated[str, typer.Option("--why", help="For whom and what for; stays in the package and in the audit.")],
    by: Annotated[str, typer.Option("--by", help="Login of the supervisor who exports; stays in the package.")],
) -> None:
    """Export a call with everything that is known of it as an evidence package."""
    settings, city = _site()

    async def run(database: Database) -> EvidencePackage:
        who = await _supervisor(database, by)
        packages = Packages(database, SystemClock(), settings.recordings, city.profile.name)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("packing", total=None)
            return await packages.export(call, out, who, why, lambda size: progress.advance(task, size))

    row = with_database(settings, run)
    console.print(f"package {row.number}: {escape(str(out))}", highlight=False)
    console.print("fingerprint, to be told by another way than the package:", highlight=False)
    print(" ".join(spoken(row.fingerprint)))


def packages_command() -> None:
    """Every package that was handed out. Exit 0 only if each follows the one before it, unchanged."""
    settings, city = _site()
    packages = with_database(
        settings,
        lambda database: Packages(database, SystemClock(), settings.recordings, city.profile.name).chain(),
    )
    rows, wrong = packages
    table = Table("package", "call", "at", "by", "why", "fingerprint")
    for row in rows:
        at = f"{row.at:%Y-%m-%d %H:%M}"
        table.add_row(str(row.number), escape(row.call_id), at, escape(row.by), escape(row.why), row.fingerprint[:16])
    Console().print(table)
    for fault in wrong:
        console.print(f"[red]✗[/red] {escape(fault)}", highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


def verify_command(
    package: Annotated[Path, typer.Argument(help="The evidence package.")],
    expected: Annotated[
        str, typer.Option("--fingerprint", help="What the hotline told by another way; blanks do not matter.")
    ] = "",
) -> None:
    """Check an evidence package, on any machine. Exit 0 only if nothing was changed, added or taken out."""
    report = verify(package, expected)
    for fault in report.faults:
        console.print(f"[red]✗[/red] {escape(fault)}", highlight=False, soft_wrap=True)
    print(" ".join(spoken(report.fingerprint)))
    if not report.ok:
        raise typer.Exit(1)
    said = {name: ascii(report.about.get(name, ""))[1:-1][:80] for name in ("number", "call", "made_at", "made_by")}
    console.print(f"{len(report.files)} files, all unchanged; {said['call']}, {said['made_at']}", highlight=False)
    if not expected:
        console.print("compare the fingerprint above with the one that the hotline told you by another way")


def join(quality: typer.Typer, root: typer.Typer) -> None:
    """Put the commands where they belong."""
    for name, command in _COMMANDS.items():
        quality.command(name)(command)
    root.command("verify")(verify_command)


_COMMANDS: dict[str, Callable[..., None]] = {
    "draw": draw_command, "prove": prove_command, "draws": draws_command, "scorecards": scorecards_command,
    "package": package_command, "packages": packages_command,
}  # fmt: skip


def _show(made: Record, shift: str, draw: str) -> None:
    given: dict[str, list[str]] = {}
    for duty in made.assigned.duties:
        given.setdefault(duty.call_id, []).append(duty.reviewer)
    head = f"{made.occasion}: {len(made.drawn.picks)} of {len(made.population)} calls"
    table = Table("call", "agent", "drawn by", "weight", "reviewers", title=f"{head}, draw {draw or '(not kept)'}")
    for pick in made.drawn.picks:
        table.add_row(
            escape(pick.call_id), escape(pick.agent), pick.why, str(pick.weight or ""),
            ", ".join(given.get(pick.call_id, ["nobody"])),
        )  # fmt: skip
    Console().print(table)
    for agent in made.drawn.fewer:
        console.print(f"{escape(agent)}: fewer than the plan's least, the reviewers can take no more")


async def _supervisor(database: Database, login: str) -> Actor:
    """Whoever answers for it: a supervisor of the site, by his login."""
    user = await Users(database).get(login) if login else None
    if user is None or user.role != "supervisor":
        raise HeyiError("--by must name a supervisor of this site", hint="heyi user add LOGIN --role supervisor")
    return user.actor()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HeyiError(f"--date {text} is no day", hint="for example 2026-11-20") from error


def _site() -> tuple[Settings, City]:
    settings = Settings()
    return settings, load_city(settings.city_folder)
