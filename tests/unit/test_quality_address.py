"""Reading a place back: places told whole and in pieces, in every kind of confirmation and of its lack."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.checks.address import pieces_of
from tests.unit.quality_support import call, checks

#: Town, village, name, house number; the name has no word for its kind where the last is empty.
_PLACES = (
    ("池店镇", "御辇村", "百捷中央公园", "8栋1503"),
    ("梅岭街道", "双沟社区", "金色家园", "3栋902"),
    ("磁灶镇", "大埔村", "实验幼儿园", "16号"),
    ("安海镇", "海东村", "成功东路", "88号"),
    ("灵源街道", "林口社区", "灵秀山庄", "12栋204"),
    ("英林镇", "嘉排村", "三福纺织厂", "2栋"),
)
_PLACE = st.sampled_from(_PLACES)
_OPEN = ("A 您好，12345，请问有什么可以帮您？", "C 你好，我要投诉，楼上天天漏水，没有人管。")
_END = ("A 给您登记，转住建部门处理。电话打您13911112222可以吗？", "C 可以。", "A 好的，感谢来电，再见。")
_YES = st.sampled_from(("对。", "嗯，对的。", "……嗯。", "是的是的", "没错，就是那里。"))

#: How it is told: the turns up to the last word of it.
_TELLINGS: dict[str, Callable[[str, str, str, str], tuple[str, ...]]] = {
    "whole": lambda t, v, n, h: ("A 请问具体地址？", f"C {t}{v}{n}{h}。"),
    "inverted": lambda t, v, n, h: ("A 请问在哪里？", f"C {n}{h}，就是{t}{v}那边。"),
    "pieces": lambda t, v, n, h: (
        "A 请问在哪个镇街？", f"C 在{t}。", "A 哪个村、哪个社区？", f"C {v}。", "A 再具体一点呢？", f"C {n}，{h}。"
    ),
    "unpunctuated": lambda t, v, n, h: ("A 请问您在哪里", f"C 我在{t}{v}{n}{h}"),
}  # fmt: skip
_TELLING = st.sampled_from(sorted(_TELLINGS))

_SAID = Callable[[str, str, str, str], str]
_READ_BACK: dict[str, _SAID] = {
    "whole": lambda t, v, n, h: f"{t}{v}{n}{h}，对吗？",
    "without its kinds": lambda t, v, n, h: f"{t[:2]}{v[:2]}的{n}{h}，是吧？",
    "the nearest": lambda t, v, n, h: f"好的，{v}{n}{h}，我记下了。",
    "among other words": lambda t, v, n, h: f"我跟您核对一下，您住在{t}{v}{n}，门牌{h}，没错吧？",
    "otherwise ordered": lambda t, v, n, h: f"{n}{h}，{t}{v}，我这样记对不对？",
}
_NOT: dict[str, _SAID] = {
    "nothing": lambda t, v, n, h: "好的，我记下了，漏了多久了？",
    "asked again": lambda t, v, n, h: f"{t}的哪里？",
    "the town that it is handed to": lambda t, v, n, h: f"好的，我转给{t}处理，请{v}的干部上门看。",
    "over there": lambda t, v, n, h: "好，您那边的情况我清楚了。",
    "another number": lambda t, v, n, h: f"{t}{v}{n}{_other(h)}，对吗？",
}


def _other(house: str) -> str:
    return "".join("7" if c != "7" and c.isdigit() else "9" if c.isdigit() else c for c in house)


def _answer(*turns: str) -> str:
    return checks().review(call(*_OPEN, *turns, *_END)).checks["address"].answer


@given(_PLACE, _TELLING, st.sampled_from(sorted(_READ_BACK)), _YES)
def test_read_back_in_any_way_it_is_confirmed(
    place: tuple[str, str, str, str], telling: str, back: str, yes: str
) -> None:
    turns = (*_TELLINGS[telling](*place), f"A {_READ_BACK[back](*place)}", f"C {yes}")
    assert _answer(*turns) == "pass", turns


@given(_PLACE, _TELLING, st.sampled_from(sorted(_NOT)))
def test_what_only_looks_like_it_is_not(place: tuple[str, str, str, str], telling: str, kind: str) -> None:
    turns = (*_TELLINGS[telling](*place), f"A {_NOT[kind](*place)}", "C 漏了两个月了。")
    assert _answer(*turns) == "fail", turns


@given(_PLACE, _TELLING, st.booleans(), st.booleans())
def test_what_is_corrected_must_be_read_back_again(
    place: tuple[str, str, str, str], telling: str, late: bool, again: bool
) -> None:
    town, village, name, house = place
    right = f"{name}{_other(house)}"
    turns = [*_TELLINGS[telling](*place), f"A {town}{village}{name}{house}，对吗？"]
    if late:
        turns += ["C 对。", "A 漏了多久了？", f"C 两个月。哎等等，我刚才说错了，是{right}。"]
    else:
        turns.append(f"C 不对，是{right}。")
    turns.append(f"A {right}，改过来了，对吗？" if again else "A 哦，好的好的。")
    assert _answer(*turns, "C 嗯，是的。") == ("pass" if again else "fail"), turns


@pytest.mark.parametrize(
    ("told", "back"),
    [
        ("刚刚过了紫帽的湖盘，往紫星方向。", "您已经过了紫帽镇湖盘村，我让前面的人拦一下。"),
        ("灵源的碧桂园。", "灵源碧桂园，好的。"),
        ("心养家园，2期，5号楼1单元301。", "心养家园2期5号楼1单元301，知道了。"),
        ("新店村。", "池店镇新店村，是吧？"),
    ],
)
def test_names_without_the_word_for_their_kind(told: str, back: str) -> None:
    assert _answer("A 请问在什么位置？", f"C {told}", f"A {back}", "C 对。") == "pass"


def test_the_phase_of_an_estate_is_no_figure() -> None:
    assert "75栋" not in "".join(pieces_of("心养家园2期5号楼"))
