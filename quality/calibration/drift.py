"""Whether a reviewer becomes stricter or milder than the others, week by week. Pure.

What is watched is the difference between his mean score of a week and the others' of the same week: calls get better or
worse for all of them alike. Somebody who was always stricter does not drift; what counts is a change.

Nobody knows a reviewer's usual difference beforehand. So each week is compared with his own weeks before it alone, by
the self-starting CUSUM of D. M. Hawkins (The Statistician 36, 1987): week n's standardised distance from the mean of
the n − 1 before it is put through the t distribution with n − 2 degrees of freedom into a standard normal U. While
nothing changes the U are independent, whatever his mean and spread are, and two sums watch them (E. S. Page, Biometrika
41, 1954):

    S⁺ₙ = max(0, S⁺ₙ₋₁ + Uₙ − k),   S⁻ₙ = max(0, S⁻ₙ₋₁ − Uₙ − k);   told where one of them is above h

A week with few reviews is noisier than others: differences are divided by √(1/n + 1/m), the numbers of his and the
others' reviews, before they are compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from scipy.special import ndtri, stdtr

#: Half of the change, in standard deviations of a week, that is to be found soonest.
K = 0.5
#: Above it drift is told. False alarms by simulation: ``tests/unit/test_quality_calibration.py``.
H = 5.0
#: Weeks before the first comparison: two give a spread, and one more to compare.
FIRST = 3
#: Fewer reviews in a week, his or the others', and the week does not count.
LEAST = 3
#: A wilder week counts as this much.
_MOST = 4.0


@dataclass(frozen=True)
class Week:
    """Scores of one week, 0 … 100."""

    #: Its Monday, or any name.
    name: str
    own: Sequence[float]
    others: Sequence[float]


@dataclass(frozen=True)
class Watched:
    """One week that counted. ``up``, ``down``: the two sums after it; None: too early to compare."""

    week: str
    #: His mean less the others', in points.
    difference: float
    up: float | None
    down: float | None


@dataclass(frozen=True)
class Drift:
    """``told``: which way he drifts since when; None: he does not, or ``too_few`` weeks count."""

    weeks: tuple[Watched, ...]
    told: Literal["milder", "stricter"] | None
    #: First week of the change, as the sum has it: the one after it was last nothing.
    since: str | None
    too_few: bool


def drift(weeks: Sequence[Week]) -> Drift:
    """Watch one reviewer; ``weeks`` in their order. Once drift is told the weeks after it change nothing of that."""
    watched: list[Watched] = []
    earlier: list[float] = []
    up = down = 0.0
    begin = {"milder": "", "stricter": ""}
    told: Literal["milder", "stricter"] | None = None
    since: str | None = None
    for week in weeks:
        if min(len(week.own), len(week.others)) < LEAST:
            continue
        difference = _mean(week.own) - _mean(week.others)
        scaled = difference / sqrt(1 / len(week.own) + 1 / len(week.others))
        if len(earlier) < FIRST - 1:
            watched.append(Watched(week.name, difference, None, None))
        else:
            score = _standard(scaled, earlier)
            begin["milder"] = begin["milder"] if up > 0 else week.name
            begin["stricter"] = begin["stricter"] if down > 0 else week.name
            up, down = max(0.0, up + score - K), max(0.0, down - score - K)
            watched.append(Watched(week.name, difference, up, down))
            if told is None and max(up, down) > H:
                told = "milder" if up > down else "stricter"
                since = begin[told]
        earlier.append(scaled)
    return Drift(tuple(watched), told, since, len(watched) < FIRST)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _standard(value: float, earlier: Sequence[float]) -> float:
    """``value`` as a standard normal, seen from the values before it."""
    count = len(earlier)
    mean = _mean(earlier)
    spread = sqrt(sum((one - mean) ** 2 for one in earlier) / (count - 1))
    if spread == 0:
        return 0.0 if value == mean else _MOST if value > mean else -_MOST
    distance = sqrt(count / (count + 1)) * (value - mean) / spread
    # From the nearer end, where a float still tells small chances apart.
    far = -float(ndtri(stdtr(count - 1, -abs(distance))))
    return min(far, _MOST) * (1 if distance > 0 else -1)
