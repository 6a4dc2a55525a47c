"""``assessment.yaml``: what departments and call takers are assessed by, how it weighs, and who is ranked with whom."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, get_args

from pydantic import Field

from core.city_clocks import Code
from core.cityfaults import Faults, File, quote
from core.citytypes import Data, Key, MaybeText, Text
from core.yamltext import Node

#: What somebody can be assessed by; how each is counted: :mod:`ticketing.assessment.measures`.
Measure = Literal[
    "accept", "handle", "solved", "satisfied", "refused", "unjustified", "reopened", "urged", "reached", "misdirected"
]  # fmt: skip
#: Of these the fewer the better.
FEWER: frozenset[Measure] = frozenset({"refused", "unjustified", "reopened", "urged", "misdirected"})
#: Whose share says nothing about the others: a department dispatches nothing wrongly, a call taker refuses nothing.
NOT_OF: dict[str, frozenset[Measure]] = {
    "departments": frozenset({"misdirected"}),
    "agents": frozenset({"refused", "unjustified"}),
}
Kind = Literal["emergency", "bureau", "town", "utility", "centre"]
Percent = Annotated[float, Field(ge=0, le=100)]


class Weight(Data):
    """One measure: how much of 100 points it weighs, and from where to where its share earns them."""

    measure: Measure
    weight: Annotated[float, Field(gt=0, le=100)]
    #: Share in per cent that earns all its points, and the one that earns none; in between in proportion.
    full: Percent
    zero: Percent


class Tier(Data):
    """Who is ranked with whom: bureaus with bureaus, towns with towns."""

    key: Key
    name: Text
    name_en: Text
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]


class Grade(Data):
    """A word for scores from here up."""

    name: Text
    name_en: Text
    at_least: Percent


def _usual_departments() -> tuple[Weight, ...]:
    return (
        Weight(measure="accept", weight=15, full=100, zero=60),
        Weight(measure="handle", weight=30, full=100, zero=60),
        Weight(measure="solved", weight=15, full=95, zero=50),
        Weight(measure="satisfied", weight=25, full=95, zero=50),
        Weight(measure="unjustified", weight=5, full=0, zero=10),
        Weight(measure="reopened", weight=5, full=0, zero=20),
        Weight(measure="urged", weight=5, full=0, zero=20),
    )


def _usual_agents() -> tuple[Weight, ...]:
    return (
        Weight(measure="accept", weight=30, full=95, zero=60),
        Weight(measure="handle", weight=30, full=98, zero=70),
        Weight(measure="misdirected", weight=25, full=0, zero=10),
        Weight(measure="reached", weight=15, full=80, zero=30),
    )


class CityAssessment(Data):
    """``assessment.yaml``. Without the file these values hold; every one of them is the city's to set."""

    #: Who has received fewer in the period is not ranked.
    minimum: Annotated[int, Field(ge=1, le=10_000)] = 10
    #: Villages and grids count for their town, or stand by themselves.
    communities: Literal["town", "own"] = "town"
    #: Categories and groups that are not assessed.
    leave_out: tuple[Code, ...] = ("X01", "X02")
    departments: Annotated[tuple[Weight, ...], Field(min_length=1)] = Field(default_factory=_usual_departments)
    agents: Annotated[tuple[Weight, ...], Field(min_length=1)] = Field(default_factory=_usual_agents)
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)] = (
        Tier(key="bureau", name="市直部门", name_en="Bureaus", kinds=("bureau",)),
        Tier(key="town", name="镇街", name_en="Towns and subdistricts", kinds=("town",)),
        Tier(key="utility", name="公用企业", name_en="Utilities", kinds=("utility",)),
        Tier(key="emergency", name="应急力量", name_en="Emergency services", kinds=("emergency",)),
        Tier(key="centre", name="热线中心", name_en="Hotline centre", kinds=("centre",)),
    )
    grades: tuple[Grade, ...] = (
        Grade(name="优秀", name_en="Excellent", at_least=90),
        Grade(name="良好", name_en="Good", at_least=80),
        Grade(name="合格", name_en="Passed", at_least=60),
        Grade(name="不合格", name_en="Failed", at_least=0),
    )
    #: Who issues the bulletin, and the words before the year in its number; empty: made of the city's name.
    issuer: MaybeText = ""
    document: MaybeText = ""


def check_assessment(
    file: File[CityAssessment], codes: Sequence[str] | None, kinds: Sequence[str] | None, faults: Faults
) -> None:
    """Note what no single record shows. ``codes``, ``kinds``: the city's; None while their files are unsound."""
    for assessment, node in file.records:
        for name, whose in (("departments", assessment.departments), ("agents", assessment.agents)):
            if name in assessment.model_fields_set:
                _check_weights(file, node.get(name), name, whose, faults)
        for place, code in enumerate(assessment.leave_out if "leave_out" in assessment.model_fields_set else ()):
            if codes is not None and code not in codes:
                line = node.at(("leave_out", place)).line
                faults.add(file.path, line, f"unknown code {quote(code)}, expected one of the taxonomy")
        if "tiers" in assessment.model_fields_set:
            _check_tiers(file, node.get("tiers"), assessment.tiers, kinds, faults)
        if "grades" in assessment.model_fields_set:
            _check_grades(file, node.get("grades"), assessment.grades, faults)


def _check_weights(
    file: File[CityAssessment], node: Node, name: str, weights: Sequence[Weight], faults: Faults
) -> None:
    seen: dict[str, int] = {}
    for weight, entry in zip(weights, node.items(), strict=True):
        key, line = weight.measure, entry.line
        if key in NOT_OF[name]:
            fit = [m for m in get_args(Measure) if m not in NOT_OF[name]]
            faults.add(file.path, line, f"{quote(key)} says nothing of {name}, expected one of {', '.join(fit)}")
        if key in seen:
            faults.add(file.path, line, f"measure {quote(key)} stands on line {seen[key]} too, expected once")
        seen.setdefault(key, line)
        if key in FEWER and weight.full >= weight.zero:
            text = f"full is {weight.full:g}, zero {weight.zero:g}; the fewer the better, expected full below zero"
            faults.add(file.path, line, text)
        if key not in FEWER and weight.full <= weight.zero:
            text = f"full is {weight.full:g}, zero {weight.zero:g}; the more the better, expected full above zero"
            faults.add(file.path, line, text)
    total = sum(weight.weight for weight in weights)
    if abs(total - 100) > 1e-6:
        faults.add(file.path, node.line, f"the weights of {name} sum to {total:g}, expected 100")


def _check_tiers(
    file: File[CityAssessment], node: Node, tiers: Sequence[Tier], kinds: Sequence[str] | None, faults: Faults
) -> None:
    seen: dict[str, int] = {}
    for tier, entry in zip(tiers, node.items(), strict=True):
        for value in (tier.key, *(f"kind {kind}" for kind in tier.kinds)):
            if value in seen:
                faults.add(file.path, entry.line, f"{quote(value)} stands on line {seen[value]} too, expected once")
            seen.setdefault(value, entry.line)
    without = sorted({kind for kind in kinds or () if f"kind {kind}" not in seen})
    if without:
        faults.add(
            file.path, node.line, f"departments of kind {', '.join(without)} are in no tier, expected each in one"
        )


def _check_grades(file: File[CityAssessment], node: Node, grades: Sequence[Grade], faults: Faults) -> None:
    for (better, worse), entry in zip(pairwise(grades), node.items()[1:], strict=True):
        if worse.at_least >= better.at_least:
            text = f"at_least is {worse.at_least:g} after {better.at_least:g}, expected the best grade first"
            faults.add(file.path, entry.line, text)
    if grades and grades[-1].at_least > 0:
        line = node.items()[-1].line
        faults.add(file.path, line, f"at_least is {grades[-1].at_least:g}, expected 0 for the last grade")
