"""Tables of this room: each department's part in a ticket, refusals, and what departments must answer in writing."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.city_levels import Level
from core.database import Base
from core.ids import new_id

#: 主办, 协办
Part = Literal["main", "assist"]
PartState = Literal["assigned", "accepted", "reported", "refused", "withdrawn"]
#: 改派, 裁定, 不再协办; by heyi: 逐级上报, 工单已结.
Ruling = Literal["sent", "bound", "released", "up", "closed"]
#: 督办, 催办
NudgeKind = Literal["supervise", "urge"]

_OPEN = text("refused_at IS NULL AND withdrawn_at IS NULL AND reported_at IS NULL")
_OPEN_ONLY: dict[str, Any] = {"sqlite_where": _OPEN, "postgresql_where": _OPEN}
_MAIN = text("part = 'main' AND refused_at IS NULL AND withdrawn_at IS NULL AND reported_at IS NULL")
_MAIN_ONLY: dict[str, Any] = {"sqlite_where": _MAIN, "postgresql_where": _MAIN}


class Assignment(Base):
    """One department's part in one ticket. It is open until it was refused, withdrawn or reported.

    A department that gets the same ticket again gets a new row: rows are never opened again.
    """

    __tablename__ = "assignments"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    department: Mapped[str] = mapped_column(String(40))
    part: Mapped[Part] = mapped_column(String(8))
    level: Mapped[Level] = mapped_column(String(12))
    #: Ruled: may not be refused.
    binding: Mapped[bool] = mapped_column(default=False)
    assigned_at: Mapped[datetime]
    assigned_by: Mapped[str] = mapped_column(String(40))
    accepted_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    reported_by: Mapped[str] = mapped_column(String(40), default="")
    withdrawn_at: Mapped[datetime | None]
    #: When it goes to the next level above by itself; empty: never.
    up_at: Mapped[datetime | None] = mapped_column(index=True)
    result: Mapped[str] = mapped_column(Text, default="")
    #: Why it was refused or withdrawn.
    reason: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        Index("assignments_main", "ticket_id", unique=True, **_MAIN_ONLY),
        Index("assignments_open", "ticket_id", "department", unique=True, **_OPEN_ONLY),
        Index("assignments_of_department", "department", "assigned_at", **_OPEN_ONLY),
    )

    @property
    def state(self) -> PartState:
        if self.reported_at:
            return "reported"
        if self.refused_at:
            return "refused"
        if self.withdrawn_at:
            return "withdrawn"
        return "accepted" if self.accepted_at else "assigned"

    @property
    def open(self) -> bool:
        return self.state in ("assigned", "accepted")


class Refusal(Base):
    """A part given back (退单): it waits until somebody decided where the matter goes."""

    __tablename__ = "refusals"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignments.id"))
    department: Mapped[str] = mapped_column(String(40))
    part: Mapped[Part] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    #: Whose matter it is, as the one who refused thinks; empty: says nothing.
    suggested: Mapped[str] = mapped_column(String(40), default="")
    who: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    decided_at: Mapped[datetime | None] = mapped_column(index=True)
    decided_by: Mapped[str] = mapped_column(String(40), default="")
    ruling: Mapped[Ruling | None] = mapped_column(String(8))
    #: Where it went.
    sent_to: Mapped[str] = mapped_column(String(40), default="")
    note: Mapped[str] = mapped_column(Text, default="")


class Nudge(Base):
    """A department is asked about an open ticket and answers in writing: by supervision (督办), or urged (催办)."""

    __tablename__ = "nudges"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    kind: Mapped[NudgeKind] = mapped_column(String(12))
    #: Who must answer.
    department: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None] = mapped_column(index=True)
    answered_by: Mapped[str] = mapped_column(String(40), default="")
    answer: Mapped[str] = mapped_column(Text, default="")
