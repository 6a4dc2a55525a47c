"""Figures of lines and groups, their SQL, and the list of calls that stands behind every one of them."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert

from core.bus import Bus
from core.city import City, Desk, Line, Mode, SkillGroup
from core.database import Database
from switchboard.figures import callbook
from switchboard.figures.board import (
    THRESHOLDS,
    WEEKS,
    Counts,
    Tally,
    compute,
    group_of,
    stretches,
    target_s,
    usuals,
    waits,
)
from switchboard.figures.callbook import BECAME, Wanted
from switchboard.figures.tally import tally
from switchboard.kept.tables import KeptPlace
from telephony.ledger import CallRow
from telephony.queues import LAST_RESORT
from tests.desk_fakes import CITY

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # noon in the city
ZONE = ZoneInfo("Asia/Shanghai")
TARGETS = {line.number: line.target_s for line in CITY.lines}


@dataclass
class Live:
    line: str = "119"
    queue: str = "emergency"
    direction: str = "in"
    state: str = "queued"
    arrived_at: datetime = NOW


@dataclass
class OnDesk:
    extension: str
    state: str
    kind: str = "browser"


def board(today: Sequence[Tally] = (), past: Sequence[Sequence[Tally]] = (), calls: Sequence[Live] = (),
          desks: Sequence[OnDesk] = (), city: City = CITY, mode: Mode | None = None):  # fmt: skip
    return compute(city, mode or city.modes[0], NOW, today=today, usual=usuals(city, past), calls=calls, desks=desks)


def line_of(shown, number: str):
    return next(figures for figures in shown.lines if figures.key == number)


def group(shown, key: str):
    return next(figures for figures in shown.groups if figures.key == key)


# -- counts and shares


def test_shares_are_of_all_calls_that_are_decided_and_say_nothing_without_one() -> None:
    today = [Tally("119", "emergency", Counts(offered=10, answered=8, within=(5, 7, 8), gone=1, waited_s=80.0))]
    calls = [Live(arrived_at=NOW - timedelta(seconds=16))]
    shown = line_of(board(today, calls=calls), "119")
    # 8 answered + 1 gone + the one who waits: late for 10 and 15 s, still in time for 20 s.
    assert shown.late == (1, 1, 0)
    assert shown.shares == (0.5, 0.7, 8 / 9)
    assert shown.today.speed_s == 10.0
    quiet = line_of(board(), "119")
    assert quiet.shares == (None, None, None) and quiet.today.speed_s is None


def test_standards_are_those_of_the_kind_of_line() -> None:
    """NENA for emergency lines: 90 % in 15 s and 95 % in 20 s; GB/T 33358-2016 for service lines: 95 % in 15 s."""
    counts = Counts(offered=100, answered=100, within=(80, 92, 94))
    shown = board([Tally("119", "emergency", counts), Tally("12345", "service", counts)])
    assert [level.seconds for level in line_of(shown, "119").short_of("emergency")] == [20]
    assert [level.source for level in line_of(shown, "12345").short_of("service")] == ["GB/T 33358-2016"]


def test_who_waits_and_who_does_not() -> None:
    assert waits(Live()) and waits(Live(state="ringing"))
    assert waits(Live(direction="back", queue="emergency"))
    assert not waits(Live(direction="back", queue=""))  # heyi is still ringing him
    assert not waits(Live(state="talking")) and not waits(Live(direction="out"))


def test_waiting_oldest_talking_and_desks_by_state() -> None:
    calls = [
        Live(arrived_at=NOW - timedelta(seconds=40)),
        Live(arrived_at=NOW - timedelta(seconds=90), queue=LAST_RESORT),
        Live(state="talking"),
        Live(line="12345", queue="service-wide"),
        Live(line="12345", direction="out", state="talking"),
    ]
    city = CITY.model_copy(update={"groups": (*CITY.groups[:1], SkillGroup(key="service", name="x", name_en="x",
                                                                          overflow=("emergency",)))})  # fmt: skip
    desks = [OnDesk("1001", "wrapup"), OnDesk("1002", "held"), OnDesk("1901", "ready", kind="robot")]
    shown = board(calls=calls, desks=desks, city=city)
    fire = line_of(shown, "119")
    assert (fire.waiting, fire.oldest, fire.talking) == (2, NOW - timedelta(seconds=90), 1)
    assert [k.waiting for k in shown.kinds] == [2, 1]
    # The last resort is no group of its own: who waits there is still an emergency's caller.
    assert group(shown, "emergency").waiting == 2 and group(shown, "service").waiting == 1
    # asterisk#1006: wrap-up and hold are states of their own; a robot is nobody who could be asked to hurry.
    assert dict(group(shown, "emergency").desks) == {"wrapup": 1, "held": 1}
    assert shown.lines[0].key == "119" and shown.lines[-1].key == "12345"


def test_the_target_is_the_modes_for_service_lines_only() -> None:
    typhoon = Mode(key="typhoon", name="台风", name_en="Typhoon", target_s=60)
    assert [target_s(line, typhoon) for line in CITY.lines] == [15, 15, 60]


# -- the usual


def test_today_is_compared_with_the_same_weekday_until_the_same_time() -> None:
    whole = stretches(NOW, ZONE)
    assert len(whole) == WEEKS + 1
    assert {start.astimezone(ZONE).weekday() for start, _end in whole} == {4}
    assert all(start.astimezone(ZONE).hour == 0 and end.astimezone(ZONE).hour == 12 for start, end in whole)
    assert whole[1][1] == NOW - timedelta(weeks=1)


def test_the_median_keeps_the_same_time_by_the_clock_where_the_clock_changes() -> None:
    """In Berlin the clock went back on 25 October 2026: eight weeks before, noon was one hour earlier in UTC."""
    berlin = ZoneInfo("Europe/Berlin")
    ends = [end.astimezone(UTC).hour for _start, end in stretches(datetime(2026, 11, 20, 11, 0, tzinfo=UTC), berlin)]
    assert ends == [11, 11, 11, 11, 10, 10, 10, 10, 10]


def test_weeks_in_which_nothing_ran_are_left_out_and_a_quiet_line_is_not() -> None:
    def day(offered: int, gone: int = 0) -> list[Tally]:
        counts = Counts(offered=offered, answered=offered - gone, within=(0, offered - gone, 0), gone=gone)
        return [Tally("119", "emergency", counts)]

    shown = board(past=[day(10), [], day(20, 10), [], day(60), day(5)])
    usual = line_of(shown, "119").usual
    assert (usual.weeks, usual.offered, usual.gone) == (4, 15.0, 0.0)
    assert usual.share == 1.0  # of 1, 0.5, 1, 1
    # 120 had no call on any of these four days: that is what is usual there.
    silent = line_of(shown, "120").usual
    assert (silent.weeks, silent.offered, silent.share) == (4, 0.0, None)
    never = line_of(board(), "119").usual
    assert (never.weeks, never.offered, never.gone, never.speed_s) == (0, None, None, None)


@given(st.lists(st.tuples(st.sampled_from(["119", "120", "12345", "999"]),
                          st.sampled_from(["", "emergency", "service", "service-wide", "last-resort"]),
                          st.integers(0, 9)), max_size=12))  # fmt: skip
def test_lines_groups_and_kinds_each_add_up_to_all_known_lines(rows: list[tuple[str, str, int]]) -> None:
    tallies = [Tally(line, queue, Counts(offered=n)) for line, queue, n in rows]
    shown = board(tallies)
    known = sum(n for line, _queue, n in rows if line != "999")
    assert sum(x.today.offered for x in shown.lines) == known
    assert sum(x.today.offered for x in shown.kinds) == known
    # A call of an unknown line is in its queue's group, if it got as far as that.
    assert sum(x.today.offered for x in shown.groups) == sum(n for line, q, n in rows if group_of(CITY, q, line))


# -- SQL, and the list behind each number


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", Bus())
    await made.create_all()
    yield made
    await made.close()


def call(number: int, at: datetime, line: str = "119", queue: str = "emergency", direction: str = "in",
         waited: float | None = 5.0, answered: bool = True, ended: bool = True, outcome: str = "",
         caller: str = "13800001234", agent: str = "1001") -> dict[str, object]:  # fmt: skip
    after = at + timedelta(seconds=waited or 0)
    return {
        "id": f"c-{number}", "direction": direction, "line": line, "caller": caller, "queue": queue, "arrived_at": at,
        "queued_at": at, "agent": agent if answered else "", "answered_at": after if answered else None,
        "ended_at": after + timedelta(seconds=60 * answered) if ended else None,
        "waited_s": waited if answered or ended else None, "talked_s": 60.0 * answered if ended else None,
        "outcome": (outcome or ("answered" if answered else "abandoned")) if ended else "",
    }  # fmt: skip


async def fill(database: Database, rows: Sequence[dict[str, object]]) -> None:
    async with database.work() as work:
        await work.session.execute(insert(CallRow), list(rows))


def some_calls(seed: int, count: int) -> list[dict[str, object]]:
    chance = random.Random(seed)  # noqa: S311
    return [
        call(
            n, NOW - timedelta(seconds=chance.uniform(0, 40 * 3600)), chance.choice(["119", "120", "12345", "777"]),
            chance.choice(["", "emergency", "service", "service-wide", "last-resort"]),
            chance.choices(["in", "back", "out"], (8, 1, 1))[0], chance.choice([2.0, 10.0, 12.5, 15.0, 19.0, 70.0]),
            chance.random() < 0.8, chance.random() < 0.9, agent=chance.choice(["1001", "1002"]),
        )
        for n in range(count)
    ]  # fmt: skip


async def test_every_figure_has_exactly_the_calls_behind_it(database: Database) -> None:
    """qpanel#265, qpanel#249: not only how many were abandoned, but which calls those are."""
    await fill(database, some_calls(1, 600))
    start = stretches(NOW, ZONE)[0][0]
    async with database.read() as session:
        today = await tally(session, start, NOW + timedelta(seconds=1), TARGETS)
        shown = board(today)
        assert sum(x.today.gone for x in shown.lines) > 10

        async def listed(**asked: object) -> int:
            wanted = Wanted(start=start, direction="in", **asked)  # type: ignore[arg-type]
            found = await callbook.page(session, CITY, wanted, limit=1000)
            assert await callbook.count(session, CITY, wanted) == len(found)
            return len(found)

        for figures, asked in [
            *((x, {"line": x.key}) for x in shown.lines),
            *((x, {"group": x.key}) for x in shown.groups),
            *((x, {"kind": x.key}) for x in shown.kinds),
        ]:
            counts = figures.today
            assert await listed(**asked) == counts.offered
            assert await listed(**asked, became="answered") == counts.answered
            assert await listed(**asked, became="gone") == counts.gone
            for seconds, within in zip(THRESHOLDS, counts.within, strict=True):
                assert await listed(**asked, became="answered", waited_within=seconds) == within


async def test_calls_back_and_out_are_no_second_calls(database: Database) -> None:
    await fill(database, [call(1, NOW), call(2, NOW, direction="back"), call(3, NOW, direction="out", line="")])
    async with database.read() as session:
        counted = await tally(session, NOW - timedelta(hours=1), NOW + timedelta(hours=1), TARGETS)
    assert [(t.line, t.counts.offered) for t in counted] == [("119", 1)]


async def test_pages_hold_every_call_once_also_of_one_moment(database: Database) -> None:
    await fill(database, [call(n, NOW - timedelta(seconds=n // 30)) for n in range(200)])
    seen: list[str] = []
    after = None
    async with database.read() as session:
        while rows := await callbook.page(session, CITY, Wanted(), after):
            assert len(rows) <= callbook.PAGE
            seen += [row.id for row in rows]
            after = callbook.place(str(callbook.Place(rows[-1].arrived_at, rows[-1].id)))
            assert after is not None
    assert len(seen) == len(set(seen)) == 200


@pytest.mark.parametrize(
    "spoilt", ["", "x", "2026-11-20", "2026-11-20T00:00:00+00:00~", "2026-11-20T00:00:00~c-1", "~c"]
)
def test_a_place_that_is_none_is_none(spoilt: str) -> None:
    assert callbook.place(spoilt) is None


@pytest.mark.parametrize("typed", ["138 0000 1234", "138-0000-1234", "13800001234", " 0000-12", "+138 00001234"])
async def test_spaces_and_dashes_of_a_number_do_not_matter(database: Database, typed: str) -> None:
    """zammad#4872: a number written with spaces does not match."""
    await fill(database, [call(1, NOW, caller="138-0000 1234"), call(2, NOW, caller="+8613800001234"),
                          call(3, NOW, caller="13900009935"), call(4, NOW, caller="anonymous")])  # fmt: skip
    async with database.read() as session:
        found = await callbook.page(session, CITY, Wanted(number=typed))
        assert {row.id for row in found} == {"c-1", "c-2"}
        assert [row.id for row in await callbook.page(session, CITY, Wanted(number="Anonymous"))] == ["c-4"]
        assert await callbook.count(session, CITY, Wanted(number="%")) == 0


async def test_what_became_of_calls_leaves_none_out(database: Database) -> None:
    rows = [call(1, NOW), call(2, NOW, answered=False), call(3, NOW, answered=False, outcome="lost"),
            call(4, NOW, answered=False, ended=False), call(5, NOW, ended=False),
            call(6, NOW, answered=False, ended=False, direction="back") | {"queued_at": None},
            call(7, NOW, answered=False), call(8, NOW, answered=False, outcome="voice")]  # fmt: skip
    await fill(database, rows)
    async with database.work() as work:
        work.session.add(KeptPlace(call_id="c-7", number="1", line="12345", priority=10, arrived_at=NOW, state="kept",
                                   changed_at=NOW))  # fmt: skip
    expected = {"answered": "15", "gone": "23", "abandoned": "2", "unanswered": "", "failed": "", "lost": "3",
                "waiting": "4", "talking": "5", "kept": "7", "voice": "8"}  # fmt: skip
    async with database.read() as session:
        found = {
            state: "".join(sorted(row.id[2:] for row in await callbook.page(session, CITY, Wanted(became=state))))
            for state in BECAME
        }
        (counted,) = await tally(session, NOW, NOW + timedelta(seconds=1), TARGETS)
    assert found == expected
    assert counted.counts.gone == 2  # who keeps his place has not given up


async def test_the_cost_does_not_grow_with_history(database: Database) -> None:
    """Neither the figures nor a page of the list reads more than its stretch of time: an index leads there."""
    asked: list[tuple[str, object]] = []
    event.listen(database._engine.sync_engine, "before_cursor_execute",
                 lambda _c, _cursor, statement, values, _context, _many: asked.append((statement, values)))  # fmt: skip
    start, place = NOW - timedelta(days=1), callbook.Place(NOW, "c-1")
    async with database.read() as session:
        await tally(session, start, NOW, TARGETS)
        for wanted in (
            Wanted(start=start),
            Wanted(start=start, line="119", became="gone"),
            Wanted(start=start, agent="1"),
        ):
            await callbook.page(session, CITY, wanted)
            await callbook.count(session, CITY, wanted)
        await callbook.page(session, CITY, Wanted(), place)
        for statement, values in tuple(asked):
            plan = [row[3] for row in await (await session.connection()).exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", values)]  # fmt: skip
            assert any("SEARCH calls USING" in step and "arrived_at" in step for step in plan), (statement, plan)
            assert not any(step.startswith("SCAN") for step in plan), (statement, plan)
    assert len([1 for statement, _values in asked if not statement.startswith("EXPLAIN")]) == 8


def test_a_city_without_groups_of_its_own_still_has_figures() -> None:
    city = City.model_construct(**{
        **dict(CITY), "lines": (Line(number="110", name="报警", name_en="Police", kind="emergency", priority=100,
                                    opening="请讲。", department="fire"),),
        "desks": (Desk(extension="1001", name="一号"),), "groups": City.model_fields["groups"].default,
    })  # fmt: skip
    shown = board([Tally("110", "emergency", Counts(offered=3))], city=city)
    assert group(shown, "emergency").today.offered == 3
