"""Levels of a city as files: jinjiang's own, a city without them, and what is refused with its line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.city import Derived
from core.city_levels import LEVELS
from core.cityfile import load_city
from core.errors import CityFileError
from core.romanise import department_english
from ticketing.assign.levels import above, starts_with
from ticketing.grids import Grids

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"
CITY = load_city(JINJIANG)
RULES = "rules:\n  - {codes: [S0201, S0202], start: town, up_after: 3}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(JINJIANG, tmp_path / "city"))


def test_every_town_of_jinjiang_has_its_office_and_every_community_its_town():
    assert all(CITY.department_of_town(town.name) for town in CITY.towns)
    assert len(CITY.communities) == sum(len(town.communities) for town in CITY.towns)
    assert all(CITY.department(key).parent for key in CITY.communities)
    assert not {d.id for d in CITY.departments} & CITY.communities.keys()


def test_every_grid_stands_below_its_community_or_town():
    assert CITY.grid_departments.keys() == {f"grid_{grid.key}" for grid in CITY.dispatch.grids}
    first = CITY.department("grid_qingyang-1")
    assert first and (first.at_level, first.parent, first.derived) == ("grid", "town_qingyang", True)
    assert CITY.level_of("grid_qingyang-1") == "grid" and CITY.level_of("nobody") == "district"


@pytest.mark.parametrize(
    ("name", "name_en"),
    [
        ("青新社区", "Qingxin Community"), ("华洲村", "Huazhou Village"), ("绿洲村", "Lüzhou Village"),
        ("青阳1号网格", "Qingyang1hao Grid"), ("青阳2号网格", "Qingyang2hao Grid"), ("村", "Cun"),
    ],
)  # fmt: skip
def test_a_derived_departments_english_name_is_its_pinyin_and_kind(name: str, name_en: str) -> None:
    made = Derived(id="community_1", name=f"青阳街道{name}", name_en=name, kind="town", level="community", parent="")
    assert department_english(made) == name_en


def test_no_department_of_jinjiang_has_a_chinese_name_in_english() -> None:
    every = [*CITY.departments, *CITY.derived.values()]
    named = {d.id: department_english(d) for d in every}
    assert len(named) > 400 and all(name.isascii() or "ü" in name for name in named.values())
    assert not any("\u4e00" <= c <= "\u9fff" for name in named.values() for c in name)
    assert all(named[d.id] == d.name_en for d in CITY.departments), "what a file says holds"


def test_the_citys_models_load_without_the_tables_of_pinyin() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, core.cityfile; print('pypinyin' in sys.modules)"],
        check=True, capture_output=True, text=True, cwd=JINJIANG.parents[1],
    )  # fmt: skip
    assert said.stdout.strip() == "False"


def test_who_acts_for_whom_never_sideways_nor_upward():
    every = {d.id: d for d in (*CITY.departments, *CITY.derived.values())}
    assert "community_350582001008" in CITY.below("town_qingyang") and "grid_qingyang-1" in CITY.below("town_qingyang")
    assert CITY.below("community_350582001008") == CITY.below("grid_qingyang-1") == frozenset()
    assert CITY.below("urban_management") == CITY.below("police") == CITY.below("") == frozenset()
    for key in every:
        for other in CITY.below(key):
            assert LEVELS.index(every[other].at_level) > LEVELS.index(every[key].at_level) > 0
    owners = [key for key in every if "community_350582001008" in CITY.below(key)]
    assert owners == ["town_qingyang"]


def test_small_matters_of_jinjiang_begin_in_the_village_or_its_grid():
    grids, village = Grids(CITY.dispatch.grids), "community_350582001008"
    assert starts_with(CITY, "S0202", "青阳街道陈村社区", grids) == village
    assert starts_with(CITY, "S0202", "青阳街道某路", grids) == "town_qingyang"
    assert starts_with(CITY, "S0202", "青阳街道某路", grids, (118.547, 24.777)) == "grid_qingyang-1"
    assert starts_with(CITY, "S0202", "", grids, (118.547, 24.777)) == "grid_qingyang-1"
    assert starts_with(CITY, "S0202", "池店镇某路", grids, (118.547, 24.777)) == "town_chidian", "name and point differ"
    assert starts_with(CITY, "S0401", "青阳街道陈村社区", grids, (118.547, 24.777)) == village, "its rule: the village"
    assert starts_with(CITY, "S0202", "五店市旁", grids) != "grid_qingyang-1", "a point not surveyed tells no grid"
    assert starts_with(CITY, "S0202", "", grids) == ""
    assert starts_with(CITY, "S0104", "青阳街道陈村社区") == ""
    assert above(CITY, "town_qingyang", "S0202") == "urban_management"


def test_a_city_without_the_file_has_no_levels(folder: Path):
    (folder / "levels.yaml").unlink()
    city = load_city(folder)
    assert city.levels.rules == ()
    assert city.levels.refusal_limit == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULES.replace("S0202", "S0299"), 'levels.yaml:2: code "S0299" is not known'),
        (RULES.replace("S0202", "S0201"), 'levels.yaml:2: code "S0201" has a rule on line 2 too'),
        (RULES.replace("3", "1.5"), "up_after is 1.5 working days, expected a whole number"),
        (RULES.replace("town", "district"), "levels.yaml:2: start is"),
        (RULES + "refusal_limit: 0\n", "levels.yaml:3: refusal_limit is"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder: Path, text: str, message: str):
    (folder / "levels.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CityFileError) as refused:
        load_city(folder)
    assert message in str(refused.value)


def test_what_goes_up_must_arrive(folder: Path):
    file = folder / "departments.yaml"
    more = "- {id: sub, name: 分局, name_en: Sub, kind: bureau, parent: town_qingyang}\n"
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(CityFileError, match='parent "town_qingyang" is of level town, expected one above district'):
        load_city(folder)


@pytest.mark.parametrize(("department", "fault"), [
    ("community_350582001008", ""), ("grid_qingyang-1", ""), ("town_qingyang", ""),
    ("community_350582001999", 'department "community_350582001999" does not exist'),
    ("grid_qingyang-99", 'department "grid_qingyang-99" does not exist'), ("", 'expected key "department"'),
])  # fmt: skip
def test_grid_staff_belong_to_a_place_that_there_is(folder: Path, department: str, fault: str):
    field = f", department: {department}" if department else ""
    text = f"- {{login: g, name: 网格员, role: grid, password: heyi-demo{field}}}\n"
    (folder / "people.yaml").write_text(text, encoding="utf-8")
    if not fault:
        assert load_city(folder).people[0].department == department
        return
    with pytest.raises(CityFileError) as refused:
        load_city(folder)
    assert fault in str(refused.value)
