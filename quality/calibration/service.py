"""Blind scores of the same calls: how far they agree, who drifts, what differs most, and what was settled of it."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from core.audit import note
from core.city_scorecards import Scorecard, ScoreItem
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError, NotAllowed
from quality.calibration.drift import Drift, Week, drift
from quality.calibration.items import ItemAgreement, ReviewerAgreement, Scored, by_item, by_reviewer
from quality.calibration.tables import CalibrationOutcome
from quality.reviews.service import FIRST_ORDERED, Reviews, reviewers_of
from quality.reviews.tables import Review, ReviewScore
from quality.sampling.assign import Reviewer
from quality.scorecards import versions
from quality.scorecards.score import Answer, score
from ticketing.actor import Actor

#: Weeks over which agreement is measured at first, and over which drift is watched.
WEEKS, DRIFT_WEEKS = 13, 26
#: Most blind pairs of one card that are loaded at once: the latest.
MOST = 2000
_OPEN = ("drawn", "assigned", "in_review")
_DONE = ("scored", "released", "appealed", "upheld", "changed")


@dataclass(frozen=True)
class Blind:
    """One reviewer's score of a call that others scored, too."""

    review_id: str
    reviewer: str
    at: datetime
    answers: Mapping[str, Answer]
    evidence: Mapping[str, Sequence[Mapping[str, object]]]
    note: str
    tenths: int | None


@dataclass(frozen=True)
class Difference:
    """An item that reviewers answered differently. ``apart``: 0 … 1 of what they could be apart."""

    item: ScoreItem
    apart: float


@dataclass(frozen=True)
class Meeting:
    """A call that several scored by one card; ``scores`` in the order of their reviews' ids, which says nothing."""

    call_id: str
    card_hash: str
    card: Scorecard
    scores: Sequence[Blind]
    differences: Sequence[Difference]
    outcomes: Sequence[CalibrationOutcome]

    def settled(self, item: str) -> CalibrationOutcome | None:
        return next((one for one in reversed(self.outcomes) if one.item == item), None)

    @property
    def spread(self) -> float | None:
        """Points between the highest and the lowest score."""
        points = [one.tenths for one in self.scores if one.tenths is not None]
        return (max(points) - min(points)) / 10 if len(points) > 1 else None


@dataclass(frozen=True)
class Agreed:
    """Agreement of one card over some weeks. ``calls``: scored by at least two."""

    card: Scorecard
    card_hash: str
    calls: int
    items: Sequence[ItemAgreement]
    reviewers: Sequence[ReviewerAgreement]


class Calibration:
    """Calibration of one site's reviewers."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo) -> None:
        self._database, self._clock, self._zone = database, clock, zone

    async def cards(self, weeks: int = WEEKS) -> Sequence[tuple[str, Scorecard, int]]:
        """Hash, card and number of calls that at least two scored by it, most calls first."""
        pairs = self._pairs(weeks).subquery()
        async with self._database.read() as session:
            found = (
                await session.execute(
                    select(pairs.c.card, func.count())
                    .group_by(pairs.c.card)
                    .order_by(func.count().desc(), pairs.c.card)
                )
            ).all()
            cards = await _cards(session, [told for told, _ in found])
        return [(told, cards[told], count) for told, count in found]

    async def agreement(self, card_hash: str, weeks: int = WEEKS) -> Agreed:
        """Per item and reviewer; the coefficients are made in a thread."""
        async with self._database.read() as session:
            card = await versions.read(session, card_hash)
            scores = await self._scores(session, card_hash, weeks)
        found = [Scored(call, one.reviewer, one.answers) for call, many in scores.items() for one in many]

        def made() -> tuple[Sequence[ItemAgreement], Sequence[ReviewerAgreement]]:
            return by_item(card, found), by_reviewer(card, found)

        items, reviewers = await asyncio.to_thread(made)
        return Agreed(card, card_hash, len(scores), items, reviewers)

    async def drifting(self, weeks: int = DRIFT_WEEKS) -> Mapping[str, Drift]:
        """Each reviewer's weeks against the others'; means and numbers come from the database."""
        monday = _monday(self._clock.now().astimezone(self._zone).date())
        starts = [monday - timedelta(weeks=n) for n in range(weeks, -1, -1)]
        bounds = [datetime.combine(day, time(0), self._zone) for day in starts]
        week = case(*((ReviewScore.at < end, place) for place, end in enumerate(bounds[1:])), else_=weeks)
        query = (
            select(Review.reviewer, week.label("week"), func.count(), func.sum(ReviewScore.tenths))
            .join(ReviewScore, _holds())
            .where(ReviewScore.at >= bounds[0], ReviewScore.tenths.is_not(None), Review.state.in_(_DONE))
            .group_by(Review.reviewer, week)
        )
        table: dict[str, dict[int, tuple[int, float]]] = defaultdict(dict)
        async with self._database.read() as session:
            for who, place, count, total in await session.execute(query):
                table[who][int(place)] = (count, float(total) / 10)
        return {who: drift(_weeks(table, who, starts)) for who in sorted(table)}

    async def differing(self, card_hash: str, weeks: int = WEEKS, size: int = 50) -> Sequence[Meeting]:
        """The calls on which reviewers differ most, largest first; none that somebody still scores."""
        async with self._database.read() as session:
            card = await versions.read(session, card_hash)
            scores = await self._scores(session, card_hash, weeks)
            meetings = [
                Meeting(call, card_hash, card, many, differences(card, many), ()) for call, many in scores.items()
            ]
            meetings.sort(key=lambda one: (-sum(d.apart for d in one.differences), -(one.spread or 0), one.call_id))
            shown = [one for one in meetings if one.differences][:size]
            outcomes = await _outcomes(session, [one.call_id for one in shown])
        return [
            Meeting(m.call_id, m.card_hash, m.card, m.scores, m.differences, outcomes.get(m.call_id, ())) for m in shown
        ]

    async def meeting(self, call_id: str, by: Actor) -> Meeting:
        """One call as a meeting sees it.

        :class:`NotAllowed` for whoever is neither a supervisor nor one of those who scored it, and while one of them
        has not finished: what the others said would lead him.
        """
        async with self._database.read() as session:
            rows = await session.execute(
                select(Review, ReviewScore).outerjoin(ReviewScore, _holds()).where(Review.call_id == call_id)
                .order_by(Review.id)
            )  # fmt: skip
            given = [(review, last) for review, last in rows if review.state != "void"]
            if by.role != "supervisor" and by.login not in {r.reviewer for r, last in given if last is not None}:
                raise NotAllowed("您没有此项权限")
            scored = [(review, last) for review, last in given if last is not None and review.state in _DONE]
            if len({review.reviewer for review, _ in scored}) < 2:
                raise HeyiError("这通电话还没有两人以上的评分", hint=call_id[:80])
            if len(scored) < len(given):
                raise NotAllowed("还有人没有评完，评完才能对照")
            card_hash = scored[0][1].card
            card = await versions.read(session, card_hash)
            scores = [_blind(review, last) for review, last in scored if last.card == card_hash]
            outcomes = await _outcomes(session, [call_id])
        return Meeting(call_id, card_hash, card, scores, differences(card, scores), outcomes.get(call_id, ()))

    async def settle(self, call_id: str, item: str, answer: Answer, why: str, by: Actor) -> CalibrationOutcome:
        """Write down what a meeting agreed on; what was agreed before stays."""
        if by.role != "supervisor":
            raise NotAllowed("只有班长可以记录校准结论")
        if not (said := why.strip()):
            raise HeyiError("请填写理由")
        meeting = await self.meeting(call_id, by)
        known = {one.key: one for one in meeting.card.items()}
        if item not in known:
            raise HeyiError("评分表没有这一项", hint=item[:40])
        score(meeting.card, {**meeting.scores[0].answers, item: answer})  # refuses what does not fit
        now = self._clock.now()
        row = CalibrationOutcome(
            call_id=call_id,
            item=item,
            card=meeting.card_hash,
            answer=str(answer),
            note=said[:2000],
            at=now,
            by=by.login,
        )
        async with self._database.work() as work:
            work.session.add(row)
            note(work.session, at=now, who=by.login, what="calibration", call_id=call_id, detail=f"{item}={answer}")
        return row

    async def order(self, call_id: str, reviewers: Sequence[Reviewer], by: Actor, reviews: Reviews) -> int:
        """Have further reviewers score a drawn call blind; returns how many got it.

        Who took part in the call, has or had a review of it, is passed over.
        """
        if by.role != "supervisor":
            raise NotAllowed("只有班长可以安排校准评分")
        async with self._database.read() as session:
            first = await session.scalar(select(Review).where(Review.call_id == call_id, Review.copy == 0))
            had = await reviewers_of(session, call_id)
        if first is None or first.state == "void":
            raise HeyiError("只能对抽中的通话安排校准评分", hint=call_id[:80])
        spoke = {first.agent, *first.others}
        free = [one for one in reviewers if one.login not in had and spoke.isdisjoint({one.login, *one.desks})]
        if not free:
            raise HeyiError("没有质检员可以再评这通电话", hint=call_id[:80])
        for one in free:
            async with self._database.work() as work:
                last = await work.session.scalar(
                    select(func.max(Review.copy)).where(Review.draw_id == first.draw_id, Review.call_id == call_id)
                )
                made = Review(
                    draw_id=first.draw_id, call_id=call_id, copy=max(FIRST_ORDERED, (last or 0) + 1), agent=first.agent,
                    others=list(first.others), kind=first.kind, why=first.why, state="drawn", reviewer="",
                    created_at=self._clock.now(), version=1,
                )  # fmt: skip
                work.session.add(made)
            await reviews.assign(made.id, one, by)
        return len(free)

    async def outcomes(self, since: datetime, size: int = 50) -> Sequence[CalibrationOutcome]:
        """What was settled, the latest first."""
        query = select(CalibrationOutcome).where(CalibrationOutcome.at >= since)
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(CalibrationOutcome.id.desc()).limit(size))).all()

    # --- within -----------------------------------------------------------------------------------------------------

    def _since(self, weeks: int) -> datetime:
        monday = _monday(self._clock.now().astimezone(self._zone).date())
        return datetime.combine(monday - timedelta(weeks=weeks - 1), time(0), self._zone)

    def _pairs(self, weeks: int, card: str = "") -> Select[str, str, datetime]:
        """Calls that several scored by one card since then and that nobody still scores: call, card, latest score."""
        other = aliased(Review)
        open_ = select(other.id).where(other.call_id == Review.call_id, other.state.in_(_OPEN)).exists()
        query = (
            select(Review.call_id, ReviewScore.card, func.max(ReviewScore.at).label("at"))
            .join(ReviewScore, _holds())
            .where(Review.state.in_(_DONE), ReviewScore.at >= self._since(weeks), ~open_)
            .group_by(Review.call_id, ReviewScore.card)
            .having(func.count(func.distinct(Review.reviewer)) > 1)
        )
        return query.where(ReviewScore.card == card) if card else query

    async def _scores(self, session: AsyncSession, card: str, weeks: int) -> dict[str, list[Blind]]:
        """By call: the scores of everybody who scored it by this card, of the latest calls."""
        pairs = self._pairs(weeks, card).subquery()
        latest = select(pairs.c.call_id).order_by(pairs.c.at.desc(), pairs.c.call_id).limit(MOST)
        query = (
            select(Review, ReviewScore)
            .join(ReviewScore, _holds())
            .where(Review.call_id.in_(latest), Review.state.in_(_DONE), ReviewScore.card == card)
            .order_by(Review.call_id, Review.id)
        )
        found: dict[str, list[Blind]] = defaultdict(list)
        for review, last in await session.execute(query):
            found[review.call_id].append(_blind(review, last))
        return found


def differences(card: Scorecard, scores: Sequence[Blind]) -> tuple[Difference, ...]:
    """The items that were answered differently, largest difference first; among equals what fails the call, then the
    heaviest. Whether an item applies at all is a whole difference, too."""
    found: list[Difference] = []
    for item in card.items():
        answers = [one.answers[item.key] for one in scores if item.key in one.answers]
        if len(set(answers)) < 2:
            continue
        points = [one for one in answers if isinstance(one, int)]
        apart = (max(points) - min(points)) / item.top if len(points) == len(answers) else 1.0
        found.append(Difference(item, apart))
    return tuple(sorted(found, key=lambda one: (-one.apart, not one.item.auto_fail, -one.item.weight)))


def _holds() -> ColumnElement[bool]:
    """A review with its reviewer's own last score; a decision after an appeal is somebody else's, and not blind."""
    own = aliased(ReviewScore)
    last = select(func.max(own.number)).where(own.review_id == Review.id, own.who == Review.reviewer)
    return and_(
        ReviewScore.review_id == Review.id, ReviewScore.number == last.correlate(Review).scalar_subquery()
    )  # fmt: skip


def _blind(review: Review, last: ReviewScore) -> Blind:
    return Blind(review.id, review.reviewer, last.at, last.answers, last.evidence, last.note, last.tenths)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _weeks(table: Mapping[str, Mapping[int, tuple[int, float]]], who: str, starts: Sequence[date]) -> list[Week]:
    """Numbers and means are all that is looked at, so each score stands for the mean of its week."""
    found: list[Week] = []
    for place, day in enumerate(starts):
        count, total = table[who].get(place, (0, 0.0))
        others = [weeks[place] for one, weeks in table.items() if one != who and place in weeks]
        more, sum_ = sum(n for n, _ in others), sum(t for _, t in others)
        own = [total / count] * count if count else []
        found.append(Week(day.isoformat(), own, [sum_ / more] * more if more else []))
    return found


async def _cards(session: AsyncSession, hashes: Sequence[str]) -> dict[str, Scorecard]:
    return {told: await versions.read(session, told) for told in hashes}


async def _outcomes(session: AsyncSession, calls: Sequence[str]) -> dict[str, list[CalibrationOutcome]]:
    query = select(CalibrationOutcome).where(CalibrationOutcome.call_id.in_(calls)).order_by(CalibrationOutcome.id)
    found: dict[str, list[CalibrationOutcome]] = defaultdict(list)
    for one in await session.scalars(query):
        found[one.call_id].append(one)
    return found
