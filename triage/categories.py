"""What a call is about, by words: points for each category and for each nature of request."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import Field

from triage.rulefile import FOLDER, RuleData, RuleFileError, line_of, load
from triage.sieve import Sieve
from triage.words import Lexicon, plain

DEFAULT = FOLDER / "categories.yaml"
#: Points of a strong word, a word, a weak word; a strong one about doubles any other category's best.
STRONG, WORD, WEAK = 3.0, 1.5, 0.6


class _Words(RuleData):
    strong: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


class _FileData(RuleData):
    version: int
    reviewed: date
    categories: dict[str, _Words] = Field(min_length=1)
    natures: dict[str, tuple[str, ...]]
    default_nature: dict[str, str]


@dataclass(frozen=True)
class Sign:
    """Words that speak for a category: ``text[start:end]``."""

    code: str
    points: float
    start: int
    end: int
    words: str


class Categories:
    """The compiled category words."""

    def __init__(self, data: _FileData, patterns: list[tuple[str, re.Pattern[str]]]) -> None:
        self.version = data.version
        self.codes = frozenset(data.categories)
        self._patterns = patterns
        self._sieve = Sieve([(pattern,) for _, pattern in patterns])
        self._words = Lexicon(
            (plain(word), (code, points))
            for code, kind in data.categories.items()
            for points, words in ((STRONG, kind.strong), (WORD, kind.words), (WEAK, kind.weak))
            for word in words
        )
        self._natures = Lexicon((plain(word), nature) for nature, words in data.natures.items() for word in words)
        self._default = data.default_nature

    def signs(self, text: str) -> tuple[Sign, ...]:
        """What speaks for each category; a word inside a longer one of the same category does not count again."""
        text = plain(text)
        found = [Sign(code, points, s, e, text[s:e]) for s, e, (code, points) in self._words.find(text)]
        for number in self._sieve.possible(text):
            code, pattern = self._patterns[number]
            if match := pattern.search(text):
                found.append(Sign(code, STRONG, match.start(), match.end(), match.group()))
        kept: list[Sign] = []
        for sign in sorted(found, key=lambda s: (-s.points, s.start - s.end, s.start)):
            if not any(
                k.code == sign.code and (k.words == sign.words or (k.start <= sign.start and sign.end <= k.end))
                for k in kept
            ):
                kept.append(sign)
        return tuple(kept)

    def natures(self, text: str) -> Mapping[str, float]:
        """Points for each nature of request."""
        points: dict[str, float] = defaultdict(float)
        text = plain(text)
        for start, end, nature in self._natures.find(text):
            # Said outright (举报, 投诉, 建议 …) it decides; single syllables only lean.
            points[nature] += 4.0 if text[start:end] == nature else 1.0 if end - start > 1 else 0.5
        return points

    def nature(self, points: Mapping[str, float], code: str) -> str:
        """The nature with most points; without any, the usual one of the code's group."""
        if not points or max(points.values()) <= 0:
            return self._default.get(code[:1], "其他")
        return max(points, key=lambda n: points[n])


def load_categories(path: Path = DEFAULT) -> Categories:
    """Read the category words; :class:`~triage.rulefile.RuleFileError` names file, line and category."""
    data = load(path, _FileData)
    patterns: list[tuple[str, re.Pattern[str]]] = []
    for code, words in data.categories.items():
        for pattern in words.patterns:
            try:
                patterns.append((code, re.compile(plain(pattern))))
            except re.error as error:
                line = line_of(path.read_text(encoding="utf-8"), ("categories", code, "patterns"))
                raise RuleFileError(
                    f"{path.name}, line {line}, category {code}: {pattern!r} is not a regular expression: {error}"
                ) from error
        if not all((*words.strong, *words.words, *words.weak)):
            line = line_of(path.read_text(encoding="utf-8"), ("categories", code))
            raise RuleFileError(f"{path.name}, line {line}, category {code}: an empty word")
    return Categories(data, patterns)
