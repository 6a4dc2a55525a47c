"""Working time: rows written once from the stored facts, and a day's sums of them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.audit import note
from core.bus import Bus
from core.city import Person
from core.database import Database
from desk.access.signedin import login_at
from desk.access.users import Users
from switchboard.desks import MISSED
from switchboard.figures.worktime import DeskTime, WorkTimes, between, summarize
from telephony.events import AgentChanged, AgentState

START = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
DAY = START + timedelta(days=1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def nobody(_desk: str, _at: datetime) -> str:
    return ""


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    made = Bus()
    yield made
    await made.close()


@pytest.fixture
async def database(tmp_path: Path, bus: Bus) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", bus)
    await made.create_all()
    yield made
    await made.close()


async def become(database: Database, seconds: float, state: AgentState, reason: str = "", desk: str = "1001",
                 call_id: str | None = None) -> None:  # fmt: skip
    async with database.work() as work:
        work.record(AgentChanged(at=at(seconds), agent=desk, state=state, reason=reason, call_id=call_id))


async def rows(database: Database) -> list[tuple[str, str, float, float | None]]:
    async with database.read() as session:
        found = await session.scalars(select(DeskTime).order_by(DeskTime.desk, DeskTime.seq))
        return [
            (row.desk, row.state, (row.started_at - START).total_seconds(),
             (row.ended_at - START).total_seconds() if row.ended_at else None)
            for row in found
        ]  # fmt: skip


async def test_each_change_ends_the_row_before(database: Database, bus: Bus) -> None:
    await WorkTimes(database, bus, nobody).start()
    await become(database, 10, "ready")
    await become(database, 12, "ready", desk="1002")
    await become(database, 60, "talking", call_id="c-1")
    await bus.drain()
    assert await rows(database) == [
        ("1001", "ready", 10, 60), ("1001", "talking", 60, None), ("1002", "ready", 12, None),
    ]  # fmt: skip


async def test_a_restart_writes_what_was_missed_and_nothing_twice(database: Database, bus: Bus) -> None:
    times = WorkTimes(database, bus, nobody)
    await become(database, 10, "ready")
    await times.catch_up()
    await become(database, 20, "talking")  # heyi was killed before anybody heard of it
    await become(database, 30, "wrapup")
    again = WorkTimes(database, bus, nobody)
    await again.start()
    await again.catch_up()
    await times.catch_up()
    assert await rows(database) == [
        ("1001", "ready", 10, 20),
        ("1001", "talking", 20, 30),
        ("1001", "wrapup", 30, None),
    ]


async def test_many_missed_facts_are_written_in_their_order(database: Database, bus: Bus) -> None:
    states: tuple[AgentState, ...] = ("ready", "ringing", "talking", "wrapup")
    async with database.work() as work:
        for n in range(1203):
            work.record(AgentChanged(at=at(n), agent="1001", state=states[n % 4]))
    await WorkTimes(database, bus, nobody).catch_up()
    found = await rows(database)
    assert len(found) == 1203
    assert all(a[3] == b[2] for a, b in pairwise(found)) and found[-1][3] is None


async def test_a_fact_told_late_makes_no_negative_time(database: Database, bus: Bus) -> None:
    await become(database, 100, "ready")
    await become(database, 40, "talking")
    await WorkTimes(database, bus, nobody).catch_up()
    assert await rows(database) == [("1001", "ready", 100, 100), ("1001", "talking", 100, None)]


async def test_only_the_stretch_and_what_reaches_into_it_is_read(database: Database, bus: Bus) -> None:
    await become(database, -7 * 86400, "offline")
    await become(database, -3600, "paused", "用餐")
    await become(database, 600, "ready")
    await become(database, 86400, "talking")
    await WorkTimes(database, bus, nobody).catch_up()
    async with database.read() as session:
        found = await between(session, ["1001", "1002"], START, DAY)
    assert [row.state for row in found] == ["paused", "ready"]
    (day,) = summarize(found, START, DAY)
    assert day.by_state == {"paused": 600, "ready": 85800} and day.pauses == {"用餐": 600}
    assert day.signed_in_s == 86400


def row(state: str, start: float, end: float | None, seq: int = 0, reason: str = "", call_id: str | None = None,
        login: str = "", desk: str = "1001") -> DeskTime:  # fmt: skip
    return DeskTime(seq=seq, desk=desk, login=login, state=state, reason=reason, call_id=call_id, started_at=at(start),
                    ended_at=None if end is None else at(end))  # fmt: skip


def test_pauses_are_told_by_their_reason_and_time() -> None:
    """qpanel#280: the reason of a pause and how long it lasted."""
    told = [row("paused", 0, 60, reason="小休"), row("ready", 60, 70), row("paused", 70, 100, reason="用餐"),
            row("paused", 100, 110, reason="小休")]  # fmt: skip
    (day,) = summarize(told, START, DAY)
    assert day.pauses == {"小休": 70, "用餐": 30} and day.by_state["paused"] == 100


def test_wrap_up_and_hold_have_their_own_time_and_one_call_counts_once() -> None:
    """asterisk#1006: the time of wrap-up is seen, whole, beside that of the call."""
    (day,) = summarize([row("talking", 0, 30, call_id="c-1"), row("held", 30, 50, call_id="c-1"),
                        row("talking", 50, 60, call_id="c-1"), row("wrapup", 60, 90, call_id="c-1"),
                        row("talking", 90, 95, call_id="c-2")], START, DAY)  # fmt: skip
    assert day.by_state == {"talking": 45, "held": 20, "wrapup": 30}
    assert day.calls == 2


def test_a_state_told_again_after_a_restart_is_one_stretch() -> None:
    told = [row("paused", 0, 20, reason=MISSED), row("paused", 20, 50, reason=MISSED), row("offline", 50, None)]
    (day,) = summarize(told, START, at(100))
    assert [(span.state, span.seconds) for span in day.spans] == [("paused", 50), ("offline", 50)]
    assert day.missed == 1 and day.signed_in_s == 50


def test_a_missed_ring_of_yesterday_is_not_todays() -> None:
    (day,) = summarize([row("paused", -50, 10, reason=MISSED), row("ready", 10, None)], START, at(60))
    assert day.missed == 0 and day.by_state == {"paused": 10, "ready": 50}


@given(st.lists(st.tuples(st.sampled_from(["ready", "talking", "paused", "away", "offline"]), st.integers(0, 40_000)),
                min_size=1, max_size=12))  # fmt: skip
def test_the_states_of_a_day_fill_it_once(steps: list[tuple[str, int]]) -> None:
    begin, told = -20_000.0, []
    for n, (state, seconds) in enumerate(steps):
        last = n == len(steps) - 1
        told.append(row(state, begin, None if last else begin + seconds, n))
        begin += seconds
    for day in summarize(told, START, DAY):
        from_then_on = min(86400.0, 86400.0 - max(-20_000.0, 0))
        assert sum(day.by_state.values()) == pytest.approx(sum(span.seconds for span in day.spans))
        assert sum(day.by_state.values()) <= from_then_on
        assert all(a.end <= b.start for a, b in pairwise(day.spans))
        if begin - steps[-1][1] < 86400:  # the last state holds until the day's end
            assert sum(day.by_state.values()) == from_then_on


async def test_who_sat_there_is_who_signed_in_last(database: Database, bus: Bus) -> None:
    users = Users(database)
    for login, desk in (("wang", "1001"), ("zhao", "1001"), ("chen", "1002")):
        await users.add(Person(login=login, name=login, role="agent", password="heyi-123", extension=desk))
    async with database.work() as work:
        for seconds, who, what in ((0, "wang", "sign_in"), (50, "chen", "sign_in"), (100, "wang", "sign_out"),
                                   (200, "zhao", "sign_in"), (210, "zhao", "sign_in_failed")):  # fmt: skip
            note(work.session, at=at(seconds), who=who, what=what)
    seen = [await login_at(database, "1001", at(seconds)) for seconds in (-1, 10, 60, 150, 205, 220, 14 * 3600)]
    assert seen == ["", "wang", "wang", "", "zhao", "zhao", ""]

    async def who(desk: str, when: datetime) -> str:
        return await login_at(database, desk, when)

    await become(database, 60, "ready")
    await WorkTimes(database, bus, who).catch_up()
    async with database.read() as session:
        (day,) = summarize(await between(session, ["1001"], START, DAY), START, DAY)
    assert day.logins == ["wang"]
