"""What the ears tell the rooms above."""

from dataclasses import dataclass
from typing import ClassVar

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


@dataclass(frozen=True, kw_only=True)
class UtterancePartial(_Heard):
    """The beginning of what is being said; superseded by the final of the same id."""

    transient: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class UtteranceHeard(_Heard):
    """One finished utterance."""


@dataclass(frozen=True, kw_only=True)
class TranscriptReady(Event):
    """The recording was transcribed again as a whole; this is now the transcript of record."""

    utterances: int
