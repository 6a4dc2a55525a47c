"""``heyi triage``: train what of the judgement is learned; measuring it is in ``triage_eval_command``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core.cityfile import load_city
from core.settings import Settings
from heyi import triage_eval_command, triage_loop_command
from triage.learn.corpus import own_lines, seed_corpus
from triage.learn.fit import figures_on
from triage.learn.model import Model
from triage.learn.shelf import ensure_model, seed_path, train_with_progress

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="Judgement.")
app.add_typer(triage_eval_command.app)
app.add_typer(triage_loop_command.app)


@app.command("train")
def train_command(
    data: Annotated[
        Path | None, typer.Option(help="CSV of the city's own past tickets, learned beside the rest.")
    ] = None,
    text: Annotated[str, typer.Option(help="Its column with what was said.")] = "text",
    code: Annotated[str, typer.Option(help="Its column with the code of the category.")] = "code",
    nature: Annotated[str, typer.Option(help="Its column with the nature, if it has one.")] = "",
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 0,
    missing: Annotated[bool, typer.Option("--missing", help="Only where there is none yet.")] = False,
) -> None:
    """Train the judge, and print version, hash of the data and cross-validated figures.

    With a city's own tickets the model is proposed at the desk's page /models with what gets better and what worse, as
    by ``retrain``; exit status 1 where the comparison refuses it.
    """
    settings = Settings()
    city = load_city(settings.city_folder)
    if missing:
        ensure_model(settings, city, console)
        return
    if data is not None:
        triage_loop_command.propose(settings, city, own_lines(data, city, text, code, nature), seed=seed)
        return
    examples = seed_corpus(city)
    path = seed_path(settings, examples)
    model = train_with_progress(examples, city, console, seed)
    model.save(path)
    _print(model, path)


def _print(model: Model, path: Path) -> None:
    about = model.about
    table = Table(title=f"model of {about['lines']} lines, data {about['data']}, seed {about['seed']}")
    table.add_column("cross-validated")
    table.add_column("this model", justify="right")
    for name, value in figures_on(model):
        table.add_row(name, f"{value:.3f}")
    console.print(table)
    console.print(f"emergency from {model.emergency:.2f}, review from {model.review:.2f}; {path}", soft_wrap=True)
