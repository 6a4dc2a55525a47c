"""``heyi city restore``: the city's files as heyi last started with them, where a change keeps it from starting."""

import getpass
from typing import Annotated

import typer
from rich.console import Console

from core.errors import HeyiError
from core.settings import Settings
from heyi.configuring import configuration
from heyi.site import with_database

console = Console(stderr=True)


def restore(
    file: Annotated[
        str | None, typer.Argument(help="Name of one file, such as lines.yaml or ivr/welcome.yaml.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every file that was changed since, or stands in the way of a start.")
    ] = False,
) -> None:
    """Put back the version of a changed file that heyi last started with, as a new version; nothing is lost by it.

    Where that very version no longer fits this heyi, the city's own file is put back. A running heyi takes it when it
    is started anew.
    """
    if (file is None) != everything:
        raise HeyiError("one file or --all", hint="heyi city restore lines.yaml")
    settings = Settings()
    found = with_database(
        settings,
        lambda database: configuration(settings, database).restore_started(
            file, who=_who(), why="heyi city restore"
        ),
    )  # fmt: skip
    for name, number in found.items():
        console.print(f"{name}: as it came" if number == 0 else f"{name}: version {number} again", highlight=False)


def _who() -> str:
    try:
        return getpass.getuser()[:60]
    except (KeyError, OSError):
        return "heyi"
