"""The database and the unit of work: the only place that commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator, event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.bus import Bus
from core.events import Event, to_json


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
    id: Mapped[str] = mapped_column(String(32), unique=True)
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


class Database:
    """Engine, sessions and units of work over one database.

    SQLite runs in WAL mode with one writer at a time (``work``); readers (``read``) never wait for it.
    """

    def __init__(self, url: str, bus: Bus) -> None:
        self._engine = create_async_engine(url)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._bus = bus
        self._writing = asyncio.Lock()
        self._sqlite = url.startswith("sqlite")
        if self._sqlite:
            event.listen(self._engine.sync_engine, "connect", _sqlite_pragmas)

    async def create_all(self) -> None:
        """Create the missing tables."""
        async with self._engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """A writing transaction: commits at a clean exit, then publishes what it recorded; rolls back on error."""
        async with self._writing, self._sessions() as session:
            work = Work(session)
            async with session.begin():
                yield work
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


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
