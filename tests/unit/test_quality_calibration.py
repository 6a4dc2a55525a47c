"""Agreement against worked examples and its own definition; intervals that cover; drift, its false alarms and finds."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.city_scorecards import Scorecard
from quality.calibration.agreement import ENOUGH, alpha, kappa
from quality.calibration.drift import LEAST, Week, drift
from quality.calibration.items import Scored, by_item, by_reviewer

_ = float("nan")
#: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units.
KRIPPENDORFF = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]).T  # fmt: skip


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_krippendorffs_example_with_gaps(level: str, value: float) -> None:
    got = alpha(KRIPPENDORFF, level)  # type: ignore[arg-type]
    assert got.value == pytest.approx(value, abs=0.0005)
    # Unit 12 has one rating: nobody can agree about it.
    assert (got.calls, got.too_few, got.low) == (11, True, None)


def test_alpha_of_krippendorffs_binary_example() -> None:
    """The same paper, section A: two observers, ten units."""
    one, other = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(np.array([one, other]).T, "nominal").value == pytest.approx(0.095, abs=0.0005)


def _expand(table: Sequence[Sequence[int]]) -> tuple[list[float], list[float]]:
    pairs = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _n in range(count)]
    return [float(i) for i, _j in pairs], [float(j) for _i, j in pairs]


def test_kappa_of_cohens_example() -> None:
    """Cohen, Psychol. Bull. 70 (1968), the example of 200 patients: unweighted kappa 0.492."""
    assert kappa(*_expand([[88, 14, 18], [10, 40, 10], [2, 6, 12]])).value == pytest.approx(0.492, abs=0.0005)


RATINGS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60)


@settings(deadline=None)
@given(RATINGS)
def test_quadratic_kappa_is_the_formula_of_means_and_covariance(pairs: list[tuple[int, int]]) -> None:
    """Fleiss and Cohen, Educ. Psychol. Meas. 33 (1973): 2 s₁₂ ÷ (s₁² + s₂² + (m₁ − m₂)²)."""
    x, y = (np.array([pair[side] for pair in pairs], dtype=float) for side in (0, 1))
    # Evenly spaced categories: every value between lowest and highest must occur for the two to be the same.
    values = set(x) | set(y)
    assume(len(values) > 1 and values == set(np.arange(min(values), max(values) + 1)))
    expected = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert kappa(list(x), list(y), "quadratic").value == pytest.approx(expected)


@settings(deadline=None)
@given(RATINGS)
def test_linear_kappa_is_its_definition(pairs: list[tuple[int, int]]) -> None:
    values = sorted({value for pair in pairs for value in pair})
    ranks = [(values.index(a), values.index(b)) for a, b in pairs]
    expected = sum(abs(a - b) for a, _b in ranks for _a, b in ranks) / len(ranks)
    assume(expected > 0)
    observed = sum(abs(a - b) for a, b in ranks)
    one, other = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    assert kappa(one, other, "linear").value == pytest.approx(1 - observed / expected)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3) | st.none(), min_size=3, max_size=3), min_size=1, max_size=15))
def test_alpha_is_its_definition_of_pairs(rows: list[list[int | None]]) -> None:
    """D_o: mean distance of two ratings of one call; D_e: of any two ratings at all."""
    known = [[value for value in row if value is not None] for row in rows]
    known = [row for row in known if len(row) > 1]
    every = [value for row in known for value in row]
    assume(len(set(every)) > 1)

    def middle(value: int) -> float:
        return sum(one < value for one in every) + every.count(value) / 2

    for level, distance in {
        "nominal": lambda a, b: float(a != b),
        "interval": lambda a, b: float((a - b) ** 2),
        "ordinal": lambda a, b: (middle(a) - middle(b)) ** 2,
    }.items():
        observed = sum(sum(distance(a, b) for a, b in permutations(row, 2)) / (len(row) - 1) for row in known)
        expected = sum(distance(a, b) for a, b in permutations(every, 2)) / (len(every) - 1)
        table = [[_ if value is None else value for value in row] for row in rows]
        assert alpha(table, level).value == pytest.approx(1 - observed / expected)  # type: ignore[arg-type]


def test_nothing_to_agree_about_has_no_coefficient() -> None:
    assert alpha([[1, 1]] * 50, "nominal").value is None
    assert kappa([1.0] * 50, [1.0] * 50).value is None
    assert kappa([1.0, _], [_, 1.0]).calls == 0
    assert alpha([], "nominal").value is None
    assert alpha([[1, _], [_, 2]], "ordinal").calls == 0


def _two_reviewers(chance: np.random.Generator, calls: int) -> list[list[float]]:
    truth = chance.random(calls) < 0.6
    both = [np.where(chance.random(calls) < 0.9, truth, ~truth) for _n in range(2)]
    return np.array(both, dtype=float).T.tolist()  # type: ignore[no-any-return]


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    chance = np.random.default_rng(7)
    # Each is right nine times in ten: they differ in 18 %, and say yes in 58 % of their ratings.
    truth = 1 - 0.18 / (2 * 0.58 * 0.42)
    inside = 0
    for _n in range(100):
        got = alpha(_two_reviewers(chance, 60), "nominal")
        assert got.low is not None and got.high is not None and not got.too_few
        inside += got.low <= truth <= got.high
    # Percentile intervals of a skewed figure are a little short.
    assert 0.88 <= inside / 100 <= 0.99


def test_an_interval_is_the_same_every_time_and_there_is_none_for_too_few() -> None:
    ratings = _two_reviewers(np.random.default_rng(1), ENOUGH)
    assert alpha(ratings, "nominal") == alpha(ratings, "nominal")
    few = alpha(ratings[:-1], "nominal")
    assert few.too_few and few.value is not None and few.low is None


# --- items and reviewers ------------------------------------------------------------------------------------------

CARD = Scorecard.model_validate({
    "key": "t", "version": 1, "name": "试", "name_en": "T", "kind": "service",
    "sections": [{"name": "一", "name_en": "One", "items": [
        {"key": "greeting", "name": "问候", "name_en": "Greeting", "weight": 50, "may_skip": True},
        {"key": "manner", "name": "态度", "name_en": "Manner", "weight": 50, "kind": "scale", "may_skip": True},
    ]}],
})  # fmt: skip


def test_each_item_and_each_reviewer_has_his_figures() -> None:
    chance = np.random.default_rng(3)
    scored = []
    for number in range(60):
        good, points = bool(chance.random() < 0.6), int(chance.integers(0, 6))
        for who in ("r1", "r2", "r3")[number % 2 :]:
            # r3 answers the greeting by throwing a coin.
            greeting = ("yes" if good else "no") if who != "r3" else ("yes" if chance.random() < 0.5 else "no")
            scored.append(Scored(f"c{number}", who, {"greeting": greeting, "manner": points}))
    greeting_item, manner = by_item(CARD, scored)
    assert manner.alpha.value == 1
    assert greeting_item.pairs["r1", "r2"].value == 1
    assert (greeting_item.pairs["r1", "r3"].value or 0) < 0.5
    assert greeting_item.pairs["r2", "r3"].calls == 60
    first, second, third = by_reviewer(CARD, scored)
    assert (first.calls, second.calls, third.calls) == (30, 60, 60)
    # The other two differ from the third alone, each in half of one of two items.
    assert third.different == pytest.approx(0.25, abs=0.08)
    assert second.different is not None and second.different < third.different


def test_not_applicable_is_an_answer_to_yes_or_no_and_a_gap_on_a_scale() -> None:
    scored = [
        Scored(f"c{n}", who, {"greeting": ("yes", "na")[n % 2], "manner": "na" if who == "r1" else 3})
        for n in range(10)
        for who in ("r1", "r2")
    ]
    greeting_item, manner = by_item(CARD, scored)
    assert (greeting_item.alpha.value, greeting_item.alpha.calls) == (1, 10)
    assert (manner.alpha.value, manner.alpha.calls, manner.pairs) == (None, 0, {})


# --- drift --------------------------------------------------------------------------------------------------------


def _scores(chance: np.random.Generator, count: int, shift: float = 0.0) -> list[float]:
    """As scores are: most near the top, a long way down, some failed, none beyond the ends."""
    usual = 100 - chance.gamma(1.5, 8, size=count) + shift
    return np.clip(np.where(chance.random(count) < 0.03, 0, usual), 0, 100).round(1).tolist()  # type: ignore[no-any-return]


def _year(chance: np.random.Generator, weeks: int, change_at: int = 1000, by: float = 0.0) -> list[Week]:
    """A reviewer who is 3 points milder than the others all along, and changes ``by`` so much."""
    return [
        Week(
            str(number),
            _scores(chance, int(chance.integers(4, 16)), 3 + (by if number >= change_at else 0)),
            _scores(chance, 40),
        )
        for number in range(weeks)
    ]


def test_false_alarms_are_as_rare_as_the_page_says() -> None:
    """docs/quality-review.md: one reviewer in twenty in half a year, with scores as skewed as these."""
    chance = np.random.default_rng(11)
    told = sum(drift(_year(chance, 26)).told is not None for _n in range(1500))
    assert told / 1500 < 0.07


def test_a_change_is_found_and_its_way_and_begin_told() -> None:
    chance = np.random.default_rng(12)
    found = [drift(_year(chance, 30, 14, -15)) for _n in range(300)]
    stricter = [one for one in found if one.told == "stricter"]
    assert len(stricter) > 0.85 * len(found)
    begins = sorted(int(one.since or 0) for one in stricter)
    assert begins[len(begins) // 2] in range(12, 17)
    milder = [drift(_year(chance, 30, 14, 25)).told for _n in range(100)]
    assert milder.count("milder") > milder.count("stricter")


def test_who_was_always_stricter_does_not_drift() -> None:
    weeks = [Week(str(n), [70 + n % 3] * 8, [90 + n % 2] * 40) for n in range(40)]
    got = drift(weeks)
    assert got.told is None and got.weeks[-1].difference < -15


def test_weeks_with_few_reviews_do_not_count_and_too_few_weeks_tell_nothing() -> None:
    few = [80.0] * (LEAST - 1)
    assert drift([Week("1", few, [80.0] * 9), Week("2", [80.0] * 9, few)]).weeks == ()
    got = drift([Week(str(n), [80.0] * 9, [80.0] * 9) for n in range(2)])
    assert got.too_few and got.told is None and [one.up for one in got.weeks] == [None, None]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.floats(0.2, 5))
def test_the_size_of_a_point_does_not_matter(seed: int, factor: float) -> None:
    weeks = _year(np.random.default_rng(seed), 15)
    scaled = [Week(w.name, [factor * s for s in w.own], [factor * s for s in w.others]) for w in weeks]
    one, other = drift(weeks), drift(scaled)
    assert [w.up for w in one.weeks[2:]] == pytest.approx([w.up for w in other.weeks[2:]])
    assert [w.down for w in one.weeks[2:]] == pytest.approx([w.down for w in other.weeks[2:]])
