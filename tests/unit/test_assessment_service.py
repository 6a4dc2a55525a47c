"""Assessment over the real services: what people do becomes figures; periods freeze, are corrected and add up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from assess_support import fill
from assign_support import ARBITER, ASSIGN_CITY, TOWN, AssignRoom, assign_room
from sqlalchemy import func, select, update
from ticket_support import AGENT, CHIEF, URBAN, WATER

from core.bus import Bus
from core.city import City
from core.city_assessment import CityAssessment
from core.city_clocks import CityClocks, ClockPolicy
from core.clock import ManualClock
from core.database import Database
from core.errors import Conflict, HeyiError, NotAllowed
from tests.databases import KINDS, address
from tests.eventually import until
from ticketing.actor import Actor
from ticketing.assessment.measures import COUNTS, SUBJECTS
from ticketing.assessment.period import Period
from ticketing.assessment.service import Assessment, Progress, StillReadingError
from ticketing.assessment.tables import FrozenPeriod
from ticketing.assign.tables import Assignment, Nudge, Refusal
from ticketing.tables import Callback, Ticket

OCTOBER, NOVEMBER = Period(2026, 10), Period(2026, 11)
CITY = ASSIGN_CITY.model_copy(update={"assessment": CityAssessment(minimum=3, leave_out=())})
NOW = datetime(2026, 12, 5, 2, 0, tzinfo=UTC)
VILLAGER = Actor("village1", "department", department="community_350582101001")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[AssignRoom]:
    async with assign_room(tmp_path, CITY) as opened:
        yield opened


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    bus = Bus()
    made = Database(address(request, tmp_path), bus)
    await made.create_all()
    yield made
    await bus.close()
    await made.close()


async def figures(room: AssignRoom, who: str, subject: str = "departments") -> dict[str, int]:
    made = Assessment(room.database, room.tickets.city, room.clock)
    assessed = await made.of(NOVEMBER, {})
    row = assessed.tables[subject].row(who)  # type: ignore[index]
    return dict(row.counts) if row else {}


# --- what people do becomes figures -----------------------------------------------------------------------------------


async def test_the_way_of_a_ticket_in_figures(room: AssignRoom) -> None:
    """Accepted late, urged about, reported in time by both; the caller is not satisfied, and it is sent back."""
    ticket = await room.sent()
    room.clock.advance(3 * 3600)
    await room.assignments.accept((await room.part(ticket.id, "water")).id, WATER)
    await room.assignments.nudge(ticket.id, "urge", AGENT, "又来电")
    await room.assignments.report((await room.part(ticket.id, "urban")).id, URBAN, "已清理")
    await room.assignments.report((await room.part(ticket.id, "water")).id, WATER, "已换管")
    await room.key(await room.dial(11), "2")
    room.clock.advance(60)
    water = {"received": 2, "accept_late": 1, "handle_ok": 1, "reported": 1, "urged": 1, "unsatisfied": 1,
             "reached": 1, "reopened": 1}  # fmt: skip
    assert await figures(room, "water") == water
    urban = await figures(room, "urban")
    assert urban["received"] == urban["reported"] == urban["accept_late"] == 1
    agent = await figures(room, "agent1", "agents")
    assert (agent["received"], agent["handle_ok"], agent["urged"], agent["reopened"]) == (1, 1, 1, 1)


async def test_a_refusal_without_ground_and_a_misdirected_ticket(room: AssignRoom) -> None:
    first, second = await room.sent(), await room.sent(call_id="1.2")
    for ticket, to in ((first, "water"), (second, "urban")):
        await room.assignments.refuse((await room.part(ticket.id, "water")).id, WATER, "不属本单位")
        refusal = (await room.refusals(ticket.id))[0]
        await room.assignments.decide(refusal.id, ARBITER, to, "按事项清单")
    room.clock.advance(60)
    water = await figures(room, "water")
    assert (water["refused"], water["unjustified"], water["received"]) == (2, 1, 3)
    agent = await figures(room, "agent1", "agents")
    assert (agent["refused"], agent["unjustified"], agent["misdirected"]) == (2, 1, 1)


async def test_a_villages_work_counts_for_its_town_unless_the_city_says_otherwise(room: AssignRoom) -> None:
    await room.sent(code="S0108", place="池店镇华洲村")
    room.clock.advance(60)
    assert (await figures(room, "town_chidian"))["received"] == 1
    assert await figures(room, VILLAGER.department) == {}
    own = CITY.model_copy(update={"assessment": CityAssessment(communities="own")})
    room.use(own)
    assert (await figures(room, VILLAGER.department))["received"] == 1


async def test_categories_that_are_left_out_count_nowhere(room: AssignRoom) -> None:
    room.use(CITY.model_copy(update={"assessment": CityAssessment(leave_out=("S01",))}))
    await room.sent()
    room.clock.advance(60)
    assert await figures(room, "water") == {} and await figures(room, "agent1", "agents") == {}


LEVELS = CITY.model_copy(
    update={
        "clocks": CityClocks(
            policies=(
                ClockPolicy(kind="handle", amount=7, unit="workdays"),
                ClockPolicy(kind="handle", level="community", amount=3, unit="workdays"),
            )
        )
    }
)


async def handed_on(room: AssignRoom, first: str, days: float, second: str) -> Ticket:
    """A ticket that one level has for so many days, and then another."""
    ticket = await room.drafted()
    await room.tickets.submit(ticket.id, AGENT, {"code": "S0104", "department": first})
    room.clock.advance(days * 24 * 3600)
    await room.assignments.reassign(ticket.id, second, ARBITER, "改由另一级办理")
    return await room.get(ticket.id)


async def test_a_village_that_was_overdue_stays_so_when_its_town_takes_over(room: AssignRoom) -> None:
    """The town has seven working days from the beginning; what the village missed is counted all the same."""
    room.use(LEVELS.model_copy(update={"assessment": CityAssessment(communities="own")}))
    ticket = await handed_on(room, VILLAGER.department, 6, "town_chidian")  # Friday to Thursday: over on Wednesday
    village = await figures(room, VILLAGER.department)
    assert village["handle_late"] == 1 and "handle_late" not in await figures(room, "town_chidian")
    room.clock.advance(3600)
    part = await room.part(ticket.id, "town_chidian")
    await room.assignments.accept(part.id, TOWN)
    await room.assignments.report(part.id, TOWN, "已清理")
    room.clock.advance(60)
    town = await figures(room, "town_chidian")
    assert town["handle_ok"] == 1 and "handle_late" not in town
    assert await figures(room, VILLAGER.department) == village


async def test_a_village_that_gets_a_ticket_late_is_not_overdue_at_once(room: AssignRoom) -> None:
    """Its town had it in time for four of seven working days: the village has three from then on."""
    room.use(LEVELS.model_copy(update={"assessment": CityAssessment(communities="own")}))
    ticket = await handed_on(room, "town_chidian", 6, VILLAGER.department)
    assert ticket.due_at and ticket.due_at > room.clock.now()
    for who in ("town_chidian", VILLAGER.department):
        assert "handle_late" not in await figures(room, who)


# --- figures of a month -----------------------------------------------------------------------------------------------


def made(database: Database, city: City = CITY) -> Assessment:
    return Assessment(database, city, ManualClock(NOW))


async def count(database: Database, column: object, *where: object) -> int:
    async with database.read() as session:
        return int(await session.scalar(select(func.count()).select_from(column).where(*where)) or 0)  # type: ignore[arg-type]


async def test_the_figures_are_what_the_tables_hold_and_each_opens_as_many_tickets(database: Database) -> None:
    """Totals against plain counts in the database; each figure of each row against the list behind it."""
    await fill(database, CITY, datetime(2026, 10, 1, tzinfo=UTC), 300, days=40)
    room = made(database)
    assessed = await room.of(OCTOBER, {})
    begin, end = OCTOBER.begin(room.zone), OCTOBER.end(room.zone)

    def within(at: object) -> Sequence[object]:
        return (at >= begin, at < end)  # type: ignore[operator]

    total, agents = assessed.tables["departments"].total, assessed.tables["agents"].total
    assert total["received"] == await count(database, Assignment, *within(Assignment.assigned_at)) > 200
    assert total["reported"] == await count(database, Assignment, *within(Assignment.reported_at)) > 100
    assert total["refused"] == await count(database, Refusal, *within(Refusal.at)) > 5
    assert total["urged"] + total["supervised"] == await count(database, Nudge, *within(Nudge.at)) > 5
    assert agents["received"] == await count(database, Ticket, *within(Ticket.created_at))
    answered = within(Callback.ended_at)
    assert total["satisfied"] == await count(database, Callback, *answered, Callback.outcome == "satisfied")
    assert total["reached"] + total["unreached"] == await count(database, Callback, *answered)
    compared = 0
    for subject in SUBJECTS:
        for row in assessed.tables[subject].rows:
            for kind in COUNTS:
                found = await room.cases(OCTOBER, 0, subject, row.who, [kind])
                assert len(found) == row.counts.get(kind, 0), (subject, row.who, kind)
                compared += len(found)
    assert compared == sum(total.values()) + sum(agents.values())


async def test_months_add_up_to_the_half_year_frozen_or_not(database: Database) -> None:
    """What is open at the end of a month is neither lost nor counted twice."""
    await fill(database, CITY, datetime(2026, 10, 20, tzinfo=UTC), 200, days=25)
    room = made(database)
    half = Period(2026, 7, 6)
    before = (await room.of(half, {})).tables["departments"].total
    months = [(await room.of(month, {})).tables["departments"].total for month in half.parts()]
    for kind in COUNTS:
        assert before.get(kind, 0) == sum(month.get(kind, 0) for month in months)
    await room.freeze(OCTOBER, CHIEF, "", {})
    assert (await room.of(half, {})).tables["departments"].total == before


# --- freezing ---------------------------------------------------------------------------------------------------------


async def test_a_frozen_period_stays_when_tickets_change_and_a_correction_stands_beside_it(database: Database) -> None:
    await fill(database, CITY, datetime(2026, 10, 1, tzinfo=UTC), 60)
    room = made(database)
    first = await room.freeze(OCTOBER, CHIEF, "", {"wang": "王晓燕"})
    was = await room.of(OCTOBER, {})
    listed = await room.cases(OCTOBER, 1, "departments", None, ["received"])
    assert (first.version, first.frozen_by, was.frozen and was.frozen.id) == (1, "chief", first.id)
    assert {row.name for row in was.tables["agents"].rows} == {"王晓燕", "chen"}

    async with database.work() as work:
        await work.session.execute(update(Assignment).values(department="fire", assigned_at=NOW))
        await work.session.execute(update(Ticket).values(number=Ticket.number + "x", agent_login="other"))
    other = Assessment(database, CITY.model_copy(update={"assessment": CityAssessment(minimum=50)}), ManualClock(NOW))
    again = await other.of(OCTOBER, {})
    assert (again.tables, again.rules) == (was.tables, was.rules)
    assert await other.cases(OCTOBER, 1, "departments", None, ["received"]) == listed
    assert await room.intact(first)

    with pytest.raises(HeyiError, match="更正理由"):
        await other.freeze(OCTOBER, CHIEF, " ", {})
    second = await other.freeze(OCTOBER, ARBITER, "剔除错派工单", {})
    versions = (await other.of(OCTOBER, {})).versions
    assert [(v.version, v.reason) for v in versions] == [(1, ""), (2, "剔除错派工单")]
    assert (await other.of(OCTOBER, {}, 1)).tables == was.tables != (await other.of(OCTOBER, {}, 2)).tables
    assert second.seal != first.seal
    with pytest.raises(HeyiError, match="没有这一版"):
        await other.of(OCTOBER, {}, 3)


async def test_freezing_reads_what_is_there_and_not_what_was_at_hand(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody opened the month a moment before its end; what came afterwards is frozen all the same."""
    clock = ManualClock(OCTOBER.end(ZoneInfo("Asia/Shanghai")) - timedelta(seconds=30))
    room = Assessment(database, CITY, clock)
    inner, reading, go_on = room._read, asyncio.Event(), asyncio.Event()

    async def slow(month: Period, now: datetime) -> object:
        found = await inner(month, now)
        if not go_on.is_set():
            reading.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(room, "_read", slow)
    early = asyncio.create_task(room.of(OCTOBER, {}))
    await reading.wait()
    await fill(database, CITY, datetime(2026, 10, 1, tzinfo=UTC), 5, days=5)
    clock.advance(60)
    freezing = asyncio.create_task(room.freeze(OCTOBER, CHIEF, "", {}))
    await asyncio.sleep(0.05)
    go_on.set()
    assert (await early).tables["departments"].total == {}
    frozen = await freezing
    assert frozen.tables["departments"]["total"]["received"] >= 5


async def test_a_broken_month_is_not_added_up(database: Database) -> None:
    await fill(database, CITY, datetime(2026, 10, 1, tzinfo=UTC), 5)
    room = made(database)
    frozen = await room.freeze(OCTOBER, CHIEF, "", {})
    async with database.work() as work:
        await work.session.execute(update(FrozenPeriod).values(facts=b"broken"))
    assert not (await room.of(OCTOBER, {})).intact
    with pytest.raises(HeyiError, match="已损坏"):
        await room.cases(OCTOBER, frozen.version, "departments", None, ["received"])
    with pytest.raises(HeyiError, match="已被改动"):
        await room.of(Period(2026, 7, 6), {})
    await room.freeze(OCTOBER, CHIEF, "原数据被改动", {})
    assert (await room.of(OCTOBER, {})).intact
    assert (await room.of(Period(2026, 7, 6), {})).tables["departments"].total["received"] >= 5


async def test_a_changed_row_breaks_the_seal(database: Database) -> None:
    await fill(database, CITY, datetime(2026, 10, 1, tzinfo=UTC), 5)
    room = made(database)
    frozen = await room.freeze(OCTOBER, CHIEF, "", {})
    async with database.work() as work:
        row = await work.session.get_one(FrozenPeriod, frozen.id)
        row.tables = {**row.tables, "departments": {**row.tables["departments"], "total": {"received": 9999}}}
    assert not await room.intact((await room.of(OCTOBER, {})).versions[0])


async def test_who_freezes_what(database: Database) -> None:
    room = made(database)
    for actor in (AGENT, WATER):
        with pytest.raises(NotAllowed):
            await room.freeze(OCTOBER, actor, "", {})
    with pytest.raises(NotAllowed, match="尚未结束"):
        await room.freeze(Period(2026, 12), CHIEF, "", {})
    with pytest.raises(HeyiError, match="尚未开始"):
        await room.of(Period(2027, 1), {})


async def test_of_two_who_freeze_at_once_one_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = made(database), made(database)
    inner = two._facts

    async def late(period: Period, now: datetime, **how: bool) -> object:
        await one.freeze(OCTOBER, CHIEF, "", {})
        return await inner(period, now, **how)

    monkeypatch.setattr(two, "_facts", late)
    with pytest.raises(Conflict):
        await two.freeze(OCTOBER, ARBITER, "", {})
    assert [v.frozen_by for v in (await one.of(OCTOBER, {})).versions] == ["chief"]


async def test_the_trend_is_what_was_frozen_before(database: Database) -> None:
    await fill(database, CITY, datetime(2026, 9, 1, tzinfo=UTC), 60, days=50)
    room = made(database)
    for month in (Period(2026, 9), OCTOBER, NOVEMBER):
        await room.freeze(month, CHIEF, "", {})
    trend = await room.trend(NOVEMBER)
    assert list(trend) == ["2026-09", "2026-10"]
    assert trend["2026-10"] == (await room.of(OCTOBER, {})).tables


async def test_who_does_not_wait_is_told_how_far_it_is_and_then_has_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, CITY, datetime(2026, 10, 1, tzinfo=UTC), 30)
    room, go_on, reads = made(database), asyncio.Event(), []
    inner = room._counted

    async def slow(call: object, *how: object) -> object:
        reads.append(1)
        await go_on.wait()
        return inner(*how)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "to_thread", slow)
        with pytest.raises(StillReadingError):
            await room.opened(OCTOBER, {}, patience_s=0)
        await until(lambda: reads, "it is read")
        with pytest.raises(StillReadingError) as told:
            await room.opened(OCTOBER, {}, patience_s=0)
        assert told.value.progress == Progress(OCTOBER, 0, 30)
        assert len(reads) == 1, "it is read once, however often it is asked for"
    go_on.set()
    assert (await room.opened(OCTOBER, {}, patience_s=60)).tables == (await made(database).of(OCTOBER, {})).tables


async def test_figures_at_hand_are_read_anew_after_two_minutes(database: Database) -> None:
    clock = ManualClock(NOW)
    room = Assessment(database, CITY, clock)
    assert (await room.of(OCTOBER, {})).tables["departments"].total == {}
    await fill(database, CITY, datetime(2026, 10, 1, tzinfo=UTC), 5, days=5)
    clock.advance(timedelta(minutes=2).total_seconds())
    assert (await room.of(OCTOBER, {})).tables["departments"].total["received"] >= 5
