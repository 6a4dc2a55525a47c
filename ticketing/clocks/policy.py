"""Which policy of the city a clock has, and which colour its use of time: pure."""

from dataclasses import dataclass
from typing import Literal

from core.city import City
from core.city_clocks import CityClocks, ClockKind, ClockPolicy, Colours

Colour = Literal["green", "blue", "yellow", "orange", "red"]

#: Where a ticket has no category yet: life and property 2 h, general matters 7 days (Beijing's draft rules, by press).
EMERGENCY_HOURS = 2.0
GENERAL_HOURS = 168.0


@dataclass(frozen=True)
class Subject:
    """What a policy is chosen by."""

    #: Category; empty before there is one.
    code: str
    flow: str
    #: Level of the department that has it in hand; empty while none has.
    level: str
    is_emergency: bool


def choose(clocks: CityClocks, kind: ClockKind, subject: Subject) -> ClockPolicy | None:
    """The most specific of the city's policies for this kind; None where none fits."""
    fitting = [
        (rank, policy)
        for policy in clocks.policies
        if policy.kind == kind and (rank := _rank(policy, subject)) is not None
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _rank(policy: ClockPolicy, subject: Subject) -> tuple[int, bool, bool] | None:
    """How specific this policy is for the subject: category 2, group 1, none 0; then level; then flow. None: no fit."""
    if policy.level not in ("", subject.level) or policy.flow not in ("", subject.flow):
        return None
    code = 0
    if policy.codes:
        code = 2 if subject.code in policy.codes else int(bool(subject.code) and subject.code.startswith(policy.codes))
        if not code:
            return None
    return code, bool(policy.level), bool(policy.flow)


def policy_of(city: City, kind: ClockKind, subject: Subject) -> ClockPolicy | None:
    """The city's policy; for the handling else the category's ``due_hours``. None: such a clock does not run here."""
    if (chosen := choose(city.clocks, kind, subject)) or kind != "handle":
        return chosen
    category = city.category(subject.code)
    usual = EMERGENCY_HOURS if subject.is_emergency else GENERAL_HOURS
    hours = usual if category is None else category.due_hours
    return ClockPolicy(kind="handle", amount=hours, unit="hours")


def colour(colours: Colours, used: float) -> Colour:
    """By the share of its time that a clock has used; 1 and more is overdue."""
    if used >= 1:
        return "red"
    if used >= colours.orange:
        return "orange"
    if used >= colours.yellow:
        return "yellow"
    return "blue" if used >= colours.blue else "green"
