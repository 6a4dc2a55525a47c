"""The features that a model knows, and an utterance as a sparse vector of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from triage.learn.features import PAIR, Features, Keys

Array: TypeAlias = NDArray[np.float32]
#: Length of the part of the vector that pairs of characters fill, next to runs of length 1.
PAIRS_SHARE = 1.0
#: What fewer lines hold says nothing about others.
_LEAST_LINES = 3


@dataclass(frozen=True)
class Vocabulary:
    """A row for each gram, in the order of its key, and behind them one for each finding of rules and words."""

    grams: Keys
    #: How rare each gram is: log of lines by those that hold it, and 1.
    idf: Array
    found: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.grams) + len(self.found)

    def vector(self, features: Features) -> tuple[NDArray[np.intp], Array]:
        """Rows and values of the features that are known.

        Runs, and pairs, have a fixed length together and count by their rarity; findings count as found.
        """
        row, known = self.places(features.grams)
        row = row[known]
        values = self.idf[row]
        runs = int(known[: np.searchsorted(features.grams, PAIR)].sum())
        for part, length in ((values[:runs], 1.0), (values[runs:], PAIRS_SHARE)):
            part *= length / max(float(part @ part) ** 0.5, 1e-6)
        found = self._found(features)
        if not found:
            return row, values
        rows, more = zip(*found, strict=True)
        return np.concatenate([row, np.array(rows, np.intp)]), np.concatenate([values, np.array(more, np.float32)])

    def places(self, keys: Keys) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The row of each gram, and whether it has one; any row where it has none."""
        row = np.searchsorted(self.grams, keys)
        np.minimum(row, len(self.grams) - 1, out=row)
        return row, self.grams[row] == keys

    def matrix(self, lines: Sequence[Features]) -> Any:
        """The vectors of ``lines`` as rows of a sparse matrix, made all at once."""
        keys = [line.grams for line in lines]
        together = np.concatenate(keys)
        row, known = self.places(together)
        line_of = np.repeat(np.arange(len(lines)), [len(own) for own in keys])[known]
        row, pair = row[known], together[known] >= PAIR
        part = 2 * line_of + pair
        values = self.idf[row]
        length = np.sqrt(np.bincount(part, values.astype(np.float64) ** 2, minlength=2 * len(lines)))
        values *= (np.where(pair, PAIRS_SHARE, 1.0) / np.maximum(length[part], 1e-6)).astype(np.float32)
        found = [(line, row, value) for line, one in enumerate(lines) for row, value in self._found(one)]
        lines_found, rows_found, values_found = zip(*found, strict=True) if found else ((), (), ())
        at = (
            np.concatenate([line_of, np.array(lines_found, np.intp)]),
            np.concatenate([row, np.array(rows_found, np.intp)]),
        )
        return csr_matrix((np.concatenate([values, np.array(values_found, np.float32)]), at), (len(lines), len(self)))

    def _found(self, features: Features) -> list[tuple[int, float]]:
        return [(self.found[name], value) for name, value in features.found.items() if name in self.found]


def vocabulary_of(lines: Sequence[Features]) -> Vocabulary:
    """What enough of ``lines`` hold."""
    grams, times = np.unique(np.concatenate([line.grams for line in lines]), return_counts=True)
    enough = times >= _LEAST_LINES
    grams, times = grams[enough], times[enough]
    names: dict[str, int] = {}
    for line in lines:
        for name in line.found:
            names[name] = names.get(name, 0) + 1
    kept = sorted(name for name, count in names.items() if count >= _LEAST_LINES)
    return Vocabulary(
        grams=grams,
        idf=(np.log((1 + len(lines)) / (1 + times)) + 1).astype(np.float32),
        found={name: len(grams) + place for place, name in enumerate(kept)},
    )
