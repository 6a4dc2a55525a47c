"""What people do with reviews, each step within one transaction: the table of states, rights, clocks, history."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.orm.exc import StaleDataError

from core.audit import AuditEntry, note
from core.city import City
from core.city_quality import QualityShift
from core.city_scorecards import Scorecard
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from quality.reviews.events import ReviewTold
from quality.reviews.states import Action, Person, State, may, step
from quality.reviews.tables import QualityDraw, Review, ReviewScore, ReviewStep
from quality.sampling import record
from quality.sampling.assign import Reviewer
from quality.sampling.population import occasion, population, span
from quality.sampling.record import Record
from quality.scorecards import versions
from quality.scorecards.score import Answer, score
from ticketing.actor import SYSTEM, Actor
from ticketing.clocks.calendar import WorkCalendar

#: Until an agent may see a review it is the reviewers' and supervisors' alone.
_SEEN_BY_AGENT: frozenset[State] = frozenset({"released", "appealed", "upheld", "changed"})
#: Copies 0 and 1 come of the draw; from here on a supervisor ordered them for calibration.
FIRST_ORDERED = 2
#: Audit entry of whoever was shown all blind scores of a call.
COMPARED = "calibration_call"
_ASIDE: tuple[State, ...] = ("drawn", "assigned", "in_review", "scored", "void")


@dataclass(frozen=True)
class Answers:
    """What a reviewer hands in. ``evidence``: by item, places in the call (``utterance_id``, ``second``, ``words``)."""

    answers: Mapping[str, Answer]
    evidence: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
    note: str = ""
    #: By item.
    comments: Mapping[str, str] | None = None


class Reviews:
    """The reviews of one site."""

    def __init__(self, database: Database, clock: Clock, city: City) -> None:
        self._database, self._clock, self._city = database, clock, city
        self._plan = city.quality
        self._calendar = WorkCalendar(city.calendar, city.profile.timezone)
        self.zone = ZoneInfo(city.profile.timezone)

    # --- draws ------------------------------------------------------------------------------------------------------

    def shift(self, key: str) -> QualityShift:
        found = next((one for one in self._plan.shifts if one.key == key), None)
        if found is None:
            raise HeyiError(
                "没有这个班次", hint=f"{key}：quality.yaml 有 {'、'.join(s.key for s in self._plan.shifts)}"
            )
        return found

    async def preview(self, day: date, shift: QualityShift, reviewers: Sequence[Reviewer]) -> Record:
        """What would be drawn of this shift as it is known now. Nothing is kept."""
        if span(day, shift, self.zone)[1] > self._clock.now():
            raise NotAllowed("这个班次尚未结束，不能抽样", hint=occasion(day, shift))
        async with self._database.read() as session:
            calls = await population(session, day, shift, self._plan, self.zone)
        # A shift of thousands takes a while, and calls go on meanwhile.
        return await asyncio.to_thread(record.make, occasion(day, shift), self._plan, calls, reviewers)

    async def draw(self, day: date, shift: QualityShift, reviewers: Sequence[Reviewer], by: Actor) -> QualityDraw:
        """Draw a shift once, keep what it was drawn from, and give the reviews out.

        :class:`NotAllowed` for other roles and while the shift goes on, :class:`Conflict` where it was drawn before.
        """
        if by.role not in ("supervisor", "system"):
            raise NotAllowed("只有班长可以抽样")
        made = await self.preview(day, shift, reviewers)
        body, now = made.body(), self._clock.now()
        emergency = {one.call_id for one in made.population if "emergency" in one.risks}
        row = QualityDraw(
            day=day, shift=shift.key, at=now, by=by.login, plan_version=made.plan.version, plan_hash=made.drawn.plan,
            population_hash=made.drawn.population, seal=record.seal(body), body=body,
        )  # fmt: skip
        given = {(one.call_id, one.copy): one.reviewer for one in made.assigned.duties}
        try:
            async with self._database.work() as work:
                work.session.add(row)
                await work.session.flush()
                for pick in made.drawn.picks:
                    for copy in (0, 1):
                        if copy and (pick.call_id, 1) not in given:
                            continue
                        review = Review(
                            draw_id=row.id, call_id=pick.call_id, copy=copy, agent=pick.agent, others=list(pick.others),
                            kind="emergency" if pick.call_id in emergency else "service", why=pick.why, state="drawn",
                            reviewer="", created_at=now, version=1,
                        )  # fmt: skip
                        work.session.add(review)
                        await work.session.flush()
                        if reviewer := given.get((pick.call_id, copy)):
                            review.reviewer = reviewer
                            await self._take(work, review, "assign", SYSTEM)
                if given:
                    people = tuple(sorted(set(given.values())))
                    work.record(ReviewTold(at=now, told="assigned", about=row.id, people=people))
                note(
                    work.session, at=now, who=by.login, what="quality_draw",
                    detail=f"{made.occasion} {len(made.drawn.picks)}/{len(made.population)}",
                )  # fmt: skip
        except IntegrityError as error:
            raise Conflict("这个班次已经抽过样", hint=made.occasion) from error
        return row

    async def prove(self, draw_id: str) -> list[str]:
        """What is wrong with a stored draw, as it stands and against the ledger; empty where it is proved."""
        async with self._database.read() as session:
            row = await session.get(QualityDraw, draw_id)
            if row is None:
                raise HeyiError("没有这次抽样", hint=draw_id[:40])
            body = (await session.execute(select(QualityDraw.body).where(QualityDraw.id == draw_id))).scalar_one()
            kept = record.Kept(body, row.seal, row.plan_hash, row.population_hash)
            found = await asyncio.to_thread(record.faults, kept)
            if found:
                return found
            made = record.read(body)
            shift = next(one for one in made.plan.shifts if one.key == row.shift)
            now = await population(session, row.day, shift, made.plan, self.zone)
            found = await asyncio.to_thread(record.faults, kept, now)
            given = await session.execute(select(Review.call_id, Review.copy).where(Review.draw_id == draw_id))
            # Further copies are calibration that somebody ordered later.
            there = {(call, copy) for call, copy in given if copy < FIRST_ORDERED}
        wanted = {(pick.call_id, 0) for pick in made.drawn.picks} | {(d.call_id, d.copy) for d in made.assigned.duties}
        found += [f"{call} was drawn and has no review" for call, _ in sorted(wanted - there)]
        found += [f"{call} has a review and was not drawn" for call, _ in sorted(there - wanted)]
        return found

    async def draws(self) -> Sequence[QualityDraw]:
        """Every draw, the latest first."""
        async with self._database.read() as session:
            return (
                await session.scalars(select(QualityDraw).order_by(QualityDraw.day.desc(), QualityDraw.at.desc()))
            ).all()

    # --- steps ------------------------------------------------------------------------------------------------------

    async def assign(self, review_id: str, reviewer: Reviewer, by: Actor) -> Review:
        """Give a review to somebody, or to somebody else."""
        async with self._changing() as work:
            review = await _get(work.session, review_id)
            if not {reviewer.login, *reviewer.desks}.isdisjoint((review.agent, *review.others)):
                raise NotAllowed("不能评自己参与的通话")
            if reviewer.login in await reviewers_of(work.session, review.call_id, but=review.id):
                raise NotAllowed("这通电话的另一份评分是他的", hint=reviewer.login)
            action: Action = "assign" if review.state == "drawn" else "reassign"
            before, review.reviewer = review.reviewer, reviewer.login
            return await self._take(work, review, action, by, was=before)

    async def begin(self, review_id: str, by: Actor) -> Review:
        async with self._changing() as work:
            return await self._take(work, await _get(work.session, review_id), "begin", by)

    async def hand_back(self, review_id: str, by: Actor, why: str) -> Review:
        """The reviewer should not judge this call taker."""
        async with self._changing() as work:
            review = await _get(work.session, review_id)
            was, review.reviewer = review.reviewer, ""
            return await self._take(work, review, "hand_back", by, _said(why), was=was)

    async def score(self, review_id: str, by: Actor, given: Answers) -> Review:
        async with self._changing() as work:
            review = await self._take(work, await _get(work.session, review_id), "score", by)
            await self._keep_score(work.session, review, by, given, self.card(review.kind))
            return review

    async def reopen(self, review_id: str, by: Actor) -> Review:
        """Score again, before it is published. Whoever has seen the others' blind scores of the call does not."""
        async with self._changing() as work:
            review = await _get(work.session, review_id)
            seen = select(AuditEntry.id).where(
                AuditEntry.call_id == review.call_id, AuditEntry.who == by.login, AuditEntry.what == COMPARED
            )
            if await work.session.scalar(seen.limit(1)) is not None:
                raise NotAllowed("已经看过他人的评分，不能重新评分")
            return await self._take(work, review, "reopen", by)

    async def release(self, review_id: str, by: Actor) -> Review:
        """The call taker sees his score, and may appeal from now on."""
        async with self._changing() as work:
            review = await _get(work.session, review_id)
            review.released_at = self._clock.now()
            return await self._take(work, review, "release", by)

    async def appeal(self, review_id: str, by: Actor, why: str) -> Review:
        async with self._changing() as work:
            review = await _get(work.session, review_id)
            if review.state == "released" and review.due_at is not None and self._clock.now() > review.due_at:
                raise NotAllowed("已过申诉期限", hint=f"{review.due_at.astimezone(self.zone):%Y-%m-%d %H:%M}")
            return await self._take(work, review, "appeal", by, _said(why))

    async def uphold(self, review_id: str, by: Actor, why: str) -> Review:
        async with self._changing() as work:
            return await self._take(work, await _get(work.session, review_id), "uphold", by, _said(why))

    async def change(self, review_id: str, by: Actor, given: Answers, why: str) -> Review:
        """Score again after an appeal, by the card of the first score."""
        async with self._changing() as work:
            review = await self._take(work, await _get(work.session, review_id), "change", by, _said(why))
            first = (await scores(work.session, review.id))[-1]
            await self._keep_score(work.session, review, by, given, await versions.read(work.session, first.card))
            return review

    async def void(self, review_id: str, by: Actor, why: str) -> Review:
        async with self._changing() as work:
            return await self._take(work, await _get(work.session, review_id), "void", by, _said(why))

    # --- what is shown ----------------------------------------------------------------------------------------------

    def card(self, kind: str) -> Scorecard:
        """The card by which calls of this kind are scored now."""
        found = next((one for one in self._city.scorecards if one.kind == kind), None)
        if found is None:
            raise HeyiError("本市没有这类通话的评分表", hint=f"scorecards.yaml: kind {kind}")
        return found

    async def get(self, review_id: str, by: Actor) -> Review:
        """One review; :class:`NotAllowed` for whoever may not see it: of a blind copy nobody but its reviewer."""
        async with self._database.read() as session:
            review = await _get(session, review_id)
            who = await self._person(session, review, by)
            seen = _may_see(review, who) or await _decided(session, review_id, by)
        if by.role == "supervisor" and review.copy > 0:
            # Opened one by one, they are told apart before the calibration sets them side by side, without names.
            raise NotAllowed("第二份评分只用于校准", hint="请在校准页面比对")
        if not seen:
            raise NotAllowed("您没有此项权限")
        return review

    async def actions(self, review_id: str, by: Actor) -> tuple[Action, ...]:
        """What this person may do with it now."""
        async with self._database.read() as session:
            review = await _get(session, review_id)
            who = await self._person(session, review, by)
        found = may(review.state, who, blind=review.copy > 0)
        over = review.due_at is not None and self._clock.now() > review.due_at
        return tuple(one for one in found if not (one == "appeal" and over)) if _may_see(review, who) else ()

    async def mine(self, by: Actor) -> Sequence[Review]:
        """A reviewer's own to do and the appeals that he may decide; a call taker's released ones; a supervisor's all.

        What is due first stands first. One statement, however many there are.
        """
        query = select(Review, had_by(by.login)).order_by(Review.due_at.is_(None), Review.due_at, Review.id)
        if by.role == "agent":
            query = query.where(Review.agent.in_(names_of(by)), Review.copy == 0, Review.state.not_in(_ASIDE))
        elif by.role == "reviewer":
            own = (Review.reviewer == by.login) & Review.state.in_(("assigned", "in_review", "scored"))
            query = query.where(own | (Review.state == "appealed"))
        elif by.role != "supervisor":
            raise NotAllowed("您没有此项权限")
        async with self._database.read() as session:
            rows = (await session.execute(query)).all()
        if by.role != "reviewer":
            return [row for row, _ in rows]
        return [row for row, had in rows if _may_see(row, _person_of(row, by, reviewed=had))]

    async def overdue(self) -> Sequence[Review]:
        """What should have been scored or decided by now; nobody has to appeal."""
        query = select(Review).where(
            Review.due_at < self._clock.now(), Review.state.in_(("assigned", "in_review", "appealed"))
        )
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(Review.due_at))).all()

    # --- within -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Work]:
        """A unit of work that tells whoever was slower so."""
        try:
            async with self._database.work() as work:
                yield work
        except StaleDataError as error:
            raise Conflict("这项质检任务刚刚由别人处理，请刷新后查看") from error

    async def _take(
        self, work: Work, review: Review, action: Action, by: Actor, why: str = "", *, was: str | None = None
    ) -> Review:
        """Take one step. ``was``: whose review it was before this change, where that changes with it."""
        who = await self._person(work.session, review, by, reviewer=was)
        before, now = review.state, self._clock.now()
        review.state = step(before, action, who, blind=review.copy > 0)
        review.due_at = self._due(review, now)
        review.version += 1
        work.session.add(
            ReviewStep(
                review_id=review.id, at=now, who=by.login, role=by.role, action=action, before=before,
                after=review.state, reviewer=review.reviewer, note=why,
            )
        )  # fmt: skip
        await work.session.flush()
        # A draw tells of all its reviews at once.
        if by.role != "system":
            work.record(*_told(review, action, now, was))
        return review

    def _due(self, review: Review, now: datetime) -> datetime | None:
        days = {
            "assigned": self._plan.review_days, "released": self._plan.appeal_days, "appealed": self._plan.decide_days,
        }.get(review.state)  # fmt: skip
        if review.state == "in_review":
            return review.due_at or self._calendar.add(self._plan.review_days, "workdays", now)
        return None if days is None else self._calendar.add(days, "workdays", now)

    async def _person(self, session: AsyncSession, review: Review, by: Actor, *, reviewer: str | None = None) -> Person:
        reviewed = by.login in await reviewers_of(session, review.call_id)
        return _person_of(review, by, reviewer=reviewer, reviewed=reviewed)

    async def _keep_score(
        self, session: AsyncSession, review: Review, by: Actor, given: Answers, card: Scorecard
    ) -> None:
        made, now = score(card, given.answers), self._clock.now()
        last = await session.scalar(select(func.max(ReviewScore.number)).where(ReviewScore.review_id == review.id))
        session.add(
            ReviewScore(
                review_id=review.id, number=(last or 0) + 1, at=now, who=by.login,
                card=await versions.keep(session, card, now), answers=dict(given.answers),
                evidence={key: [dict(one) for one in many] for key, many in (given.evidence or {}).items()},
                comments=dict(given.comments or {}), note=given.note.strip(),
                tenths=None if made.points is None else int(made.points * 10), passed=made.passed,
                failed=list(made.failed),
            )
        )  # fmt: skip


async def scores(session: AsyncSession, review_id: str) -> Sequence[ReviewScore]:
    """All that was scored of a review, the first first; the last one holds."""
    query = select(ReviewScore).where(ReviewScore.review_id == review_id).order_by(ReviewScore.number)
    return (await session.scalars(query)).all()


async def history(session: AsyncSession, review_id: str) -> Sequence[ReviewStep]:
    """Every step of a review, the first first."""
    query = select(ReviewStep).where(ReviewStep.review_id == review_id).order_by(ReviewStep.id)
    return (await session.scalars(query)).all()


async def _get(session: AsyncSession, review_id: str) -> Review:
    found = await session.get(Review, review_id)
    if found is None:
        raise HeyiError("没有这项质检任务", hint=review_id[:40])
    return found


async def reviewers_of(session: AsyncSession, call_id: str, *, but: str = "") -> set[str]:
    """Everybody who has or had a review of this call, or scored it."""
    of_call = select(Review.id).where(Review.call_id == call_id, Review.id != but)
    now = await session.scalars(select(Review.reviewer).where(Review.id.in_(of_call)))
    steps = await session.scalars(select(ReviewStep.reviewer).where(ReviewStep.review_id.in_(of_call)))
    scored = await session.scalars(select(ReviewScore.who).where(ReviewScore.review_id.in_(of_call)))
    return {*now, *steps, *scored} - {""}


def had_by(login: str) -> ColumnElement[bool]:
    """For a query that has :class:`Review`: whether this person has or had a review of its call, or scored it."""
    of = aliased(Review)
    step = select(ReviewStep.id).where(ReviewStep.review_id == of.id, ReviewStep.reviewer == login)
    scored = select(ReviewScore.id).where(ReviewScore.review_id == of.id, ReviewScore.who == login)
    had = or_(of.reviewer == login, step.exists(), scored.exists())
    return select(of.id).where(of.call_id == Review.call_id, had).correlate(Review).exists()


async def _decided(session: AsyncSession, review_id: str, by: Actor) -> bool:
    """Whether it was he who decided the appeal: what he did stays open to him."""
    own = select(ReviewStep.id).where(
        ReviewStep.review_id == review_id, ReviewStep.who == by.login, ReviewStep.action.in_(("uphold", "change"))
    )
    return await session.scalar(own.limit(1)) is not None


def _told(review: Review, action: Action, now: datetime, was: str | None) -> Iterator[ReviewTold]:
    """Whom a step concerns besides whoever took it; each is told apart, so that nobody learns the other's name."""
    event = partial(ReviewTold, at=now, about=review.id)
    if action in ("assign", "reassign"):
        if was and was != review.reviewer:
            yield event(told="taken_back", people=(was,))
        yield event(told="assigned", people=(review.reviewer,))
    elif action == "release":
        yield event(told="released", people=(review.agent,))
    elif action == "appeal":
        yield event(told="appealed", reviewers=True)
    elif action in ("uphold", "change"):
        yield event(told="decided", people=(review.agent,))
        yield event(told="decided", people=(review.reviewer,))
    else:
        yield event(told="moved")


def names_of(by: Actor) -> frozenset[str]:
    """What a person goes by in the calls."""
    return frozenset({by.login, *([f"desk:{by.extension}"] if by.extension else [])})


def _person_of(review: Review, by: Actor, *, reviewed: bool, reviewer: str | None = None) -> Person:
    """What somebody is to a review. ``reviewer``: whose review it counts as, where that changes."""
    names = names_of(by)
    return Person(
        role=by.role,
        is_reviewer=by.login == (review.reviewer if reviewer is None else reviewer) and by.login != "",
        is_agent=review.agent in names,
        took_part=not names.isdisjoint((review.agent, *review.others)),
        reviewed=reviewed,
    )


def _may_see(review: Review, who: Person) -> bool:
    if who.role == "supervisor":
        return True
    if who.role == "agent":
        return who.is_agent and review.copy == 0 and review.state in _SEEN_BY_AGENT
    if who.role == "reviewer":
        second = review.state == "appealed" and not who.reviewed and not who.took_part
        return who.is_reviewer or second
    return False


def _said(why: str) -> str:
    said = why.strip()
    if not said:
        raise HeyiError("请填写理由")
    return said[:2000]
