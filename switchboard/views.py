"""What the screens show of desks and of live calls."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from telephony.bridge import Bridge
from telephony.call import Call, Leg
from telephony.events import AgentState, Direction


@dataclass(frozen=True, kw_only=True)
class AgentView:
    """A desk as the screens show it."""

    extension: str
    name: str
    kind: str
    state: AgentState
    reason: str
    since: datetime
    call_id: str | None


@dataclass(frozen=True, kw_only=True)
class Party:
    """Somebody besides the caller who takes part in a call."""

    #: Desk, or empty for somebody outside.
    extension: str
    #: Channel's unique id.
    channel: str
    #: See :data:`telephony.callids.Role`.
    role: str


@dataclass(frozen=True, kw_only=True)
class CallView:
    """A live call as the screens show it."""

    call_id: str
    line: str
    caller: str
    direction: Direction = "in"
    state: Literal["queued", "ringing", "talking"]
    arrived_at: datetime
    answered_at: datetime | None
    #: The desk whose call it is; before the answer the first that rings.
    agent: str
    #: Every desk that rings for this caller now and talks to nobody else; empty once one has answered.
    ringing: frozenset[str]
    priority: int
    #: Asterisk's queue in which the caller waits or waited last.
    queue: str = ""
    parties: tuple[Party, ...] = ()
    #: Who is being rung into the call that goes on: to be consulted, by linkage, by transfer.
    called: tuple[Party, ...] = ()

    @property
    def desks(self) -> frozenset[str]:
        """Extensions of the desks that have this call: those that take part and those that ring."""
        talking = {party.extension for party in self.parties} | {self.agent}
        return self.ringing | frozenset(talking - {""})


def live_calls(bridge: Bridge) -> list[CallView]:
    """All calls of the queue and those that desks have dialled, as they are now."""
    return [_view(bridge, c) for c in bridge.calls.calls.values() if _shown(c)]


def live_call(bridge: Bridge, call_id: str) -> CallView | None:
    """One of them."""
    call = bridge.calls.calls.get(call_id)
    return _view(bridge, call) if call is not None and _shown(call) else None


def _shown(call: Call) -> bool:
    # Who is asked about a call that its desk has ended is nobody's caller any more.
    return not call.ended and call.talked_until is None and bool(call.in_queue or call.agent)


def _view(bridge: Bridge, call: Call) -> CallView:
    # Where all desks ring at once, those that talk get a leg too, but can take nothing: this call is not theirs.
    rings = [
        leg.extension for leg in call.legs.values()
        if leg.kind == "desk" and not leg.joined and leg.uniqueid != call.id
        and (call.state == "ringing" or _called(call, leg)) and bridge.calls.call_of_desk(leg.extension) is None
    ]  # fmt: skip
    legs = sorted(call.legs.values(), key=lambda leg: leg.started_at)
    parties = [leg for leg in legs if leg.joined and leg.kind != "caller"]
    called = [leg for leg in legs if call.state == "talking" and _called(call, leg)]
    state = call.state
    return CallView(
        call_id=call.id, line=call.line, caller=call.caller, direction=call.direction,
        state="queued" if state == "arrived" else state, arrived_at=call.arrived_at, answered_at=call.answered_at,
        agent=call.agent or next(iter(rings), ""), ringing=frozenset(rings), priority=call.priority, queue=call.queue,
        parties=tuple(_party(leg) for leg in parties), called=tuple(_party(leg) for leg in called),
    )  # fmt: skip


def _called(call: Call, leg: Leg) -> bool:
    """Whether this leg was begun to come into a call that goes on, and is no leftover of its first ringing."""
    if leg.joined or leg.kind not in ("desk", "outside") or leg.uniqueid == call.id:
        return False
    return leg.role != "agent" or (call.answered_at is not None and leg.started_at > call.answered_at)


def _party(leg: Leg) -> Party:
    return Party(extension=leg.extension, channel=leg.uniqueid, role=leg.role)
