"""What the automatic checks answer of a scorecard before a person looks. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.city_scorecards import Scorecard
from quality.checks.findings import Finding, Review
from quality.scorecards.score import Answer


@dataclass(frozen=True)
class Prefilled:
    """An answer that waits for a person's eye, and what it rests on."""

    item: str
    answer: Answer
    check: str
    evidence: tuple[Finding, ...]


def prefill(card: Scorecard, review: Review) -> tuple[Prefilled, ...]:
    """The items that checks can answer, in the card's order.

    A check that had no occasion answers "not applicable" where the item allows it, else nothing.
    """
    found: list[Prefilled] = []
    for item in card.items():
        said = review.checks.get(item.check) if item.check else None
        if said is None or (said.answer == "na" and not item.may_skip):
            continue
        answer: Answer = "na" if said.answer == "na" else "yes" if said.answer == "pass" else "no"
        found.append(Prefilled(item.key, answer, item.check, said.findings))
    return tuple(found)


def unknown_checks(card: Scorecard, names: Sequence[str]) -> list[tuple[str, str]]:
    """Items of the card with the check that they ask for and that there is not."""
    return [(item.key, item.check) for item in card.items() if item.check and item.check not in names]
