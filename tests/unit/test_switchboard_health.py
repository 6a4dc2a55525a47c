"""The schedule of the line checks, and what is kept and told of them."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.bus import Bus
from core.clock import ManualClock
from core.database import Database, StoredEvent
from core.errors import HeyiError
from core.settings import Settings
from switchboard.health import (
    DISK,
    DISK_FULL,
    KEEP,
    TRUNK,
    TRUNK_DOWN,
    TRUNK_FAULT,
    Health,
    LineCheck,
    LineHealthChanged,
    latest,
    of_trunk,
    record,
    whose_turn,
)
from telephony.linecheck import FAILURES, LineResult, NoRegistration
from telephony.probe import ProbeResult
from tests.citykit import small_city
from tests.eventually import PATIENCE_S

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LINES = [line.number for line in small_city().lines]


class Store:
    def __init__(self, folder: Path) -> None:
        self.bus = Bus()
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", self.bus)
        self.told: list[tuple[str, bool, str]] = []
        self.bus.listen(lambda e: self.told.append((e.line, e.ok, e.why)) if isinstance(e, LineHealthChanged) else None)

    async def count(self, line: str) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.count()).where(LineCheck.line == line)) or 0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(tmp_path)
    await made.database.create_all()
    yield made
    await made.database.close()
    await made.bus.close()


def row(ok: bool, why: str = "", line: str = "119", at: datetime = START) -> LineCheck:
    return LineCheck(line=line, at=at, ok=ok, why=why)


async def test_only_a_change_is_told_and_a_line_that_works_at_first_is_no_news(store: Store) -> None:
    for ok, why in ((True, ""), (True, ""), (False, "a"), (False, "a"), (False, "b"), (True, ""), (True, "")):
        await record(store.database, row(ok, why))
    assert store.told == [("119", False, "a"), ("119", False, "b"), ("119", True, "")]
    await record(store.database, row(False, "c", line="120"))
    assert store.told[3:] == [("120", False, "c")]
    async with store.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(StoredEvent)) == 4


async def test_history_is_bounded_for_each_line_by_itself(store: Store) -> None:
    await record(store.database, row(False, "old", line="120"))
    for n in range(KEEP + 7):
        await record(store.database, row(True, at=START + timedelta(hours=n)))
    assert (await store.count("119"), await store.count("120")) == (KEEP, 1)
    async with store.database.read() as session:
        newest = await latest(session)
    assert newest["119"].at == START + timedelta(hours=KEEP + 6) and newest["120"].why == "old"


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_every_line_has_its_turn_once_in_a_round(asked_before: Sequence[str]) -> None:
    checked = {line: START + timedelta(minutes=n) for n, line in enumerate(asked_before)}
    turns = []
    for n in range(2 * len(LINES)):
        line = whose_turn(LINES, checked)
        checked[line] = START + timedelta(hours=1, minutes=n)
        turns.append(line)
    assert sorted(turns[: len(LINES)]) == sorted(LINES) == sorted(turns[len(LINES) :])


class Dialler:
    """In place of the synthetic caller: these lines fail, or nothing can be dialled at all."""

    def __init__(self, broken: Sequence[str] = (), error: HeyiError | None = None) -> None:
        self.broken, self.error = broken, error
        self.dialled: list[str] = []

    async def __call__(self, _settings: Settings, lines: Sequence[str]) -> list[LineResult]:
        self.dialled += lines
        if self.error is not None:
            raise self.error
        return [LineResult(line=n, step="ring" if n in self.broken else "", took_s=2.0) for n in lines]


class Sleeper:
    """A night that passes by itself: ``rounds`` pauses, then for ever."""

    def __init__(self, clock: ManualClock, rounds: int) -> None:
        self._clock, self._left = clock, rounds
        self.slept: list[float] = []
        self.over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        if self._left == 0:
            self.over.set()
            await asyncio.Event().wait()
        self._left -= 1
        self.slept.append(seconds)
        self._clock.advance(seconds)


async def run(store: Store, tmp_path: Path, dialler: Dialler, rounds: int) -> Sleeper:
    clock = ManualClock(START)
    sleeper = Sleeper(clock, rounds)
    settings = Settings(data=tmp_path, trunk_check_s=0, line_check_s=3600)
    health = Health(settings, small_city(), store.database, clock, dial=dialler, sleep=sleeper)
    health.start()
    await asyncio.wait_for(sleeper.over.wait(), PATIENCE_S)
    await health.close()
    return sleeper


async def test_each_line_is_dialled_about_once_an_hour_spread_over_it(store: Store, tmp_path: Path) -> None:
    dialler = Dialler()
    sleeper = await run(store, tmp_path, dialler, 2 * len(LINES))
    assert dialler.dialled == LINES * 2
    assert sleeper.slept == [3600 / len(LINES)] * (2 * len(LINES))
    # After a restart it goes on with the line that was longest ago, not with the first again.
    again = Dialler()
    async with store.database.work() as work:
        await work.session.delete((await latest(work.session))[LINES[0]])
    await run(store, tmp_path, again, 1)
    assert again.dialled == [LINES[0]]


async def test_a_failing_line_is_told_in_words(store: Store, tmp_path: Path) -> None:
    await run(store, tmp_path, Dialler(broken=["120"]), 2 * len(LINES))
    assert store.told == [("120", False, FAILURES["ring"])]


async def test_without_asterisk_the_lines_fail_one_after_the_other(store: Store, tmp_path: Path) -> None:
    await run(store, tmp_path, Dialler(error=NoRegistration("no answer to REGISTER")), len(LINES))
    assert store.told == [(line, False, FAILURES["asterisk"]) for line in LINES]


async def test_a_check_that_cannot_be_made_blames_no_line_and_is_not_the_last(store: Store, tmp_path: Path) -> None:
    for error in (HeyiError("another line check is under way"), RuntimeError("a bug")):
        dialler = Dialler()
        dialler.error = error  # type: ignore[assignment]
        await run(store, tmp_path, dialler, 3)
        assert len(dialler.dialled) == 3
    assert store.told == [] and await store.count(LINES[0]) == 0


@pytest.mark.parametrize(
    ("said", "ok", "why", "detail"),
    [
        (ProbeResult(reachable=True, code=200, rtt_ms=12.0), True, "", "SIP 200"),
        (ProbeResult(reachable=True, code=404, rtt_ms=12.0), True, "", "SIP 404"),
        (ProbeResult(reachable=True, code=503, rtt_ms=12.0), False, TRUNK_FAULT, "SIP 503"),
        (ProbeResult(reachable=False, reason="no answer within 1 s"), False, TRUNK_DOWN, "no answer within 1 s"),
    ],
)
def test_the_trunks_answer(said: ProbeResult, ok: bool, why: str, detail: str) -> None:
    check = of_trunk(said, START)
    assert (check.line, check.ok, check.why, check.detail) == (TRUNK, ok, why, detail)


async def test_a_disk_that_fills_up_is_told_once_and_so_is_its_room(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path, min_free_mb=200)
    health = Health(settings, small_city(), store.database, ManualClock(START))
    usage = shutil.disk_usage(tmp_path)
    for free_mb in (500, 199, 0, 200, 500):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free_mb=free_mb: usage._replace(free=free_mb << 20))
        await health.look_at_disk()
    assert store.told == [(DISK, False, DISK_FULL), (DISK, True, "")]
