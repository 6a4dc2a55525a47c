"""Which departments a ticket may go to, the likeliest first, each with its reasons. Pure: only a person sends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from core.city import City
from ticketing.assign.tables import Part

#: Why a department is proposed: who gave the ticket back named it; the ticket says so; the matter begins there by its
#: place; the category's own; that of another category that triage thinks of; the line's; a plan's; the category's
#: assistants. ``refused`` speaks against it.
Why = Literal["suggested", "ticket", "place", "category", "likely", "line", "plan", "assists", "refused"]

#: The likelier the higher. A design choice: whoever knew the matter last goes before every table.
_WEIGHT: dict[Why, int] = {
    "suggested": 100, "ticket": 80, "place": 70, "category": 60, "likely": 55, "line": 20, "plan": 50, "assists": 40,
    "refused": -500,
}  # fmt: skip
_MAIN: frozenset[Why] = frozenset({"suggested", "ticket", "place", "category", "likely", "line"})


@dataclass(frozen=True)
class Proposed:
    """One department, and whether it would be the main one or assist."""

    department: str
    part: Part
    reasons: tuple[Why, ...]


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What is known of a ticket."""

    code: str = ""
    #: Other categories that it may be, the likeliest first.
    likely: Sequence[str] = ()
    line: str = ""
    department: str = ""
    assist: Sequence[str] = ()
    #: Key of the department where the matter begins by its place (:func:`ticketing.assign.levels.starts_with`).
    begins: str = ""
    #: Departments that plans name.
    planned: Sequence[str] = ()
    #: Departments that gave it back, and those that they thought it belongs to, the latest last.
    refused: Collection[str] = ()
    suggested: Sequence[str] = ()


def proposed(city: City, matter: Matter) -> list[Proposed]:
    """Those that could have it as the main one first, then those that would assist; who gave it back comes last."""
    category = city.category(matter.code)
    line = city.line(matter.line)
    found: dict[str, list[Why]] = {}

    def name(key: str, why: Why) -> None:
        if key and city.department(key) is not None:
            found.setdefault(key, []).append(why)

    if matter.suggested:
        name(matter.suggested[-1], "suggested")
    name(matter.department, "ticket")
    name(matter.begins, "place")
    name(category.department if category else "", "category")
    for code in matter.likely:
        other = city.category(code)
        if other and other.department not in found:
            name(other.department, "likely")
    for key in matter.planned:
        name(key, "plan")
    for key in (*(category.assist if category else ()), *matter.assist):
        if "assists" not in found.get(key, ()):
            name(key, "assists")
    name(line.department if line else "", "line")
    for key in matter.refused:
        name(key, "refused")

    def weight(key: str) -> tuple[object, ...]:
        reasons = found[key]
        main = not _MAIN.isdisjoint(reasons)
        return "refused" in reasons, not main, -max(_WEIGHT[why] for why in reasons), -len(reasons)

    # Stable: among equals the order in which they were named.
    return [
        Proposed(key, "assist" if _MAIN.isdisjoint(found[key]) else "main", tuple(found[key]))
        for key in sorted(found, key=weight)
    ]
