"""How rare words are in what callers say: counted over the seed corpus, once."""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from operator import concat
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from asr.words.sounds import symbols
from triage.learn.corpus import FOLDER
from triage.words import plain

_SLOT = re.compile(r"\{\w+\}")
#: Letters, figures and the signs of :func:`asr.words.sounds.symbols`.
_RUN = re.compile(r"(?:[^\W_]|[\ue000-\uf8ff])+")
#: Any character fits into so many.
_BITS = 21
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
    """Characters of ``text`` and pairs of them; a pair does not reach over what is neither letter nor figure."""
    for run in _RUN.findall(text):
        yield from run
        yield from map(concat, run, run[1:])


def count(lines: Iterable[str]) -> Rarity:
    """Counts over these utterances."""
    texts = [plain(line) for line in lines]
    # A run that is written as it sounds (a figure, a letter) counts once.
    every = np.concatenate([_keys(texts), _keys([symbols(text) for text in texts])])
    once, _ = np.unique(every, return_counts=True)  # it sorts only for the counts: ten times quicker than hashing here
    keys, times = np.unique(once & ((1 << 2 * _BITS) - 1), return_counts=True)
    return Rarity(
        len(texts), Counter({_gram(key): number for key, number in zip(keys.tolist(), times.tolist(), strict=True)})
    )


def _keys(texts: Sequence[str]) -> NDArray[np.int64]:
    """The grams of all texts as numbers: above, which text; then its first character, then its second or nothing."""
    codes = np.frombuffer("\0".join([*texts, ""]).encode("utf-32-le"), np.uint32).astype(np.int64)
    text = np.repeat(np.arange(len(texts)) << 2 * _BITS, [len(text) + 1 for text in texts])
    known, of = np.unique(codes, return_inverse=True)
    counts = np.array([_RUN.fullmatch(chr(code)) is not None for code in known.tolist()], np.bool_)[of]
    first = text | codes << _BITS
    return np.concatenate([first[counts], (first[:-1] | codes[1:])[counts[:-1] & counts[1:]]])


def _gram(key: int) -> str:
    first, second = divmod(key, 1 << _BITS)
    return chr(first) + chr(second) if second else chr(first)


def seed_rarity(folder: Path = FOLDER) -> Rarity:
    """Counts over the seed corpus; the names that its slots stand for are not in it, so names of the city are rare.

    The first time takes seconds: whoever has an event loop waits for it in another thread. Who comes meanwhile waits
    for the same counting.
    """
    with _counting:
        return _seed(folder)


_counting = Lock()


@cache
def _seed(folder: Path) -> Rarity:
    return count(_lines(folder))


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield _SLOT.sub("，", row["text"])
