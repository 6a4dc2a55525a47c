"""What written rules do not list: sentences that sound like those that people marked. Ridge regression on characters.

Rules say why, and are surer; but rudeness has no end of wordings. The model is fitted to :data:`SENTENCES`, to polite
turns of the corpora of triage and of calls without such violations, and kept in the cache by the hash of all of it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.errors import HeyiError
from quality.checks.dialogue import own_words
from triage.rulefile import FOLDER as TRIAGE_RULES

Array = NDArray[np.float64]
CORPUS = Path(__file__).parents[1] / "corpus"
#: Calls whose call takers were written to speak well.
CALLS = TRIAGE_RULES.parent / "corpus"
SENTENCES = CORPUS / "sentences.tsv"
#: Raised when the same sentences give another model than before.
LEARNER = 1
#: Violations that are learned: of the others there are too few sentences.
LABELS = ("态度生硬", "推诿", "违规承诺", "泄露个人信息")
#: Margins (-1 to 1) from which a sentence counts, by cross-validation (docs/quality.md): at these about one polite
#: sentence in five hundred is taken for one, most of them written to be mistaken.
THRESHOLDS = {"态度生硬": -0.15, "推诿": -0.25, "违规承诺": -0.25, "泄露个人信息": -0.3}
_FINE = "-"
#: Not in themselves marks of how a sentence is said.
_MISSING = {"无问候语", "无结束语", "未确认地址", "未确认电话", "未安抚"}
_RIDGE = 0.2
#: A marked sentence weighs so much of its share against the fine ones.
_BALANCE = 0.3
#: Fewer characters say nothing of manner.
_LEAST = 4
#: Weights smaller than this share of the greatest are left out.
_FAINT = 0.004
_SENTENCE = re.compile(r"[^。！？!?；;…]+[。！？!?；;…]*")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Learned:
    """``weights[i]`` are those of ``grams`` for ``LABELS[i]``; each already holds how rare the characters are."""

    grams: dict[str, int]
    rarity: Array
    weights: Array
    bias: Array
    #: Hash of the sentences that it was fitted to.
    version: str = ""

    def margins(self, sentence: str) -> Array:
        """Of each of :data:`LABELS`, -1 (fine) to 1."""
        counted = _counted(sentence)
        at = [(self.grams[g], n) for g, n in counted.items() if g in self.grams]
        values = np.array([(1 + np.log(n)) * self.rarity[i] for i, n in at])
        # Unknown characters make a sentence less sure, as in fitting they would have had their share of its length.
        strange = sum((1 + np.log(n)) ** 2 for gram, n in counted.items() if gram not in self.grams)
        unknown = strange * float(self.rarity.max()) ** 2
        length = float(np.sqrt((values**2).sum() + unknown)) or 1.0
        if not at:
            return self.bias
        told: Array = self.weights[:, [i for i, _ in at]] @ (values / length) + self.bias
        return told

    def found(self, text: str) -> list[tuple[str, int, int]]:
        """(violation, start, end) of each sentence of ``text`` that counts as one."""
        made = []
        for match in _SENTENCE.finditer(own_words(text)):
            if len(match[0]) < _LEAST:
                continue
            for label, margin in zip(LABELS, self.margins(match[0]), strict=True):
                if margin >= THRESHOLDS[label]:
                    made.append((label, match.start(), match.end()))
        return made


def _counted(sentence: str) -> Counter[str]:
    text = "^" + _DIGIT.sub("0", own_words(sentence)).strip() + "$"
    return Counter(text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1))


def examples() -> list[tuple[str, str]]:
    """(violation or ``-``, sentence) to learn from, each sentence once; HeyiError names file and line of a fault."""
    made: dict[str, str] = {}
    for number, line in enumerate(SENTENCES.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        label, tab, sentence = line.partition("\t")
        if not tab or not sentence.strip():
            raise HeyiError(f"{SENTENCES.name}, line {number}: not a violation, a tab and a sentence")
        made[sentence.strip()] = label
    for path in (*sorted(CALLS.glob("*.jsonl")), *sorted(CORPUS.glob("*.jsonl"))):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if set(row.get("qa", {}).get("violations", ())) - _MISSING:
                continue
            for turn in row["turns"]:
                if turn["who"] == "A":
                    for match in _SENTENCE.finditer(turn["text"]):
                        if len(match[0]) >= _LEAST:
                            made.setdefault(match[0].strip(), _FINE)
    return [(label, sentence) for sentence, label in made.items()]


def fit(lines: Sequence[tuple[str, str]]) -> Learned:
    """The model of ``lines``: the same lines give the same model."""
    counted = [_counted(sentence) for _, sentence in lines]
    seen = Counter(gram for one in counted for gram in one)
    grams = {gram: at for at, gram in enumerate(seen)}
    rarity = np.log((1 + len(lines)) / (1 + np.array(list(seen.values()), np.float64))) + 1
    matrix = _matrix(counted, grams, rarity)
    kernel = (matrix @ matrix.T).toarray()
    weights = np.zeros((len(LABELS), len(grams)))
    bias = np.zeros(len(LABELS))
    for at, label in enumerate(LABELS):
        target = np.array([1.0 if marked == label else -1.0 for marked, _ in lines])
        share = (target < 0).sum() / max((target > 0).sum(), 1)
        weight = np.where(target > 0, share * _BALANCE, 1.0)
        bias[at] = (weight * target).sum() / weight.sum()
        solved = np.linalg.solve(kernel + np.diag(_RIDGE / weight), target - bias[at])
        weights[at] = matrix.T @ solved
    kept = np.flatnonzero((np.abs(weights) >= _FAINT * np.abs(weights).max(axis=1, keepdims=True)).any(axis=0))
    names = list(grams)
    return Learned({names[i]: at for at, i in enumerate(kept)}, rarity[kept], weights[:, kept], bias)


def _matrix(counted: Iterable[Counter[str]], grams: dict[str, int], rarity: Array) -> sparse.csr_matrix:
    rows, columns, values = [], [], []
    for row, one in enumerate(counted):
        found = [(grams[g], (1 + np.log(n)) * rarity[grams[g]]) for g, n in one.items()]
        length = np.sqrt(sum(v * v for _, v in found)) or 1.0
        rows += [row] * len(found)
        columns += [i for i, _ in found]
        values += [v / length for _, v in found]
    return sparse.csr_matrix((values, (rows, columns)), shape=(max(rows) + 1, len(grams)))


def ensure(cache: Path) -> Learned:
    """The model of what is there now, from ``cache`` or fitted (some seconds) and kept there."""
    lines = examples()
    told = json.dumps([LEARNER, _RIDGE, _BALANCE, _FAINT, lines], ensure_ascii=False).encode()
    version = hashlib.sha256(told).hexdigest()[:16]
    path = cache / f"manner-{version}.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as stored:
                grams = {str(gram): at for at, gram in enumerate(stored["grams"])}
                return Learned(grams, stored["rarity"], stored["weights"], stored["bias"], version)
        except (OSError, ValueError, KeyError):
            path.unlink(missing_ok=True)
    model = replace(fit(lines), version=version)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez_compressed(
        part, grams=np.array(list(model.grams)), rarity=model.rarity, weights=model.weights, bias=model.bias
    )  # fmt: skip
    part.replace(path)
    return model
