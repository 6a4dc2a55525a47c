"""Clock, bus, unit of work and secrets: what every room stands on."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import Bus
from core.clock import ManualClock
from core.database import Database, StoredEvent
from core.errors import HeyiError
from core.events import Event
from core.ids import new_id
from core.secrets import derive, site_secret
from tests.eventually import until

AT = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Rang(Event):
    number: int


@dataclass(frozen=True, kw_only=True)
class Whispered(Event):
    transient = True


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    bus = Bus()
    yield bus
    await bus.close()


@pytest.fixture
async def database(bus: Bus, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", bus)
    await database.create_all()
    yield database
    await database.close()


async def stored(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(StoredEvent.type).order_by(StoredEvent.seq)))


async def test_each_subscriber_sees_its_events_in_order_and_a_slow_one_holds_nobody_up(bus: Bus) -> None:
    quick: list[int] = []
    slow: list[int] = []
    gate = asyncio.Event()

    async def take_quick(event: Rang) -> None:
        quick.append(event.number)

    async def take_slow(event: Rang) -> None:
        await gate.wait()
        slow.append(event.number)

    bus.subscribe(take_slow, Rang)
    bus.subscribe(take_quick, Rang)
    for number in range(5):
        bus.publish(Rang(at=AT, number=number))
    await until(lambda: len(quick) == 5, "the quick one has them all")
    assert (quick, slow) == ([0, 1, 2, 3, 4], [])
    gate.set()
    await bus.drain()
    assert slow == [0, 1, 2, 3, 4]


async def test_a_handler_that_raises_goes_on_with_the_next_event(bus: Bus) -> None:
    taken: list[int] = []

    async def take(event: Rang) -> None:
        if event.number == 1:
            raise ValueError("one bad event")
        taken.append(event.number)

    bus.subscribe(take, Rang)
    for number in range(3):
        bus.publish(Rang(at=AT, number=number))
    await bus.drain()
    assert taken == [0, 2]


async def test_drain_waits_for_what_the_handlers_publish_themselves(bus: Bus) -> None:
    taken: list[int] = []

    async def take(event: Rang) -> None:
        taken.append(event.number)
        if event.number < 3:
            bus.publish(Rang(at=AT, number=event.number + 1))

    bus.subscribe(take, Rang)
    bus.publish(Rang(at=AT, number=0))
    await bus.drain()
    assert taken == [0, 1, 2, 3]


async def test_events_are_published_after_the_commit(bus: Bus, database: Database) -> None:
    seen: list[list[str]] = []

    async def take(event: Rang) -> None:
        seen.append(await stored(database))

    bus.subscribe(take, Rang)
    async with database.work() as work:
        work.record(Rang(at=AT, number=1))
        await asyncio.sleep(0.01)
        assert seen == []
    await bus.drain()
    assert seen == [["Rang"]]


async def test_what_is_kept_is_told_though_its_task_is_cancelled_meanwhile(
    bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, go_on = asyncio.Event(), asyncio.Event()
    commit = AsyncSession.commit

    async def slow(session: AsyncSession) -> None:
        await commit(session)
        kept.set()
        await go_on.wait()

    monkeypatch.setattr(AsyncSession, "commit", slow)
    told: list[Event] = []
    bus.listen(told.append)

    async def write() -> None:
        async with database.work() as work:
            work.record(Rang(at=AT, number=1))

    writing = asyncio.create_task(write())
    await kept.wait()
    writing.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert [event.type for event in told] == await stored(database) == ["Rang"]


async def test_a_failed_unit_of_work_keeps_and_tells_nothing(bus: Bus, database: Database) -> None:
    told: list[Event] = []
    bus.listen(told.append)
    with pytest.raises(RuntimeError):
        async with database.work() as work:
            work.record(Rang(at=AT, number=1))
            raise RuntimeError("in the middle")
    assert (await stored(database), told) == ([], [])


async def test_transient_events_are_told_and_not_stored(bus: Bus, database: Database) -> None:
    told: list[Event] = []
    bus.listen(told.append)
    async with database.work() as work:
        work.record(Whispered(at=AT))
    assert [e.type for e in told] == ["Whispered"]
    assert await stored(database) == []


async def test_writers_take_turns(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.work() as work:
            await asyncio.sleep(0)
            work.record(Rang(at=AT, number=number))

    await asyncio.gather(*(write(n) for n in range(30)))
    assert len(await stored(database)) == 30
    assert [row.seq for row in await database.events_after(28)] == [29, 30]


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids) and len(set(ids)) == 1000


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(AT)
    assert clock.now() == clock.now() == AT
    assert (clock.advance(90) - AT).total_seconds() == 90
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_sites_secret_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    first = site_secret(tmp_path / "data")
    assert site_secret(tmp_path / "data") == first and len(first) == 64
    assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
    assert site_secret(tmp_path / "data", "given") == "given"
    assert derive(first, "sip", "1001") != derive(first, "sip", "1002") != derive(first, "ami", "1002")


def test_a_secret_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HeyiError, match="cannot be written"):
        site_secret(tmp_path / "file" / "data")


async def test_a_writer_cancelled_in_mid_statement_does_not_lock_the_others_out(
    database: Database, tmp_path: Path
) -> None:
    """The cancelled task is still held, as asyncio holds it; a second program writes as if nothing had been."""

    async def write_many() -> None:
        while True:
            async with database.work() as work:
                work.record(*(Rang(at=AT, number=n) for n in range(3)))

    other = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", Bus())
    cancelled: list[asyncio.Task[None]] = []
    for turn in range(60):  # the moment between statement and rows is short: most of these runs meet it
        cancelled.append(asyncio.create_task(write_many()))
        await asyncio.sleep(0.002 + turn * 0.0002)
        cancelled[-1].cancel()
        await asyncio.wait(cancelled[-1:])
        async with other.work() as work:
            work.record(Rang(at=AT, number=turn))
    await other.close()
    assert all(task.cancelled() for task in cancelled)
