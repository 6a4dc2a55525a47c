"""What callers say of a call right after it."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base

Rating = Literal["satisfied", "fair", "unsatisfied"]


class CallEvaluation(Base):
    """A caller rated the service of a call, at most once."""

    __tablename__ = "call_evaluations"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    #: Extension of the desk whose call it was last.
    agent: Mapped[str] = mapped_column(String(10), default="")
    rating: Mapped[Rating] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(index=True)
