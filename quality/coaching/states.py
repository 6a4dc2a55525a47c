"""A coaching plan's life as a table: which step leads where, who may take it, and why there is one. Pure."""

from dataclasses import dataclass
from typing import Literal, get_args

from core.errors import NotAllowed

State = Literal["made", "agreed", "met", "missed", "dropped"]
Action = Literal["read", "follow", "meet", "miss", "drop"]
Role = Literal["agent", "supervisor"]

STATES: tuple[State, ...] = get_args(State)
STATE_NAMES: dict[State, str] = {
    "made": "待本人确认", "agreed": "辅导中", "met": "已达标", "missed": "未达标", "dropped": "已撤销",
}  # fmt: skip
ACTION_NAMES: dict[Action, str] = {
    "read": "确认已阅", "follow": "跟进", "meet": "达标结案", "miss": "未达标结案", "drop": "撤销",
}  # fmt: skip
ENDS: frozenset[State] = frozenset({"met", "missed", "dropped"})


@dataclass(frozen=True)
class Edge:
    before: State
    action: Action
    after: State
    #: An agent may take it with his own plan alone.
    role: Role
    reason: str


EDGES: tuple[Edge, ...] = (
    Edge("made", "read", "agreed", "agent", "话务员看过计划，知道目标和期限"),
    Edge("made", "follow", "made", "supervisor", "本人尚未确认，先行辅导"),
    Edge("agreed", "follow", "agreed", "supervisor", "记录辅导情况，约定下次时间"),
    Edge("agreed", "meet", "met", "supervisor", "到期核对，达到目标"),
    Edge("agreed", "miss", "missed", "supervisor", "到期核对，未达到目标，可另订计划"),
    Edge("made", "drop", "dropped", "supervisor", "订错了，或话务员调岗离岗"),
    Edge("agreed", "drop", "dropped", "supervisor", "话务员调岗离岗"),
)

_TABLE = {(edge.before, edge.action): edge for edge in EDGES}


def step(before: State, action: Action, role: str, *, own: bool) -> State:
    """The state that ``action`` leads to; ``own``: it is this person's plan. :class:`NotAllowed` otherwise."""
    edge = _TABLE.get((before, action))
    if edge is None:
        raise NotAllowed("辅导计划当前状态不能这样处理", hint=f"{STATE_NAMES[before]} × {ACTION_NAMES[action]}")
    if role != edge.role or (role == "agent" and not own):
        raise NotAllowed("您没有此项权限")
    return edge.after


def may(before: State, role: str, *, own: bool) -> tuple[Action, ...]:
    """What this person may do with a plan now, in the order of the table."""
    return tuple(e.action for e in EDGES if e.before == before and e.role == role and (role != "agent" or own))


def mermaid() -> str:
    """The table as a picture for the page."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {state}: {name}" for state, name in STATE_NAMES.items()]
    lines.append("    [*] --> made: 制定")
    lines += [f"    {edge.before} --> {edge.after}: {ACTION_NAMES[edge.action]}" for edge in EDGES]
    lines += [f"    {state} --> [*]" for state in STATES if state in ENDS]
    return "\n".join(lines)
