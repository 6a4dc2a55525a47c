"""Tables of this room: a clock, everything that happened to it, and what was asked for it."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from core.city_clocks import ClockKind, Unit
from core.database import Base
from core.ids import new_id
from ticketing.clocks.clock import EntryKind

Wish = Literal["extension", "pause"]


class TicketClock(Base):
    """One thing that must be done in time. What it says is what its entries add up to; kept here to be found by."""

    __tablename__ = "ticket_clocks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    #: Id of the assignment whose clock it is; empty for the ticket's own, which outlive a change of department.
    assignment: Mapped[str] = mapped_column(String(32), default="")
    kind: Mapped[ClockKind] = mapped_column(String(12))
    #: Level of the department that has it in hand, by which its policy was chosen.
    level: Mapped[str] = mapped_column(String(40), default="")
    started_at: Mapped[datetime]
    #: Allowed by the policy, without what was granted since.
    amount: Mapped[float]
    unit: Mapped[Unit] = mapped_column(String(12))
    #: While it is paused: as if it went on now from the moment of the pause.
    due_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    #: Stopped because nobody is to do any more what it measured: never in time; late only if it was already.
    withdrawn: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Extensions granted.
    extended: Mapped[int] = mapped_column(default=0)
    #: When the watch has something to tell of it next; empty when paused, stopped, or all is told.
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    #: The pre-warning's moment.
    warn_at: Mapped[datetime | None]
    #: For which due time the pre-warning, and for which the overdue, were told.
    warned_for: Mapped[datetime | None]
    overdue_for: Mapped[datetime | None]

    __table_args__ = (Index("ticket_clocks_running", "ticket_id", "stopped_at"),)


class ClockEntry(Base):
    """One thing that happened to a clock; replayed in order of ``id`` they are its state."""

    __tablename__ = "clock_entries"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    clock_id: Mapped[str] = mapped_column(ForeignKey("ticket_clocks.id"), index=True)
    #: Of ``lapse`` the moment at which its time was over.
    at: Mapped[datetime]
    kind: Mapped[EntryKind] = mapped_column(String(12))
    #: Of ``start``, ``plan`` and ``extend``.
    amount: Mapped[float | None]
    unit: Mapped[Unit | None] = mapped_column(String(12))
    #: Of ``merge``: the other clock, its start, its due time, and how often it was extended. Of ``plan`` ``due_at`` is
    #: before which it is not due.
    other_id: Mapped[str] = mapped_column(String(32), default="")
    start_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    extended: Mapped[int | None]
    #: Key of the reason of a pause.
    reason: Mapped[str] = mapped_column(String(40), default="")
    #: Login of who did it, or asked for it, and of who approved.
    who: Mapped[str] = mapped_column(String(40), default="system")
    approved_by: Mapped[str] = mapped_column(String(40), default="")
    note: Mapped[str] = mapped_column(Text, default="")


class ClockRequest(Base):
    """A department asks for more time, or for its clock to stand still."""

    __tablename__ = "clock_requests"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    clock_id: Mapped[str] = mapped_column(ForeignKey("ticket_clocks.id"), index=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    wish: Mapped[Wish] = mapped_column(String(12))
    #: Of an extension, in the clock's unit.
    amount: Mapped[float | None]
    #: Key of the reason of a pause.
    reason: Mapped[str] = mapped_column(String(40), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    who: Mapped[str] = mapped_column(String(40))
    department: Mapped[str] = mapped_column(String(40), default="")
    at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(String(40), default="")
    decided_at: Mapped[datetime | None] = mapped_column(index=True)
    granted: Mapped[bool | None]
    #: What the approver says to it.
    answer: Mapped[str] = mapped_column(Text, default="")
