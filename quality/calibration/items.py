"""Agreement by item of a scorecard and by reviewer, from the blind reviews of many calls. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.city_scorecards import Scorecard, ScoreItem
from quality.calibration.agreement import Agreement, Floats, alpha, kappa
from quality.scorecards.score import Answer

#: Not applicable is an answer of its own where answers are names; of a scale it is a gap.
_NAMES: dict[Answer, float] = {"no": 0.0, "yes": 1.0, "na": 2.0}


@dataclass(frozen=True)
class Scored:
    """One reviewer's answers of one call."""

    call_id: str
    reviewer: str
    answers: Mapping[str, Answer]


@dataclass(frozen=True)
class ItemAgreement:
    """``alpha`` over all reviewers; ``pairs``: kappa of each two, by their logins in order."""

    item: str
    alpha: Agreement
    pairs: Mapping[tuple[str, str], Agreement]


@dataclass(frozen=True)
class ReviewerAgreement:
    """One reviewer against the others, on the calls that he and somebody else scored.

    ``different``: of the answers that he and another both gave, the share in which they differ; ``answers``: how many.
    """

    reviewer: str
    different: float | None
    answers: int
    calls: int


def by_item(card: Scorecard, scored: Sequence[Scored]) -> tuple[ItemAgreement, ...]:
    """Each item in the card's order. Yes and no are names, points of a scale ranks (weights linear for kappa)."""
    reviewers = sorted({one.reviewer for one in scored})
    found: list[ItemAgreement] = []
    for item in card.items():
        table = _table(item, scored, reviewers)
        scale = item.kind == "scale"
        pairs: dict[tuple[str, str], Agreement] = {}
        for (i, one), (j, other) in combinations(enumerate(reviewers), 2):
            pair = kappa(list(table[:, i]), list(table[:, j]), "linear" if scale else "none")
            if pair.calls:
                pairs[one, other] = pair
        found.append(ItemAgreement(item.key, alpha(table, "ordinal" if scale else "nominal"), pairs))
    return tuple(found)


def by_reviewer(card: Scorecard, scored: Sequence[Scored]) -> tuple[ReviewerAgreement, ...]:
    """Each reviewer by his login."""
    found: list[ReviewerAgreement] = []
    calls: dict[str, list[Scored]] = {}
    for one in scored:
        calls.setdefault(one.call_id, []).append(one)
    keys = [item.key for item in card.items()]
    for who in sorted({one.reviewer for one in scored}):
        both = different = shared = 0
        for of_call in calls.values():
            mine = [one for one in of_call if one.reviewer == who]
            others = [one for one in of_call if one.reviewer != who]
            shared += bool(mine and others)
            for own in mine:
                for other in others:
                    answered = [key for key in keys if key in own.answers and key in other.answers]
                    both += len(answered)
                    different += sum(own.answers[key] != other.answers[key] for key in answered)
        found.append(ReviewerAgreement(who, different / both if both else None, both, shared))
    return tuple(found)


def _table(item: ScoreItem, scored: Sequence[Scored], reviewers: Sequence[str]) -> Floats:
    calls = sorted({one.call_id for one in scored})
    table = np.full((len(calls), len(reviewers)), np.nan)
    row, column = ({name: place for place, name in enumerate(names)} for names in (calls, reviewers))
    for one in scored:
        answer = one.answers.get(item.key)
        if answer is None or (answer == "na" and item.kind == "scale"):
            continue
        value = float(answer) if isinstance(answer, int) else _NAMES[answer]
        table[row[one.call_id], column[one.reviewer]] = value
    return table
