"""What rises against its own past: a count model whose false alarms add up to a rate that is stated. Pure.

**Model.** A cell's callers in a window are gamma-Poisson. What the past of eight weeks has of it, the share of the past
that such a window has (weekday, hour, holidays: :mod:`ticketing.analysis.pattern`), and the other cells of its pool (an
empirical Bayes prior, by which a village that never called is judged by villages) give the mean ``m``; with an
over-dispersion ``φ`` the next count is negative binomial with variance ``φ m + φ m² / (n + a)``: the second term is
what ``n`` callers of the past leave unknown of the mean.

**Threshold.** Every cell's tail is exact and discrete. One level α is common to all; each cell warns from the least
count whose tail is at most α, that reaches the city's minimum and its least rise. What these tails add up to is the
number of false alarms that a look has on average, whichever cells hang together (expectation is linear), and α is the
largest with which it keeps to the look's part of the city's rate. That is why neither Bonferroni is used (thousands of
villages that cannot reach the minimum would count) nor Benjamini–Hochberg (its rate is one of true warnings among all,
not one per week).

**Looks.** The days of a week are seven tests; several looks at overlapping 24 hours are that many. Windows of seven
days are counted once a day: the looks of one day see nearly the same.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

from ticketing.analysis.pattern import ALL
from ticketing.analysis.tally import Cell, Kind, Pool, Tally, Window, group_of

Floats = NDArray[np.float64]
#: A cell's own over-dispersion counts from so many stretches of the past on as much as its pool's.
_STRETCHES_LIKE = 16.0
#: Cells with fewer callers in the past have no over-dispersion of their own.
_OWN_FROM = 5.0
#: Stretches that a warning shows.
_DRAWN = 15
#: With fewer days of the past than this nothing is judged.
LEAST_DAYS = 28


@dataclass(frozen=True)
class Rising:
    """One count beyond what its past explains."""

    cell: Cell
    window: Window
    count: int
    #: What is usual in such a window, and from how many on it warns.
    usual: float
    threshold: int
    #: How probable so many are, where nothing has changed.
    chance: float
    #: Callers of the window and of the stretches of the past before it, the latest first.
    series: tuple[int, ...] = ()

    @property
    def factor(self) -> float:
        """How many times the usual; at most 99."""
        return min(99.0, self.count / max(self.usual, 1e-9))


@dataclass(frozen=True)
class Judged:
    """One look at one window."""

    rising: Sequence[Rising]
    #: Cells that were looked at, silent ones too; false alarms that this look has on average; the common level.
    cells: int
    false: float
    level: float


def budgets(false_per_week: float, looks_per_day: int) -> dict[Window, float]:
    """False alarms that one look may have on average, by window."""
    return {"day": false_per_week / 2 / 7 / looks_per_day, "week": false_per_week / 2 / 7}


def judge(tally: Tally, budget: float, *, least: int, rise: float) -> Judged:
    """The cells that warn, the least probable first."""
    if not tally.cells:
        return Judged((), 0, 0.0, 0.0)
    mean, size = _predicted(tally)
    now = tally.counts[:, 0]
    quiet_mean, quiet_size, quiet = _silent_rows(tally)
    means, sizes = np.concatenate([mean, quiet_mean]), np.concatenate([size, quiet_size])
    weights = np.concatenate([np.ones(len(mean)), quiet])
    # Thousands of villages are alike: each kind of tail is computed once.
    rows, inverse = np.unique(np.round(np.log(np.stack([means, sizes])), 3), axis=1, return_inverse=True)
    many: Floats = np.bincount(inverse.ravel(), weights=weights).astype(np.float64)
    mean_of, size_of = np.exp(rows)
    level, threshold = _level(mean_of, size_of, many, budget, least, rise)
    false = float((many * _tail(threshold, mean_of, size_of)).sum())
    own = threshold[inverse.ravel()[: len(mean)]]
    found = [
        Rising(
            tally.cells[row], tally.window, int(now[row]), float(mean[row]), int(own[row]),
            float(_tail(now[row : row + 1], mean[row : row + 1], size[row : row + 1])[0]),
            tuple(map(int, tally.counts[row, :_DRAWN])),
        )
        for row in map(int, np.flatnonzero(now >= own))
    ]  # fmt: skip
    found.sort(key=lambda one: (one.chance, one.cell))
    return Judged(found, int(weights.sum()), false, level)


# --- what is expected -------------------------------------------------------------------------------------------------


def _predicted(tally: Tally) -> tuple[Floats, Floats]:
    """Mean and size of each cell's next count."""
    past = tally.counts[:, 1:]
    total = past.sum(axis=1)
    groups = [group_of(cell, tally.expected) for cell in tally.cells]
    window = np.asarray([tally.expected[group] for group in groups])
    shape, known = _priors(tally, total)
    spread = _spread(tally, past, groups)
    mean = window * (total + shape) / (1.0 + known) * _with_the_city(tally, total, window, groups)
    return mean, _size(mean, spread, total + shape)


def _size(mean: Floats, spread: Floats, callers: Floats) -> Floats:
    """Of the negative binomial with variance ``φ m + φ m² / callers``."""
    return np.asarray(1.0 / ((spread - 1.0) / mean + spread / callers), dtype=np.float64)


def _members(tally: Tally) -> dict[Pool, list[int]]:
    members: dict[Pool, list[int]] = defaultdict(list)
    for row, pool in enumerate(tally.pools):
        members[pool].append(row)
    return members


def _prior(total: Floats, silent: int) -> tuple[float, float]:
    """Shape and weight (in whole pasts) of a pool's gamma prior, by moments over its cells, the silent ones too."""
    count = len(total) + silent
    mean = float(total.sum()) / count
    if mean <= 0:
        return 0.5, 0.5 * count
    spread = float((total**2).sum()) / count - mean**2
    shape = min(50.0, max(0.05, mean**2 / max(spread - mean, 1e-9)))
    return shape, shape / mean


def _priors(tally: Tally, total: Floats) -> tuple[Floats, Floats]:
    shape, known = np.full(len(total), 0.5), np.zeros(len(total))
    for pool, rows in _members(tally).items():
        if pool.kind in ("group", "category"):
            # Nothing to learn from each other: Jeffreys' prior.
            known[rows] = 0.5 / max(float(total[rows].mean()), 0.5)
        else:
            shape[rows], known[rows] = _prior(total[rows], tally.silent.get(pool, 0))
    return shape, known


def _spread(tally: Tally, past: Floats, groups: Sequence[str]) -> Floats:
    """Over-dispersion φ ≥ 1: the greater of what the pool has and what the cell's own past, drawn to it, has.

    ``Σ (x - n s)² / n (1 - Σ s²)`` is 1 on average where ``n`` callers come independently in shares ``s``.
    """
    total = past.sum(axis=1)
    shares = np.stack([tally.shares[group] for group in groups])
    over = ((past - total[:, None] * shares) ** 2).sum(axis=1)
    under = total * (1.0 - (shares**2).sum(axis=1))
    spread = np.ones(len(total))
    stretches = past.shape[1]
    for rows in _members(tally).values():
        base = float(under[rows].sum())
        pool = max(1.0, float(over[rows].sum()) / base) if base > 0 else 1.0
        own = np.where(total[rows] >= _OWN_FROM, over[rows] / np.maximum(under[rows], 1e-9), pool)
        drawn = (_STRETCHES_LIKE * pool + stretches * own) / (_STRETCHES_LIKE + stretches)
        spread[rows] = np.maximum(pool, drawn)
    return spread


def _with_the_city(tally: Tally, total: Floats, window: Floats, groups: Sequence[str]) -> Floats:
    """What the rest of the city rises by in the same group, at least 1: in a typhoon a town warns that rises more."""
    city = {cell.code: row for row, cell in enumerate(tally.cells) if cell.kind == "group"}
    factor = np.ones(len(total))
    for row, cell in enumerate(tally.cells):
        whole = city.get(cell.code) if cell.kind in ("town", "community") else None
        if whole is None:
            continue
        usual = (total[whole] - total[row]) * window[row]
        rest = tally.counts[whole, 0] - tally.counts[row, 0]
        # By more than chance has it: else every second town would be judged by its neighbours' luck.
        if usual >= 5 and rest > usual + 3 * math.sqrt(usual):
            factor[row] = rest / usual
    return factor


def _silent_rows(tally: Tally) -> tuple[Floats, Floats, Floats]:
    """Mean, size and number of cells that nobody has called about."""
    total = tally.counts[:, 1:].sum(axis=1)
    members, found = _members(tally), []
    for pool, silent in tally.silent.items():
        if silent:
            shape, known = _prior(total[members[pool]], silent)
            window = tally.expected.get(pool.group, tally.expected[ALL])
            found.append((window * shape / (1.0 + known), shape, float(silent)))
    if not found:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    mean, size, many = (np.asarray(column, dtype=np.float64) for column in zip(*found, strict=True))
    return mean, size, many


# --- from how many on -------------------------------------------------------------------------------------------------


def _tail(count: Floats, mean: Floats, size: Floats) -> Floats:
    """How probable ``count`` and more are."""
    return np.asarray(nbinom.sf(count - 1, size, size / (size + mean)), dtype=np.float64)


def _from(level: float, mean: Floats, size: Floats, least: int, rise: float) -> Floats:
    """The least count of each cell whose tail is at most ``level``, and that is enough for the city."""
    exact = nbinom.isf(level, size, size / (size + mean)) + 1
    return np.asarray(np.maximum(np.maximum(exact, least), np.ceil(rise * mean)), dtype=np.float64)


def _level(mean: Floats, size: Floats, many: Floats, budget: float, least: int, rise: float) -> tuple[float, Floats]:
    """The largest common level at which the tails add up to no more than ``budget``, and each cell's count there."""
    low, high = math.log(1e-12), math.log(0.05)
    best = _from(math.exp(low), mean, size, least, rise)
    for _ in range(24):
        middle = (low + high) / 2
        count = _from(math.exp(middle), mean, size, least, rise)
        if float((many * _tail(count, mean, size)).sum()) <= budget:
            low, best = middle, count
        else:
            high = middle
    return math.exp(low), best


# --- one matter, one warning ------------------------------------------------------------------------------------------

#: The more exact kinds first: what a village, a category, a word tells more than the city.
_EXACT: Mapping[Kind, int] = {"community": 0, "town": 1, "category": 2, "group": 3, "word": 4}


def folded(rising: Sequence[Rising], tickets: Mapping[Cell, frozenset[str]]) -> list[tuple[Rising, list[Rising]]]:
    """Those that are told of, each with those that say the same: at least half of whose tickets are the other's.

    ``tickets``: ids of the window's tickets, by cell. The most improbable leads; a more exact one that has half of the
    leader's own tickets takes its place, for it says where.
    """
    told: list[tuple[Rising, list[Rising]]] = []
    for one in sorted(rising, key=lambda r: (r.chance, _EXACT[r.cell.kind], r.cell)):
        mine = tickets[one.cell]
        for place, (lead, same) in enumerate(told):
            theirs = tickets[lead.cell]
            both = len(mine & theirs)
            if 2 * both >= min(len(mine), len(theirs)):
                if 2 * both >= len(theirs) and _EXACT[one.cell.kind] < _EXACT[lead.cell.kind]:
                    told[place] = (one, [lead, *same])
                else:
                    same.append(one)
                break
        else:
            told.append((one, []))
    return told
