"""What operations for programs answer with, as the API's document tells it. Only told: no answer is validated twice.

Each model is the plain value that a view makes (:mod:`desk.views`); tests hold real answers against them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

#: ISO 8601 with zone; null where it has not happened.
When = AwareDatetime | None


def _open(schema: dict[str, Any]) -> None:
    """A program must not break where an answer gains a field."""
    schema.pop("additionalProperties", None)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=_open)


class ProblemAnswer(_Answer):
    """Why nothing was done, in the reader's language."""

    #: The status again.
    error: int
    message: str
    #: 422: which parts of the request.
    where: str = ""
    #: 409 of a saving: the ticket's present version, and what another person saved first.
    version: int | None = None
    differences: list[dict[str, Any]] | None = None


class TicketAnswer(_Answer):
    """A ticket with the names of what it refers to; ``actions``: what this login may do with it now."""

    id: str
    number: str
    source: str
    source_name: str
    call_id: str | None
    line: str
    line_name: str
    emergency: bool
    opening: str
    caller: str
    agent: str | None
    agent_login: str | None
    state: str
    state_name: str
    flow: str
    flow_name: str
    step: str
    code: str
    nature: str
    place: str
    contact_name: str
    contact_phone: str
    summary: str
    description: str
    department: str
    is_emergency: bool
    assist: list[str]
    category: str
    department_name: str
    assist_names: list[str]
    result: str
    satisfaction: str
    reopened: int
    created_at: When
    filed_at: When
    dispatched_at: When
    handling_at: When
    reported_at: When
    callback_at: When
    closed_at: When
    due_at: When
    version: int
    touched: list[str]
    actions: list[str]
    action_names: dict[str, str]


class StepAnswer(_Answer):
    key: str
    name: str
    at: When
    state: Literal["done", "now", "todo", "passed"]


class HistoryAnswer(_Answer):
    """One entry of a ticket's history; ``changes``: field → old and new value."""

    at: When
    who: str
    who_name: str
    name: str
    changed: list[str]
    role: str
    action: str
    before: str | None
    after: str
    department: str
    note: str
    changes: dict[str, list[Any]]


class CallbackAnswer(_Answer):
    """One attempt to call back about the result."""

    round: int
    attempt: int
    number: str
    due_at: When
    placed_at: When
    ended_at: When
    outcome: str | None
    outcome_name: str
    digit: str | None


class WholeTicketAnswer(TicketAnswer):
    """A ticket with its flow, its history and its callbacks."""

    steps: list[StepAnswer]
    history: list[HistoryAnswer]
    callbacks: list[CallbackAnswer]


class ProposedAnswer(_Answer):
    """A department that a ticket may go to, with reasons in words."""

    key: str
    name: str
    part: Literal["main", "assist"]
    reasons: list[str]


class CandidateAnswer(_Answer):
    code: str
    name: str
    probability: float


class ReasonAnswer(_Answer):
    rule: str
    words: str
    says: str


class FactAnswer(_Answer):
    """Something that was told, and what becomes of a ticket's fields when it is taken into it."""

    kind: str
    name: str
    value: str
    words: str
    utterance_id: str
    leg: str
    confirmed: bool
    #: Latitude and longitude, degrees of WGS 84.
    point: list[float] | None
    takes: list[dict[str, str | bool]]


class VerdictAnswer(_Answer):
    """Triage of what was heard so far; ``p_emergency`` 0..1, from the words alone."""

    outcome: Literal["emergency", "review", "service"]
    p_emergency: float
    candidates: list[CandidateAnswer]
    nature: str
    place: str
    phone: str
    reasons: list[ReasonAnswer]
    suggest_transfer: bool
    facts: list[FactAnswer]
    read_back: dict[str, str]
    questions: list[str]


class UtteranceAnswer(_Answer):
    """What was said in one go; seconds from the beginning of the recording."""

    utterance_id: str
    leg: str
    text: str
    start_s: float
    end_s: float
    #: When it was shown, as a second of the recording.
    second_s: float
    names: list[Any]


class PastCallAnswer(_Answer):
    """A call as lists have it."""

    call_id: str
    line: str
    line_name: str
    emergency: bool
    opening: str
    direction: str
    caller: str | None
    state: str
    arrived_at: When
    answered_at: When
    ended_at: When
    agent: str
    agent_name: str
    outcome: str
    outcome_name: str
    recorded: bool


class EarlierAnswer(_Answer):
    """Earlier calls and tickets of the same number; ``open``: tickets not closed."""

    calls: list[PastCallAnswer]
    tickets: list[TicketAnswer]
    open: int


class CallAnswer(_Answer):
    """A call with transcript, verdict, ticket and its caller's history. What only a live or an ended call has may be
    missing."""

    call_id: str
    line: str
    line_name: str
    emergency: bool
    opening: str
    direction: str
    caller: str | None
    state: str
    arrived_at: When
    answered_at: When
    ended_at: When
    agent: str
    agent_name: str
    priority: int = 0
    queue: str = ""
    queue_name: str = ""
    ringing: list[str] = []
    parties: list[dict[str, Any]] = []
    called: list[dict[str, Any]] = []
    desks: list[str] = []
    outcome: str = ""
    outcome_name: str = ""
    recorded: bool = False
    passed: dict[str, Any] | None
    pressed: list[dict[str, Any]]
    #: Desk → who answered its cry for help; empty: nobody yet.
    help: dict[str, str]
    location: dict[str, Any] | None
    transcript: list[UtteranceAnswer]
    verdict: VerdictAnswer | None
    ticket: TicketAnswer | None
    history: EarlierAnswer


class AssignedAnswer(_Answer):
    """A ticket after a step of one of its departments."""

    ticket_id: str
    number: str
    state: str
    department: str


class NudgedAnswer(_Answer):
    """A reminder to a department, or its answer."""

    id: str
    ticket_id: str


class DialAnswer(_Answer):
    """A claimed attempt to call back, and the number to dial."""

    id: int
    number: str


class OutcomeAnswer(_Answer):
    id: int
    outcome: str


class SecondAnswer(_Answer):
    """Who does again what a caller was not satisfied with."""

    round: int
    former: str
    name: str


class OverruledAnswer(_Answer):
    round: int
    by: str


class FieldAnswer(_Answer):
    """What became of what a phone sent; the same ``id`` once more gives the same answer."""

    id: str
    state: str
    message: str
    hint: str
    number: str


class DoneAnswer(_Answer):
    ok: bool


_TICKET = "POST /api/tickets/{ticket_id}"
#: Operation → what it answers with, and whether that is a list of it or may be null.
ANSWERS: Mapping[str, tuple[type[_Answer], Literal["one", "list", "null"]]] = MappingProxyType({
    "GET /api/tickets": (TicketAnswer, "list"),
    "GET /api/tickets/{ticket_id}": (WholeTicketAnswer, "one"),
    "GET /api/tickets/{ticket_id}/departments": (ProposedAnswer, "list"),
    _TICKET: (TicketAnswer, "one"),
    **{
        f"{_TICKET}/{step}": (TicketAnswer, "one")
        for step in ("submit", "accept", "depart", "arrive", "handle", "refuse", "report", "close", "reopen")
    },
    **{f"{_TICKET}/{step}": (AssignedAnswer, "one") for step in ("assist", "reassign", "escalate")},
    **{
        f"POST /api/parts/{{part_id}}/{step}": (AssignedAnswer, "one")
        for step in ("accept", "refuse", "report", "withdraw")
    },
    "POST /api/refusals/{refusal_id}/decide": (AssignedAnswer, "one"),
    **{f"{_TICKET}/{step}": (NudgedAnswer, "one") for step in ("urge", "supervise")},
    "POST /api/nudges/{nudge_id}/answer": (NudgedAnswer, "one"),
    "POST /api/callbacks/{callback_id}/begin": (DialAnswer, "one"),
    f"{_TICKET}/callback": (DialAnswer, "one"),
    "POST /api/callbacks/{callback_id}/result": (OutcomeAnswer, "one"),
    f"{_TICKET}/handler": (SecondAnswer, "one"),
    f"{_TICKET}/same-handler": (OverruledAnswer, "one"),
    **{f"POST /api/field/{what}": (FieldAnswer, "one") for what in ("actions", "photos", "finds")},
    "GET /api/calls/{call_id}": (CallAnswer, "one"),
    "GET /api/calls/{call_id}/verdict": (VerdictAnswer, "null"),
    "POST /api/calls/{call_id}/hangup": (DoneAnswer, "one"),
    "POST /api/agent/state": (DoneAnswer, "one"),
    "POST /api/agent/finish": (DoneAnswer, "one"),
})  # fmt: skip
