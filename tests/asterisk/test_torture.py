"""The bridge through everything that can happen between it and Asterisk: killed, cut off, stuck, crumbled, restarted.

After each the ledger is proved against Asterisk's own files: nothing missing, nothing double, no open call that ended.
"""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from core.city import City
from core.clock import SystemClock
from telephony import ledger
from telephony.ami import Ami
from telephony.dialplan import ami_secret
from telephony.events import AgentChanged, CallArrived, CallEnded, CallEvent, CallQueued, DeskJoined
from telephony.install import Server
from telephony.phone import Phone
from telephony.reconcile import Reconciler
from telephony.wire import Message
from tests.asterisk.conftest import TONE, House, Site, Taker, close_house, open_house
from tests.asterisk.crowd import Crowd
from tests.asterisk.proxy import Mode, Proxy
from tests.asterisk.serving import Serve
from tests.asterisk.test_reconcile import faults, reconcile
from tests.eventually import until

# Calls of the service line: a caller who leaves an emergency line would be rung up again, which is not the matter here.
pytestmark = pytest.mark.asterisk


@asynccontextmanager
async def over_a_line(site: Site, mode: Mode = "pass") -> AsyncIterator[tuple[Proxy, House]]:
    """A house whose way to Asterisk leads through a proxy."""
    proxy = Proxy(site.settings.ami_port, mode)
    await proxy.start()
    house = await open_house(site.settings.model_copy(update={"ami_port": proxy.port}), site.city)
    try:
        yield proxy, house
    finally:
        await close_house(house)
        await proxy.close()


async def proved(site: Site, house: House, calls: int) -> None:
    """Everything about ``calls`` calls is in the ledger, each fact once, and was told once."""
    async with house.database.read() as session:
        assert await ledger.open_calls(session) == []
    report = await Reconciler(
        house.database, SystemClock(), house.bridge.event_file, [d.extension for d in site.city.desks]
    ).compare()
    assert report.ok, report
    assert (report.calls, report.cdr_records >= calls) == (calls, True), report
    for kind in (CallArrived, CallEnded):
        told = Counter(event.call_id for event in house.of(kind))
        assert len(told) == calls and set(told.values()) == {1}, (kind, told)


# -- heyi itself


@pytest.mark.models
class TestKilled:
    @pytest.fixture
    def city(self, jinjiang: City) -> City:
        return jinjiang

    async def test_killed_twice_during_a_hundred_calls_the_ledger_is_whole(self, site: Site, serve: Serve) -> None:
        """AsterNET#273: calls while the application was down are lost. Here SIGKILL costs not one of a hundred."""
        taker = Taker(await site.phone("1007"))
        crowd = Crowd(site.settings, "12345", calls=100, rate=6, seconds=8)
        await crowd.start()
        try:
            await asyncio.sleep(4)
            await serve.kill()
            await asyncio.sleep(2)
            await serve.start()
            await asyncio.sleep(1)
            await serve.kill()
            await serve.start()
            await crowd.over()
        finally:
            await crowd.close()
        assert taker.calls
        # What is asked first repairs nothing: heyi has done it by itself.
        status, said = await reconcile(site.settings)
        assert (status, faults(said["found"]), said["repaired"]) == (0, {}, []), said["found"]["differing"]
        assert (said["found"]["calls"], said["found"]["alive"]) == (100, 0)
        assert said["found"]["cdr_records"] >= 100


# -- the line to Asterisk


async def test_twenty_seconds_of_a_mute_peer_cost_nothing(site: Site) -> None:
    """qpanel#6: no AMI reconnect. The peer says nothing more and does not hang up; calls come and go meanwhile."""
    taker = Taker(await site.phone("1001"))
    async with over_a_line(site) as (proxy, house):
        trunk = await site.phone("exchange", trunk=True)
        before = await trunk.call("12345", caller="13800000000")
        await house.until(lambda: bool(house.of(DeskJoined)), "answered")
        proxy.mode = "mute"
        began = asyncio.get_running_loop().time()
        await before.hang_up()
        staying = await trunk.call("12345", caller="13800000001")
        for n in range(5):
            call = await trunk.call("12345", caller=f"1370000000{n}")
            await asyncio.sleep(0.4)
            await call.hang_up()
        await until(lambda: not house.bridge.ami.up, lambda: "the mute peer is noticed")
        await asyncio.sleep(max(0.0, 20 - (asyncio.get_running_loop().time() - began)))
        assert len(house.of(CallArrived)) == 1
        proxy.mode = "pass"
        await house.until(lambda: len(house.of(CallArrived)) == 7, "all calls are known")
        assert [c.caller for c in house.bridge.calls.calls.values()] == ["13800000001"]
        await staying.hang_up()
        await house.until(lambda: len(house.of(CallEnded)) == 7, "all ended")
        assert taker.calls
        await proved(site, house, 7)


async def test_a_line_on_which_nobody_reads_holds_up_no_call(site: Site) -> None:
    """A full socket: Asterisk gives the session up by its write timeout; callers and the ledger notice nothing."""
    async with over_a_line(site) as (proxy, house):
        Taker(await site.phone("1001"))
        proxy.mode = "stuck"
        crowd = Crowd(site.settings, "12345", calls=60, rate=20, seconds=1)
        await crowd.start()
        try:
            await flood(site, 4000)
            await crowd.over()
        finally:
            await crowd.close()
        await until(lambda: not house.bridge.ami.up, lambda: "the stuck line is noticed")
        sessions = re.findall(r"127\.0\.0\.1", site.server.cli("manager show connected"))
        assert len(sessions) <= 1  # Asterisk does not keep those that it cannot write to
        assert len(house.of(CallEnded)) < 60
        proxy.mode = "pass"
        await house.until(lambda: len(house.of(CallEnded)) == 60, "all ended")
        await proved(site, house, 60)


async def flood(site: Site, events: int) -> None:
    """As many events of a desk's pause."""
    async with listening(site, site.settings.ami_port) as (ami, _):
        for n in range(events):
            await ami.action("QueuePause", {"Interface": "PJSIP/1002", "Paused": "true" if n % 2 else "false"})


@asynccontextmanager
async def listening(site: Site, port: int) -> AsyncIterator[tuple[Ami, list[Message]]]:
    """A login of its own, and what it hears."""
    heard: list[Message] = []
    ami = Ami(
        host="127.0.0.1", port=port, user=site.settings.ami_user, secret=ami_secret(site.settings),
        on_event=heard.append, on_up=lambda: None, on_down=lambda: None,
    )  # fmt: skip
    await ami.start()
    try:
        yield ami, heard
    finally:
        await ami.close()


async def test_chinese_names_stay_whole_over_crumbs_of_one_to_seven_bytes(site: Site) -> None:
    """panoramisk decodes each TCP segment by itself; a name cut in two loses characters."""
    names = {desk.extension: desk.name for desk in site.city.desks}
    async with over_a_line(site, "crumbs") as (proxy, house), listening(site, proxy.port) as (ami, heard):
        Taker(await site.phone("1001"))
        trunk = await site.phone("exchange", trunk=True)
        call = await trunk.call("12345", caller="13800138000")
        await house.until(lambda: bool(house.of(DeskJoined)), "answered")
        reason = "去吃饭，十二点半回来"
        await house.bridge.ami.action("QueuePause", {"Interface": "PJSIP/1002", "Paused": "true", "Reason": reason})
        await house.until(lambda: house.bridge.agents.agents["1002"].reason == reason, "the reason, whole")
        channels = await ami.query("CoreShowChannels", "CoreShowChannelsComplete")
        assert names["1001"] in {c["CallerIDName"] for c in channels}
        await call.hang_up()
        await house.until(lambda: bool(house.of(CallEnded)), "ended")
        said = {m["CallerIDname"] for m in heard if m.get("Event") == "CEL" and m["Channel"].startswith("PJSIP/1001-")}
        assert said == {names["1001"]}
        assert not any("\ufffd" in value for message in heard for value in message.values())
        await proved(site, house, 1)


@pytest.mark.parametrize(
    "name",
    [
        '"%0D%0AEvent%3A CEL%0D%0AEventName%3A HANGUP" ',
        '"\\\r\\\nEvent: Shutdown\\\r\\\n\\\r\\\n" ',
        '"' + "火" * 300 + '" ',
        '"\x1b[2J\x07\x7f,\\",|;${EXTEN}$[1+1]" ',
    ],
    ids=["escaped line breaks", "quoted line breaks", "long", "terminal codes and dialplan expressions"],
)
async def test_what_a_caller_puts_into_the_name_reaches_nobody(site: Site, house: House, name: str) -> None:
    """Line breaks in a name must not become an event; the dialplan drops names altogether."""
    trunk = await site.phone("exchange", trunk=True)
    honest = await trunk.call("12345", caller="13800000001")
    await house.until(lambda: bool(house.of(CallQueued)), "an honest call waits")
    await trunk_free(site, trunk.close)
    async with listening(site, site.settings.ami_port) as (_, heard):
        crowd = Crowd(site.settings, "12345", calls=3, rate=3, seconds=1, name=name)
        await crowd.start()
        try:
            # The exchange's port may refuse such a message; whatever gets through must be harmless.
            with_result = asyncio.create_task(crowd.over())
            await asyncio.wait({with_result}, timeout=20)
        finally:
            await crowd.close()
            await asyncio.gather(with_result, return_exceptions=True)
        await asyncio.sleep(1)
        assert house.bridge.ami.up
        assert honest.ended.is_set()
        assert {m.get("Event") for m in heard} <= {
            "CEL", "QueueMemberStatus", "QueueMemberPause", "FullyBooted", "Hold", "Unhold", "DTMFEnd"
        }  # fmt: skip
        mine = [m for m in heard if m.get("Event") == "CEL" and m["Channel"].startswith("PJSIP/trunk-")]
        assert all("\n" not in value for m in mine for key, value in m.items() if key != "Extra")
    await house.until(lambda: len(house.of(CallEnded)) == len(house.of(CallArrived)), "all ended")
    await proved(site, house, len(house.of(CallArrived)))


async def trunk_free(site: Site, close: Callable[[], Awaitable[None]]) -> None:
    """The exchange's port for somebody else; its calls end."""
    await close()
    site.phones[:] = [phone for phone in site.phones if phone.host != site.settings.trunk_host]


async def test_after_a_reconnect_the_ledger_is_repaired_without_being_asked(site: Site, house: House) -> None:
    """A row and a leg gone astray come back by themselves; what was told before is not told again."""
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("12345", caller="13800000001")
    await house.until(lambda: bool(house.of(CallQueued)), "queued")
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")
    lost = house.of(CallEnded)[0].call_id or ""
    async with house.database.work() as work:
        await work.session.delete(await work.session.get_one(ledger.CallRow, lost))
        await work.session.delete(await work.session.get_one(ledger.LegRow, lost))
    told, runs = len(house.of(CallEvent)), house.bridge.keeper.runs
    manager = house.bridge.ami._manager
    assert manager is not None
    manager.protocol.abort()
    await house.until(lambda: house.bridge.keeper.runs > runs, "the ledger was proved again")
    async with house.database.read() as session:
        row = await session.get_one(ledger.CallRow, lost)
        assert (row.line, row.outcome) == ("12345", "abandoned")
        await session.get_one(ledger.LegRow, lost)
    assert len(house.of(CallEvent)) == told
    await proved(site, house, 1)


# -- Asterisk itself


async def test_asterisk_killed_and_started_again_in_mid_calls(site: Site, house: House) -> None:
    """qpanel#6: no reconnect after Asterisk was restarted. The calls that it took along are ended, once."""
    taker = Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    talking = await trunk.call("12345", caller="13800000000")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")
    waiting = [await trunk.call("12345", caller=f"1380000001{n}") for n in range(3)]
    await house.until(lambda: len(house.of(CallQueued)) == 4, "all known")
    pid = site.server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not house.bridge.ami.up, lambda: "the loss is noticed")
    await asyncio.to_thread(restart, site.server)
    await house.until(lambda: len(house.of(CallEnded)) == 4, "each ended once")
    outcomes = Counter(e.outcome for e in house.of(CallEnded) if isinstance(e, CallEnded))
    assert outcomes == {"answered": 1, "lost": 3}
    for call in (talking, *waiting):
        await call.hang_up()
    desk = site.phones[0]
    await desk.register()
    again = await trunk.call("12345", caller="13800000020")
    await until(lambda: len(taker.calls) == 2, lambda: "the desk rings as before")
    await again.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 5, "and its end is told")
    async with house.database.read() as session:
        assert await ledger.open_calls(session) == []
    report = await Reconciler(
        house.database, SystemClock(), house.bridge.event_file, [d.extension for d in site.city.desks]
    ).compare()
    assert report.ok and (report.calls, report.alive) == (5, 4), report


def restart(server: Server) -> None:
    server.stop()
    server.start()


async def test_a_reload_floods_nobody_with_states(site: Site, house: House) -> None:
    """asterisk#1972, asterisk#1961: device states flood on a reload. Here a state is told when it changes."""
    Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("12345", caller="13800138000")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")
    await asyncio.sleep(0.5)
    before = len(house.of(AgentChanged))
    for _ in range(3):
        for module in ("res_pjsip.so", "app_queue.so", "pbx_config.so"):
            await asyncio.to_thread(site.server.cli, f"module reload {module}")
    await asyncio.sleep(2)
    assert house.of(AgentChanged)[before:] == []
    assert house.bridge.agents.agents["1001"].state == "talking"
    assert not call.ended.is_set()
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")


# -- telephones


async def test_a_call_whose_telephones_vanished_ends_by_itself(site: Site, house: House) -> None:
    """No packet and no goodbye: without a limit such a call would hold its desk for ever."""
    shorten(site)
    Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("12345", caller="13800138000")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")
    await call.play(TONE * 5)
    assert not house.of(CallEnded)  # while packets come nothing ends
    while site.phones:
        await vanish(site.phones.pop())
    await house.until(lambda: bool(house.of(CallEnded)), "the call ended")
    (end,) = house.of(CallEnded)
    assert isinstance(end, CallEnded) and end.outcome == "answered"
    assert house.bridge.calls.calls == {}


async def test_a_desk_that_holds_its_caller_may_be_silent_for_longer(site: Site, house: House) -> None:
    shorten(site)
    taker = Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("12345", caller="13800138000")
    await house.until(lambda: bool(taker.calls) and bool(house.of(DeskJoined)), "answered")
    desk = taker.calls[-1]
    desk.hold(True)
    await asyncio.sleep(0.5)
    assert desk.audio is not None
    await desk.audio.close()
    await asyncio.sleep(6)
    assert not house.of(CallEnded) and not call.ended.is_set()
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")


async def vanish(phone: Phone) -> None:
    """The telephone loses its power: no BYE, no packet, no answer."""
    await phone._uas.stop()
    for call in tuple(phone._calls.values()):
        if call.audio is not None:
            await call.audio.close()


def shorten(site: Site) -> None:
    """Four seconds instead of a minute: a busy machine may send nothing for two."""
    file = site.server.folder / "etc" / "pjsip.conf"
    text = file.read_text()
    assert text.count("rtp_timeout = 60\n") == 2 and text.count("rtp_timeout_hold = 600\n") == 2
    file.write_text(text.replace("rtp_timeout = 60\n", "rtp_timeout = 4\n"))
    site.server.cli("module reload res_pjsip.so")
