"""Coaching: the life of a plan, its days and rights; weeks beside peers; ranks, shares and periods of reports."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.bus import Bus
from core.city_scorecards import Scorecard
from core.clock import ManualClock
from core.database import Database
from core.errors import HeyiError, NotAllowed
from quality.coaching.figures import PEERS, Count, weeks_of
from quality.coaching.service import Coaching, NewPlan
from quality.coaching.states import EDGES, ENDS, STATES, Action, may, mermaid, step
from quality.coaching.tables import CoachingPlan
from quality.reports.figures import ItemRow, Reviewed, Row, Table
from quality.reports.period import month_of, parse, week_of
from quality.reviews.service import Reviews
from quality.reviews.tables import QualityDraw, Review
from quality.sampling.assign import Reviewer
from quality.sampling.watch import DrawWatch
from tests.desk_fakes import START
from tests.quality_scene import QUALITY_CITY, REVIEWERS, SERVICE, yesterdays_calls
from ticketing.actor import Actor

LIN, WANG, CHEN = Actor("lin", "supervisor"), Actor("wang", "agent", extension="1001"), Actor("chen", "agent")


# --- the table of a plan ------------------------------------------------------------------------------------------


def test_every_state_is_reached_and_leads_to_an_end() -> None:
    assert {"made"} | {edge.after for edge in EDGES} == set(STATES)
    assert {edge.before for edge in EDGES} == set(STATES) - ENDS
    assert {edge.action for edge in EDGES} == set(get_args(Action))
    assert len({(edge.before, edge.action) for edge in EDGES}) == len(EDGES)


def test_nobody_confirms_for_another_and_no_call_taker_closes_his_own() -> None:
    assert may("made", "agent", own=True) == ("read",)
    for state in STATES:
        assert may(state, "agent", own=False) == () == may(state, "reviewer", own=True)
        for action in may(state, "supervisor", own=False):
            assert action != "read"
            with pytest.raises(NotAllowed):
                step(state, action, "agent", own=True)


def test_the_page_has_the_table_as_it_is() -> None:
    """Red: put `quality.coaching.states.mermaid()` into docs/quality-review.md anew."""
    assert mermaid() in (Path(__file__).parents[2] / "docs" / "quality-review.md").read_text(encoding="utf-8")


# --- the service --------------------------------------------------------------------------------------------------


class Site:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START)
        self.database = Database(f"sqlite+aiosqlite:///{folder}/heyi.db", Bus())
        self.reviews = Reviews(self.database, self.clock, QUALITY_CITY)
        self.coaching = Coaching(self.database, self.clock, self.reviews.zone, frozenset({"greeting"}))

    def plan(self, *, days: int = 20, next_in: int = 7, item: str = "greeting", aim: str = "报线路名称") -> NewPlan:
        today = self.coaching.today
        return NewPlan("wang", aim, item, today + timedelta(days=days), today + timedelta(days=next_in))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.database.create_all()
    yield made
    await made.database.close()


async def test_a_plan_is_read_followed_up_and_closed_and_all_of_it_is_kept(site: Site) -> None:
    room = site.coaching
    plan = await room.make(site.plan(), LIN)
    with pytest.raises(NotAllowed):
        await room.read(plan.id, CHEN)
    with pytest.raises(NotAllowed):
        await room.end(plan.id, LIN, "meet", "还没看过")
    await room.read(plan.id, WANG)
    follow = room.today + timedelta(days=10)
    await room.follow(plan.id, LIN, "听了三通录音", follow)
    assert (await room.open_plans())[0].next_on == follow
    await room.end(plan.id, LIN, "meet", "近两周全部做到")
    ((kept, steps),) = await room.of_agent(["wang"])
    assert (kept.state, kept.next_on, kept.read_at) == ("met", None, START)
    assert [(one.action, one.who, one.note) for one in steps] == [
        ("make", "lin", ""), ("read", "wang", ""), ("follow", "lin", "听了三通录音"), ("meet", "lin", "近两周全部做到"),
    ]  # fmt: skip
    assert await room.open_plans() == [] and await room.waiting(LIN) == 0
    with pytest.raises(NotAllowed):
        await room.follow(plan.id, LIN, "还有", follow)


async def test_a_plan_needs_an_aim_days_that_fit_and_an_item_that_there_is(site: Site) -> None:
    for wrong in (site.plan(aim=" "), site.plan(days=-1), site.plan(days=400), site.plan(next_in=21),
                  site.plan(next_in=-1), site.plan(item="nothing")):  # fmt: skip
        with pytest.raises(HeyiError):
            await site.coaching.make(wrong, LIN)
    with pytest.raises(NotAllowed):
        await site.coaching.make(site.plan(), WANG)
    async with site.database.read() as session:
        assert list(await session.scalars(select(CoachingPlan))) == []


async def test_a_plan_waits_for_its_call_taker_and_then_for_its_day(site: Site) -> None:
    room = site.coaching
    plan = await room.make(site.plan(next_in=7), LIN)
    assert [await room.waiting(who) for who in (WANG, CHEN, LIN)] == [1, 0, 0]
    await room.read(plan.id, WANG)
    site.clock.advance(7 * 86_400)
    assert [await room.waiting(who) for who in (WANG, CHEN, LIN)] == [0, 0, 1]


# --- draws by themselves --------------------------------------------------------------------------------------------


def watch(site: Site, people: tuple[str, ...] = REVIEWERS, **plan: object) -> DrawWatch:
    async def reviewers() -> list[Reviewer]:
        return [Reviewer(one) for one in people]

    return DrawWatch(
        site.database, site.clock, site.reviews, QUALITY_CITY.quality.model_copy(update=plan), reviewers
    )  # fmt: skip


async def drawn(site: Site) -> list[tuple[str, str]]:
    async with site.database.read() as session:
        return [(row.shift, row.by) for row in await session.scalars(select(QualityDraw))]


async def test_a_shift_draws_itself_once_and_not_while_nobody_may_review_or_the_city_says_no(site: Site) -> None:
    await yesterdays_calls(site)
    assert await watch(site, draw_itself=False).tick() == 0
    assert await watch(site, ()).tick() == 0
    # Yesterday's day shift ended at 20:00; it is 9:30.
    assert await watch(site, draw_after_h=13.6).tick() == 0
    assert await drawn(site) == []
    assert await watch(site, draw_after_h=13.5).tick() == 1
    assert await watch(site).tick() == 0
    # Shifts without calls have no draw: their calls may still come.
    assert await drawn(site) == [("day", "system")]
    async with site.database.read() as session:
        assert {one.state for one in await session.scalars(select(Review))} == {"assigned"}


async def test_two_that_watch_at_once_draw_a_shift_once(site: Site) -> None:
    await yesterdays_calls(site)
    assert sum(await asyncio.gather(watch(site).tick(), watch(site).tick())) == 1
    assert len(await drawn(site)) == 1


# --- figures, pure --------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1000)), max_size=30), st.integers(1, 10))
def test_ranks_leave_out_the_few_and_follow_the_means(given: list[tuple[int, int]], minimum: int) -> None:
    rows = [Row(f"a{n}", reviewed=Reviewed(count, count * mean / 10)) for n, (count, mean) in enumerate(given)]
    table = Table("agent", rows, Row(""), (), minimum)
    ranks = table.ranks()
    assert set(ranks) == {row.key for row in rows if row.reviewed.count >= minimum}
    ranked = [row for row in rows if row.key in ranks]
    for row in ranked:
        better = sum((one.reviewed.mean or 0) > (row.reviewed.mean or 0) + 1e-6 for one in ranked)
        assert ranks[row.key] == better + 1


def test_a_share_counts_what_applied() -> None:
    items = {item.key: item for item in SERVICE.items()}
    scale = ItemRow("", SERVICE, items["demand"], {"5": 1, "0": 1, "na": 7})
    asked = ItemRow("", SERVICE, items["comfort"], {"yes": 3, "no": 1, "na": 6})
    never = ItemRow("", SERVICE, items["comfort"], {"na": 6})
    assert (scale.share, asked.share, never.share, asked.applied) == (50.0, 75.0, None, 4)
    assert isinstance(SERVICE, Scorecard)


def test_weeks_stand_beside_the_peers_who_had_enough_calls() -> None:
    peers = {f"a{n}": [Count(checked=10, found=n)] for n in range(1, PEERS + 1)}
    few = {"b": [Count(checked=1, found=1)]}
    (week,) = weeks_of(
        {"wang": [Count(checked=4, found=1)], **peers, **few}, frozenset({"wang"}), date(2026, 11, 16), 5
    )
    assert (week.own.share, week.few) == (25.0, True)
    assert week.peers is not None
    assert (week.peers.low, week.peers.median, week.peers.high) == (17.5, 25.0, 32.5)
    del peers["a1"]
    (week,) = weeks_of({"wang": [Count()], **peers}, frozenset({"wang"}), date(2026, 11, 16), 5)
    assert week.peers is None and week.own.share is None


@given(st.dates(date(2020, 1, 1), date(2079, 12, 31)))
def test_months_and_weeks_follow_each_other_without_a_gap(day: date) -> None:
    for span in (month_of(day), week_of(day)):
        assert span.first <= day < span.after
        assert parse(span.key) == span
        assert span.following.first == span.after and span.following.previous == span
    assert week_of(day).first.weekday() == 0


@pytest.mark.parametrize("wrong", ["2026", "2026-13", "2026-W00", "2026-W54", "2026-w47", "2025-W53", "٢٠٢٦-11", ""])
def test_what_is_no_period_is_refused(wrong: str) -> None:
    with pytest.raises(HeyiError):
        parse(wrong)
