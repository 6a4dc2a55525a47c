"""What was said: one row per utterance, live and of record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import Float, String, Text, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base

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


async def replace_record(session: AsyncSession, call_id: str, rows: Sequence[Utterance]) -> None:
    """``rows`` become the transcript of record in place of an earlier one, and the call is no longer pending."""
    await session.execute(delete(Utterance).where(Utterance.call_id == call_id, Utterance.source == "record"))
    session.add_all(rows)
    await forget_pending(session, call_id)


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
