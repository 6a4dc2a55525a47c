"""Times that were promised, against what the clocks allow."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from quality.checks.dialogue import Dialogue
from quality.checks.findings import Checked, Finding

_DIGITS = {
    "半": 0.5, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10,
    "十五": 15, "二十": 20, "二十四": 24, "三十": 30, "四十八": 48, "四十五": 45, "七十二": 72,
}  # fmt: skip
_HOURS = {
    "分钟": 1 / 60,
    "小时": 1.0,
    "钟头": 1.0,
    "天": 24.0,
    "日": 24.0,
    "星期": 168.0,
    "周": 168.0,
    "礼拜": 168.0,
    "个月": 720.0,
}
_TIME = re.compile(
    r"(?P<n>\d{1,3}|二十四|四十八|四十五|七十二|十五|二十|三十|[半一两二三四五六七八九十])(?P<half>个半)?个?(?P<work>工作)?"
    r"(?P<unit>分钟|小时|钟头|天|日|星期|周|礼拜|个月)(?P<within>[之以]?内|左右|之前|以前|后)?"
)
_BEFORE = re.compile(r"今天|今晚|下班前|马上")


@dataclass(frozen=True)
class Promise:
    """A time named by the call taker: ``text[start:end]`` of a turn."""

    turn: int
    start: int
    end: int
    hours: float
    #: Working days were named: they are at least so long.
    working: bool
    #: Of a result; else of a first answer or visit.
    result: bool


def promised(dialogue: Dialogue) -> tuple[Promise, ...]:
    """Times within which the call taker says that something will be done."""
    found = []
    for i in dialogue.agent:
        text = dialogue.texts[i]
        for match in _TIME.finditer(text):
            number = match["n"]
            value = float(number) if number.isdigit() else float(_DIGITS[number])
            if match["half"]:
                value += 0.5
            begin = max(text.rfind(mark, 0, match.start()) for mark in "。！？；") + 1
            after = min((at for mark in "。！？；" if (at := text.find(mark, match.end())) >= 0), default=len(text))
            clause = text[begin:after]
            result = dialogue.rules["promise_result"](clause)
            if not result and not dialogue.rules["promise_contact"](clause):
                continue
            found.append(
                Promise(
                    i,
                    match.start(),
                    match.end(),
                    value * _HOURS[match["unit"]],
                    bool(match["work"]),
                    result and not dialogue.rules["promise_contact"](clause),
                )
            )
    return tuple(found)


def allowed(
    dialogue: Dialogue, times: tuple[Promise, ...], limit: timedelta | None, wordings: tuple[Finding, ...]
) -> Checked:
    """No promise of a result beyond the rules, and none of a result later than the clock's ``limit`` allows.

    ``limit``: from now on the matter must be handled within it; ``None`` where no clock is known.
    """
    found: list[Finding] = [f for f in wordings if f.check == "promises"]
    late = []
    for time in times:
        if limit is not None and time.result and time.hours > limit.total_seconds() / 3600 and not time.working:
            late.append(
                dialogue.finding(
                    "promises",
                    "minor",
                    "答应的时间晚于办理时限",
                    turn=time.turn,
                    start=time.start,
                    end=time.end,
                )
            )
    if not found and not times:
        return Checked("na")
    return Checked("fail" if found or late else "pass", (*found, *late))


def limit_of(dialogue: Dialogue, due_hours: float | None) -> timedelta | None:
    """How long the clock gives: until the ticket's due time counted from the answer, else the category's hours."""
    call = dialogue.call
    due: datetime | None = call.ticket.due if call.ticket else None
    if due is not None and call.answered is not None:
        return max(due - call.answered, timedelta())
    return timedelta(hours=due_hours) if due_hours is not None else None
