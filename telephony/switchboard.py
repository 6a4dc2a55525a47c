"""Commands to Asterisk, in the field's words: pause and ready, wrap-up, rejoin, hang up, call back, taps, priority."""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog

from core.bus import Bus
from core.clock import Clock
from core.errors import AmiError, NotAllowed
from core.ids import new_id
from core.settings import Settings
from telephony.agents import AWAY, WRAPUP, Agent
from telephony.bridge import Bridge
from telephony.calls import CALLBACK, Call
from telephony.events import AgentChanged, AgentState, CallQueued, DeskJoined, LegEnded

log = structlog.get_logger(__name__)

ChosenState = Literal["ready", "paused", "away"]
#: Caller's name of a ring that is no new call: the page answers it at once (desk/web/src/softphone.js).
REJOIN = "heyi-rejoin"
#: A page that comes back within this time was refreshed, not left.
_REFRESH_S = 60
#: The connection to Asterisk is usually back by then.
_RETRY_S = 3.0
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_CHANNEL_ID = re.compile(r"[A-Za-z0-9.-]{1,80}")


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
class CallView:
    """A live call as the screens show it."""

    call_id: str
    line: str
    caller: str
    state: Literal["queued", "ringing", "talking"]
    arrived_at: datetime
    answered_at: datetime | None
    #: The desk that talks; before the answer the first that rings.
    agent: str
    #: Every desk that rings for this caller now and talks to nobody else; empty once one has answered.
    ringing: frozenset[str]
    priority: int

    @property
    def desks(self) -> frozenset[str]:
        """Extensions of the desks that have this call: the one that talks, else all that ring."""
        return self.ringing or frozenset({self.agent} - {""})


class Switchboard:
    """What people and the rooms above may ask of Asterisk; keeps each desk's chosen state through it all."""

    def __init__(self, settings: Settings, bridge: Bridge, bus: Bus, clock: Clock) -> None:
        self._settings, self._bridge, self._bus, self._clock = settings, bridge, bus, clock
        #: What each desk's person chose last: state and reason.
        self._chosen: dict[str, tuple[ChosenState, str]] = {}
        self._offline_at: dict[str, datetime] = {}
        self._wrapups: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        long_ago = self._clock.now() - timedelta(days=1)
        for agent in self._agents.values():
            if not agent.reachable:
                self._offline_at[agent.extension] = long_ago
            if agent.reachable and agent.kind == "browser" and not (agent.paused and agent.reason == AWAY):
                # heyi was restarted while people work: what the queue holds is what they chose
                self._chosen[agent.extension] = ("paused", agent.reason) if agent.paused else ("ready", "")
                if agent.paused and agent.reason == WRAPUP:
                    self._chosen[agent.extension] = ("ready", "")
                    self._begin_wrapup(agent.extension)
        self._bus.subscribe(self._agent_changed, AgentChanged)
        self._bus.subscribe(self._leg_ended, LegEnded)
        self._bus.subscribe(self._tap_caller, CallQueued)
        self._bus.subscribe(self._tap_agent, DeskJoined)
        # Calls that were up before we were: nobody will tell of them again.
        self._retaps = asyncio.create_task(self._tap_living(), name="taps of living calls")

    async def close(self) -> None:
        tasks = [*self._wrapups.values(), self._retaps]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _agents(self) -> dict[str, Agent]:
        return self._bridge.agents.agents

    # -- what is

    def agents(self) -> Sequence[AgentView]:
        epoch = self._clock.now()
        return [
            AgentView(
                extension=a.extension, name=a.name, kind=a.kind, state=a.state, reason=a.shown[1],
                since=a.since or epoch, call_id=a.shown[2] or None,
            )
            for a in self._agents.values()
        ]  # fmt: skip

    def calls(self) -> Sequence[CallView]:
        return [self._view(c) for c in self._bridge.calls.calls.values() if c.direction == "in" and not c.ended]

    def _view(self, call: Call) -> CallView:
        # Where all desks ring at once, those that talk get a leg too, but can take nothing: this call is not theirs.
        rings = [
            leg.extension for leg in call.legs.values()
            if leg.kind == "desk" and call.answered_at is None
            and self._bridge.calls.call_of_desk(leg.extension) is None
        ]  # fmt: skip
        state = call.state
        return CallView(
            call_id=call.id, line=call.line, caller=call.caller, state="queued" if state == "arrived" else state,
            arrived_at=call.arrived_at, answered_at=call.answered_at, agent=call.agent or next(iter(rings), ""),
            ringing=frozenset(rings), priority=call.priority,
        )  # fmt: skip

    # -- desks

    async def set_agent_state(self, extension: str, state: ChosenState, reason: str = "") -> None:
        """Ready, paused with a reason, or away. During a call it holds from the end of its wrap-up."""
        agent = self._agent(extension)
        self._chosen[extension] = (state, reason)
        if agent.paused and agent.reason == WRAPUP:
            await self.end_wrapup(extension)
        else:
            await self._apply(extension)

    async def end_wrapup(self, extension: str) -> None:
        """The call taker is done with the last call."""
        self._agent(extension)
        task = self._wrapups.pop(extension, None)
        if task is not None:
            task.cancel()
        await self._apply(extension)

    async def _apply(self, extension: str) -> None:
        state, reason = self._chosen.get(extension, ("away", ""))
        await self._pause(extension, state != "ready", AWAY if state == "away" else reason)

    async def _pause(self, extension: str, paused: bool, reason: str) -> None:
        await self._bridge.ami.action(
            "QueuePause",
            {"Queue": "hotline", "Interface": f"PJSIP/{extension}", "Paused": "true" if paused else "false",
             "Reason": " ".join(reason.split())[:60]},
        )  # fmt: skip

    def _agent(self, extension: str) -> Agent:
        agent = self._agents.get(extension)
        if agent is None:
            raise NotAllowed("没有这个坐席", hint=extension)
        return agent

    async def _agent_changed(self, event: AgentChanged) -> None:
        """A browser desk that appears is away until its person says otherwise, unless its page was only refreshed."""
        agent = self._agents[event.agent]
        if agent.kind != "browser":
            return
        if not agent.reachable:
            self._offline_at.setdefault(event.agent, event.at)
            return
        left = self._offline_at.pop(event.agent, None)
        if left is None or (event.at - left < timedelta(seconds=_REFRESH_S) and event.agent in self._chosen):
            return
        self._chosen[event.agent] = ("away", "")
        with contextlib.suppress(AmiError):
            await self._apply(event.agent)

    async def _leg_ended(self, event: LegEnded) -> None:
        agent = self._agents.get(event.extension)
        if not event.joined or agent is None or agent.kind == "robot" or agent.call_id or not self._settings.wrapup_s:
            return
        with contextlib.suppress(AmiError):
            await self._pause(event.extension, True, WRAPUP)
        self._begin_wrapup(event.extension)

    def _begin_wrapup(self, extension: str) -> None:
        former = self._wrapups.pop(extension, None)
        if former is not None:
            former.cancel()
        self._wrapups[extension] = asyncio.create_task(self._wrapup(extension), name=f"wrapup {extension}")

    async def _wrapup(self, extension: str) -> None:
        await asyncio.sleep(self._settings.wrapup_s)
        self._wrapups.pop(extension, None)
        if self._agents[extension].kind == "phone":
            self._chosen.setdefault(extension, ("ready", ""))
        try:
            await self._apply(extension)
        except AmiError as error:
            log.warning("wrap-up could not be ended", extension=extension, error=str(error))

    # -- calls

    async def rejoin(self, extension: str) -> bool:
        """Ring the desk again for the call that it holds, then drop the leg that its former page left behind."""
        call = self._bridge.calls.call_of_desk(extension)
        if call is None:
            return False
        former = [leg.channel for leg in call.legs.values() if leg.extension == extension and leg.joined]
        await self._bridge.ami.action(
            "Originate",
            {"Channel": f"PJSIP/{extension}", "ChannelId": f"rejoin-{new_id()}", "Application": "BridgeAdd",
             "Data": call.channel, "CallerID": f"{REJOIN} <{call.caller}>", "Timeout": "15000", "Async": "true"},
        )  # fmt: skip
        for _ in range(150):
            await asyncio.sleep(0.1)
            joined = [leg.channel for leg in call.legs.values() if leg.extension == extension and leg.joined]
            if any(channel not in former for channel in joined):
                for channel in former:
                    with contextlib.suppress(AmiError):
                        await self._hang_up_channel(channel)
                return True
            if call.ended:
                return False
        return False

    async def hangup(self, call_id: str) -> None:
        """End a call."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None:
            raise NotAllowed("通话已经结束", hint=call_id)
        await self._hang_up_channel(call.channel)

    async def _hang_up_channel(self, channel: str) -> None:
        await self._bridge.ami.action("Hangup", {"Channel": channel, "Cause": "16"})

    async def place(self, *, call_id: str, number: str, ticket_number: str) -> bool:
        """Call somebody back through the exchange; ``call_id`` becomes the channel's. False where Asterisk refused."""
        if not _NUMBER.fullmatch(number) or not call_id.startswith(CALLBACK) or not _CHANNEL_ID.fullmatch(call_id):
            return False
        try:
            await self._bridge.ami.action(
                "Originate",
                {"Channel": f"PJSIP/{number}@trunk", "ChannelId": call_id, "Context": "callback", "Exten": "s",
                 "Priority": "1", "CallerID": "12345", "Timeout": "45000", "Async": "true",
                 "Variable": [f"HEYI_TICKET={ticket_number}"]},
            )  # fmt: skip
        except AmiError as error:
            log.warning("callback not placed", number=number, error=str(error))
            return False
        return True

    async def raise_priority(self, call_id: str, priority: int) -> None:
        """Move a waiting caller forward, for this round in the queue and the next. Nothing where nobody waits."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.answered_at is not None or call.priority >= priority:
            return
        steps = (
            ("Setvar", {"Channel": call.channel, "Variable": "QUEUE_PRIO", "Value": str(priority)}),
            (
                "QueueChangePriorityCaller",
                {"Queue": "hotline", "Caller": call.channel, "Priority": str(priority), "Immediate": "true"},
            ),
        )
        for action, headers in steps:
            for last_try in (False, True):
                try:
                    await self._bridge.ami.action(action, headers)
                    call.priority = priority
                    break
                except AmiError as error:
                    log.warning("a caller could not be moved forward", call_id=call_id, error=str(error))
                    if not last_try:
                        await asyncio.sleep(_RETRY_S)

    # -- live taps

    async def _tap_caller(self, event: CallQueued) -> None:
        await self._tap(event.call_id or "", "caller", event.call_id or "")

    async def _tap_agent(self, event: DeskJoined) -> None:
        await self._tap(event.call_id or "", "agent", event.agent_channel)

    async def _tap_living(self) -> None:
        for call in list(self._bridge.calls.calls.values()):
            if call.direction == "in" and call.queued_at is not None and not call.ended:
                await self._tap(call.id, "caller", call.id)
                for leg in [leg for leg in call.legs.values() if leg.kind == "desk" and leg.joined]:
                    await self._tap(call.id, "agent", leg.uniqueid)

    async def _tap(self, call_id: str, leg: str, channel_id: str) -> None:
        """Ask Asterisk for a copy of what this party says. Without a listener the call goes on all the same."""
        try:
            await self._bridge.ami.action(
                "Originate",
                {"Channel": f"WebSocket/asr/c(slin16)f(json)v(leg={leg},call={call_id})", "Application": "ChanSpy",
                 # q quiet, u by unique id, o only what this party says, l long queue: nothing lost, E S: ends with it
                 "Data": f"{channel_id},quolES", "Async": "true"},
            )  # fmt: skip
        except AmiError as error:
            log.warning("no live audio", call_id=call_id, leg=leg, error=str(error))
