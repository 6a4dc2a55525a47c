"""What ticketing tells the screens."""

from dataclasses import dataclass
from typing import Literal

from core.city_flows import FlowAction, Phase
from core.events import Event

#: The phase of a ticket's step: 受理 立案 派遣 处置 反馈 回访 结案归档
TicketState = Phase
#: What came of one attempt to call back; ``later``: the caller could not talk and wishes another time.
CallbackOutcome = Literal["satisfied", "unsatisfied", "no_answer", "no_key", "failed", "later"]


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
    """The ticket went from one step to the next; several steps may share a state."""

    before: TicketState
    after: TicketState
    #: What was done; empty in events from before there were flows.
    action: FlowAction | Literal[""] = ""
    #: Key of its flow, and of the steps in it; empty in events from before there were flows.
    flow: str = ""
    step_before: str = ""
    step_after: str = ""
    #: Login and role of who moved it; ``system`` for heyi itself.
    by: str
    role: str = ""
    department: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class TicketLinked(TicketEvent):
    """A person found two tickets to be of one incident; told once for each of the two."""

    #: The other ticket: the head for the one that was linked, the one that was linked for the head.
    other_id: str
    other_number: str
    #: Whether ``ticket_id`` is the head.
    head: bool
    by: str


@dataclass(frozen=True, kw_only=True)
class TicketUnlinked(TicketEvent):
    """A person took a ticket out of its incident again; told once for each of the two."""

    other_id: str
    other_number: str
    head: bool
    by: str


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """Another call that may be about the same."""

    call_id: str
    #: 0..1.
    probability: float
    #: Kind of reason and what it is about, those that decided most first (:data:`triage.incidents.likeness.Why`).
    grounds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class IncidentSuggested(Event):
    """Which other calls may be about the same as this one became known or changed; none where it is empty."""

    found: tuple[Suggestion, ...]


@dataclass(frozen=True, kw_only=True)
class CallbackTried(TicketEvent):
    """One attempt to call back ended."""

    attempt: int
    outcome: CallbackOutcome
    #: Key pressed, or empty.
    digit: str = ""


@dataclass(frozen=True, kw_only=True)
class CallEvaluated(TicketEvent):
    """The caller rated the service of a call right after it; at most once for each call."""

    rating: Literal["satisfied", "fair", "unsatisfied"]
    #: Extension of the desk whose call it was last.
    agent: str
