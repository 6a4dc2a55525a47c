"""Places, words, clusters, repeat callers and what a brief keeps."""

import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cityfile import load_city
from core.earth import metres_between
from tests.unit.analysis_support import BEGIN, fact
from ticketing.analysis.brief import begins, figures, following, former, frozen, thawed, year_before
from ticketing.analysis.clusters import clusters, dense, heat, repeats
from ticketing.analysis.facts import Where, within
from ticketing.analysis.places import Placer, Spot
from ticketing.analysis.words import Cutter, hot_words, log_likelihood, shared

CITY = load_city(Path(__file__).parents[2] / "cities" / "jinjiang")


@pytest.mark.parametrize(
    ("text", "town", "community"),
    [
        ("池店镇华洲村", "池店镇", "华洲村"),
        ("华洲村三区", "池店镇", "华洲村"),
        ("池店华洲", "池店镇", "华洲村"),
        ("英林镇政府对面", "英林镇", ""),
        ("青阳街道阳光时代广场", "青阳街道", ""),
        ("陈埭镇鞋都路12号", "陈埭镇", ""),
        ("不详", "", ""),
        ("", "", ""),
    ],
)
def test_written_places_have_their_town_and_village(text: str, town: str, community: str) -> None:
    found = Placer(CITY).find(text)
    assert (found.town, found.community) == (town, community)


def test_words_of_a_summary_are_what_it_is_about() -> None:
    cut = Cutter({"华洲", "华洲村"})
    assert cut("华洲村的工地半夜还在施工，希望有关部门尽快处理") == {"工地", "施工"}
    assert cut("自来水停水") == {"自来水", "停水"}
    assert cut("138****0000 ABC") == frozenset()


def test_log_likelihood_is_zero_for_equal_shares_and_grows_with_the_difference() -> None:
    assert log_likelihood(10, 100, 20, 200) == pytest.approx(0.0)
    assert log_likelihood(20, 100, 20, 200) < log_likelihood(30, 100, 20, 200)
    assert log_likelihood(0, 0, 3, 10) == 0.0
    # Worked by hand: 10 of 100 against none of 100.
    assert log_likelihood(10, 100, 0, 100) == pytest.approx(
        2 * (10 * math.log(2) + 90 * math.log(90 / 95) + 100 * math.log(100 / 95))
    )


def test_hot_words_are_those_said_more_and_not_those_said_most() -> None:
    now = [fact(i, BEGIN, words=frozenset({"噪声", "停水"} if i < 20 else {"噪声"})) for i in range(50)]
    before = [fact(i, BEGIN, words=frozenset({"噪声"})) for i in range(50)]
    assert [hot.word for hot in hot_words(now, before)] == ["停水"]
    assert shared(now) == ["噪声", "停水"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(24.5, 24.52), st.floats(118.5, 118.52)), min_size=1, max_size=40))
def test_density_by_the_tree_is_that_of_the_haversine(points: list[tuple[float, float]]) -> None:
    callers = [str(i) for i in range(len(points))]
    labels = dense(np.asarray(points), callers, 300.0, 4)
    near = [
        {j for j, other in enumerate(points) if metres_between(p[1], p[0], other[1], other[0]) <= 300.0} for p in points
    ]
    for i, own in enumerate(near):
        if len(own) >= 4:
            assert labels[i] >= 0
            assert all(labels[j] >= 0 for j in own)
            assert all(labels[j] == labels[i] for j in own if len(near[j]) >= 4)
        elif labels[i] >= 0:
            assert any(labels[j] == labels[i] and len(near[j]) >= 4 for j in own)


def test_clusters_are_of_one_group_near_each_other_or_of_one_village() -> None:
    at = Spot("甲镇", "乙村", (24.7, 118.5))
    near = [fact(i, BEGIN, spot=at, words=frozenset({"打桩"})) for i in range(6)]
    far = [fact(10 + i, BEGIN, spot=Spot("甲镇", "丙村", (24.8 + i / 100, 118.5))) for i in range(6)]
    named = [fact(20 + i, BEGIN, group="S2", spot=Spot("甲镇", "丁村")) for i in range(5)]
    past = [fact(30 + i, BEGIN - timedelta(days=9), spot=at) for i in range(8)]
    first, second = clusters([*near, *far, *named], past, 8.0, near_m=300, near=5)
    assert {first.community, second.community} == {"丁村", "乙村"}
    of = first if first.community == "乙村" else second
    assert (of.callers, of.usual, of.words, of.middle) == (6, 1.0, ("打桩",), pytest.approx((24.7, 118.5)))
    same = [fact(40 + i, BEGIN, spot=at, caller="13800000000") for i in range(9)]
    assert clusters(same, [], 1.0, near_m=300, near=5) == []


def test_repeat_callers_and_hours() -> None:
    own = [fact(i, BEGIN + timedelta(hours=i), caller="13800000000", code=f"S10{1 + i // 2}") for i in range(3)]
    nobody = [fact(10 + i, BEGIN, caller="") for i in range(5)]
    (found,) = repeats([*own, *nobody], 3)
    assert (found.code, found.same, found.open, len(found.ids)) == ("S101", 2, 3, 3)
    counts = heat([*own, *nobody])
    assert counts[""][:4] == [6, 1, 1, 0] and sum(counts["S1"]) == 8


def test_periods_follow_each_other() -> None:
    assert begins("week", date(2026, 11, 22)) == date(2026, 11, 16)
    assert following("month", date(2026, 1, 1)) == date(2026, 2, 1)
    assert former("month", date(2026, 1, 1)) == date(2025, 12, 1)
    assert year_before("week", date(2026, 11, 16)).weekday() == 0
    assert year_before("month", date(2028, 2, 1)) == date(2027, 2, 1)


def test_figures_of_a_brief_are_those_of_its_frozen_tickets() -> None:
    due = BEGIN + timedelta(days=1)
    now = [
        fact(
            i, BEGIN + timedelta(hours=i), due_at=due, reported_at=due + timedelta(hours=i - 5) if i < 9 else None,
            satisfaction="satisfied" if i < 4 else "", state="closed" if i < 9 else "handling",
            spot=Spot("甲镇" if i % 2 else "乙镇"), words=frozenset({"停水"}), emergency=i == 3,
        )
        for i in range(12)
    ]  # fmt: skip
    at = BEGIN + timedelta(days=8)
    found = figures(now, now[:4], None, at, repeat_from=3, watched=lambda _: True)
    kept = thawed(frozen(now))
    assert [one.number for one in kept] == [one.number for one in now]
    for name in ("closed", "in_time", "late", "satisfied"):
        assert found[name] == len([one for one in kept if Where(outcome=name).has(one, at)])
    assert (found["in_time"], found["late"]) == (6, 6)
    town, count, _ = found["towns"][0]
    assert count == len(within(kept, Where(town=town))) == 6
    assert found["emergency"] == len(within(kept, Where(emergency=True))) == 1
    assert all(one.caller == "" for one in kept), "numbers of callers are not kept in a brief"
