"""``heyi quality``: the automatic checks, measured and shown."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.cityfile import load_city
from core.settings import Settings
from quality.checks.review import prepare
from quality.measure import evaluate
from triage.judge import Judge

app = typer.Typer(no_args_is_help=True, help="Quality review.")


@app.callback()
def quality() -> None:
    """Quality review."""


@app.command("eval")
def eval_command(
    file: Annotated[
        Path, typer.Argument(help="JSON lines: id, line, caller_number, turns (who A or C, text), qa (the marks).")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Write here, as JSON lines, each dialogue's id, checks and findings with their words."),
    ] = None,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Without what is learned.")] = False,
) -> None:
    """Run the automatic checks on marked dialogues, and print precision, recall and F1 of each with the counts.

    The checks see the line, the number called from and the turns; of `gold` and `qa` they see nothing. A check
    for which a call gave no occasion counts as not done and is no violation.
    """
    settings = Settings()
    city = load_city(settings.city_folder)
    checks = prepare(settings, city, rules_only=rules_only)
    report = evaluate(file, city, checks, Judge(city), progress=not as_json)
    if predictions is not None:
        report.write_predictions(predictions)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        Console().print(report)
