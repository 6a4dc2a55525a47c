"""The ledger: one row for each call that reached Asterisk, one for each of its legs."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Database, StoredEvent
from core.events import Event
from telephony.events import CallAnswered, CallArrived, CallEnded, CallQueued, DeskJoined, LegEnded


class CallRow(Base):
    """A call. ``id`` is the unique id of the caller's channel; times are UTC."""

    __tablename__ = "calls"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    direction: Mapped[str] = mapped_column(String(3))
    line: Mapped[str] = mapped_column(String(20), index=True)
    caller: Mapped[str] = mapped_column(String(80), index=True)
    priority: Mapped[int] = mapped_column(default=0)
    agent: Mapped[str] = mapped_column(String(10), default="", index=True)
    arrived_at: Mapped[datetime] = mapped_column(index=True)
    queued_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    waited_s: Mapped[float | None]
    talked_s: Mapped[float | None]
    #: See :class:`telephony.events.CallEnded`.
    outcome: Mapped[str] = mapped_column(String(12), default="")
    cause: Mapped[int] = mapped_column(default=0)
    ended_by: Mapped[str] = mapped_column(String(8), default="")
    recording: Mapped[str] = mapped_column(String(100), default="")

    @property
    def call_id(self) -> str:
        return self.id


class LegRow(Base):
    """One channel of a call."""

    __tablename__ = "legs"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    extension: Mapped[str] = mapped_column(String(10), default="", index=True)
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime]
    joined: Mapped[bool]
    cause: Mapped[int]


class CelPosition(Base):
    """How far into Asterisk's event file everything is settled: the next start reads on from there."""

    __tablename__ = "cel_position"

    node: Mapped[str] = mapped_column(String(16), primary_key=True)
    inode: Mapped[int]
    offset: Mapped[int]


async def unknown(session: AsyncSession, events: Sequence[Event]) -> list[Event]:
    """Those of ``events`` that are not stored yet."""
    ids = [e.id for e in events if not e.transient]
    known: set[str] = set()
    for start in range(0, len(ids), 500):
        known.update(await session.scalars(select(StoredEvent.id).where(StoredEvent.id.in_(ids[start : start + 500]))))
    return [e for e in events if e.id not in known]


async def write(session: AsyncSession, events: Iterable[Event]) -> None:
    """Bring the rows up to what these facts say. A fact about a call without a row makes the row."""
    for event in events:
        if isinstance(event, LegEnded):
            session.add(
                LegRow(
                    id=event.channel, call_id=event.call_id, kind=event.kind, extension=event.extension,
                    started_at=event.started_at, answered_at=event.answered_at, ended_at=event.at,
                    joined=event.joined, cause=event.cause,
                )
            )  # fmt: skip
            continue
        if not isinstance(event, CallArrived | CallQueued | CallAnswered | DeskJoined | CallEnded):
            continue
        row = await session.get(CallRow, event.call_id)
        if row is None:
            row = CallRow(id=event.call_id, direction="in", line="", caller="", arrived_at=event.at)
            session.add(row)
        match event:
            case CallArrived():
                row.direction, row.line, row.caller, row.arrived_at = (
                    event.direction, event.line, event.caller[:80], event.at
                )  # fmt: skip
            case CallQueued():
                row.queued_at, row.priority = event.at, event.priority
            case CallAnswered():
                row.answered_at, row.agent, row.waited_s = event.at, event.agent, event.waited_s
            case DeskJoined():
                row.agent = event.agent
            case CallEnded():
                row.ended_at, row.outcome, row.cause = event.at, event.outcome, event.cause
                row.ended_by, row.talked_s, row.recording = event.by, event.talked_s, event.recording
                if row.waited_s is None:
                    row.waited_s = round((event.at - row.arrived_at).total_seconds(), 3)


async def call(session: AsyncSession, call_id: str) -> CallRow | None:
    return await session.get(CallRow, call_id)


async def history(session: AsyncSession, caller: str, limit: int = 20) -> list[CallRow]:
    """Earlier calls from this number, latest first."""
    rows = await session.scalars(
        select(CallRow)
        .where(CallRow.caller == caller, CallRow.direction == "in")
        .order_by(CallRow.arrived_at.desc())
        .limit(limit)
    )
    return list(rows)


async def open_calls(session: AsyncSession) -> list[CallRow]:
    """Calls without an end."""
    return list(await session.scalars(select(CallRow).where(CallRow.ended_at.is_(None))))


class LedgerReader:
    """The ledger for those who only read it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def call(self, call_id: str) -> CallRow | None:
        async with self._database.read() as session:
            return await call(session, call_id)

    async def history(self, caller: str) -> list[CallRow]:
        """Calls from this number, latest first."""
        async with self._database.read() as session:
            return await history(session, caller)

    async def facts(self, call_id: str) -> tuple[str, str] | None:
        """Line and caller of an incoming call."""
        row = await self.call(call_id)
        return (row.line, row.caller) if row is not None and row.direction == "in" else None
