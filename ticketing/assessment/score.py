"""From facts to figures, scores and ranks. Pure; a figure is always the number of its facts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.city_assessment import Grade, Measure, Weight
from core.collation import by_name
from ticketing.assessment.facts import Fact
from ticketing.assessment.measures import FORMULAS, Count, Subject

Counts = Mapping[Count, int]


@dataclass(frozen=True)
class Mark:
    """One measure of one subject, with everything its points were made of."""

    measure: Measure
    part: int
    whole: int
    weight: float
    #: Per cent that earn all points, and none.
    full: float
    zero: float
    #: Of ``weight``; None where there was nothing to measure.
    points: float | None

    @property
    def share(self) -> float | None:
        """In per cent."""
        return 100 * self.part / self.whole if self.whole else None


@dataclass(frozen=True)
class Row:
    """One department, town or call taker."""

    who: str
    name: str
    #: Key of the tier; empty: in none.
    tier: str
    counts: Counts
    marks: tuple[Mark, ...]
    #: 0..100 with two decimals; None where nothing could be measured.
    score: float | None
    #: Within its tier; None: not ranked.
    rank: int | None = None
    #: Index of the city's grade; None: not ranked.
    grade: int | None = None


@dataclass(frozen=True)
class Member:
    """Who is assessed at all, with cases or without."""

    who: str
    name: str
    tier: str


@dataclass(frozen=True)
class Tables:
    """All rows of one kind of subject, the best of each tier first, and what they add up to."""

    rows: tuple[Row, ...]
    total: Counts
    marks: tuple[Mark, ...] = field(default=())

    def of_tier(self, tier: str) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.tier == tier)

    def row(self, who: str) -> Row | None:
        return next((row for row in self.rows if row.who == who), None)


def tables(
    facts: Iterable[Fact], subject: Subject, members: Sequence[Member], weights: Sequence[Weight],
    grades: Sequence[Grade], minimum: int,
) -> Tables:  # fmt: skip
    """Figures, scores and ranks of every member, and of whoever else has facts (in no tier, so without rank)."""
    counts: dict[str, Counter[Count]] = {}
    for fact in facts:
        if fact.subject == subject:
            counts.setdefault(fact.who, Counter())[fact.kind] += 1
    total: Counter[Count] = Counter()
    for own in counts.values():
        total.update(own)
    known = {member.who: member for member in members}
    others = [Member(who, who, "") for who in counts if who not in known]
    rows = [_row(subject, member, counts.get(member.who, Counter()), weights) for member in (*members, *others)]
    tiers = list(dict.fromkeys(member.tier for member in members))
    ranked = [row for tier in tiers for row in _ranked([r for r in rows if r.tier == tier], grades, minimum)]
    left = [row for row in rows if row.tier not in tiers]
    return Tables((*ranked, *left), dict(total), marks(subject, total, weights))


def marks(subject: Subject, counts: Counts, weights: Sequence[Weight]) -> tuple[Mark, ...]:
    """Each weighted measure of these counts."""
    found = []
    for weight in weights:
        formula = FORMULAS[subject][weight.measure]
        part = sum(counts.get(count, 0) for count in formula.parts)
        whole = sum(counts.get(count, 0) for count in formula.whole)
        points = earned(100 * part / whole, weight) if whole else None
        found.append(Mark(weight.measure, part, whole, weight.weight, weight.full, weight.zero, points))
    return tuple(found)


def earned(share: float, weight: Weight) -> float:
    """Points of a share in per cent: all from ``full`` on, none up to ``zero``, in between in proportion."""
    along = (share - weight.zero) / (weight.full - weight.zero)
    return weight.weight * min(1.0, max(0.0, along))


def score(found: Sequence[Mark]) -> float | None:
    """Points in a hundred of the weights that could be measured; None where none could."""
    measured = [mark for mark in found if mark.points is not None]
    weight = sum(mark.weight for mark in measured)
    if not weight:
        return None
    return round(100 * sum(mark.points or 0.0 for mark in measured) / weight, 2)


def _row(subject: Subject, member: Member, counts: Counts, weights: Sequence[Weight]) -> Row:
    found = marks(subject, counts, weights)
    return Row(member.who, member.name, member.tier, dict(counts), found, score(found))


def _ranked(rows: Sequence[Row], grades: Sequence[Grade], minimum: int) -> list[Row]:
    """The rows of a tier by score, equal ones with the same rank, and behind them those that are not ranked."""
    fit = [row for row in rows if row.score is not None and row.counts.get("received", 0) >= minimum]
    fit.sort(key=lambda row: (-(row.score or 0), -row.counts.get("received", 0), by_name(row.name)))
    found: list[Row] = []
    for place, row in enumerate(fit, 1):
        same = bool(found) and found[-1].score == row.score
        rank = found[-1].rank if same else place
        grade = next((i for i, g in enumerate(grades) if (row.score or 0) >= g.at_least), None)
        found.append(Row(row.who, row.name, row.tier, row.counts, row.marks, row.score, rank, grade))
    rest = [row for row in rows if row not in fit]
    rest.sort(key=lambda row: (-row.counts.get("received", 0), by_name(row.name)))
    return [*found, *rest]
