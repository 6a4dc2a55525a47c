"""A call as quality review sees it: plain values, gathered once from the ledger, transcript, verdict and ticket."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

#: ``third``: who is neither caller nor call taker: a department joined by transfer, an interpreter, a relative.
Who = Literal["agent", "caller", "third"]
Direction = Literal["in", "back", "out"]


@dataclass(frozen=True)
class Word:
    """One word and when it was said, in seconds from the beginning of the recording."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Turn:
    """One utterance. Times are seconds from the beginning of the recording, ``None`` where nobody knows them."""

    who: Who
    text: str
    start_s: float | None = None
    end_s: float | None = None
    words: tuple[Word, ...] = ()
    #: Names the utterance in the transcript; empty where there is none.
    utterance_id: str = ""

    @property
    def timed(self) -> bool:
        return self.start_s is not None and self.end_s is not None


@dataclass(frozen=True)
class Hold:
    """The caller heard music from ``start_s`` to ``end_s``, in seconds of the recording."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Heard:
    """A fact of the verdict: see :class:`triage.verdict.Fact`."""

    kind: str
    value: str
    confirmed: bool = False


@dataclass(frozen=True)
class TicketFacts:
    """What stands on the call's ticket; ``due``: until when it must be handled, UTC."""

    id: str
    number: str
    flow: str
    code: str
    emergency: bool
    place: str = ""
    phone: str = ""
    contact: str = ""
    due: datetime | None = None


@dataclass(frozen=True)
class AudioFigures:
    """What was measured on the sound itself, shares of the talked time 0..1; ``None``: not measured."""

    silence: float | None = None
    overlap: float | None = None
    #: Loudness of the call taker's side, in dB under full scale.
    agent_db: float | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call. Checks work with line and turns alone; whatever else is known makes them say more. Times are UTC."""

    id: str
    #: Number that was dialled, and its name as the city writes it.
    line: str
    line_name: str = ""
    #: Category code of the ticket, else of the verdict.
    category: str = ""
    #: Extension, login and shown name of the call taker.
    desk: str = ""
    agent: str = ""
    agent_name: str = ""
    #: Number called from.
    caller: str = ""
    direction: Direction = "in"
    arrived: datetime | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    #: ``caller`` or ``agent``, as the ledger has it; empty where it is not known.
    ended_by: str = ""
    turns: tuple[Turn, ...] = ()
    holds: tuple[Hold, ...] = ()
    #: ``emergency``, ``review``, ``service``; empty without a verdict.
    outcome: str = ""
    places: tuple[str, ...] = ()
    facts: tuple[Heard, ...] = field(default=())
    ticket: TicketFacts | None = None
    audio: AudioFigures | None = None

    @property
    def timed(self) -> bool:
        """Every turn has its times."""
        return bool(self.turns) and all(turn.timed for turn in self.turns)
