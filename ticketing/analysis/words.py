"""Words of a summary, and which of them are said more than before. Pure.

A text is cut into the words of jieba's list in the likeliest way (unigram model, Viterbi). A word counts once for each
ticket, however often it is said in it.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asr.words.plain import word_list
from ticketing.analysis.facts import Fact

_HAN = re.compile(r"[\u3400-\u9fff]+")
#: Log probability of a character that the list does not have.
_UNKNOWN = -16.0
#: G² beyond which a word counts as said more: chi-square with one degree of freedom, 0.1 %.
LEAST_G2 = 10.83


@cache
def stop_words() -> frozenset[str]:
    """Words that say nothing of what a matter is: who calls, what he wants of us, time, number, politeness."""
    file = Path(__file__).with_name("stopwords.txt")
    return frozenset(
        word for line in file.read_text(encoding="utf-8").splitlines() for word in line.split("#")[0].split()
    )


class Cutter:
    """Words of texts, without those of ``without`` (names of places, the city's own stop words)."""

    def __init__(self, without: Collection[str] = ()) -> None:
        self._names = {word for word in without if 2 <= len(word) <= 8}
        self._without = stop_words() | frozenset(without)
        self._words = word_list()
        #: Length of the longest word that begins with two characters.
        self._heads: dict[str, int] = {}
        for word in (*self._words, *self._names):
            if len(word) > self._heads.get(word[:2], 1):
                self._heads[word[:2]] = len(word)

    def __call__(self, text: str) -> frozenset[str]:
        """Words of two characters and more."""
        found: set[str] = set()
        for stretch in _HAN.findall(text):
            found.update(self._cut(stretch))
        return frozenset(word for word in found if len(word) > 1 and word not in self._without)

    def _cut(self, text: str) -> list[str]:
        size, words, names = len(text), self._words, self._names
        best, back = [0.0] + [-math.inf] * size, [0] * (size + 1)
        for start in range(size):
            before = best[start]
            for end in range(start + 1, min(size, start + self._heads.get(text[start : start + 2], 1)) + 1):
                word = text[start:end]
                worth = words.get(word)
                if worth is None:
                    if end == start + 1:
                        worth = _UNKNOWN
                    elif word in names:
                        # As likely as a rare word: a name goes before the pieces that it is made of.
                        worth = -12.0
                    else:
                        continue
                if before + worth > best[end]:
                    best[end], back[end] = before + worth, start
        cut, end = [], size
        while end:
            cut.append(text[back[end] : end])
            end = back[end]
        return cut


@dataclass(frozen=True)
class HotWord:
    word: str
    #: Tickets that have it now and before.
    count: int
    before: int
    #: Log-likelihood ratio of the two shares.
    g2: float


def log_likelihood(count: int, total: int, before: int, total_before: int) -> float:
    """G² of one word's share in two periods (Dunning 1993): 0 where they are the same."""
    if not total or not total_before:
        return 0.0
    said = count + before
    found = 0.0
    for seen, of in ((count, total), (before, total_before)):
        expected = of * said / (total + total_before)
        for here, there in ((seen, expected), (of - seen, of - expected)):
            if here > 0:
                found += here * math.log(here / there)
    return max(0.0, 2 * found)


def hot_words(now: Sequence[Fact], before: Sequence[Fact], *, least: int = 5, most: int = 30) -> list[HotWord]:
    """Words that a greater share of tickets has than in the period before, the most surprising first."""
    here, there = counted(now), counted(before)
    found = []
    for word, count in here.items():
        then = there.get(word, 0)
        if count >= least and count * len(before) > then * len(now):
            g2 = log_likelihood(count, len(now), then, len(before))
            if g2 >= LEAST_G2:
                found.append(HotWord(word, count, then, g2))
    return sorted(found, key=lambda hot: (-hot.g2, hot.word))[:most]


def counted(facts: Iterable[Fact]) -> Counter[str]:
    """In how many tickets each word stands."""
    return Counter(word for fact in facts for word in fact.words)


def shared(facts: Sequence[Fact], most: int = 4) -> list[str]:
    """Words that at least a third of these tickets have, and two of them at least."""
    common = counted(facts)
    least = max(2, len(facts) / 3)
    return [word for word, count in sorted(common.items(), key=lambda item: (-item[1], item[0])) if count >= least][
        :most
    ]
