"""Reports as they were frozen (定版)."""

from datetime import datetime

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id


class QualityReport(Base):
    """One version of a period's report; never changed, never deleted. A correction is the next version."""

    __tablename__ = "quality_reports"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    #: ``2026-11``, ``2026-W47``.
    period: Mapped[str] = mapped_column(String(8))
    #: Counts from 1.
    version: Mapped[int]
    frozen_at: Mapped[datetime]
    frozen_by: Mapped[str] = mapped_column(String(60))
    #: Why there is a version after the first.
    reason: Mapped[str] = mapped_column(Text, default="")
    #: JSON text: figures, names, cards and rules (:mod:`quality.reports.frozen`).
    body: Mapped[str] = mapped_column(Text, deferred=True)
    #: SHA-256 of it.
    seal: Mapped[str] = mapped_column(String(64))

    __table_args__ = (UniqueConstraint("period", "version"),)
