"""What people do with coaching plans, each step within one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm.exc import StaleDataError

from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from quality.coaching.states import ENDS, Action, step
from quality.coaching.tables import CoachingPlan, CoachingStep
from quality.reviews.events import ReviewTold
from quality.reviews.service import names_of
from ticketing.actor import Actor

#: Longest plan.
MOST_DAYS = 366


@dataclass(frozen=True)
class NewPlan:
    """``item``: key of a scorecard's item, or empty. ``until``: last day; ``next_on``: first follow-up."""

    agent: str
    aim: str
    item: str
    until: date
    next_on: date


class Coaching:
    """The coaching plans of one site."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo, items: frozenset[str]) -> None:
        """``items``: keys of the city's scorecards' items."""
        self._database, self._clock, self._zone, self._items = database, clock, zone, items

    @property
    def today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()

    async def make(self, plan: NewPlan, by: Actor) -> CoachingPlan:
        """A new plan; the call taker is told."""
        if by.role != "supervisor":
            raise NotAllowed("只有班长可以制定辅导计划")
        aim = _said(plan.aim, "请填写辅导目标")
        if plan.item and plan.item not in self._items:
            raise HeyiError("评分表没有这一项", hint=plan.item[:40])
        if not plan.agent.strip():
            raise HeyiError("请选择话务员")
        if not self.today <= plan.until <= self.today + timedelta(days=MOST_DAYS):
            raise HeyiError("期限须在今天之后、一年以内")
        self._next(plan.next_on, plan.until)
        now = self._clock.now()
        row = CoachingPlan(
            agent=plan.agent.strip()[:60], aim=aim, item=plan.item, until=plan.until, by=by.login, created_at=now,
            state="made", next_on=plan.next_on, version=1,
        )  # fmt: skip
        async with self._database.work() as work:
            work.session.add(row)
            await work.session.flush()
            self._kept(work, row, by, "make", "")
            work.record(ReviewTold(at=now, told="coaching", about=row.id, people=(row.agent,)))
        return row

    async def read(self, plan_id: str, by: Actor) -> CoachingPlan:
        """The call taker has read his plan."""
        async with self._database.work() as work:
            row = await self._step(work, plan_id, by, "read")
            row.read_at = self._clock.now()
            self._kept(work, row, by, "read", "")
            work.record(ReviewTold(at=self._clock.now(), told="coaching", about=row.id, people=(row.by,)))
            return await _flushed(work, row)

    async def follow(self, plan_id: str, by: Actor, note: str, next_on: date) -> CoachingPlan:
        """What was done, and when it is looked at again."""
        async with self._database.work() as work:
            row = await self._step(work, plan_id, by, "follow")
            # A follow-up may come after the plan's last day: then it is decided whether the aim was met.
            self._next(next_on, max(row.until, self.today) + timedelta(days=31))
            row.next_on = next_on
            self._kept(work, row, by, "follow", _said(note, "请填写辅导情况"))
            work.record(ReviewTold(at=self._clock.now(), told="coaching", about=row.id, people=(row.agent,)))
            return await _flushed(work, row)

    async def end(self, plan_id: str, by: Actor, action: Action, note: str) -> CoachingPlan:
        """Met, missed or dropped, with the reason."""
        async with self._database.work() as work:
            row = await self._step(work, plan_id, by, action)
            if row.state not in ENDS:
                raise NotAllowed("您没有此项权限")
            row.next_on = None
            self._kept(work, row, by, action, _said(note, "请填写理由"))
            work.record(ReviewTold(at=self._clock.now(), told="coaching", about=row.id, people=(row.agent,)))
            return await _flushed(work, row)

    # --- what is shown ----------------------------------------------------------------------------------------------

    async def of_agent(self, names: Sequence[str]) -> Sequence[tuple[CoachingPlan, Sequence[CoachingStep]]]:
        """A call taker's plans with their steps, the newest first."""
        query = select(CoachingPlan).where(CoachingPlan.agent.in_(names)).order_by(CoachingPlan.created_at.desc())
        async with self._database.read() as session:
            plans = (await session.scalars(query)).all()
            steps = select(CoachingStep).where(CoachingStep.plan_id.in_([one.id for one in plans]))
            rows = (await session.scalars(steps.order_by(CoachingStep.id))).all()
        return [(plan, [row for row in rows if row.plan_id == plan.id]) for plan in plans]

    async def open_plans(self) -> Sequence[CoachingPlan]:
        """Every plan that goes on, whose follow-up is due first before the rest."""
        query = select(CoachingPlan).where(CoachingPlan.state.in_(("made", "agreed")))
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(CoachingPlan.next_on, CoachingPlan.id))).all()

    async def waiting(self, by: Actor) -> int:
        """Plans that wait for this person: a call taker's unread, a supervisor's whose follow-up is due."""
        query = select(func.count()).select_from(CoachingPlan)
        if by.role == "agent":
            query = query.where(CoachingPlan.agent.in_(names_of(by)), CoachingPlan.state == "made")
        elif by.role == "supervisor":
            query = query.where(CoachingPlan.state.in_(("made", "agreed")), CoachingPlan.next_on <= self.today)
        else:
            return 0
        async with self._database.read() as session:
            return await session.scalar(query) or 0

    # --- within -----------------------------------------------------------------------------------------------------

    async def _step(self, work: Work, plan_id: str, by: Actor, action: Action) -> CoachingPlan:
        row = await work.session.get(CoachingPlan, plan_id)
        if row is None:
            raise HeyiError("没有这项辅导计划", hint=plan_id[:40])
        row.state = step(row.state, action, by.role, own=row.agent in names_of(by))
        row.version += 1
        return row

    def _kept(self, work: Work, row: CoachingPlan, by: Actor, action: str, note: str) -> None:
        work.session.add(
            CoachingStep(
                plan_id=row.id, at=self._clock.now(), who=by.login, action=action, after=row.state, note=note,
                next_on=row.next_on,
            )
        )  # fmt: skip

    def _next(self, day: date, last: date) -> None:
        if not self.today <= day <= last:
            raise HeyiError("下次跟进须在今天之后、期限之内")


async def _flushed(work: Work, row: CoachingPlan) -> CoachingPlan:
    try:
        await work.session.flush()
    except StaleDataError as error:
        raise Conflict("这项辅导计划刚刚由别人处理，请刷新后查看") from error
    return row


def _said(text: str, missing: str) -> str:
    said = text.strip()
    if not said:
        raise HeyiError(missing)
    return said[:2000]
