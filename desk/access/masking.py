"""Names and numbers of persons for people whose role does not need them. Pure.

Whose role has ``ticket.person`` in the table sees them; who has ``ticket.reveal`` is shown them for a reason, kept in
the audit; everybody else never.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from desk.access.table import holds
from desk.access.users import User

#: What was typed as whose name and number; ``caller`` is the number that called.
NAMES, NUMBERS = frozenset({"contact_name"}), frozenset({"caller", "contact_phone"})
#: Where people write down numbers that they were told, or that they dial.
_WORDS = (
    "summary", "description", "place", "said_place", "result", "text", "words", "reason", "target", "caption", "answer",
    "note", "said", "title", "draft", "reply",
)  # fmt: skip
#: The same of an event, besides what rights.py gives to who sees numbers alone.
_TOLD = ("note", "reason")
_DIGITS = re.compile(r"\d(?:[ -]?\d){6,17}[\dXx]?")


def number(text: str) -> str:
    """``138****1234``; of a short one nothing but its length's worth of stars."""
    return f"{text[:3]}****{text[-4:]}" if len(text) >= 11 else "****" if text else ""


def person(name: str) -> str:
    """``王**``: whoever knows the person recognises the family name, nobody else does."""
    return f"{name[0]}**" if name else ""


def words(text: str) -> str:
    """A text without numbers of telephones and identity cards in it."""
    return _DIGITS.sub(lambda found: number(re.sub(r"[ -]", "", found[0])), text)


def hides(user: User) -> bool:
    """Whether this person, or program, gets names and numbers masked."""
    return not holds(user, "ticket.person")


def record(view: Mapping[str, Any]) -> dict[str, Any]:
    """One ticket, call or item as a page shows it, without whose it is."""
    made = dict(view)
    for name in NAMES & made.keys():
        made[name] = person(made[name] or "")
    for name in NUMBERS & made.keys():
        made[name] = number(made[name] or "")
    for name in _WORDS:
        if isinstance(made.get(name), str):
            made[name] = words(made[name])
    return made


def named(text: str, name: str) -> str:
    """A text without numbers, and without this name where it stands in it."""
    return words(text.replace(name, person(name)) if len(name) > 1 else text)


def event(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a page is told of an event: what somebody wrote with it is masked as the ticket is. The same object where
    nothing is."""
    made = {name: words(body[name]) for name in _TOLD if isinstance(body.get(name), str)}
    return body if all(made[name] == body[name] for name in made) else {**body, **made}


def callback(row: Mapping[str, Any]) -> dict[str, Any]:
    """An attempt to call back: its ``number`` is the one dialled, where a ticket's is its own."""
    return {**record(row), "number": number(row["number"])}


def history(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A ticket's history: what was entered is masked as the ticket is."""
    return [
        {**row, "note": words(row["note"]), "changes": {
            name: [value(name, held) for held in pair] if isinstance(pair, list | tuple) else value(name, pair)
            for name, pair in row["changes"].items()
        }}
        for row in rows
    ]  # fmt: skip


def value(name: str, held: Any) -> Any:
    """What a ticket's field holds."""
    if not isinstance(held, str):
        return held
    return person(held) if name in NAMES else number(held) if name in NUMBERS else words(held)
