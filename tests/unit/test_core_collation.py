"""Names in the order of a Chinese list."""

import random

import pytest

from core.collation import by_name, chinese_number


@pytest.mark.parametrize(
    "names",
    [
        ["安海镇", "池店镇", "金井镇", "晋江市", "紫帽镇"],
        # By the word, not by the character alone: 重 is chóng in 重庆.
        ["成都", "重庆", "重要"],
        ["1号席", "2号席", "10号席"],
        ["一号坐席", "二号坐席", "十号坐席", "十二号坐席"],
        ["第二中学", "第十一中学", "第二十中学"],
        # 三 is no number here.
        ["曾井社区", "九十九溪", "三里街", "双沟社区"],
        ["110 报警", "12345 便民", "Fire", "消防"],
        ["一〇号", "一一号"],
    ],
)
def test_in_order(names: list[str]) -> None:
    mixed = names[:]
    for seed in range(5):
        random.Random(seed).shuffle(mixed)  # noqa: S311
        assert sorted(mixed, key=by_name) == names


@pytest.mark.parametrize(
    ("text", "number"),
    [("十", 10), ("十二", 12), ("二十", 20), ("一百零三", 103), ("二〇", 20), ("一千二百三十四", 1234), ("两百", 200)],
)
def test_numbers_in_characters(text: str, number: int) -> None:
    assert chinese_number(text) == number


def test_names_of_one_sound_keep_an_order_and_an_empty_one_is_first() -> None:
    assert sorted(["李莉", "", "李丽"], key=by_name) == sorted(["李丽", "李莉", ""], key=by_name)
    assert min(["安海", ""], key=by_name) == ""
