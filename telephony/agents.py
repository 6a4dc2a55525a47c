"""The pure tracker of call takers: queue member states and call facts in, agent states out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.city import Desk
from telephony.events import (
    AgentChanged,
    AgentState,
    CallArrived,
    CallEvent,
    CallHeld,
    CallRingEnded,
    CallRinging,
    DeskJoined,
    LegEnded,
)
from telephony.wire import Message

#: Reasons of a pause in Asterisk's queue that are states of their own on our screens.
AWAY = "away"
WRAPUP = "wrapup"
#: Device states (AMI ``Status``) in which a telephone can be reached: not in use, in use, busy, ringing, on hold.
_REACHABLE = frozenset({"1", "2", "3", "6", "7", "8"})


@dataclass(slots=True)
class Agent:
    """One desk as it stands."""

    extension: str
    name: str
    kind: str
    #: Asterisk's queue that tells of this desk: that of its first group. A desk is a member of several.
    home: str
    reachable: bool = False
    paused: bool = False
    reason: str = ""
    ringing_call: str = ""
    #: Call and channel of the conversation.
    call_id: str = ""
    channel: str = ""
    held: bool = False
    #: The call that is being wrapped up.
    last_call: str = ""
    #: What was told last, and since when it holds.
    shown: tuple[AgentState, str, str] = ("offline", "", "")
    since: datetime | None = None

    @property
    def state(self) -> AgentState:
        return self.shown[0]


def state_of(agent: Agent) -> AgentState:
    """The state shown. The first that holds, in this order: what the caller needs comes before what the desk wishes."""
    rules: tuple[tuple[bool, AgentState], ...] = (
        (bool(agent.call_id) and agent.held, "held"),
        (bool(agent.call_id), "talking"),
        (bool(agent.ringing_call), "ringing"),
        (not agent.reachable, "offline"),
        (agent.paused and agent.reason == WRAPUP, "wrapup"),
        (agent.paused and agent.reason == AWAY, "away"),
        (agent.paused, "paused"),
    )
    return next((state for holds, state in rules if holds), "ready")


class AgentTracker:
    """Follows all desks of the queue."""

    def __init__(self, desks: Iterable[Desk]) -> None:
        self.agents = {d.extension: Agent(d.extension, d.name, d.kind, d.groups[0]) for d in desks}

    def member(self, message: Message, at: datetime) -> list[AgentChanged]:
        """A queue member as AMI tells it (``QueueMemberStatus``, ``…Pause``, or one of ``QueueStatus``'s list)."""
        interface = message.get("StateInterface") or message.get("Interface") or message.get("Location", "")
        agent = self.agents.get(interface.removeprefix("PJSIP/"))
        if agent is None or message.get("Queue", agent.home) != agent.home:
            return []
        if "Status" in message:
            agent.reachable = message["Status"] in _REACHABLE
        if "Paused" in message:
            agent.paused = message["Paused"] == "1"
            agent.reason = message.get("PausedReason", "") if agent.paused else ""
        return self._settle(agent, at)

    def call(self, event: CallEvent) -> list[AgentChanged]:
        """A fact about a call, where it concerns a desk."""
        call_id = event.call_id or ""
        if isinstance(event, CallArrived | CallRinging | CallRingEnded | DeskJoined | CallHeld):
            agent = self.agents.get(event.agent)
        elif isinstance(event, LegEnded):
            agent = self.agents.get(event.extension)
        else:
            return []
        if agent is None:
            return []
        match event:
            case CallArrived():  # the desk dials
                agent.call_id, agent.channel, agent.held = call_id, call_id, False
            case CallRinging():
                agent.ringing_call = call_id
            case CallRingEnded():
                # In the last resort two callers may ring one desk: the end of one ring is not the end of the other.
                if agent.ringing_call == call_id:
                    agent.ringing_call = ""
            case DeskJoined():
                agent.ringing_call, agent.held = "", False
                agent.call_id, agent.channel = call_id, event.agent_channel
            case CallHeld():
                if agent.channel == event.agent_channel:
                    agent.held = event.held
            case LegEnded():
                if agent.channel == event.channel:
                    agent.last_call, agent.call_id, agent.channel, agent.held = agent.call_id, "", "", False
        return self._settle(agent, event.at)

    def clear_calls(self) -> None:
        """Forget which desk is in which call, before everything is told again."""
        for agent in self.agents.values():
            agent.ringing_call = agent.call_id = agent.channel = ""
            agent.held = False

    def settle_all(self, at: datetime) -> list[AgentChanged]:
        return [changed for agent in self.agents.values() for changed in self._settle(agent, at)]

    def _settle(self, agent: Agent, at: datetime) -> list[AgentChanged]:
        state = state_of(agent)
        call_id = agent.call_id or agent.ringing_call or (agent.last_call if state == "wrapup" else "")
        now = (state, agent.reason if state == "paused" else "", call_id)
        if agent.since is not None and now == agent.shown:
            return []
        agent.shown, agent.since = now, at
        return [AgentChanged(at=at, agent=agent.extension, state=state, reason=now[1], call_id=call_id or None)]
