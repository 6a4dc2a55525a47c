"""Numbers as callers say them (幺三八…, 一二零, 三个八, both kinds of digits mixed) and telephone numbers in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from triage.words import plain

_DIGITS = {
    **{str(n): str(n) for n in range(10)},
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
#: Callers breathe and stammer between groups of digits.
_PAUSE = re.compile(r"(?:[\s,，、.。·\-—–()（）杠嗯呃额啊]|然后|那个|再来|后面|接着|转){0,4}$")
_NUMBER = "".join(_DIGITS)
_REPEAT = re.compile(rf"([二三四两俩234])个([{_NUMBER}])")

_MOBILE = re.compile(r"(?:0086|86)?0?(1[3-9]\d{9})")
_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})[2-9]\d{6,7}")
_SERVICE = re.compile(r"[48]00\d{7}")
_LOCAL = re.compile(r"[2-8]\d{6,7}")

_CUE = re.compile(r"电话|手机|号码|座机|固话|打我|打这个|打给我|联系|拨|回我|回电|找我|我的号|我这个号")
_CORRECTED = re.compile(r"不对|不是|错|反了|更正|等等|等一下|应该是|改")
_OTHERS = re.compile(
    r"骗子|对方|他的电话|店家|商家|老板的|客服|来电显示|陌生|卡号|账号|单号|编号|身份证|尾号|车牌|户号|表号|房东的|物业的"
)


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


def runs(text: str) -> tuple[Digits, ...]:
    """Every run of spoken or written digits, from one digit on."""
    text = plain(text)
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
    if repeat and (inside or _touches_digits(text, repeat.end())):
        return repeat.end() - i, _DIGITS[repeat[2]] * int(_DIGITS[repeat[1]])
    sure = _DIGITS.get(text[i])
    if sure is not None:
        return 1, sure
    loose = _HEARD_AS.get(text[i])
    if loose and inside and text[i - 1] in _DIGITS and i + 1 < len(text) and text[i + 1] in _DIGITS:
        return 1, loose
    return 0, ""


def _touches_digits(text: str, i: int) -> bool:
    return i + 1 < len(text) and text[i] in _DIGITS and text[i + 1] in _DIGITS


def spoken_digits(text: str) -> str:
    """``text`` with every digit word of a run of two or more written as Arabic digits."""
    shown, at = "", 0
    for run in runs(text):
        if len(run.digits) > 1:
            shown += text[at : run.start] + run.digits
            at = run.end
    return shown + text[at:]


def phones(text: str) -> tuple[Phone, ...]:
    """Telephone numbers in the order they were said.

    Groups divided by a breath are one number; a group that completes none is passed over. Seven or eight digits without
    an area code count only beside a word such as 电话.
    """
    pieces = runs(text)
    found: list[Phone] = []
    i = 0
    while i < len(pieces):
        for j in range(len(pieces), i, -1):
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
    return tuple(found)


def _phone(digits: str, text: str, start: int, end: int) -> Phone | None:
    if match := _MOBILE.fullmatch(digits):
        return Phone(match[1], "mobile", start, end)
    if len(digits) == 22 and digits[:11] == digits[11:] and _MOBILE.fullmatch(digits[:11]):
        return Phone(digits[:11], "mobile", start, end)
    if _LANDLINE.fullmatch(digits):
        return Phone(digits, "landline", start, end)
    if _SERVICE.fullmatch(digits):
        return Phone(digits, "service", start, end)
    if _LOCAL.fullmatch(digits) and _CUE.search(text[max(0, start - 12) : start]):
        return Phone(digits, "local", start, end)
    return None


def callers_phone(texts: Sequence[str]) -> str:
    """The number at which the caller wants to be reached, digits only, or empty.

    A number introduced as the caller's own wins over one that stands alone, that over one said to be somebody else's;
    among equals the last one: people correct themselves. Numbers said in pieces over several utterances are joined.
    """
    best: tuple[int, str] = (-1, "")
    for text in texts:
        said: Phone | None = None
        for phone in phones(text):
            rank = _rank(text, phone)
            if said and _CORRECTED.search(text[said.end : phone.start]):
                rank = max(rank, _rank(text, said))
            said = phone
            if phone.kind != "service" and rank >= best[0]:
                best = (rank, phone.number)
    if not best[1] and len(texts) > 1:
        for size in (2, 3):
            for i in range(len(texts) - size + 1):
                parts = texts[i : i + size]
                joined = "，".join(parts)
                if all(any(len(r.digits) >= 3 for r in runs(part)) for part in parts) and (got := phones(joined)):
                    best = (0, got[-1].number)
    return best[1]


def _rank(text: str, phone: Phone) -> int:
    before = text[max(0, phone.start - 14) : phone.start]
    around = before + text[phone.end : phone.end + 8]
    if _OTHERS.search(before):
        return 0
    return 2 if _CUE.search(around) else 1
