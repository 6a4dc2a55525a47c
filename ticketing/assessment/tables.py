"""Tables of this room: periods as they were frozen (定版), and the indexes by which a month's facts are found."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from ticketing.assign.tables import Assignment, Nudge, Refusal
from ticketing.clocks.tables import ClockEntry, TicketClock
from ticketing.tables import TicketHistory


class FrozenPeriod(Base):
    """One version of a period's assessment; never changed, never deleted. A correction is the next version."""

    __tablename__ = "assessments"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    #: ``2026-11``, ``2026-H2``, ``2026``.
    period: Mapped[str] = mapped_column(String(8))
    #: Counts from 1.
    version: Mapped[int]
    frozen_at: Mapped[datetime]
    frozen_by: Mapped[str] = mapped_column(String(40))
    #: Why there is a version after the first.
    reason: Mapped[str] = mapped_column(Text, default="")
    #: Weights, bars, tiers as they were.
    rules: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The result, with the names that people and departments had.
    tables: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: Every fact that counted (:mod:`ticketing.assessment.frozen`).
    facts: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    #: SHA-256 of rules, result and facts.
    seal: Mapped[str] = mapped_column(String(64))

    __table_args__ = (UniqueConstraint("period", "version"),)


_REOPENED: dict[str, Any] = {
    "sqlite_where": text("action = 'reopen'"),
    "postgresql_where": text("action = 'reopen'"),
}
_LAPSED: dict[str, Any] = {"sqlite_where": text("kind = 'lapse'"), "postgresql_where": text("kind = 'lapse'")}
# Each names columns of another room's table and thereby belongs to it.
Index("assignments_by_time", Assignment.assigned_at)
Index("assignments_by_report", Assignment.reported_at)
Index("refusals_by_time", Refusal.at)
Index("nudges_by_time", Nudge.at)
Index("ticket_clocks_by_due", TicketClock.due_at)
Index("ticket_clocks_by_stop", TicketClock.stopped_at)
Index("clock_entries_lapsed", ClockEntry.at, **_LAPSED)
Index("ticket_history_reopened", TicketHistory.at, **_REOPENED)
