"""Which of several ringing desks has clicked: told to the others at once, and taken back when nothing comes of it.

Asterisk alone decides who gets the caller; no answer waits for this, and no desk is kept from answering by it. A desk
has one claim for each call, so that nobody can go on saying that he answers. In the last resort there is
none: there every telephone is to be reached for.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from core.bus import Bus
from core.clock import Clock
from core.events import Event
from switchboard.views import CallView
from telephony.queues import LAST_RESORT

#: A desk's telephone answers within this or not at all.
GRACE = timedelta(seconds=4)


@dataclass(frozen=True, kw_only=True)
class CallClaimed(Event):
    """A desk is answering a call that rings at several; ``agent`` is empty when it is not, after all."""

    transient: ClassVar[bool] = True

    agent: str


class RingClaims:
    """Claims of ringing calls. ``calls`` gives the live calls, to tell no screen of a call that no longer rings."""

    def __init__(self, bus: Bus, clock: Clock, calls: Callable[[], Sequence[CallView]]) -> None:
        self._bus, self._clock, self._calls = bus, clock, calls
        #: Call → who claims it, and until when.
        self._standing: dict[str, tuple[str, datetime]] = {}
        #: Call → desks whose claim is spent.
        self._spent: dict[str, set[str]] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    def claim(self, call_id: str, desk: str) -> str:
        """Say that ``desk`` answers; returns the desk whose claim stands now, empty where there is none."""
        self.lapse()
        now, living = self._clock.now(), {call.call_id for call in self._calls()}
        self._spent = {call: desks for call, desks in self._spent.items() if call in living}
        spent = self._spent.setdefault(call_id, set())
        if call_id not in self._standing and call_id in self._ringing() and desk not in spent:
            spent.add(desk)
            self._standing[call_id] = (desk, now + GRACE)
            self._bus.publish(CallClaimed(at=now, call_id=call_id, agent=desk))
            loop = asyncio.get_running_loop()
            self._timers = {timer for timer in self._timers if timer.when() > loop.time()}
            self._timers.add(loop.call_later(GRACE.total_seconds() + 0.05, self.lapse))
        return self._standing.get(call_id, ("", now))[0]

    def lapse(self) -> None:
        """Take back what came to nothing, and tell the desks where it still rings."""
        now, ringing = self._clock.now(), self._ringing()
        for call_id in [call for call, (_, until) in self._standing.items() if until <= now]:
            del self._standing[call_id]
            if call_id in ringing:
                self._bus.publish(CallClaimed(at=now, call_id=call_id, agent=""))

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _ringing(self) -> set[str]:
        return {call.call_id for call in self._calls() if call.ringing and not call.queue.startswith(LAST_RESORT)}
