"""``quality.yaml``: which calls of a shift are reviewed, how many by one reviewer, and how long each step may take."""

from collections.abc import Sequence
from datetime import time
from typing import Annotated, Literal

from pydantic import Field

from core.cityfaults import Faults, File, quote
from core.citytypes import Data, Key, Text

#: Why a call deserves a look before others; how each is found out: :mod:`quality.population`.
Risk = Literal[
    "complaint", "reopened", "angry", "long_hold", "early_hangup", "barge", "unsatisfied", "verdict_changed",
    "emergency",
]  # fmt: skip
#: What a shift's calls are spread over besides their call taker, the first first.
Stratum = Literal["line", "category", "hour"]
Percent = Annotated[float, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=1, le=60)]
#: Settings that change nothing of what a draw draws: a stored draw stays proved whatever they become.
BESIDE_THE_DRAW = frozenset({"draw_itself", "draw_after_h", "minimum"})


class QualityShift(Data):
    """A stretch of the day, by the city's clock; one that ends no later than it begins goes on past midnight."""

    key: Key
    name: Text
    name_en: Text
    begin: time
    end: time


class RiskWeight(Data):
    """How much one reason weighs; a call's weights add up."""

    risk: Risk
    weight: Annotated[int, Field(ge=1, le=100)]


def _usual_shifts() -> tuple[QualityShift, ...]:
    return (
        QualityShift(key="day", name="白班", name_en="Day shift", begin=time(8), end=time(20)),
        QualityShift(key="night", name="夜班", name_en="Night shift", begin=time(20), end=time(8)),
    )


def _usual_risks() -> tuple[RiskWeight, ...]:
    weights: dict[Risk, int] = {
        "verdict_changed": 6, "complaint": 5, "angry": 5, "unsatisfied": 5, "barge": 4, "reopened": 4,
        "early_hangup": 4, "emergency": 3, "long_hold": 2,
    }  # fmt: skip
    return tuple(RiskWeight(risk=risk, weight=weight) for risk, weight in weights.items())


class CityQuality(Data):
    """``quality.yaml``. Without the file these values hold."""

    #: Of the plan; goes up with every change, so that a draw can say which one it was made by.
    version: Annotated[int, Field(ge=1)] = 1
    #: Any text. With the plan and the shift's calls it settles the draw.
    seed: Text = "heyi"
    shifts: Annotated[tuple[QualityShift, ...], Field(min_length=1)] = Field(default_factory=_usual_shifts)
    #: Per cent of a shift's answered calls that are drawn, and per cent of those that are drawn by risk.
    share: Percent = 3
    risk_share: Percent = 40
    risks: tuple[RiskWeight, ...] = Field(default_factory=_usual_risks)
    strata: tuple[Stratum, ...] = ("line", "category", "hour")
    #: Calls of one call taker in one shift: at least (where he has as many), and at most.
    agent_least: Annotated[int, Field(ge=0, le=100)] = 1
    agent_most: Annotated[int, Field(ge=1, le=1000)] = 6
    #: Reviews that one reviewer gets of one shift, at most.
    reviewer_most: Annotated[int, Field(ge=1, le=1000)] = 20
    #: Per cent of the drawn calls that two reviewers score without knowing of each other.
    blind_share: Percent = 10
    #: Seconds: the caller was kept on hold for longer; the call taker hung up sooner.
    long_hold_s: Annotated[float, Field(gt=0, le=3600)] = 60
    early_hangup_s: Annotated[float, Field(gt=0, le=600)] = 15
    #: Working days: from assignment to score, from release to appeal, from appeal to decision.
    review_days: Days = 3
    appeal_days: Days = 5
    decide_days: Days = 5
    #: Whether shifts are drawn without anybody asking, and how many hours after their end.
    draw_itself: bool = True
    draw_after_h: Annotated[float, Field(ge=0, le=168)] = 2
    #: A figure of fewer reviews is shown with their number and ranked by nobody.
    minimum: Annotated[int, Field(ge=1, le=1000)] = 5

    def weight(self, risk: Risk) -> int:
        return next((one.weight for one in self.risks if one.risk == risk), 0)


def check_quality(file: File[CityQuality], faults: Faults) -> None:
    """Note what no single value shows: names that stand twice, quotas against each other, shifts that overlap."""
    for plan, node in file.records:
        for name, values in (
            ("shifts", [shift.key for shift in plan.shifts]),
            ("risks", [one.risk for one in plan.risks]),
            ("strata", list(plan.strata)),
        ):
            if name in plan.model_fields_set:
                lines = [entry.line for entry in node.get(name).items()]
                _once(file, values, lines, faults)
        if plan.agent_least > plan.agent_most:
            text = f"agent_least is {plan.agent_least}, agent_most {plan.agent_most}, expected no more than that"
            faults.add(file.path, node.get("agent_least").line, text)
        if "shifts" in plan.model_fields_set:
            owner: dict[int, str] = {}
            for shift, entry in zip(plan.shifts, node.get("shifts").items(), strict=True):
                taken = {owner[minute] for minute in minutes(shift) if minute in owner}
                if taken:
                    faults.add(file.path, entry.line, f"overlaps {quote(min(taken))}, expected each minute once")
                owner |= {minute: shift.key for minute in minutes(shift)}


def minutes(shift: QualityShift) -> Sequence[int]:
    """The minutes of a day that belong to a shift, counted from midnight."""
    begin, end = (at.hour * 60 + at.minute for at in (shift.begin, shift.end))
    return range(begin, end) if begin < end else [*range(begin, 24 * 60), *range(end)]


def _once(file: File[CityQuality], values: Sequence[str], lines: Sequence[int], faults: Faults) -> None:
    seen: dict[str, int] = {}
    for value, line in zip(values, lines, strict=True):
        if value in seen:
            faults.add(file.path, line, f"{quote(value)} stands on line {seen[value]} too, expected once")
        seen.setdefault(value, line)
