"""``heyi db``: the version of the database, and the migrations that bring it there."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from core import schema, schemadraft
from core.errors import HeyiError
from core.settings import Settings
from heyi.tables import METADATA
from telephony.install import check_space

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="The database: its version, and bringing it up to date.")


def say(what: str) -> None:
    """Tell a person at a terminal what takes its time."""
    console.print(what, highlight=False, markup=False)


@app.command("upgrade")
def upgrade_command() -> None:
    """Bring the database to this program's version, as `heyi serve` does when it starts."""
    settings = Settings()
    check_space(settings)
    with console.status("upgrading the database"):
        try:
            done = schema.upgrade(settings.db_url, say)
        except SQLAlchemyError as error:
            raise _unusable(error) from error
    say(f"the database is of version {done.after}" + ("" if done.changed else " already"))


@app.command("current")
def current_command() -> None:
    """Print the database's version and the one that this program needs."""
    print(f"{_version(Settings()) or 'no database'} (this heyi needs {schema.head()})")


@app.command("check")
def check_command() -> None:
    """Compare the database with the program's tables. Exit 0 only if it is up to date and the same."""
    settings = Settings()
    found, wanted = _version(settings), schema.head()
    if found != wanted:
        raise HeyiError(
            f"the database is of version {found or 'none'}, this heyi needs {wanted}", hint="./run heyi db upgrade"
        )
    faults = asyncio.run(_differences(settings))
    for fault in faults:
        say(fault)
    if faults:
        raise HeyiError(f"the database differs from the program's tables in {len(faults)} places")
    say(f"the database is of version {found} and has all the program's tables")


@app.command("revision")
def revision_command(
    message: Annotated[str, typer.Option("-m", "--message", help="What is new, in a few words.")],
) -> None:
    """For engineers: write the migration for tables or columns that are new in the code."""
    path = schemadraft.revision(message, METADATA)
    say(f"{path}: look at it, keep only what is yours, commit it with the table")


def _version(settings: Settings) -> str:
    if not settings.database_url and not (settings.data / "heyi.db").exists():
        return ""
    try:
        return schema.version(settings.db_url)
    except (SQLAlchemyError, OSError) as error:
        raise _unusable(error) from error


async def _differences(settings: Settings) -> list[str]:
    engine = create_async_engine(settings.db_url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(schemadraft.differences, METADATA)
    finally:
        await engine.dispose()


def _unusable(error: Exception) -> HeyiError:
    reason = str(error.__cause__ or error).splitlines()[0]
    return HeyiError(f"the database cannot be used: {reason[:200]}")
