"""``levels.yaml``: at which level of the city a matter begins, when it goes up, and how often it may be given back."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Literal, get_args

from pydantic import Field

from core.city_clocks import Code, Unit
from core.cityfaults import Faults, File, quote
from core.citytypes import Data

#: 市、镇街、村（社区）、网格: the highest first.
Level = Literal["district", "town", "community", "grid"]
LEVELS: tuple[Level, ...] = get_args(Level)


class LevelRule(Data):
    """Matters that begin below the city: small matters stay in the village. A category goes before its group."""

    codes: Annotated[tuple[Code, ...], Field(min_length=1)]
    #: The lowest level that can do it. A ticket whose place is unknown goes to the category's bureau all the same.
    start: Literal["town", "community", "grid"]
    #: Without a result after this long at one level it goes to the next one above; absent: only by hand.
    up_after: Annotated[float | None, Field(gt=0, le=10_000)] = None
    unit: Unit = "workdays"
    #: Refused this often at one level it goes up by itself, without the arbiter; absent: never.
    up_refusals: Annotated[int | None, Field(ge=1, le=10)] = None


class CityLevels(Data):
    """``levels.yaml``. Without it every matter goes to its category's department."""

    rules: tuple[LevelRule, ...] = ()
    #: So many refusals of one ticket, and the arbiter decides with binding effect.
    refusal_limit: Annotated[int, Field(ge=1, le=10)] = 2
    #: Whom the result waits for: assisting departments that have accepted, or all that have not refused.
    waits_for: Literal["accepted", "all"] = "accepted"
    #: Until when a department answers in writing, where the one who asks names no time: hours.
    supervise_hours: Annotated[float, Field(gt=0, le=1000)] = 24
    urge_hours: Annotated[float, Field(gt=0, le=1000)] = 4

    def rule(self, code: str) -> LevelRule | None:
        """The rule of this category, else of its group; None where there is none."""
        for length in range(len(code), 0, -1):
            for rule in self.rules:
                if code[:length] in rule.codes:
                    return rule
        return None


def check_levels(file: File[CityLevels], codes: Sequence[str] | None, faults: Faults) -> None:
    """Note what no single rule shows. ``codes``: the city's groups and categories; None while they are unsound."""
    for levels, node in file.records:
        taken: dict[str, int] = {}
        for rule, at in zip(levels.rules, node.get("rules").items(), strict=True):
            for code, entry in zip(rule.codes, at.get("codes").items(), strict=True):
                if codes is not None and code not in codes:
                    near = get_close_matches(code, codes, 1)
                    hint = f'did you mean "{near[0]}"?' if near else "expected a group or category of taxonomy.yaml"
                    faults.add(file.path, entry.line, f"code {quote(code)} is not known, {hint}")
                if code in taken:
                    text = f"code {quote(code)} has a rule on line {taken[code]} too, expected one"
                    faults.add(file.path, entry.line, text)
                taken.setdefault(code, entry.line)
            if rule.unit == "workdays" and rule.up_after is not None and rule.up_after != int(rule.up_after):
                line = at.get("up_after").line
                faults.add(file.path, line, f"up_after is {rule.up_after:g} working days, expected a whole number")
