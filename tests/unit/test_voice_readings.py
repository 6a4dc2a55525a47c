"""How numbers are read aloud."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.readings import digit_by_digit, quantity, spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("请拨打119", "请拨打幺幺九"),
        ("您好，12345政务服务热线", "您好，一二三四五政务服务热线"),
        ("12315", "幺二三幺五"),
        ("95598", "九五五九八"),
        ("本次通话120元", "本次通话一百二十元"),
        ("电话13805951234", "电话幺三八，零五九五，幺二三四"),
        ("0595-85660000", "零五九五，八五六六零零零零"),
        ("3号楼2单元1203室", "三号楼二单元幺二零三室"),
        ("2026年11月5日", "二零二六年十一月五日"),
        ("2026-11-05", "二零二六年十一月五日"),
        ("等了10年", "等了十年"),
        ("2个人，22个人", "两个人，二十二个人"),
        ("2楼着火", "二楼着火"),
        ("坐101路公交车", "坐幺零幺路公交车"),
        ("8:00到17:05", "八点整到十七点零五分"),
        ("满意请按1，不满意请按2", "满意请按一，不满意请按二"),
        ("前面还有3位", "前面还有三位"),
        ("37.5度", "三十七点五度"),
        ("降了12.5%", "降了百分之十二点五"),
        ("1,200元", "一千二百元"),
        ("3-5个工作日", "三到五个工作日"),
        ("-5℃", "零下五摄氏度"),
        ("工单号JJ20261121-0007", "工单号JJ二零二六幺幺二幺零零零七"),
        ("第12批", "第十二批"),
        ("１１０", "幺幺零"),
        ("30000户停电", "三万户停电"),
        ("没有数字", "没有数字"),
        ("", ""),
    ],
)
def test_number_is_said_as_people_say_it(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "零"), (10, "十"), (15, "十五"), (20, "二十"), (105, "一百零五"), (110, "一百一十"), (200, "二百"),
        (1001, "一千零一"), (1010, "一千零一十"), (2000, "两千"), (10_000, "一万"), (20_000, "两万"),
        (100_005, "十万零五"), (10_010_000, "一千零一万"), (100_010_001, "一亿零一万零一"), (200_000_000, "两亿"),
        (1_050, "一千零五十"), (305_000, "三十万五千"),
    ],
)  # fmt: skip
def test_quantity(number: int, said: str) -> None:
    assert quantity(number) == said


@given(st.text(alphabet="0123456789.-:/,%第号年月日元个AJ到 ", max_size=24))
def test_no_figure_is_ever_left_for_the_voice(text: str) -> None:
    assert not re.search(r"[0-9]", spoken(text))


@given(st.integers(min_value=0, max_value=10**15))
def test_quantity_never_has_two_zeros_in_a_row(number: int) -> None:
    said = quantity(number)
    assert "零零" not in said
    assert said == "零" or not said.endswith("零")


@given(st.text(alphabet="0123456789", max_size=20))
def test_digit_by_digit_keeps_every_digit(number: str) -> None:
    assert len(digit_by_digit(number, phone=True)) == len(number)
