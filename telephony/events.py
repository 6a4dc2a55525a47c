"""What telephony tells the rooms above it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.events import Event
from telephony.callids import Role

#: Whose voice: the caller's, the call taker's, or that of a third who was called in.
Leg = Literal["caller", "agent", "third"]
#: An agent's state on every screen (坐席状态).
AgentState = Literal["offline", "away", "ready", "ringing", "talking", "held", "wrapup", "paused"]
#: ``in``: the caller dialled us; ``back``: heyi rang the caller and put him into the queue; ``out``: placed by a desk
#: or by heyi; ``internal``: from desk to desk.
Direction = Literal["in", "back", "out", "internal"]


@dataclass(frozen=True, kw_only=True)
class CallEvent(Event):
    """Parent of what happens to a call; ``call_id`` is always set."""


@dataclass(frozen=True, kw_only=True)
class CallArrived(CallEvent):
    """A call reached Asterisk, from outside or from a desk, or heyi placed it."""

    line: str
    #: The other side's number: the caller's as the exchange gave it (untrusted), or the one that was dialled.
    caller: str
    direction: Direction = "in"
    #: The desk that dialled, of calls that a desk makes.
    agent: str = ""


@dataclass(frozen=True, kw_only=True)
class VoiceBegan(CallEvent):
    """A voice speaks to the caller: before a person, while waiting, in a call that heyi placed."""

    #: Key of the flow.
    flow: str


@dataclass(frozen=True, kw_only=True)
class CallQueued(CallEvent):
    """The caller waits in the merged queue, for the first time."""

    line: str
    #: Higher is answered earlier.
    priority: int
    #: Asterisk's queue: the skill group, or one of :mod:`telephony.queues`.
    queue: str = ""


@dataclass(frozen=True, kw_only=True)
class CallMoved(CallEvent):
    """A caller who waited waits elsewhere or with another priority: after a round, an overflow, a transfer."""

    line: str
    queue: str
    priority: int


@dataclass(frozen=True, kw_only=True)
class CallKept(CallEvent):
    """The caller pressed the key: hangs up, keeps the place, and is to be rung when the turn comes."""

    line: str
    caller: str
    queue: str
    priority: int


@dataclass(frozen=True, kw_only=True)
class CallLocated(CallEvent):
    """Where the caller is, as the exchange says (PIDF-LO): degrees, and metres of uncertainty (0: not told)."""

    latitude: float
    longitude: float
    radius_m: float


@dataclass(frozen=True, kw_only=True)
class CallRinging(CallEvent):
    """A call taker's phone rings for this caller."""

    agent: str
    #: ``link``: the desk is asked into a call that another desk has; ``rejoin``: the same desk's new page.
    role: Role = "agent"


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
    """A desk's leg entered the conversation: at the answer, after a page refresh, as a third, as a supervisor."""

    agent: str
    agent_channel: str
    #: ``agent``: the call is this desk's from now on.
    role: Role = "agent"


@dataclass(frozen=True, kw_only=True)
class CallHandedOver(CallEvent):
    """The desk whose call it was has left, another that took part goes on with it."""

    agent: str


@dataclass(frozen=True, kw_only=True)
class ConversationEnded(CallEvent):
    """The desk has hung up; the caller stays for a question about the call (满意度评价)."""


@dataclass(frozen=True, kw_only=True)
class CallUrged(CallEvent):
    """A caller of a service line says by key that it is an emergency."""


@dataclass(frozen=True, kw_only=True)
class CallHeld(CallEvent):
    """A desk put the other side on hold, or took it back (``held`` false)."""

    agent: str
    agent_channel: str
    held: bool


@dataclass(frozen=True, kw_only=True)
class CallTransferred(CallEvent):
    """Somebody passed the call on; who has it afterwards is told by DeskJoined and CallHandedOver."""

    #: Extension of the desk that did it; empty where Asterisk did not say.
    agent: str
    #: ``blind``, ``attended``, ``line``, ``group``, ``queue``.
    kind: str
    #: Extension, number, line or group.
    target: str
    #: From the list of matters, or what was typed.
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CallSupervised(CallEvent):
    """A supervisor listens (``listen``), speaks to the call taker alone (``whisper``) or to all (``barge``)."""

    agent: str
    mode: str


@dataclass(frozen=True, kw_only=True)
class CallerPressed(CallEvent):
    """The caller pressed a key in mid-call: the answer of one who cannot speak."""

    digit: str


@dataclass(frozen=True, kw_only=True)
class LegEnded(CallEvent):
    """One channel of the call is gone."""

    channel: str
    #: ``caller``, ``desk``, ``supervisor`` or ``outside`` (somebody who was called in by telephone).
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

    #: ``answered``, ``abandoned`` (caller left while waiting), ``unanswered`` (we gave up), ``failed``, ``lost``,
    #: ``voice`` (ended with the voice before a person, and never waited for one).
    outcome: str
    #: Q.850 cause, or 0 where unknown.
    cause: int
    #: Who hung up: ``caller``, ``agent`` or ``system``.
    by: str
    talked_s: float
    #: File name in the recordings folder, or empty.
    recording: str = ""
    #: The caller was waiting when it ended: never answered, or passed on since.
    waiting: bool = False
    #: The line of which it was last; empty where it has none.
    line: str = ""


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
