"""What a session hears, and what it asks for.

Inputs come from whoever holds the call; outputs are carried out by them, in order. Of the outputs of one turn at most
one waits for something: a :class:`Play`, :class:`Listen`, :class:`LookUp`, :class:`Record`, or a :class:`Transfer`
to somebody outside. It has a number (``of``), and what answers it brings that number back; an answer to an older one is
late and changes nothing. It has a limit too, after which :class:`TimeUp` is due. All seconds are from the moment at
which it is asked for. A new one ends the one before: a key stops the prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.speaking import Language

# --- inputs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """The caller is on the line and hears."""


@dataclass(frozen=True)
class Played:
    """A prompt is at its end, or could not be played: a missing sound is passed over."""

    of: int


@dataclass(frozen=True)
class Key:
    """The caller pressed 0 to 9, * or #; anything else is no key."""

    digit: str


@dataclass(frozen=True)
class Heard:
    """Words of the caller; not ``final`` while they are still being said."""

    text: str
    final: bool = True


@dataclass(frozen=True)
class Judged:
    """Triage's opinion of all that was heard: ``outcome`` emergency, review or service; ``category`` a code or empty,
    ``p`` its share among the candidates (0..1)."""

    outcome: str
    category: str = ""
    p: float = 0.0


@dataclass(frozen=True)
class LookedUp:
    """The answer to a :class:`LookUp`; ``result`` None where it failed."""

    of: int
    result: str | None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """A recording has ended; ``name`` says where it lies, empty where there is none; ``seconds`` of voice are in it."""

    of: int
    name: str
    seconds: float


@dataclass(frozen=True)
class TransferFailed:
    """Whom a :class:`Transfer` was to did not take the call."""

    of: int


@dataclass(frozen=True)
class TimeUp:
    """The limit of an output has passed."""

    of: int


@dataclass(frozen=True)
class HungUp:
    """The caller is gone."""


Input = Started | Played | Key | Heard | Judged | LookedUp | Recorded | TransferFailed | TimeUp | HungUp

# --- outputs that wait ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Play:
    """Say a prompt; a key may come at any time."""

    of: int
    #: Name of the recorded sound: flow/prompt, or the recording's own name in 闽南语.
    sound: str
    #: What it says, slots filled; numbers as written (:func:`ivr.readings.spoken` reads them).
    text: str
    language: Language
    #: The text holds values of this call: no recording of the prompt can say it.
    dynamic: bool
    limit_s: float


@dataclass(frozen=True)
class Listen:
    """Wait for keys, and for words where ``speech``."""

    of: int
    limit_s: float
    speech: bool


@dataclass(frozen=True)
class LookUp:
    """Ask for one of :data:`core.city_ivr.LOOK_UPS`."""

    of: int
    name: str
    arguments: Mapping[str, str]
    limit_s: float


@dataclass(frozen=True)
class Record:
    """Record the caller, until #, ``silence_s`` of silence, or the limit."""

    of: int
    limit_s: float
    silence_s: float


@dataclass(frozen=True)
class Transfer:
    """To the desks of ``group`` or ``line``, which ends the session; or to ``party``, whom a look-up named, for
    ``ring_s``: the session is at its end when that is answered, and goes on with :class:`TransferFailed`."""

    of: int
    group: str
    line: str
    party: str
    ring_s: float
    known: Mapping[str, str]


# --- outputs that end the session -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Queue:
    """To a person. ``group`` and ``line`` empty: as the dialled line's calls go."""

    group: str = ""
    line: str = ""
    #: Higher than usual by this; a hint.
    priority: int = 0
    #: Back to the place that the caller has.
    keep: bool = False
    emergency: bool = False
    #: All that is known: words, category, ticket … for the ticket's draft.
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CallBack:
    """Keep the place, hang up, ring the caller when the turn comes."""

    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HangUp:
    """Hang up."""

    known: Mapping[str, str] = field(default_factory=dict)


# --- beside them ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Note:
    """One row of the journal: a step that the caller has left, and why."""

    flow: str
    step: str
    entered: datetime
    left: datetime
    why: str
    #: Why the question was put again before, in order: silence, wrong key, not understood, too few figures.
    again: tuple[str, ...] = ()


Waiting = Play | Listen | LookUp | Record | Transfer
Ending = Queue | CallBack | HangUp
Output = Waiting | Ending | Note
