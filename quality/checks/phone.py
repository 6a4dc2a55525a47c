"""Whether the telephone number was read back, or the number called from agreed upon."""

import re
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from asr.words.digits import runs
from quality.checks.dialogue import Dialogue
from quality.checks.findings import Checked
from triage.facts.phones import phones_in, said_phone

#: Digits that were read back as the last ones of the number.
_TAIL = 4
#: A number that differs in so few digits was meant to be the same.
_NEAR = 3
#: A longer answer denies the number only where it speaks of one.
_BRIEF = 10
_OF_A_NUMBER = re.compile(r"\d{2}|[零一二三四五六七八九幺]{2}|号|电话|手机|这个|错|不对|改|换")
_OTHERS = re.compile(
    r"(?:他|她|对方|快递员?|骗子|商家|店家|房东|物业|中介|老板|司机)[^，。]{0,8}(?:电话|号码|手机)|卡号|账号|单号|车牌|身份证"
)


def numbers_in(text: str) -> tuple[str, ...]:
    """Numbers and longer rows of digits of ``text``, those said in groups joined."""
    whole = [phone.number for phone in phones_in(text)]
    groups = [run.digits for run in runs(text) if len(run.digits) >= 2]
    joined = "".join(groups)
    return tuple(
        dict.fromkeys([*whole, *(g for g in groups if len(g) >= _TAIL), *([joined] if len(joined) >= 7 else [])])
    )


def check(dialogue: Dialogue, needed: bool) -> Checked:
    """Read back without being contradicted, or the number called from named by one side and accepted by the other."""
    calling = "".join(c for c in dialogue.call.caller if c.isdigit())
    confirmed: set[str] = set()
    wrong: int | None = None
    near: str = ""
    for i in dialogue.agent:
        read, missed = _read(dialogue, i, calling)
        if read and not _denied(dialogue, i):
            confirmed.add(read)
            wrong = None
        elif missed:
            wrong, near = i, missed
        if not read and _this_one(dialogue, i):
            confirmed.add(calling or "calling")
            wrong = None if near == calling else wrong
    own = _own_number(dialogue, calling)
    open_one = own and own != calling and own not in confirmed
    if confirmed and not open_one and wrong is None:
        return Checked("pass")
    if not needed:
        return Checked("na")
    if wrong is not None:
        reason, turn = "电话复述有误，没有更正", wrong
    elif open_one:
        reason, turn = (
            "来电人报的电话没有复述、确认",
            next(i for i in dialogue.caller if own in numbers_in(dialogue.texts[i])),
        )
    else:
        reason, turn = "没有核对联系电话", -1
    return Checked("fail", (dialogue.finding("phone", "major", reason, label="未确认电话", turn=turn),))


def _denied(dialogue: Dialogue, turn: int) -> bool:
    """The caller contradicts the number of ``turn``, and not something else in a longer turn (不是，他拿着刀…)."""
    answer = dialogue.answer_to(turn) or ""
    return dialogue.denied(turn) and (len(answer) <= _BRIEF or _OF_A_NUMBER.search(answer) is not None)


def _own_number(dialogue: Dialogue, calling: str) -> str:
    """The number that the caller said as his own, or empty."""
    texts = [dialogue.texts[i] for i in dialogue.caller if not _OTHERS.search(dialogue.texts[i])]
    said = _said(tuple(texts), calling)
    at = next((i for i in dialogue.caller if said and said in numbers_in(dialogue.texts[i])), None)
    # A number that the call taker gave and the caller writes down is not his.
    given = at is not None and any(said in numbers_in(dialogue.texts[i]) for i in dialogue.agent if i < at)
    return said if at is not None and (not given or said == calling) else ""


@lru_cache(maxsize=512)
def _said(texts: tuple[str, ...], calling: str) -> str:
    said = said_phone(texts, calling)
    return said.number if said else ""


def _read(dialogue: Dialogue, turn: int, calling: str) -> tuple[str, str]:
    """(number that the call taker reads back in ``turn``, number that he reads wrongly); both may be empty."""
    known = _known(dialogue, turn, calling)
    missed = ""
    for digits in numbers_in(dialogue.texts[turn]):
        for number in known:
            if digits == number or (len(digits) == _TAIL and number.endswith(digits)) or (
                len(digits) > _TAIL and (digits.endswith(number) or (number.endswith(digits) and len(digits) >= 6))
            ):  # fmt: skip
                return number, ""
        if len(digits) >= 10:
            missed = next((n for n in known if Levenshtein.distance(digits, n) <= _NEAR), missed)
    return "", missed


def _known(dialogue: Dialogue, before: int, calling: str) -> list[str]:
    """Numbers that may be the caller's, the latest said first."""
    said = [
        number
        for i in reversed(dialogue.caller)
        if i < before
        for number in numbers_in(dialogue.texts[i])
        if len(number) >= 7 and not _OTHERS.search(dialogue.texts[i])
    ]
    told = "".join(
        n for i in dialogue.caller if i < before for n in ("".join(r.digits for r in runs(dialogue.texts[i])),)
    )
    # Said in two breaths, over two turns: the end of one begun by the call taker counts with its beginning.
    return list(dict.fromkeys([*said, *([calling] if calling else []), *([told] if len(told) == 11 else [])]))


def _this_one(dialogue: Dialogue, turn: int) -> bool:
    """The number called from is named by the call taker and accepted, or named by the caller and acknowledged."""
    text = dialogue.texts[turn]
    if dialogue.rules["this_number"](text) and dialogue.rules["asks_phone"](text):
        return dialogue.agreed(turn)
    if not dialogue.rules["this_number"](text) and not dialogue.rules["asks_phone"](text):
        return False
    answer = dialogue.answer_to(turn)
    if answer is None or _denied(dialogue, turn):
        return False
    # 电话留一下？——就这个。——好的。
    return bool(
        re.search(r"就(?:是|打|用)?(?:这个|本机|我现在|来电)|打这个|用这个|(?:就)?这个(?:号|电话)", answer)
    ) and any(i > turn for i in dialogue.agent)
