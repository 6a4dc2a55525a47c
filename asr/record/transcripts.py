"""What was said: one row per utterance, live and of record."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import JSON, Float, String, Text, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from asr.record import index
from core.database import Base
from telephony import ledger
from telephony.ledger import CallRow

#: ``live``: heard while it was said; ``record``: from the recording, after the call.
Source = Literal["live", "record"]


class Utterance(Base):
    """One finished utterance; times in seconds from the start of its leg's audio (live) or recording (record)."""

    __tablename__ = "utterances"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    #: ``caller`` or ``agent``.
    leg: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(String(10))
    start_s: Mapped[float] = mapped_column(Float)
    end_s: Mapped[float] = mapped_column(Float)
    text: Mapped[str] = mapped_column(Text)
    raw: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Float)
    #: Each of :class:`asr.recognition.NameHeard` in ``text``, as plain JSON; none where a person corrected the text.
    names: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    #: When it began to be said (live), or was transcribed (record).
    at: Mapped[datetime]


class PendingRecording(Base):
    """A finished call whose recording has not been transcribed yet; survives a restart."""

    __tablename__ = "pending_recordings"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    caller_wav: Mapped[str] = mapped_column(Text)
    agent_wav: Mapped[str] = mapped_column(Text)
    #: Before this second the agent's side holds greeting, ringing and music, not a person.
    agent_from_s: Mapped[float] = mapped_column(Float, default=0.0)
    since: Mapped[datetime]


async def of_call(session: AsyncSession, call_id: str, source: Source | None = None) -> Sequence[Utterance]:
    """A call's utterances in the order in which they were begun; without ``source`` those of record, else the live."""
    if source is not None:
        return await _of(session, call_id, source)
    return await _of(session, call_id, "record") or await _of(session, call_id, "live")


async def has(session: AsyncSession, utterance_id: str) -> bool:
    return await session.get(Utterance, utterance_id) is not None


def recorded_from(call: CallRow) -> datetime:
    """When the recording of this call began: with the call, or where we rang the caller, with his answer."""
    return (call.queued_at if call.direction == "back" else None) or call.arrived_at


def spoken_at(row: Utterance, call: CallRow | None) -> datetime:
    """When it began to be said."""
    if row.source == "live" or call is None:
        return row.at
    return recorded_from(call) + timedelta(seconds=row.start_s)


def second_of(row: Utterance, call: CallRow | None) -> float:
    """The second of the recording in which it began to be said; never before its beginning."""
    if row.source == "record" or call is None:
        return row.start_s
    return max((row.at - recorded_from(call)).total_seconds(), 0.0)


async def keep(session: AsyncSession, row: Utterance) -> None:
    """Add one utterance that was heard live; from its commit on the search finds it.

    One that was decoded so late that the recording was transcribed before it is kept, but shown and found no more.
    """
    session.add(row)
    if await _of(session, row.call_id, "record"):
        return
    await index.put(session, [index.Entry(row.id, row.call_id, row.at, row.text)])


async def replace_record(session: AsyncSession, call_id: str, rows: Sequence[Utterance]) -> None:
    """``rows`` become the transcript of record in place of an earlier one, and the call is no longer pending.

    The search finds them from then on in place of what was heard live; without ``rows`` that stays.
    """
    await session.execute(delete(Utterance).where(Utterance.call_id == call_id, Utterance.source == "record"))
    session.add_all(rows)
    await find(session, call_id)
    await forget_pending(session, call_id)


async def find(session: AsyncSession, call_id: str) -> int:
    """Let the search find this call's transcript as it now is; returns its utterances."""
    await session.flush()
    rows = await of_call(session, call_id)
    call = await ledger.call(session, call_id)
    await index.forget_call(session, call_id)
    await index.put(session, [index.Entry(row.id, call_id, spoken_at(row, call), row.text) for row in rows])
    return len(rows)


async def pending(session: AsyncSession) -> Sequence[PendingRecording]:
    """Recordings that wait, oldest first."""
    return (await session.scalars(select(PendingRecording).order_by(PendingRecording.since))).all()


async def forget_pending(session: AsyncSession, call_id: str) -> None:
    await session.execute(delete(PendingRecording).where(PendingRecording.call_id == call_id))


async def _of(session: AsyncSession, call_id: str, source: Source) -> Sequence[Utterance]:
    query = (
        select(Utterance)
        .where(Utterance.call_id == call_id, Utterance.source == source)
        # Live legs begin at different moments, so their seconds do not compare; the clock does.
        .order_by(Utterance.at if source == "live" else Utterance.start_s, Utterance.id)
    )
    return (await session.scalars(query)).all()
