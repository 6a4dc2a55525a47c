"""The chief desk (主台监听): listen, whisper, barge in, take over; and the call taker's cry for help."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from core.clock import Clock
from core.database import Database
from core.errors import AmiError, Conflict, NotAllowed
from core.events import Event
from telephony.bridge import Bridge
from telephony.call import Call, Leg
from telephony.callids import joining_id
from telephony.recordings.sealer import announce_supervisor

log = structlog.get_logger(__name__)

Mode = Literal["listen", "whisper", "barge"]
#: Caller's name of the ring: the supervisor's page answers it at once.
WATCH = "heyi-watch"
_RING_S = 15


@dataclass(frozen=True, kw_only=True)
class HelpAsked(Event):
    """A call taker asks for a supervisor in mid-call (求助); nobody on the line notices."""

    agent: str


@dataclass(frozen=True, kw_only=True)
class HelpGiven(Event):
    """A supervisor has come, or the call taker needs none any more."""

    agent: str
    by: str


class Supervision:
    """One channel for each supervisor and call, recorded from its first second, switched between the modes."""

    def __init__(self, bridge: Bridge, database: Database, clock: Clock) -> None:
        self._bridge, self._database, self._clock = bridge, database, clock

    async def watch(self, call_id: str, mode: Mode, *, by: str) -> None:
        """Ring the supervisor's desk ``by`` and let it hear the call; switches where it hears it already.

        ``whisper``: only the call taker hears the supervisor. ``barge``: all do.
        """
        call = self._call(call_id)
        target = self._agent_leg(call)
        watching = self._watching(call, by)
        if watching is not None:
            if mode != "barge":
                await self._set(watching.channel, "HEYI_TARGET", target.uniqueid)
            await self._set(watching.channel, "HEYI_WITH", call.channel)
            await self._bridge.ami.action(
                "Redirect", {"Channel": watching.channel, "Context": "supervise", "Exten": mode, "Priority": "1"}
            )
            return
        channel = joining_id("supervisor", call.id)
        async with self._database.work() as work:
            announce_supervisor(work.session, call.id, f"sup-{channel}")
        await self._bridge.ami.action(
            "Originate",
            {"Channel": f"PJSIP/{by}", "ChannelId": channel, "Context": "supervise",
             "Exten": mode, "Priority": "1", "CallerID": f"{WATCH} <{call.agent}>", "Timeout": str(_RING_S * 1000),
             "Async": "true", "Variable": [f"HEYI_TARGET={target.uniqueid}", f"HEYI_WITH={call.channel}"]},
        )  # fmt: skip

    async def take_over(self, call_id: str, *, by: str) -> None:
        """The supervisor speaks to the caller, the call taker is let go (接管); who was called in stays."""
        call = self._call(call_id)
        for leg in [leg for leg in call.legs.values() if leg.role == "consult"]:
            # Whom the call taker consults has no part in it; the caller comes back from the music first.
            await self._drop(leg.channel)
        await self._until(call, lambda: not any(leg.role == "consult" for leg in call.legs.values()), 3)
        former = call.agent
        await self.watch(call_id, "barge", by=by)
        if not await self._until(call, lambda: bool(call.joined(by)), _RING_S):
            raise Conflict("值班长席没有接通")
        if former != by:
            for leg in call.joined(former):
                await self._drop(leg.channel)

    async def stop(self, call_id: str, *, by: str) -> None:
        """The supervisor goes; the call goes on."""
        call = self._call(call_id)
        leg = self._watching(call, by)
        if leg is None:
            return
        if leg.joined and not any(o.joined for o in call.legs.values() if o is not leg and o.kind != "caller"):
            raise Conflict("通话中没有其他人，请挂断或转接")
        await self._drop(leg.channel)

    async def ask_help(self, call_id: str, *, by: str) -> None:
        """The call taker's key: every supervisor's screen shows and sounds it."""
        call = self._call(call_id)
        if not call.joined(by):
            raise NotAllowed("本坐席不在这次通话中", hint=call_id)
        await self._record(HelpAsked(at=self._clock.now(), call_id=call_id, agent=by))

    async def help_given(self, call_id: str, agent: str, *, by: str) -> None:
        await self._record(HelpGiven(at=self._clock.now(), call_id=call_id, agent=agent, by=by))

    async def _until(self, call: Call, reached: Callable[[], bool], seconds: float) -> bool:
        """Whether that came true in time. Raises :class:`Conflict` when the call ends meanwhile."""
        for _ in range(int(seconds * 10)):
            if reached():
                return True
            if call.ended:
                raise Conflict("通话已经结束")
            await asyncio.sleep(0.1)
        return reached()

    async def _drop(self, channel: str) -> None:
        await self._bridge.ami.action("Hangup", {"Channel": channel, "Cause": "16"})

    async def _record(self, event: Event) -> None:
        async with self._database.work() as work:
            work.record(event)

    def _call(self, call_id: str) -> Call:
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended:
            raise NotAllowed("通话已经结束", hint=call_id)
        return call

    def _agent_leg(self, call: Call) -> Leg:
        legs = call.joined(call.agent) or [leg for leg in call.legs.values() if leg.joined and leg.extension]
        if not legs:
            raise NotAllowed("坐席还没有接听", hint=call.id)
        return legs[-1]

    def _watching(self, call: Call, extension: str) -> Leg | None:
        return next((x for x in call.legs.values() if x.kind == "supervisor" and x.extension == extension), None)

    async def _set(self, channel: str, name: str, value: str) -> None:
        try:
            await self._bridge.ami.action("Setvar", {"Channel": channel, "Variable": name, "Value": value})
        except AmiError as error:
            raise Conflict("通话已经结束") from error
