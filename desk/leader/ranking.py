"""Departments by how late they are and how satisfied callers were. Pure; figures and rules are the assessment's."""

from collections.abc import Sequence
from typing import Any, Literal

from core.city_assessment import Tier
from core.collation import by_name
from ticketing.assessment.measures import Count
from ticketing.assessment.score import Row, Tables

Measure = Literal["late", "satisfied"]
#: Part and whole of each ranking, in the assessment's counts; overdue of all that came or should have come.
SHARES: dict[Measure, tuple[Count, tuple[Count, ...]]] = {
    "late": ("handle_late", ("handle_ok", "handle_late")),
    "satisfied": ("satisfied", ("satisfied", "unsatisfied")),
}


def rankings(tables: Tables, tiers: Sequence[Tier], minimum: int) -> list[dict[str, Any]]:
    """Each tier that has anybody in it: the least overdue first, the most satisfied first; JSON types.

    Nobody is ranked on fewer than ``minimum`` cases of that very share: they are counted as ``few``.
    """
    found = []
    for tier in tiers:
        rows = tables.of_tier(tier.key)
        entry: dict[str, Any] = {"tier": tier.key}
        for measure in SHARES:
            entry[measure], entry[f"{measure}_few"] = _ranked(rows, measure, minimum)
        if any(entry[measure] or entry[f"{measure}_few"] for measure in SHARES):
            found.append(entry)
    return found


def anybody(found: Sequence[dict[str, Any]]) -> bool:
    """Whether anybody is ranked at all."""
    return any(entry[measure] for entry in found for measure in SHARES)


def _ranked(rows: Sequence[Row], measure: Measure, minimum: int) -> tuple[list[dict[str, Any]], int]:
    part, wholes = SHARES[measure]
    found: list[dict[str, Any]] = []
    few = 0
    for row in rows:
        whole = sum(row.counts.get(count, 0) for count in wholes)
        if whole >= minimum:
            found.append({"who": row.who, "name": row.name, "part": row.counts.get(part, 0), "whole": whole})
        elif whole:
            few += 1
    best_first = -1 if measure == "satisfied" else 1
    found.sort(
        key=lambda one: (best_first * one["part"] / one["whole"], -one["whole"], by_name(one["name"]), one["who"])
    )
    place = 0
    for at, one in enumerate(found):
        # Equal shares share a place, as in the assessment.
        before = found[at - 1] if at else None
        if before is None or one["part"] * before["whole"] != before["part"] * one["whole"]:
            place = at + 1
        one["place"] = place
    return found, few
