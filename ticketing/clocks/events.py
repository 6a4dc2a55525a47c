"""What clocks tell: each once, whatever stops or runs beside it."""

from dataclasses import dataclass
from datetime import datetime

from core.city_clocks import ClockKind
from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class ClockEvent(TicketEvent):
    """Parent of what the watch tells of a clock. ``at`` is when it was told: after quiet hours, where it could wait."""

    clock_id: str
    kind: ClockKind
    #: Id of the assignment whose clock it is; empty for the ticket's own.
    assignment: str
    due_at: datetime
    #: Of the ticket, to find who must know.
    department: str
    is_emergency: bool


@dataclass(frozen=True, kw_only=True)
class ClockWarned(ClockEvent):
    """It will soon be due."""


@dataclass(frozen=True, kw_only=True)
class ClockOverdue(ClockEvent):
    """Its time is over and what it measures is not done."""
