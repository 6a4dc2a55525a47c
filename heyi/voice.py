"""The voice before a person: calls that Asterisk hands over, each with its session; what is heard of them, into it.

Three things come together for a call: its channel (FastAGI), what recognition and triage make of it (the bus), and its
keys (the manager interface). Look-ups, sounds and the journal belong to others.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from asr.events import UtteranceHeard, UtterancePartial
from core.bus import Bus
from core.city import City
from core.city_ivr import Occasion as At
from core.clock import Clock
from core.errors import AmiError
from core.events import Event
from core.settings import Settings
from ivr.driver import Driver, Sounds
from ivr.journal import Ended, Notes
from ivr.line import AgiLine, ensure_tones
from ivr.session import Session
from ivr.signals import Heard, Judged
from ivr.ways import Left
from telephony.agi import AgiCall, AgiServer
from telephony.bridge import Bridge
from telephony.dialplan import agi_token
from telephony.events import CallEnded, CallQueued
from ticketing.clocks.calendar import WorkCalendar
from ticketing.selfservice.service import SelfService
from triage.judge import Turn
from triage.verdict import CallTriaged, Verdict

log = structlog.get_logger(__name__)

HOST = "127.0.0.1"
#: Script with which a call comes back whose party did not answer.
RESUME = "resume"
#: Where a caller goes on whose words are an emergency, as by key 9 (dialplans/extensions.conf.j2).
URGENT = {"Context": "voice-keys", "Exten": "9", "Priority": "1"}
#: After the end of a channel its call's end is known so soon; else it goes on without us.
_KNOWN_S = 0.5

#: The verdict on what a caller has said: line, turns, the caller's number.
Judging = Callable[[str, Sequence[Turn], str], Verdict]


class Occasion(Protocol):
    """Where a flow is used besides lines: what it knows there, and who hears of its end."""

    async def begin(self, call_id: str, channel: str) -> Mapping[str, str] | None:
        """:data:`core.city_ivr.KNOWN_AT` of this call; None where there is nothing to say to its caller."""
        ...

    async def end(self, call_id: str, left: Left) -> None:
        """Also where :meth:`begin` gave None."""
        ...


@dataclass
class _Spoken:
    """A call with a voice."""

    driver: Driver
    flow: str
    line: str
    caller: str
    channel: str
    began: datetime
    turns: list[Turn] = field(default_factory=list)
    #: Somebody outside is rung, or talks with the caller.
    parted: bool = False


class _CallLookUps:
    """The look-ups of one call."""

    def __init__(self, service: SelfService, caller: str, call_id: str, line: str, now: Callable[[], datetime]) -> None:
        self._service, self._caller, self._call_id, self._line, self._now = service, caller, call_id, line, now

    async def look_up(self, name: str, arguments: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        return await self._service.look_up(name, arguments, self._caller, self._call_id, self._line, self._now())

    async def party_number(self, party: str) -> str | None:
        return await self._service.party_number(party)


class Voices:
    """All calls that a voice speaks to."""

    def __init__(
        self,
        settings: Settings,
        city: City,
        bridge: Bridge,
        bus: Bus,
        clock: Clock,
        sounds: Sounds,
        look_ups: SelfService,
        notes: Notes,
        judging: Judging,
        urgent: Callable[[str], Awaitable[None]],
    ) -> None:
        """``urgent`` is told of each call whose caller asks for the emergency desks, by words or by key."""
        self._settings, self._city, self._bridge, self._bus, self._clock = settings, city, bridge, bus, clock
        self._sounds, self._look_ups, self._notes = sounds, look_ups, notes
        self._judging, self._urgent = judging, urgent
        self._flows = {flow.key: flow for flow in city.ivr}
        self._calendar = WorkCalendar(city.calendar, city.profile.timezone)
        self._spoken: dict[str, _Spoken] = {}
        #: By the key of the flow that is used there.
        self._occasions: dict[str, Occasion] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._server = AgiServer(HOST, settings.agi_port, agi_token(settings), self._serve)
        self._folder = settings.data / "asterisk" / "sounds"

    async def start(self) -> None:
        """Take calls. Raises :class:`core.errors.HeyiError` where the port is taken."""
        if not self._settings.voice:
            return
        ensure_tones(self._folder)
        # One subscription: words and their end come in their order.
        self._bus.subscribe(self._hear, UtterancePartial, UtteranceHeard, CallTriaged, CallQueued, CallEnded)
        self._bridge.on_key = self._pressed
        await self._server.start()

    async def close(self) -> None:
        """Every caller goes on to a person."""
        await self._server.close()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def serve_at(self, at: At, occasion: Occasion) -> None:
        """From now on this gives and takes what concerns the flow that the city uses there, if it has one."""
        for flow in self._city.ivr:
            if at in flow.use.at:
                self._occasions[flow.key] = occasion

    def call_in(self, call_id: str) -> None:
        """The caller is wanted where he came from: the voice breaks off."""
        spoken = self._spoken.get(call_id)
        if spoken is not None:
            spoken.driver.cut()

    # -- a call

    async def _serve(self, call: AgiCall) -> None:
        call_id, caller = call.variables.get("uniqueid", ""), call.variables.get("callerid", "")
        line, channel = call.argument(2), call.variables.get("channel", "")
        spoken = self._spoken.get(call_id)
        channel_line = AgiLine(call, self._folder, self)
        if call.script == RESUME:
            if spoken is None or not spoken.parted:
                return
            spoken.parted = False
            left = await spoken.driver.resume(channel_line)
        elif call.script not in self._flows:
            log.error("no such flow", flow=call.script[:60], call_id=call_id)
            return
        else:
            flow, occasion = self._flows[call.script], self._occasions.get(call.script)
            if occasion is None and set(flow.use.at) - {"service"} and not flow.use.lines:
                return  # nobody here knows of it: as if we were not there
            more = await occasion.begin(call_id, channel) if occasion is not None else {}
            if more is None:
                await channel_line.leave("hangup" if flow.lets_go else "queue")
                return
            known = {**self._variables(line, caller), **more}
            spoken = self._spoken[call_id] = _Spoken(
                Driver(
                    call_id, Session(self._flows, flow.key, known), self._sounds,
                    _CallLookUps(self._look_ups, caller, call_id, line, self._clock.now),
                    self._notes, self._settings.recordings, self._clock.now,
                ),
                call.script, line, caller, channel, self._clock.now(),
            )  # fmt: skip
            left = await spoken.driver.run(channel_line)
        # Not this call's own task: that is ended a moment after its channel, and what is to be told takes its time.
        task = asyncio.create_task(self._over(call_id, spoken, left), name=f"voice over {call_id}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _over(self, call_id: str, spoken: _Spoken, left: Left) -> None:
        if left.how == "party":
            spoken.parted = True
        else:
            self._forget(call_id, spoken)
        if left.how == "emergency":
            await self._urgent(call_id)
        if left.how == "caller":
            # A channel that Asterisk took from us because we were late looks the same as one that hung up.
            await asyncio.sleep(_KNOWN_S)
            call = self._bridge.calls.calls.get(call_id)
            if call is not None and not call.ended:
                left = Left("late")
                log.warning("a caller went on to a person without us", call_id=call_id, flow=spoken.flow)
        if spoken.flow in self._occasions:
            await self._occasions[spoken.flow].end(call_id, left)
        end = Ended(flow=spoken.flow, began=spoken.began, ended=self._clock.now(), how=left.how, to=left.to)
        self._notes.ended(call_id, end)

    def _forget(self, call_id: str, spoken: _Spoken) -> None:
        if self._spoken.get(call_id) is spoken:
            del self._spoken[call_id]

    def _variables(self, line: str, caller: str) -> dict[str, str]:
        """:data:`core.city_ivr.ALWAYS`, but what is heard."""
        now, dialled = self._clock.now(), self._city.line(line)
        return {
            "city": self._city.profile.name, "line": line, "line_name": dialled.name if dialled else "",
            "open": "yes" if self._calendar.open(now) else "no", "hour": str(self._calendar.local(now).hour),
            "caller": "known" if caller.lstrip("+").isdecimal() else "unknown",
        }  # fmt: skip

    # -- what is heard of it

    def _pressed(self, call_id: str, digit: str) -> None:
        spoken = self._spoken.get(call_id)
        if spoken is not None and not spoken.parted:
            spoken.driver.pressed(digit)

    async def _hear(self, event: Event) -> None:
        call_id = event.call_id or ""
        spoken = self._spoken.get(call_id)
        if spoken is None:
            return
        match event:
            case CallEnded():
                self._forget(call_id, spoken)
            case CallQueued() if spoken.parted:  # he is a person's from here on
                self._forget(call_id, spoken)
            case CallTriaged(verdict=verdict) if verdict.outcome == "emergency":
                spoken.driver.tell(judged(verdict))
                if spoken.parted:
                    await self._break_off(call_id, spoken)
            case UtterancePartial(leg="caller", text=text):
                spoken.driver.tell(Heard(text, final=False))
            case UtteranceHeard(leg="caller", text=text):
                spoken.turns.append(Turn("caller", text, event.utterance_id))
                # Told at once, not when triage has stored it: the caller waits for what comes next.
                verdict = self._judging(spoken.line, spoken.turns, spoken.caller)
                spoken.driver.tell(Heard(text), judged(verdict))
                if spoken.parted and verdict.outcome == "emergency":
                    await self._break_off(call_id, spoken)

    async def _break_off(self, call_id: str, spoken: _Spoken) -> None:
        """An emergency, while somebody outside is rung or talks with the caller: as by key 9. His own call ends."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None or all(leg.kind != "outside" for leg in call.legs.values()):
            return  # he is with a person by now, or waits for one, whom the words reach otherwise
        self._forget(call_id, spoken)
        with contextlib.suppress(AmiError):
            await self._bridge.ami.action("Redirect", {"Channel": spoken.channel, **URGENT})
        await self._urgent(call_id)

    # -- ends what runs on a channel (ivr.line.Stopper)

    @property
    def tells_keys(self) -> bool:
        return self._bridge.ami.up

    async def stop_sound(self, channel: str) -> None:
        await self._bridge.ami.action("ControlPlayback", {"Channel": channel, "Control": "stop"})

    async def stop_recording(self, channel: str) -> None:
        await self._bridge.ami.action("PlayDTMF", {"Channel": channel, "Digit": "#", "Receive": "true"})


def judged(verdict: Verdict) -> Judged:
    """What a session takes from a verdict."""
    first = verdict.candidates[0] if verdict.candidates else None
    return Judged(verdict.outcome, first.code if first else "", first.probability if first else 0.0)
