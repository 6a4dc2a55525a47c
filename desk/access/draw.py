"""The table of rights for the documentation: ``python -m desk.access.draw docs/access.md``."""

import sys
from pathlib import Path

from desk.access.table import ACTIONS, ROLE_NAMES

_BEGIN, _END = "<!-- rights:begin -->", "<!-- rights:end -->"


def markdown_table() -> str:
    """Actions down, roles across."""
    head = " | ".join(ROLE_NAMES.values())
    rows = [f"| Action | {head} | Why |", "|---|" + ":-:|" * len(ROLE_NAMES) + "---|"]
    for action in ACTIONS:
        marks = " | ".join("●" if role in action.roles else "" for role in ROLE_NAMES)
        rows.append(f"| {action.name} `{action.key}` | {marks} | {action.why} |")
    return "\n".join(rows)


def refreshed(page: str) -> str:
    """A Markdown page with the table put anew between its ``rights:begin`` and ``rights:end`` marks."""
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n\n{markdown_table()}\n\n{_END}{tail}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        document = Path(name)
        document.write_text(refreshed(document.read_text(encoding="utf-8")), encoding="utf-8")
