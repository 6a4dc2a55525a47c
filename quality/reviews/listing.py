"""Lists of reviews for whoever oversees, appeals and decides. However long they are, each is a fixed few statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from quality.reviews.service import had_by, names_of
from quality.reviews.states import State
from quality.reviews.tables import Review, ReviewScore, ReviewStep
from ticketing.actor import Actor

#: States whose clock is a duty: an appeal is nobody's.
ON_THE_CLOCK: tuple[State, ...] = ("assigned", "in_review", "appealed")
#: States in which the call taker has his score.
PUBLISHED: tuple[State, ...] = ("released", "appealed", "upheld", "changed")

#: Reviews that one person has to do; more are not shown at once.
MOST = 300


@dataclass(frozen=True)
class Wanted:
    """Which reviews; what is empty does not narrow."""

    state: State | None = None
    reviewer: str = ""
    agent: str = ""
    draw: str = ""
    late: bool = False


@dataclass(frozen=True)
class Listed:
    """A review with its score that holds; ``tenths`` None: not scored, or nothing of the card applied."""

    review: Review
    tenths: int | None
    passed: bool | None

    @property
    def points(self) -> float | None:
        return None if self.tenths is None else self.tenths / 10


def last_number() -> ColumnElement[int]:
    """Number of the score of a review that holds, for a query that has :class:`Review`."""
    own = ReviewScore.__table__.alias("own")
    return select(func.max(own.c.number)).where(own.c.review_id == Review.id).correlate(Review).scalar_subquery()


def _holds() -> ColumnElement[bool]:
    return and_(ReviewScore.review_id == Review.id, ReviewScore.number == last_number())


def _with_score() -> Select[Review, int | None, bool | None]:
    return select(Review, ReviewScore.tenths, ReviewScore.passed).outerjoin(ReviewScore, _holds())


async def _rows(session: AsyncSession, query: Select[Review, int | None, bool | None]) -> list[Listed]:
    return [Listed(review, tenths, passed) for review, tenths, passed in await session.execute(query)]


def is_late(now: datetime) -> ColumnElement[bool]:
    """Overdue for whoever has to do something."""
    return and_(Review.state.in_(ON_THE_CLOCK), Review.due_at < now)


def _narrowed(wanted: Wanted, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.state is not None:
        found.append(Review.state == wanted.state)
    for column, value in ((Review.reviewer, wanted.reviewer), (Review.agent, wanted.agent),
                          (Review.draw_id, wanted.draw)):  # fmt: skip
        if value:
            found.append(column == value)
    if wanted.late:
        found.append(is_late(now))
    return found


async def listed(session: AsyncSession, wanted: Wanted, now: datetime, start: int, size: int) -> Sequence[Listed]:
    """So many from ``start`` on: what is on the clock, due first before the rest; what waits for the supervisor; the
    others. Equals: the newest first."""
    query = (
        _with_score()
        .where(*_narrowed(wanted, now))
        .order_by(
            case((Review.state.in_(ON_THE_CLOCK), 0), (Review.state.in_(("drawn", "scored")), 1), else_=2),
            case((Review.state.in_(ON_THE_CLOCK), Review.due_at)),
            Review.created_at.desc(),
            Review.id,
        )
        .offset(start)
        .limit(size)
    )
    return await _rows(session, query)


async def tallies(session: AsyncSession, wanted: Wanted, now: datetime) -> tuple[dict[State, int], int]:
    """How many there are in each state, and how many of all are late; ``wanted.state`` does not narrow."""
    where = _narrowed(Wanted(None, wanted.reviewer, wanted.agent, wanted.draw), now)
    counts = await session.execute(select(Review.state, func.count()).where(*where).group_by(Review.state))
    late = await session.scalar(select(func.count()).select_from(Review).where(*where, is_late(now)))
    return {state: count for state, count in counts}, late or 0


async def loads(session: AsyncSession) -> dict[str, int]:
    """Open reviews of each reviewer."""
    query = (
        select(Review.reviewer, func.count())
        .where(Review.reviewer != "", Review.state.in_(("assigned", "in_review")))
        .group_by(Review.reviewer)
    )
    return {reviewer: count for reviewer, count in await session.execute(query)}


async def to_do(session: AsyncSession, reviewer: str) -> Sequence[Review]:
    """A reviewer's own, also those that he may still go over; what is due first before the others."""
    query = select(Review).where(Review.reviewer == reviewer, Review.state.in_(("assigned", "in_review", "scored")))
    return (await session.scalars(query.order_by(Review.due_at.is_(None), Review.due_at, Review.id).limit(MOST))).all()


async def own(session: AsyncSession, by: Actor, start: int, size: int) -> Sequence[Listed]:
    """A call taker's published reviews, the latest first."""
    query = _with_score().where(Review.agent.in_(names_of(by)), Review.copy == 0, Review.state.in_(PUBLISHED))
    query = query.order_by(Review.released_at.desc(), Review.id).offset(start).limit(size)
    return await _rows(session, query)


async def appeals(session: AsyncSession, by: Actor) -> Sequence[Listed]:
    """Appeals that this person may decide, the one due first before the others; a supervisor sees all."""
    query = _with_score().where(Review.state == "appealed").order_by(Review.due_at, Review.id)
    if by.role == "supervisor":
        return await _rows(session, query)
    names = names_of(by)
    rows = await _rows(session, query.where(~had_by(by.login)))
    return [one for one in rows if names.isdisjoint((one.review.agent, *one.review.others))]


async def decided(session: AsyncSession, start: int, size: int) -> Sequence[tuple[Listed, ReviewStep]]:
    """Appeals that were decided with the deciding step, the latest first."""
    query = (
        select(Review, ReviewScore.tenths, ReviewScore.passed, ReviewStep)
        .select_from(Review)
        .outerjoin(ReviewScore, _holds())
        .join(ReviewStep, and_(ReviewStep.review_id == Review.id, ReviewStep.action.in_(("uphold", "change"))))
        .where(Review.state.in_(("upheld", "changed")))
        .order_by(ReviewStep.id.desc())
        .offset(start)
        .limit(size)
    )
    return [(Listed(review, tenths, passed), step) for review, tenths, passed, step in await session.execute(query)]


async def waiting(session: AsyncSession, by: Actor, now: datetime) -> int:
    """How many reviews wait for something that this person alone may do: the number in his bar."""
    if by.role == "agent":
        query = select(func.count()).where(
            Review.agent.in_(names_of(by)), Review.copy == 0, Review.state == "released", Review.due_at >= now
        )
        return await session.scalar(query) or 0
    if by.role == "supervisor":
        scored = and_(Review.state == "scored", Review.copy == 0)
        query = select(func.count()).where(or_(Review.state == "drawn", scored, is_late(now)))
        return await session.scalar(query) or 0
    query = select(func.count()).where(Review.reviewer == by.login, Review.state.in_(("assigned", "in_review")))
    return (await session.scalar(query) or 0) + len(await appeals(session, by))
