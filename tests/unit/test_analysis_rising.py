"""What rises: the count model keeps to its stated rate, finds what grows, is not taken in by one loud caller."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from tests.unit.analysis_support import BEGIN, KIND, Made, fact, look
from ticketing.analysis.pattern import ALL
from ticketing.analysis.places import Spot
from ticketing.analysis.rising import Rising, budgets, folded, judge
from ticketing.analysis.tally import Cell, Pool, Tally, Window, tallies

#: The day after nine weeks, at seven.
END = BEGIN + timedelta(days=63, hours=7)


def drawn(chance: np.random.Generator, window: Window, restless: float) -> Tally:
    """A look at villages of known rates, past and present of the same law."""
    stretches = 8 if window == "week" else 56
    size, weight = chance.gamma(0.8, 1.0, (5, 6)), chance.dirichlet(np.full(4, 1.5))
    mean = np.repeat((400 / stretches * size[:, :, None] / size.sum() * weight)[None] * 8, stretches + 1, axis=0)
    if restless:
        mean = mean * chance.gamma(1 / restless, restless, mean.shape)
    calls = chance.poisson(mean)
    rows = [(Cell("group", code=f"S{g}"), Pool("group", ALL), calls[..., g].sum(axis=(1, 2))) for g in range(4)]
    for town, group in product(range(5), range(4)):
        own = calls[:, town, :, group]
        rows.append((Cell("town", f"{town}", code=f"S{group}"), Pool("town", f"S{group}"), own.sum(axis=1)))
        rows += [
            (Cell("community", f"{town}", f"{v}", code=f"S{group}"), Pool("community", f"S{group}"), own[:, v])
            for v in range(6)
        ]
    rows = [row for row in rows if row[2].any()]
    there = Counter(pool for _, pool, _ in rows)
    groups = [ALL, *(f"S{g}" for g in range(4))]
    share = np.full(stretches, 1 / stretches)
    return Tally(
        window, [row[0] for row in rows], [row[1] for row in rows], np.stack([row[2] for row in rows]).astype(float),
        dict.fromkeys(groups, 1 / stretches), dict.fromkeys(groups, share),
        {pool: 30 - count for pool, count in there.items() if pool.kind == "community"},
    )  # fmt: skip


@pytest.mark.parametrize("window", ["day", "week"])
@pytest.mark.parametrize("restless", [0.0, 0.3])
def test_looks_at_what_has_not_changed_find_no_more_than_they_state(window: Window, restless: float) -> None:
    chance = np.random.default_rng(1)
    judged = [judge(drawn(chance, window, restless), 0.5, least=4, rise=1.5) for _ in range(40)]
    stated = sum(one.false for one in judged)
    assert 10 < stated <= 20
    assert sum(len(one.rising) for one in judged) <= poisson.ppf(0.99, stated)


def test_a_month_without_change_warns_no_more_often_than_stated() -> None:
    """The whole way: weekdays, hours, days that overlap, one look a day."""
    made = Made(7, restless=0.2)
    facts, told = made.facts(64 + 28), 0
    last: dict[Cell, datetime] = {}
    for day in range(28):
        end = END + timedelta(days=day)
        for judged in look(facts, end, made, rate=2.0).values():
            for one in judged.rising:
                told += one.cell not in last or end - last[one.cell] > timedelta(days=7)
                last[one.cell] = end
    assert told <= poisson.ppf(0.99, 2.0 * 4)


def test_a_village_that_calls_three_times_as_often_is_found_within_a_week() -> None:
    calm = Made(11).facts(63)
    frequent, count = Counter((one.spot.town, one.spot.community, one.group) for one in calm).most_common(1)[0]
    assert count / 9 > 10
    where = (int(frequent[0][0]), int(frequent[1][2]), int(frequent[2][1]))
    made = Made(11, change={where: (63, 3.0)})
    found = look(made.facts(70), BEGIN + timedelta(days=70), made, rate=2.0)["week"].rising
    assert Cell("community", frequent[0], frequent[1], code=frequent[2]) in {one.cell for one in found}
    assert {one.cell.town for one in found if one.cell.town} == {frequent[0]}


def test_false_alarms_of_a_look_keep_to_its_budget_and_use_it() -> None:
    made = Made(3)
    for rate in (0.5, 2.0, 10.0):
        judged = look(made.facts(64), END, made, rate=rate)
        for window, budget in budgets(rate, 1).items():
            assert 0 < judged[window].false <= budget
            # Counts are whole: the next step of the level would be beyond it, but not far.
            assert judged[window].false > 0.5 * budget


def test_a_city_with_more_silent_villages_warns_later() -> None:
    made = Made(3)
    facts = made.facts(64)
    few = look(facts, END, made)["week"]
    many = look(facts, END, replace(made, villages=200))["week"]
    assert many.cells > few.cells
    assert many.level < few.level


def test_one_caller_who_rings_all_day_is_one_caller() -> None:
    made = Made(5)
    facts = made.facts(63)
    loud = [
        fact(
            10**6 + i, END - timedelta(minutes=20 * i + 1), caller="13800000000", spot=Spot("0镇", "0-5村"),
            group="S3", code="S301",
        )
        for i in range(40)
    ]  # fmt: skip
    many = [replace(one, caller=f"139{i:08d}") for i, one in enumerate(loud)]
    cell = Cell("community", "0镇", "0-5村", code="S3")

    def found(extra: list) -> set[Cell]:  # type: ignore[type-arg]
        return {one.cell for judged in look(facts + extra, END, made).values() for one in judged.rising}

    assert cell not in found(loud)
    assert cell in found(many)


def test_a_rise_of_the_whole_city_is_told_of_the_city_and_not_of_every_town() -> None:
    made = Made(8, daily=150)
    every = {(town, village, 0): (63, 4.0) for town in range(5) for village in range(6)}
    facts = replace(made, change=every).facts(70)
    found = look(facts, BEGIN + timedelta(days=70), made)["week"].rising
    kinds = [one.cell.kind for one in found if one.cell.code.startswith("S0")]
    assert "group" in kinds and "category" in kinds
    assert kinds.count("town") <= 1


def test_holidays_are_no_past_and_swapped_sundays_are_working_days() -> None:
    # 2025: 1 May was a holiday (Thursday), 27 April a Sunday on which offices worked.
    assert KIND(date(2025, 5, 1)) == (6, True)
    assert KIND(date(2025, 4, 27)) == (2, False)
    assert KIND(date(2025, 4, 20)) == (6, False)
    made = Made(2)
    end = BEGIN + timedelta(days=63 + 14)
    facts = made.facts(63 + 14)
    held = [one for one in facts if KIND(one.day)[1]]
    assert held
    hour = end.toordinal() * 24
    with_them = tallies(facts, hour, 8, KIND, made.places)["week"]
    without = tallies([one for one in facts if one not in held], hour, 8, KIND, made.places)["week"]
    rows = {cell: row for row, cell in enumerate(without.cells)}
    for row, cell in enumerate(with_them.cells):
        if cell in rows:
            assert (with_them.counts[row, 1:] == without.counts[rows[cell], 1:]).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), extra=st.integers(0, 60))
def test_more_callers_never_end_a_warning(seed: int, extra: int) -> None:
    """A cell that warns still warns when more people call about it; how improbable it is only grows."""
    made = Made(seed % 5, towns=2, villages=3, groups=2, daily=20)
    facts = made.facts(64)
    base = tallies(facts, END.toordinal() * 24 + 7, 8, KIND, made.places)["day"]
    more = base.counts.copy()
    row = next(i for i, cell in enumerate(base.cells) if cell.kind == "category")
    more[row, 0] += extra
    first = {one.cell: one for one in judge(base, 0.05, least=4, rise=1.5).rising}
    then = {one.cell: one for one in judge(replace(base, counts=more), 0.05, least=4, rise=1.5).rising}
    assert first.keys() <= then.keys()
    for cell, one in first.items():
        assert then[cell].chance <= one.chance * 1.000001


def test_every_warning_is_beyond_its_own_threshold_and_the_citys_minimum() -> None:
    every = {(town, village, 1): (56, 6.0) for town in range(5) for village in range(6)}
    made = Made(12, change=every)
    for judged in look(made.facts(64), END, made, least=6, rise=2.0).values():
        assert judged.rising
        for one in judged.rising:
            assert one.count >= one.threshold >= 6
            assert one.count >= 2.0 * one.usual
            assert one.series[0] == one.count
            assert one.chance <= judged.level


def test_the_spread_of_the_negative_binomial_is_that_of_its_docstring() -> None:
    mean, spread, callers = 3.0, 1.4, 12.0
    size = 1.0 / ((spread - 1.0) / mean + spread / callers)
    assert nbinom.var(size, size / (size + mean)) == pytest.approx(spread * mean + spread * mean**2 / callers)


def test_a_new_site_has_no_past_and_no_warnings() -> None:
    assert judge(tallies([], 10**6, 8, KIND, {"town": 3})["day"], 0.1, least=4, rise=1.5).rising == ()


def test_what_says_the_same_is_told_once_and_by_the_more_exact() -> None:
    town, village, word, other = (
        Cell("town", "甲镇", code="S4"), Cell("community", "甲镇", "乙村", code="S4"), Cell("word", word="打桩"),
        Cell("category", code="S101"),
    )  # fmt: skip

    def rising(cell: Cell, chance: float) -> Rising:
        return Rising(cell, "week", 9, 1.0, 5, chance)

    tickets = {
        town: frozenset("abcdefghij"), village: frozenset("abcdefgh"), word: frozenset("abcdefxy"),
        other: frozenset("uvwz"),
    }  # fmt: skip
    told = folded([rising(town, 1e-9), rising(village, 1e-8), rising(word, 1e-7), rising(other, 1e-6)], tickets)
    assert [(lead.cell, {one.cell for one in same}) for lead, same in told] == [(village, {town, word}), (other, set())]


def test_the_pattern_adds_up_to_one_past() -> None:
    made = Made(4)
    tally = tallies(made.facts(63), END.toordinal() * 24, 8, KIND, made.places)
    for one in tally.values():
        for shares in one.shares.values():
            assert np.isclose(shares.sum(), 1.0)
