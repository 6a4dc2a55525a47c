"""``heyi models``: which speech and voice models there are, fetched and checked."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asr import models
from asr.engines.load import load_engine
from core import modelstore
from core.city import City
from core.cityfile import load_city
from core.errors import HeyiError
from core.modelstore import Model
from core.settings import Settings
from ivr.voice_model import KOKORO

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="Speech and voice models.")

_CATALOGUE: dict[str, Model] = {**models.CATALOGUE, KOKORO.name: KOKORO}
_Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]…", help="Names as in the list; without any, what the city needs.")
]


@app.callback()
def every() -> None:
    """Speech and voice models."""


@app.command("list")
def list_models() -> None:
    """Models known to heyi, for which engine, and whether they are whole on this machine."""
    table = Table("name", "what", "engine", "licence", "MB", "state")
    with console.status("reading the models"):
        for found in modelstore.listing(_CATALOGUE.values(), Settings().cache):
            model = found.model
            state = "[green]✓[/green]"
            if found.problem:
                state = f"[red]{escape(found.problem)}[/red]" if found.folder.is_dir() else "not fetched"
            table.add_row(model.name, model.title, model.engine or "voice", model.licence, str(model.megabytes), state)
    console.print(table)


@app.command("fetch")
def fetch(names: _Names = None) -> None:
    """Fetch models, with progress; one that broke off goes on where it stopped. Whole ones are left as they are."""
    settings = Settings()
    if not names:
        city = load_city(settings.city_folder)
        _say(models.ensure(city.profile.asr_model, settings.cache))
        _say(modelstore.ensure(KOKORO, settings.cache))
        return
    for model in [_known(name) for name in names]:
        _say(modelstore.ensure(model, settings.cache))


@app.command("check")
def check(names: _Names = None) -> None:
    """Check the hashes of models, and that the city's engine can load its model; exit 0 only if all is well."""
    settings = Settings()
    if names:
        faults = [modelstore.check(_known(name), settings.cache) for name in names]
    else:
        city = load_city(settings.city_folder)
        faults = [_heard(city, settings.cache), modelstore.check(KOKORO, settings.cache)]
    for fault in filter(None, faults):
        console.print(fault, highlight=False, markup=False, soft_wrap=True)
    if any(faults):
        raise HeyiError(
            "a model is absent, damaged or not for its engine",
            hint=" ".join(["./run heyi models fetch", *(names or ())]),
        )
    console.print("models are whole")


def _heard(city: City, cache: Path) -> str:
    """What keeps the city's engine from its model: a wrong hash, or a model that it cannot load."""
    try:
        if fault := models.check(city.profile.asr_model, cache):
            return fault
        load_engine(city.profile.asr_engine, models.require(city.profile.asr_model, cache))
    except HeyiError as error:
        return str(error)
    return ""


def _known(name: str) -> Model:
    if name not in _CATALOGUE:
        raise HeyiError(f"no model is called {name!r}", hint=f"use one of {', '.join(_CATALOGUE)}")
    return _CATALOGUE[name]


def _say(folder: Path) -> None:
    console.print(str(folder), highlight=False, markup=False, soft_wrap=True)
