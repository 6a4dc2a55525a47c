"""Who may see, hear and receive what. Pure: every screen, the API and the live stream ask here."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from core.city import City
from core.city_selfservice import CutKind
from desk.access.table import may
from desk.access.users import User
from quality.reviews.service import names_of
from ticketing.selfservice.announcements import KIND_NAMES, may_announce


class TicketPlace(Protocol):
    """The part of a ticket that rights depend on."""

    @property
    def department(self) -> str: ...
    @property
    def assist(self) -> Collection[str]: ...


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who receives one live event, besides supervisors, who receive all."""

    #: Every call taker: facts of queue and desks, without callers' numbers.
    all_desks: bool = False
    #: Extensions of single desks.
    desks: frozenset[str] = frozenset()
    #: The desks at which the event's call rings or is; whoever knows the call adds them to ``desks``.
    desks_of_call: bool = False
    #: Keys of departments.
    departments: frozenset[str] = frozenset()
    #: The supervision office (督查室) and the dispatchers (派单员): what happens to tickets.
    arbiters: bool = False
    #: The dispatchers besides: what units do.
    dispatchers: bool = False
    #: Single people by login, or by desk as ``desk:1001``.
    people: frozenset[str] = frozenset()
    #: Every reviewer (质检员).
    reviewers: bool = False


def receives(user: User, audience: Audience) -> bool:
    """Whether this user's live stream carries an event of that audience."""
    if user.role == "supervisor" or not audience.people.isdisjoint(names_of(user.actor())):
        return True
    if user.role == "reviewer":
        return audience.reviewers
    if user.role == "agent":
        return audience.all_desks or user.extension in audience.desks
    if user.role in ("arbiter", "dispatcher"):
        told = audience.arbiters or (user.role == "dispatcher" and audience.dispatchers)
        return told and not (user.bounded and user.departments.isdisjoint(audience.departments))
    return not user.departments.isdisjoint(audience.departments)


_Rule = Callable[[Mapping[str, Any]], Audience]
_ALL: _Rule = lambda _body: Audience(all_desks=True)  # noqa: E731
_CALL: _Rule = lambda _body: Audience(desks_of_call=True)  # noqa: E731


def _own(body: Mapping[str, Any]) -> Audience:
    return Audience(desks=only(body.get("agent")))


def _dialled(body: Mapping[str, Any]) -> Audience:
    """A citizen's call is told by CallQueued, without his number; a desk's own call is its own."""
    return _own(body) if body.get("direction") in ("out", "internal") else Audience()


def _left(body: Mapping[str, Any]) -> Audience:
    """The others, and the desk that left. A supervisor who only listened was never there."""
    if body.get("kind") == "supervisor" and not body.get("joined"):
        return Audience()
    return Audience(desks=only(body.get("extension")), desks_of_call=True)


def _unit(body: Mapping[str, Any]) -> Audience:
    """Who is on the way concerns every desk, the dispatchers, and the department whose unit it is."""
    return Audience(all_desks=True, dispatchers=True, departments=only(body.get("department")))


def _on_spot(body: Mapping[str, Any]) -> Audience:
    """A call for help from the spot: who sends others there, and the department's own people."""
    return Audience(dispatchers=True, departments=only(body.get("department")))


def _joined(body: Mapping[str, Any]) -> Audience:
    """That a call is answered concerns all who see it waiting; who else takes part, only those who do."""
    return Audience(all_desks=body.get("role") == "agent", desks_of_call=True)


def _told(body: Mapping[str, Any]) -> Audience:
    """A review or a coaching plan: whom it concerns, and nobody else at the desks."""
    return Audience(people=frozenset(body.get("people", ())), reviewers=bool(body.get("reviewers")))


#: Who receives which event of calls and desks. What is not here and belongs to no ticket goes to supervisors alone:
#: CallSupervised among it, since nobody on the line is to notice.
_AUDIENCES: dict[str, _Rule] = {
    **dict.fromkeys(
        (
            "CallQueued",
            "CallMoved",
            "CallRinging",
            "CallRingEnded",
            "CallAnswered",
            "ConversationEnded",
            "CallEnded",
            "AgentChanged",
        ),
        _ALL,
    ),
    **dict.fromkeys(("ModeChanged", "RecognitionStrained"), _ALL),
    **dict.fromkeys(("MissedCallChanged", "RecallTried", "KeptPlaceChanged", "CallRanked", "NumberMarked"), _ALL),
    **dict.fromkeys(("UtterancePartial", "UtteranceHeard", "TranscriptReady"), _CALL),
    **dict.fromkeys(("CallTriaged", "IncidentSuggested"), _CALL),
    **dict.fromkeys(
        ("CallHandedOver", "CallHeld", "CallTransferred", "CallerPressed", "CallLocated", "CallClaimed"), _CALL
    ),
    "CallArrived": _dialled,
    "DeskJoined": _joined,
    "LegEnded": _left,
    **dict.fromkeys(("UnitChanged", "UnitMoved"), _unit),
    **dict.fromkeys(("FieldHelpAsked", "FieldHelpGiven"), _on_spot),
    "ReviewTold": _told,
    "HelpAsked": _own,
    "HelpGiven": _own,
}


def audience_of_call(event_type: str, body: Mapping[str, Any]) -> Audience | None:
    """Who receives an event of a call or a desk; None where this table does not know it."""
    rule = _AUDIENCES.get(event_type)
    return None if rule is None else rule(body)


def may_see_ticket(user: User, ticket: TicketPlace) -> bool:
    """Call takers, dispatchers and arbiters see every ticket (callers ask how theirs stands).

    Departments and grid staff see what is theirs, or a department's for which they may act.
    """
    if user.bounded:
        return not user.departments.isdisjoint((ticket.department, *ticket.assist))
    return True


def may_see_unit(user: User, department: str) -> bool:
    """Desks and dispatchers see every unit; a department sees its own."""
    return not user.bounded or department in user.departments


def only(desk: str | None) -> frozenset[str]:
    """The desk that had a call, as the rights below take it; empty where there was none."""
    return frozenset({desk} if desk else ())


def may_hear(user: User, desks: frozenset[str], ticket: TicketPlace | None) -> bool:
    """Recording and transcript: the supervisor, the desks that have or had the call, the department of its ticket.

    Not grid staff: they are the neighbours of who complains, and the ticket says what is to be done. Nor reviewers:
    theirs are the calls that were drawn for them, and no others.
    """
    if user.role == "supervisor":
        return True
    if user.role == "agent":
        return user.extension in desks
    return user.role not in ("grid", "reviewer", "leader") and ticket is not None and may_see_ticket(user, ticket)


def may_hear_private(user: User) -> bool:
    """What was marked as private in recordings and transcripts; besides, whoever reviews the call."""
    return user.role == "supervisor"


def may_see_caller(user: User, desks: frozenset[str]) -> bool:
    """The number of somebody on the line: the supervisor and the call takers at whose desks the call is."""
    return user.role == "supervisor" or (user.role == "agent" and user.extension in desks)


def may_correct(user: User) -> bool:
    """Transcripts, and the words that the city's lexicon gets from them: who answers for the quality of the calls."""
    return may(user.role, "speech")


def announces(user: User, city: City) -> tuple[CutKind, ...]:
    """Kinds of cuts (停水停电公告) that they enter and end: supervisors all, departments as the city's file says."""
    return tuple(kind for kind in KIND_NAMES if may_announce(user.actor(), kind, city))


def may_see_calls(user: User) -> bool:
    """The list of calls: whoever answers for calls or takes them, and who reads figures that they are behind."""
    return may(user.role, "call.list")


def may_search(user: User) -> bool:
    """The search of what was said: whoever answers for calls or takes them."""
    return may(user.role, "call.search")


def may_decide_clocks(user: User) -> bool:
    """What departments ask for: more time, a clock that stands still. The city says who decides which."""
    return user.role in ("supervisor", "arbiter")


def may_see_analysis(user: User) -> bool:
    """Warnings, clusters, repeat callers (their numbers masked) and briefs of the whole city."""
    return may(user.role, "figures")


def may_see_voice(user: User) -> bool:
    """What callers did before a person, without their numbers and words."""
    return may(user.role, "figures")


def may_issue_briefs(user: User) -> bool:
    """A brief goes out in the centre's name."""
    return user.role == "supervisor"


def may_decide_models(user: User) -> bool:
    """Which learned model judges calls, and the report of how often call takers disagreed with it."""
    return may(user.role, "models")


def oversees_quality(user: User) -> bool:
    """Every review of the draw, samples, calibration, everybody's coaching and the reports."""
    return user.role == "supervisor"


def has_quality(user: User) -> bool:
    """Call takers their own published reviews and plans, reviewers theirs and the appeals that they may decide."""
    return user.role in ("agent", "reviewer", "supervisor")
