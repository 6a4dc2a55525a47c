"""Figures of quality, and who is ranked by them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.city_scorecards import Scorecard, ScoreItem

#: What the rows of a report are of.
By = Literal["agent", "desk", "line", "category"]


@dataclass(frozen=True)
class Reviewed:
    """Published reviews of one row. ``total``, ``median``: in points, 0 … 100; of the ``count`` that have points."""

    count: int = 0
    total: float = 0.0
    median: float | None = None
    passed: int = 0
    #: Reviews in which an auto-fail item was answered no.
    failed: int = 0

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(frozen=True)
class Row:
    """One row: ``calls`` answered, ``checked`` of them by the automatic checks, with the calls of each violation."""

    key: str
    calls: int = 0
    checked: int = 0
    violations: Mapping[str, int] = field(default_factory=dict)
    reviewed: Reviewed = field(default_factory=Reviewed)

    def per_hundred(self, label: str) -> float | None:
        """Calls with this violation of a hundred that were checked."""
        return 100 * self.violations.get(label, 0) / self.checked if self.checked else None


@dataclass(frozen=True)
class Table:
    """``labels``: violations that occurred, the most frequent first."""

    by: By
    rows: Sequence[Row]
    total: Row
    labels: Sequence[str]
    #: A figure of fewer reviews is grey and ranked by nobody.
    minimum: int

    def few(self, row: Row) -> bool:
        return row.reviewed.count < self.minimum

    def ranks(self) -> dict[str, int]:
        """By mean, the highest first, equal means equal ranks; rows of few reviews have none."""
        ranked = [(row.reviewed.mean, row.key) for row in self.rows if not self.few(row)]
        means = sorted((round(mean, 9) for mean, _ in ranked if mean is not None), reverse=True)
        return {key: means.index(round(mean, 9)) + 1 for mean, key in ranked if mean is not None}


@dataclass(frozen=True)
class ItemRow:
    """One item of one card in all reviews: how often each answer was given.

    ``failed``, ``judged``: calls in which the automatic check that belongs to it said fail, and in which it judged;
    None where no check does.
    """

    card_hash: str
    card: Scorecard
    item: ScoreItem
    answers: Mapping[str, int]
    failed: int | None = None
    judged: int | None = None

    @property
    def applied(self) -> int:
        """Reviews in which the item applied."""
        return sum(count for answer, count in self.answers.items() if answer != "na")

    @property
    def share(self) -> float | None:
        """Of 100: answered yes; of a scale what was reached of the most."""
        if not self.applied:
            return None
        if self.item.kind == "scale":
            got = sum(int(answer) * count for answer, count in self.answers.items() if answer != "na")
            return 100 * got / (self.item.top * self.applied)
        return 100 * self.answers.get("yes", 0) / self.applied
