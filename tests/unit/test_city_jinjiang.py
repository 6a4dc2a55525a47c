"""The example city holds what the product promises."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from core.city import City
from core.cityfile import load_city

FOLDER = Path(__file__).parents[2] / "cities" / "jinjiang"


@pytest.fixture(scope="module")
def city() -> City:
    return load_city(FOLDER)


def test_profile(city: City) -> None:
    profile = city.profile
    assert (profile.code, profile.name, profile.area_code, profile.ticket_prefix) == ("350582", "晋江市", "0595", "JJ")


def test_all_towns_and_communities(city: City) -> None:
    ends = Counter("镇" if t.name.endswith("镇") else "街道" if t.name.endswith("街道") else "园区" for t in city.towns)
    assert ends == {"镇": 13, "街道": 6, "园区": 3}
    communities = list(itertools.chain.from_iterable(t.communities for t in city.towns))
    assert len(communities) == 405
    for town in city.towns:
        assert len(town.code) == 9
        assert town.code.startswith(city.profile.code)
        assert all(len(c.code) == 12 and c.code.startswith(town.code) for c in town.communities)
        assert not any(c.name.endswith(("委会", "委员会")) for c in town.communities)


def test_every_town_has_its_government(city: City) -> None:
    governments = [d for d in city.departments if d.kind == "town"]
    assert len(governments) == 22
    assert [next(t.name for t in city.towns if t.name in d.aliases) for d in governments] == [
        t.name for t in city.towns
    ]


def test_lines(city: City) -> None:
    assert {x.number for x in city.lines if x.kind == "emergency"} == {"110", "119", "120", "122", "12395"}
    assert len(city.lines) >= 26
    promised = "12345 12315 12333 12369 12348 12328 12319 12313 12318 12320 12329 12331 12350 12355 12338 12356 12366"
    for number in [*promised.split(), "12393", "96110", "95598", "12122"]:
        line = city.line(number)
        assert line is not None, number
        assert line.kind == "service"
        assert 10 <= line.priority <= 30
        assert "录音" in line.greeting, f"{number} does not say that the call is recorded"


@pytest.mark.parametrize(
    ("said", "number"),
    [("供电", "95598"), ("供水", "059568585858"), ("燃气", "95158"), ("心理援助", "12356"), ("110", "110")],
)
def test_lines_go_by_the_names_that_people_use(city: City, said: str, number: str) -> None:
    line = city.line_called(said)
    assert line is not None
    assert line.number == number


def test_desks(city: City) -> None:
    kinds = {d.extension: d.kind for d in city.desks}
    assert [kinds[str(n)] for n in range(1001, 1007)] == ["browser"] * 6
    assert kinds["1007"] == "phone"
    robots = [d for d in city.desks if d.kind == "robot"]
    assert {(d.extension, d.penalty) for d in robots} == {(str(n), 50) for n in range(1901, 1907)}
    assert min(d.penalty for d in robots) > max(d.penalty for d in city.desks if d.kind != "robot")
    assert [d.extension for d in city.desks if not d.in_queue] == ["1009"]
    # The six desks of people take both kinds of call, whoever comes first in the morning.
    assert all({"emergency", "service"} <= set(city.desk(str(n)).groups) for n in range(1001, 1007))  # type: ignore[union-attr]


def test_every_group_is_answered(city: City) -> None:
    served = {key for d in city.desks if d.kind == "browser" for key in d.groups}
    assert {g.key for g in city.groups} == served
    assert {g.key: g.overflow for g in city.groups if g.overflow} == {
        "service": ("emergency",), "minnan": ("service",), "english": ("service",)
    }  # fmt: skip
    linkage = {g.key: g.hotkey for g in city.groups if g.linkage}
    assert linkage == {"medical": "1", "fire": "2", "traffic": "3"}
    # A centre that is called in has a desk with a login, and that desk answers no line.
    for key in linkage:
        desks = [d for d in city.desks if key in d.groups]
        assert [d.groups for d in desks] == [(key,)]
        assert [p.role for p in city.people if p.extension == desks[0].extension] == ["agent"]


def test_modes(city: City) -> None:
    assert [m.key for m in city.modes] == ["normal", "night", "typhoon"]
    assert not city.modes[0].announcement and not city.modes[0].groups
    assert all(m.announcement for m in city.modes[1:])
    assert city.mode("night").groups == {"service": "emergency"}


def test_matters_go_both_ways_and_an_emergency_never_becomes_a_service_call_by_its_name(city: City) -> None:
    ways = Counter((m.source, m.target) for m in city.matters)
    assert ways["110", "12345"] >= 12 and ways["12345", "110"] >= 12
    for other in ("119", "120", "122"):
        assert ways[other, "12345"] and ways["12345", other]
    assert all(any("\u4e00" <= c <= "\u9fff" for c in m.name) and m.name_en.isascii() for m in city.matters)


#: Group → how many classes it has, numbered from 1.
SIZES = {"E1": 6, "E2": 7, "E3": 10, "E4": 5, "E5": 9, "E6": 6, "S01": 8, "S02": 5, "S03": 4, "S04": 4, "S05": 4,
         "S06": 4, "S07": 4, "S08": 4, "S09": 3, "S10": 3, "S11": 2, "S12": 2, "X": 5}  # fmt: skip


def test_taxonomy(city: City) -> None:
    codes = {g.code: [c.code for c in g.categories] for g in city.taxonomy}
    assert codes == {g: [f"{g}{n:02}" for n in range(1, size + 1)] for g, size in SIZES.items()}
    assert all(g.emergency == g.code.startswith("E") for g in city.taxonomy)
    due = {c.code: c.due_hours for g in city.taxonomy for c in g.categories}
    assert {hours for code, hours in due.items() if code.startswith("E")} == {2}
    assert [due[code] for code in ("S0104", "S0105", "S0106")] == [24, 24, 24]
    assert set(due.values()) == {2, 24, 168, 360}


def test_logins(city: City) -> None:
    roles = Counter(p.role for p in city.people)
    assert roles["agent"] == 7
    assert roles["supervisor"] == 1
    served = {p.department for p in city.people if p.role == "department"}
    mains = {"police", "fire", "medical", "traffic_police", "urban_management", "water", "power", "gas", "centre"}
    assert mains <= served


def test_landmarks(city: City) -> None:
    assert len(city.landmarks) >= 60
    names = {m.name for m in city.landmarks}
    assert {"世纪大道", "晋江万达广场", "泉州晋江国际机场", "五店市", "安平桥", "龙山寺", "晋江市医院"} <= names
