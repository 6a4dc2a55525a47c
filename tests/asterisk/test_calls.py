"""Calls through a real Asterisk: the queue, the ledger, the desks."""

import asyncio

import pytest

from telephony import ledger
from telephony.events import AgentChanged, CallAnswered, CallArrived, CallEnded, CallQueued, DeskJoined, KeyPressed, Leg
from telephony.media import MediaServer
from telephony.phone import PhoneCall
from tests.asterisk.conftest import TONE, House, Site, Taker, close_house, open_house, say
from tests.eventually import until

pytestmark = pytest.mark.asterisk


async def row_of(house: House, call_id: str | None) -> ledger.CallRow:
    async with house.database.read() as session:
        row = await ledger.call(session, call_id or "")
    assert row is not None
    return row


async def test_a_call_is_queued_answered_recorded_and_in_the_ledger(site: Site, house: House) -> None:
    desk = await site.phone("1001")
    taker = Taker(desk)
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")
    await call.play(TONE)
    await call.play(TONE)
    await say(call, taker.hears, "the desk hears the caller")
    assert [a.state for a in house.switchboard.agents() if a.extension == "1001"] == ["talking"]
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")

    row = await row_of(house, house.of(CallEnded)[0].call_id)
    assert (row.line, row.caller, row.agent, row.outcome, row.ended_by) == (
        "119", "13800138000", "1001", "answered", "caller"
    )  # fmt: skip
    assert row.priority == 100
    assert row.answered_at is not None and row.ended_at is not None and row.arrived_at < row.answered_at < row.ended_at
    assert (site.settings.recordings / row.recording).stat().st_size > 16000
    # wrap-up, then ready again by itself
    await house.until(
        lambda: [e.state for e in house.of(AgentChanged) if e.agent == "1001"][-2:] == ["wrapup", "ready"], "wrap-up"
    )
    states = [e.state for e in house.of(AgentChanged) if e.agent == "1001"]
    assert [s for s in states if s in ("ringing", "talking", "wrapup")] == ["ringing", "talking", "wrapup"]


async def test_an_emergency_overtakes_waiting_service_calls(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    waiting = [asyncio.create_task(trunk.call("12345", caller=f"1380000000{n}")) for n in range(3)]
    await house.until(lambda: len(house.of(CallQueued)) == 3, "three service calls wait")
    urgent = asyncio.create_task(trunk.call("120", caller="13900000000"))
    await house.until(lambda: len(house.of(CallQueued)) == 4, "the emergency waits")
    desk = await site.phone("1001")
    Taker(desk)
    await house.until(lambda: bool(house.of(CallAnswered)), "one is answered")
    answered = await row_of(house, house.of(CallAnswered)[0].call_id)
    assert (answered.line, answered.caller) == ("120", "13900000000")
    for task in (*waiting, urgent):
        await (await task).hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 4, "all ended")


async def test_an_abandoned_call_is_in_the_ledger(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("120", caller="13700000000")
    await house.until(lambda: bool(house.of(CallQueued)), "queued")
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")
    row = await row_of(house, house.of(CallEnded)[0].call_id)
    assert (row.outcome, row.ended_by, row.agent, row.answered_at) == ("abandoned", "caller", "", None)
    assert row.waited_s is not None and row.waited_s > 0


async def test_a_bridge_that_was_away_learns_of_every_call(site: Site, house: House) -> None:
    """AsterNET#273: abandoned calls while the application was down are lost. Here none is, and none is told twice."""
    await close_house(house)
    desk = await site.phone("1001")
    first = Taker(desk)
    trunk = await site.phone("exchange", trunk=True)
    finished = await trunk.call("119", caller="13800000001")
    await until(lambda: bool(first.calls), lambda: "the first call is answered")
    await finished.hang_up()
    desk.on_call = None
    left = await trunk.call("120", caller="13800000002")
    await asyncio.sleep(0.3)
    await left.hang_up()
    third_taker = Taker(desk)
    alive = await trunk.call("119", caller="13800000003")
    await until(lambda: bool(third_taker.calls), lambda: "the third call is answered")

    again = await open_house(site.settings, site.city)
    try:
        assert len(again.of(CallArrived)) == 3
        outcomes = {e.call_id: e.outcome for e in again.of(CallEnded)}
        assert sorted(outcomes.values()) == ["abandoned", "answered"]
        assert [c.caller for c in again.switchboard.calls()] == ["13800000003"]
        # Asterisk may tell of the answer a moment after the telephone knows of it.
        await again.until(lambda: bool(again.of(DeskJoined)[1:]), "the third is answered")
        assert [a.state for a in again.switchboard.agents() if a.extension == "1001"] == ["talking"]
        await alive.hang_up()
        await again.until(lambda: len(again.of(CallEnded)) == 3, "the call that was alive ended")
    finally:
        await close_house(again)
    third = await open_house(site.settings, site.city)
    try:
        assert third.of(CallArrived, CallEnded) == []
        async with third.database.read() as session:
            assert await ledger.open_calls(session) == []
    finally:
        await close_house(third)


async def test_calls_that_come_and_go_while_the_bridge_catches_up_are_told_as_they_were(
    site: Site, house: House
) -> None:
    await close_house(house)
    trunk = await site.phone("exchange", trunk=True)
    calls: list[PhoneCall] = []

    async def rush() -> None:
        for n in range(30):
            calls.append(await trunk.call("120", caller=f"137000000{n:02}"))
            if n % 3 == 0:
                await calls[-1].hang_up()

    rushing = asyncio.create_task(rush())
    await asyncio.sleep(0.05)
    again = await open_house(site.settings, site.city)
    try:
        await rushing
        await again.until(lambda: len(again.of(CallEnded)) == 10, "those who hung up ended")
        assert {e.outcome for e in again.of(CallEnded) if isinstance(e, CallEnded)} == {"abandoned"}
        assert len(again.switchboard.calls()) == 20
        for call in calls:
            await call.hang_up()
        await again.until(lambda: len(again.of(CallEnded)) == 30, "all ended")
        assert {e.outcome for e in again.of(CallEnded) if isinstance(e, CallEnded)} == {"abandoned"}
    finally:
        await close_house(again)


class Notes:
    """Takes live audio and notes whose."""

    def __init__(self) -> None:
        self.heard: set[tuple[str, Leg]] = set()

    def opened(self, call_id: str, leg: Leg, rate: int) -> None:
        assert rate == 16000

    def audio(self, call_id: str, leg: Leg, pcm: bytes) -> None:
        self.heard.add((call_id, leg))

    def closed(self, call_id: str, leg: Leg) -> None:
        pass


async def test_calls_that_are_up_are_heard_again_after_a_restart(site: Site, house: House) -> None:
    taker = Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    talking = await trunk.call("119", caller="13800000001")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")
    waiting = await trunk.call("120", caller="13800000002")
    await house.until(lambda: len(house.of(CallQueued)) == 2, "the second waits")
    ids = [e.call_id or "" for e in house.of(CallQueued)]
    await close_house(house)

    notes = Notes()
    media = MediaServer(site.settings.media_port, notes)
    await media.start()
    again = await open_house(site.settings, site.city, media.expect)
    try:
        wanted: set[tuple[str, Leg]] = {(ids[0], "caller"), (ids[0], "agent"), (ids[1], "caller")}
        await until(lambda: notes.heard == wanted, lambda: f"all are heard, not {notes.heard}")
        assert len(taker.calls) == 1
    finally:
        for call in (talking, waiting):
            await call.hang_up()
        await close_house(again)
        await media.close()


async def test_a_lost_connection_is_made_up_for(site: Site, house: House) -> None:
    """qpanel#6: no reconnect. Here the connection comes back and what happened meanwhile is in the ledger."""
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800000001")
    await house.until(lambda: bool(house.of(CallQueued)), "queued")
    manager = house.bridge.ami._manager
    assert manager is not None
    manager.protocol.abort()
    await house.until(lambda: not house.bridge.ami.up, "connection lost")
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "the end was learned")
    assert len(house.of(CallArrived)) == 1


async def test_callback_rings_asks_and_keeps_the_key(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)

    async def citizen(call: PhoneCall) -> None:
        await call.answer()
        await asyncio.sleep(1.5)
        call.press("1")

    trunk.on_call = citizen
    assert await house.switchboard.dialling.place(call_id="cb-0001", number="13800138000", ticket_number="TT1")
    await house.until(lambda: bool(house.of(CallEnded)), "callback ended")
    assert [(e.question, e.digit) for e in house.of(KeyPressed)] == [("satisfaction", "1")]
    row = await row_of(house, "cb-0001")
    assert (row.direction, row.outcome, row.caller) == ("out", "answered", "13800138000")


async def test_a_callback_that_nobody_takes_is_unanswered(site: Site, house: House) -> None:
    await site.phone("exchange", trunk=True)  # refuses every call as busy
    assert await house.switchboard.dialling.place(call_id="cb-0002", number="13800138000", ticket_number="TT1")
    await house.until(lambda: bool(house.of(CallEnded)), "callback ended")
    row = await row_of(house, "cb-0002")
    assert (row.direction, row.outcome, row.recording) == ("out", "unanswered", "")


async def test_hostile_values_never_reach_the_manager_interface(site: Site, house: House) -> None:
    assert not await house.switchboard.dialling.place(
        call_id="cb-1", number="138\r\nAction: Originate\r\nChannel: PJSIP/1", ticket_number="x"
    )
    await house.switchboard.desks.set_agent_state("1001", "paused", "用餐\r\nAction: Logoff")
    await house.until(lambda: house.bridge.agents.agents["1001"].reason == "用餐 Action: Logoff", "reason on one line")
    assert house.bridge.ami.up


async def test_a_number_with_line_breaks_neither_hides_a_call_nor_ends_another(site: Site, house: House) -> None:
    """The exchange hands on what a caller put into the number, decoded: it must not become an event of its own."""
    desk = await site.phone("1001")
    Taker(desk)
    trunk = await site.phone("exchange", trunk=True)
    honest = await trunk.call("119", caller="13800000001")
    await house.until(lambda: bool(house.of(DeskJoined)), "answered")
    victim = house.of(DeskJoined)[0].call_id or ""
    lines = ("", "", "Event%3ACEL", "EventName%3AHANGUP", f"UniqueID%3A{victim}", "Timestamp%3A1", "", "")
    forged = "%0D%0A".join(lines)
    hostile = await trunk.call("120", caller=forged, timeout_s=8)
    hidden = await trunk.call("120", caller="138%0D%0AX-Injected", timeout_s=8)
    await house.until(lambda: len(house.of(CallQueued)) == 3, "all three are known")
    assert not house.of(CallEnded)
    assert victim in {c.call_id for c in house.switchboard.calls()}
    callers = {e.caller for e in house.of(CallArrived) if isinstance(e, CallArrived)}
    assert not any("\n" in caller or "\r" in caller for caller in callers)
    for call in (honest, hostile, hidden):
        await call.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 3, "each ends once")
