"""Who is decoded next. Pure: no clock, no processes.

Emergency calls come before all others, and within each, finished utterances before running ones. What runs is a
courtesy: a newer look at the same utterance takes the place of the older, and under load looks are the first to go.
Finals and recordings are never dropped; they wait.

Two kinds of processes draw from the line. ``live`` ones take what ends an utterance, or may end it; ``spare`` ones, at
a low priority of the operating system, take looks and recordings, so that a final never waits behind either.
"""

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from asr.recognition import Effort

P = TypeVar("P")

#: ``pause``: an utterance as it stands at a short silence, decoded as if it were final. If nothing more is said it is.
Kind = Literal["partial", "pause", "final", "record"]
#: Who takes a job.
Hands = Literal["live", "spare"]

EFFORT: dict[Kind, Effort] = {"partial": "partial", "pause": "final", "final": "final", "record": "record"}
HANDS: dict[Hands, frozenset[Kind]] = {
    "live": frozenset({"final", "pause"}),
    "spare": frozenset({"partial", "record"}),
}
#: Looks at an utterance that is not over: these may be dropped.
LOOKS: frozenset[Kind] = frozenset({"partial", "pause"})

#: Place in the line by (emergency, kind). Between looks and finals there is room for a recording that has waited long
#: enough: else speech that never ends would keep it out for ever.
_RANK: dict[tuple[bool, Kind], int] = {
    (True, "final"): 0,
    (True, "pause"): 1,
    (False, "final"): 2,
    (False, "pause"): 3,
    (True, "partial"): 5,
    (False, "partial"): 6,
    (True, "record"): 7,
    (False, "record"): 8,
}
_AGED_RECORD = 4


@dataclass(frozen=True)
class Job(Generic[P]):
    """One stretch of speech to decode; ``payload`` belongs to whoever asked."""

    utterance_id: str
    kind: Kind
    emergency: bool
    #: When it was asked for, seconds on any steady clock.
    at: float
    payload: P

    @property
    def rank(self) -> int:
        return _RANK[self.emergency, self.kind]


@dataclass(frozen=True)
class Limits:
    """When looks have to go; counts are per live process, since these are what drains the queue."""

    #: Looks at service calls are shed while more finals than this wait.
    finals_service: int = 1
    #: Those at emergency calls too, while more than this wait.
    finals_emergency: int = 4
    #: A look that has waited longer says nothing that the screen does not have, seconds.
    stale_s: float = 3.0
    #: A recording that has waited so long goes before all partials, seconds.
    record_s: float = 5.0


@dataclass
class Counters:
    """Since start."""

    decoded: dict[Kind, int] = field(default_factory=lambda: {"partial": 0, "pause": 0, "final": 0, "record": 0})
    #: Looks that a newer one or the final of the same utterance made needless.
    replaced: int = 0
    #: Looks given up because there was too much to do: stale, or dropped for finals.
    shed: int = 0


class Line(Generic[P]):
    """The waiting jobs. Every method that drops looks gives them back, so that whoever waits can be told."""

    def __init__(self, workers: int, limits: Limits | None = None) -> None:
        """``workers``: number of live processes."""
        self._limits = limits or Limits()
        self._workers = workers
        #: (rank, sequence) → job; a dict because replacing and dropping are as frequent as taking.
        self._waiting: dict[tuple[int, int], Job[P]] = {}
        #: The look of an utterance that waits, at most one.
        self._looks: dict[str, tuple[int, int]] = {}
        self._sequence = 0
        self.counters = Counters()

    def __len__(self) -> int:
        return len(self._waiting)

    def count(self, kind: Kind) -> int:
        """Jobs of this kind that wait."""
        return sum(job.kind == kind for job in self._waiting.values())

    def lag(self, now: float) -> float:
        """Age of the oldest waiting final in seconds; 0 when none waits."""
        return max((now - job.at for job in self._waiting.values() if job.kind == "final"), default=0.0)

    def put(self, job: Job[P]) -> list[Job[P]]:
        """Adds ``job``; gives the looks that this makes pointless (among them the new one itself, under load)."""
        dropped: list[Job[P]] = []
        place: tuple[int, int] | None = None
        if job.kind != "record" and (old := self._looks.pop(job.utterance_id, None)) is not None:
            dropped.append(self._waiting.pop(old))
            self.counters.replaced += 1
            # The newer look keeps the older one's turn, else a long speaker would never come up.
            place = old if job.kind in LOOKS and old[0] == job.rank else None
        if place is None:
            place = self._turn(job.rank)
        self._waiting[place] = job
        if job.kind in LOOKS:
            self._looks[job.utterance_id] = place
        return dropped + self._overload()

    def promote(self, utterance_id: str) -> bool:
        """The utterance did end at its pause: the look that waits becomes its final. False where none waits."""
        place = self._looks.get(utterance_id)
        if place is None or self._waiting[place].kind != "pause":
            return False
        look = self._drop(place)
        job = Job(look.utterance_id, "final", look.emergency, look.at, look.payload)
        self._waiting[self._turn(job.rank)] = job
        return True

    def take(self, now: float, hands: Hands = "live") -> tuple[Job[P] | None, list[Job[P]]]:
        """The next job for such a process, if one waits, and the looks found stale on the way."""
        stale = [key for key in self._looks.values() if now - self._waiting[key].at > self._limits.stale_s]
        dropped = [self._drop(key) for key in stale]
        self.counters.shed += len(dropped)
        fit = [key for key, job in self._waiting.items() if job.kind in HANDS[hands]]
        if not fit:
            return None, dropped
        return self._drop(min(fit, key=lambda key: self._precedence(key, now))), dropped

    def clear(self) -> list[Job[P]]:
        """Empties the line and gives everything that waited."""
        jobs = [self._waiting[key] for key in sorted(self._waiting)]
        self._waiting.clear()
        self._looks.clear()
        return jobs

    def _turn(self, rank: int) -> tuple[int, int]:
        self._sequence += 1
        return rank, self._sequence

    def _precedence(self, key: tuple[int, int], now: float) -> tuple[int, int]:
        job = self._waiting[key]
        aged = job.kind == "record" and now - job.at > self._limits.record_s
        return (_AGED_RECORD if aged else key[0], key[1])

    def _overload(self) -> list[Job[P]]:
        finals = self.count("final")
        if finals <= self._limits.finals_service * self._workers:
            return []
        everyone = finals > self._limits.finals_emergency * self._workers
        keys = [key for key in self._looks.values() if everyone or not self._waiting[key].emergency]
        self.counters.shed += len(keys)
        return [self._drop(key) for key in keys]

    def _drop(self, key: tuple[int, int]) -> Job[P]:
        job = self._waiting.pop(key)
        if job.kind in LOOKS:
            self._looks.pop(job.utterance_id, None)
        return job
