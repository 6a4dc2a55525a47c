"""The learned judge of one utterance: linear weights over features, read from a file, numpy alone.

For a target the margin is ``bias + Σ weight · value``. The margin of *emergency* becomes a probability by a logistic
curve fitted on held-out lines (Platt, 1999), the margins of the codes by a softmax of fitted sharpness.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.errors import HeyiError
from triage.learn.features import LEAST_CHARACTERS, Features, Keys, twos
from triage.learn.vocabulary import Array as Array
from triage.learn.vocabulary import Vocabulary

#: Raised when a file made before can no longer be read.
FORMAT = 3
#: Most words given as a reason for one target, and most characters of each.
_MOST_WORDS, _LONGEST_WORDS = 3, 4


class ModelError(HeyiError):
    """A model file that cannot be used."""


@dataclass(frozen=True)
class Opinion:
    """What the model says of one utterance."""

    #: Chance of an emergency, 0..1, where a call begins so; where so much was said before, mostly in answer.
    p_emergency: float
    p_later: float
    #: Share of each code, in the order of :attr:`Model.codes`; of each nature, in that of :attr:`Model.natures`.
    codes: Array
    natures: Array


@dataclass(frozen=True)
class Model:
    """Trained weights with what is needed to use them."""

    vocabulary: Vocabulary
    #: (features, 1 + codes + natures): the first column is *emergency*.
    weights: Array
    bias: Array
    codes: tuple[str, ...]
    natures: tuple[str, ...]
    #: Slope and offset of the logistic curve, what is added in the middle of a call; sharpness of the codes' softmax.
    slope: float
    offset: float
    later: float
    sharpness: float
    #: From here on an emergency, from here on a person looks.
    emergency: float
    review: float
    #: Where it comes from: version, hash of the data, figures of the cross-validation.
    about: Mapping[str, Any]

    def opinion(self, features: Features) -> Opinion | None:
        """The opinion of one utterance; None of one with too little in it."""
        if features.characters < LEAST_CHARACTERS:
            return None
        rows, values = self.vocabulary.vector(features)
        margins = values @ self.weights[rows] + self.bias
        ends = 1 + len(self.codes)
        return Opinion(
            p_emergency=logistic(self.slope * float(margins[0]) + self.offset),
            p_later=logistic(self.slope * float(margins[0]) + self.offset + self.later),
            codes=softmax(self.sharpness * margins[1:ends]),
            natures=softmax(self.sharpness * margins[ends:]),
        )

    def words(self, features: Features, code: str | None = None) -> tuple[tuple[int, int], ...]:
        """Where the words stand that spoke most for ``code``, for an emergency without one; best first."""
        column = 0 if code is None else 1 + self.codes.index(code)
        # Runs alone: pairs are many, and point at the same characters.
        by_character = self._told(features.codes, column)
        halves = self._told(twos(features.codes), column) / 2
        by_character[:-1] += halves
        by_character[1:] += halves
        starts, ends = np.array(features.spans, np.intp).reshape(-1, 2).T
        joined = starts[1:] == ends[:-1]
        # Every run of two to four characters that stand together: what it says, where it starts and ends.
        value, together = by_character, np.ones(len(by_character), np.bool_)
        runs: list[tuple[Array, NDArray[np.intp], NDArray[np.intp]]] = []
        for further in range(1, min(_LONGEST_WORDS, len(by_character))):
            value = value[:-1] + by_character[further:]
            together = together[:-1] & joined[further - 1 :]
            runs.append((value[together], starts[:-further][together], ends[further:][together]))
        best: list[tuple[int, int]] = []
        if runs:
            value, starts, ends = (np.concatenate(part) for part in zip(*runs, strict=True))
            while len(best) < _MOST_WORDS and value.size and value[at := int(np.argmax(value))] > 0:
                best.append((int(starts[at]), int(ends[at])))
                value = np.where((starts < ends[at]) & (starts[at] < ends), np.float32(-1), value)
        return tuple(best)

    def _told(self, keys: Keys, column: int) -> Array:
        """How far each gram speaks for the target of ``column``."""
        rows, known = self.vocabulary.places(keys)
        told: Array = np.where(known, self.weights[rows, column] * self.vocabulary.idf[rows], np.float32(0))
        return told

    def save(self, path: Path) -> None:
        """Write the model; the file is there whole or not at all."""
        head = {
            "format": FORMAT, "found": list(self.vocabulary.found), "codes": self.codes, "natures": self.natures,
            "slope": self.slope, "offset": self.offset, "later": self.later, "sharpness": self.sharpness,
            "emergency": self.emergency, "review": self.review, "about": dict(self.about),
        }  # fmt: skip
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.savez(
                    file, grams=self.vocabulary.grams, idf=self.vocabulary.idf,
                    weights=self.weights.astype(np.float16), bias=self.bias,
                    head=np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), np.uint8),
                )  # fmt: skip
            part.replace(path)
        except OSError as error:
            raise ModelError(f"{path}: the model cannot be written: {error}") from error


def load_model(path: Path) -> Model:
    """Read a model; :class:`ModelError` for one that is absent, damaged or of another format."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            head = json.loads(file["head"].tobytes())
            if head["format"] != FORMAT:
                raise ModelError(f"{path}: the model has format {head['format']}, not {FORMAT}", hint=_TRAIN)
            return Model(
                vocabulary=Vocabulary(
                    grams=file["grams"], idf=file["idf"],
                    found={name: row for row, name in enumerate(head["found"], len(file["grams"]))},
                ),
                weights=file["weights"].astype(np.float32), bias=file["bias"],
                codes=tuple(head["codes"]), natures=tuple(head["natures"]), slope=head["slope"],
                offset=head["offset"], later=head["later"], sharpness=head["sharpness"], emergency=head["emergency"],
                review=head["review"], about=head["about"],
            )  # fmt: skip
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise ModelError(f"{path}: the model cannot be read: {error}", hint=_TRAIN) from error


_TRAIN = "./run heyi triage retrain"


def logit(p: float) -> float:
    """Log odds of ``p``, the inverse of :func:`logistic`."""
    p = min(max(p, 1e-12), 1 - 1e-12)
    return math.log(p / (1 - p))


def logistic(x: float) -> float:
    """1 / (1 + e^-x), without overflow."""
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, x))))


def softmax(margins: Array) -> Array:
    """Shares that sum to 1 along the last axis."""
    powers = np.exp(margins - margins.max(axis=-1, keepdims=True, initial=-np.inf))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def codes_of(shares: Array, codes: Sequence[str]) -> dict[str, float]:
    """Share by code."""
    return dict(zip(codes, map(float, shares), strict=True))
