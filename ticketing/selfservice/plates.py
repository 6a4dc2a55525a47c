"""Number plates as callers say them and recognition writes them: 闽C一二三四五, 民C12345, 闽吸幺二三四五. Pure.

Words are read as a plate's parts (province, letter, five or six characters) in every way in which they can be, by sign
or by sound; each part that is only heard alike costs. The cheapest reading holds, and only where no other plate is as
cheap: a stranger must not be rung because of a guess.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from asr.words.digits import DIGITS, sounds_like
from asr.words.sounds import fold, is_han, syllable
from triage.words import plain

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_NAMES = {
    "北京": "京", "天津": "津", "上海": "沪", "重庆": "渝", "河北": "冀", "河南": "豫", "云南": "云", "辽宁": "辽",
    "黑龙江": "黑", "湖南": "湘", "安徽": "皖", "山东": "鲁", "新疆": "新", "江苏": "苏", "浙江": "浙", "江西": "赣",
    "湖北": "鄂", "广西": "桂", "甘肃": "甘", "山西": "晋", "内蒙古": "蒙", "陕西": "陕", "吉林": "吉", "福建": "闽",
    "贵州": "贵", "广东": "粤", "青海": "青", "西藏": "藏", "四川": "川", "宁夏": "宁", "海南": "琼",
}  # fmt: skip
#: GA 36-2018: no I and no O; an energy letter of new-energy plates first (small cars) or last (large ones).
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_ENERGY = "ABCDEFGHJK"
_USUAL = re.compile(rf"[{LETTERS}0-9]{{5}}")
_SMALL = re.compile(rf"[{_ENERGY}][{LETTERS}0-9][0-9]{{4}}")
_LARGE = re.compile(rf"[0-9]{{5}}[{_ENERGY}]")
#: Trailers, learners, police, cars from Hong Kong and Macao: four characters and this one.
_ENDS = "挂学警港澳"
_ENDED = re.compile(rf"[{LETTERS}0-9]{{4}}[{_ENDS}]")
#: Letters of a plate besides its first: a row of more is no plate that is issued.
_MOST_LETTERS = 2

#: How letters are called, in syllables; what recognition makes of them is any characters of that sound.
_CALLED: dict[str, tuple[str, ...]] = {
    "A": ("ei", "ai"), "B": ("bi",), "C": ("xi", "sei", "sai"), "D": ("di",), "E": ("yi",), "F": ("ai fu", "e fu"),
    "G": ("ji",), "H": ("ai qi", "ai qu", "ai chi", "e chi", "ei chi"), "J": ("jie", "zhei"), "K": ("kai", "kei"),
    "L": ("ai le", "ai lou", "ai lu", "ai er", "e le"), "M": ("ai mu", "ai me", "ai mo", "e mu"), "N": ("en", "ai en"),
    "P": ("pi",), "Q": ("qiu", "kou"), "R": ("a er",), "S": ("ai si", "ai shi", "e si"), "T": ("ti",), "U": ("you",),
    "V": ("wei",), "W": ("da bu liu", "da bo liu", "da bu le", "da bu lou"),
    "X": ("ai ke si", "a ke si", "e ke si", "cha"), "Y": ("wai",), "Z": ("zei", "zai"),
}  # fmt: skip
#: Said between the parts of a plate, and meaning nothing.
_PAUSES = ("那个", "然后", "就是", "后面", "再来", "接着", *" ，,、。.·…-—－\t嗯呃额杠点")
#: Between the head and the rest, besides.
_BEFORE_REST = ("开头", "打头", "的", "是", "牌", "车牌", "车")
#: Words of every sentence that sound like figures: believed only between two sure ones.
_PARTICLES = frozenset("吧是事要有用让")
#: What counts other things than a plate's figures.
_MEASURE = re.compile(
    r"[0-9零〇一二三四五六七八九十两幺]*(?:号|栋|幢|楼|室|层|个|辆|台|部|点|分|天|小时|年|月|日|米|次|遍)"
)
_REPEAT = re.compile(r"([二三四五两俩2345])个(.)")
#: 我再说一遍, 不对: what was said before does not hold.
_CORRECTED = re.compile("不对|不是|错了|说错|更正|应该是|再说一[遍次]|重新说|重来")
#: CBA的C, 东西的西, 大写的C: which letter was meant, said once more.
_SPELLED = re.compile(
    rf"(?<=([{LETTERS}]))[，, ]*(?:就是|是)?(?:[A-Z]{{2,5}}|[一-鿿]{{2,3}})的(?:\1|[一-鿿](?![A-Z]))[，, ]*"
)
_WHICH = re.compile(r"(?:福建|闽南|闽江|闽侯)的(?=闽)")
_START = re.compile(r"(?:^|[，,。、 ：:]|牌|号|码|是|车)$")
#: Most that may be only heard alike, and the fewest figures that must be sure.
_MOST_COST, _LEAST_SURE = 4, 3
#: Characters that are looked at, the latest: half a minute of speech.
_HEARD = 120


@dataclass(frozen=True)
class _Part:
    """One reading of ``text[at:end]``."""

    kind: Literal["province", "letter", "figure"]
    sign: str
    end: int
    #: Read by its sound alone.
    heard: bool = False


@dataclass(frozen=True)
class _Reading:
    plate: str
    cost: int
    start: int
    end: int


def _sound(words: str) -> tuple[str, ...]:
    return tuple(fold(one) for one in words.split())


_LETTER_SOUNDS = {_sound(called): letter for letter, ways in _CALLED.items() for called in ways}
_LONGEST = max(map(len, _LETTER_SOUNDS))
_BY_SOUND: dict[str, set[str]] = defaultdict(set)
for _char in PROVINCES:
    _BY_SOUND[fold(syllable(_char))].add(_char)


def valid(plate: str) -> bool:
    """Whether this is a plate as they are issued: 闽C12345, 闽CD12345, 闽C12345D, 闽C1234学."""
    head, rest = plate[:2], plate[2:]
    if len(head) != 2 or head[0] not in PROVINCES or head[1] not in LETTERS:
        return False
    if _ENDED.fullmatch(rest):
        rest = rest[:-1]
    elif not (_USUAL.fullmatch(rest) or _SMALL.fullmatch(rest) or _LARGE.fullmatch(rest)):
        return False
    return sum(c in LETTERS for c in rest) <= _MOST_LETTERS


def read_plate(words: str, local: str = "") -> str | None:
    """The one plate in ``words``; None where there is none, or where it is not clear which.

    ``local``: head of the plates of this city (闽C), whose province, or all of it, callers leave out.
    """
    text = _WHICH.sub("", _SPELLED.sub("", plain(words[-_HEARD:]).upper()))
    for name, sign in _NAMES.items():
        text = re.sub(rf"{name}(?:的)?(?:{sign})?(?=[{LETTERS}])|{name}(?={sign})", sign, text)
    said = _CORRECTED.split(text)
    found = sorted(_readings(said[-1], local), key=lambda reading: reading.cost)
    if not found:
        return None
    best = found[0]
    for other in found:
        apart = other.end <= best.start or best.end <= other.start
        if other.plate != best.plate and (other.cost <= best.cost or apart):
            return None
    return best.plate


def _readings(text: str, local: str) -> Iterator[_Reading]:
    for start in range(len(text)):
        for part in _parts(text, start):
            if part.kind == "province":
                for letter, cost in _letters(text, part, local):
                    yield from _rest(text, start, letter.end, part.sign + letter.sign, cost)
            elif part.kind == "letter" and local and _may_begin(text[:start], part, local):
                yield from _rest(text, start, part.end, local[0] + part.sign, 1 + part.heard)


def _may_begin(before: str, letter: _Part, local: str) -> bool:
    """Whether a plate without its province may begin with this letter, behind ``before``.

    Not behind a letter, a province or what may have been one; by its sound only the city's own letter, behind a pause.
    """
    last = before[-1:]
    if last and (last in LETTERS + PROVINCES or (is_han(last) and fold(syllable(last)) in _BY_SOUND)):
        return False
    return not letter.heard or (letter.sign == local[1] and _START.search(before) is not None)


def _letters(text: str, province: _Part, local: str) -> Iterator[tuple[_Part, int]]:
    for part in _parts(text, _skipped(text, province.end, ("省", "的"))):
        if part.kind == "letter":
            # Of two parts heard alike only the city's own head is believed.
            if province.heard and part.heard and province.sign + part.sign != local:
                continue
            yield part, province.heard + part.heard


def _rest(text: str, start: int, at: int, head: str, cost: int) -> Iterator[_Reading]:
    """Every plate that begins with ``head`` and goes on at ``at``."""
    for rest, sure, end, more in _bodies(text, _skipped(text, at, _BEFORE_REST), "", 0, 0):
        plate = head + rest
        if valid(plate) and sure >= _LEAST_SURE and cost + more <= _MOST_COST and not _goes_on(text, end):
            yield _Reading(plate, cost + more, start, end)


def _bodies(text: str, at: int, rest: str, sure: int, cost: int) -> Iterator[tuple[str, int, int, int]]:
    """(characters, how many of them sure, end, cost) of all rows of characters from ``at`` on."""
    if len(rest) >= 4:
        if at < len(text) and text[at] in _ENDS and len(rest) == 4:
            yield rest + text[at], sure + 1, at + 1, cost
        yield rest, sure, at, cost
    if len(rest) >= 6 or cost > _MOST_COST:
        return
    begin = _skipped(text, at)
    if not rest or begin == at or not _MEASURE.match(text, begin):
        for part in _parts(text, begin):
            if part.kind == "province" or (
                part.heard and part.kind == "figure" and not _between(text, begin, part.end)
            ):
                continue
            # A letter between figures is more seldom said than misheard.
            price = 0 if not part.heard else 2 if part.kind == "letter" else 1
            known = 0 if part.heard else len(part.sign)
            yield from _bodies(text, part.end, rest + part.sign, sure + known, cost + price)


def _between(text: str, at: int, end: int) -> bool:
    """Whether what only sounds like a figure may be one here."""
    before, after = text[:at].rstrip(" ，,")[-1:], text[end:].lstrip(" ，,")[:1]
    if text[at] in _PARTICLES:
        return before in DIGITS and after in DIGITS
    return before in DIGITS or after in DIGITS


def _goes_on(text: str, end: int) -> bool:
    """Whether another sure character follows: then this is not all of what was said."""
    at = _skipped(text, end)
    if at > end and _MEASURE.match(text, at):
        return False
    return at < len(text) and (text[at] in DIGITS or text[at] in LETTERS or text[at] in "IO")


def _skipped(text: str, at: int, more: Iterable[str] = ()) -> int:
    words = (*_PAUSES, *more)
    while found := next((word for word in words if text.startswith(word, at)), ""):
        at += len(found)
    return at


def _parts(text: str, at: int) -> Iterator[_Part]:
    """Every part that may begin at ``at``."""
    if at >= len(text):
        return
    char = text[at]
    if char in PROVINCES:
        yield _Part("province", char, at + 1)
    if char in LETTERS:
        yield _Part("letter", char, at + 1)
    if (repeat := _REPEAT.match(text, at)) and (sign := DIGITS.get(repeat[2])):
        yield _Part("figure", sign * int(DIGITS[repeat[1]]), repeat.end())
    elif char in DIGITS:
        yield _Part("figure", DIGITS[char], at + 1)
    elif char in "IO":
        # No letter of a plate: the figure that looks like it.
        yield _Part("figure", "1" if char == "I" else "0", at + 1, heard=True)
    elif is_han(char) and (sign := sounds_like(char)):
        yield _Part("figure", sign, at + 1, heard=True)
    if not is_han(char):
        return
    if char not in PROVINCES:
        for sign in _BY_SOUND.get(fold(syllable(char)), ()):
            yield _Part("province", sign, at + 1, heard=True)
    heard: tuple[str, ...] = ()
    for end in range(at, min(at + _LONGEST, len(text))):
        if not is_han(text[end]):
            break
        heard = (*heard, fold(syllable(text[end])))
        if letter := _LETTER_SOUNDS.get(heard):
            yield _Part("letter", letter, end + 1, heard=True)
