"""Telephone numbers found by their sound, and which of two readings of a number is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.recognition import Hypothesis
from asr.words.digits import phones
from asr.words.numbers import display
from asr.words.spelled import believed, seems_numbered


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("我手机要三九零五九八零要四六", "13905980146"),
        ("号码是腰五零吧三三久二零二七", "15083392027"),
        ("咬三留起五五二二林零酒", "13675522009"),
        ("要 7606 三二 1505", "17606321505"),
        ("要8003632150，对", "18003632150"),
        ("我要打4008123123", "4008123123"),
        ("打一三五七六零九零零零，要是没人接", ""),
        ("打一三五七六零九零零零五，要是没人接", "13576090005"),
        ("联系我，药3606321505", "13606321505"),
        ("老三六零六三二一五零五，谢谢", "13606321505"),
        ("零五九五刚八五六七二三零零", "059585672300"),
    ],
)
def test_a_number_is_found_by_its_sound(text: str, number: str) -> None:
    assert [phone.number for phone in phones(text)] == ([number] if number else [])
    if number:
        assert number in display(text).replace("-", "")


@pytest.mark.parametrize(
    "text",
    [
        "有一次是事实就是有意思", "一四五六七", "要要要要", "是事实，是事实，是事实，是事实",
        "身份证三五零五八二一九九零零一零一一二三四",
        "我要三百二十五块", "有酒有肉有音乐有舞",
    ],
)  # fmt: skip
def test_words_that_sound_like_some_digits_are_no_number(text: str) -> None:
    assert phones(text) == ()


def test_a_mobile_number_is_no_local_one() -> None:
    (phone,) = phones("电话要三九零五九八二酒四六")
    assert (phone.number, phone.kind) == ("13905982946", "mobile")


@given(st.from_regex(r"1[35-9][0-9]{9}", fullmatch=True), st.sampled_from(["要腰药", "吧巴八", "就久救"]))
def test_a_number_with_words_for_digits_comes_back(number: str, words: str) -> None:
    table = {"要腰药": "1", "吧巴八": "8", "就久救": "9"}
    digits = "零一二三四五六七八九"
    said = "".join(words[i % 3] if c == table[words] else digits[int(c)] for i, c in enumerate(number))
    assert [phone.number for phone in phones(f"电话是{said}。")] == [number]


@pytest.mark.parametrize(
    ("text", "numbered"),
    [
        ("电话1390598", True),
        ("电话一三九，零五九", True),
        ("要三留起五五", True),
        ("三楼二零三室", False),
        ("打110", False),
        ("着火了快来", False),
        ("", False),
    ],
)
def test_a_row_of_digits_is_worth_a_second_look(text: str, numbered: bool) -> None:
    assert seems_numbered(text) is numbered


def readings(*texts: str) -> tuple[Hypothesis, ...]:
    return tuple(Hypothesis(text, -0.1 * n) for n, text in enumerate(texts))


WHOLE, OTHER, SHORT = "电话一三九零五九八零一四六", "电话13905980166", "电话1390598014"


def test_the_best_spelled_reading_with_a_whole_number_is_believed() -> None:
    assert [r.text for r in believed(readings(OTHER), readings(WHOLE))] == [WHOLE]


def test_without_one_the_number_heard_at_first_holds() -> None:
    assert [r.text for r in believed(readings(OTHER), readings(SHORT, WHOLE))] == [OTHER]


def test_then_the_second_spelled_reading_but_none_further_down() -> None:
    assert believed(readings(SHORT), readings(SHORT, WHOLE))[0].text == WHOLE
    assert believed(readings(SHORT, OTHER), readings(SHORT))[0].text == SHORT
    assert believed(readings(SHORT), readings(SHORT, SHORT, WHOLE))[0].text == SHORT


def test_of_local_numbers_the_longer_is_believed() -> None:
    assert believed(readings("座机8566123"), readings("座机八五六六一二三四"))[0].text == "座机八五六六一二三四"
    assert believed(readings("座机85661234"), readings("座机八五六六一二三"))[0].text == "座机85661234"
    assert believed(readings("座机85661234"), readings("座机八五六六一二二四"))[0].text == "座机85661234"


def test_readings_that_say_the_same_number_stay_to_choose_from() -> None:
    found = believed(readings("点话13905980146", OTHER), readings(WHOLE))
    assert [r.text for r in found] == [WHOLE, "点话13905980146"]


def test_without_any_number_all_stays() -> None:
    heard = readings(SHORT, OTHER)
    assert believed(heard, readings("电话一三九零五九八零一四", "电话")) == heard
    assert believed((), ()) == ()
