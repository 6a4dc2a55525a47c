"""How numbers are read aloud in Mandarin: digits become characters before the voice sees them.

A number is said in one of two ways: as a quantity (三百二十元), or digit by digit (幺幺九, 二零二六年). Which one
follows from what stands around it: years, telephone numbers, rooms, buses and ticket numbers go digit by digit.
"""

import re
from collections.abc import Callable

_DIGITS = "零一二三四五六七八九"
#: On the telephone 1 is said yāo, so that nobody takes it for 七.
_PHONE = _DIGITS.replace("一", "幺")
_SMALL = ("", "十", "百", "千")
_LARGE = ("", "万", "亿", "万亿")
#: Numbers that people dial, three digits long: never quantities unless a measure word follows.
_DIALLED = frozenset({"110", "112", "114", "119", "120", "122", "999"})
#: 12345 is known by its row of digits, and said with 一 everywhere.
_BY_ROW = frozenset({"12345"})

#: What is counted: with these 2 is 两, and any number is a quantity.
_COUNTED = (
    "个|位|名|人(?!社)|次|天|小时|钟头|分钟|秒钟|周|星期|条|件|台|辆|只|张|间|家|户|口|块|元|角|米|吨|层楼|平方米|平方|公里|公斤|千米|"
    "千克|克|升|毫米|厘米|瓶|桶|袋|箱|份|把|棵|头|匹|艘|架|座|栋楼|盏|扇|根|股|群|批|场|趟|部|岁|倍|种|组|队|支|排|段|年前|年后|年内|"
    "个月|点钟|点半|伏|千伏|瓦|千瓦|分贝|千帕"
)
#: Where 2 stays 二 and the number is a quantity all the same.
_ORDERED = "栋|幢|座|楼|层|单元|期|区|组|年级|班|级|月|日|度|摄氏度|分|秒|点|年|号|千|百|万|亿"
#: Rooms, buses and roads are named by their digits from three digits on.
_NAMED = "室|房|路|线|国道|省道|县道|号房|号室|包厢|教室|病房"
#: Written units and how they are said.
_UNITS = {
    "℃": "摄氏度",
    "°C": "摄氏度",
    "㎡": "平方米",
    "m²": "平方米",
    "km": "公里",
    "kg": "公斤",
    "cm": "厘米",
    "mm": "毫米",
    "m": "米",
    "kV": "千伏",
    "V": "伏",
    "kW": "千瓦",
    "dB": "分贝",
    "kPa": "千帕",
}
#: Not the end of a plate or a ticket's number: there a letter stands before the figures, or behind.
_UNIT = re.compile(
    rf"(?<![A-Za-z\d.])(\d+(?:\.\d+)?)\s*({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})"
    r"(?![A-Za-z\d])"
)
_SPEED = re.compile(r"(?<![A-Za-z\d.])(\d+(?:\.\d+)?)\s*km/h(?![A-Za-z\d])")
_WIDE = str.maketrans("０１２３４５６７８９％：．－～", "0123456789%:.-~")


def digit_by_digit(number: str, *, phone: bool = False) -> str:
    """``110`` → 一一零, or 幺幺零 as on the ``phone``; characters that are no digits are left out."""
    table = _PHONE if phone else _DIGITS
    return "".join(table[int(c)] for c in number if c.isascii() and c.isdigit())


def quantity(number: int) -> str:
    """A whole number below 10**16 as it is counted: 10 → 十, 105 → 一百零五, 20000 → 两万."""
    if number == 0:
        return "零"
    if number >= 10**16:
        return digit_by_digit(str(number))
    groups: list[str] = []
    rest, place, gap = number, 0, False
    while rest:
        rest, group = divmod(rest, 10_000)
        if group:
            text = _below_ten_thousand(group)
            if place and text == "二":
                text = "两"
            if gap and groups:
                groups[0] = "零" + groups[0]
            groups.insert(0, text + _LARGE[place])
        # A hole of zeros is said once, before the next figure below it.
        gap = bool(groups) and (group < 1000 if group else True)
        place += 1
    said = "".join(groups)
    return said[1:] if said.startswith("一十") else said


def spoken(text: str) -> str:
    """``text`` with every number written out as it is said; everything else stays as it is."""
    text = text.translate(_WIDE)
    text = _SPEED.sub(r"每小时\1公里", text)
    text = _UNIT.sub(lambda found: found[1] + _UNITS[found[2]], text)
    for pattern, reading in _RULES:
        text = pattern.sub(reading, text)
    return text


def _below_ten_thousand(number: int) -> str:
    said, hole = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if not digit:
            hole = bool(said)
            continue
        word = "两" if digit == 2 and place == 3 else _DIGITS[digit]
        said += ("零" if hole else "") + word + _SMALL[place]
        hole = False
    return said


def _decimal(number: str) -> str:
    whole, _, part = number.replace(",", "").partition(".")
    said = quantity(int(whole))
    return f"{said}点{digit_by_digit(part)}" if part else said


def _counted(match: re.Match[str]) -> str:
    number = match[1]
    return ("两" if number == "2" else _decimal(number)) + match[2]


def _clock(match: re.Match[str]) -> str:
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    said = "两点" if match[1] == "2" else quantity(hour) + "点"
    if not minute and not second:
        return said + "整"
    said += f"{'零' if minute < 10 else ''}{quantity(minute)}分"
    return said + (f"{'零' if second < 10 else ''}{quantity(second)}秒" if second else "")


def _date(match: re.Match[str]) -> str:
    return f"{digit_by_digit(match[1])}年{quantity(int(match[2]))}月{quantity(int(match[3]))}日"


def _below_zero(match: re.Match[str]) -> str:
    return f"零下{_decimal(match[1])}"


def _named(match: re.Match[str]) -> str:
    return digit_by_digit(match[1], phone=True) + match[2]


def _code(match: re.Match[str]) -> str:
    return "".join(digit_by_digit(c, phone=True) or c for c in match[0] if c != "-")


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    if len(groups) == 1 and len(groups[0]) == 11:
        # A mobile number is said in the groups in which people keep it.
        number = groups[0]
        groups = [number[:3], number[3:7], number[7:]]
    return "，".join(digit_by_digit(group, phone=True) for group in groups)


def _bare(match: re.Match[str]) -> str:
    number = match[0]
    if number in _BY_ROW:
        return digit_by_digit(number)
    if number in _DIALLED or len(number) >= 5 or (number.startswith("0") and len(number) > 1):
        return digit_by_digit(number, phone=True)
    return quantity(int(number))


_NUMBER = r"(?<![\d.])(\d+(?:\.\d+)?)"
#: Tried in this order: each takes what the ones before it left as figures.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # Ticket numbers and number plates: letters and figures in one piece.
    (re.compile(r"[A-Za-z]+\d[\dA-Za-z]*(?:-\d+)*|\d+[A-Za-z][\dA-Za-z]*"), _code),
    (re.compile(r"(?<!\d)([12]\d{3})[-/.](\d{1,2})[-/.](\d{1,2})(?![\d.])"), _date),
    (re.compile(r"(?<!\d)(\d{4})(?=年(?!前|后|内|级)|\s*[-~至到]\s*\d{4}年)"), lambda m: digit_by_digit(m[1])),
    (re.compile(r"(?<=[年\d])\s*[-~]\s*(?=\d{1,2}:[0-5]\d)"), lambda m: "到"),
    (re.compile(r"(?<=[零一二三四五六七八九])\s*[-~]\s*(?=[零一二三四五六七八九]{4}年)"), lambda m: "到"),
    (re.compile(r"(?<!\d)([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?!\d)"), _clock),
    (re.compile(r"(?<=\d):(?=\d)"), lambda m: "比"),
    (re.compile(r"(?<=\d)\s*[×*]\s*(?=\d)"), lambda m: "乘"),
    (re.compile(r"(?<=[\d零幺一二三四五六七八九])\+(?=\d)"), lambda m: "加"),
    # Counted by an order, 2 stays 二: 第二次.
    (re.compile(r"(?<=第)(\d+)"), lambda m: quantity(int(m[1]))),
    (re.compile(r"(?<!\d)(?:0\d{2,3}-\d{7,8}|400-?\d{3}-?\d{4}|1[3-9]\d{9})(?!\d)"), _phone),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), lambda m: ""),
    (re.compile(r"(?<![\d.])100%"), lambda m: "百分之百"),
    (re.compile(r"(\d+(?:\.\d+)?)%"), lambda m: f"百分之{_decimal(m[1])}"),
    (re.compile(r"[¥￥](\d+(?:\.\d+)?)"), lambda m: f"{_decimal(m[1])}元"),
    (
        re.compile(r"(?<![\d.])(\d{1,4})/(\d{1,4})(?![\d/])"),
        lambda m: f"{quantity(int(m[2]))}分之{quantity(int(m[1]))}",
    ),
    (re.compile(r"(?<=\d)\s*[~-]\s*(?=\d)"), lambda m: "到"),
    (re.compile(r"(?<![\d\w])-(\d+(?:\.\d+)?)"), _below_zero),
    (re.compile(rf"(?<!\d)(\d{{3,}})({_NAMED})"), _named),
    # 10000, 10086: service numbers of five digits and more.
    (re.compile(r"(?<!\d)(\d{5,})(?=号)"), lambda m: digit_by_digit(m[1], phone=True)),
    (re.compile(rf"(?<![\d.])2(?=[至到]\d+(?:{_COUNTED}))"), lambda m: "两"),
    # An hour of the day, not the point of 2点5.
    (re.compile(r"(?<![\d.])2(?=点(?!\d)|点\d+分)"), lambda m: "两"),
    (re.compile(r"(?<![\d.])2(?=[千万亿])"), lambda m: "两"),
    (re.compile(rf"{_NUMBER}({_COUNTED})"), _counted),
    (re.compile(rf"{_NUMBER}(?={_ORDERED})"), lambda m: _decimal(m[1])),
    (re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])"), lambda m: _decimal(m[0])),
    (re.compile(r"\d+"), _bare),
)
