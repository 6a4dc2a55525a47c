"""The result and the shape of recognition: what every engine gives and takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
#: Samples per second of everything that an engine hears.
RATE = 16_000
#: ``partial``: quick, while it is being said; ``final``: the utterance is over; ``record``: as well as it can.
Effort = Literal["partial", "final", "record"]


@dataclass(frozen=True)
class Word:
    """One word with its times in seconds from the start of the audio that was given, and its confidence 0..1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """One way in which the engine would read the same sound, fit for people like :attr:`Recognition.text`."""

    text: str
    #: Mean natural log-probability of its tokens, at most 0.
    score: float


@dataclass(frozen=True)
class NameCandidate:
    """A name of the city that may have been said."""

    #: As it would stand in the text.
    text: str
    #: Where it is; empty for what is no place, and for a place of unknown town.
    town: str
    community: str
    #: 0..1: share among the candidates and the text as it was heard.
    score: float


#: ``said``: written as the engine gave it; ``corrected``: put in place of it; ``unsure``: only candidates.
NameState = Literal["said", "corrected", "unsure"]


@dataclass(frozen=True)
class NameHeard:
    """A stretch of the text that names something, with what else it may have been."""

    #: As it stands in :attr:`Recognition.text` from character ``start`` to ``end``.
    start: int
    end: int
    #: As the engine wrote it; the same as in the text where nothing was corrected.
    heard: str
    state: NameState
    #: At most three, the likeliest first.
    candidates: tuple[NameCandidate, ...]

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "NameHeard":
        """From :func:`dataclasses.asdict`, as it comes back from JSON."""
        return cls(**{**plain, "candidates": tuple(NameCandidate(**one) for one in plain["candidates"])})


@dataclass(frozen=True)
class Recognition:
    """What was heard in one stretch of audio."""

    #: For people: simplified Chinese, loops cut; empty where nothing was said.
    text: str
    #: As the engine gave it.
    raw: str
    #: 0..1. Whisper: mean probability of a token; Vosk: mean confidence of a word. Not comparable between engines.
    confidence: float
    #: Whisper's probability that nobody speaks, 0..1; 0 from engines that do not say.
    no_speech: float = 0.0
    #: Only from engines with ``word_times``.
    words: tuple[Word, ...] = ()
    #: Readings that differ, best first, ``text`` among them; empty from engines that give one alone.
    hypotheses: tuple[Hypothesis, ...] = ()
    #: Names of the city in ``text``, in order (:class:`asr.words.city.CityWords`).
    names: tuple[NameHeard, ...] = ()


NOTHING = Recognition("", "", 0.0)


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do; the rest of the house asks here, never for an engine's name."""

    #: Keeps its own state from block to block and gives partial results by itself (:class:`Stream`).
    streaming: bool
    word_times: bool
    #: ISO 639-1 codes that the loaded model understands.
    languages: Sequence[str]


class Engine(Protocol):
    """Recognises finished stretches of speech. One engine serves one thread at a time."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        """``pcm``: one utterance, mono, 16 kHz. Never raises on odd audio: gives :data:`NOTHING`."""
        ...


class Stream(Protocol):
    """Running recognition of one voice, from engines with ``streaming``."""

    def feed(self, pcm: Pcm) -> Recognition | None:
        """The next stretch (mono, 16 kHz); gives an utterance when it just ended."""
        ...

    def partial(self) -> str:
        """What was heard of the running utterance so far."""
        ...

    def finish(self) -> Recognition:
        """No more audio: what was still open."""
        ...
