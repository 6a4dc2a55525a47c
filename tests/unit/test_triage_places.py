"""Places found by sound."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.words.sounds import fold, symbols
from core.city import Landmark, Town
from core.cityfile import load_city
from tests.unit.triage_support import small_city
from triage.places import Gazetteer

GAZETTEER = Gazetteer(small_city())


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("我在池店镇华洲村", "池店镇华洲村"),
        ("池店华洲这边着火了", "池店镇华洲村"),
        ("华洲村的路灯不亮", "池店镇华洲村"),
        ("我们华洲这里停水", "池店镇华洲村"),
        # What recognition writes for the same sounds.
        ("我在迟店镇花州村", "池店镇华洲村"),
        ("持店镇花洲村着火", "池店镇华洲村"),
        ("辛店村，辛苦了", "池店镇新店村"),
        ("安海镇抄带村", "安海镇钞岱回族村"),
        # Accents: f for hu, l for n, no difference of sh and s.
        ("池店镇发洲村", "池店镇华洲村"),
        ("吴安社区门口", "东石镇梧垵社区"),
        ("冬石镇无安社区", "东石镇梧垵社区"),
        # What follows and belongs to the name.
        ("华洲村口那边", "池店镇华洲村口"),
        ("华洲村路口撞车了", "池店镇华洲村路口"),
        ("梧垵社区那个菜市场", "东石镇梧垵社区菜市场"),
        ("华洲村18号楼", "池店镇华洲村18号楼"),
        # Landmarks bring their town and community.
        ("华洲水果市场里面", "池店镇华洲村华洲水果市场"),
        ("花州水果市场", "池店镇华洲村华洲水果市场"),
        ("在万达广场门口", "池店镇晋江万达广场"),
        # A town alone is the town, not its village of the same name.
        ("我在池店", "池店镇"),
        ("池店镇池店村", "池店镇池店村"),
        # The town tells villages of one name apart, said before or after.
        ("深沪后山社区", "深沪镇后山社区"),
        ("坑边村，深沪的", "深沪镇坑边村"),
        ("东石坑边村口", "东石镇坑边村口"),
        # Taken back.
        ("池店华洲，不是，是新店村", "池店镇新店村"),
        ("安海镇，不对，深沪镇华山村", "深沪镇华山村"),
    ],
)
def test_found(text: str, canonical: str) -> None:
    places = GAZETTEER.find(text)
    assert places
    assert places[0].canonical == canonical


@pytest.mark.parametrize(
    "text",
    [
        "路上有块大石头",
        "今年去爬华山了",
        "今天天气不错",
        "我后山的果树",
        "他在新店买了东西",
        "",
        "，。！",
    ],
)
def test_everyday_words_are_no_places(text: str) -> None:
    assert [
        p.canonical for p in GAZETTEER.find(text) if p.community in ("石头村", "华山村", "后山村", "后山社区")
    ] == []


def test_ambiguous_name_keeps_its_town_open() -> None:
    (place,) = GAZETTEER.find("坑边村口的垃圾桶")
    assert place.town == ""
    assert place.community == "坑边村"
    assert place.score < 0.7


def test_town_said_in_another_utterance_settles_it() -> None:
    turns = [GAZETTEER.mentions("坑边村这里"), GAZETTEER.mentions("我们是东石镇的")]
    assert GAZETTEER.resolve(turns)[0].canonical == "东石镇坑边村"


def test_mention_says_the_words_it_came_from() -> None:
    (place,) = GAZETTEER.find("快来花州村啊")
    assert place.mention == "花州村"
    assert 0.75 <= place.score < 1


def test_longer_name_with_one_syllable_wrong() -> None:
    assert GAZETTEER.find("在花州水狗市场")[0].canonical == "池店镇华洲村华洲水果市场"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zhang", "zan"),
        ("cheng", "cen"),
        ("ning", "lin"),
        ("fa", "hua"),
        ("feng", "hong"),
        ("shi", "si"),
        ("bing", "bin"),
    ],
)
def test_folding(one: str, other: str) -> None:
    assert (fold(one) == fold(other)) == (one != "zhang")


def test_symbols_keep_positions() -> None:
    assert len(symbols("在A座3楼，华洲")) == len("在A座3楼，华洲")
    assert symbols("华洲") == symbols("花州")
    assert symbols("华洲") != symbols("华山")


@given(st.text(alphabet=st.sampled_from("池店镇华洲村后山社区不是，在的口石头坑边a1 "), max_size=30) | st.text())
def test_never_raises_and_spans_fit(text: str) -> None:
    last = 0
    for mention in GAZETTEER.mentions(text):
        assert last <= mention.start < mention.end <= len(text)
        last = mention.end
    GAZETTEER.find(text)


@pytest.mark.parametrize(
    ("heard", "place"),
    [("在承待正案都存，存口进来", "陈埭镇岸兜回族村"), ("迟电郑华周存", "池店镇华洲村"), ("他说下个月才发工资", "")],
)
def test_a_name_said_in_full_is_known_by_sound_alone(heard: str, place: str) -> None:
    found = Gazetteer(load_city(Path("cities/jinjiang"))).find(heard)
    assert (found[0].canonical if found else "") == place


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("华洲村对面那栋楼", "池店镇华洲村对面楼"),
        ("华洲村，旧戏台旁边那栋", "池店镇华洲村旧戏台旁边"),
        ("华洲村学府嘉园北门正对面那块地", "池店镇华洲村学府嘉园北门正对面"),
        ("华洲村往新店方向的路上", "池店镇华洲村往新店方向路上"),
        ("华洲村小学校门往左大概30步", "池店镇华洲村小学校门往左30步"),
        ("新店村，具体是新店村委会往东第三个巷子，池店的", "池店镇新店村村委会往东第三个巷子"),
        ("池店华洲路88号后面", "池店镇华洲村华洲路88号后面"),
        ("华洲村对面的加油站旁边", "池店镇华洲村对面加油站旁边"),
        ("世纪大道和泉安路交叉口", "世纪大道与泉安路交叉口"),
        ("世纪大道跟泉安路那个红绿灯", "世纪大道与泉安路交叉口"),
        ("华洲村着火，我站在对面看", "池店镇华洲村"),
    ],
)
def test_where_from_a_place(text: str, full: str) -> None:
    assert GAZETTEER.find(text)[0].full == full


def test_two_roads_of_the_gazetteer_named_together_are_their_crossing() -> None:
    city = small_city()
    roads = (*city.landmarks, Landmark(name="泉安路", kind="road"))
    (place,) = Gazetteer(city.model_copy(update={"landmarks": roads})).find("在世纪大道跟泉安路这里撞了")[:1]
    assert (place.canonical, place.mention) == ("世纪大道与泉安路交叉口", "世纪大道跟泉安路")


def test_where_somebody_went_is_not_where_the_caller_is() -> None:
    assert [p.canonical for p in GAZETTEER.find("他往华山村跑了，我在华洲村")] == ["池店镇华洲村", "深沪镇华山村"]


@pytest.mark.parametrize("text", ["不是华洲村，是新店村，池店的", "不在华洲村，在新店村，池店的"])
def test_what_it_is_not(text: str) -> None:
    assert GAZETTEER.find(text)[0].canonical == "池店镇新店村"


def test_a_denial_that_asks_is_none() -> None:
    assert GAZETTEER.find("这里不是华洲村吗")[0].canonical == "池店镇华洲村"
    assert GAZETTEER.find("是不是华洲村着火了")[0].canonical == "池店镇华洲村"


def test_the_city_alone_is_not_its_development_zone() -> None:
    city = small_city()
    zone = city.model_copy(update={"towns": (*city.towns, Town(name="晋江市经济开发区"))})
    assert Gazetteer(zone).find("您好，晋江市便民热线") == ()


@given(st.text(alphabet="华洲村池店镇对面往和路口的那栋旁边世纪大道，不是第三个巷子方向北门", max_size=30))
def test_relative_words_never_break_a_place(text: str) -> None:
    for place in GAZETTEER.find(text):
        assert place.mention in text
        assert place.full.startswith(place.canonical)
