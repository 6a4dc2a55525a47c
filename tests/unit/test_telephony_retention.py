"""Recordings past their time go by themselves."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from telephony.recordings.retention import Retention
from telephony.recordings.sealer import Recording
from tests.eventually import until

NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", Bus())
    await database.create_all()
    yield database
    await database.close()


async def keep(database: Database, folder: Path, call_id: str, until: datetime | None) -> Path:
    file = folder / f"{call_id}.wav"
    file.write_bytes(b"RIFF")
    async with database.work() as work:
        work.session.add(
            Recording(file=file.name, call_id=call_id, kind="stereo", sha256="0" * 64, bytes=4, delete_after=until,
                      sealed_at=NOW)
        )  # fmt: skip
    return file


async def test_it_goes_when_its_time_comes_and_the_audit_says_so(database: Database, tmp_path: Path) -> None:
    due = await keep(database, tmp_path, "a", NOW - timedelta(seconds=1))
    later = await keep(database, tmp_path, "b", NOW + timedelta(days=1))
    always = await keep(database, tmp_path, "c", None)
    clock = ManualClock(NOW)
    retention = Retention(database, clock, tmp_path, every_s=0.01)
    retention.start()
    try:
        await until(lambda: not due.exists(), "what is due has gone")
        assert later.exists() and always.exists()
        clock.advance(2 * 86400)
        await until(lambda: not later.exists(), "the next has gone")
        await asyncio.sleep(0.05)
    finally:
        await retention.close()
    assert always.exists()
    async with database.read() as session:
        entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [(e.who, e.what, e.call_id) for e in entries] == [
        ("retention", "recording_deleted", "a"), ("retention", "recording_deleted", "b"),
    ]  # fmt: skip


async def test_a_file_that_cannot_go_ends_nothing(database: Database, tmp_path: Path) -> None:
    stuck = await keep(database, tmp_path, "a", NOW)
    stuck.unlink()
    stuck.mkdir()  # unlink fails
    retention = Retention(database, ManualClock(NOW), tmp_path, every_s=0.01)
    retention.start()
    try:
        await asyncio.sleep(0.1)
        stuck.rmdir()
        stuck.write_bytes(b"RIFF")
        await until(lambda: not stuck.exists(), "the file has gone")
    finally:
        await retention.close()
