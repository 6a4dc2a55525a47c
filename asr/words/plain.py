"""How usual a string of characters is in everyday Chinese: what a correction has to beat.

A unigram model of words: jieba's list gives how often each is written. A stretch of text is worth the best way to cut
it into words, so 门口 costs one frequent word and 红摘眼 three rare characters.
"""

import math
import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_LONGEST = 4
#: A word that is not too long, and its number.
_ENTRY = re.compile(rf"^([^ \n]{{1,{_LONGEST}}}) (\d+)", re.MULTILINE)
#: Rarer words are mostly names and book words that a caller never says; single characters are all kept.
_LEAST = 10
#: However odd a character is, somebody said a syllable there and it was written so by mistake: the log probability of
#: any syllable at all. Without it a garbled sentence would be worth less than the name of any village.
_ANY = -5.5


def word_file() -> Path | None:
    """jieba's list: a word, how often it is written and what part of speech it is in each line."""
    spec = find_spec("jieba")
    if spec is None or spec.origin is None:  # pragma: no cover  it is among the dependencies
        return None
    return Path(spec.origin).parent / "dict.txt"


@cache
def word_list() -> dict[str, float]:
    """Words of up to four characters with their natural log probabilities."""
    path = word_file()
    if path is None:  # pragma: no cover
        return {}
    counts: dict[str, int] = {}
    for word, count in _ENTRY.findall(path.read_text(encoding="utf-8")):
        if len(word) == 1 or int(count) >= _LEAST:
            counts[word] = max(int(count), 1)
    total = math.log(sum(counts.values()))
    return {word: math.log(count) - total for word, count in counts.items()}


def usual_characters() -> list[str]:
    """Characters that the list has as words of their own."""
    return [word for word in word_list() if len(word) == 1]


class Plain:
    """The model, with the city's own names added as words of their own."""

    def __init__(self, names: Iterable[tuple[str, float]] = ()) -> None:
        """``names``: each with its log probability, which counts where it is higher than the list's."""
        self._words = word_list()
        self._names: dict[str, float] = {}
        for name, worth in names:
            if worth > max(self._words.get(name, -math.inf), self._names.get(name, -math.inf)):
                self._names[name] = worth
        self._longest = max((_LONGEST, *map(len, self._names)))

    def weigh(self, text: str) -> tuple[list[float], list[float]]:
        """``(before, after)``: log probability of ``text[:i]`` and of ``text[i:]`` for every ``i``."""
        size = len(text)
        before = [0.0] + [-math.inf] * size
        after = [-math.inf] * size + [0.0]
        edges: list[tuple[int, int, float]] = []
        for start in range(size):
            for end in range(start + 1, min(size, start + self._longest) + 1):
                worth = self._worth(text[start:end])
                if worth is not None:
                    edges.append((start, end, worth))
        for start, end, worth in edges:
            before[end] = max(before[end], before[start] + worth)
        for start, end, worth in reversed(edges):
            after[start] = max(after[start], worth + after[end])
        return before, after

    def _worth(self, word: str) -> float | None:
        named = self._names.get(word)
        if named is not None:
            return named
        known = self._words.get(word)
        if known is not None:
            return max(known, _ANY * len(word))
        return None if len(word) > 1 else _ANY
