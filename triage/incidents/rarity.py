"""How rare words are in what callers say: counted over the seed corpus, once."""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asr.words.sounds import symbols
from triage.learn.corpus import FOLDER
from triage.words import plain

_SLOT = re.compile(r"\{\w+\}")
#: A pair of syllables that at most this share of callers say is a name, or as telling as one.
_NAME_SHARE = 0.002


@dataclass(frozen=True)
class Rarity:
    """In how many of ``lines`` utterances each run of one or two characters occurs, as written and by sound."""

    lines: int
    counts: Counter[str]

    def weight(self, gram: str) -> float:
        """Natural logarithm of how many utterances there are for one that holds ``gram``; 0 where all do."""
        return math.log((self.lines + 1) / (self.counts[gram] + 1))

    def is_rare(self, gram: str) -> bool:
        """Whether ``gram`` is said so seldom that two callers who say it may mean one thing."""
        return self.counts[gram] <= self.lines * _NAME_SHARE


def grams(text: str) -> Iterator[str]:
    """Runs of one and two characters of ``text``; a run ends at whatever is neither letter nor figure."""
    for at, char in enumerate(text):
        if char.isalnum() or "\ue000" <= char <= "\uf8ff":
            yield char
            follows = text[at + 1 : at + 2]
            if follows and (follows.isalnum() or "\ue000" <= follows <= "\uf8ff"):
                yield char + follows


def count(lines: Iterable[str]) -> Rarity:
    """Counts over these utterances."""
    counts: Counter[str] = Counter()
    number = 0
    for line in lines:
        number += 1
        text = plain(line)
        counts.update({*grams(text), *grams(symbols(text))})
    return Rarity(number, counts)


@cache
def seed_rarity(folder: Path = FOLDER) -> Rarity:
    """Counts over the seed corpus; the names that its slots stand for are not in it, so names of the city are rare."""
    return count(_lines(folder))


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield _SLOT.sub("，", row["text"])
