"""Whether recognition keeps up with the living calls; told to the screens for as long as it does not."""

import asyncio
from collections import deque
from collections.abc import Callable

from asr.events import RecognitionStrained, Strain
from core.bus import Bus
from core.clock import Clock

#: A call taker notices from here on that words are late, seconds from the end of speech.
_LATE_S = 2.0
#: So late they no longer help with the sentence being spoken: the text is made up for, and the call taker had better
#: not wait for it.
_BUSY_S = 10.0
#: So many looks given up in so many seconds: running speech is no longer shown.
_SHED, _SHED_WITHIN_S = 5, 5.0
_LOOK_EVERY_S = 1.0


class Judge:
    """Pure: figures and the time in, the strain out."""

    def __init__(self) -> None:
        self._shed: deque[tuple[float, int]] = deque()

    def strain(self, now: float, lag_s: float, shed: int) -> Strain:
        """``now``: seconds of any steady clock; ``lag_s``: age of the oldest final that is not there; ``shed``: looks
        given up since the start."""
        self._shed.append((now, shed))
        while self._shed[0][0] < now - _SHED_WITHIN_S:
            self._shed.popleft()
        if lag_s >= _BUSY_S or shed - self._shed[0][1] >= _SHED:
            return "busy"
        return "late" if lag_s >= _LATE_S else "none"


class StrainWatch:
    """Publishes :class:`RecognitionStrained` every second while there is strain, and once when it is over.

    Told again and again, so that a page which comes later knows it too, and one that missed the end forgets it.
    """

    def __init__(self, bus: Bus, clock: Clock, lag_s: Callable[[], float], shed: Callable[[], int]) -> None:
        self._bus, self._clock = bus, clock
        self._lag_s, self._shed = lag_s, shed
        self._judge = Judge()
        self._strain: Strain = "none"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="asr:strain")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self, now: float) -> None:
        """One look at the figures; ``now`` as in :meth:`Judge.strain`."""
        lag_s = self._lag_s()
        before, self._strain = self._strain, self._judge.strain(now, lag_s, self._shed())
        if self._strain != "none" or before != "none":
            self._bus.publish(RecognitionStrained(at=self._clock.now(), strain=self._strain, lag_s=round(lag_s, 1)))

    async def _run(self) -> None:
        while True:
            self.look(asyncio.get_running_loop().time())
            await asyncio.sleep(_LOOK_EVERY_S)
