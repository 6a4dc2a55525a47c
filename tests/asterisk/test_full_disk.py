"""A disk without room for recordings stops no call: who calls and who answers hear each other, and it is told."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.settings import Settings
from switchboard.health import DISK, DISK_FULL, Health, LineHealthChanged
from telephony.events import CallEnded, DeskJoined
from telephony.install import Server
from telephony.phone import PhoneCall
from telephony.reconcile import Reconciler
from telephony.recordings import files, sealer
from telephony.recordings.sealer import Recording, Sealer, of_call
from tests.asterisk.conftest import TONE, House, Site, Taker, hear_each_other
from tests.eventually import until

pytestmark = pytest.mark.asterisk
_FILLER = "filler"


@pytest.fixture
def disk(server: Server, settings: Settings) -> Iterator[Path]:
    """The recordings' folder on a disk of 4 MB."""
    settings.min_free_mb = 1
    folder = settings.recordings
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    server.stop()
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> None:
    with (disk / _FILLER).open("wb", buffering=0) as file:
        for block in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(block)) == block:
                    pass
            except OSError as error:
                assert files.is_full(error)


@pytest.fixture
async def sealing(disk: Path, house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sealer]:
    for module in (files, sealer):
        monkeypatch.setattr(module, "PATIENCE_S", 1.0)
    monkeypatch.setattr(sealer, "_LATER", (0.5, 1.0))
    made = Sealer(house.database, house.bus, SystemClock(), disk, spare=1 << 20)
    made.start()
    yield made
    await made.close()


async def rows(house: House, call_id: str, good: Callable[[dict[str, Recording]], bool]) -> dict[str, Recording]:
    """What the table says of the call's recordings, once that is ``good``."""
    found: dict[str, Recording] = {}

    async def so() -> bool:
        nonlocal found
        async with house.database.read() as session:
            found = {row.file.removeprefix(call_id): row for row in await of_call(session, call_id)}
        return good(found)

    await until(so, lambda: f"so: {[(row.file, row.kind, row.seconds, row.reason) for row in found.values()]}")
    return found


async def test_calls_go_on_over_a_full_disk_and_are_recorded_again_when_there_is_room(
    site: Site, house: House, disk: Path, sealing: Sealer
) -> None:
    """A full disk stops no call: before it, in the middle of it, and after it."""
    health = Health(site.settings, site.city, house.database, SystemClock())
    taker = Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    ended: list[CallEnded] = []

    async def call() -> tuple[PhoneCall, str]:
        before = len(house.of(DeskJoined))
        made = await trunk.call("119", caller=f"1380013800{before}")
        await house.until(lambda: len(house.of(DeskJoined)) > before and len(taker.calls) > before, "answered")
        await hear_each_other(made, taker.calls[-1])
        return made, house.of(DeskJoined)[-1].call_id or ""

    async def over(made: PhoneCall) -> None:
        await made.hang_up()
        await house.until(lambda: len(house.of(CallEnded)) > len(ended), "the call ended")
        ended.extend(e for e in house.of(CallEnded)[len(ended) :] if isinstance(e, CallEnded))
        await house.until(lambda: house.switchboard.agents()[0].state == "ready", "the desk is free again")

    assert (await health.look_at_disk()).ok
    talking, cut = await call()
    await talking.play(TONE * 3)  # Asterisk writes two seconds at a time
    fill(disk)
    await hear_each_other(talking, taker.calls[-1])
    await over(talking)
    assert not (await health.look_at_disk()).ok

    silent, lost = await call()
    await hear_each_other(silent, taker.calls[-1])
    await over(silent)
    await rows(house, lost, lambda found: ".wav" in found and bool(found[".wav"].reason))

    (disk / _FILLER).unlink()
    assert (await health.look_at_disk()).ok
    last, whole = await call()
    await over(last)
    found = await rows(house, whole, lambda found: len(found) == 3)
    assert {row.reason for row in found.values()} == {""} and found[".wav"].kind == "stereo"
    # What could be heard before the disk was full is kept, in stereo now.
    kept = await rows(house, cut, lambda found: ".wav" in found and found[".wav"].kind == "stereo")
    assert kept[".wav"].seconds > 1

    assert [(e.outcome, e.by) for e in ended] == [("answered", "caller")] * 3
    told = [(e.line, e.ok, e.why) for e in house.of(LineHealthChanged) if isinstance(e, LineHealthChanged)]
    assert told == [(DISK, False, DISK_FULL), (DISK, True, "")]
    await asyncio.sleep(2)
    report = await Reconciler(
        house.database, SystemClock(), house.bridge.event_file, [desk.extension for desk in site.city.desks]
    ).compare()
    assert report.ok and report.calls == 3, report.to_dict()
