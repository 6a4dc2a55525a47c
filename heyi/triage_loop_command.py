"""``heyi triage retrain`` and ``heyi triage drift``: propose a model, and report how far both disagree."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from heyi.configuring import own_rules
from heyi.site import with_database
from triage.hearing import Hearing
from triage.judge import Judge
from triage.learn.corpus import own_lines, seed_corpus
from triage.learn.example import Example
from triage.learn.features import features
from triage.learn.model import Model
from triage.learn.shelf import ensure_model, train_with_progress
from triage.loop.cases import fixed_cases, own_cases, policy_cases
from triage.loop.drift import WEEKS, Drift, bounds, judgement, report, week_called, week_of
from triage.loop.examples import Alarm, LabelledCall, examples
from triage.loop.gate import Answered, Case, Comparison, answer, compare
from triage.loop.labels import labels
from triage.loop.models import Models, version_of
from triage.loop.reading import labelled_calls

console = Console(stderr=True)
app = typer.Typer()
#: Cases that a refusal prints; the page has all.
_SHOWN = 12


@app.command("retrain")
def retrain_command(
    data: Annotated[Path | None, typer.Option(help="CSV of the city's own past tickets, learned beside.")] = None,
    text: Annotated[str, typer.Option(help="Its column with what was said.")] = "text",
    code: Annotated[str, typer.Option(help="Its column with the code of the category.")] = "code",
    nature: Annotated[str, typer.Option(help="Its column with the nature, if it has one.")] = "",
    unchanged: Annotated[
        bool, typer.Option("--unchanged", help="Learn from tickets that the call taker left as they were, too.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Train a model from the corpus and what call takers left, compare it, and propose it at the desk's page /models.

    Exit status 1 where the comparison refuses it. Nothing is taken into use here.
    """
    settings = Settings()
    city = load_city(settings.city_folder)
    own = own_lines(data, city, text, code, nature) if data is not None else ()
    propose(settings, city, own, unchanged=unchanged, seed=seed, as_json=as_json)


def propose(
    settings: Settings,
    city: City,
    own: Sequence[Example],
    *,
    unchanged: bool = False,
    seed: int = 0,
    as_json: bool = False,
) -> None:
    """Train on the corpus, on ``own`` and on what call takers left, compare, and propose.

    Raises :class:`typer.Exit` with status 1 where the comparison refuses it.
    """
    calls = with_database(settings, _labelled)
    current = ensure_model(settings, city, console)
    judge = Judge(city, *own_rules(settings)[:2], model=current)
    cases = (*policy_cases(city), *fixed_cases(city), *own_cases(calls, city))
    known = [case.text for case in cases if case.source == "fixed"]
    learned = examples(calls, city, alarm_of(current, judge), unchanged=unchanged, known=known)
    if not learned and not own:
        raise HeyiError(
            "there is nothing to learn from yet",
            hint=f"{len(calls)} filed tickets of calls, none with words and a correction that is not kept aside",
        )
    model = train_with_progress((*seed_corpus(city), *own, *learned), city, console, seed)
    base = version_of(current)
    if version_of(model) == base:
        raise HeyiError("the model in use has learned all of this already", hint=base)
    new = Judge(city, judge.rules, judge.categories, judge.gazetteer, model=model)
    compared = compare(answered(judge, new, cases, progress=not as_json))
    tickets = len({e.group for e in learned})
    aside = sum(case.source == "own" for case in cases)

    async def keep(database: Database) -> int:
        models = Models(database, settings, SystemClock())
        made = await models.propose(model, current, judge.rules.version, labels=tickets, aside=aside, compared=compared)
        return made.id

    number = with_database(settings, keep)
    if as_json:
        print(json.dumps(
            {"proposal": number, "version": version_of(model), "base": base, "labels": tickets,
             "refused": bool(compared.refused), "figures": compared.plain(),
             "became": {name: compared.count(name) for name in ("better", "worse", "other")}},
            ensure_ascii=False,
        ))  # fmt: skip
    else:
        _print(compared, number, f"{tickets} of {len(calls)} tickets", judge.emergency, new.emergency)
    if compared.refused:
        raise typer.Exit(1)


@app.command("drift")
def drift_command(
    week: Annotated[str, typer.Option(help="As 2026-W47; the last whole week without it.")] = "",
    weeks: Annotated[int, typer.Option(min=1, max=52, help="Weeks before, to compare with.")] = WEEKS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """How often call takers left something else than the software had said, by code, line and desk."""
    settings = Settings()
    city = load_city(settings.city_folder)
    zone = ZoneInfo(city.profile.timezone)
    monday = week_called(week) if week else week_of(SystemClock().now() - timedelta(weeks=1), zone)
    urgent = {line.number for line in city.lines if line.kind == "emergency"}

    async def read(database: Database) -> Drift:
        start, _ = bounds(monday - timedelta(weeks=weeks), zone)
        _, end = bounds(monday, zone)
        async with database.read() as session:
            rows = await labels(session, start=start, end=end)
        return report((judgement(row, urgent) for row in rows), monday, zone, weeks)

    found = with_database(settings, read)
    if as_json:
        print(json.dumps(found.plain(), ensure_ascii=False, default=str))
    else:
        _print_drift(found)


async def _labelled(database: Database) -> tuple[LabelledCall, ...]:
    async with database.read() as session:
        return await labelled_calls(session)


def alarm_of(model: Model, judge: Judge) -> Alarm:
    """How alarming words are to the model alone."""
    hearing = Hearing(judge.city, judge.rules, judge.categories, judge.gazetteer)

    def alarm(text: str) -> float | None:
        opinion = model.opinion(features(hearing.hear(text)))
        return None if opinion is None else opinion.p_emergency

    return alarm


def answered(before: Judge, after: Judge, cases: Sequence[Case], *, progress: bool) -> Iterable[Answered]:
    """Both answers to each case."""
    bar = track(cases, "comparing", console=console, transient=True) if progress else cases
    return [Answered(case, answer(before, case), answer(after, case)) for case in bar]


def _print(compared: Comparison, number: int, learned: str, before: float, after: float) -> None:
    title = f"proposal {number}: learned from {learned}; raises from {after:.2f} on, before from {before:.2f}"
    table = Table(title=title, title_justify="left")
    table.add_column("share that fails")
    table.add_column("model in use", justify="right")
    table.add_column("proposed", justify="right")
    table.add_column("may rise by", justify="right")
    for f in compared.figures:
        margin = "–" if f.margin is None else f"{f.margin:.1%}"
        style = "bold red" if f.refused else None
        table.add_row(f"{f.source}: {f.measure}", str(f.before), str(f.after), margin, style=style)
    console.print(table)
    counts = ", ".join(f"{compared.count(name)} {name}" for name in ("better", "worse", "other"))
    if not compared.refused:
        console.print(f"{counts}; a supervisor decides at the desk's page /models")
        return
    console.print(f"[bold red]refused[/]: {counts}")
    by_name = {(a.case.source, a.case.name): a for a in compared.answered}
    for figure in compared.refused:
        for name in figure.refused[:_SHOWN]:
            a = by_name[figure.source, name]
            console.print(
                f"  {figure.measure}  {name}  {a.case.line}  {a.case.text[:60]}  "
                f"p {a.before.p_emergency:.2f} → {a.after.p_emergency:.2f}, "
                f"{' '.join(a.before.codes[:1])} → {' '.join(a.after.codes[:1])} (right: {a.case.code})",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
        if len(figure.refused) > _SHOWN:
            console.print(f"  {figure.measure}: and {len(figure.refused) - _SHOWN} more", highlight=False)


def _print_drift(found: Drift) -> None:
    title = f"{found.name}: {found.tickets} tickets; {found.weeks_before} weeks before: {found.tickets_before}"
    table = Table(title=title, title_justify="left")
    for name in ("of", "", "disagree on", "this week", "before", ""):
        table.add_column(name)
    for row in found.rows:
        table.add_row(
            row.kind, row.key, row.measure, str(row.now), str(row.before), row.trend,
            style={"more": "bold red", "less": "green"}.get(row.trend),
        )  # fmt: skip
    console.print(table)
    for c in found.confusions:
        console.print(f"  {c.said or '–'} → {c.left}: {c.count}", highlight=False)
