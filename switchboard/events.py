"""What the switchboard's policies tell the screens. No event carries a caller's number: every desk receives them."""

from dataclasses import dataclass
from datetime import datetime

from core.events import Event
from switchboard.kept.policy import State as PlaceState
from switchboard.missed.policy import State as MissedState
from switchboard.priority import Reason


@dataclass(frozen=True, kw_only=True)
class CallRanked(Event):
    """A waiting caller's priority was decided anew, for reasons that the dialplan alone does not know."""

    priority: int
    reasons: tuple[Reason, ...]
    #: Login of the supervisor who pushed the caller, or took that back.
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class MissedCallChanged(Event):
    """An item of the list of missed calls is new or has changed; ``call_id`` is the last of its calls."""

    item: str
    state: MissedState
    emergency: bool
    #: Calls of the item, and automatic calls back that were decided on.
    count: int
    tries: int
    due_at: datetime | None = None
    #: Login of who has it or has ended it.
    owner: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RecallTried(Event):
    """One call back came to its end; ``call_id`` is that of the call out."""

    item: str
    #: ``answered``, ``unanswered``, ``abandoned`` (picked up, left before a desk answered), ``dropped`` (cut off at
    #: once after a desk's answer), ``failed``.
    outcome: str
    #: Login of who rang by hand, or empty.
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class KeptPlaceChanged(Event):
    """A place that is kept is new or has changed; ``call_id`` is the call that was hung up."""

    line: str
    state: PlaceState
    tries: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class NumberMarked(Event):
    """A number was marked as nuisance, or the mark was taken away."""

    mark: str
    active: bool
    by: str
