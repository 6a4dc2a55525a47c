"""``heyi quality``: the automatic checks, measured and shown."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.cityfile import load_city
from core.cityfolder import CityFolder
from core.settings import Settings
from quality.checks.review import prepare
from quality.checks.rulebook import CITY_FILE, load_rulebook
from quality.measure import evaluate
from triage.cityrules import city_rules
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
    folder: Annotated[
        Path | None, typer.Option("--city", help="A city folder; without it the site's as it is now.")
    ] = None,
) -> None:
    """Run the automatic checks on marked dialogues, and print precision, recall and F1 of each with the counts.

    The checks see the line, the number called from and the turns; of `gold` and `qa` they see nothing. A check
    for which a call gave no occasion counts as not done and is no violation.
    """
    settings = Settings()
    files = settings.city_folder if folder is None else CityFolder(folder)
    city = load_city(files)
    # What is measured is what was asked for: a file that cannot be read is told, not left out.
    load_rulebook(files.path(CITY_FILE).parent)
    checks = prepare(settings, city, rules_only=rules_only, folder=files)
    rules, categories, _ = city_rules(files)
    report = evaluate(file, city, checks, Judge(city, rules, categories), progress=not as_json)
    if predictions is not None:
        report.write_predictions(predictions)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        Console().print(report)
