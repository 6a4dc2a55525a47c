"""Migrations: they make what the code has, keep what is there, take old folders on and refuse what they cannot read."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from typer.testing import CliRunner

from core import schema, schemadraft
from core.bus import Bus
from core.database import Base, Database
from core.errors import HeyiError
from core.schema import SchemaError, upgrade
from heyi import tables
from heyi.db_command import app
from tests.databases import KINDS, address
from tests.eventually import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return address(request, tmp_path)


def within(url: str, *statements: str) -> list[object]:
    """Run these, and return the first column of what the last one finds."""

    async def run() -> list[object]:
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                for statement in statements[:-1]:
                    await connection.execute(text(statement))
                found = await connection.execute(text(statements[-1]))
                return [row[0] for row in found] if found.returns_rows else []
        finally:
            await engine.dispose()

    return asyncio.run(run())


def stepwise(url: str, version: str) -> None:
    """Upgrade to this version and no further."""

    def make(connection: AsyncConnection) -> None:
        command.upgrade(schema.config(connection), version)  # type: ignore[arg-type]

    async def run() -> None:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(make)
        await engine.dispose()

    asyncio.run(run())


def before_versions(url: str) -> None:
    """The tables as heyi made them before there were migrations."""
    stepwise(url, "0001")
    within(url, "DROP TABLE alembic_version")


TICKET = (
    "INSERT INTO tickets (id, number, line, caller, caller_digits, agent_extension, agent_login, state, is_emergency, "
    "code, nature, place, contact_name, contact_phone, contact_digits, summary, description, department, assist, "
    "result, satisfaction, reopened, created_at, version, touched) VALUES ('t1', 'JJ20261101-0001', '12345', '138', "
    "'138', '', '', 'filed', false, '', '', '安海镇', '', '', '', '路灯不亮', '', 'urban', '[]', '', '', 0, "
    "'2026-11-01 00:00:00', 1, '[]')"
)
CHILD = (
    "INSERT INTO ticket_history (ticket_id, version, at, who, role, action, after, department, note, changes) "
    "VALUES ('t1', 1, '2026-11-01 00:00:00', 'system', 'system', 'draft', 'draft', '', '', '{}')"
)


def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    """Red: a table or column is new in the code. `./run heyi db revision -m "…"`, look at it, commit it."""
    done = upgrade(url)
    assert (done.before, done.after, done.backup) == ("", schema.head(), None)

    async def ask() -> list[str]:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            found = await connection.run_sync(schemadraft.differences, tables.METADATA)
        await engine.dispose()
        return found

    assert asyncio.run(ask()) == []


def test_every_table_of_the_code_is_known() -> None:
    known = {mapper.class_.__module__ for mapper in Base.registry.mappers}
    names = ("core", "telephony", "switchboard", "asr", "ivr", "triage", "ticketing", "quality", "desk")
    rooms = [ROOT / room for room in names]
    declaring = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in rooms
        for path in room.rglob("*.py")
        if "__tablename__" in path.read_text(encoding="utf-8")
    }
    named = (ROOT / "heyi" / "tables.py").read_text(encoding="utf-8")
    assert declaring - known == set()
    assert [module for module in declaring if module != "core.database" and f"import {module}\n" not in named] == []


def test_what_was_stored_before_versions_is_taken_on_and_kept(url: str, tmp_path: Path) -> None:
    before_versions(url)
    # A table that heyi made only later than this database.
    within(url, TICKET, CHILD, "DROP TABLE model_uses")
    done = upgrade(url)
    assert (done.before, done.after) == (schema.UNVERSIONED, schema.head())
    assert within(url, "SELECT summary FROM tickets") == ["路灯不亮"]
    assert within(url, "SELECT ticket_id FROM ticket_history") == ["t1"]
    assert within(url, "SELECT count(*) FROM model_uses") == [0]
    assert upgrade(url).changed is False
    if url.startswith("sqlite"):
        assert done.backup is not None
        with sqlite3.connect(done.backup) as copy:
            assert copy.execute("SELECT summary FROM tickets").fetchall() == [("路灯不亮",)]
            assert not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
        copy.close()
    assert len(list(tmp_path.glob("heyi.db.before-*"))) == url.startswith("sqlite")


def test_tickets_from_before_learn_how_they_came(url: str) -> None:
    stepwise(url, "0001")
    others = [
        TICKET.replace("'t1', 'JJ20261101-0001'", f"'t{number}', 'JJ20261101-000{number}'") for number in range(2, 6)
    ]
    within(url, TICKET, CHILD.replace("'draft', 'draft'", "'import', 'draft'"), *others)
    stepwise(url, "0010")
    item = (
        "INSERT INTO door_items (id, ticket_id, source, external_id, digest, at, via, sender, title, text, said, "
        "public, token_hash) VALUES ('{0}', '{0}', '{1}', '{0}', '', '2026-11-01 00:00:00', '', '', '', 'x', "
        "'{{}}', false, '{0}')"
    )
    doors = [item.format("t2", "wechat"), item.format("t3", "hook"), item.format("t4", "letter")]
    within(url, *doors, "UPDATE tickets SET call_id = 'c5' WHERE id = 't5'")
    upgrade(url)
    assert within(url, "SELECT source FROM tickets ORDER BY id") == ["import", "chat", "webhook", "letter", "call"]


def test_a_search_index_is_found_again_after_the_upgrade(url: str) -> None:
    before_versions(url)
    upgrade(url)
    assert within(url, "SELECT count(*) FROM utterance_grams") == [0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("ALTER TABLE tickets DROP COLUMN result", "tickets lacks result"),
        ("ALTER TABLE tickets ADD COLUMN colour VARCHAR(8)", "tickets.colour is unknown"),
    ],
)
def test_tables_without_a_version_that_are_unlike_the_first_are_refused(url: str, changes: str, said: str) -> None:
    before_versions(url)
    within(url, TICKET, changes)
    with pytest.raises(SchemaError, match=said) as told:
        upgrade(url)
    assert "HEYI_DATA" in told.value.hint
    assert schema.version(url) == schema.UNVERSIONED
    assert within(url, "SELECT id FROM tickets") == ["t1"]


def test_other_programs_tables_are_no_concern_of_ours(url: str) -> None:
    within(url, "CREATE TABLE parking (id INTEGER PRIMARY KEY)")
    assert upgrade(url).before == ""
    assert within(url, "SELECT count(*) FROM parking") == [0]


def test_a_database_of_a_newer_heyi_is_refused(url: str) -> None:
    upgrade(url)
    within(url, TICKET, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="version 9999, made by a newer heyi") as told:
        upgrade(url)
    assert "start the newer heyi" in told.value.hint
    assert schema.version(url) == "9999"


#: Waits for a line, so that both are up before either begins.
_UPGRADES = "import sys; from core.schema import upgrade; input(); print(upgrade(sys.argv[1]).before)"


def test_two_processes_that_start_together_upgrade_once(url: str) -> None:
    before_versions(url)
    within(url, TICKET)
    both = [
        subprocess.Popen([sys.executable, "-c", _UPGRADES, url], cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True)
        for _ in range(2)
    ]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate(timeout=PATIENCE_S)[0].strip() for one in both]
    assert sorted(said) == sorted([schema.head(), schema.UNVERSIONED])
    assert within(url, "SELECT id FROM tickets") == ["t1"]


def test_an_upgrade_that_fails_leaves_everything_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before_versions(url)
    within(url, TICKET)

    def fail(connection: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as broken:
        broken.setattr(schema, "_end", fail)
        with pytest.raises(RuntimeError, match="killed here"):
            upgrade(url)
    assert schema.version(url) == schema.UNVERSIONED
    assert upgrade(url).changed


def test_a_full_disk_is_told_before_the_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}"
    before_versions(url)
    monkeypatch.setattr(schema.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(SchemaError, match="no room for a copy"):
        upgrade(url)
    assert schema.version(url) == schema.UNVERSIONED


def test_only_the_latest_copies_are_kept(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}"
    before_versions(url)
    for day in range(1, 5):
        (tmp_path / f"heyi.db.before-0001-202601{day:02d}T000000Z").touch()
    made = upgrade(url).backup
    assert made is not None
    assert made in tmp_path.glob("heyi.db.before-*")
    assert len(list(tmp_path.glob("heyi.db.before-*"))) == schema.BACKUPS


async def test_a_database_opens_itself(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", Bus())
    done = await database.upgrade()
    assert done.after == schema.head()
    assert await database.events_after(0) == []
    async with database.work() as work:
        await work.session.execute(text(TICKET))
    await database.look_over()
    async with database.read() as session:
        known = set(await session.scalars(text("SELECT idx FROM sqlite_stat1 WHERE tbl = 'tickets'")))
    assert "tickets_by_department" in known
    await database.close()


def test_no_migration_is_written_where_none_is_needed() -> None:
    with pytest.raises(HeyiError, match="make all tables of the code already"):
        schemadraft.revision("nothing", tables.METADATA)


def test_the_commands_tell_and_change_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path))
    monkeypatch.setenv("HEYI_MIN_FREE_MB", "0")
    runner = CliRunner()
    assert f"no database (this heyi needs {schema.head()})" in runner.invoke(app, ["current"]).output
    refused = runner.invoke(app, ["check"])
    assert isinstance(refused.exception, HeyiError)
    assert runner.invoke(app, ["upgrade"]).exit_code == 0
    assert runner.invoke(app, ["current"]).output.startswith(schema.head())
    assert runner.invoke(app, ["check"]).exit_code == 0
    with sqlite3.connect(tmp_path / "heyi.db") as database:
        database.execute("DROP INDEX ix_audit_who")
    database.close()
    differing = runner.invoke(app, ["check"])
    assert isinstance(differing.exception, HeyiError)
    assert "1 places" in str(differing.exception)
