"""Live taps: a copy of what each party of a call says, for those who listen (recognition)."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from core.bus import Bus
from core.errors import AmiError
from telephony.bridge import Bridge
from telephony.events import CallEvent, CallQueued, DeskJoined, Leg, VoiceBegan

log = structlog.get_logger(__name__)

#: Seconds in which a tap that was ordered connects, or never does.
_CONNECTS_S = 1.0
_REMEMBERED = 2000


class Taps:
    """Orders the taps; ``token`` gives the pass with which a leg's audio may come in (:mod:`telephony.media`)."""

    def __init__(
        self, bridge: Bridge, bus: Bus, token: Callable[[str, Leg], str], fed: Callable[[str, Leg], bool]
    ) -> None:
        """``fed``: whether this leg's audio comes in at this moment."""
        self._bridge, self._bus, self._token, self._fed = bridge, bus, token, fed
        #: When each caller's tap was ordered last, on a steady clock.
        self._ordered: OrderedDict[str, float] = OrderedDict()

    def start(self) -> None:
        self._bus.subscribe(self._caller, VoiceBegan, CallQueued)
        self._bus.subscribe(self._desk, DeskJoined)
        # Calls that were up before we were: nobody will tell of them again.
        self._living = asyncio.create_task(self._tap_living(), name="taps of living calls")

    async def close(self) -> None:
        self._living.cancel()
        await asyncio.gather(self._living, return_exceptions=True)

    async def _caller(self, event: CallEvent) -> None:
        """From the first voice on, else from the queue on; once, but anew where the former tap was lost."""
        call_id, now = event.call_id or "", time.monotonic()
        if self._fed(call_id, "caller") or now - self._ordered.get(call_id, -_CONNECTS_S) < _CONNECTS_S:
            return
        self._ordered[call_id] = now
        if len(self._ordered) > _REMEMBERED:
            self._ordered.popitem(last=False)
        await self._tap(call_id, "caller", call_id)

    async def _desk(self, event: DeskJoined) -> None:
        call = self._bridge.calls.calls.get(event.call_id or "")
        # A consultation is not for the transcript of the call; of desks' own calls nothing is transcribed.
        if event.role == "consult" or call is None or not call.in_queue:
            return
        mine = event.agent == call.agent
        await self._tap(call.id, "agent" if mine else "third", event.agent_channel)

    async def _tap_living(self) -> None:
        for call in list(self._bridge.calls.calls.values()):
            if call.in_queue and (call.queued_at is not None or call.voices) and not call.ended:
                await self._tap(call.id, "caller", call.id)
                for leg in [leg for leg in call.legs.values() if leg.extension and leg.joined]:
                    await self._tap(call.id, "agent" if leg.extension == call.agent else "third", leg.uniqueid)

    async def _tap(self, call_id: str, leg: Leg, channel_id: str) -> None:
        """Ask Asterisk for a copy of what this party says. Without a listener the call goes on all the same."""
        try:
            await self._bridge.ami.action(
                "Originate",
                {"Channel": f"WebSocket/asr/c(slin16)f(json)v(token={self._token(call_id, leg)})",
                 "Application": "ChanSpy",
                 # q quiet, u by unique id, o only what this party says, l long queue: nothing lost, E S: ends with it
                 "Data": f"{channel_id},quolES", "Async": "true"},
            )  # fmt: skip
        except AmiError as error:
            log.warning("no live audio", call_id=call_id, leg=leg, error=str(error))
