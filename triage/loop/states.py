"""The life of a proposed model as a table: every step that exists, and why."""

from dataclasses import dataclass
from typing import Literal

from core.errors import Conflict

State = Literal["proposed", "refused", "promoted", "rejected", "superseded"]
Step = Literal["promote", "reject", "supersede"]


@dataclass(frozen=True)
class Edge:
    """One step; ``reason`` says why it exists."""

    before: State
    step: Step
    after: State
    reason: str


#: ``refused`` is where the gate leaves a proposal: no step leads out of it, no person can wave it through.
EDGES: tuple[Edge, ...] = (
    Edge("proposed", "promote", "promoted", "看过逐条差异的人决定采用，写明理由"),
    Edge("proposed", "reject", "rejected", "看过逐条差异的人决定不采用，写明理由"),
    Edge("proposed", "supersede", "superseded", "有了更新的模型：只有最新的一个等人决定"),
)


def step(before: str, taken: Step) -> State:
    """The state after this step; :class:`Conflict` where the table has none."""
    for edge in EDGES:
        if edge.before == before and edge.step == taken:
            return edge.after
    raise Conflict("这个候选模型已有结论，请刷新后查看")
