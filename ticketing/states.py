"""The life of a ticket as a table: every step that exists, who may take it, and why it exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from core.errors import NotAllowed
from ticketing.actor import Role
from ticketing.events import TicketState

Action = Literal[
    "file", "dispatch", "accept", "refuse", "report", "call_back", "settle", "reopen", "answer", "overrule"
]

#: In the order of a ticket's life; the names are those of the centres' own six steps, with 回访 added.
STATE_NAMES: dict[TicketState, str] = {
    "draft": "受理",
    "filed": "立案",
    "dispatched": "派遣",
    "handling": "处置",
    "reported": "反馈",
    "callback": "回访",
    "closed": "结案归档",
}

ACTION_NAMES: dict[Action, str] = {
    "file": "立案",
    "dispatch": "派遣",
    "accept": "接单",
    "refuse": "退单",
    "report": "反馈结果",
    "call_back": "转回访",
    "settle": "回访结案",
    "reopen": "退回重办",
    "answer": "直接办结",
    "overrule": "督办结案",
}


@dataclass(frozen=True)
class Edge:
    """One step. A state and an action lead to at most one state."""

    before: TicketState
    action: Action
    after: TicketState
    roles: tuple[Role, ...]
    #: Why this step exists.
    reason: str


_OVERRULE = "值班主任对任何未结工单有最后决定权，须写明理由"

EDGES: tuple[Edge, ...] = (
    Edge("draft", "file", "filed", ("agent", "supervisor"), "来电诉求已核实，编号建档"),
    Edge("draft", "answer", "closed", ("agent",), "咨询当场答复，或无声、骚扰误拨，无须派单"),
    Edge("filed", "dispatch", "dispatched", ("agent", "supervisor"), "交主办部门办理，办理时限自此刻起算"),
    Edge("filed", "answer", "closed", ("agent",), "立案或退单后发现可由坐席直接答复"),
    Edge("dispatched", "accept", "handling", ("department",), "部门接单；时限自派遣起算，不接单不停表"),
    Edge("dispatched", "refuse", "filed", ("department", "supervisor"), "不属本部门职责则退单，派错则召回，改派他处"),
    Edge("handling", "report", "reported", ("department",), "办理完毕，写明结果"),
    Edge("reported", "call_back", "callback", ("system",), "结果一经反馈即排定回访，由来电人评判"),
    Edge("callback", "settle", "closed", ("system",), "来电人满意，或多次回访仍无结果"),
    Edge(
        "callback", "reopen", "handling", ("system", "supervisor"), "来电人不满意：自动重办一次，再不满意由值班主任决定"
    ),
    *(
        Edge(state, "overrule", "closed", ("supervisor",), _OVERRULE)
        for state in get_args(TicketState)
        if state != "closed"
    ),
)

_TABLE = {(edge.before, edge.action): edge for edge in EDGES}
_STEPS = {(edge.before, edge.after) for edge in EDGES}


def step(before: TicketState, action: Action, role: Role) -> TicketState:
    """The state that ``action`` leads to; :class:`NotAllowed` where the table has no such step for this role."""
    edge = _TABLE.get((before, action))
    if edge is None:
        raise NotAllowed("工单当前状态不能这样处理", hint=f"{STATE_NAMES[before]} × {ACTION_NAMES[action]}")
    if role not in edge.roles:
        raise NotAllowed("您的岗位不能这样处理工单", hint=f"{role} × {ACTION_NAMES[action]}")
    return edge.after


def actions(state: TicketState, role: Role) -> tuple[Action, ...]:
    """What ``role`` may do in ``state``: the buttons of a screen."""
    return tuple(edge.action for edge in EDGES if edge.before == state and role in edge.roles)


def replay(moves: Iterable[tuple[TicketState | None, TicketState]]) -> TicketState:
    """The state at the end of a ticket's history of ``(before, after)``, its opening ``(None, "draft")`` first.

    A row that changed no state (an edit) counts for nothing but must stand where the ticket was.
    Raises ``ValueError`` where a move is not in the table or does not start where the last one ended.
    """
    current: TicketState | None = None
    for before, after in moves:
        known = (before, after) == (None, "draft") if current is None else before == after or (before, after) in _STEPS
        if before != current or not known:
            raise ValueError(f"history is broken: {before} → {after} while the ticket was {current}")
        current = after
    if current is None:
        raise ValueError("history is empty")
    return current
