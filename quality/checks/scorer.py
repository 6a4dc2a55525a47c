"""A linear model on the characters of a sentence: ridge regression, one weight vector for each label."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import lsqr

from quality.checks.dialogue import own_words
from quality.checks.examples import Example

Array = NDArray[np.float64]
_RIDGE = 0.3
#: A marked sentence weighs so much of its share against the others.
_BALANCE = 0.1
#: Weights smaller than this share of the greatest are left out.
_FAINT = 0.004
_STEPS = 80
_DIGIT = re.compile(r"\d")
#: All that a fitted model depends on beside its examples.
CONSTANTS = (_RIDGE, _BALANCE, _FAINT, _STEPS)


@dataclass(frozen=True)
class Scorer:
    """``weights[i]`` are those of ``grams`` for ``labels[i]``; each already holds how rare the characters are."""

    labels: tuple[str, ...]
    grams: dict[str, int]
    rarity: Array
    weights: Array
    bias: Array

    def margins(self, sentence: str) -> Array:
        """Of each of :attr:`labels`, about -1 (nothing of it) to 1."""
        counted = _counted(sentence)
        at = [(self.grams[g], n) for g, n in counted.items() if g in self.grams]
        if not at:
            return self.bias
        values = np.array([(1 + np.log(n)) * self.rarity[i] for i, n in at])
        # Unknown characters make a sentence less sure, as in fitting they would have had their share of its length.
        strange = sum((1 + np.log(n)) ** 2 for gram, n in counted.items() if gram not in self.grams)
        length = float(np.sqrt((values**2).sum() + strange * float(self.rarity.max()) ** 2))
        told: Array = self.weights[:, [i for i, _ in at]] @ (values / length) + self.bias
        return told


def fit(examples: Sequence[Example], labels: Sequence[str]) -> Scorer:
    """The model of ``examples``, each of a label against all others: the same examples give the same model."""
    counted = [_counted(e.text) for e in examples]
    seen = Counter(gram for one in counted for gram in one)
    grams = {gram: at for at, gram in enumerate(seen)}
    rarity = np.log((1 + len(examples)) / (1 + np.array(list(seen.values()), np.float64))) + 1
    matrix = _matrix(counted, grams, rarity)
    weights, bias = np.zeros((len(labels), len(grams))), np.zeros(len(labels))
    for at, label in enumerate(labels):
        target = np.array([1.0 if e.label == label else -1.0 for e in examples])
        share = (target < 0).sum() / max((target > 0).sum(), 1)
        weight = np.where(target > 0, share * _BALANCE, 1.0)
        bias[at] = (weight * target).sum() / weight.sum()
        root = np.sqrt(weight)
        solved = lsqr(sparse.diags(root) @ matrix, root * (target - bias[at]), damp=np.sqrt(_RIDGE), iter_lim=_STEPS)
        weights[at] = solved[0]
    kept = np.flatnonzero((np.abs(weights) >= _FAINT * np.abs(weights).max(axis=1, keepdims=True)).any(axis=0))
    names = list(grams)
    return Scorer(tuple(labels), {names[i]: at for at, i in enumerate(kept)}, rarity[kept], weights[:, kept], bias)


def _counted(sentence: str) -> Counter[str]:
    text = "^" + _DIGIT.sub("0", own_words(sentence)).strip().rstrip("。，,；;…") + "$"
    return Counter(text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1))


def _matrix(counted: Iterable[Counter[str]], grams: dict[str, int], rarity: Array) -> sparse.csr_matrix:
    rows, columns, values = [], [], []
    for row, one in enumerate(counted):
        found = [(grams[g], (1 + np.log(n)) * rarity[grams[g]]) for g, n in one.items()]
        length = np.sqrt(sum(v * v for _, v in found)) or 1.0
        rows += [row] * len(found)
        columns += [i for i, _ in found]
        values += [v / length for _, v in found]
    return sparse.csr_matrix((values, (rows, columns)), shape=(max(rows) + 1, len(grams)))
