"""The database and the unit of work: the only place that commits."""

import asyncio
import contextlib
import functools
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator, create_engine, event, make_url, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from core.bus import Bus
from core.events import Event, to_json
from core.schema import Upgraded, upgrade
from core.sqlite import cross_once


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware ``datetime``, kept as UTC (SQLite itself forgets the zone)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone reached the database")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Parent of every table. Rooms declare their own tables in their own ``tables`` module."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime}


class StoredEvent(Base):
    """One stored event; ``seq`` is the place from which a screen resumes its live stream."""

    __tablename__ = "events"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    #: Known before it is stored: so several go in by one statement, and each still gets its ``seq``.
    id: Mapped[str] = mapped_column(String(32), unique=True, insert_sentinel=True)
    type: Mapped[str] = mapped_column(String(60), index=True)
    at: Mapped[datetime]
    call_id: Mapped[str | None] = mapped_column(String(80), index=True)
    body: Mapped[str] = mapped_column(Text)


class Work:
    """One transaction: its session, and the events to publish once it has committed."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.events: list[Event] = []

    def record(self, *events: Event) -> None:
        """Store these events with the state they describe; they are published after the commit."""
        for item in events:
            self.events.append(item)
            if not item.transient:
                self.session.add(
                    StoredEvent(id=item.id, type=item.type, at=item.at, call_id=item.call_id, body=to_json(item))
                )


class _Joined:
    """What goes with the first unit of work that tells something."""

    def __init__(self, also: Callable[[Work], Awaitable[None]]) -> None:
        self.also = also
        self.kept = False


_joined: ContextVar[_Joined | None] = ContextVar("joined", default=None)


@contextmanager
def together(also: Callable[[Work], Awaitable[None]]) -> Iterator[_Joined]:
    """Within it, the first unit of work of this task that records an event does ``also``, too, before its commit.

    So both are kept or both are lost, whatever service begins the unit of work. ``kept`` of what it gives says whether
    there was such a unit.
    """
    joined = _Joined(also)
    token = _joined.set(joined)
    try:
        yield joined
    finally:
        _joined.reset(token)


#: Connections that are kept. Beyond them one waits: to open another for a moment took longer than any query.
_CONNECTIONS = 16


@functools.cache
def _new_file(tables: int) -> bytes:
    """An SQLite file with all ``tables`` known by now: copied in a moment, where making them takes half a second."""
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/new.db", poolclass=NullPool)
        Base.metadata.create_all(engine)
        return (Path(folder) / "new.db").read_bytes()


def _made_anew(url: str) -> bool:
    """Whether the database is a file that was not there, and now is, with all tables."""
    file = Path(make_url(url).database or ":memory:")
    if not file.is_absolute() or file.exists():
        return False
    file.write_bytes(_new_file(len(Base.metadata.tables)))
    return True


class Database:
    """Engine, sessions and units of work over one database.

    SQLite runs in WAL mode with one writer at a time (``work``); readers (``read``) never wait for it.
    """

    def __init__(self, url: str, bus: Bus) -> None:
        self._url = url
        self._sqlite = url.startswith("sqlite")
        in_memory = self._sqlite and make_url(url).database in (None, "", ":memory:")
        pool = {} if in_memory else {"pool_size": _CONNECTIONS, "max_overflow": 0}
        self._engine = create_async_engine(url, **pool)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._bus = bus
        self._writing = asyncio.Lock()
        if self._sqlite:
            cross_once(self._engine.sync_engine)
            event.listen(self._engine.sync_engine, "connect", _sqlite_pragmas)
            event.listen(self._engine.sync_engine, "invalidate", _give_up_lock)

    async def upgrade(self, tell: Callable[[str], None] = lambda _: None) -> Upgraded:
        """Bring a site's database to this program's version, make it where there is none (:mod:`core.schema`)."""
        return await asyncio.to_thread(upgrade, self._url, tell)

    async def look_over(self) -> None:
        """Let SQLite learn how its values are spread, by which it chooses indexes; PostgreSQL does it by itself."""
        if self._sqlite:
            async with self._engine.connect() as connection:
                # So many rows of each index tell enough, however many there are: it takes milliseconds.
                await connection.exec_driver_sql("PRAGMA analysis_limit=1000")
                await connection.exec_driver_sql("ANALYZE")
                await connection.commit()

    async def create_all(self) -> None:
        """Make the tables of the code, without a version: for what is thrown away, tests and measurements."""
        if self._sqlite and _made_anew(self._url):
            return
        async with self._engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """A writing transaction: commits at a clean exit, then publishes what it recorded; rolls back on error."""
        async with self._writing, self._sessions() as session:
            work, joined = Work(session), _joined.get()
            try:
                yield work
                joins = joined is not None and not joined.kept and bool(work.events)
                if joined is not None and joins:
                    await joined.also(work)
            except BaseException:
                await session.rollback()
                raise
            await _whole(self._keep(work))
            if joined is not None and joins:
                joined.kept = True

    async def _keep(self, work: Work) -> None:
        await work.session.commit()
        for item in work.events:
            self._bus.publish(item)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A reading session; nothing done in it is kept."""
        async with self._sessions() as session:
            yield session

    async def events_after(self, seq: int, limit: int = 1000) -> list[StoredEvent]:
        """Stored events with a number greater than ``seq``, oldest first."""
        async with self.read() as session:
            rows = await session.scalars(
                select(StoredEvent).where(StoredEvent.seq > seq).order_by(StoredEvent.seq).limit(limit)
            )
            return list(rows)

    async def close(self) -> None:
        await self._engine.dispose()


async def _whole(step: Coroutine[Any, Any, None]) -> None:
    """Do a step to its end, also where its task is cancelled meanwhile: what is kept must also be told."""
    task = asyncio.create_task(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _give_up_lock(connection: Any, _record: Any, _error: BaseException | None) -> None:
    """End the transaction of a connection that is about to be thrown away.

    A task that is cancelled between an ``INSERT … RETURNING`` and its rows leaves a statement open. SQLite then keeps
    the closed connection, and with it the lock on writing, for as long as anybody holds the cancelled task: no other
    connection could write again. A rollback ends the transaction in spite of the open statement.
    """
    with contextlib.suppress(asyncio.CancelledError, sqlite3.Error):
        connection.rollback()
