"""The database's tables brought to this program's version: the migrations of ``migrations/``, run by Alembic.

A new table or column is one more file there (docs/database.md). A site's database is brought up to date at the start:
in one transaction, under a lock of the database, so that two processes that start together do it once.
"""

import asyncio
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from core.errors import HeyiError

SCRIPTS = Path(__file__).parents[1] / "migrations"
#: Written in SQL by their migrations, differently for each database: full-text indexes and their shadow tables.
UNSPOKEN = re.compile(r"(ix_)?(utterance|ticket)_grams(_.*)?|alembic_version|sqlite_.*")
#: What :func:`version` says of tables from before there were migrations.
UNVERSIONED = "unversioned"
#: Copies of an SQLite database from before an upgrade that are kept beside it.
BACKUPS = 2
#: Milliseconds that a process waits for another one's upgrade. Copying a table of a million rows takes seconds.
_PATIENCE_MS = 600_000
#: Of PostgreSQL's advisory lock; any number that nothing else in this database uses.
_LOCK = 0x68657969
# Alembic keeps the migration that is being run in a variable of its module.
_one_at_a_time = threading.Lock()


class SchemaError(HeyiError):
    """The database's tables are not such as this program can use or bring up to date."""


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did: versions before (empty: there was no database) and after, and the copy it made."""

    before: str
    after: str
    backup: Path | None = None

    @property
    def changed(self) -> bool:
        return self.before != self.after


def config(connection: Connection | None = None, **attributes: Any) -> Config:
    """Alembic's configuration; ``migrations/env.py`` takes its attributes."""
    made = Config()
    made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    made.attributes.update(attributes, connection=connection)
    return made


def head() -> str:
    """The version that this program needs."""
    found = ScriptDirectory.from_config(config()).get_heads()
    if len(found) != 1:
        raise SchemaError(
            f"migrations/versions has {len(found)} ends: {', '.join(sorted(found))}",
            hint="let the down_revision of one name the other",
        )
    return found[0]


def upgrade(url: str, tell: Callable[[str], None] = lambda _: None) -> Upgraded:
    """Bring the database up to date, make it where there is none; blocks. ``tell`` hears what takes its time.

    A database from before there were migrations is compared with what was made then, and taken on.
    Raises :class:`SchemaError` for one that is newer than the program or unlike any version.
    """
    with _one_at_a_time:
        return asyncio.run(_upgrade(make_url(url), tell))


def version(url: str) -> str:
    """The database's version: empty where it has no tables, ``unversioned`` from before migrations; blocks."""

    async def ask() -> str:
        engine = create_async_engine(url, poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(_version)
        finally:
            await engine.dispose()

    return asyncio.run(ask())


@contextmanager
def scratch(revision: str = "head") -> Iterator[Connection]:
    """An empty database in memory with the tables of a version."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            command.upgrade(config(connection), revision)
            yield connection
    finally:
        engine.dispose()


async def _upgrade(url: URL, tell: Callable[[str], None]) -> Upgraded:
    sqlite = url.get_backend_name() == "sqlite"
    engine = create_async_engine(url, poolclass=NullPool)
    if sqlite:
        event.listen(engine.sync_engine, "connect", _own_transactions)
    try:
        async with engine.connect() as connection:
            if sqlite:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
            wanted = head()
            before = await connection.run_sync(_version)
            if before == wanted:
                return Upgraded(before, wanted)
            await connection.run_sync(_begin)
            try:
                # Another process may have done it while this one waited.
                before = await connection.run_sync(_version)
                backup = None
                if before != wanted:
                    backup = await connection.run_sync(_bring_up, url, before, wanted, tell)
                await connection.run_sync(_end)
            except BaseException:
                await (connection.exec_driver_sql("ROLLBACK") if sqlite else connection.rollback())
                raise
            return Upgraded(before, wanted, backup)
    finally:
        await engine.dispose()


def _own_transactions(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
    # A table that is copied and dropped (SQLite changes no column in place) must not take its children along.
    cursor.execute("PRAGMA foreign_keys=OFF")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _end(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.commit()
        return
    if orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
        raise SchemaError(f"the upgrade would leave {len(orphans)} rows of {orphans[0][0]} without their parents")
    connection.exec_driver_sql("COMMIT")


def _version(connection: Connection) -> str:
    names = inspect(connection).get_table_names()
    if "alembic_version" in names:
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found:
            return found
    # Other programs' tables in the same PostgreSQL database are no concern of ours.
    return UNVERSIONED if "events" in names else ""


def _bring_up(connection: Connection, url: URL, before: str, wanted: str, tell: Callable[[str], None]) -> Path | None:
    scripts = ScriptDirectory.from_config(config())
    known = {script.revision for script in scripts.walk_revisions()}
    if before == UNVERSIONED:
        _comparable(connection, scripts.get_base() or wanted)
    elif before and before not in known:
        raise SchemaError(
            f"the database is of version {before}, made by a newer heyi; this one knows up to {wanted}",
            hint="start the newer heyi, or put back the copy heyi.db.before-… that it made at its first start",
        )
    backup = _copy(url, wanted, tell) if before and url.get_backend_name() == "sqlite" else None
    if before:  # a new one is there in a moment
        tell(f"the database goes from version {before} to {wanted}")
    command.upgrade(config(connection), "head")
    return backup


def _comparable(connection: Connection, base: str) -> None:
    """Whether these tables without a version are those of the first one, some of them perhaps not yet made."""
    with scratch(base) as first, scratch() as last:
        then, now = _columns(first), _columns(last)
    faults = []
    for name, have in sorted(_columns(connection).items()):
        if name in then:
            faults += [f"{name} lacks {column}" for column in sorted(then[name] - have)]
            faults += [f"{name}.{column} is unknown" for column in sorted(have - then[name])]
        elif name in now:
            faults.append(f"{name} is newer than the rest")
    if faults:
        raise SchemaError(
            "the database has no version and is unlike what heyi made before there were versions: "
            + ", ".join(faults[:5])
            + (f" and {len(faults) - 5} more" if len(faults) > 5 else ""),
            hint="keep it, and start with an empty data folder (HEYI_DATA) or database (HEYI_DATABASE_URL)",
        )


def _columns(connection: Connection) -> dict[str, set[str]]:
    tables = inspect(connection).get_multi_columns()
    return {
        name: {str(column["name"]) for column in columns}
        for (_, name), columns in tables.items()
        if not UNSPOKEN.fullmatch(name)
    }


def _copy(url: URL, wanted: str, tell: Callable[[str], None]) -> Path | None:
    """A copy beside the database, by SQLite itself: also of what is still in its journal."""
    if not url.database or url.database == ":memory:":
        return None
    source = Path(url.database)
    size, room = source.stat().st_size, shutil.disk_usage(source.parent).free
    # The upgrade itself may need as much again.
    if room < 2 * size:
        raise SchemaError(
            f"no room for a copy of the database before its upgrade: {size >> 20} MB twice, {room >> 20} MB are free",
            hint=str(source.parent),
        )
    target = source.with_name(f"{source.name}.before-{wanted}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    tell(f"copying the database to {target.name} ({size >> 20} MB)")
    part = target.with_name(target.name + ".part")
    old, new = sqlite3.connect(source), sqlite3.connect(part)
    try:
        old.backup(new)
    finally:
        new.close()
        old.close()
    part.replace(target)
    for former in sorted(source.parent.glob(f"{source.name}.before-*Z"), key=lambda p: p.stat().st_mtime)[:-BACKUPS]:
        former.unlink()
    return target
