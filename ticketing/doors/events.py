"""What the doors tell the screens."""

from dataclasses import dataclass
from typing import Literal

from ticketing.events import TicketEvent
from ticketing.sources import NAMES, TicketSource

#: By which door a matter came; tickets of calls have none. These words are part of what a writer's code is made of.
Source = Literal["letter", "web", "walkin", "wechat", "hook", "open311", "patrol"]
#: The word for it on the ticket.
OF_TICKET: dict[Source, TicketSource] = {
    "letter": "letter",
    "web": "web",
    "walkin": "walkin",
    "wechat": "chat",
    "hook": "webhook",
    "open311": "open311",
    "patrol": "patrol",
}
SOURCE_NAMES: dict[Source, str] = {door: NAMES[source] for door, source in OF_TICKET.items()}
#: Where the answer to a letter stands.
LetterState = Literal["waiting", "drafted", "submitted", "returned", "approved", "sent"]


@dataclass(frozen=True, kw_only=True)
class TicketTakenIn(TicketEvent):
    """A matter came by another door than the telephone: its ticket waits for a person to check and dispatch it."""

    source: Source


@dataclass(frozen=True, kw_only=True)
class LetterMoved(TicketEvent):
    """The answer to a letter was written, approved, returned or sent."""

    before: LetterState
    after: LetterState
    by: str
    #: Sent, and for everybody to read.
    public: bool = False


@dataclass(frozen=True, kw_only=True)
class EmergencyHandedOver(TicketEvent):
    """A person handed an emergency to other systems."""

    by: str
    note: str = ""
