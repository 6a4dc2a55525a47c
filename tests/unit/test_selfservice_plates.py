"""Number plates out of recognised speech: a table of spoken forms, and what holds for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.selfservice.plates import LETTERS, PROVINCES, read_plate, valid

#: What recognition wrote, and the plate; None: not clear, or none.
SAID: tuple[tuple[str, str | None], ...] = (
    ("闽C12345", "闽C12345"),
    ("闽c12345", "闽C12345"),
    ("闽C一二三四五", "闽C12345"),
    ("闽C幺二三四五", "闽C12345"),
    ("民C12345", "闽C12345"),
    ("民C幺二三四五", "闽C12345"),
    ("敏C一二三四五", "闽C12345"),
    ("闽吸12345", "闽C12345"),
    ("闽西一二三四五", "闽C12345"),
    ("民吸幺二三四五", "闽C12345"),
    ("名西幺二三四五", "闽C12345"),
    ("闽C，一二三，四五", "闽C12345"),
    ("闽C 1 2 3 4 5", "闽C12345"),
    ("闽C·12345", "闽C12345"),
    ("闽C-12345", "闽C12345"),
    ("车牌号是闽C12345", "闽C12345"),
    ("有辆车挡住我了，车牌闽C一二三四五，白色的", "闽C12345"),
    ("闽C三个八六六", "闽C88866"),
    ("闽C幺二三个五", "闽C12555"),
    ("C12345", "闽C12345"),
    ("西12345", "闽C12345"),
    ("车牌是西一二三四五", "闽C12345"),
    ("D88888", "闽D88888"),
    ("闽D八八八八八", "闽D88888"),
    ("闽弟八八八六六", "闽D88866"),
    ("闽A幺零零八六", "闽A10086"),
    ("闽爱一零零八六", "闽A10086"),
    ("闽CD12345", "闽CD12345"),
    ("闽C D 一二三四五", "闽CD12345"),
    ("闽C弟一二三四五", "闽CD12345"),
    ("闽CF00001", "闽CF00001"),
    ("闽C艾弗零零零零幺", "闽CF00001"),
    ("闽C爱福12345", "闽CF12345"),
    ("闽CDA1234", "闽CDA1234"),
    ("闽C12345D", "闽C12345D"),
    ("闽C1234学", "闽C1234学"),
    ("粤Z1234港", "粤Z1234港"),
    ("闽C5678挂", "闽C5678挂"),
    ("闽C8K123", "闽C8K123"),
    ("闽C8开123", "闽C8K123"),
    ("闽C八开一二三", "闽C8K123"),
    ("闽CA8B12", "闽CA8B12"),
    ("闽C必12345", "闽CB12345"),
    ("粤B12345", "粤B12345"),
    ("悦B12345", "粤B12345"),
    ("京A12345", "京A12345"),
    ("沪A 12345", "沪A12345"),
    ("浙江的浙A12345", "浙A12345"),
    ("福建C12345", "闽C12345"),
    ("福建的闽C12345", "闽C12345"),
    ("闽C，CBA的C，12345", "闽C12345"),
    ("闽C东西的西一二三四五", "闽C12345"),
    ("闽C一二三是五", "闽C12345"),
    ("闽C酒八七六五", "闽C98765"),
    ("闽C九八七溜五", "闽C98765"),
    ("闽C八八留六六", "闽C88666"),
    ("闽C12346，不对，闽C12345", "闽C12345"),
    ("说错了，是闽C一二三四五", "闽C12345"),
    ("闽C12345，闽C12345", "闽C12345"),
    ("闽C12345，在6号楼下", "闽C12345"),
    ("闽C12345这辆车停在3栋门口", "闽C12345"),
    ("嗯闽C，嗯，一二，三四五", "闽C12345"),
    ("民西，洞洞幺二三", "闽C00123"),
    ("闽C拐八九六五", "闽C78965"),
    ("闽C1O345", "闽C10345"),
    ("赣A12345", "赣A12345"),
    ("闽大不了一二三四五", "闽W12345"),
    ("闽艾斯一二三四五", "闽S12345"),
    ("闽阿尔一二三四五", "闽R12345"),
    ("闽Ｃ１２３４５", "闽C12345"),
    ("闽C是12345", "闽C12345"),
    ("闽C开头，12345", "闽C12345"),
    ("闽C1234", None),
    ("闽C123456", None),
    ("12345", None),
    ("尾号12345", None),
    ("闽C12345还是闽C12346", None),
    ("金C12345", None),
    ("玉B12345", None),
    ("在路西12345号", None),
    ("我家门口被车堵住了", None),
    ("闽C12345，不对", None),
    ("闽C什么345", None),
    ("一辆白色的车", None),
    ("", None),
    ("闽C1234吧", None),
    ("我要找人工", None),
    ("泉州市丰泽街12345", None),
    ("请拨打12345热线", None),
    ("电话13812345678", None),
    ("电话是C13812345678", None),
    ("闽C一二三四", None),
    ("闽12345", None),
)


@pytest.mark.parametrize(("words", "plate"), SAID)
def test_spoken_forms(words: str, plate: str | None) -> None:
    assert read_plate(words, "闽C") == plate


def test_without_the_citys_own_head_the_province_has_to_be_said() -> None:
    assert read_plate("C12345") is None
    assert read_plate("西一二三四五") is None
    assert read_plate("闽C12345") == "闽C12345"


@pytest.mark.parametrize(
    ("plate", "is_one"),
    [("闽C12345", True), ("闽CD12345", True), ("闽C12345F", True), ("闽C1234学", True), ("闽C123456", False),
     ("闽I12345", False), ("闽C1O345", False), ("闽CABC12", False), ("C12345", False), ("", False),
     ("闽CD1234A", False)],
)  # fmt: skip
def test_plates_as_they_are_issued(plate: str, is_one: bool) -> None:
    assert valid(plate) is is_one


_FIGURES = st.text("0123456789", min_size=5, max_size=5)
_SPOKEN = dict(zip("0123456789", "零幺二三四五六七八九", strict=True))


@given(
    st.sampled_from(PROVINCES),
    st.sampled_from(LETTERS),
    _FIGURES,
    st.sampled_from(["", "，", " ", "嗯", "那个"]),
    st.booleans(),
)
def test_every_plate_of_figures_is_read_as_it_is_said(head: str, letter: str, rest: str, gap: str, words: bool) -> None:
    said = "".join(_SPOKEN[c] for c in rest) if words else rest
    assert read_plate(f"车牌是{head}{letter}{gap}{said[:2]}{gap}{said[2:]}", "闽C") == f"{head}{letter}{rest}"


@given(st.text("闽民晋金C西吸一二三四五幺12345D的是，号个路楼弟八", max_size=24))
def test_nothing_but_plates_comes_out_and_every_figure_of_it_was_said(words: str) -> None:
    found = read_plate(words, "闽C")
    assert found is None or (valid(found) and len(found) <= 8)
