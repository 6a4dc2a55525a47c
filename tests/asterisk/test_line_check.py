"""Lines dialled end to end through a real Asterisk by a synthetic caller."""

import asyncio
import json
import shutil
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from core.clock import SystemClock
from core.settings import Settings
from switchboard.health import Health, LineHealthChanged, latest
from telephony.events import AgentChanged, CallEvent
from telephony.ledger import CallRow
from telephony.linecheck import FAILURES, LineChecker, LineResult, NoRegistration, Step
from telephony.phone import PhoneCall
from tests.asterisk.conftest import House, Site
from tests.asterisk.serving import environment

pytestmark = pytest.mark.asterisk


class Listener:
    """A desk that counts how often it is rung and never answers."""

    def __init__(self) -> None:
        self.rung = 0

    async def __call__(self, _call: PhoneCall) -> None:
        self.rung += 1


async def desk(site: Site) -> Listener:
    listener = Listener()
    (await site.phone("1001")).on_call = listener
    return listener


async def check(settings: Settings, line: str, ring_s: float = 20) -> LineResult:
    async with LineChecker(settings, ring_s=ring_s) as checker:
        return await checker.check(line)


async def nothing_left(site: Site, house: House) -> None:
    async with house.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(CallRow)) == 0
    assert house.of(CallEvent) == [] and not house.bridge.calls.calls
    assert list(site.settings.recordings.glob("*")) == []


async def test_every_line_is_heard_both_ways_and_leaves_nothing_behind(site: Site, house: House) -> None:
    listener = await desk(site)
    numbers = [line.number for line in site.city.lines]
    async with LineChecker(site.settings) as checker:
        calls = asyncio.gather(*(checker.check(number) for number in numbers))
        # A bridge that comes into step while they are under way adopts none of them as a call that it missed.
        await asyncio.sleep(1)
        await house.bridge._resync()
        results = await calls
    assert [(r.line, r.ok, r.why) for r in results] == [(number, True, "") for number in numbers], results
    for result in results:
        assert result.answered_s is not None and result.rung_s is not None
        assert 0 < result.answered_s <= result.rung_s < result.took_s
    assert listener.rung == 0
    assert not [e for e in house.of(AgentChanged) if isinstance(e, AgentChanged) and e.state in ("ringing", "talking")]
    await nothing_left(site, house)


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("dialplan remove extension 119@from-trunk", "dial"),
        ("dialplan remove extension 119@lines-normal", "queue"),
        ("module unload -h app_queue.so", "queue"),
        ("queue pause member PJSIP/probe queue probe reason test", "ring"),
    ],
)
async def test_a_broken_step_is_named_and_other_lines_are_not_blamed(site: Site, command: str, step: Step) -> None:
    # Longer than an emergency waits for its own desks: even then nobody's telephone rings for a synthetic caller.
    ring_s = site.settings.last_resort_s + 2
    listener = await desk(site)
    site.server.cli(command)
    result = await check(site.settings, "119", ring_s)
    assert (result.step, result.why) == (step, FAILURES[step]), result
    assert result.detail
    if "119@" in command:
        assert (await check(site.settings, "120")).ok
    assert listener.rung == 0


async def test_a_recording_that_is_not_written_is_noticed(site: Site) -> None:
    folder = site.settings.recordings
    shutil.rmtree(folder)
    folder.write_text("in the way")
    result = await check(site.settings, "120")
    assert (result.step, result.why) == ("recording", "录音没有写入"), result


async def test_without_asterisk_no_line_can_be_dialled(site: Site) -> None:
    site.server.stop()
    with pytest.raises(NoRegistration, match="no answer to REGISTER"):
        await check(site.settings, "119")


async def test_what_was_found_is_kept_and_told_where_it_changed(site: Site, house: House) -> None:
    health = Health(site.settings, site.city, house.database, SystemClock())
    assert [(c.line, c.ok) for c in await health.check(["119", "12345"])] == [("119", True), ("12345", True)]
    assert house.of(LineHealthChanged) == []
    site.server.cli("dialplan remove extension 119@from-trunk")
    await health.check(["119"])
    site.server.cli("dialplan reload")
    await health.check(["119"])
    told = [(e.line, e.ok, e.why) for e in house.of(LineHealthChanged) if isinstance(e, LineHealthChanged)]
    assert told == [("119", False, "号码拨不通"), ("119", True, "")]
    # The exchange: nobody there, then somebody.
    assert not (await health.ask_trunk()).ok
    await site.phone("exchange", trunk=True)
    assert (await health.ask_trunk()).ok
    told = [(e.line, e.ok, e.why) for e in house.of(LineHealthChanged) if isinstance(e, LineHealthChanged)]
    assert told[2:] == [("trunk", False, "中继无应答"), ("trunk", True, "")]
    async with house.database.read() as session:
        assert {line: row.ok for line, row in (await latest(session)).items()} == {
            "119": True, "12345": True, "trunk": True
        }  # fmt: skip


async def line_check(settings: Settings, *args: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "heyi", "line", "check", *args], env=environment(settings),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


async def test_the_command_line(site: Site) -> None:
    """It dials the lines of the site's own city, most of which this small Asterisk does not have."""
    done = await line_check(site.settings, "119", "便民热线", "--json")
    said = {row["line"]: row for row in json.loads(done.stdout)}
    assert (done.returncode, [row["ok"] for row in said.values()]) == (0, [True, True]), done.stderr
    assert said.keys() == {"119", "12345"} and said["119"]["rung_s"] >= said["119"]["answered_s"] > 0
    done = await line_check(site.settings, "122")
    assert done.returncode == 1 and "号码拨不通" in done.stderr
    done = await line_check(site.settings, "999")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and "no line '999'" in done.stderr
    # The trunk, which is not there, then is.
    done = await line_check(site.settings, "--trunk")
    assert done.returncode == 1 and "中继无应答" in done.stderr
    await site.phone("exchange", trunk=True)
    assert (await line_check(site.settings, "--trunk")).returncode == 0
    site.server.stop()
    done = await line_check(site.settings, "119")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 and "REGISTER" in done.stderr
