"""Numbers written as people read them: 幺三八，五九五零，幺二三四 → 13859501234, 三百五十块 → 350块, 三点半 → 3:30.

Only what is surely a figure is changed. 一下, 一个, 十字路口, 五一路, 七匹狼 stay, and so does every small count:
三个人 is as easy to read as 3个人.
"""

import re
from collections.abc import Callable

from asr.words.digits import DIGITS, Phone, phones

_ONES = "零〇一二三四五六七八九幺0-9"
_CHARS = f"{_ONES}两十百千万亿"
_RUN = re.compile(rf"[{_CHARS}]+")
_HAN = re.compile(r"[零〇一二三四五六七八九幺两十百千万亿]")
_UNIT = re.compile(r"[十百千万亿]")
#: Around what is written already: nothing may grow together with it. Stands in no text and is taken out at the end.
_DONE = "\0"
#: What one pass wrote may be part of a shape for the next: 0点一幺, 0点11, 0:11.
_PASSES = 4

_SECTION = re.compile(
    r"(?:([一二两三四五六七八九1-9])千)?(?:(零)?([一二两三四五六七八九1-9])百)?"
    r"(?:(零)?([一二三四五六七八九1-9])?(十))?(?:(零|〇)?([一二三四五六七八九1-9]))?"
)

#: Behind these a quantity of ten and more is a figure. 十分 (very), 十字 and 十里 are words.
_MEASURE = re.compile(
    r"(?:多|来|余)?(?:个|位|名|人|次|天|小时|钟头|分钟|秒|周|星期|条|件|台|辆|只|张|间|家|户|口|块|元|角|毛|米|吨|层|平方|平米|"
    r"公里|公斤|千米|千克|斤|升|毫米|厘米|瓶|桶|袋|箱|盒|包|份|把|棵|头|艘|架|盏|扇|根|股|群|批|场|趟|部|岁|倍|种|套|支|排|段|年|"
    r"月|日|度|级|届|号|楼|栋|幢|单元|页|班|伏|瓦|安|本|万|多|余|路(?:公交|车)|平(?![安时常均坦])|度)"
)
#: A round number that stands alone is believed where a word ends.
_ENDS = re.compile(r"$|[，。！？、；,.!?;\s吗吧呢啊了的都就才还没给以左上下不到]")
#: Floors, houses and rooms: a figure even when it is small.
_HOUSE = re.compile(r"号(?!码)|楼|单元")
_ROOM = re.compile(r"室|房|号|路|座|栋|幢|楼|单元|单|班|年")
_TOLD = re.compile(r"(?:尾号|后四位|密码|门牌)是?$")
#: 正月十五, 初十, 第三, 几十: the number belongs to a word.
_OF_A_WORD = re.compile(r"(?:第|几|数|初|正月|腊月|月|大年|星期|周|礼拜)$")
#: What follows the point of a figure belongs to it: the 1万 of 1.1万.
_OF_A_FIGURE = re.compile(r"\d[.:]$")
#: National short numbers (and the emergency ones), said with 一 as well as with 幺.
_DIALLED = re.compile(
    r"1(?:1[0249]|2[02]|00\d\d|2110|2119|2123|2306|231[58]|232[89]|2333|234[58]|235[56]|2366|2369|237[1-8]|238\d|239[58])|"
    r"999|95598|95119|96110"
)
_DAY = "凌晨|早上|早晨|清晨|上午|中午|下午|傍晚|晚上|夜里|半夜|今晚|昨晚|明晚|今早|明早|昨天|今天|明天"
_HOUR = r"二十[一二三四]?|十[一二三四五六七八九]?|[零一二两三四五六七八九]|2[0-4]|1\d|\d"
_MINUTE = r"零[一二三四五六七八九]|[二三四五]十[一二三四五六七八九]?|十[一二三四五六七八九]?|[0-5]\d"
_BEFORE = rf"(?<![{_CHARS}.:点])"
_NUMBER = rf"[{_CHARS}]+"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def value(said: str) -> int | None:
    """A well-formed whole number in words, or figures with one unit (两千, 一万二, 3百5, 十五); None for all else."""
    head, big, tail = said.rpartition("亿")
    if big:
        high = value(head)
        low = _below(tail, 10**8)
        return None if high is None or low is None else high * 10**8 + low
    head, big, tail = said.rpartition("万")
    if big:
        high = int(head) if head.isdecimal() and head.isascii() else _section(head)
        low = _below(tail, 10**4)
        return None if not high or low is None else high * 10**4 + low
    return _section(said)


def _below(tail: str, unit: int) -> int | None:
    """What follows 万 or 亿: 一万二 is twelve thousand, 一万零二 ten thousand and two."""
    if not tail:
        return 0
    if len(tail) == 1 and tail in DIGITS:
        return int(DIGITS[tail]) * unit // 10
    return value(tail.lstrip("零〇"))


def _section(said: str) -> int | None:
    if said in ("零", "〇"):
        return 0
    if said == "两":
        return 2
    match = _SECTION.fullmatch(said)
    if not said or match is None:
        return None
    thousands, gap_hundreds, hundreds, gap_tens, tens, ten, gap_ones, ones = match.groups()
    if gap_hundreds or (gap_tens and not (thousands or hundreds)):
        return None
    number = _digit(thousands) * 1000 + _digit(hundreds) * 100 + (_digit(tens) or 1 if ten else 0) * 10
    if ones is None:
        return number
    short = not ten and not gap_ones
    return number + _digit(ones) * (10 if short and hundreds else 100 if short and thousands else 1)


def _digit(character: str | None) -> int:
    return int(DIGITS[character]) if character else 0


def display(text: str) -> str:
    """``text`` with its numbers as figures: telephone and house numbers, sums, times, dates, plates, percentages.

    Doing it twice changes nothing more.
    """
    for _ in range(_PASSES):
        made = _display(text)
        if made == text:
            break
        text = made
    return text


def _display(text: str) -> str:
    # (0595)8566…: the bracket goes with the area code.
    text = re.sub(r"[(（](0\d{2,3})[)）]", r"\1-", text)
    shown, at = "", 0
    for phone in phones(text):
        shown += _rest(text[at : phone.start]) + _written(phone)
        at = phone.end
    return shown + _rest(text[at:])


def figures(text: str) -> str:
    """Every number of ``text`` in Arabic figures, in words too (一下 → 1下): for comparing texts, not for people."""
    text = re.sub(r"百分之百", "100%", text)
    text = re.sub(rf"百分之({_NUMBER})", r"\1%", text)
    text = re.sub(r"(?<=\d)[:：](?=\d\d)", "点", text)
    text = re.sub(rf"(?<=[{_CHARS}]点)半", "30", text)
    text = re.sub(r"(?<=\d)\.(?=\d)", "点", text)
    text = re.sub(r"(?<=\d)[,，](?=\d{3}(?!\d))", "", text)
    return _RUN.sub(lambda match: _bare(match[0]), text)


def _bare(run: str) -> str:
    if not _UNIT.search(run):
        return "".join(DIGITS[c] for c in run)
    number = value(run)
    if number is not None:
        return str(number)
    # Two numbers side by side, or an idiom: the longest numbers from the left, else character by character.
    for end in range(len(run) - 1, 0, -1):
        if (number := value(run[:end])) is not None:
            return str(number) + _bare(run[end:])
    return DIGITS.get(run[0], run[0]) + (_bare(run[1:]) if len(run) > 1 else "")


def _written(phone: Phone) -> str:
    number = phone.number
    if phone.kind == "landline":
        area = 3 if number[1] in "12" else 4
        return f"{number[:area]}-{number[area:]}"
    return f"{number[:3]}-{number[3:6]}-{number[6:]}" if phone.kind == "service" else number


def _rest(text: str) -> str:
    for pattern, write in _SHAPES:
        text = pattern.sub(lambda match, write=write: _DONE + write(match) + _DONE, text)  # type: ignore[misc]
    text = _RUN.sub(_run, text)
    return text.replace(_DONE, "")


def _run(match: re.Match[str]) -> str:
    """One stretch of number words, judged by what stands around it."""
    run, before, after = match[0], match.string[: match.start()], match.string[match.end() :]
    if not _HAN.search(run) or after.startswith(("分之", "点" + _DONE)) or _OF_A_FIGURE.search(before):
        return run
    if _UNIT.search(run):
        return _quantity(run, before, after)
    digits = "".join(DIGITS[c] for c in run)
    if len(run) == 1:
        small = run in "一二三四五六七八九" and not _OF_A_WORD.search(before)
        return digits if small and _HOUSE.match(after) else run
    return digits if _is_row(run, digits, before, after) else run


def _is_row(run: str, digits: str, before: str, after: str) -> bool:
    """Digit by digit: a short number, a room, a year, or simply long. 五一路, 三三两两 and 七八个 are not."""
    if "两" in run:
        return False
    if re.search(r"\d", run):
        return len(run) >= 7
    if "幺" in run or _DIALLED.fullmatch(digits) or len(run) >= 5:
        return True
    if re.search("[零〇]", run):
        return len(run) >= 3
    if after.startswith("路"):
        return False
    return len(run) >= 3 and bool(_ROOM.match(after) or _TOLD.search(before))


def _quantity(run: str, before: str, after: str) -> str:
    number = value(run)
    if number is None or number < 10 or re.fullmatch(r"\d+[万亿]", run) or _OF_A_WORD.search(before):
        return run
    if run[0] in "百千万亿":
        return run
    counted = _MEASURE.match(after) is not None
    if not counted and (number < 100 or not _ENDS.match(after)):
        return run
    return _arabic(number)


def _arabic(number: int) -> str:
    """Millions are easier to read in units of 万 and 亿, as they are said."""
    if number >= 10**8 and number % 10**8 == 0:
        return f"{number // 10**8}亿"
    return f"{number // 10**4}万" if number >= 10**6 and number % 10**4 == 0 else str(number)


def _plate(match: re.Match[str]) -> str:
    rest = "".join(DIGITS.get(c, c.upper()) for c in match[3] if c not in " ，,·")
    return f"{match[1]}{match[2].upper()}{rest}"


def _percent(match: re.Match[str]) -> str:
    if match[1] == "百":
        return "100%"
    whole, point, part = match[1].partition("点")
    number = value(whole)
    if number is None:
        return match[0]
    return f"{number}{'.' if point else ''}{''.join(DIGITS[c] for c in part)}%"


def _year(match: re.Match[str]) -> str:
    return "".join(DIGITS[c] for c in match[0])


def _day(match: re.Match[str]) -> str:
    return f"{value(match[1])}月{value(match[2])}"


def _hour(said: str) -> int:
    return int(said) if said.isascii() else value(said) or 0


def _clock(match: re.Match[str]) -> str:
    hour, rest = _hour(match["hour"]), match["rest"]
    if rest.startswith("整"):
        return f"{hour}:00"
    if rest.startswith("半"):
        return f"{hour}:30"
    if rest.endswith("刻"):
        return f"{hour}:{'15' if rest[0] == '一' else '45'}"
    said = rest.rstrip("分")
    minute = int(said) if said.isascii() else value(said.lstrip("零")) or 0
    return f"{hour}:{minute:02d}"


def _oclock(match: re.Match[str]) -> str:
    return f"{match['day'] or ''}{_hour(match['hour'])}点"


def _decimal(match: re.Match[str]) -> str:
    whole = value(match[1])
    return match[0] if whole is None else f"{whole}.{''.join(DIGITS[c] for c in match[2])}"


def _change(match: re.Match[str]) -> str:
    number = value(match[1])
    return match[0] if number is None else f"{number}块{DIGITS[match[2]]}"


def _small_sum(match: re.Match[str]) -> str:
    return str(value(match[0]))


#: Shapes of several parts, tried before single runs; in this order, since each hides what it wrote from the next.
_SHAPES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # 闽C八八K三二: letter, then five or six of letters and figures.
    (re.compile(rf"([{_PROVINCES}])([A-Za-z])((?:[ ，,·]?[A-Za-z{_ONES}]){{5,6}})(?![A-Za-z{_CHARS}])"), _plate),
    (re.compile(rf"百分之(百(?![{_CHARS}])|[{_CHARS}]+(?:点[{_ONES}]+)?)"), _percent),
    (re.compile(r"(?<![零一二三四五六七八九十百千万])[一二][零〇九][零〇一二三四五六七八九]{2}(?=年)"), _year),
    (
        re.compile(
            rf"{_BEFORE}(十[一二]?|[一二三四五六七八九])月([二三]?十[一二三四五六七八九]?|[一二三四五六七八九])(?=日|号)"
        ),
        _day,
    ),
    # 三点半, 十五点二十分, 八点整. Without minutes only behind 下午 and its like, or before 钟: 三点意见 is no time.
    (
        re.compile(
            rf"{_BEFORE}(?P<hour>{_HOUR})点(?P<rest>整|半|[一三]刻|(?:{_MINUTE})(?![{_CHARS}个块元多几万米度])分?)"
        ),
        _clock,
    ),
    (re.compile(rf"(?P<day>{_DAY}){_BEFORE}(?P<hour>{_HOUR})点(?![{_CHARS}])"), _oclock),
    (re.compile(rf"(?P<day>){_BEFORE}(?P<hour>{_HOUR})点(?=钟)"), _oclock),
    (
        re.compile(
            rf"{_BEFORE}([{_CHARS}]+)点([{_ONES}]+)(?=米|公里|吨|度|平方|平米|万|亿|元|块|公斤|斤|升|倍|厘米|毫米|级|兆|个百分点)"
        ),
        _decimal,
    ),
    (re.compile(rf"{_BEFORE}([{_CHARS}]+)块([一二三四五六七八九])(?![{_CHARS}个只条张片])"), _change),
    (re.compile(rf"{_BEFORE}[一二两三四五六七八九](?=[块元]钱)"), _small_sum),
)
