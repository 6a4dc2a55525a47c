"""Tables of what people mark in a call's sound: private parts, clips, good examples."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from quality.reviews.tables import Review


class PrivatePart(Base):
    """Words of one utterance, seconds of the recording, or both, that not everybody may have. The originals stay."""

    __tablename__ = "private_parts"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    #: Empty where it is sound alone.
    utterance_id: Mapped[str] = mapped_column(String(32), default="")
    #: The span of the text, and what stood there: a correction may move it.
    start: Mapped[int] = mapped_column(default=0)
    end: Mapped[int] = mapped_column(default=0)
    words: Mapped[str] = mapped_column(Text, default="")
    #: Seconds of the recording.
    from_s: Mapped[float] = mapped_column(Float)
    to_s: Mapped[float] = mapped_column(Float)
    why: Mapped[str] = mapped_column(String(200))
    #: Login.
    by: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    #: Set when it was taken back.
    lifted_by: Mapped[str] = mapped_column(String(60), default="")
    lifted_at: Mapped[datetime | None]


class Clip(Base):
    """A stretch of a call with what a reviewer says of it; it belongs to one review."""

    __tablename__ = "review_clips"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    review_id: Mapped[str] = mapped_column(ForeignKey(Review.id), index=True)
    call_id: Mapped[str] = mapped_column(String(80))
    #: Seconds of the recording.
    from_s: Mapped[float] = mapped_column(Float)
    to_s: Mapped[float] = mapped_column(Float)
    comment: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    removed_by: Mapped[str] = mapped_column(String(60), default="")
    removed_at: Mapped[datetime | None]


class GoodExample(Base):
    """A call, or a stretch of one, from which others can learn."""

    __tablename__ = "good_examples"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    #: Seconds of the recording.
    from_s: Mapped[float] = mapped_column(Float)
    to_s: Mapped[float] = mapped_column(Float)
    #: Key of :data:`quality.listening.examples.CATEGORIES`.
    category: Mapped[str] = mapped_column(String(20), index=True)
    title: Mapped[str] = mapped_column(String(80))
    why: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    removed_by: Mapped[str] = mapped_column(String(60), default="")
    removed_at: Mapped[datetime | None]


class ExampleListening(Base):
    """One time that somebody played a good example."""

    __tablename__ = "example_listenings"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    example_id: Mapped[str] = mapped_column(ForeignKey("good_examples.id"), index=True)
    who: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
