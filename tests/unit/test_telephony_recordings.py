"""Recordings sealed in the background, verified and pruned."""

import asyncio
import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from core.audit import AuditEntry
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.errors import HeyiError
from heyi import recordings_command
from telephony.events import CallEnded
from telephony.ledger import CallRow
from telephony.recordings import care as recording_care
from telephony.recordings import files as recording_store
from telephony.recordings import sealer as recordings
from telephony.recordings.care import past, prune, verify
from telephony.recordings.files import (
    HEADER,
    NO_ROOM,
)
from telephony.recordings.sealer import (
    Recording,
    Sealer,
    announce_supervisor,
    of_call,
    sealed,
    unfinished,
)
from tests.eventually import PATIENCE_S, until
from tests.unit.recordings_support import NOW, call, files, heard, leg, names, sound

# -- the runner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "asterisk" / "spool" / "monitor"
    made.mkdir(parents=True)
    return made


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    bus = Bus()
    yield bus
    await bus.close()


@pytest.fixture
async def database(tmp_path: Path, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(recordings, "_SOON", (0.01, 0.05))
    monkeypatch.setattr(recordings, "_LATER", (0.02, 0.05))
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", bus)
    await made.create_all()
    yield made
    await made.close()


@pytest.fixture
async def sealer(database: Database, bus: Bus, folder: Path) -> AsyncIterator[Sealer]:
    made = Sealer(database, bus, ManualClock(NOW), folder, keep_days=365)
    yield made
    await made.close()


async def ended(database: Database, call_id: str = "c-1", *, told: bool = True, recording: str | None = None) -> None:
    """A call ends; ``told``: with its event, else only the row is there, as after a repair of the ledger."""
    at, file = NOW - timedelta(minutes=1), f"{call_id}.wav" if recording is None else recording
    async with database.work() as work:
        work.session.add(
            CallRow(id=call_id, direction="in", line="119", caller="138", arrived_at=at, ended_at=at, recording=file)
        )
        if told:
            work.record(
                CallEnded(at=at, call_id=call_id, outcome="answered", cause=16, by="caller", talked_s=1, recording=file)
            )


async def rows(database: Database, call_id: str = "c-1") -> dict[str, Recording]:
    async with database.read() as session:
        return {row.file: row for row in await of_call(session, call_id)}


async def audited(database: Database, what: str) -> list[AuditEntry]:
    async with database.read() as session:
        return list(await session.scalars(select(AuditEntry).where(AuditEntry.what == what).order_by(AuditEntry.id)))


async def done(database: Database) -> None:
    async def finished() -> bool:
        async with database.read() as session:
            return not await unfinished(session)

    await until(finished, "everything is sealed")


async def three_sealed(database: Database) -> None:
    async def three() -> bool:
        return len(await sealed(database, "c-1")) >= 3

    await until(three, "three files are sealed")


async def test_a_call_that_ends_is_sealed(database: Database, folder: Path, sealer: Sealer) -> None:
    sealer.start()
    call(folder)
    await ended(database)
    await done(database)
    found = await sealed(database, "c-1")
    assert [(r.file, r.kind, r.reason) for r in found] == [
        ("c-1-agent.wav", "agent", ""), ("c-1-caller.wav", "caller", ""), ("c-1.wav", "stereo", "")
    ]  # fmt: skip
    for row in found:
        assert row.sha256 == hashlib.sha256((folder / row.file).read_bytes()).hexdigest()
        assert row.bytes == (folder / row.file).stat().st_size
        assert (row.seconds, row.sealed_at) == (1.0, NOW)
        assert row.delete_after == NOW - timedelta(minutes=1) + timedelta(days=365)


async def test_calls_whose_end_was_not_told_are_found_at_the_start(
    database: Database, folder: Path, sealer: Sealer
) -> None:
    """asterisk#507, mikopbx/Core#1084: recordings lost or unlinked. Here the ledger is asked, not the event."""
    for number in range(5):
        call(folder, f"c-{number}", seconds=0.1)
        await ended(database, f"c-{number}", told=False)
    await ended(database, "c-unanswered", told=False, recording="")
    await ended(database, "c-hostile", told=False, recording="../heyi.wav")
    (folder / ".c-3.wav.part").write_bytes(b"half")
    sealer.start()
    await done(database)
    for number in range(5):
        assert {r.kind for r in await sealed(database, f"c-{number}")} == {"stereo", "caller", "agent"}
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Recording)) == 15
    assert len(names(folder)) == 15


async def test_a_running_call_is_left_alone(database: Database, folder: Path, sealer: Sealer) -> None:
    call(folder, "c-2")
    async with database.work() as work:
        work.session.add(CallRow(id="c-2", direction="in", line="119", caller="1", arrived_at=NOW, recording="c-2.wav"))
    sealer.start()
    call(folder)
    await ended(database)
    await done(database)
    assert await rows(database, "c-2") == {}
    assert heard(folder / "c-2.wav")[1][0] == (3000,)


async def test_a_file_that_is_closed_late_is_sealed_late(database: Database, folder: Path, sealer: Sealer) -> None:
    call(folder)
    leg(folder / "c-1-agent.wav", sound(0.5), open_=True, age_s=0)
    sealer.start()
    await ended(database)
    await asyncio.sleep(0.1)
    assert await rows(database) == {}
    leg(folder / "c-1-agent.wav", sound(1, 2000), age_s=0)
    await done(database)
    assert heard(folder / "c-1.wav")[1] == [(1000, 2000)] * 8000


async def test_without_room_legs_and_mix_are_sealed_and_stereo_comes_with_the_room(
    database: Database, bus: Bus, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(folder)
    mix = hashlib.sha256((folder / "c-1.wav").read_bytes()).hexdigest()
    real = shutil.disk_usage
    monkeypatch.setattr(recording_store.shutil, "disk_usage", lambda path: real(path)._replace(free=0))
    first = Sealer(database, bus, ManualClock(NOW), folder)
    first.start()
    await ended(database)
    await three_sealed(database)
    before = await rows(database)
    assert (before["c-1.wav"].kind, before["c-1.wav"].reason, before["c-1.wav"].sha256) == ("mono", NO_ROOM, mix)
    await asyncio.sleep(0.1)  # further tries add nothing
    await first.close()
    assert await audited(database, "recording_replaced") == []
    monkeypatch.undo()
    second = Sealer(database, bus, ManualClock(NOW), folder)
    second.start()
    await done(database)
    await second.close()
    after = await rows(database)
    assert (after["c-1.wav"].kind, after["c-1.wav"].reason) == ("stereo", "")
    assert after["c-1-caller.wav"].sha256 == before["c-1-caller.wav"].sha256
    (entry,) = await audited(database, "recording_replaced")
    assert mix in entry.detail and after["c-1.wav"].sha256 in entry.detail and entry.call_id == "c-1"
    assert (await verify(database, folder)).faults == {}


async def test_a_database_that_cannot_be_written_is_tried_again(
    database: Database, folder: Path, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = Sealer._write, 3

    async def full(*arguments: Any) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        await real(*arguments)

    monkeypatch.setattr(Sealer, "_write", full)
    call(folder)
    sealer.start()
    await ended(database)
    await done(database)
    assert {r.kind for r in await sealed(database, "c-1")} == {"stereo", "caller", "agent"}
    assert failures < 0


async def test_a_seal_is_not_renewed_over_a_file_that_was_changed(
    database: Database, bus: Bus, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the stereo file waits for room, somebody changes a leg: its seal stays, so that it is found."""
    call(folder)
    real = shutil.disk_usage
    monkeypatch.setattr(recording_store.shutil, "disk_usage", lambda path: real(path)._replace(free=0))
    first = Sealer(database, bus, ManualClock(NOW), folder)
    first.start()
    await ended(database)
    await three_sealed(database)
    await first.close()
    leg(folder / "c-1-caller.wav", sound(1, 5))
    monkeypatch.undo()
    second = Sealer(database, bus, ManualClock(NOW), folder)
    second.start()
    await done(database)
    await second.close()
    assert (await verify(database, folder)).faults == {"c-1-caller.wav": "changed"}


async def test_a_supervisors_own_channel_belongs_to_the_call(database: Database, folder: Path, sealer: Sealer) -> None:
    async with database.work() as work:
        announce_supervisor(work.session, "c-1", "sup-hy1-17.3")
        with pytest.raises(ValueError, match="no name"):
            announce_supervisor(work.session, "c-1", "../x")
    sealer.start()
    call(folder, "sup-hy1-17.3", seconds=2)
    call(folder)
    await asyncio.sleep(0.05)
    assert await sealed(database, "c-1") == []  # the call goes on, and so may the listening
    await ended(database)
    await done(database)
    found = {r.file: (r.kind, r.seconds) for r in await sealed(database, "c-1")}
    assert len(found) == 6 and found["sup-hy1-17.3.wav"] == ("supervisor", 2.0) == found["sup-hy1-17.3-agent.wav"]
    assert found["c-1.wav"] == ("stereo", 1.0)
    assert heard(folder / "sup-hy1-17.3.wav")[1][0] == (1000, 2000)


_CHILD = """
import asyncio, sys
from pathlib import Path
from core.bus import Bus
from core.clock import SystemClock
from core.database import Database
from telephony.recordings.sealer import Sealer, unfinished
async def main():
    bus = Bus()
    database = Database(sys.argv[1], bus)
    sealer = Sealer(database, bus, SystemClock(), Path(sys.argv[2]))
    sealer.start()
    print("up", flush=True)
    while True:
        async with database.read() as session:
            if not await unfinished(session):
                break
        await asyncio.sleep(0.01)
    await sealer.close()
    await database.close()
asyncio.run(main())
"""


async def test_sigkill_at_any_moment_loses_nothing(database: Database, tmp_path: Path, folder: Path) -> None:
    for number in range(15):
        call(folder, f"c-{number}", seconds=20 + number, open_=number % 5 == 0)
        await ended(database, f"c-{number}", told=False)
    command = [sys.executable, "-c", _CHILD, f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", str(folder)]
    seen: list[int] = []
    for wait_s in (0.02, 0.05, 0.1, 0.2):
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        await asyncio.wait_for(child.stdout.readline(), PATIENCE_S)
        await asyncio.sleep(wait_s)
        if child.returncode is None:
            os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        async with database.read() as session:
            seen.append(await session.scalar(select(func.count()).select_from(Recording)) or 0)
    last = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await asyncio.wait_for(last.wait(), PATIENCE_S) == 0
    assert seen == sorted(seen)
    assert len(names(folder)) == 45
    for number in range(15):
        found = {r.kind: r for r in await sealed(database, f"c-{number}")}
        assert set(found) == {"stereo", "caller", "agent"}
        assert found["stereo"].seconds == 20 + number
    verdict = await verify(database, folder)
    assert (verdict.checked, verdict.faults) == (45, {})


# -- care


async def sealed_call(database: Database, folder: Path, call_id: str = "c-1", *, keep_days: int = 365) -> None:
    call(folder, call_id)
    sealer = Sealer(database, Bus(), ManualClock(NOW), folder, keep_days=keep_days)
    await ended(database, call_id, told=False)
    sealer.start()
    await done(database)
    await sealer.close()
    await sealer._bus.close()


async def test_verify_finds_what_is_changed_and_what_is_missing(database: Database, folder: Path) -> None:
    await sealed_call(database, folder)
    await sealed_call(database, folder, "c-2")
    told: list[int] = []
    assert (await verify(database, folder, told.append)).faults == {}
    assert sum(told) == await recording_care.sealed_bytes(database) == sum(p.stat().st_size for p in files(folder))
    content = bytearray((folder / "c-1.wav").read_bytes())
    content[HEADER + 5] ^= 1
    (folder / "c-1.wav").write_bytes(content)
    (folder / "c-2-agent.wav").unlink()
    verdict = await verify(database, folder)
    assert (verdict.checked, verdict.faults) == (6, {"c-1.wav": "changed", "c-2-agent.wav": "missing"})


async def test_verify_takes_no_deed_of_its_own_house_for_a_fault(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is deleted by rule, and one is sealed anew in stereo, while verify is on its way."""
    await sealed_call(database, folder)
    real = recording_care._fault
    async with database.work() as work:
        deleted, renewed = [await work.session.get(Recording, f) for f in ("c-1-agent.wav", "c-1.wav")]
        assert deleted is not None and renewed is not None
        (folder / "c-1-agent.wav").unlink()
        deleted.deleted_at, good, renewed.sha256 = NOW, renewed.sha256, "old"
    stale = iter([None])

    def fault(path: Path, sha256: str) -> recording_care.Fault | None:
        if path.name == "c-1.wav" and sha256 == "old" and next(stale, "later") is None:
            with_sync = subprocess.run(
                [sys.executable, "-c", _RENEW, str(path.parents[3] / "heyi.db"), good], capture_output=True, text=True
            )
            assert with_sync.returncode == 0, with_sync.stderr
        return real(path, sha256)

    monkeypatch.setattr(recording_care, "_fault", fault)
    assert (await verify(database, folder)).faults == {}
    assert next(stale, "used") == "used"


_RENEW = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE recordings SET sha256 = ? WHERE file = 'c-1.wav'", [sys.argv[2]])
connection.commit()
"""


async def test_prune_deletes_what_is_past_and_keeps_the_fact(database: Database, folder: Path) -> None:
    await sealed_call(database, folder, "c-1", keep_days=30)
    await sealed_call(database, folder, "c-2", keep_days=31)
    await sealed_call(database, folder, "c-3", keep_days=0)
    clock = ManualClock(NOW)
    assert await prune(database, clock, folder, "lin") == []
    clock.advance(30 * 86400)
    told: list[None] = []
    gone = await prune(database, clock, folder, "lin", lambda: told.append(None))
    assert gone == ["c-1-agent.wav", "c-1-caller.wav", "c-1.wav"] and len(told) == 3
    assert names(folder) == {f"{c}{part}.wav" for c in ("c-2", "c-3") for part in ("", "-caller", "-agent")}
    kept = await rows(database)
    assert {(r.deleted_at, len(r.sha256)) for r in kept.values()} == {(clock.now(), 64)} and len(kept) == 3
    (entry,) = await audited(database, "recording_deleted")
    assert (entry.who, entry.call_id) == ("lin", "c-1") and "c-1-caller.wav" in entry.detail
    assert await prune(database, clock, folder, "lin") == []
    clock.advance(10_000 * 86400)
    assert {f.partition(".")[0] for f in await prune(database, clock, folder, "lin")} == {
        "c-2", "c-2-caller", "c-2-agent"
    }  # fmt: skip
    assert (await verify(database, folder)).faults == {}


async def test_a_prune_that_was_killed_is_ended_by_the_next(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sealed_call(database, folder, keep_days=1)
    clock = ManualClock(NOW + timedelta(days=2))
    with monkeypatch.context() as patch:

        async def cut_off(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(recording_care, "_gone", cut_off)
        with pytest.raises(KeyboardInterrupt):
            await prune(database, clock, folder, "lin")
    assert names(folder) == set() and len(await past(database, clock.now())) == 3
    assert len(await prune(database, clock, folder, "lin")) == 3
    assert len(await audited(database, "recording_deleted")) == 1


async def test_a_file_that_cannot_be_deleted_is_one_clear_line(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sealed_call(database, folder, keep_days=1)

    def refuse(_self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(HeyiError, match="call c-1 cannot be deleted"):
        await prune(database, ManualClock(NOW + timedelta(days=2)), folder, "lin")
    assert all(row.deleted_at is None for row in (await rows(database)).values())


def test_the_commands_say_it_in_their_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path))
    folder = tmp_path / "asterisk" / "spool" / "monitor"

    async def prepare() -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", Bus())
        await database.upgrade()
        await sealed_call(database, folder)
        async with database.work() as work:  # past by whatever the machine's clock says
            await work.session.execute(update(Recording).values(delete_after=datetime(2000, 1, 1, tzinfo=UTC)))
        await database.close()

    asyncio.run(prepare())
    run = CliRunner()
    good = run.invoke(recordings_command.app, ["verify", "--json"])
    assert (good.exit_code, good.stdout) == (0, '{"checked": 3, "faults": {}}\n')
    (folder / "c-1.wav").unlink()
    bad = run.invoke(recordings_command.app, ["verify", "--json"])
    assert (bad.exit_code, bad.stdout) == (1, '{"checked": 3, "faults": {"c-1.wav": "missing"}}\n')
    would = run.invoke(recordings_command.app, ["prune", "--dry-run"])
    assert would.exit_code == 0 and names(folder) == {"c-1-caller.wav", "c-1-agent.wav"}
    assert run.invoke(recordings_command.app, ["prune"]).exit_code == 0
    assert names(folder) == set()
    empty = run.invoke(recordings_command.app, ["verify", "--json"])
    assert (empty.exit_code, empty.stdout) == (0, '{"checked": 0, "faults": {}}\n')
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "nowhere" / "at" / "all"))
    assert isinstance(run.invoke(recordings_command.app, ["verify"]).exception, HeyiError)
