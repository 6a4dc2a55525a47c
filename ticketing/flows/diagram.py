"""Flows as pictures and tables for the documentation: ``python -m ticketing.flows.diagram PAGE.md``."""

import sys
from itertools import groupby
from pathlib import Path

from core.city_flows import usual_flows
from ticketing.flows.table import Edge, FlowTable
from ticketing.states import ACTION_NAMES

#: These start from every open step and would hide the rest of a picture.
_EVERYWHERE = ("overrule", "follow")
_BEGIN, _END = "<!-- flows:begin -->", "<!-- flows:end -->"


def mermaid(flow: FlowTable) -> str:
    """A Mermaid state diagram, without the edges that start from every open step."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {step.key}: {step.name}" for step in flow.steps.values()]
    lines += [f"    [*] --> {flow.first.key}: 来电接通"]
    lines += [f"    {e.before} --> {e.after}: {_name(e)}" for e in flow.edges if e.action not in _EVERYWHERE]
    lines += [f"    {step.key} --> [*]" for step in flow.steps.values() if step.phase == "closed"]
    return "\n".join(lines)


def markdown_table(flow: FlowTable) -> str:
    """Every edge with its roles and its reason, as Markdown; edges that differ only in where they start in one row."""
    rows = ["| From | Step | To | Who | Why |", "|---|---|---|---|---|"]
    for (action, after, reason), group in groupby(flow.edges, key=lambda e: (e.action, e.after, e.reason)):
        edges = list(group)
        start = "、".join(f"{flow.steps[e.before].name} `{e.before}`" for e in edges)
        rows.append(
            f"| {start} | {_name(edges[0])} `{action}` | {flow.steps[after].name} `{after}` "
            f"| {', '.join(edges[0].roles)} | {reason} |"
        )
    return "\n".join(rows)


def _name(edge: Edge) -> str:
    return edge.name or ACTION_NAMES[edge.action]


def refreshed(page: str) -> str:
    """A Markdown page with the flows put anew between its ``flows:begin`` and ``flows:end`` marks."""
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    parts = [
        f"### {flow.name} `{flow.key}`\n\n```mermaid\n{mermaid(flow)}\n```\n\n{markdown_table(flow)}"
        for flow in map(FlowTable, usual_flows())
    ]
    return f"{head}{_BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{_END}{tail}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        document = Path(name)
        document.write_text(refreshed(document.read_text(encoding="utf-8")), encoding="utf-8")
