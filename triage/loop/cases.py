"""The cases that models are compared on: the fixed set and the policy from files, the city's own calls."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from core.city import City
from core.errors import HeyiError
from triage.judge import Turn
from triage.loop.examples import LabelledCall, consistent
from triage.loop.gate import Case
from triage.measure.rows import read_rows
from triage.verdict import Outcome

#: Written blind, in the form of ``heyi triage eval``; nothing is learned from it.
FIXED = Path(__file__).parents[1] / "heldout" / "utterances.tsv"
POLICY = Path(__file__).parent / "policy.tsv"
_COLUMNS = ("name", "line", "least", "text")


def fixed_cases(city: City, path: Path = FIXED) -> tuple[Case, ...]:
    """The regression set, without codes that the city does not have."""
    return tuple(
        Case(
            name=row.id, source="fixed", line=row.line, turns=(Turn("caller", row.text),), emergency=row.is_emergency,
            code=row.code, nature=row.nature, hard="hardneg" in row.tags,
        )
        for row in read_rows(path, city)
        if not row.code or city.category(row.code) is not None
    )  # fmt: skip


def policy_cases(city: City, path: Path = POLICY) -> tuple[Case, ...]:
    """What must hold on every line that the city has; HeyiError names file and line of what is wrong."""
    made: list[Case] = []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise HeyiError(f"{path}: the header must be {' '.join(_COLUMNS)}")
        for number, row in enumerate(reader, 2):
            least = next((o for o in get_args(Outcome) if o == row["least"]), None)
            if least is None:
                raise HeyiError(f"{path}, line {number}: least must be one of {', '.join(get_args(Outcome))}")
            if city.line(row["line"]) is not None:
                made.append(Case(
                    name=row["name"], source="policy", line=row["line"], turns=(Turn("caller", row["text"]),),
                    emergency=least == "emergency", least=least,
                ))  # fmt: skip
    return tuple(made)


def own_cases(calls: Iterable[LabelledCall], city: City) -> tuple[Case, ...]:
    """The calls that are kept aside, all utterances of both sides."""
    return tuple(
        Case(name=c.number, source="own", line=c.line, turns=c.turns, emergency=c.emergency, code=c.code,
             nature=c.nature)
        for c in calls
        if c.aside and c.turns and consistent(c, city)
    )  # fmt: skip
