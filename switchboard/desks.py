"""Call takers' states: ready, paused with a reason, away; wrap-up after a call; set aside after an unanswered ring."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import structlog

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.errors import AmiError, NotAllowed
from core.settings import Settings
from switchboard.views import AgentView
from telephony.agents import AWAY, WRAPUP, Agent
from telephony.bridge import Bridge
from telephony.events import AgentChanged, CallRingEnded, LegEnded
from telephony.queues import LAST_RESORT, pausable

log = structlog.get_logger(__name__)

ChosenState = Literal["ready", "paused", "away"]
#: Reason of the pause of a desk that rang and was not answered (未接来电).
MISSED = "未接来电"
#: States in which a desk can be called into an emergency, the most willing first.
_CALLABLE = ("ready", "wrapup", "paused")
#: A page that comes back within this time was refreshed, not left.
_REFRESH_S = 60
#: A telephone has no button to come back with: after so long it is rung again.
_PHONE_ASIDE_S = 60
#: The end of a ring is told before the end of the caller who gave up; Asterisk rings the same desk again after 1 s.
_SETTLE_S = 0.3


class Desks:
    """Each desk's state as its person chose it, kept through calls, wrap-up, refreshes and restarts."""

    def __init__(self, settings: Settings, city: City, bridge: Bridge, bus: Bus, clock: Clock) -> None:
        self._settings, self._bridge, self._bus, self._clock = settings, bridge, bus, clock
        self._queues = pausable(city)
        #: What each desk's person chose last: state and reason.
        self._chosen: dict[str, tuple[ChosenState, str]] = {}
        self._offline_at: dict[str, datetime] = {}
        #: What brings a desk back by itself: the end of a wrap-up, of a telephone's being set aside.
        self._returns: dict[str, asyncio.Task[None]] = {}
        self._rings: set[asyncio.Task[None]] = set()

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
            if agent.kind == "phone" and agent.paused and agent.reason in (WRAPUP, MISSED):
                # nobody could bring it back by hand
                self._return_in(agent.extension, self._settings.wrapup_s)
        self._bus.subscribe(self._agent_changed, AgentChanged)
        self._bus.subscribe(self._leg_ended, LegEnded)
        self._bus.subscribe(self._ring_ended, CallRingEnded)

    async def close(self) -> None:
        tasks = [*self._returns.values(), *self._rings]
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

    def on_hand(self, group: str, city: City) -> list[str]:
        """Extensions of the group's desks that can be called in now: who is ready first, then who rests or writes."""
        desks = {d.extension for d in city.desks if group in d.groups and d.in_queue}
        rank = {state: n for n, state in enumerate(_CALLABLE)}
        found = [a for a in self._agents.values() if a.extension in desks and a.state in rank]
        return [a.extension for a in sorted(found, key=lambda a: (rank[a.state], a.since or self._clock.now()))]

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
        task = self._returns.pop(extension, None)
        if task is not None:
            task.cancel()
        await self._apply(extension)

    async def _apply(self, extension: str) -> None:
        state, reason = self._chosen.get(extension, ("away", ""))
        await self._pause(extension, state != "ready", AWAY if state == "away" else reason)

    async def _pause(self, extension: str, paused: bool, reason: str) -> None:
        # Each queue by name: in the last resort nobody is ever paused. Home comes last, since it is what screens show.
        for queue in reversed(self._queues[extension]):
            await self._bridge.ami.action(
                "QueuePause",
                {"Queue": queue, "Interface": f"PJSIP/{extension}", "Paused": "true" if paused else "false",
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
        self._return_in(extension, self._settings.wrapup_s)

    def _return_in(self, extension: str, seconds: float) -> None:
        former = self._returns.pop(extension, None)
        if former is not None:
            former.cancel()
        self._returns[extension] = asyncio.create_task(self._return(extension, seconds), name=f"return {extension}")

    async def _return(self, extension: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._returns.pop(extension, None)
        if self._agents[extension].kind == "phone":
            self._chosen.setdefault(extension, ("ready", ""))
        try:
            await self._apply(extension)
        except AmiError as error:
            log.warning("a desk could not be brought back", extension=extension, error=str(error))

    async def _ring_ended(self, event: CallRingEnded) -> None:
        """Rung and not taken: the caller goes to the next desk, and this one is set aside until its person is back."""
        task = asyncio.create_task(self._set_aside(event.agent, event.call_id or ""), name=f"ring of {event.agent}")
        self._rings.add(task)
        task.add_done_callback(self._rings.discard)

    async def _set_aside(self, extension: str, call_id: str) -> None:
        await asyncio.sleep(_SETTLE_S)
        agent, call = self._agents.get(extension), self._bridge.calls.calls.get(call_id)
        if agent is None or agent.kind == "robot" or call is None or call.ended or not call.waiting:
            return
        # In the last resort all ring at once, and a desk that is busy by now has had its reason.
        if call.queue.startswith(LAST_RESORT) or (agent.state != "ready" and agent.ringing_call != call_id):
            return
        with contextlib.suppress(AmiError):
            await self._pause(extension, True, MISSED)
        if agent.kind == "phone":
            self._return_in(extension, _PHONE_ASIDE_S)
        else:
            self._chosen[extension] = ("paused", MISSED)
