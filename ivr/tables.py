"""What callers did before a person: one row for each step that was left, one for each session's end. Times are UTC.

No words and no figures of the caller stand here; what was said is in the transcript alone. Rows stay as long as those
of the calls.
"""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class VoiceStep(Base):
    """A step that a caller has left: :class:`ivr.signals.Note`."""

    __tablename__ = "voice_steps"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    flow: Mapped[str] = mapped_column(String(60))
    step: Mapped[str] = mapped_column(String(60))
    entered: Mapped[datetime] = mapped_column(index=True)
    left: Mapped[datetime]
    #: Why it was left, by which way.
    why: Mapped[str] = mapped_column(String(40))
    #: Why its question was put again before, in order, joined by a comma; mostly empty.
    again: Mapped[str] = mapped_column(String(80), default="")


class VoiceSession(Base):
    """One session from beginning to end. A call has several, one after the other: before the queue, in it, after."""

    __tablename__ = "voice_sessions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    #: The flow with which it began.
    flow: Mapped[str] = mapped_column(String(60))
    began: Mapped[datetime] = mapped_column(index=True)
    ended: Mapped[datetime]
    #: See :data:`ivr.journal.How`.
    how: Mapped[str] = mapped_column(String(12))
    #: The desk group or the line, where ``how`` is one.
    to: Mapped[str] = mapped_column(String(60), default="")
