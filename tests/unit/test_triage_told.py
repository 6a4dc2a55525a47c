"""Facts of a call: people, names, vehicles, sums, times and the place, as both sides told them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.triage_support import small_judge
from triage.facts import where
from triage.facts.answers import answer
from triage.facts.gather import facts
from triage.facts.names import callers_name
from triage.facts.people import HARMS, people
from triage.facts.phones import callers_phone, said_phone
from triage.facts.readback import grouped
from triage.facts.things import things
from triage.turns import Turn
from triage.verdict import FactKind, Facts, Place
from triage.words import plain

GAZETTEER = small_judge().gazetteer
CALLING = "13859501234"


def call(*said: str) -> list[Turn]:
    """Turns from ``A: …`` (call taker) and ``C: …`` (caller)."""
    return [Turn("agent" if text[0] == "A" else "caller", text[2:].strip(), f"u{i}") for i, text in enumerate(said)]


def told(*said: str) -> tuple[tuple[Place, ...], Facts]:
    turns = call(*said)
    places = where.places(turns, [GAZETTEER.mentions(turn.text) for turn in turns], GAZETTEER)
    return places, facts(turns, places)


def values(found: Facts, kind: FactKind) -> list[str]:
    return [fact.value for fact in found.all(kind)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("两个小孩掉进水里爬不上来，出不来", {"trapped": "2"}),
        ("楼上还有十几个人没下来", {"trapped": "11+"}),
        ("好几个工人被埋在土里", {"trapped": "3+"}),
        ("三人受伤两人被困", {"hurt": "3", "trapped": "2"}),
        ("有两个大人和一个小孩被困在车里", {"trapped": "3"}),
        ("一家四口困在楼顶", {"trapped": "4"}),
        ("我们五个人，电梯卡在八楼出不来", {"trapped": "5"}),
        ("母子俩被困", {"trapped": "2"}),
        ("三四个人晕倒了", {"hurt": "3+"}),
        ("有人受伤，大概三个", {"hurt": "3"}),
        ("我爸被撞了", {"hurt": "1+"}),
        ("里面有二十多个人被困", {"trapped": "20+"}),
        ("受伤的有三个，不对，四个", {"hurt": "4"}),
        ("不是三个人受伤，是四个", {"hurt": "4"}),
        ("三个人受伤，一个小孩流血", {"hurt": "3"}),
        ("没有人受伤", {"hurt": "0"}),
        ("人都出来了，没有人受伤", {"hurt": "0", "trapped": "0"}),
        ("有一个女的脚崴了，其他没有受伤", {"hurt": "1"}),
        # Asked, feared, or of no person.
        ("有没有人受伤啊", {}),
        ("怕有人受伤", {}),
        ("差点砸到人", {}),
        ("电线杆压到两台摩托", {}),
        ("工人的工钱压了七万二", {}),
        ("我钥匙锁在家里了", {}),
        ("等了三个小时都出不来结果", {}),
    ],
)
def test_people_are_counted_as_said(text: str, expected: dict[str, str]) -> None:
    found = {p.harm: f"{p.count}{'+' if p.least else ''}" for p in people(text)}
    assert found == expected


def test_a_count_answers_what_was_asked() -> None:
    assert values(told("A: 有没有人受伤？", "C: 没有")[1], "hurt") == ["0"]
    assert values(told("A: 几个人被困？", "C: 大概四五个吧")[1], "trapped") == ["4"]
    (fact,) = told("A: 有人受伤吗？", "C: 有，两个")[1].all("hurt")
    assert (fact.value, fact.words, fact.utterance_id) == ("2", "两个", "u1")
    assert values(told("A: 没有人受伤，对吗？", "C: 对")[1], "hurt") == ["0"]
    assert values(told("A: 煤气关了吗？", "C: 没有")[1], "hurt") == []


def test_the_last_word_on_a_count_wins() -> None:
    assert values(told("C: 有三个人被困", "A: 好", "C: 刚才说错了，不是三个，是四个")[1], "trapped") == ["4"]
    assert values(told("C: 有三个人被困", "A: 好", "C: 救出来一个了，现在还有两个人困在里面")[1], "trapped") == ["2"]
    assert values(told("C: 五个人受伤", "C: 有一个小孩头在流血")[1], "hurt") == ["5"], "a part is no correction"
    assert values(told("C: 有两个人受伤", "C: 我没受伤")[1], "hurt") == ["2"], "one person says nothing of the others"
    assert values(told("C: 有两个人受伤", "C: 看错了，没有人受伤")[1], "hurt") == ["0"]


def test_a_count_read_back_is_confirmed() -> None:
    _, found = told("C: 三个人被困", "A: 三个人被困，对吗？", "C: 对对")
    assert [fact.confirmed for fact in found.all("trapped")] == [True]
    assert found.read_back == ""


@pytest.mark.parametrize(
    ("text", "asked", "name"),
    [
        ("我姓蒲，蒲公英的蒲", False, "蒲"),
        ("免贵姓吴", False, "吴"),
        ("我叫冯桂兰，就是这个电话", False, "冯桂兰"),
        ("姓阮，阮春生", True, "阮春生"),
        ("对，关秋霞。", True, "关秋霞"),
        ("我姓欧阳", False, "欧阳"),
        ("叫我老陈就行", False, "老陈"),
        ("我是王女士", False, "王女士"),
        ("老板姓郭", False, ""),
        ("我叫了救护车", False, ""),
        ("名字不留了", True, ""),
        ("高兴死了，谢谢", False, ""),
    ],
)
def test_names(text: str, asked: bool, name: str) -> None:
    said = callers_name(text, asked=asked)
    assert (said.name if said else "") == name


def test_a_surname_takes_the_title_by_which_the_call_taker_says_it() -> None:
    _, found = told("A: 您贵姓？", "C: 我姓蒲", "A: 好的蒲先生，已经派人了")
    (name,) = found.all("name")
    assert (name.value, name.words, name.utterance_id, name.confirmed) == ("蒲先生", "我姓蒲", "u1", True)
    assert values(told("A: 王先生，请问地址？", "C: 我们这边停水了")[1], "name") == ["王先生"]
    assert values(told("A: 谢谢您，祝您平安", "C: 再见")[1], "name") == []


def test_a_number_in_breaths_and_its_corrections() -> None:
    said = ("C: 我电话幺三八", "A: 嗯", "C: 嗯", "C: 五九五零", "C: 幺二三四")
    (phone,) = told(*said)[1].all("phone")
    assert (phone.value, phone.words, phone.utterance_id) == ("13859501234", "幺二三四", "u4")
    assert callers_phone(["13859501234", "不对，尾号是4321"]) == "13859504321"
    assert callers_phone(["13859501234，等等，说反了，是13859501243"]) == "13859501243"


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("我电话138595012", CALLING),
        ("电话幺三八五九五零幺二四", CALLING),
        ("你就打这个电话", CALLING),
        ("打我现在打的这个号就行", CALLING),
        ("本机", CALLING),
        # Another whole number is another number, however near.
        ("电话13859501243", "13859501243"),
        ("电话1386660", None),
        ("这个电话打不通", None),
        ("打这个电话是多少", None),
    ],
)
def test_the_number_called_from_completes_what_was_heard(said: str, number: str | None) -> None:
    found = said_phone([said], CALLING)
    assert (found.number if found else None) == number


def test_without_a_number_called_from_nothing_is_completed() -> None:
    assert said_phone(["我电话138595012"]) is None
    assert said_phone(["你就打这个电话"], "") is None


def test_a_number_that_the_call_taker_reads_back() -> None:
    _, found = told("A: 来电的13859501234可以联系到您吗？", "C: 江西的，姓熊，能联系到")
    assert [(f.value, f.leg, f.confirmed) for f in found.all("phone")] == [("13859501234", "agent", True)]
    _, found = told("C: 13859501234", "A: 13859501235，对吗？", "C: 不对，是13859501234")
    assert values(found, "phone") == ["13859501234"]
    _, found = told("C: 13859501235", "A: 13859501234，对吗？", "C: 对")
    assert values(found, "phone") == ["13859501234"], "the call taker heard it better"
    _, found = told("A: 电话用13859501234可以吗？", "C: 不用这个，打我先生的，13700001111")
    assert values(found, "phone") == ["13700001111"]
    assert values(told("A: 请您拨打0595-85661234咨询", "C: 好的")[1], "phone") == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("闽C幺二三四五撞的", "plate", "闽C12345"),
        ("闽C，6Z什么8，看不清", "plate", "闽C6Z?8…"),
        ("车牌尾号八八", "plate", "…88"),
        ("后面一台白色的面包车", "vehicle", "白色面包车"),
        ("那台奔驰撞到护栏", "vehicle", "奔驰"),
        ("工钱压了七万二", "sum", "72000"),
        ("一共8600元", "sum", "8600"),
        ("转了三万五千多块", "sum", "35000"),
        ("绑架要十万", "sum", "100000"),
        ("收了两块五", "sum", "2.5"),
        ("前天下午三点半", "time", "前天下午3:30"),
        ("晚上9点40左右", "time", "晚上9:40左右"),
        ("五六分钟前", "time", "五六分钟前"),
        ("去年10月投诉过", "time", "去年10月"),
    ],
)
def test_things(text: str, kind: str, value: str) -> None:
    assert (kind, value) in {(thing.kind, thing.value) for thing in things(text)}


@pytest.mark.parametrize("text", ["三块石头砸下来", "走四百米", "一点反应都没有", "小车位不够", "两百平", "第三点要求"])
def test_what_only_looks_like_a_thing(text: str) -> None:
    assert things(text) == ()


def test_the_digits_of_a_telephone_are_no_sum() -> None:
    _, found = told("C: 转账前打13859501234")
    assert values(found, "sum") == []


def test_place_with_where_from_there_and_its_source() -> None:
    places, found = told("C: 喂", "C: 池店镇花州村对面那栋楼着火了")
    assert (places[0].full, places[0].mention, places[0].utterance_id) == (
        "池店镇华洲村对面楼", "池店镇花州村对面那栋楼", "u1"
    )  # fmt: skip
    assert found.read_back == "您是在池店镇华洲村对面楼，对吗？"
    assert found.read_back_en == "You are at 池店镇华洲村对面楼 – is that right?"


def test_where_from_the_place_told_when_asked() -> None:
    places, _ = told("C: 我在华洲村", "A: 具体在哪里？", "C: 学府嘉园北门正对面")
    assert places[0].full == "池店镇华洲村学府嘉园北门正对面"


def test_a_place_read_back_is_confirmed_denied_or_told_apart() -> None:
    places, found = told("C: 华洲村着火了", "A: 池店镇华洲村，对吗？", "C: 对")
    assert (places[0].canonical, places[0].confirmed, found.read_back) == ("池店镇华洲村", True, "")
    places, _ = told("C: 华洲村着火了", "A: 池店镇华洲村，对吗？", "C: 不是，是新店村")
    assert [p.canonical for p in places] == ["池店镇新店村"]
    places, _ = told("A: 是在华洲村吗？", "C: 不是")
    assert places == ()
    places, found = told("C: 坑边村口")
    assert places[0].towns == ("东石镇", "深沪镇")
    assert found.read_back == "您说的坑边村口，是东石镇还是深沪镇的？"
    places, _ = told("C: 坑边村口", "A: 东石镇坑边村？", "C: 嗯")
    assert places[0].canonical == "东石镇坑边村口"


def test_a_no_to_another_question_leaves_the_place() -> None:
    places, _ = told("C: 坑边村有水", "A: 深沪镇坑边村，好的。还有人需要救助吗？", "C: 没有了，人都救上来了")
    assert places[0].canonical == "深沪镇坑边村"


def test_a_later_place_that_puts_the_first_right() -> None:
    assert [p.canonical for p in told("C: 我在华洲村", "C: 说错了，我在新店村")[0]] == ["池店镇新店村"]
    assert [p.canonical for p in told("C: 不是华洲村，是新店村")[0]] == ["池店镇新店村"]


def test_a_place_that_no_gazetteer_holds() -> None:
    places, found = told("C: 湘味小炒旁边打起来了")
    assert (places, values(found, "relative")) == ((), ["湘味小炒旁边"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("对", "yes"), ("嗯嗯", "yes"), ("是的没错", "yes"), ("没毛病", "yes"), ("就是那里", "yes"),
        ("不是", "wrong"), ("不对，是新店", "wrong"), ("你听错了", "wrong"),
        ("没有", "none"), ("不用这个", "none"),
        ("对面那栋", ""), ("是不是要派人来", ""), ("嗯我在楼下", ""), ("在哪里啊", ""),
    ],
)  # fmt: skip
def test_answers(text: str, expected: str) -> None:
    assert answer(text) == expected


def test_numbers_are_read_in_groups() -> None:
    assert grouped("13859501234") == "138 5950 1234"
    assert grouped("059585661234") == "0595 8566 1234"
    assert grouped("01065661234") == "010 6566 1234"


def test_others_on_the_line_are_left_out() -> None:
    found = facts([Turn("third", "我姓王，电话13859501234，三个人受伤")])
    assert found == Facts()


OFTEN = "没有不是对人受伤被困三两个几一幺138九五零，。？我姓叫王对面路和往池店华洲村闽C块万点昨天车"
UTTERANCES = st.lists(
    st.tuples(
        st.sampled_from(["caller", "agent", "third"]),
        st.text() | st.text(alphabet=OFTEN, max_size=40),
    ),
    max_size=6,
)


@given(UTTERANCES)
def test_never_an_error_and_every_fact_has_its_words(said: list[tuple[str, str]]) -> None:
    turns = [Turn(leg, text, str(i)) for i, (leg, text) in enumerate(said)]  # type: ignore[arg-type]
    places = where.places(turns, [GAZETTEER.mentions(turn.text) for turn in turns], GAZETTEER)
    found = facts(turns, places)
    for fact in found.items:
        assert fact.value
        assert fact.words in turns[int(fact.utterance_id)].text
    once: tuple[FactKind, ...] = ("phone", "name", *HARMS)
    for kind in once:
        assert len(found.all(kind)) <= 1
    for place in places:
        assert place.mention in plain(turns[place.turn].text)
    assert bool(found.read_back) == bool(found.read_back_en)


DENIALS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["没有人", "没人", "没有", "目前没有人", "现场没有人员", "我们都没", "无人"]),
    st.sampled_from(["受伤", "被困", "流血", "骨折", "被埋", "晕倒", "被压"]),
    st.sampled_from(["", "的", "，谢谢", "，放心"]),
)


@given(st.sampled_from(["", "放心，", "火灭了，", "是两台车撞了，"]), DENIALS)
def test_a_denial_never_counts_anybody(before: str, denial: str) -> None:
    assert [p.count for p in people(before + denial) if p.count] == []
    assert {f.value for f in facts([Turn("caller", before + denial)]).items if f.kind in HARMS} <= {"0"}


@given(st.integers(2, 9), st.integers(2, 9), st.sampled_from(["受伤", "被困"]), st.booleans())
def test_a_correction_wins(first: int, second: int, harm: str, later: bool) -> None:
    digits = "零一两三四五六七八九"
    said, right = f"有{digits[first]}个人{harm}", f"不对，不是{digits[first]}个，是{digits[second]}个"
    turns = [Turn("caller", said), Turn("caller", right)] if later else [Turn("caller", f"{said}，{right}")]
    found = [f.value for f in facts(turns).items if f.kind in HARMS]
    assert found == [str(second)]
