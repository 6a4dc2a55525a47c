"""Every query of quality on SQLite and on PostgreSQL: it runs, and says the same as a count by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from quality.calibration.service import Calibration
from quality.coaching import figures as coaching_figures
from quality.coaching.service import Coaching, NewPlan
from quality.packages.collect import Packages
from quality.reports import queries
from quality.reports.figures import By
from quality.reports.queries import Which
from quality.reviews import listing
from quality.reviews.listing import Wanted
from quality.reviews.service import Reviews
from quality.reviews.states import STATES
from quality.reviews.tables import Review, ReviewScore
from quality.sampling.assign import Reviewer
from quality.sampling.watch import undrawn
from quality.scorecards import versions
from quality.tables import CallFinding
from telephony.ledger import CallRow
from tests.databases import KINDS, address
from tests.desk_fakes import START
from tests.quality_scene import POOR, QUALITY_CITY, REVIEWERS, SERVICE, weeks_of_quality, yesterdays_calls
from ticketing.actor import Actor

LIN, WANG = Actor("lin", "supervisor"), Actor("wang", "agent", extension="1001")
PEOPLE = tuple(Reviewer(login) for login in REVIEWERS)
BYS: tuple[By, ...] = ("agent", "desk", "line", "category")


@dataclass
class Site:
    database: Database
    clock: ManualClock
    reviews: Reviews

    @property
    def begin(self) -> Any:
        return self.clock.now() - timedelta(weeks=13)

    @property
    def end(self) -> Any:
        return self.clock.now() + timedelta(days=1)


@pytest.fixture(params=KINDS)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    clock = ManualClock(START)
    database = Database(address(request, tmp_path), Bus())
    await database.create_all()
    made = Site(database, clock, Reviews(database, clock, QUALITY_CITY))
    await weeks_of_quality(made, calls=240)
    await yesterdays_calls(made, 30)
    yield made
    await database.close()


async def test_reports_say_what_a_count_by_hand_says(site: Site) -> None:
    async with site.database.read() as session:
        rows = (
            await session.execute(
                select(Review, ReviewScore, CallRow).join(ReviewScore, ReviewScore.review_id == Review.id)
                .join(CallRow, CallRow.id == Review.call_id).where(Review.copy == 0)
            )
        ).all()  # fmt: skip
        found = {by: await queries.table(session, by, site.begin, site.end, 5) for by in BYS}
        calls = await session.scalar(select(func.count()).select_from(CallRow))
        harsh = set(await session.scalars(select(CallFinding.call_id).where(CallFinding.label == "态度生硬")))
        items = {one.item.key: one for one in await queries.items(session, site.begin, site.end)}
    keys = {
        "agent": lambda review, call: review.agent, "desk": lambda review, call: call.agent,
        "line": lambda review, call: call.line,
    }  # fmt: skip
    for by, key in keys.items():
        points: dict[str, list[float]] = {}
        failed: dict[str, int] = {}
        for review, last, call in rows:
            points.setdefault(key(review, call), []).append((last.tenths or 0) / 10)
            failed[key(review, call)] = failed.get(key(review, call), 0) + bool(last.failed)
        shown = {row.key: row.reviewed for row in found[by].rows if row.reviewed.count}
        assert {k: r.count for k, r in shown.items()} == {k: len(v) for k, v in points.items()}
        assert {k: r.median for k, r in shown.items()} == pytest.approx({k: median(v) for k, v in points.items()})
        assert {k: r.mean for k, r in shown.items()} == pytest.approx({k: sum(v) / len(v) for k, v in points.items()})
        assert {k: r.failed for k, r in shown.items()} == failed
    for one in found.values():
        assert one.total.calls == sum(row.calls for row in one.rows) == calls
        assert one.total.violations["态度生硬"] == len(harsh) > 0
        assert one.total.reviewed.count == len(rows)
    greeting = [last.answers["greeting"] for _, last, _ in rows]
    assert items["greeting"].answers == {"yes": greeting.count("yes"), "no": greeting.count("no")}
    demand = [last.answers["demand"] for _, last, _ in rows]
    assert items["demand"].share == pytest.approx(100 * sum(demand) / (5 * len(demand)))
    assert items["greeting"].judged == 240 and items["demand"].failed is None


async def test_every_figure_opens_as_many_as_it_says(site: Site) -> None:
    async with site.database.read() as session:
        for by in BYS:
            table = await queries.table(session, by, site.begin, site.end, 5)
            for row in (*table.rows[:2], table.total):
                of = None if row is table.total else by
                figures = {
                    Which("calls", of, row.key): row.calls, Which("checked", of, row.key): row.checked,
                    Which("reviews", of, row.key): row.reviewed.count,
                    Which("failed", of, row.key): row.reviewed.failed,
                    **{Which("violation", of, row.key, label): n for label, n in row.violations.items()},
                }  # fmt: skip
                for which, number in figures.items():
                    total, shown = await queries.cases(session, which, site.begin, site.end, 0, 1000)
                    assert (total, len(shown), len({one.call_id for one in shown})) == (number,) * 3, which
        for item in await queries.items(session, site.begin, site.end):
            for answer, number in item.answers.items():
                which = Which("item", detail=f"{item.card_hash}:{item.item.key}:{answer}")
                assert (await queries.cases(session, which, site.begin, site.end, 0, 5))[0] == number
            if item.failed is not None:
                which = Which("check", detail=item.item.check)
                assert (await queries.cases(session, which, site.begin, site.end, 0, 5))[0] == item.failed


async def test_a_page_of_cases_goes_on_where_the_last_one_ended(site: Site) -> None:
    async with site.database.read() as session:
        pages = [await queries.cases(session, Which("reviews"), site.begin, site.end, at, 25) for at in (0, 25, 50)]
    assert {total for total, _ in pages} == {60}
    seen = [one.review_id for _, shown in pages for one in shown]
    assert len(seen) == len(set(seen)) == 60


async def test_lists_of_reviews_and_a_life_from_the_draw_to_the_decision(site: Site) -> None:
    reviews, now = site.reviews, site.clock.now()
    waits = await undrawn(site.database, reviews, QUALITY_CITY.quality, now, timedelta(days=2))
    day, shift = next(one for one in reversed(waits) if one[1].key == "day")
    draw = await reviews.draw(day, shift, PEOPLE, LIN)
    assert await reviews.prove(draw.id) == []
    assert next(iter(await reviews.draws())).id == draw.id
    async with site.database.read() as session:
        own = list(await session.scalars(select(Review).where(Review.draw_id == draw.id, Review.agent == "wang")))
        double = {one.call_id for one in own if one.copy}
    review = next(one for one in own if one.copy == 0 and one.call_id not in double)
    first = Actor(review.reviewer, "reviewer")
    second = Actor(next(one for one in REVIEWERS if one != review.reviewer), "reviewer")
    await reviews.begin(review.id, first)
    await reviews.score(review.id, first, POOR)
    await reviews.release(review.id, LIN)
    await reviews.appeal(review.id, WANG, "地址确认过")
    async with site.database.read() as session:
        assert review.id in [one.review.id for one in await listing.own(session, WANG, 0, 5)]
        assert [one.review.id for one in await listing.appeals(session, second)] == [review.id]
        assert await listing.appeals(session, first) == []
        waiting = [await listing.waiting(session, who, now) for who in (WANG, first, second, LIN)]
        states = {state: await listing.listed(session, Wanted(state), now, 0, 500) for state in STATES}
        counts, late = await listing.tallies(session, Wanted(), now)
        loads = await listing.loads(session)
        overdue = await listing.listed(session, Wanted(late=True), now + timedelta(days=30), 0, 500)
    assert {state: len(many) for state, many in states.items() if many} == counts and late == 0
    assert waiting[2] == loads.get(second.login, 0) + 1
    assert {one.review.state for one in overdue} == {"assigned", "appealed"}
    assert {one.id for one in await reviews.mine(second)} >= {review.id}
    await reviews.uphold(review.id, second, "录音中没有复述")
    async with site.database.read() as session:
        assert [(one.review.id, step.who) for one, step in await listing.decided(session, 0, 5)] == [
            (review.id, second.login)
        ]
    site.clock.advance(30 * 86_400)
    assert await reviews.overdue()
    await Packages(site.database, site.clock, Path("nowhere"), "晋江市").chain()


async def test_calibration_and_coaching(site: Site) -> None:
    room = Calibration(site.database, site.clock, site.reviews.zone)
    cards = await room.cards()
    assert [(card.key, count) for _, card, count in cards] == [("service", 20)]
    agreed = await room.agreement(cards[0][0])
    assert agreed.calls == 20 and {one.item for one in agreed.items} == {item.key for item in SERVICE.items()}
    assert set(await room.drifting()) == set(REVIEWERS)
    meeting = (await room.differing(cards[0][0]))[0]
    await room.settle(meeting.call_id, meeting.differences[0].item.key, "no", "以录音为准", LIN)
    assert (await room.meeting(meeting.call_id, LIN)).outcomes[0].note == "以录音为准"
    assert len(await room.outcomes(site.begin)) == 1

    coaching = Coaching(site.database, site.clock, site.reviews.zone, frozenset({"greeting"}))
    today = coaching.today
    plan = NewPlan("wang", "报出线路名称", "greeting", today + timedelta(days=20), today)
    made = await coaching.make(plan, LIN)
    assert (await coaching.waiting(WANG), await coaching.waiting(LIN)) == (1, 1)
    await coaching.read(made.id, WANG)
    assert [one.id for one in await coaching.open_plans()] == [made.id]
    assert [step.action for _, steps in await coaching.of_agent(["wang"]) for step in steps] == ["make", "read"]
    first = coaching_figures.monday_before(today, 12)
    async with site.database.read() as session:
        counted = await coaching_figures.counts(session, first, 12, site.reviews.zone)
        weakest = await coaching_figures.weakest(session, frozenset({"a6"}), site.begin, site.end, 5)
        best = await coaching_figures.best(session, frozenset({"wang"}))
        card = await versions.every(session)
    assert sum(one.checked for one in counted["wang"]) > 20 and len(card) == 1
    assert weakest[0].share <= weakest[-1].share and all(tenths >= 900 for _, tenths in best)


async def test_a_report_asks_as_few_questions_of_thousands_of_calls(site: Site) -> None:
    asked: list[str] = []
    event.listen(site.database._engine.sync_engine, "before_cursor_execute", lambda *given: asked.append(str(given[2])))

    async def statements() -> list[int]:
        found = []
        for by in BYS:
            asked.clear()
            async with site.database.read() as session:
                await queries.table(session, by, site.begin, site.end, 5)
            found.append(len(asked))
        asked.clear()
        async with site.database.read() as session:
            await queries.items(session, site.begin, site.end)
            await queries.cases(session, Which("violation", "agent", "a6", "态度生硬"), site.begin, site.end, 0, 100)
            await listing.listed(session, Wanted(), site.clock.now(), 0, 50)
            await listing.appeals(session, Actor("zhi", "reviewer"))
            await coaching_figures.counts(session, site.begin.date(), 12, site.reviews.zone)
        return [*found, len(asked)]

    few = await statements()
    made = [
        {
            "id": f"m-{n}", "direction": "in", "line": str(n % 30), "caller": "1", "priority": 0, "queue": "",
            "agent": str(1000 + n % 50), "arrived_at": START, "answered_at": START, "ended_at": START,
            "outcome": "answered", "cause": 16, "ended_by": "caller", "recording": "",
        }
        for n in range(4000)
    ]  # fmt: skip
    async with site.database.work() as work:
        await work.session.execute(insert(CallRow), made)
    assert await statements() == few
