"""Where two calls are: places said at different precision, crossings and roads, coordinates with their uncertainty."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from core.city import Community, Landmark, Town
from tests.unit.triage_support import small_city
from triage.incidents.account import Account, keys, wanted_keys
from triage.incidents.likeness import comparable, likeness
from triage.incidents.matters import load_matters
from triage.incidents.spots import Relation, Spot, relation
from triage.measure.weights import AGAINST, held_out, learn
from triage.places import Gazetteer

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Spot("安海镇", "", ""), Spot("安海镇", "安平社区", "夜市"), Relation(coarse=1.0)),
        (Spot("安海镇", "", ""), Spot("池店镇", "华洲村", ""), Relation(elsewhere=1.0)),
        (Spot("池店镇", "华洲村", "水果市场"), Spot("", "华洲村", "华洲水果市场"), Relation(spot=1.0, community=1.0)),
        (Spot("池店镇", "华洲村", "口"), Spot("池店镇", "华洲村", "市场"), Relation(community=1.0, other_spot=1.0)),
        (Spot("池店镇", "华洲村", ""), Spot("池店镇", "新店村", ""), Relation(elsewhere=1.0)),
        (Spot("", "", "世纪大道"), Spot("", "", "世纪大道与迎宾路交叉口"), Relation(road=1.0)),
        (Spot("", "", "迎宾路与世纪大道交叉口"), Spot("", "", "世纪大道与迎宾路交叉口"), Relation(spot=1.0)),
        (Spot("", "", "世纪大道与崇德路交叉口"), Spot("", "", "世纪大道与迎宾路交叉口"), Relation(elsewhere=1.0)),
        (Spot("", "", "五里工业园"), Spot("", "", "五里工业园电子厂"), Relation(spot=1.0)),
        (Spot("", "", "万达广场"), Spot("", "华洲村", ""), Relation()),
    ],
)
def test_places_are_related_whichever_comes_first(one: Spot, other: Spot, expected: Relation) -> None:
    assert relation(one, other) == relation(other, one) == expected


def call(call_id: str, text: str, code: str, place: str = "", **more: object) -> Account:
    made = Account(call_id=call_id, at=NOW, emergency=True, codes=((code, 0.9),), text=text, place=place)
    return replace(made, **more)  # type: ignore[arg-type]


def test_who_names_the_town_and_who_names_the_village_meet_though_they_tell_of_different_things() -> None:
    hurt = call("c1", "有人头上流血了", "E306", "安海镇", town="安海镇")
    brawl = call("c2", "一群人打起来了", "E505", "安海镇安平社区夜市", town="安海镇", community="安平社区")
    assert not set(keys(hurt)).isdisjoint(wanted_keys(brawl))
    assert comparable(hurt, brawl)


def test_a_second_place_counts_where_the_first_ones_differ() -> None:
    """One names where he stands and then where he sees it."""
    here = call(
        "c1", "着火了", "E103", "紫帽镇紫星村", town="紫帽镇", community="紫星村", others=(Spot("", "", "紫帽山"),)
    )
    there = call("c2", "山上烧起来了", "E103", "池店镇仕春村", town="池店镇", community="仕春村")
    seen = replace(there, others=(Spot("", "", "紫帽山"),))
    assert likeness(here, there) is None
    alike = likeness(here, seen)
    assert alike is not None and alike.grounds[0].about == "紫帽山"


def test_two_crossings_of_one_road_are_two_places() -> None:
    one = call("c1", "两车撞了", "E401", "世纪大道与崇德路交叉口")
    other = call("c2", "两车撞了", "E401", "世纪大道与迎宾路交叉口")
    same = likeness(one, replace(one, call_id="c3"))
    apart = likeness(one, other)
    assert same is not None and (apart is None or apart.probability < same.probability / 2)


def test_distance_counts_only_beyond_what_both_may_be_off() -> None:
    """A kilometre apart is nothing where a kilometre is the uncertainty, and much where both are exact."""
    here, there = (24.700, 118.500), (24.709, 118.500)
    exact = [call(c, "着火了", "E101", position=at, position_m=30.0) for c, at in (("c1", here), ("c2", there))]
    assert not comparable(*exact)
    close = replace(exact[1], position=(24.701, 118.500))
    assert comparable(exact[0], close)
    villages = [
        call(c, "着火了", "E101", f"池店镇{name}", town="池店镇", community=name, point=at, point_m=1000.0)
        for c, name, at in (("c1", "华洲村", here), ("c2", "华洲村", (24.760, 118.500)))
    ]
    near = replace(villages[1], point=there)
    far, good = likeness(*villages), likeness(villages[0], near)
    assert far is not None and good is not None
    assert far.probability < good.probability, "six kilometres are more than both may be off"


def test_a_place_takes_its_own_coordinates_else_those_of_what_it_lies_in() -> None:
    city = small_city().model_copy(
        update={
            "towns": (
                Town(
                    name="池店镇", lon=118.55, lat=24.85, approximate=True,
                    communities=(Community(name="华洲村", lon=118.56, lat=24.86), Community(name="新店村")),
                ),
                Town(name="安海镇"),
            ),
            "landmarks": (
                Landmark(name="华洲水果市场", town="池店镇", community="华洲村", kind="market"),
                Landmark(name="安平桥", town="安海镇", lon=118.444, lat=24.711),
            ),
        }
    )  # fmt: skip
    find = Gazetteer(city).find
    points = [(find(name)[0].point, find(name)[0].point_m) for name in ("池店镇", "新店村", "华洲水果市场", "安平桥")]
    assert points == [
        ((24.85, 118.55), 5000.0),
        ((24.85, 118.55), 5000.0),
        ((24.86, 118.56), 1000.0),
        ((24.711, 118.444), 200.0),
    ]
    assert find("安海镇")[0].point is None


def test_a_code_is_of_the_kinds_of_event_that_may_bring_it_about_and_of_its_own_group_else() -> None:
    matters = load_matters()
    assert {"fire", "blast"} <= set(matters.kinds("E101"))
    assert matters.kinds("S0901") == ("S09",)
    assert matters.akin_codes("E105", "E306") and not matters.akin_codes("S0901", "E101")


def test_weights_are_learned_with_their_sign_and_held_out_by_group() -> None:
    chance = np.random.default_rng(5)
    rows = chance.random((400, 3))
    same = (rows[:, 0] > 0.6).astype(float)
    names = ["words", "elsewhere", "time"]
    assert "elsewhere" in AGAINST
    weights = learn(rows, same, np.ones(400), names)
    assert weights[1] > 3 and weights[2] <= 0 <= weights[3]
    found = held_out(rows, same, np.ones(400), [str(n % 40) for n in range(400)], names)
    assert ((found >= 0.5) == same).mean() > 0.9
