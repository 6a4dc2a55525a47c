"""What the ears tell the rooms above."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from asr.recognition import NameHeard
from core.events import Event
from telephony.events import Leg


@dataclass(frozen=True, kw_only=True)
class _Heard(Event):
    """``call_id`` is always set; times are seconds from the start of this leg's audio."""

    #: One for each stretch of speech: its partials and its final share it.
    utterance_id: str
    leg: Leg
    #: Text for people: simplified Chinese with its own marks, loops cut.
    text: str
    #: What the engine gave, untouched.
    raw: str
    start_s: float
    end_s: float
    #: 0..1, the engine's own; see ``asr.recognition``.
    confidence: float
    #: Names of the city in ``text``, each with what else it may have been.
    names: tuple[NameHeard, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UtterancePartial(_Heard):
    """The beginning of what is being said; superseded by the final of the same id."""

    transient: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class UtteranceHeard(_Heard):
    """One finished utterance."""


#: ``late``: words come seconds after they were said; ``busy``: they come too late to follow, or partials are given up.
Strain = Literal["none", "late", "busy"]


@dataclass(frozen=True, kw_only=True)
class RecognitionStrained(Event):
    """How far live recognition is behind, all calls together; ``none`` says once that it has caught up."""

    transient: ClassVar[bool] = True
    strain: Strain
    #: Age of the oldest finished utterance whose text is not there.
    lag_s: float


@dataclass(frozen=True, kw_only=True)
class TranscriptReady(Event):
    """The recording was transcribed again as a whole; this is now the transcript of record."""

    utterances: int


@dataclass(frozen=True, kw_only=True)
class TranscriptCorrected(Event):
    """A person has corrected an utterance of a finished call."""

    utterance_id: str
    #: Login.
    by: str
