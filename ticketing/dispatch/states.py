"""The states of a unit as a table: every step that exists, which side may take it, and why it exists."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.city_dispatch import Unit
from core.city_flows import FlowAction
from core.errors import NotAllowed
from ticketing.actor import Actor

#: 待命 派出 途中 到场 返回 停用
UnitState = Literal["idle", "assigned", "enroute", "onscene", "returning", "out"]
UnitAction = Literal[
    "send", "receive", "depart", "arrive", "finish", "decline", "recall", "back", "break_down", "stand_down", "restore",
    "withdraw",
]  # fmt: skip
#: ``centre``: who commands; ``unit``: the unit itself, and the department whose unit it is; ``heyi``: the software.
Side = Literal["centre", "unit", "heyi"]
#: What is kept of an order when the step is taken: one of its times, or how it ended.
Mark = Literal["", "received", "departed", "arrived", "done", "recalled", "declined", "failed", "withdrawn"]

STATE_NAMES: dict[UnitState, str] = {
    "idle": "待命",
    "assigned": "派出",
    "enroute": "途中",
    "onscene": "到场",
    "returning": "返回",
    "out": "停用",
}
ACTION_NAMES: dict[UnitAction, str] = {
    "send": "派出",
    "receive": "收到",
    "depart": "出动",
    "arrive": "到场",
    "finish": "完成",
    "decline": "无法执行",
    "recall": "召回",
    "back": "归队",
    "break_down": "故障退出",
    "stand_down": "停用",
    "restore": "恢复执勤",
    "withdraw": "命令撤回",
}


@dataclass(frozen=True)
class Drive:
    """What a unit's step does to the ticket, or to its department's part in it."""

    action: FlowAction
    reason: str


#: By the unit's step; a ticket whose flow has no such edge stays where it is.
DRIVES: Mapping[UnitAction, Drive] = {
    "receive": Drive("accept", "紧急警情：主办部门首个收到命令的单位即为接令"),
    "depart": Drive("depart", "紧急警情：主办部门首个出动的单位即为出动"),
    "arrive": Drive("arrive", "紧急警情：主办部门首个到场的单位即为到场"),
    "finish": Drive(
        "report", "部门在这张工单上的最后一个单位写明结果，即为部门反馈；仍有单位在外、别的部门未完的，照旧等待"
    ),
}
#: Endings that the unit itself did not choose: it is told, until it says that it knows.
TOLD: tuple[Mark, ...] = ("recalled", "withdrawn")
#: States in which a unit may be sent, and those in which it has an order.
FREE: tuple[UnitState, ...] = ("idle", "returning")
BUSY: tuple[UnitState, ...] = ("assigned", "enroute", "onscene")
#: Steps that say why.
NEEDS_REASON: frozenset[UnitAction] = frozenset({"decline", "recall", "break_down", "stand_down"})


@dataclass(frozen=True)
class UnitEdge:
    """One step. A state and an action lead to at most one state."""

    before: UnitState
    action: UnitAction
    after: UnitState
    sides: tuple[Side, ...]
    reason: str
    mark: Mark = ""


_BOTH: tuple[Side, ...] = ("unit", "centre")
_RECALLED = "警情变化或派错，指挥席撤回命令，须写明理由"
_WITHDRAWN = "工单已结案，或本部门的任务已撤回、退单：命令随之撤回，并告知单位"

EDGES: tuple[UnitEdge, ...] = (
    UnitEdge("idle", "send", "assigned", _BOTH, "指挥席下达命令，或本单位值班员自行派出"),
    UnitEdge("returning", "send", "assigned", _BOTH, "返回途中没有任务，可以再派"),
    UnitEdge("assigned", "receive", "assigned", _BOTH, "单位确认收到命令", "received"),
    UnitEdge("assigned", "depart", "enroute", _BOTH, "人员车辆出发；未点收到的，出动即视为收到", "departed"),
    UnitEdge("assigned", "arrive", "onscene", _BOTH, "就在现场附近，直接到场", "arrived"),
    UnitEdge("enroute", "arrive", "onscene", _BOTH, "到达现场", "arrived"),
    UnitEdge("enroute", "finish", "returning", _BOTH, "途中获知已解决或系误报", "done"),
    UnitEdge("onscene", "finish", "returning", _BOTH, "现场处置完毕", "done"),
    UnitEdge("assigned", "decline", "idle", ("unit",), "无法执行命令，须写明理由，由指挥席另派", "declined"),
    UnitEdge("assigned", "recall", "idle", ("centre",), _RECALLED, "recalled"),
    UnitEdge("enroute", "recall", "returning", ("centre",), _RECALLED, "recalled"),
    UnitEdge("onscene", "recall", "returning", ("centre",), _RECALLED, "recalled"),
    UnitEdge("assigned", "withdraw", "idle", ("heyi",), _WITHDRAWN, "withdrawn"),
    UnitEdge("enroute", "withdraw", "returning", ("heyi",), _WITHDRAWN, "withdrawn"),
    UnitEdge("onscene", "withdraw", "returning", ("heyi",), _WITHDRAWN, "withdrawn"),
    UnitEdge("returning", "back", "idle", _BOTH, "回到驻地，恢复待命"),
    *(UnitEdge(state, "break_down", "out", _BOTH, "执行中车辆故障或人员受伤，须另派单位", "failed") for state in BUSY),
    *(UnitEdge(state, "stand_down", "out", _BOTH, "检修、加油、用餐等，须写明理由") for state in FREE),
    UnitEdge("out", "restore", "idle", _BOTH, "可以再次派出"),
)
_TABLE: dict[tuple[UnitState, UnitAction], UnitEdge] = {(edge.before, edge.action): edge for edge in EDGES}


def sides_of(actor: Actor, unit: Unit) -> frozenset[Side]:
    """On which side of this unit a person stands; nobody stands on both."""
    if actor.staff:
        return frozenset({"unit"} if actor.acts_for(unit.department) else ())
    if actor.role == "system":
        return frozenset({"heyi"})
    return frozenset({"centre"} if actor.role in ("agent", "supervisor", "dispatcher") else ())


def unit_step(before: UnitState, action: UnitAction, sides: frozenset[Side]) -> UnitEdge:
    """The edge that ``action`` takes; :class:`NotAllowed` where there is none for these sides."""
    edge = _TABLE.get((before, action))
    if edge is None:
        raise NotAllowed("单位当前状态不能这样操作", hint=f"{STATE_NAMES[before]} × {ACTION_NAMES[action]}")
    if sides.isdisjoint(edge.sides):
        raise NotAllowed("您的岗位不能这样操作单位", hint=ACTION_NAMES[action])
    return edge


def unit_actions(state: UnitState, sides: frozenset[Side]) -> tuple[UnitAction, ...]:
    """What may be done with a unit in this state: the buttons of a screen."""
    return tuple(e.action for e in EDGES if e.before == state and not sides.isdisjoint(e.sides))
