"""Limits on knocking: kept in the database, the same for every process and after a restart."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from tests.databases import KINDS, address
from ticketing.doors.limits import Knocks, Limit, Limiter, household
from ticketing.doors.tables import DoorKnocks

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = {
    "write": (Limit(3, timedelta(seconds=60)), Limit(5, timedelta(seconds=300))),
    "look": (Limit(1, timedelta(seconds=10)),),
}


@pytest.fixture(params=KINDS)
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes' connections to one database."""
    url = address(request, tmp_path)
    made = Database(url, Bus()), Database(url, Bus())
    await made[0].create_all()
    yield made
    for one in made:
        await one.close()


async def test_after_a_restart_and_in_another_process_the_same_count_goes_on(two: tuple[Database, Database]) -> None:
    clock = ManualClock(START)
    first, second = (Knocks(database, clock, LIMITS) for database in two)
    for knocks in (first, second, first):
        assert not await knocks.wait("write", "1.2.3.4")
        clock.advance(1)
    assert await second.wait("write", "1.2.3.4") == timedelta(seconds=57)
    assert await Knocks(two[1], clock, LIMITS).wait("write", "1.2.3.4") == timedelta(seconds=57)
    assert not await second.wait("write", "5.6.7.8")
    assert not await second.wait("look", "1.2.3.4"), "another door"
    clock.advance(56.999)
    assert await second.wait("write", "1.2.3.4")
    clock.advance(0.001)
    assert not await second.wait("write", "1.2.3.4"), "exactly a window later the first one's place is free"


async def test_two_processes_at_the_same_moment_never_let_in_one_too_many(two: tuple[Database, Database]) -> None:
    clock = ManualClock(START)
    knocks = [Knocks(database, clock, {"a": (Limit(7, timedelta(seconds=60)),)}) for database in two]
    waits = await asyncio.gather(*(knocks[number % 2].wait("a", "x") for number in range(30)))
    assert sum(not wait for wait in waits) == 7


async def test_no_window_holds_more_than_the_limit_whoever_asks(two: tuple[Database, Database]) -> None:
    clock = ManualClock(START)
    let_in: list[datetime] = []
    gaps = [0, 5, 30, 24, 1, 2, 59, 1, 0, 0, 90, 3, 1, 60, 60, 60, 1, 1, 300, 0, 0, 0, 59, 1]
    for number, gap in enumerate(gaps):
        clock.advance(gap)
        if not await Knocks(two[number % 2], clock, LIMITS).wait("write", "x"):
            let_in.append(clock.now())
    for limit, span in ((3, 60), (5, 300)):
        windows = [sum(at <= one < at + timedelta(seconds=span) for one in let_in) for at in let_in]
        assert max(windows) == limit
    # And nobody is kept out longer than one process that saw everything would.
    alone, seen, now = Limiter(*LIMITS["write"]), [], START
    for gap in gaps:
        now += timedelta(seconds=gap)
        if not alone.wait("x", now):
            seen.append(now)
    assert let_in == seen


async def test_who_knocked_is_not_kept_and_forgotten_when_it_no_longer_counts(two: tuple[Database, Database]) -> None:
    clock = ManualClock(START)
    knocks = Knocks(two[0], clock, LIMITS)
    await knocks.wait("write", "203.0.113.9")
    async with two[0].read() as session:
        (row,) = (await session.scalars(select(DoorKnocks))).all()
    assert "203.0.113" not in row.name and len(row.times) == 13
    clock.advance(3601)
    await knocks.wait("look", "198.51.100.1")
    async with two[0].read() as session:
        assert [len(row.times) for row in await session.scalars(select(DoorKnocks))] == [13]
        assert (await session.get(DoorKnocks, row.name)) is None


async def test_a_flood_is_turned_away_without_the_database(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(START)
    knocks = Knocks(two[0], clock, LIMITS)
    assert not await knocks.wait("look", "x")

    def none(_database: Database) -> None:
        raise AssertionError("asked the database")

    monkeypatch.setattr(Database, "work", none)
    for _ in range(50):
        assert await knocks.wait("look", "x") == timedelta(seconds=10)


async def test_who_only_looks_writes_nothing(two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(START)
    knocks = Knocks(two[0], clock, LIMITS, here={"write"})

    def none(_database: Database) -> None:
        raise AssertionError("asked the database")

    monkeypatch.setattr(Database, "work", none)
    assert [bool(await knocks.wait("write", "x")) for _ in range(4)] == [False, False, False, True]
    with pytest.raises(AssertionError, match="asked"):
        await knocks.wait("look", "x")


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.9", "203.0.113.9"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"), ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"), ("fe80::1%eth0", "fe80::/64"), ("testclient", "testclient"), ("", ""),
    ],
)  # fmt: skip
def test_a_household_of_ipv6_is_one(address: str, counts_as: str) -> None:
    assert household(address) == counts_as
