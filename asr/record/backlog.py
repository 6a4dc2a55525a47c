"""How the pass after the call stands: what waits, how far the recording is that is being worked on, what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from asr.record.transcripts import PendingRecording
from core.database import Base
from telephony.ledger import CallRow

#: ``half``: one side of the recording could not be read; ``failed``: neither, or recognition gave up.
State = Literal["working", "done", "half", "failed"]
Fault = Literal["", "missing", "damaged", "error"]


class TranscriptPass(Base):
    """The last pass over the recording of a call."""

    __tablename__ = "transcript_passes"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    #: See :data:`State`.
    state: Mapped[str] = mapped_column(String(10), index=True)
    #: Why it is not whole: of the worse side.
    fault: Mapped[str] = mapped_column(String(10), default="")
    #: One line for those who run the house.
    reason: Mapped[str] = mapped_column(String(400), default="")
    #: Seconds of sound, of both sides together.
    done_s: Mapped[float] = mapped_column(default=0.0)
    total_s: Mapped[float] = mapped_column(default=0.0)
    began_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Backlog:
    """What is left to do."""

    #: Recordings, the one that is being worked on among them.
    waiting: int
    #: Seconds that people talked in them.
    talked_s: float
    #: Since when the oldest waits.
    oldest: datetime | None
    #: None while nothing is being worked on.
    working: TranscriptPass | None
    #: Passes since the time asked for that did not bring the whole transcript, the latest first.
    faulty: Sequence[TranscriptPass]


async def look(session: AsyncSession, since: datetime) -> Backlog:
    """How it stands now; faults since ``since``."""
    waiting = select(func.count(), func.min(PendingRecording.since), func.sum(CallRow.talked_s)).outerjoin_from(
        PendingRecording, CallRow, CallRow.id == PendingRecording.call_id
    )
    count, oldest, talked = (await session.execute(waiting)).one()
    working = await session.scalar(
        select(TranscriptPass)
        .join(PendingRecording, PendingRecording.call_id == TranscriptPass.call_id)
        .where(TranscriptPass.state == "working")
        .order_by(TranscriptPass.began_at.desc())
        .limit(1)
    )
    faulty = await session.scalars(
        select(TranscriptPass)
        .where(TranscriptPass.state.in_(("half", "failed")), TranscriptPass.began_at >= since)
        .order_by(TranscriptPass.began_at.desc())
        .limit(100)
    )
    return Backlog(count, talked or 0.0, oldest, working, faulty.all())
