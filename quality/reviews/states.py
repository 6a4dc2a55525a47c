"""A review's life as a table: which step leads where, who may take it, and why there is one. Pure."""

from dataclasses import dataclass
from typing import Literal, get_args

from core.errors import NotAllowed

State = Literal["drawn", "assigned", "in_review", "scored", "released", "appealed", "upheld", "changed", "void"]
Action = Literal[
    "assign", "reassign", "begin", "hand_back", "score", "reopen", "release", "appeal", "uphold", "change", "void"
]  # fmt: skip
Role = Literal["agent", "reviewer", "supervisor", "system"]
#: Whom of a role: ``anyone``; the review's own ``reviewer``; the call taker whose call it is (``agent``); somebody who
#: neither reviewed this call nor took part in it (``second``).
Whom = Literal["anyone", "reviewer", "agent", "second"]

STATES: tuple[State, ...] = get_args(State)
STATE_NAMES: dict[State, str] = {
    "drawn": "待分配", "assigned": "待评", "in_review": "评分中", "scored": "待公布", "released": "已公布",
    "appealed": "申诉中", "upheld": "申诉后维持", "changed": "申诉后改判", "void": "作废",
}  # fmt: skip
ACTION_NAMES: dict[Action, str] = {
    "assign": "分配", "reassign": "改派", "begin": "开始评分", "hand_back": "退回", "score": "提交评分",
    "reopen": "重新评分", "release": "公布", "appeal": "申诉", "uphold": "维持", "change": "改判", "void": "作废",
}  # fmt: skip
#: Nothing comes after these.
ENDS: frozenset[State] = frozenset({"upheld", "changed", "void"})


@dataclass(frozen=True)
class Edge:
    before: State
    action: Action
    after: State
    roles: tuple[Role, ...]
    whom: Whom
    #: Why it exists.
    reason: str
    #: A second review of a blind pair may take it, too.
    blind: bool = True


EDGES: tuple[Edge, ...] = (
    Edge("drawn", "assign", "assigned", ("system", "supervisor"), "anyone", "抽出的通话分给质检员，不得评自己的"),
    Edge("assigned", "reassign", "assigned", ("supervisor",), "anyone", "质检员请假或任务过多"),
    Edge("in_review", "reassign", "assigned", ("supervisor",), "anyone", "质检员请假，评了一半的重新评"),
    Edge("assigned", "begin", "in_review", ("reviewer",), "reviewer", "打开录音和评分表"),
    Edge("assigned", "hand_back", "drawn", ("reviewer",), "reviewer", "与话务员有关联，应当回避"),
    Edge("in_review", "hand_back", "drawn", ("reviewer",), "reviewer", "听了才知道应当回避"),
    Edge("in_review", "score", "scored", ("reviewer",), "reviewer", "各项评完"),
    Edge("scored", "reopen", "in_review", ("reviewer",), "reviewer", "公布之前发现评错"),
    Edge("scored", "release", "released", ("supervisor",), "anyone", "班长核过，告知话务员", blind=False),
    Edge("released", "appeal", "appealed", ("agent",), "agent", "话务员不认可，在期限内说明理由", blind=False),
    Edge("appealed", "uphold", "upheld", ("reviewer", "supervisor"), "second", "另一人复核，原评分成立", blind=False),
    Edge("appealed", "change", "changed", ("reviewer", "supervisor"), "second", "另一人复核，重新评分", blind=False),
    Edge("drawn", "void", "void", ("supervisor",), "anyone", "录音缺失或不属质检范围"),
    Edge("assigned", "void", "void", ("supervisor",), "anyone", "录音缺失或不属质检范围"),
    Edge("in_review", "void", "void", ("supervisor",), "anyone", "录音缺失或不属质检范围"),
    Edge("scored", "void", "void", ("supervisor",), "anyone", "公布之前发现不应计入"),
)

_TABLE = {(edge.before, edge.action): edge for edge in EDGES}


@dataclass(frozen=True)
class Person:
    """Who wants to take a step, and what he has to do with the call."""

    role: str
    #: Whether the review is his to do.
    is_reviewer: bool = False
    #: Whether the call was his, and whether he took part in it at all.
    is_agent: bool = False
    took_part: bool = False
    #: Whether he ever had a review of this call.
    reviewed: bool = False


def step(before: State, action: Action, who: Person, *, blind: bool = False) -> State:
    """The state that ``action`` leads to; :class:`NotAllowed` where there is no such edge, or not for this person."""
    edge = _TABLE.get((before, action))
    if edge is None or (blind and not edge.blind):
        raise NotAllowed("质检任务当前状态不能这样处理", hint=f"{STATE_NAMES[before]} × {ACTION_NAMES[action]}")
    if who.role not in edge.roles:
        raise NotAllowed("您的岗位不能这样处理", hint=f"{who.role} × {ACTION_NAMES[action]}")
    if edge.whom == "reviewer" and not who.is_reviewer:
        raise NotAllowed("这项质检任务不是您的")
    if edge.whom == "agent" and not who.is_agent:
        raise NotAllowed("只能对自己的通话提出申诉")
    if edge.whom == "second" and (who.reviewed or who.took_part):
        raise NotAllowed("评过这通电话或参与通话的人不能复核")
    return edge.after


def may(before: State, who: Person, *, blind: bool = False) -> tuple[Action, ...]:
    """What a person may do with a review: the buttons of a screen, in the order of the table."""
    found: list[Action] = []
    for edge in EDGES:
        if edge.before == before:
            try:
                step(before, edge.action, who, blind=blind)
            except NotAllowed:
                continue
            found.append(edge.action)
    return tuple(found)


def mermaid() -> str:
    """The table as a picture for the page."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {state}: {name}" for state, name in STATE_NAMES.items()]
    lines.append("    [*] --> drawn: 抽样")
    lines += [f"    {edge.before} --> {edge.after}: {ACTION_NAMES[edge.action]}" for edge in EDGES]
    lines += [f"    {state} --> [*]" for state in STATES if state in ENDS or state == "released"]
    return "\n".join(lines)


def markdown_table() -> str:
    """Every edge with who may take it and why."""
    whom = {"anyone": "", "reviewer": ", whose review it is", "agent": ", whose call it is", "second": ", the second"}
    rows = ["| From | Step | To | Who | Why |", "|---|---|---|---|---|"]
    rows += [
        f"| {STATE_NAMES[e.before]} `{e.before}` | {ACTION_NAMES[e.action]} `{e.action}` | "
        f"{STATE_NAMES[e.after]} `{e.after}` | {', '.join(e.roles)}{whom[e.whom]} | {e.reason} |"
        for e in EDGES
    ]
    return "\n".join(rows)
