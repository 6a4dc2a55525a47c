"""One crossing between threads for each statement, and none for a transaction that never began."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

import heyi.tables  # noqa: F401  every table, so that all can be made
from core.bus import Bus
from core.clock import SystemClock
from core.database import Database
from core.sqlite import Connection
from telephony.events import CallUrged
from telephony.ledger import Rung
from tests.eventually import until


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path}/heyi.db", Bus())
    await made.create_all()
    async with made.read() as session:  # the connection is made and told how to behave
        await session.scalar(text("SELECT 1"))
    yield made
    await made.close()


@pytest.fixture
def crossings(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    """Everything that is done in a connection's thread."""
    seen: list[Callable[..., Any]] = []
    former = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, order: Callable[..., Any], *given: Any, **named: Any) -> Any:
        seen.append(order)
        return await former(self, order, *given, **named)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return seen


async def add(database: Database, *names: str) -> None:
    async with database.work() as work:
        work.session.add_all(Rung(call_id=name, number="1") for name in names)


async def names(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(Rung.call_id).order_by(Rung.call_id)))


async def test_a_reading_crosses_once_for_each_statement(database: Database, crossings: list[object]) -> None:
    await names(database)
    assert len(crossings) == 1
    async with database.read() as session:
        await session.get(Rung, "a")
        await session.get(Rung, "b")
    assert len(crossings) == 3


async def test_a_unit_of_work_crosses_for_its_statements_and_its_commit(
    database: Database, crossings: list[object]
) -> None:
    await add(database, "a", "b", "c")
    assert len(crossings) == 2
    async with database.work() as work:
        await work.session.get(Rung, "a")
    assert len(crossings) == 3, "nothing was written, so there was nothing to commit"
    assert await names(database) == ["a", "b", "c"]


async def test_events_of_a_unit_are_stored_by_one_statement_in_their_order(
    database: Database, crossings: list[object]
) -> None:
    async with database.work() as work:
        work.record(*(CallUrged(at=SystemClock().now(), call_id=name) for name in "cab"))
    assert len(crossings) == 2
    assert [event.call_id for event in await database.events_after(0)] == ["c", "a", "b"]


async def test_what_a_statement_gives_is_all_there(database: Database) -> None:
    await add(database, "a", "b", "c")
    async with database.work() as work:
        returned = await work.session.scalars(
            insert(Rung).returning(Rung.call_id, sort_by_parameter_order=True),
            [{"call_id": name, "number": "2"} for name in "xyz"],
        )
        assert list(returned) == ["x", "y", "z"]
        changed: Any = await work.session.execute(update(Rung).where(Rung.number == "1").values(number="3"))
        assert changed.rowcount == 3
        pages = await work.session.stream(select(Rung.call_id).order_by(Rung.call_id).execution_options(yield_per=2))
        assert [[row[0] for row in page] async for page in pages.partitions()] == [["a", "b"], ["c", "x"], ["y", "z"]]
    assert await names(database) == [*"abcxyz"]


async def test_what_fails_is_rolled_back_and_the_connection_goes_on(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(IntegrityError):
        await add(database, "b", "a")
    with pytest.raises(OperationalError, match="no such table"):
        async with database.read() as session:
            await session.execute(text("SELECT * FROM nowhere"))
    await add(database, "c")
    assert await names(database) == ["a", "c"]


async def test_a_rollback_waits_for_a_statement_that_somebody_was_cancelled_in(tmp_path: Path) -> None:
    """It goes on in its thread, and begins a transaction there after nobody waits for it any more."""
    begun, go_on = threading.Event(), threading.Event()
    connection = Connection(lambda: sqlite3.connect(tmp_path / "one.db", check_same_thread=False))
    await connection
    await connection.cursor().execute("CREATE TABLE t (a)")

    def insert_slowly() -> None:
        begun.set()
        go_on.wait(60)
        connection.raw.execute("INSERT INTO t VALUES (1)")

    writing = asyncio.create_task(connection.cross(insert_slowly))
    await until(begun.is_set, lambda: "the statement begins")
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    undoing = asyncio.create_task(connection.rollback())
    await asyncio.sleep(0)
    go_on.set()
    await undoing
    await connection.cross(lambda: None)  # the statement, too, is over now
    with sqlite3.connect(tmp_path / "one.db", timeout=0) as other:
        other.execute("INSERT INTO t VALUES (2)")  # nobody holds the lock
    assert other.execute("SELECT a FROM t").fetchall() == [(2,)]
    other.close()
    await connection.close()
