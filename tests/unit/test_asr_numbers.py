"""Numbers for display: what becomes a figure, what stays a word, and the way back from how they are read aloud."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.words.numbers import display, figures, value
from ivr.readings import spoken

FIGURES = [
    # telephone numbers
    ("我电话幺三八五九五零幺二三四", "我电话13859501234"),
    ("幺三八，五九五零，幺二三四，找老王", "13859501234，找老王"),
    ("138 5950 1234", "13859501234"),
    ("一三八 五九五〇 一二三四", "13859501234"),
    ("138五九五零1234", "13859501234"),
    ("1 3 8 5 9 5 0 1 2 3 4", "13859501234"),
    ("一三八然后五九五零然后一二三四", "13859501234"),
    ("幺三八五九五零幺二三四一直打不通", "13859501234一直打不通"),
    ("13859501234一直打不通", "13859501234一直打不通"),
    ("13859501234两个号都行", "13859501234两个号都行"),
    ("零五九五杠八五六六一二三四", "0595-85661234"),
    ("（0595）85661234", "0595-85661234"),
    ("座机八五六六，一二三四", "座机85661234"),
    ("四零零八一二三一二三", "400-812-3123"),
    ("一三八三个八五九五零一", "13888859501"),
    # short numbers
    ("打幺幺零", "打110"),
    ("打一一九没人接", "打119没人接"),
    ("要不要打一二零", "要不要打120"),
    ("一二三四五热线", "12345热线"),
    ("一二三一五投诉", "12315投诉"),
    ("九五五九八", "95598"),
    # houses and rooms
    ("二十三号", "23号"),
    ("三号楼二单元幺二零三室", "3号楼2单元1203室"),
    ("住四零二", "住402"),
    ("五零二房", "502房"),
    ("一百二十八号", "128号"),
    ("三楼着火", "3楼着火"),
    ("十二楼下来", "12楼下来"),
    ("坐幺零幺路公交车", "坐101路公交车"),
    ("十二路公交等了五十分钟", "12路公交等了50分钟"),
    ("三零二国道", "302国道"),
    # sums and counts
    ("三百五十块", "350块"),
    ("欠我三千二", "欠我3200"),
    ("一万二", "12000"),
    ("1万2", "12000"),
    ("一万零二百块", "10200块"),
    ("两千多块", "2000多块"),
    ("一共两百", "一共200"),
    ("三百多户停电", "300多户停电"),
    ("十五个人", "15个人"),
    ("十几个人", "十几个人"),
    ("三块五", "3块5"),
    ("五块钱", "5块钱"),
    ("三百五十万", "350万"),
    ("两亿", "2亿"),
    ("二十三岁", "23岁"),
    ("第十二批", "第十二批"),
    ("三点五公里", "3.5公里"),
    ("三十七点八度", "37.8度"),
    ("百分之三十五", "35%"),
    ("百分之百", "100%"),
    ("百分之十二点五", "12.5%"),
    # times and dates
    ("下午三点半", "下午3:30"),
    ("十五点二十", "15:20"),
    ("十五点二十分", "15:20"),
    ("八点整", "8:00"),
    ("晚上十一点", "晚上11点"),
    ("下午3点半", "下午3:30"),
    ("九点一刻", "9:15"),
    ("五点钟", "5点钟"),
    ("0点一幺", "0:11"),
    ("十七点零五分", "17:05"),
    ("二零二六年十一月五日", "2026年11月5日"),
    ("六月三号", "6月3号"),
    ("一九九八年", "1998年"),
    # plates
    ("闽C八八K三二", "闽C88K32"),
    ("车牌闽c·幺二三a五", "车牌闽C123A5"),
    ("粤B D一二三四五", "粤BD12345"),
]
WORDS = [
    "等一下", "一个人", "两个小孩", "三心二意", "五一路", "八七路口", "七匹狼", "二中门口", "十字路口", "百宏",
    "五里工业区", "五店市", "九十九溪", "万一", "千万不要", "十分危险", "一点都不",
    "早一点来", "差一点", "三点意见", "七八个人", "三四百块", "十七八岁", "二三十个", "一二三木头人", "三三两两",
    "正月十五", "八月十五", "初十", "三分之一", "二十分之一", "一五一十",
    "第二中学", "第一医院", "三里屯", "万达广场", "千头万绪", "九零后", "一块去", "一般", "一样", "统一", "十全十美",
    "周一三五", "一栋房子", "三座桥", "一层油", "一股味道", "几十个", "好几百块", "八一", "四中",
    "两三天", "一两个", "没有数字", "", "1.1万0",
]  # fmt: skip


@pytest.mark.parametrize(("said", "shown"), FIGURES)
def test_figures_are_written_as_people_read_them(said: str, shown: str) -> None:
    assert display(said) == shown
    assert display(shown) == shown


@pytest.mark.parametrize("text", WORDS)
def test_words_with_numerals_stay(text: str) -> None:
    assert display(text) == text


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("十", 10), ("十五", 15), ("二十", 20), ("一百零五", 105), ("一百五", 150), ("一百五十", 150), ("两千", 2000),
        ("一千零五十", 1050), ("三千二", 3200), ("三千二百五", 3250), ("一万二", 12000), ("一万零二", 10002),
        ("十万零五百", 100500), ("一千零一万", 10010000), ("一亿二", 120000000), ("一亿零一万零一", 100010001),
        ("3百5", 350), ("1万2", 12000), ("12万", 120000), ("零", 0), ("五", 5),
        ("三四", None), ("百", None), ("一百百", None), ("两十", None), ("三十四十", None), ("", None), ("万一", None),
    ],
)  # fmt: skip
def test_a_quantity_in_words(said: str, number: int | None) -> None:
    assert value(said) == number


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_a_mobile_number_read_aloud_comes_back(number: str) -> None:
    assert display(f"电话是{spoken(number)}，谢谢") == f"电话是{number}，谢谢"


@given(st.from_regex(r"0(10|2[0-9]|[3-9][0-9]{2})-[2-8][0-9]{7}", fullmatch=True))
def test_a_landline_read_aloud_comes_back(number: str) -> None:
    assert display(f"打{spoken(number)}") == f"打{number}"


@given(st.integers(1, 999), st.integers(1, 99), st.integers(1, 20), st.integers(100, 3999))
def test_an_address_read_aloud_comes_back(house: int, block: int, unit: int, room: int) -> None:
    address = f"中山路{house}号{block}号楼{unit}单元{room}室"
    assert display(spoken(address)) == address


@given(st.integers(10, 999_999), st.sampled_from(["元", "块", "块钱"]))
def test_a_sum_read_aloud_comes_back(amount: int, unit: str) -> None:
    said = spoken(f"赔了{amount}元").replace("元", unit)
    assert display(said) == f"赔了{amount}{unit}"


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_read_aloud_comes_back(hour: int, minute: int) -> None:
    assert display(spoken(f"从{hour}:{minute:02d}开始")) == f"从{hour}:{minute:02d}开始"


@given(st.dates(min_value=date(1950, 1, 1), max_value=date(2099, 12, 31)))
def test_a_date_read_aloud_comes_back(day: date) -> None:
    assert display(spoken(f"{day:%Y-%m-%d}到期")) == f"{day.year}年{day.month}月{day.day}日到期"


@given(st.text(alphabet="零一二两三四五六七八九十百千万亿幺点半号楼室块个月日年闽C0135，。 路", max_size=20))
def test_writing_figures_twice_changes_nothing_more(text: str) -> None:
    once = display(text)
    assert display(once) == once


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    display(text)
    figures(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("三楼二女工", "3楼2女工"), ("三十七吨", "37吨"), ("一学期六百", "1学期600"), ("两万", "2万"),
        ("三点半", "3:30"), ("三点二十", "3:20"), ("百分之五", "5%"), ("三点五公里", "3.5公里"), ("等一下", "等1下"),
        ("一千二", "1,200"),
        ("幺五零六零八八三幺零七", "15060883107"), ("十字路口", "10字路口"), ("万一", "万1"), ("百宏", "百宏"),
    ],
)  # fmt: skip
def test_texts_that_differ_in_how_numbers_are_written_compare_equal(one: str, other: str) -> None:
    assert figures(one) == figures(other)
