"""A call's score from its answers. Pure, and exact: whole numbers and fractions, rounded once, at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from core.city_scorecards import Scorecard, ScoreItem
from core.errors import HeyiError

#: 0 … top on a scale.
Answer = Literal["yes", "no", "na"] | int


@dataclass(frozen=True)
class Score:
    """``points``: 0.0 … 100.0; None where nothing that has a weight applied and nothing failed."""

    points: Decimal | None
    #: What it would be without 一票否决; the same where nothing failed.
    before_fail: Decimal | None
    #: Keys of the auto-fail items answered "no", in the card's order.
    failed: tuple[str, ...]
    #: At least the card's pass mark; None without points.
    passed: bool | None
    #: Points that each item cost, of those of ``before_fail``; items that cost nothing are left out.
    lost: Mapping[str, Decimal]


def score(card: Scorecard, answers: Mapping[str, Answer]) -> Score:
    """The score of a call.

        score = 100 × Σ wᵢ·vᵢ ÷ Σ wᵢ,  over the items that apply;   0 where an auto-fail item is answered "no"

    wᵢ is the item's weight; vᵢ is 1 for yes, 0 for no, k/top for k on a scale. An item that does not apply takes its
    weight out of both sums. Rounded to one decimal, halves up (89.95 is 90.0), and compared with the pass mark after
    rounding, so that what is seen is what counts.

    Raises :class:`HeyiError` for answers that the card does not have, and for those that are missing or do not fit.
    """
    items = list(card.items())
    _check(items, answers)
    return _made(card, items, answers)


def so_far(card: Scorecard, answers: Mapping[str, Answer]) -> Score:
    """The score as it would be if only the items answered by now applied; answers that do not fit are refused."""
    items = [item for item in card.items() if item.key in answers]
    _check(items, answers)
    return _made(card, items, answers)


def _made(card: Scorecard, items: list[ScoreItem], answers: Mapping[str, Answer]) -> Score:
    answered = {item.key: (item.weight, _value(item, answers[item.key])) for item in items}
    values = {key: (weight, value) for key, (weight, value) in answered.items() if value is not None}
    total = sum(weight for weight, _ in values.values())
    failed = tuple(item.key for item in items if item.auto_fail and answers[item.key] == "no")
    exact = 100 * sum(weight * value for weight, value in values.values()) / Fraction(total) if total else None
    before = None if exact is None else _rounded(exact)
    points = Decimal("0.0") if failed else before
    lost = {
        k: _rounded(100 * weight * (1 - value) / Fraction(total)) for k, (weight, value) in values.items() if weight
    }
    passed = None if points is None else points >= card.pass_mark
    return Score(points, before, failed, passed, {key: cost for key, cost in lost.items() if cost})


def missing(card: Scorecard, answers: Mapping[str, Answer]) -> list[ScoreItem]:
    """The items without an answer, in the card's order."""
    return [item for item in card.items() if item.key not in answers]


def _check(items: list[ScoreItem], answers: Mapping[str, Answer]) -> None:
    strange = sorted(set(answers) - {item.key for item in items})
    if strange:
        raise HeyiError("评分表没有这一项", hint=strange[0][:40])
    for item in items:
        if item.key not in answers:
            raise HeyiError("还有项目没有评分", hint=item.name)
        answer = answers[item.key]
        if answer == "na":
            if not item.may_skip:
                raise HeyiError("这一项不能选“不适用”", hint=item.name)
        elif item.kind == "yes_no":
            if answer not in ("yes", "no"):
                raise HeyiError("这一项只能答“是”或“否”", hint=item.name)
        elif not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer <= item.top:
            raise HeyiError(f"这一项须为 0 至 {item.top} 的整数", hint=item.name)


def _value(item: ScoreItem, answer: Answer) -> Fraction | None:
    if answer == "na":
        return None
    return Fraction(answer, item.top) if isinstance(answer, int) else Fraction(answer == "yes")


def _rounded(exact: Fraction) -> Decimal:
    """To one decimal, halves up; never negative here."""
    tenths, rest = divmod(exact * 10, 1)
    return Decimal(tenths + (2 * rest >= 1)).scaleb(-1)
