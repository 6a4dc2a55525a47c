"""What telephony tells the rooms above it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.events import Event

Leg = Literal["caller", "agent"]
#: An agent's state on every screen (坐席状态).
AgentState = Literal["offline", "away", "ready", "ringing", "talking", "wrapup", "paused"]


@dataclass(frozen=True, kw_only=True)
class CallEvent(Event):
    """Parent of what happens to a call; ``call_id`` is always set."""


@dataclass(frozen=True, kw_only=True)
class CallArrived(CallEvent):
    """A call reached Asterisk, from outside (``in``) or placed by heyi (``out``)."""

    line: str
    #: Caller's number as the exchange gave it: untrusted.
    caller: str
    direction: Literal["in", "out"] = "in"


@dataclass(frozen=True, kw_only=True)
class CallQueued(CallEvent):
    """The caller waits in the merged queue."""

    line: str
    #: Higher is answered earlier.
    priority: int


@dataclass(frozen=True, kw_only=True)
class CallRinging(CallEvent):
    """A call taker's phone rings for this caller."""

    agent: str


@dataclass(frozen=True, kw_only=True)
class CallRingEnded(CallEvent):
    """The phone stopped ringing without an answer; the caller goes on waiting."""

    agent: str


@dataclass(frozen=True, kw_only=True)
class CallAnswered(CallEvent):
    """Caller and call taker hear each other."""

    agent: str
    #: Seconds from arrival to answer.
    waited_s: float
    #: Unique id of the call taker's channel.
    agent_channel: str


@dataclass(frozen=True, kw_only=True)
class DeskJoined(CallEvent):
    """A desk's leg entered the conversation: at the answer, and again after a page refresh or a take-over."""

    agent: str
    agent_channel: str


@dataclass(frozen=True, kw_only=True)
class LegEnded(CallEvent):
    """One channel of the call is gone."""

    channel: str
    #: ``caller`` or ``desk``.
    kind: str
    #: Extension of the desk, or empty.
    extension: str
    started_at: datetime
    #: When it was picked up, if it was.
    answered_at: datetime | None
    #: Whether it took part in the conversation.
    joined: bool
    cause: int


@dataclass(frozen=True, kw_only=True)
class CallEnded(CallEvent):
    """The caller's channel is gone. Exactly one for each call."""

    #: ``answered``, ``abandoned`` (caller left while waiting), ``unanswered`` (we gave up), ``failed``, ``lost``.
    outcome: str
    #: Q.850 cause, or 0 where unknown.
    cause: int
    #: Who hung up: ``caller``, ``agent`` or ``system``.
    by: str
    talked_s: float
    #: File name in the recordings folder, or empty.
    recording: str = ""


@dataclass(frozen=True, kw_only=True)
class KeyPressed(CallEvent):
    """The other side of a call that heyi placed answered a question by key; ``digit`` is empty when none came."""

    question: str
    digit: str


@dataclass(frozen=True, kw_only=True)
class AgentChanged(Event):
    """A call taker's state changed; ``call_id`` is set while a call is on the desk."""

    agent: str
    state: AgentState
    #: Reason of a pause, else empty.
    reason: str = ""
