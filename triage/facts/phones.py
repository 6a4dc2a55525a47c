"""The telephone number at which a caller wants to be reached. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from asr.words.digits import CUE, Phone, phones, runs, sounding, sounds_like

_CORRECTED = re.compile(r"不对|不是|错|反了|更正|等等|等一下|应该是|改")
_OTHERS = re.compile(
    r"骗子|对方|他的电话|店家|商家|老板的|客服|来电显示|陌生|卡号|账号|单号|编号|身份证|尾号|车牌|户号|表号|房东的|物业的"
)
#: The call taker gives a number rather than reads one back.
_GIVEN = re.compile(
    r"(?:请|可以|直接|自己|另外|让[他她您你])(?:[您你再先去]){0,2}(?:拨打|咨询|致电|打(?!您|你|给您|给你))[^，。？]{0,8}$"
)
#: 尾号应该是4567: takes the place of the last digits of the number said before.
_ENDING = re.compile(r"(?:尾号|后四位|后面四位|最后四位|末尾|最后|后面)(?:[^，。]{0,3}(?:应该)?(?:是|为))?[，, ]?$")
#: What callers say to themselves or the call taker in the midst of a number.
_ASIDE = re.compile(
    r"等一?[下等](?:啊|哈|哦)?|稍等(?:一下)?|让?我(?:再)?(?:看|想|找|翻)(?:看|想|一?下)|(?:最后|后面)(?:[两三四]个|[两三四]位)(?:数字?)?(?:就?是)?"
)
_LEAD = re.compile(r"^(?:嗯|啊|呃|哦|然后|后面|接着|再来|再是|还有|就是|[是，, ])+")
#: Of a number without area code; two fewer are written where some repeat: 四个八三个六.
_LEAST_DIGITS = 7
#: A row of so many digits and more that is no number, and at most so many edits from the one called from, is that one:
#: recognition loses digits, and hardly anybody leaves another number that is so near.
_LEAST_HEARD, _NEARLY = 8, 3
#: 就打这个电话, 本机, 我现在打的这个号: the number called from, without any digit.
_THIS_ONE = re.compile(
    r"(?:就|是|打|用|回)(?:是|打|用|留)?(?:我)?(?:现在)?(?:打(?:过来)?的)?(?:这个|这)(?:号码?|电话|手机)(?![^，。]{0,3}(?:打不|是|多少))|"
    r"本机(?:号码?)?(?:就|可以|能|联系|吧|$)|来电(?:的)?(?:这个)?号码?就"
)
#: So many utterances may hold one number; what holds no digits between two of them (嗯) is passed over while so short.
_MOST_PIECES, _BACKCHANNEL = 5, 4


@dataclass(frozen=True)
class SaidPhone:
    """A number as said, and in which of the texts."""

    number: str
    #: Index of the text in which it ended, and the words there.
    text: int
    words: str


def callers_phone(texts: Sequence[str]) -> str:
    """The number at which the caller wants to be reached, digits only, or empty: see :func:`said_phone`."""
    said = said_phone(texts)
    return said.number if said else ""


def said_phone(texts: Sequence[str], calling: str = "") -> SaidPhone | None:
    """The number at which the caller wants to be reached; ``calling`` is the one called from, digits only.

    A number introduced as the caller's own wins over one that stands alone, that over one said to be somebody else's;
    among equals the last one: people correct themselves. Numbers said in pieces over several utterances are joined, and
    four last digits that are put right take the place of those said before. Where no whole number was heard, the one
    called from holds if the caller named it (就这个号) or if what was heard is nearly it.
    """
    best: tuple[int, SaidPhone] | None = None
    for at, text in enumerate(texts):
        said: Phone | None = None
        for phone in phones_in(text):
            rank = _rank(text, phone)
            if said and _CORRECTED.search(text[said.end : phone.start]):
                rank = max(rank, _rank(text, said))
            said = phone
            if phone.kind != "service" and (best is None or rank >= best[0]):
                best = (rank, SaidPhone(phone.number, at, text[phone.start : phone.end]))
        if best and (ending := _ending(text, said)):
            number = best[1].number[:-4] + ending
            best = (best[0], SaidPhone(number, at, text))
    found = best[1] if best else _pieced(texts)
    if found is None or len(found.number) < len(calling):
        return _calling(texts, calling) or found
    return found


def _calling(texts: Sequence[str], calling: str) -> SaidPhone | None:
    """The number called from, where the last of ``texts`` that speaks of a number means it."""
    if len(calling) < _LEAST_HEARD:
        return None
    for at, text in reversed(list(enumerate(texts))):
        for group in sounding(text):
            heard = "".join(item.digits for item in group)
            words = text[group[0].start : group[-1].end]
            if len(heard) >= _LEAST_HEARD and Levenshtein.distance(heard, calling) <= _NEARLY:
                return SaidPhone(calling, at, words)
        if this := _THIS_ONE.search(text):
            return SaidPhone(calling, at, this[0])
    return None


def agents_phones(text: str) -> tuple[Phone, ...]:
    """The numbers that the call taker reads back in ``text``; one that the caller is told to ring is none."""
    return tuple(p for p in phones_in(text) if p.kind != "service" and not _GIVEN.search(text[: p.start]))


@lru_cache(maxsize=4096)
def phones_in(text: str) -> tuple[Phone, ...]:
    """Telephone numbers in ``text``; what holds too few digits to be asked is not looked through."""
    least = _LEAST_DIGITS - 2 if "个" in text else _LEAST_DIGITS
    if sum(map(bool, map(sounds_like, text))) < least:
        return ()
    # Blanks of the same length: positions stay.
    return phones(_ASIDE.sub(lambda match: " " * len(match[0]), text))


def _ending(text: str, said: Phone | None) -> str:
    """Four digits that put the end of an earlier number right."""
    if said is not None or len(text) > 40 or not _CORRECTED.search(text):
        return ""
    ends = [r.digits for r in runs(text) if len(r.digits) == 4 and _ENDING.search(text[: r.start])]
    return ends[-1] if ends else ""


def _pieced(texts: Sequence[str]) -> SaidPhone | None:
    """A number said in several utterances one after the other."""
    parts = [(at, _LEAD.sub("", text)) for at, text in enumerate(texts) if len(text) > _BACKCHANNEL or runs(text)]
    for size in range(2, min(_MOST_PIECES, len(parts)) + 1):
        for window in _windows(parts, size):
            if all(any(len(r.digits) >= 2 for r in runs(part)) for _, part in window):
                joined = "，".join(part for _, part in window)
                got = [p for p in phones_in(joined) if p.kind in ("mobile", "landline")]
                if got:
                    at, part = window[-1]
                    digits = [run for run in runs(part) if len(run.digits) > 1]
                    return SaidPhone(got[-1].number, at, part[digits[0].start : digits[-1].end])
    return None


def _windows(parts: Sequence[tuple[int, str]], size: int) -> Iterator[Sequence[tuple[int, str]]]:
    for first in range(len(parts) - size + 1):
        yield parts[first : first + size]


def _rank(text: str, phone: Phone) -> int:
    before = text[max(0, phone.start - 14) : phone.start]
    around = before + text[phone.end : phone.end + 8]
    if _OTHERS.search(before):
        return 0
    return 2 if CUE.search(around) else 1
