"""Which character follows: an n-gram model of characters, interpolated after Witten and Bell.

P(c | h) = (n(hc) + t(h) · P(c | h')) / (n(h) + t(h)), where t(h) is how many different characters followed h, and h' is
h without its first character (Witten and Bell, 1991). Marks are left out, since recognition sets them as it likes.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

#: Begins every sentence.
BEGIN = "\x02"
END = "\x03"
#: Stands for any figure.
_FIGURE = "0"
#: Share of a character that was never seen; with about 4,000 usual characters.
_UNSEEN = 1e-6
#: Answers kept, since sentences ask the same again and again; about 20 MB.
_REMEMBERED = 100_000


def plain(text: str) -> str:
    """``text`` as the model sees it: no marks, one sign for all Arabic figures."""
    return "".join(_FIGURE if c.isdigit() and c.isascii() else c for c in text if c.isalnum())


class CharModel:
    """Trained once, then only read."""

    def __init__(self, order: int = 4) -> None:
        """``order``: characters looked at, the one that follows among them."""
        self.order = order
        self._counts: list[dict[str, float]] = [defaultdict(float) for _ in range(order)]
        self._totals: list[dict[str, float]] = [defaultdict(float) for _ in range(order)]
        self._kinds: list[dict[str, int]] = [defaultdict(int) for _ in range(order)]
        self._known: dict[tuple[str, str], float] = {}

    def learn(self, sentences: Iterable[str], weight: float = 1.0) -> None:
        """Whole sentences, each seen ``weight`` times."""
        for sentence in sentences:
            text = BEGIN + plain(sentence) + END
            for at in range(1, len(text)):
                for size in range(min(self.order - 1, at) + 1):
                    self._count(text[at - size : at], text[at], weight)
        self._known.clear()

    def learn_words(self, words: Iterable[tuple[str, float]]) -> None:
        """Words without their surroundings, each with the number of times it is seen."""
        for word, times in words:
            for at in range(len(word)):
                for size in range(min(self.order - 1, at) + 1):
                    self._count(word[at - size : at], word[at], times)
        self._known.clear()

    def tables(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All that was learned: each table with its name; its keys are of one length."""
        for size in range(self.order):
            yield f"counts-{size}", self._counts[size]
            yield f"totals-{size}", self._totals[size]
            yield f"kinds-{size}", self._kinds[size]

    def log(self, history: str, character: str) -> float:
        """Natural log probability of ``character`` after ``history`` (of which the last ``order`` - 1 count)."""
        key = (history[-(self.order - 1) :] if self.order > 1 else "", character)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[key] = math.log(self._chance(*key))
        return found

    def among(self, characters: Sequence[str]) -> Callable[[str], list[float]]:
        """:meth:`log` of each of ``characters`` after a history; meant for many histories."""
        known = {"": [self._chance("", character) for character in characters]}

        def chances(history: str) -> list[float]:
            found = known.get(history)
            if found is None:
                found = chances(history[1:])
                size = len(history)
                if total := self._totals[size].get(history, 0.0):
                    counts, kinds = self._counts[size], self._kinds[size][history]
                    whole = total + kinds
                    found = [
                        (counts.get(history + character, 0.0) + kinds * below) / whole
                        for character, below in zip(characters, found, strict=True)
                    ]
                known[history] = found
            return found

        return lambda history: list(map(math.log, chances(history[-(self.order - 1) :] if self.order > 1 else "")))

    def score(self, text: str) -> float:
        """Natural log probability of a whole sentence."""
        line = BEGIN + plain(text) + END
        return sum(self.log(line[:at], line[at]) for at in range(1, len(line)))

    def follows(self, first: str, second: str) -> float:
        """How often ``second`` was seen after ``first``."""
        return self._counts[1].get(first + second, 0.0)

    def pairs(self) -> Iterable[tuple[str, str, float]]:
        """All pairs that were seen with their number."""
        return ((pair[0], pair[1], times) for pair, times in self._counts[1].items())

    def _count(self, history: str, character: str, weight: float) -> None:
        size = len(history)
        counts = self._counts[size]
        seen = counts.get(history + character, 0.0)
        if not seen:
            self._kinds[size][history] += 1
        counts[history + character] = seen + weight
        self._totals[size][history] += weight

    def _chance(self, history: str, character: str) -> float:
        below = self._chance(history[1:], character) if history else _UNSEEN
        size = len(history)
        total = self._totals[size].get(history, 0.0)
        if not total:
            return below
        kinds = self._kinds[size][history]
        return (self._counts[size].get(history + character, 0.0) + kinds * below) / (total + kinds)
