"""The ledger proved against a real Asterisk's files."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import func, select

from core.bus import Bus
from core.clock import SystemClock
from core.database import Database, StoredEvent
from core.settings import Settings
from telephony.events import CallArrived, CallEnded, DeskJoined
from telephony.ledger import CallRow, LegRow
from telephony.reconcile import Reconciler
from tests.asterisk.conftest import House, Site, Taker
from tests.asterisk.serving import environment
from tests.eventually import until

pytestmark = pytest.mark.asterisk


async def heyi(settings: Settings, *args: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "heyi", *args], env=environment(settings), capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip


async def reconcile(settings: Settings, *args: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and the lists that are not empty with the ids of their calls."""
    done = await heyi(settings, "reconcile", "--json", *args)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def faults(report: dict[str, Any]) -> dict[str, list[str]]:
    return {
        name: sorted(fault["call_id"] for fault in found)
        for name, found in report.items()
        if isinstance(found, list) and found
    }


async def some_calls(site: Site, answered: int = 3, abandoned: int = 3) -> None:
    """Calls that are over when this returns."""
    desk = await site.phone("1001")
    trunk = await site.phone("exchange", trunk=True)
    for n in range(abandoned):
        call = await trunk.call("12345", caller=f"1370000000{n}")
        await asyncio.sleep(0.3)
        await call.hang_up()
    taker = Taker(desk, seconds=0.1)
    for n in range(answered):
        # Asterisk itself leaves a desk two seconds of wrap-up after each call.
        call = await trunk.call("119", caller=f"1380000000{n}")
        await until(lambda n=n: len(taker.calls) == n + 1, lambda: "answered")  # type: ignore[misc]
        await asyncio.sleep(0.3)
        await call.hang_up()
    desk.on_call = None
    await asyncio.sleep(0.5)


async def test_calls_made_while_no_bridge_runs_are_brought_in_once(site: Site) -> None:
    await some_calls(site)
    trunk = site.phones[-1]
    alive = await trunk.call("120", caller="13900000000")
    await asyncio.sleep(0.5)

    status, said = await reconcile(site.settings)
    assert (status, faults(said["left"])) == (0, {}), said
    assert list(faults(said["found"])) == ["missing"] and len(said["repaired"]) == 7
    assert (said["left"]["calls"], said["left"]["alive"]) == (7, 1)

    database = Database(site.settings.db_url, Bus())
    async with database.read() as session:
        rows = list(await session.scalars(select(CallRow).order_by(CallRow.arrived_at)))
        stored = select(func.count()).where(StoredEvent.type == "CallEnded")
        assert await session.scalar(stored) == 6
    assert [(r.line, r.outcome) for r in rows] == [
        *[("12345", "abandoned")] * 3, *[("119", "answered")] * 3, ("120", "")
    ]  # fmt: skip
    assert all(r.agent == "1001" and r.recording for r in rows if r.line == "119")

    # Asterisk turns its file over, the last call ends, rows go astray.
    events = site.server.folder / "log" / "cel-custom" / "Master.csv"
    events.rename(events.with_name("Master.csv.1"))
    await alive.hang_up()
    await asyncio.sleep(0.5)
    async with database.work() as work:
        await work.session.delete(await work.session.get_one(CallRow, rows[0].id))
        (await work.session.get_one(CallRow, rows[4].id)).ended_at = None
    await database.close()
    status, said = await reconcile(site.settings, "--since", "1")
    assert status == 0 and faults(said["left"]) == {}
    last = rows[-1].id
    assert faults(said["found"]) == {
        "missing": sorted([rows[0].id, last]), "open_but_ended": sorted([rows[4].id, last])
    }  # fmt: skip
    assert (await reconcile(site.settings))[1]["repaired"] == []


async def test_beside_a_living_bridge_nothing_is_wrong_and_nothing_is_told_twice(site: Site, house: House) -> None:
    await some_calls(site, answered=2, abandoned=4)
    desk, trunk = site.phones[0], site.phones[1]
    Taker(desk)
    alive = await trunk.call("119", caller="13900000000")
    await house.until(lambda: len(house.of(DeskJoined)) == 3, "the last call is answered")
    status, said = await reconcile(site.settings)
    assert (status, said["repaired"], faults(said["found"])) == (0, [], {})
    assert (said["found"]["calls"], said["found"]["alive"]) == (7, 1)

    # A row that goes astray comes back while the bridge goes on writing.
    async with house.database.work() as work:
        gone = house.of(CallArrived)[2].call_id or ""
        await work.session.delete(await work.session.get_one(CallRow, gone))
        await work.session.delete(await work.session.get_one(LegRow, gone))
    repairing = asyncio.create_task(reconcile(site.settings))
    await alive.hang_up()
    more = [await trunk.call("120", caller=f"1350000000{n}") for n in range(5)]
    for call in more:
        await call.hang_up()
    status, said = await repairing
    assert status == 0 and said["repaired"] == [gone]
    await house.until(lambda: len(house.of(CallEnded)) == 12, "all ended")
    report = await Reconciler(
        house.database, SystemClock(), house.bridge.event_file, [d.extension for d in site.city.desks]
    ).compare()
    assert report.ok and (report.calls, report.alive) == (12, 0), report


async def test_what_a_person_must_mend_is_one_line(settings: Settings) -> None:
    for args, words in ((["reconcile"], "no event file"), (["reconcile", "--since", "soon"], "is no time")):
        done = await heyi(settings, *args)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
