"""For engineers: how the tables in the code differ from what the migrations make, and the next migration of it."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from core.errors import HeyiError
from core.schema import UNSPOKEN, config, scratch

#: How the two are compared; ``migrations/env.py`` takes the same.
OPTIONS: dict[str, Any] = {
    "compare_type": True,
    "include_object": lambda _thing, name, _kind, _reflected, _to: not (name and UNSPOKEN.fullmatch(name)),
}


def differences(connection: Connection, metadata: MetaData) -> list[str]:
    """What a database lacks of the tables in the code, or has too much; one line each."""
    context = MigrationContext.configure(connection, opts=OPTIONS)
    return [_line(one) for one in compare_metadata(context, metadata)]


def _line(found: Any) -> str:
    if isinstance(found, list):  # changes of one column
        return "; ".join(map(_line, found))
    kind, *about = found
    return f"{kind} " + " ".join(_name(one) for one in about if one is not None and not isinstance(one, dict))


def _name(thing: Any) -> str:
    table = getattr(getattr(thing, "table", None), "name", "")
    name = getattr(thing, "name", None)
    return f"{table}.{name}" if table and name else str(name or thing)


def revision(message: str, metadata: MetaData) -> Path:
    """Write the next migration: what the code has and the migrations do not make. Nothing of it: HeyiError."""
    with scratch() as connection:
        if not differences(connection, metadata):
            raise HeyiError("the migrations make all tables of the code already")
        scripts = ScriptDirectory.from_config(config())
        number = max(int(script.revision) for script in scripts.walk_revisions()) + 1
        made = command.revision(
            config(connection, metadata=metadata), message=message, autogenerate=True, rev_id=f"{number:04d}"
        )
    if made is None or isinstance(made, list):
        raise HeyiError("Alembic wrote no migration")
    return Path(made.path)
