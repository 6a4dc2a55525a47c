"""Shares with their intervals, recall at a given price, calibration, quantiles. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
#: Shares of false alarms at which recall is told.
FALSE_ALARM_LEVELS = (0.02, 0.05, 0.10)


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % Wilson interval."""

    hits: int
    of: int
    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:.3f} [{self.low:.3f}, {self.high:.3f}] ({self.hits}/{self.of})" if self.of else "–"


@dataclass(frozen=True)
class AtFalseAlarms:
    """Recall at the threshold that lets at most this share of service calls through."""

    false_alarms_at_most: float
    threshold: float
    recall: Rate


@dataclass(frozen=True)
class Found:
    """How well something is found that is not always there: what was given, and what should have been."""

    precision: Rate
    recall: Rate
    f1: float


@dataclass(frozen=True)
class Spread:
    """Median and upper quantiles of what was counted; all 0 of nothing."""

    of: int
    p50: float
    p90: float
    p95: float


def wilson(hits: int, of: int) -> Rate:
    """Share and 95 % Wilson score interval (Wilson 1927); 0 with [0, 1] for no trials."""
    if of == 0:
        return Rate(0, 0, 0.0, 0.0, 1.0)
    z, p = 1.96, hits / of
    centre = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return Rate(hits, of, round(p, 4), round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4))


def rate(of: Iterable[T], test: Callable[[T], bool]) -> Rate:
    """The share of those for which ``test`` holds."""
    met = [test(one) for one in of]
    return wilson(sum(met), len(met))


def by_key(of: Iterable[T], keys: Callable[[T], Iterable[str]], test: Callable[[T], bool]) -> dict[str, Rate]:
    """The share for each key (a code, a tag) by itself; one that has several counts for each."""
    groups: dict[str, list[T]] = defaultdict(list)
    for one in of:
        for key in keys(one):
            groups[key].append(one)
    return {key: rate(groups[key], test) for key in sorted(groups)}


def found(right: int, given: int, labelled: int) -> Found:
    """Precision, recall and their harmonic mean, from how many are right, were given, and are labelled."""
    f1 = 2 * right / (given + labelled) if given + labelled else 0.0
    return Found(wilson(right, given), wilson(right, labelled), round(f1, 4))


def at_false_alarms(level: float, urgent: Sequence[float], calm: Sequence[float]) -> AtFalseAlarms:
    """Recall at the lowest threshold at which at most ``level`` of the service calls alarm."""
    allowed = math.floor(level * len(calm))
    alarms = Counter(calm)
    threshold, so_far = 1.0, 0
    for p in sorted({*urgent, *calm}, reverse=True):
        so_far += alarms[p]
        if so_far > allowed:
            break
        threshold = p
    return AtFalseAlarms(level, threshold, wilson(sum(p >= threshold for p in urgent), len(urgent)))


def calibration_error(judged: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error of probabilities against what is true, ten bins of equal width."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for p, true in judged:
        bins[min(9, int(p * 10))].append((p, true))
    gap = sum(abs(sum(p for p, _ in b) - sum(true for _, true in b)) for b in bins.values())
    return round(gap / len(judged), 4) if judged else 0.0


def macro_f1(truth: Sequence[str], guessed: Sequence[str]) -> tuple[float, dict[str, float]]:
    """The mean over the classes of F1, and F1 of each class."""
    right = Counter(t for t, g in zip(truth, guessed, strict=True) if t == g)
    of, given = Counter(truth), Counter(guessed)
    by_class = {label: 2 * right[label] / (of[label] + given[label]) for label in sorted(of)}
    return sum(by_class.values()) / len(by_class) if by_class else 0.0, by_class


def spread(values: Iterable[float], digits: int = 3) -> Spread:
    """Nearest-rank quantiles."""
    ordered = sorted(values)

    def quantile(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], digits) if ordered else 0.0

    return Spread(len(ordered), quantile(0.5), quantile(0.9), quantile(0.95))
