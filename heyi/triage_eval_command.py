"""``heyi triage eval``, ``eval-dialogues``, ``bench-written``: measure the judgement on labelled files."""

import json
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from asr import models
from asr.engines.load import load_engine
from asr.measure.evaluate import evaluate as recognise
from asr.measure.manifest import read_manifest
from core.city import City
from core.cityfile import load_city
from core.errors import HeyiError
from core.settings import Settings
from heyi.configuring import own_rules
from heyi.speech import improver_of
from triage.judge import Judge
from triage.learn.shelf import ensure_model
from triage.measure.dialogues import evaluate_dialogues
from triage.measure.rows import read_rows
from triage.measure.utterances import evaluate
from triage.measure.written import bench_written

console = Console(stderr=True)
#: Joined to the commands of ``heyi triage``.
app = typer.Typer()
#: Beside the checkout; heyi itself brings no messages.
_MESSAGES = Path(__file__).parents[2] / "shared" / "data" / "citizen_messages_9210.tsv.gz"

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
RulesOnly = Annotated[bool, typer.Option("--rules-only", help="Without what is learned.")]


class _Report(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


class _Predicting(_Report, Protocol):
    def write_predictions(self, path: Path) -> None: ...


@app.command("eval")
def eval_command(
    file: Annotated[Path, typer.Argument(help="TSV: id, line, text, is_emergency, code, place, phone, nature, tags.")],
    as_json: AsJson = False,
    predictions: Annotated[Path | None, typer.Option(help="Write each row's verdict here, as JSON lines.")] = None,
    rules_only: RulesOnly = False,
    asr: Annotated[
        bool,
        typer.Option("--asr", help="Recognised speech: the sounds of a column file; without one the texts are it."),
    ] = False,
) -> None:
    """Score the judgement on labelled utterances, rules and learned model together and the rules alone beside."""
    judge = _judge(rules_only)
    heard = _heard(file, judge.city) if asr else {}
    report = evaluate(file, judge.city, judge, progress=not as_json, recognised=asr, heard=heard)
    _write(report, predictions)
    _show(report, as_json)


@app.command("eval-dialogues")
def dialogues_command(
    file: Annotated[Path, typer.Argument(help="JSON lines: id, line, turns, gold, incident_id, caller_number, tags.")],
    as_json: AsJson = False,
    predictions: Annotated[Path | None, typer.Option(help="Write each dialogue's verdict here, as JSON lines.")] = None,
    rules_only: RulesOnly = False,
) -> None:
    """Replay labelled calls as they are heard live: how soon it alarms, for what, and what it knows at the end."""
    judge = _judge(rules_only)
    report = evaluate_dialogues(file, judge.city, judge, progress=not as_json)
    _write(report, predictions)
    _show(report, as_json)


@app.command("bench-written")
def written_command(
    file: Annotated[
        Path, typer.Argument(help="TSV with label and text (or text_segmented), packed by gzip or not.")
    ] = _MESSAGES,
    as_json: AsJson = False,
) -> None:
    """Cross-validate the learner on written messages, to compare with what others publish."""
    with Progress(*_COLUMNS, console=console, transient=True, disable=as_json) as progress:
        task = progress.add_task("reading", total=None)

        def done(what: str, at: int, of: int) -> None:
            progress.update(task, description=what, completed=at, total=of)

        report = bench_written(file, done)
    _show(report, as_json)


def _judge(rules_only: bool) -> Judge:
    settings = Settings()
    city = load_city(settings.city_folder)
    rules, categories, _ = own_rules(settings)
    return Judge(city, rules, categories, model=None if rules_only else ensure_model(settings, city, console))


def _heard(table: Path, city: City) -> dict[str, str]:
    """What the city's engine and words make of the sounds that the table names; empty where it names none."""
    if not any(row.file for row in read_rows(table, city)):
        return {}
    settings = Settings()
    rows, broken = read_manifest(table)
    folder = models.require(city.profile.asr_model, settings.cache)
    engine = load_engine(city.profile.asr_engine, folder, threads=1)
    with Progress(*_COLUMNS, console=console, transient=True) as progress:
        task = progress.add_task("listening", total=len(rows))
        words = improver_of(settings, city, engine)
        report = recognise(table, rows, broken, engine, words, done=lambda: progress.advance(task))
    for fault in report.broken:
        raise HeyiError(f"{table}, {fault}")
    return {one.row.file: one.text for one in report.scored}


def _write(report: _Predicting, path: Path | None) -> None:
    if path is None:
        return
    try:
        report.write_predictions(path)
    except OSError as error:
        raise HeyiError(f"{path} cannot be written: {error.strerror}") from error


def _show(report: _Report, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        Console().print(report)
