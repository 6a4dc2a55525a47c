"""Which articles somebody has to look at, and why. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

#: Days before the end of validity at which somebody is told.
SOON = timedelta(days=30)
#: Often unhelpful: at least this many times, and at least this share of all its uses.
UNHELPFUL_LEAST, UNHELPFUL_SHARE = 3, 0.25
#: Looked at again after this time.
STALE = timedelta(days=365)
#: Direct answers of one category without an article that make a gap.
ASKED_LEAST = 5

Why = Literal["expired", "expires", "unhelpful", "unpublished", "example", "stale"]
#: The most urgent first.
ORDER: tuple[Why, ...] = ("expired", "unhelpful", "expires", "unpublished", "example", "stale")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What decides about one article. ``used`` and ``unhelpful`` are counted over the last 90 days."""

    id: str
    state: str
    #: There is a version newer than the published one.
    newer: bool
    example: bool
    valid_until: date | None
    reviewed: date
    used: int
    unhelpful: int


@dataclass(frozen=True)
class Due:
    id: str
    whys: tuple[Why, ...]


def due(articles: Iterable[Standing], today: date) -> list[Due]:
    """The articles that need review with all their reasons, the most urgent first; withdrawn ones need none."""
    found = [Due(one.id, whys) for one in articles if one.state != "withdrawn" and (whys := tuple(_whys(one, today)))]
    return sorted(found, key=lambda one: (ORDER.index(one.whys[0]), -len(one.whys)))


def _whys(one: Standing, today: date) -> list[Why]:
    published, ends = one.state == "published", one.valid_until
    holds: Mapping[Why, bool] = {
        "expired": published and ends is not None and ends < today,
        "unhelpful": published
        and one.unhelpful >= UNHELPFUL_LEAST
        and one.unhelpful >= UNHELPFUL_SHARE * (one.used + one.unhelpful),
        "expires": published and ends is not None and today <= ends <= today + SOON,
        "unpublished": one.newer or one.state == "draft",
        "example": published and one.example,
        "stale": published and not one.example and one.reviewed <= today - STALE,
    }
    return [why for why in ORDER if holds[why]]


@dataclass(frozen=True)
class Gap:
    """A category whose callers are answered again and again without an article."""

    code: str
    count: int
    #: Number and summary of some of the tickets.
    examples: tuple[tuple[str, str], ...]


def gaps(answered: Iterable[tuple[str, str, str]], least: int = ASKED_LEAST, shown: int = 3) -> list[Gap]:
    """``answered``: category, number, summary of direct answers without an article. The most frequent first."""
    by_code: dict[str, list[tuple[str, str]]] = {}
    for code, number, summary in answered:
        by_code.setdefault(code, []).append((number, summary))
    found = [Gap(code, len(rows), tuple(rows[:shown])) for code, rows in by_code.items() if len(rows) >= least]
    return sorted(found, key=lambda gap: (-gap.count, gap.code))
