"""Starting a city folder, on a small package of invented divisions; nothing is downloaded."""

import json
from pathlib import Path

import pytest

import core.newcity as newcity
from core.city import Town
from core.cityfile import load_city
from core.errors import HeyiError
from core.newcity import NO_AREA_CODE, PACKAGE, VERSION, community_name, new_city, town_departments
from core.romanise import english

TREE = [
    {"code": "43", "name": "湖南省", "children": [
        {"code": "4301", "name": "长沙市", "children": [
            {"code": "430111", "name": "雨花区", "children": [{"code": "430111001", "name": "左家塘街道"}]},
            {"code": "430112", "name": "望城区", "children": [
                {"code": "430112001", "name": "高塘岭街道"}, {"code": "430112101", "name": "桥驿镇"},
                {"code": "430112201", "name": "乔义乡"}, {"code": "430112400", "name": "望城经济技术开发区"},
            ]},
        ]},
        {"code": "4390", "name": "省直辖县级行政区划", "children": [
            {"code": "439001", "name": "阜新蒙古族自治县", "children": [{"code": "439001100", "name": "城关镇"}]},
        ]},
    ]},
]  # fmt: skip
VILLAGES = """code,name,streetCode,provinceCode,cityCode,areaCode
430111001001,"别处社区居委会",430111001,43,4301,430111
430112001001,"斑马湖社区居委会",430112001,43,4301,430112
430112001002,"裕农村委会",430112001,43,4301,430112
430112001003,"刘家村委会",430112001,43,4301,430112
430112001004,"刘家村村委会",430112001,43,4301,430112
430112101001,"沙田村村民委员会",430112101,43,4301,430112
439001100001,"东街居委会",439001100,43,4390,439001
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that already holds the package, so that none is fetched."""
    dist = tmp_path / "cache" / f"{PACKAGE}-{VERSION}" / "dist"
    dist.mkdir(parents=True)
    (dist / "pcas-code.json").write_text(json.dumps(TREE, ensure_ascii=False), "utf-8")
    (dist / "villages.csv").write_text(VILLAGES, "utf-8")
    return tmp_path / "cache"


def test_a_new_city_is_its_own(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "cities" / "wangcheng"
    city = new_city("430112", folder, cache, area_code="0731")
    assert city == load_city(folder)
    profile = city.profile
    assert (profile.name, profile.name_en, profile.province) == ("望城区", "Wangcheng", "湖南省 长沙市")
    assert (profile.code, profile.area_code, profile.ticket_prefix) == ("430112", "0731", "WC")
    assert [t.name for t in city.towns] == ["高塘岭街道", "桥驿镇", "乔义乡", "望城经济技术开发区"]
    # Two villages that would shorten to the same name keep their official ones.
    assert [c.name for c in city.towns[0].communities] == ["斑马湖社区", "裕农村", "刘家村委会", "刘家村村委会"]
    assert [c.code for c in city.towns[1].communities] == ["430112101001"]
    assert city.line("110") and city.line("12345")
    grid_staff = [person for person in city.people if person.role == "grid"]
    assert [(p.login, p.name, p.department) for p in grid_staff] == [
        ("wangge", "斑马湖社区网格员", "community_430112001001")
    ]
    assert not any(line.local for line in city.lines)
    assert city.landmarks == ()


def test_a_new_city_has_groups_modes_and_matters_but_no_dialect_of_elsewhere(tmp_path: Path, cache: Path) -> None:
    city = new_city("430112", tmp_path / "wangcheng", cache)
    template = load_city(newcity.TEMPLATE)
    assert [g.key for g in city.groups] == [g.key for g in template.groups if not g.local]
    assert len(city.groups) < len(template.groups)
    assert city.modes == template.modes
    assert city.matters == template.matters and city.matters
    assert city.exchanges == ()
    assert all(set(d.groups) <= {g.key for g in city.groups} and d.groups for d in city.desks)


def test_nothing_of_the_example_city_remains(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "wangcheng"
    new_city("430112", folder, cache)
    text = "".join(path.read_text("utf-8") for path in folder.iterdir())
    assert "望城110" in text
    for word in ("晋江", "Jinjiang", "泉州", "0595", "青阳", "安海", "闽南"):
        assert word not in text, word


def test_without_an_area_code_the_folder_asks_for_it(tmp_path: Path, cache: Path) -> None:
    city = new_city("430112", tmp_path / "wangcheng", cache)
    assert city.profile.area_code == NO_AREA_CODE
    assert "占位" in (tmp_path / "wangcheng" / "city.yaml").read_text("utf-8")


def test_a_county_directly_under_its_province(tmp_path: Path, cache: Path) -> None:
    city = new_city("439001", tmp_path / "fuxin", cache)
    assert city.profile.province == "湖南省"
    assert (city.profile.name_en, city.profile.ticket_prefix) == ("Fuxin", "FX")
    line = city.line("110")
    assert line and line.opening.startswith("您好，阜新110")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("430113", "no county with the code 430113 (near it: 430111 湖南省 雨花区, 430112 湖南省 望城区)"),
        ("430100", "430100 is 长沙市, not a county (its counties: 430111 湖南省 雨花区, 430112 湖南省 望城区)"),
        (
            "430000",
            "430000 is 湖南省, not a county (its counties: 430111 湖南省 雨花区, 430112 湖南省 望城区, 439001 湖南",
        ),
        ("望城", "'望城' is not a division code of 6 digits (near it: 430112 湖南省 望城区)"),
        ("望成区", "'望成区' is not a division code of 6 digits (near it: 430112 湖南省 望城区)"),
        ("4301", "'4301' is not a division code of 6 digits"),
        ("../../x", "'../../x' is not a division code of 6 digits"),
        ("", "'' is not a division code of 6 digits"),
    ],
)
def test_a_wrong_code_is_refused_and_leaves_nothing(tmp_path: Path, cache: Path, code: str, message: str) -> None:
    folder = tmp_path / "cities" / "new"
    with pytest.raises(HeyiError) as caught:
        new_city(code, folder, cache)
    assert message in str(caught.value)
    assert not folder.parent.exists()


def test_an_existing_folder_is_left_alone(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "city.yaml").write_text("mine", "utf-8")
    with pytest.raises(HeyiError, match="exists already"):
        new_city("430112", tmp_path / "mine", cache)
    assert (tmp_path / "mine" / "city.yaml").read_text("utf-8") == "mine"


@pytest.mark.parametrize("area_code", ["595", "05955", "059a", "", "0595\n"])
def test_a_wrong_area_code_is_refused(tmp_path: Path, cache: Path, area_code: str) -> None:
    with pytest.raises(HeyiError, match="area code"):
        new_city("430112", tmp_path / "new", cache, area_code=area_code)
    assert not (tmp_path / "new").exists()


def test_a_failure_in_between_leaves_no_half_folder(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(newcity, "_yaml", full)
    with pytest.raises(HeyiError, match="cannot be written"):
        new_city("430112", tmp_path / "cities" / "new", cache)
    assert list((tmp_path / "cities").iterdir()) == []


@pytest.mark.parametrize(
    ("official", "called"),
    [
        ("青新社区居委会", "青新社区"),
        ("西安村委会", "西安村"),
        ("霞村村委会", "霞村"),
        ("沙田村村民委员会", "沙田村"),
        ("后溪回族村委会", "后溪回族村"),
        ("东街居委会", "东街居委会"),
        ("巴彦嘎查村民委员会", "巴彦嘎查"),
        ("开发区虚拟社区", "开发区虚拟社区"),
    ],
)
def test_communities_go_by_the_names_that_people_use(official: str, called: str) -> None:
    assert community_name(official) == called


@pytest.mark.parametrize(
    ("name", "name_en"),
    [
        ("晋江市", "Jinjiang"),
        ("吕梁市", "Lüliang"),
        ("城区", "Chengqu"),
        ("维西傈僳族自治县", "Weixi"),
        ("鄂伦春自治旗", "Elunchun"),
        ("安平开发区", "Anping Development Zone"),
    ],
)
def test_english_names(name: str, name_en: str) -> None:
    assert english(name) == name_en


def test_towns_that_sound_alike_get_keys_of_their_own() -> None:
    towns = (Town(name="石塘镇", code="430112101"), Town(name="时堂乡", code="430112201"), Town(name="良种场"))
    made = town_departments(towns)
    assert [d.id for d in made] == ["town_shitang", "town_shitang_430112201", "town_liangzhongchang"]
    assert [d.name for d in made] == ["石塘镇人民政府", "时堂乡人民政府", "良种场"]
