"""A call taker's weeks beside his peers': findings of the automatic checks, scores, and the items he loses most on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from quality.reports.period import week_of
from quality.reports.queries import calls_of, scored_of
from quality.reviews.listing import last_number
from quality.reviews.tables import Review, ReviewScore
from quality.scorecards import versions
from quality.tables import CallChecks, CallFinding

#: Weeks that a page shows.
WEEKS = 12


@dataclass(frozen=True)
class Count:
    """One call taker in one week. ``found``: calls in which a check named a violation, of ``checked``."""

    checked: int = 0
    found: int = 0
    reviews: int = 0
    #: Sum of the points of these reviews.
    total: float = 0.0

    @property
    def share(self) -> float | None:
        """Calls with a violation, of a hundred."""
        return 100 * self.found / self.checked if self.checked else None

    @property
    def mean(self) -> float | None:
        return self.total / self.reviews if self.reviews else None


@dataclass(frozen=True)
class Band:
    """Peers' quartiles; None where fewer than four peers have enough calls."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class WeekOf:
    """``few``: so few checked calls that his figure says little."""

    monday: date
    own: Count
    peers: Band | None
    few: bool


#: Fewer peers and a quartile would name single people.
PEERS = 4


async def counts(session: AsyncSession, first: date, weeks: int, zone: ZoneInfo) -> Mapping[str, Sequence[Count]]:
    """Every call taker's weeks from Monday ``first`` on; three statements."""
    bounds = [datetime.combine(first + timedelta(weeks=n), time(0), zone) for n in range(weeks + 1)]
    calls = calls_of(bounds[0], bounds[-1])

    def week(at: ColumnElement[datetime]) -> ColumnElement[int]:
        return case(*((at < end, place) for place, end in enumerate(bounds[1:])), else_=weeks - 1)

    table: dict[str, list[list[float]]] = defaultdict(lambda: [[0, 0, 0, 0.0] for _ in range(weeks)])
    place = week(calls.c.arrived_at)
    checked = (
        select(calls.c.agent, place, func.count())
        .join(CallChecks, CallChecks.call_id == calls.c.id)
        .group_by(calls.c.agent, place)
    )
    found = (
        select(calls.c.agent, place, func.count(func.distinct(calls.c.id)))
        .join(CallFinding, CallFinding.call_id == calls.c.id)
        .where(CallFinding.label != "")
        .group_by(calls.c.agent, place)
    )
    for column, query in enumerate((checked, found)):
        for agent, at, count in await session.execute(query):
            table[agent][at][column] = count
    scored = scored_of(calls)
    place = week(scored.c.arrived_at)
    reviewed = (
        select(scored.c.agent, place, func.count(), func.sum(scored.c.tenths))
        .where(scored.c.tenths.is_not(None))
        .group_by(scored.c.agent, place)
    )
    for agent, at, count, tenths in await session.execute(reviewed):
        table[agent][at][2:] = [count, float(tenths) / 10]
    return {
        agent: [Count(int(c), int(f), int(r), t) for c, f, r, t in many] for agent, many in table.items()
    }  # fmt: skip


def weeks_of(table: Mapping[str, Sequence[Count]], names: frozenset[str], first: date, minimum: int) -> list[WeekOf]:
    """One call taker's weeks (``names``: what he goes by) beside the quartiles of all others. Pure.

    A peer counts in a week in which at least ``minimum`` of his calls were checked.
    """
    size = max((len(many) for many in table.values()), default=0)
    shown: list[WeekOf] = []
    for n in range(size):
        mine = [many[n] for agent, many in table.items() if agent in names]
        own = Count(
            sum(c.checked for c in mine), sum(c.found for c in mine), sum(c.reviews for c in mine),
            sum(c.total for c in mine),
        )  # fmt: skip
        shares = [
            share for agent, many in table.items()
            if agent not in names and many[n].checked >= minimum and (share := many[n].share) is not None
        ]  # fmt: skip
        peers = Band(*quantiles(shares, n=4, method="inclusive")) if len(shares) >= PEERS else None
        shown.append(WeekOf(first + timedelta(weeks=n), own, peers, own.checked < minimum))
    return shown


@dataclass(frozen=True)
class ItemOf:
    """One item over some weeks. ``share``: of a hundred what he reached; ``peers``: what all others together did."""

    key: str
    name: str
    name_en: str
    #: Reviews in which it applied.
    count: int
    share: float
    peers: float | None
    few: bool


async def weakest(
    session: AsyncSession, names: frozenset[str], begin: datetime, end: datetime, minimum: int, most: int = 400
) -> list[ItemOf]:
    """The items of one call taker's latest published reviews, the lowest first; of peers the latest ``most``."""
    scored = scored_of(calls_of(begin, end))
    latest = select(scored.c.agent, scored.c.card, scored.c.answers).order_by(scored.c.arrived_at.desc())
    mine = (await session.execute(latest.where(scored.c.agent.in_(names)).limit(most))).all()
    others = (await session.execute(latest.where(scored.c.agent.not_in(names)).limit(most))).all()
    cards = {card: await versions.read(session, card) for card in sorted({row.card for row in mine})}
    found: list[ItemOf] = []
    items = {item.key: item for _, card in sorted(cards.items()) for item in card.items()}
    for key, item in items.items():
        own, theirs = (_reached(rows, key, item.top) for rows in (mine, others))
        if own:
            peers = 100 * sum(theirs) / len(theirs) if len(theirs) >= minimum else None
            share = 100 * sum(own) / len(own)
            found.append(ItemOf(key, item.name, item.name_en, len(own), share, peers, len(own) < minimum))
    return sorted(found, key=lambda one: (one.few, one.share, one.key))


def _reached(rows: Sequence[Row[str, str, dict[str, Any]]], key: str, top: int) -> list[float]:
    answers = (row[2].get(key, "na") for row in rows)
    return [one / top if isinstance(one, int) else float(one == "yes") for one in answers if one != "na"]


async def best(session: AsyncSession, names: frozenset[str], size: int = 5) -> Sequence[tuple[Review, int]]:
    """A call taker's best published reviews with their tenths of points, the latest of equals first."""
    query = (
        select(Review, ReviewScore.tenths)
        .join(ReviewScore, (ReviewScore.review_id == Review.id) & (ReviewScore.number == last_number()))
        .where(
            Review.agent.in_(names), Review.copy == 0, Review.state.in_(("released", "upheld", "changed")),
            ReviewScore.passed.is_(True), ReviewScore.tenths >= 900,
        )
        .order_by(ReviewScore.tenths.desc(), Review.released_at.desc())
        .limit(size)
    )  # fmt: skip
    return [(review, tenths or 0) for review, tenths in await session.execute(query)]


def monday_before(today: date, weeks: int) -> date:
    """The Monday from which ``weeks`` weeks end with the one that goes on."""
    return week_of(today).first - timedelta(weeks=weeks - 1)
