"""Digits as people say them (幺三八…, 一二零, 三个八, both kinds of digits mixed), and telephone numbers in them."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from asr.words.sounds import syllable

DIGITS = {
    **{str(n): str(n) for n in range(10)},
    **dict(zip("０１２３４５６７８９", "0123456789", strict=True)),
    **dict(zip("〇一二三四五六七八九", "0123456789", strict=True)),
    **dict(zip("零壹贰叁肆伍陆柒捌玖", "0123456789", strict=True)),
    # The field's own names: 幺 1, 两 2, 拐 7, 勾 9, 洞 0.
    "幺": "1", "两": "2", "俩": "2", "仨": "3", "拐": "7", "勾": "9", "洞": "0", "弌": "1", "○": "0",
}  # fmt: skip
#: What recognition writes for a spoken digit; believed only between two sure digits.
_HEARD_AS = {
    "妖": "1", "腰": "1", "要": "1", "吆": "1", "医": "1", "儿": "2", "耳": "2", "而": "2", "山": "3", "散": "3",
    "是": "4", "事": "4", "死": "4", "舞": "5", "午": "5", "武": "5", "无": "5", "流": "6", "留": "6", "溜": "6",
    "陸": "6", "期": "7", "妻": "7", "齐": "7", "吧": "8", "巴": "8", "爸": "8", "酒": "9", "久": "9", "狗": "9",
    "林": "0", "领": "0", "令": "0", "灵": "0", "动": "0", "冻": "0",
}  # fmt: skip
#: Callers breathe and stammer between groups of digits; 刚 is how 杠 is heard.
_PAUSE = re.compile(r"(?:[\s,，、.。·\-—–()（）…杠刚嗯呃额啊]++|然后|那个|再来|后面|接着|转){0,4}$")
_BREATH = " ,，、"
_NUMBER = "".join(DIGITS)
_REPEAT = re.compile(rf"([二三四两俩234])个([{_NUMBER}])")
#: 一直, 一个, 两个: after a number said in full these begin the next word.
_NEXT_WORD = re.compile(r"一[直下起定般样旦会些边共]|[一二两三四五六七八九]个(?![零〇一二三四五六七八九幺])")

#: Syllables that recognition takes a spoken digit for, without tones. One alone means nothing; eleven in a row that
#: make a mobile number are no sentence.
_SYLLABLES = {
    "yao": "1", "yi": "1", "you": "1", "yang": "1", "miao": "1", "er": "2", "ri": "2", "liang": "2", "san": "3",
    "shan": "3", "si": "4", "shi": "4", "ci": "4", "wu": "5", "liu": "6", "niu": "6", "qi": "7", "guai": "7",
    "ba": "8", "jiu": "9", "gou": "9", "ling": "0", "lin": "0", "dong": "0",
}  # fmt: skip
#: What 幺 at the beginning of a number is taken for, besides.
_BEGINS_ONE = frozenset("ao lao niao zao zhao jiao qiao xiao rao gao hao yue ya yong".split())  # noqa: SIM905
_MOBILE_DIGITS = 11
#: A number said twice, digit by digit; without a bound a long text of single digits would take for ever.
_MOST_PIECES = 2 * _MOBILE_DIGITS

_MOBILE = re.compile(r"(?:0086|86)?0?(1[3-9]\d{9})")
_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})[2-9]\d{6,7}")
_SERVICE = re.compile(r"[48]00\d{7}")
_LOCAL = re.compile(r"[2-8]\d{6,7}")

#: Words beside which a row of digits is a telephone number.
CUE = re.compile(r"电话|手机|号码|座机|固话|打我|打这个|打给我|联系|拨|回我|回电|找我|我的号|我这个号")


@dataclass(frozen=True)
class Digits:
    """One run of digits without a pause: ``text[start:end]``."""

    digits: str
    start: int
    end: int


@dataclass(frozen=True)
class Phone:
    """A telephone number: digits only, and where it was said."""

    number: str
    kind: Literal["mobile", "landline", "local", "service"]
    start: int
    end: int


@lru_cache(maxsize=4096)
def runs(text: str) -> tuple[Digits, ...]:
    """Every run of spoken or written digits, from one digit on."""
    found: list[Digits] = []
    digits, start, i = "", 0, 0
    while i <= len(text):
        taken, piece = _digits_at(text, i, bool(digits))
        if taken:
            start = start if digits else i
            digits += piece
            i += taken
            continue
        if digits:
            found.append(Digits(digits, start, i))
            digits = ""
        i += 1
    return tuple(found)


def _digits_at(text: str, i: int, inside: bool) -> tuple[int, str]:
    """(characters used, digits) of the number word at ``i``; (0, "") where there is none."""
    if i >= len(text):
        return 0, ""
    repeat = _REPEAT.match(text, i)
    if repeat and (inside or _touches_digits(text, repeat.end()) or _in_number(text, i, repeat.end())):
        return repeat.end() - i, DIGITS[repeat[2]] * int(DIGITS[repeat[1]])
    if inside and _NEXT_WORD.match(text, i):
        return 0, ""
    sure = DIGITS.get(text[i])
    if sure is not None:
        return 1, sure
    loose = _HEARD_AS.get(text[i])
    if loose and inside and text[i - 1] in DIGITS and i + 1 < len(text) and text[i + 1] in DIGITS:
        return 1, loose
    return 0, ""


def _in_number(text: str, start: int, end: int) -> bool:
    """Said between breaths of a number: 幺三四，三个五，七八."""
    before, after = text[max(0, start - 3) : start].rstrip(_BREATH), text[end : end + 4].lstrip(_BREATH)
    said, coming = (sum(char in DIGITS for char in part) for part in (before[-2:], after[:2]))
    return before[-1:] in DIGITS and (said + coming > 2 or (said == 2 and not after))


def _touches_digits(text: str, i: int) -> bool:
    return i + 1 < len(text) and text[i] in DIGITS and text[i + 1] in DIGITS


def spoken_digits(text: str) -> str:
    """``text`` with every digit word of a run of two or more written as Arabic digits."""
    shown, at = "", 0
    for run in runs(text):
        if len(run.digits) > 1:
            shown += text[at : run.start] + run.digits
            at = run.end
    return shown + text[at:]


def phones(text: str, *, by_sound: bool = True) -> tuple[Phone, ...]:
    """Telephone numbers in the order they were said.

    Groups divided by a breath are one number; a group that completes none is passed over. Seven or eight digits without
    an area code count only beside a word such as 电话. ``by_sound``: also mobile numbers with digits written as words.
    """
    pieces = runs(text)
    found: list[Phone] = []
    i = 0
    while i < len(pieces):
        for j in range(min(len(pieces), i + _MOST_PIECES), i, -1):
            joined = "".join(p.digits for p in pieces[i:j])
            if len(joined) > 15 and j > i + 1:
                continue
            if not all(
                _PAUSE.match(text[a.end : b.start]) for a, b in zip(pieces[i:j], pieces[i + 1 : j], strict=False)
            ):
                continue
            made = _phone(joined, text, pieces[i].start, pieces[j - 1].end)
            if made:
                found.append(made)
                i = j
                break
        else:
            i += 1
    return _with_sounding(text, found) if by_sound else tuple(found)


def _with_sounding(text: str, found: list[Phone]) -> tuple[Phone, ...]:
    """Besides ``found``, mobile numbers with digits written as words that sound alike (要三八五酒五零…).

    A part of such a number may look like a local one, or like 800 and its seven digits: then the mobile number holds.
    """
    sure = [phone for phone in found if phone.kind != "local" and not phone.number.startswith("8")]
    made = [phone for group in sounding(text) if len(group) >= _MOBILE_DIGITS - 1 and (phone := _mobile(text, group))]
    made = [new for new in made if not any(new.start < old.end and old.start < new.end for old in sure)]
    left = [old for old in found if not any(new.start < old.end and old.start < new.end for new in made)]
    return tuple(sorted([*left, *made], key=lambda phone: phone.start))


def sounding(text: str) -> list[list[Digits]]:
    """Stretches of single digits, sure or by their sound alone, with no more than a breath between two."""
    groups: list[list[Digits]] = [[]]
    for i, char in enumerate(text):
        digit = sounds_like(char)
        if not digit:
            continue
        if groups[-1] and not _PAUSE.match(text[groups[-1][-1].end : i]):
            groups.append([])
        groups[-1].append(Digits(digit, i, i + 1))
    return [trimmed for group in groups if (trimmed := _trimmed(text, group))]


def _trimmed(text: str, group: list[Digits]) -> list[Digits]:
    """Without one or two words behind the last breath that only sound like digits: …五零零零，要是你们来."""
    for size in (1, 2):
        tail = group[-size:]
        breath = len(group) > size and tail[0].start > group[-size - 1].end
        if breath and not any(text[item.start] in DIGITS for item in tail):
            return group[:-size]
    return group


def _mobile(text: str, group: list[Digits]) -> Phone | None:
    """The mobile number in ``group``: all of it, or all but words at its ends that only sound like digits."""
    for first in range(len(group)):
        for last in range(len(group), first, -1):
            if last - first == _MOBILE_DIGITS:
                digits = "".join(item.digits for item in group[first:last])
                if _MOBILE.fullmatch(digits):
                    return Phone(digits, "mobile", group[first].start, group[last - 1].end)
            if text[group[last - 1].start] in DIGITS:
                break
        if text[group[first].start] in DIGITS:
            break
    start = group[0].start
    if len(group) == _MOBILE_DIGITS - 1 and start and syllable(text[start - 1]) in _BEGINS_ONE:
        digits = "1" + "".join(item.digits for item in group)
        if _MOBILE.fullmatch(digits):
            return Phone(digits, "mobile", start - 1, group[-1].end)
    return None


@lru_cache(maxsize=8192)
def sounds_like(char: str) -> str:
    """The digit that a character is, or sounds like; empty for others."""
    return DIGITS.get(char) or _SYLLABLES.get(syllable(char), "")


def _phone(digits: str, text: str, start: int, end: int) -> Phone | None:
    if match := _MOBILE.fullmatch(digits):
        return Phone(match[1], "mobile", start, end)
    if len(digits) == 22 and digits[:11] == digits[11:] and _MOBILE.fullmatch(digits[:11]):
        return Phone(digits[:11], "mobile", start, end)
    if _LANDLINE.fullmatch(digits):
        return Phone(digits, "landline", start, end)
    if _SERVICE.fullmatch(digits):
        return Phone(digits, "service", start, end)
    if _LOCAL.fullmatch(digits) and CUE.search(text[max(0, start - 12) : start]):
        return Phone(digits, "local", start, end)
    return None
