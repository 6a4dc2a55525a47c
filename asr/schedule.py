"""Who is decoded next. Pure: no clock, no processes.

Emergency calls come before all others, and within each, finished utterances before running ones. Partials are a
courtesy: a newer one of the same utterance takes the place of the older, and under load they are the first to go.
Finals and recordings are never dropped; they wait.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from asr.recognition import Effort

P = TypeVar("P")

#: Place in the line by (emergency, effort); a recording waits for every living caller.
_RANK: dict[tuple[bool, Effort], int] = {
    (True, "final"): 0,
    (True, "partial"): 1,
    (False, "final"): 2,
    (False, "partial"): 3,
    (True, "record"): 4,
    (False, "record"): 5,
}


@dataclass(frozen=True)
class Job(Generic[P]):
    """One stretch of speech to decode; ``payload`` belongs to whoever asked."""

    utterance_id: str
    effort: Effort
    emergency: bool
    #: When it was asked for, seconds on any steady clock.
    at: float
    payload: P

    @property
    def rank(self) -> int:
        return _RANK[self.emergency, self.effort]


@dataclass(frozen=True)
class Limits:
    """When partials have to go; figures are per worker, since workers are what drains the queue."""

    #: Partials of service calls are shed while more finals than this wait.
    finals_service: int = 1
    #: Partials of emergency calls too, while more than this wait.
    finals_emergency: int = 4
    #: A partial that is older than this says nothing that the screen does not have, seconds.
    stale_s: float = 2.0


@dataclass
class Counters:
    """Since start."""

    decoded: dict[Effort, int] = field(default_factory=lambda: {"partial": 0, "final": 0, "record": 0})
    #: Partials that were replaced, overtaken, stale or dropped under load.
    shed: int = 0


class Line(Generic[P]):
    """The waiting jobs. Every method that drops partials gives them back, so that whoever waits can be told."""

    def __init__(self, workers: int, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._workers = workers
        #: (rank, sequence) → job; a dict because replacing and dropping are as frequent as taking.
        self._waiting: dict[tuple[int, int], Job[P]] = {}
        self._partials: dict[str, tuple[int, int]] = {}
        self._sequence = 0
        self.counters = Counters()

    def __len__(self) -> int:
        return len(self._waiting)

    def count(self, effort: Effort) -> int:
        """Jobs of this kind that wait."""
        return sum(job.effort == effort for job in self._waiting.values())

    def lag(self, now: float) -> float:
        """Age of the oldest waiting final in seconds; 0 when none waits."""
        return max((now - job.at for job in self._waiting.values() if job.effort == "final"), default=0.0)

    def put(self, job: Job[P]) -> list[Job[P]]:
        """Adds ``job``; gives the partials that this makes pointless (among them the new one itself, under load)."""
        dropped: list[Job[P]] = []
        place: tuple[int, int] | None = None
        if job.effort != "record" and (old := self._partials.pop(job.utterance_id, None)) is not None:
            dropped.append(self._waiting.pop(old))
            # The newer partial keeps the older one's turn, else a long speaker would never come up.
            place = old if job.effort == "partial" and old[0] == job.rank else None
        if place is None:
            self._sequence += 1
            place = (job.rank, self._sequence)
        self._waiting[place] = job
        if job.effort == "partial":
            self._partials[job.utterance_id] = place
        dropped += self._overload()
        self.counters.shed += len(dropped)
        return dropped

    def take(self, now: float, *, records: bool = True) -> tuple[Job[P] | None, list[Job[P]]]:
        """The next job, if one waits, and the partials found stale on the way. ``records`` False leaves those out."""
        stale = [key for key in self._partials.values() if now - self._waiting[key].at > self._limits.stale_s]
        dropped = [self._drop(key) for key in stale]
        self.counters.shed += len(dropped)
        keys = (key for key, job in self._waiting.items() if records or job.effort != "record")
        first = min(keys, default=None)
        if first is None:
            return None, dropped
        return self._drop(first), dropped

    def clear(self) -> list[Job[P]]:
        """Empties the line and gives everything that waited."""
        jobs = [self._waiting[key] for key in sorted(self._waiting)]
        self._waiting.clear()
        self._partials.clear()
        return jobs

    def _overload(self) -> list[Job[P]]:
        finals = self.count("final")
        if finals <= self._limits.finals_service * self._workers:
            return []
        everyone = finals > self._limits.finals_emergency * self._workers
        return [
            self._drop(key) for key in list(self._partials.values()) if everyone or not self._waiting[key].emergency
        ]

    def _drop(self, key: tuple[int, int]) -> Job[P]:
        job = self._waiting.pop(key)
        if job.effort == "partial":
            self._partials.pop(job.utterance_id, None)
        return job
