"""The table of states as a picture and a table for the documentation: ``python -m ticketing.diagram PAGE.md``."""

import sys
from pathlib import Path

from ticketing.states import ACTION_NAMES, EDGES, STATE_NAMES

_BEGIN, _END = "<!-- states:begin -->", "<!-- states:end -->"


def mermaid() -> str:
    """A Mermaid state diagram, without the supervisor's closing (it starts from every open state)."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {state}: {name}" for state, name in STATE_NAMES.items()]
    lines += ["    [*] --> draft: 来电接通"]
    lines += [f"    {e.before} --> {e.after}: {ACTION_NAMES[e.action]}" for e in EDGES if e.action != "overrule"]
    lines += ["    closed --> [*]"]
    return "\n".join(lines)


def markdown_table() -> str:
    """Every edge with its roles and its reason, as Markdown."""
    rows = ["| From | Step | To | Who | Why |", "|---|---|---|---|---|"]
    rows += [
        f"| {STATE_NAMES[e.before]} `{e.before}` | {ACTION_NAMES[e.action]} `{e.action}` "
        f"| {STATE_NAMES[e.after]} `{e.after}` | {', '.join(e.roles)} | {e.reason} |"
        for e in EDGES
    ]
    return "\n".join(rows)


def refreshed(page: str) -> str:
    """A Markdown page with picture and table put anew between its ``states:begin`` and ``states:end`` marks."""
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n\n```mermaid\n{mermaid()}\n```\n\n{markdown_table()}\n\n{_END}{tail}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        document = Path(name)
        document.write_text(refreshed(document.read_text(encoding="utf-8")), encoding="utf-8")
