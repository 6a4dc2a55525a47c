"""SQLite for asyncio, with one crossing between threads for each statement.

aiosqlite gives each connection a thread of its own, and SQLAlchemy crosses over to it four times for one SELECT: to
make a cursor, to execute, to fetch, to close; and twice more for a rollback of nothing. On a busy machine each crossing
waits for the loop, the other thread and the interpreter's lock. Here a statement is executed, fetched and closed
over there in one go, and what began no transaction is neither committed nor rolled back. Rows of a result are in memory
as a whole, as SQLAlchemy has them anyway.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite
from sqlalchemy import Dialect, Engine, event

#: Only aiosqlite's own way to go through many rows looks at it.
_CHUNK = 64


class Cursor:
    """What SQLAlchemy uses of a cursor of aiosqlite. Nothing of a statement is open once it is executed."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: deque[Any] = deque()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        return await self._do(lambda cursor: cursor.execute(sql, parameters))  # type: ignore[arg-type]

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        return await self._do(lambda cursor: cursor.executemany(sql, parameters))  # type: ignore[arg-type]

    async def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, deque()
        return rows

    async def close(self) -> None:
        self._rows.clear()

    async def _do(self, order: Callable[[sqlite3.Cursor], object]) -> Self:
        await self._connection.cross(partial(self._over_there, order))
        return self

    def _over_there(self, order: Callable[[sqlite3.Cursor], object]) -> None:
        """In the connection's thread."""
        cursor = self._connection.raw.cursor()
        try:
            order(cursor)
            # A statement that gives rows has done its work, and knows of how many, only when they are fetched.
            self._rows = deque(cursor.fetchall())
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class Connection(aiosqlite.Connection):
    """A connection that knows whether there is anything to commit."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _CHUNK)
        # As SQLAlchemy has it: a connection that was not closed must not keep the process.
        self._thread.daemon = True
        #: Orders for the thread, and those that it has carried out: one side counts each.
        self._given = self._carried_out = 0

    @property
    def raw(self) -> sqlite3.Connection:
        """For the connection's own thread. Raises :class:`ValueError` where it is closed."""
        return self._conn

    def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)

    async def commit(self) -> None:
        if not self._idle():
            await super().commit()

    async def rollback(self) -> None:
        if not self._idle():
            await super().rollback()

    async def cross(self, order: Callable[[], object]) -> None:
        """Have this done in the connection's thread. Who is cancelled meanwhile leaves it to be done all the same."""
        self._given += 1
        await self._execute(self._counted, order)  # type: ignore[no-untyped-call]

    def _counted(self, order: Callable[[], object]) -> None:
        try:
            order()
        finally:
            self._carried_out += 1

    def _idle(self) -> bool:
        """No transaction, and nothing under way that might begin one: somebody may have been cancelled just then."""
        return self._given == self._carried_out and not self.in_transaction


def cross_once(engine: Engine) -> None:
    """Have this engine (of ``sqlite+aiosqlite``) connect by :class:`Connection`."""
    event.listen(engine, "do_connect", _connected)


def _connected(dialect: Dialect, _record: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return dialect.connect(*arguments, async_creator_fn=_connection, **named)


def _connection(database: str, **named: Any) -> Connection:
    return Connection(lambda: sqlite3.connect(database, **named))
