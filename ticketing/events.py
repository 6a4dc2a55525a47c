"""What ticketing tells the screens."""

from dataclasses import dataclass
from typing import Literal

from core.events import Event

#: 受理 立案 派遣 处置 反馈 回访 结案归档
TicketState = Literal["draft", "filed", "dispatched", "handling", "reported", "callback", "closed"]
#: What came of one attempt to call back.
CallbackOutcome = Literal["satisfied", "unsatisfied", "no_answer", "no_key", "failed"]


@dataclass(frozen=True, kw_only=True)
class TicketEvent(Event):
    """Parent of what happens to a ticket."""

    ticket_id: str
    #: Human number, e.g. ``JJ20261121-0007``.
    number: str


@dataclass(frozen=True, kw_only=True)
class TicketDrafted(TicketEvent):
    """A call was answered: its draft exists and fills itself while the caller speaks."""


@dataclass(frozen=True, kw_only=True)
class TicketEdited(TicketEvent):
    """Fields changed, by a person or by what was heard."""

    fields: tuple[str, ...]
    by: str


@dataclass(frozen=True, kw_only=True)
class TicketMoved(TicketEvent):
    """The ticket went from one state to the next."""

    before: TicketState
    after: TicketState
    #: Login of who moved it; ``system`` for heyi itself.
    by: str
    department: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CallbackTried(TicketEvent):
    """One attempt to call back ended."""

    attempt: int
    outcome: CallbackOutcome
    #: Key pressed, or empty.
    digit: str = ""
