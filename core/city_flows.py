"""``flows.yaml``: the ways that a city's tickets go, as steps and edges. Checks: :mod:`core.city_flowchecks`.

A flow's steps are the city's own; each lies in one of the seven phases that all flows share, by which lists, clocks and
callbacks know a ticket. Its edges do what a fixed set of actions means.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

from core.citytypes import Data, Key, LineNumber, MaybeText, Text, form
from core.yamltext import read

#: 受理 立案 派遣 处置 反馈 回访 结案归档
Phase = Literal["draft", "filed", "dispatched", "handling", "reported", "callback", "closed"]
PHASES: tuple[Phase, ...] = get_args(Phase)
#: What the machinery knows how to do. What each may join: :data:`core.city_flowchecks.MEANINGS`.
FlowAction = Literal[
    "file", "dispatch", "accept", "refuse", "depart", "arrive", "handle", "report", "call_back", "settle", "reopen",
    "answer", "follow", "overrule",
]  # fmt: skip
#: Who may take an edge; ``system`` is heyi itself.
FlowRole = Literal["agent", "department", "supervisor", "dispatcher", "arbiter", "grid", "system"]


class FlowStep(Data):
    """Where a ticket can stand."""

    key: Annotated[Key, Field(max_length=20)]
    name: Text
    name_en: Text
    phase: Phase
    #: Not one of the steps that a flow is known by: shown only on tickets that have been there.
    aside: bool = False


class FlowEdge(Data):
    """One way from some steps to another."""

    before: Annotated[tuple[Key, ...], Field(min_length=1)]
    action: FlowAction
    after: Key
    roles: Annotated[tuple[FlowRole, ...], Field(min_length=1)]
    #: What the button says where it is not the action's usual name.
    name: MaybeText = ""
    name_en: MaybeText = ""
    #: Why it exists.
    reason: Text
    reason_en: Text


class FlowUse(Data):
    """Which tickets go this way. A category goes before its class, that before the line, the line before the kind."""

    kinds: tuple[Literal["emergency", "service"], ...] = ()
    lines: tuple[LineNumber, ...] = ()
    #: Codes of categories (S0401) or of whole classes (S04).
    codes: tuple[Annotated[str, form(r"^[A-Z][0-9]{0,4}$", "a category's or a class's code, such as S0401")], ...] = ()


class Flow(Data):
    """A way from the call to the closed file; its first step is where a ticket begins."""

    key: Annotated[Key, Field(max_length=40)]
    name: Text
    name_en: Text
    use: FlowUse = FlowUse()
    steps: Annotated[tuple[FlowStep, ...], Field(min_length=1)]
    edges: Annotated[tuple[FlowEdge, ...], Field(min_length=1)]


#: The flows of a city that has no ``flows.yaml``: those of the example city, so that there is one source.
USUAL_FLOWS = Path(__file__).parent.parent / "cities" / "jinjiang" / "flows.yaml"


@cache
def usual_flows() -> tuple[Flow, ...]:
    """The flows of a city that sets none of its own."""
    return tuple(Flow.model_validate(node.plain()) for node in read(USUAL_FLOWS.read_bytes()).items())
