"""What meetings over differing scores agreed on."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base


class CalibrationOutcome(Base):
    """One item of one call, as a meeting settled it; never changed. The latest of an item holds."""

    __tablename__ = "calibration_outcomes"
    __table_args__ = (Index("calibration_outcomes_of_call", "call_id", "item"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    call_id: Mapped[str] = mapped_column(String(80))
    #: Key of the scorecard's item, and hash of the card.
    item: Mapped[str] = mapped_column(String(40))
    card: Mapped[str] = mapped_column(String(64))
    #: ``yes``, ``no``, ``na``, or the points of a scale.
    answer: Mapped[str] = mapped_column(String(4))
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(60))
