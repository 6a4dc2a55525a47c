"""What is counted, and the measures made of it: definitions in words beside the formula. Pure."""

from dataclasses import dataclass
from typing import Literal, get_args

from core.city_assessment import FEWER, Measure

#: Whom a figure is of.
Subject = Literal["departments", "agents"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
#: One thing that happened in the period; each happens once, at one moment, so that months add up to half-years.
Count = Literal[
    "received", "accept_ok", "accept_late", "handle_ok", "handle_late", "reported", "solved", "unsolved", "satisfied",
    "unsatisfied", "refused", "unjustified", "misdirected", "reopened", "urged", "supervised", "reached", "unreached",
]  # fmt: skip
COUNTS: tuple[Count, ...] = get_args(Count)

#: Names of the counts, of departments and of call takers.
COUNT_NAMES: dict[Subject, dict[Count, str]] = {
    "departments": {
        "received": "承办件数", "accept_ok": "按时签收", "accept_late": "超时签收", "handle_ok": "按时办结",
        "handle_late": "办理超期", "reported": "办结件数", "solved": "已解决", "unsolved": "未解决",
        "satisfied": "满意", "unsatisfied": "不满意", "refused": "退单件数", "unjustified": "退单不成立",
        "reopened": "重办件数", "urged": "催办次数", "supervised": "督办次数", "reached": "回访接通",
        "unreached": "回访未接通",
    },
    "agents": {
        "received": "受理件数", "accept_ok": "及时接听", "accept_late": "接听超时", "handle_ok": "及时派单",
        "handle_late": "派单超时", "solved": "已解决", "unsolved": "未解决", "satisfied": "满意",
        "unsatisfied": "不满意", "refused": "被退单件数", "unjustified": "退单不成立", "misdirected": "派单有误",
        "reopened": "重办件数", "urged": "催办次数", "supervised": "督办次数", "reached": "回访接通",
        "unreached": "回访未接通",
    },
}  # fmt: skip

#: When a count is taken, in words: its rule.
COUNT_RULES: dict[Subject, dict[Count, str]] = {
    "departments": {
        "received": "主办、协办每派到一次计一件次，以派到时间为准",
        "accept_ok": "在签收时限内接单，以接单时间为准",
        "accept_late": "签收时限已到仍未接单，以到限时间为准；到限前已退单或已撤回的不计",
        "handle_ok": "在办理时限（含批准的延期、暂停）内反馈结果，以反馈时间为准",
        "handle_late": "办理时限已到仍未反馈，以到限时间为准，计到限时的承办单位；到限前已撤回的不计",
        "reported": "反馈办理结果，以反馈时间为准",
        "solved": "回访时来电人表示已解决", "unsolved": "回访时来电人表示未解决",
        "satisfied": "回访评价满意，计最近一次反馈结果的主办单位",
        "unsatisfied": "回访评价不满意，计最近一次反馈结果的主办单位",
        "refused": "退回派给本单位的工单，以退单时间为准",
        "unjustified": "退单后裁定仍由本单位承办，以裁定时间为准",
        "reopened": "来电人不满意退回重办，计最近一次反馈结果的主办单位",
        "urged": "被催办一次计一件次", "supervised": "被督办一次计一件次",
        "reached": "回访拨通一次计一次", "unreached": "回访无人接听或呼叫失败一次计一次",
    },
    "agents": {
        "received": "受理建单，以来电接通时间为准",
        "accept_ok": "在接听时限内接听", "accept_late": "超过接听时限",
        "handle_ok": "首次派单（或直接办结）在派单时限内", "handle_late": "派单时限已到仍未派出，以到限时间为准",
        "solved": "所受理工单回访时表示已解决", "unsolved": "所受理工单回访时表示未解决",
        "satisfied": "所受理工单回访评价满意", "unsatisfied": "所受理工单回访评价不满意",
        "refused": "所受理工单被承办单位退单", "unjustified": "所受理工单被退单，裁定退单不成立",
        "misdirected": "所受理工单被退单，裁定改派其他单位或不再承办",
        "reopened": "所受理工单被退回重办", "urged": "所受理工单被催办", "supervised": "所受理工单被督办",
        "reached": "本人回访拨通一次计一次", "unreached": "本人回访无人接听或呼叫失败一次计一次",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """A share: ``parts`` among ``whole``, each a sum of counts."""

    name: str
    parts: tuple[Count, ...]
    whole: tuple[Count, ...]


_SHARED: dict[Measure, Formula] = {
    "solved": Formula("解决率", ("solved",), ("solved", "unsolved")),
    "satisfied": Formula("满意率", ("satisfied",), ("satisfied", "unsatisfied")),
    "urged": Formula("催办率", ("urged",), ("received",)),
    "reached": Formula("回访接通率", ("reached",), ("reached", "unreached")),
}
FORMULAS: dict[Subject, dict[Measure, Formula]] = {
    "departments": {
        "accept": Formula("按时签收率", ("accept_ok",), ("accept_ok", "accept_late")),
        "handle": Formula("按时办结率", ("handle_ok",), ("handle_ok", "handle_late")),
        "refused": Formula("退单率", ("refused",), ("received",)),
        "unjustified": Formula("退单不成立率", ("unjustified",), ("received",)),
        "reopened": Formula("退回重办率", ("reopened",), ("reported",)),
        **_SHARED,
    },
    "agents": {
        "accept": Formula("及时接听率", ("accept_ok",), ("accept_ok", "accept_late")),
        "handle": Formula("及时派单率", ("handle_ok",), ("handle_ok", "handle_late")),
        "misdirected": Formula("派单有误率", ("misdirected",), ("received",)),
        "reopened": Formula("退回重办率", ("reopened",), ("received",)),
        **_SHARED,
    },
}


def fewer_is_better(measure: Measure) -> bool:
    return measure in FEWER
