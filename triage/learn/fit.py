"""Fitting and cross-validating the model: ridge regression on all targets at once, in a block Krylov space.

One sparse system for *emergency*, every code and every nature. Everything that a figure or threshold rests on is held
out by groups of like lines; the model is the mean of the folds' models. The same examples and seed give the same model.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triage.hearing import Hearing
from triage.learn.corpus import data_hash, misheard
from triage.learn.dialogues import CALLS
from triage.learn.example import Example
from triage.learn.features import LEAST_CHARACTERS, Features, features
from triage.learn.model import Array, Model, softmax
from triage.learn.vocabulary import vocabulary_of

#: Raised when the same lines give another model than before: the one in the cache is then trained again.
LEARNER = 3
FOLDS = 4
#: Folds fitted side by side; SciPy's products of matrices let other threads run.
_SIDE_BY_SIDE = 2
#: Blocks of the Krylov space, one for each product with the lines, and its least dimension where targets are few. More
#: gain nothing in cross-validation on the seed corpus.
_BLOCKS, _LEAST_SPACE = 4, 140
#: Strength of the ridge, by cross-validation on the seed corpus: 0.35 and 0.45 do as well, 1 is 0.008 worse on codes.
STRENGTH = 0.4
#: How far a code's line also shows the other codes of its group, and all codes of its kind (emergency or not).
_GROUP, _KIND = 0.2, 0.2
#: One line in so many is also heard as recognition may write it, for the figures alone.
_MISHEARD_OF = 4
#: At most this share of held-out service lines, and this of the hard ones among them, may alarm.
FALSE_ALARMS, HARD_ALARMS = 0.05, 0.08
#: Of the calm calls, which were written to frighten, at most this share may alarm anywhere. A missed emergency costs
#: more than a second look: this must not hold the threshold far above what the two shares before allow.
CALM_CALLS = 0.2
#: A person is asked to look from the threshold that lets this share through.
_REVIEWS = 0.15
#: However well the lines come apart: less likely than this nothing raises a call, nor asks a person.
_LEAST_EMERGENCY, _LEAST_REVIEW = 0.5, 0.25


def train(
    examples: Sequence[Example], hearing: Hearing, *, seed: int = 0,
    done: Callable[[str, int, int], None] = lambda what, at, of: None,
) -> Model:  # fmt: skip
    """A model of ``examples``; ``done`` is told what is under way, how far, of how much.

    Lines too short for the model to judge are not learned from either.
    """
    kept: list[Example] = []
    found: list[Features] = []
    for number, example in enumerate(examples):
        made = features(hearing.hear(example.text))
        if made.characters >= LEAST_CHARACTERS:
            kept.append(example)
            found.append(made)
        done("reading", number + 1, len(examples))
    codes = tuple(sorted({e.code for e in kept if e.code}))
    natures = tuple(sorted({e.nature for e in kept if e.nature}))
    targets, bias = _targets(kept, codes, natures)
    vocabulary = vocabulary_of(found)
    matrix = vocabulary.matrix(found)
    wrong = np.arange(0, len(kept), _MISHEARD_OF)
    heard_wrong = misheard([kept[i].text for i in wrong], seed)
    noisy_matrix = vocabulary.matrix([features(hearing.hear(text)) for text in heard_wrong])

    folds = _folds([e.group for e in kept], seed)
    clean = np.zeros_like(targets)
    noisy = np.zeros((len(wrong), targets.shape[1]), np.float32)

    def fit(fold: int) -> Array:
        weights = ridge(matrix[folds != fold], targets[folds != fold])
        clean[folds == fold] = matrix[folds == fold] @ weights + bias
        noisy[folds[wrong] == fold] = noisy_matrix[folds[wrong] == fold] @ weights + bias
        return weights

    weights = np.zeros((len(vocabulary), targets.shape[1]), np.float32)
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for number, one in enumerate(pool.map(fit, range(FOLDS))):
            weights += one / FOLDS
            done("training", number + 1, FOLDS)
    model = Model(
        vocabulary=vocabulary, weights=weights, bias=bias, codes=codes, natures=natures,
        slope=1, offset=0, later=0, sharpness=1, emergency=1, review=1, about={},
    )  # fmt: skip
    return _calibrated(model, kept, clean, noisy, wrong, seed)


def _calibrated(
    model: Model, examples: Sequence[Example], clean: Array, noisy: Array, wrong: NDArray[np.intp], seed: int
) -> Model:
    """``model`` with what its held-out margins tell: probabilities, thresholds, figures."""
    urgent = np.array([e.emergency for e in examples])
    opening = np.array([not e.later for e in examples])
    hard = np.array([e.hard for e in examples]) & opening & ~urgent
    slope, offset, later = _platt(clean[:, 0], ~opening, urgent)
    p = _logistic(slope * clean[:, 0] + offset + later * ~opening)
    p_noisy = _logistic(slope * noisy[:, 0] + offset)
    alarming, calm = _most_of_calls(examples, p)
    emergency = max(
        _LEAST_EMERGENCY,
        _threshold(p[opening & ~urgent], FALSE_ALARMS),
        _threshold(p[hard], HARD_ALARMS),
        _threshold(calm, CALM_CALLS),
    )
    review = min(emergency, max(_threshold(p[opening & ~urgent], _REVIEWS), _LEAST_REVIEW))

    ends = 1 + len(model.codes)
    code = np.array([model.codes.index(e.code) if e.code and not e.later else -1 for e in examples])
    nature = np.array([model.natures.index(e.nature) if e.nature and not e.later else -1 for e in examples])
    sharpness = _sharpness(clean[code >= 0, 1:ends], code[code >= 0])
    first = opening[wrong]
    about: dict[str, Any] = {
        "data": data_hash(examples),
        "lines": len(examples),
        "features": len(model.vocabulary),
        "seed": seed,
        "cross_validated": {
            **_figures(p[opening], urgent[opening], hard[opening], emergency),
            "calls_raised": _share(alarming >= emergency),
            "calm_calls_raised": _share(calm >= emergency),
            "on_misheard": _figures(p_noisy[first], urgent[wrong][first], hard[wrong][first], emergency),
            **_tops(clean[:, 1:ends], code),
            "code_misheard": _tops(noisy[:, 1:ends], code[wrong])["code_top1"],
            "nature": _tops(clean[:, ends:], nature)["code_top1"],
            "calibration_error": _calibration(p, urgent),
        },
    }
    return replace(
        model, slope=slope, offset=offset, later=later, sharpness=sharpness,
        emergency=round(emergency, 4), review=round(review, 4), about=about,
    )  # fmt: skip


def _targets(examples: Sequence[Example], codes: tuple[str, ...], natures: tuple[str, ...]) -> tuple[Array, Array]:
    """What the margins shall be beside their mean, and that mean; where a label is not known, just the mean.

    A code is also partly the others of its group, which its number begins with, and those of its kind: a wrong one is
    then at least a near one, and lines of the whole group tell its codes from others.
    """
    made = np.full((len(examples), 1 + len(codes) + len(natures)), np.nan, np.float32)
    urgent = {e.code for e in examples if e.emergency}
    shown = {
        code: [
            (other == code) + _GROUP * (other[:-2] == code[:-2]) + _KIND * ((other in urgent) == (code in urgent))
            for other in codes
        ]
        for code in codes
    }
    nature_at = {nature: at for at, nature in enumerate(natures, 1 + len(codes))}
    for row, e in enumerate(examples):
        made[row, 0] = 1 if e.emergency else -1
        if e.code:
            made[row, 1 : 1 + len(codes)] = shown[e.code]
        if e.nature:
            made[row, 1 + len(codes) :] = 0
            made[row, nature_at[e.nature]] = 1
    mean: Array = np.nanmean(made, axis=0)
    return np.nan_to_num(made - mean, nan=0.0), mean


def _folds(groups: Sequence[str], seed: int) -> NDArray[np.intp]:
    """A fold for each example; a group stays together."""
    names = sorted(set(groups))
    shuffled = np.random.default_rng(seed).permutation(len(names))
    fold_of = {name: int(shuffled[i]) % FOLDS for i, name in enumerate(names)}
    return np.array([fold_of[g] for g in groups], np.intp)


def ridge(matrix: Any, wanted: Array, strength: float = STRENGTH) -> Array:
    """Weights W that make |XW − Y|² + strength·|W|² least within the block Krylov space of XXᵀ and Y, all targets
    together.

    With so many targets a few products span as much as a long run of conjugate gradients does for each by itself.
    """
    turned = matrix.T.tocsr()
    width = wanted.shape[1]
    space = np.linalg.qr(wanted)[0]
    image = matrix @ (turned @ space)
    while space.shape[1] < max(_BLOCKS * width, _LEAST_SPACE) and space.shape[1] + width <= len(wanted):
        further = image[:, -width:]
        for _ in range(2):  # once leaves rounding errors
            further = further - space @ (space.T @ further)
        block = np.linalg.qr(further)[0]
        space, image = np.hstack([space, block]), np.hstack([image, matrix @ (turned @ block)])
    system = (image.T @ image + strength * (space.T @ image)).astype(np.float64)
    found = np.linalg.lstsq(system, (image.T @ wanted).astype(np.float64), rcond=1e-7)[0]
    weights: Array = turned @ (space @ found.astype(np.float32))
    return weights


def _most_of_calls(examples: Sequence[Example], p: Array) -> tuple[Array, Array]:
    """The most alarming chance of each whole call: of emergencies, and of calm ones."""
    urgent = {e.group for e in examples if e.emergency}
    most: dict[str, float] = {}
    for example, chance in zip(examples, p, strict=True):
        if example.group.startswith(CALLS):
            most[example.group] = max(most.get(example.group, 0.0), float(chance))
    alarming, calm = (
        np.array([chance for group, chance in most.items() if (group in urgent) == kind], np.float32)
        for kind in (True, False)
    )
    return alarming, calm


def _logistic(x: NDArray[np.floating[Any]]) -> Array:
    made: Array = (1 / (1 + np.exp(-np.clip(x, -40, 40)))).astype(np.float32)
    return made


def _platt(margins: Array, later: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float, float]:
    """The logistic curve of greatest likelihood by Newton's steps: slope, offset, and what is added for ``later``."""
    design = np.stack([margins, np.ones_like(margins), later], 1).astype(np.float64)
    found = np.array([1.0, 0.0, 0.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ found, -40, 40)))
        slope = design.T @ (truth - p) - 1e-3 * found
        bend = design.T @ (design * (p * (1 - p))[:, None]) + 1e-3 * np.eye(3)
        found = found + np.linalg.solve(bend, slope)
    return float(found[0]), float(found[1]), min(0.0, float(found[2]))


def _sharpness(margins: Array, truth: NDArray[np.intp]) -> float:
    """The factor before the softmax that makes the true codes likeliest."""
    tried = np.geomspace(1, 40, 40)
    at = np.arange(len(truth))
    likely = [float(np.log(softmax(margins * s)[at, truth] + 1e-12).mean()) for s in tried]
    return float(tried[int(np.argmax(likely))])


def _share(of: NDArray[np.bool_]) -> float:
    return round(float(of.mean()), 4) if of.size else 0.0


def _threshold(p_service: Array, share: float) -> float:
    """The least threshold at which at most ``share`` of these service lines alarm."""
    if not len(p_service):
        return 0.0
    ordered = np.sort(p_service)[::-1]
    return float(np.nextafter(ordered[min(math.floor(share * len(ordered)), len(ordered) - 1)], np.float32(1)))


def _figures(p: Array, urgent: NDArray[np.bool_], hard: NDArray[np.bool_], threshold: float) -> dict[str, float]:
    at = {
        f"recall_at_{share:.0%}": float((p[urgent] >= _threshold(p[~urgent], share)).mean())
        for share in (0.02, 0.05, 0.1)
    }
    at["recall"] = float((p[urgent] >= threshold).mean())
    at["false_alarms"] = float((p[~urgent] >= threshold).mean())
    at["hard_alarmed"] = float((p[hard] >= threshold).mean()) if hard.any() else 0.0
    return {name: round(value, 4) for name, value in at.items()}


def _tops(margins: Array, truth: NDArray[np.intp]) -> dict[str, float]:
    """Shares right at once and among the best two, of the lines whose truth is known (not -1)."""
    known = truth >= 0
    if not known.any() or not margins.shape[1]:
        return {"code_top1": 0.0, "code_top2": 0.0}
    right = np.argsort(-margins[known], axis=1)[:, :2] == truth[known, None]
    return {"code_top1": round(float(right[:, 0].mean()), 4), "code_top2": round(float(right.any(1).mean()), 4)}


def _calibration(p: Array, urgent: NDArray[np.bool_]) -> float:
    """Expected calibration error, ten bins."""
    bins = np.minimum((p * 10).astype(int), 9)
    return round(float(sum(abs(p[bins == b].sum() - urgent[bins == b].sum()) for b in range(10)) / len(p)), 4)


def figures_on(model: Model) -> list[tuple[str, float]]:
    """The cross-validated figures of a model by name, for people."""
    figures = model.about["cross_validated"]
    return [
        (f"{name}, {inner}" if isinstance(value, dict) else name, float(number))
        for name, value in figures.items()
        for inner, number in (value.items() if isinstance(value, dict) else [("", value)])
    ]
