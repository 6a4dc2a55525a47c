"""The ledger: one row for each call that reached Asterisk, one for each of its legs."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Index, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Database, StoredEvent
from core.events import Event
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallHandedOver,
    CallQueued,
    DeskJoined,
    LegEnded,
)

#: Directions of calls that the merged queue carries.
QUEUED_DIRECTIONS = ("in", "back")


class CallRow(Base):
    """A call. ``id`` is the unique id of the caller's channel; times are UTC."""

    __tablename__ = "calls"
    # What the list of calls is asked for: of a line, a caller or a desk, the latest first.
    __table_args__ = (
        Index("ix_calls_line_arrived_at", "line", "arrived_at"),
        Index("ix_calls_caller_arrived_at", "caller", "arrived_at"),
        Index("ix_calls_agent_arrived_at", "agent", "arrived_at"),
    )

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    #: See :data:`telephony.events.Direction`.
    direction: Mapped[str] = mapped_column(String(8))
    line: Mapped[str] = mapped_column(String(20))
    caller: Mapped[str] = mapped_column(String(80))
    priority: Mapped[int] = mapped_column(default=0)
    #: Asterisk's queue in which the caller waited first: the skill group.
    queue: Mapped[str] = mapped_column(String(40), default="")
    #: The desk whose call it is or was last; all that took part are in the legs.
    agent: Mapped[str] = mapped_column(String(10), default="")
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


class Rung(Base):
    """Whom heyi rings by a call that it places. Asterisk's event log does not tell it, so it is stored beforehand."""

    __tablename__ = "rung"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    number: Mapped[str] = mapped_column(String(20))


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
    events = list(events)
    ids = {e.call_id for e in events if e.call_id}
    rows = {row.id: row for row in await session.scalars(select(CallRow).where(CallRow.id.in_(ids)))} if ids else {}
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
        if not isinstance(event, CallArrived | CallQueued | CallAnswered | DeskJoined | CallHandedOver | CallEnded):
            continue
        call_id = event.call_id or ""
        row = rows.get(call_id)
        if row is None:
            row = rows[call_id] = CallRow(id=call_id, direction="in", line="", caller="", arrived_at=event.at)
            session.add(row)
        match event:
            case CallArrived():
                row.direction, row.line, row.caller, row.arrived_at, row.agent = (
                    event.direction, event.line, event.caller[:80], event.at, event.agent
                )  # fmt: skip
            case CallQueued():
                row.queued_at, row.priority, row.queue = event.at, event.priority, event.queue
                if row.direction == "out":  # asked whether the matter was settled, he wants a person
                    row.direction, row.line = "back", event.line
            case CallAnswered():
                row.answered_at, row.agent, row.waited_s = event.at, event.agent, event.waited_s
            case DeskJoined(role="agent") | CallHandedOver():
                row.agent = event.agent
            case CallEnded():
                row.ended_at, row.outcome, row.cause = event.at, event.outcome, event.cause
                row.ended_by, row.talked_s, row.recording = event.by, event.talked_s, event.recording
                if row.waited_s is None:
                    row.waited_s = round((event.at - row.arrived_at).total_seconds(), 3)


async def rung(session: AsyncSession) -> dict[str, str]:
    """The numbers of the calls that heyi placed."""
    return {row.call_id: row.number for row in await session.execute(select(Rung.call_id, Rung.number))}


async def call(session: AsyncSession, call_id: str) -> CallRow | None:
    return await session.get(CallRow, call_id)


async def calls(session: AsyncSession, ids: Collection[str]) -> list[CallRow]:
    """These calls, those that there are."""
    return list(await session.scalars(select(CallRow).where(CallRow.id.in_(ids))))


async def history(session: AsyncSession, caller: str, limit: int = 20) -> list[CallRow]:
    """Earlier calls from this number, latest first."""
    rows = await session.scalars(
        select(CallRow)
        .where(CallRow.caller == caller, CallRow.direction.in_(QUEUED_DIRECTIONS))
        .order_by(CallRow.arrived_at.desc())
        .limit(limit)
    )
    return list(rows)


async def desks(session: AsyncSession, call_id: str) -> frozenset[str]:
    """Extensions of the desks that took part."""
    rows = await session.scalars(
        select(LegRow.extension).where(LegRow.call_id == call_id, LegRow.joined.is_(True), LegRow.extension != "")
    )
    return frozenset(rows)


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
        """Line and caller of a call of the queue."""
        row = await self.call(call_id)
        return (row.line, row.caller) if row is not None and row.direction in QUEUED_DIRECTIONS else None

    async def desks(self, call_id: str) -> frozenset[str]:
        """Extensions that took part in a call that has ended, or whose legs have."""
        async with self._database.read() as session:
            return await desks(session, call_id)
