"""An utterance as a sparse vector: its characters, runs and pairs of them, and what rules and category words found.

Names of places and figures are masked: what happens is learned, not where it happened in the corpus.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from triage.hearing import Heard
from triage.words import plain

#: Numbers that stand for grams: a character, a run of two, or a pair.
Keys: TypeAlias = NDArray[np.int64]
#: How far apart the two characters of a pair may stand: 烟 … 楼 says more than either.
REACH = 7
#: In a key the first character stands above the second, and above both whether they are a pair.
_SHIFT, PAIR = 21, 1 << 42
#: Stands for any place, and for any run of figures.
_PLACE, _FIGURES = "□", "0"
_FIGURE_RUN = re.compile(r"[0-9]+")
#: Length of the part of the vector that rules fill, next to characters of length 1; points that count as one hit.
_RULES_SHARE, _POINTS = 0.7, 3.0
#: A category's words beyond so many points tell nothing more.
_MOST_POINTS = 6.0
#: With fewer characters than this beside places and figures an utterance is an answer (对，在池店), not a report.
LEAST_CHARACTERS = 6


@dataclass(frozen=True)
class Features:
    """What of an utterance the model looks at."""

    #: The characters that count, places and figures as one sign each, and where each stands in the text as heard.
    masked: str
    spans: tuple[tuple[int, int], ...]
    #: What rules and category words found, by name.
    found: Mapping[str, float]
    #: Characters beside places, figures and marks.
    characters: int

    @cached_property
    def codes(self) -> Keys:
        """The code points of :attr:`masked`."""
        return np.frombuffer(self.masked.encode("utf-32-le"), np.uint32).astype(np.int64)

    @cached_property
    def grams(self) -> Keys:
        """Every character, run of two and pair with one to six between them, each once; ascending, pairs last."""
        pairs = [twos(self.codes, apart) | PAIR for apart in range(2, REACH + 1)]
        return np.unique(np.concatenate([self.codes, twos(self.codes), *pairs]))


def twos(codes: Keys, apart: int = 1) -> Keys:
    """A key for every two of ``codes`` that stand ``apart``, in their order."""
    made: Keys = codes[:-apart] << _SHIFT | codes[apart:]
    return made


def features(heard: Heard) -> Features:
    """The features of one utterance."""
    kept = list(_masked(heard))
    return Features(
        masked="".join(char for char, _, _ in kept),
        spans=tuple((start, end) for _, start, end in kept),
        found=_found(heard),
        characters=sum(char not in (_PLACE, _FIGURES) for char, _, _ in kept),
    )


def _masked(heard: Heard) -> Iterator[tuple[str, int, int]]:
    """The characters that count, each with where it stands."""
    spans = [(m.start, m.end, _PLACE) for m in heard.mentions if m.end - m.start >= 2]
    text = plain(heard.text)
    spans += [(m.start(), m.end(), _FIGURES) for m in _FIGURE_RUN.finditer(text)]
    at = 0
    for start, end, sign in [*sorted(spans), (len(text), len(text), "")]:
        for position in range(at, max(at, start)):
            if text[position].isalnum():
                yield text[position], position, position + 1
        if sign and start >= at:
            yield sign, start, end
        at = max(at, end)


def _found(heard: Heard) -> dict[str, float]:
    found: dict[str, float] = {}
    for hit in heard.hits:
        if not hit.rule.emergency_line_only:
            found[("guarded:" if hit.guard else "rule:") + hit.rule.name] = _RULES_SHARE
    points: dict[str, float] = {}
    for sign in heard.signs:
        points[sign.code] = points.get(sign.code, 0.0) + sign.points
    for code, value in points.items():
        found["words:" + code] = _RULES_SHARE * min(value, _MOST_POINTS) / _POINTS
    for nature, value in heard.natures:
        found["nature:" + nature] = _RULES_SHARE * min(value, _POINTS) / _POINTS
    return found
