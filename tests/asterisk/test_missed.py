"""Missed calls on a real Asterisk: rung back, put first, tried three times, left to people."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from switchboard.events import CallRanked, RecallTried
from switchboard.missed.listing import Entry
from switchboard.missed.policy import CALLED_AGAIN, REACHED, RecallPolicy
from telephony.callids import returned
from telephony.events import CallAnswered, CallArrived, CallEnded, CallMoved, CallQueued
from telephony.phone import Phone, PhoneCall
from tests.asterisk.conftest import TONE, House, Site, Taker, close_house, open_house, say
from tests.eventually import until

pytestmark = pytest.mark.asterisk

CALLER = "13800138000"
#: The shape of the real plan, in seconds that a test can wait.
QUICK = RecallPolicy(emergency=(timedelta(0), timedelta(seconds=1), timedelta(seconds=2)))


@pytest.fixture
async def house(site: Site, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """With the real plan of calls back, or the one that the test is marked with."""
    house = await open_house(site.settings, site.city, recall_policy=getattr(request, "param", RecallPolicy()))
    yield house
    await close_house(house)


async def entries(house: House) -> list[Entry]:
    return [*await house.switchboard.missed.open(), *await house.switchboard.missed.done()]


async def when(house: House, state: str) -> Entry:
    """The one item of the list, once it is in this state."""
    found: list[Entry] = []

    async def so() -> bool:
        found[:] = await entries(house)
        return [entry.item.state for entry in found] == [state]

    await until(so, lambda: f"{state}, but {found}; told {[e.type for e in house.told]}")
    return found[0]


def lift(trunk: Phone) -> list[PhoneCall]:
    """The citizen picks up whenever heyi rings."""
    taken: list[PhoneCall] = []

    async def citizen(call: PhoneCall) -> None:
        await asyncio.sleep(0.3)
        await call.answer()
        taken.append(call)
        await call.play(TONE)

    trunk.on_call = citizen
    return taken


async def abandon(house: House, trunk: Phone, line: str = "119", caller: str = CALLER) -> None:
    ended, queued = len(house.of(CallEnded)), len(house.of(CallQueued))
    call = await trunk.call(line, caller=caller)
    await house.until(lambda: len(house.of(CallQueued)) > queued, "waits")
    await asyncio.sleep(0.2)
    await call.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) > ended, "has hung up")


async def test_who_gives_up_on_an_emergency_line_is_rung_and_answered_before_service_calls(
    site: Site, house: House
) -> None:
    """qpanel#265: a list of abandoned calls that is worked off; AsterNET#273: and nothing of it is lost."""
    trunk = await site.phone("exchange", trunk=True)
    others = [await trunk.call(line, caller=f"1390000000{n}") for n, line in enumerate(("12345", "12345"))]
    await house.until(lambda: len(house.of(CallQueued)) == 2, "two wait")
    citizen = lift(trunk)
    await abandon(house, trunk)
    await house.until(lambda: bool(citizen), "the citizen's telephone was rung and picked up")
    await house.until(lambda: len(house.of(CallQueued)) == 4, "and he waits")
    back = house.of(CallArrived)[-1]
    assert isinstance(back, CallArrived) and (back.direction, back.caller, back.line) == ("back", CALLER, "119")
    assert house.switchboard.standings.view()[0].call.id == back.call_id
    Taker(await site.phone("1001"))
    await house.until(lambda: bool(house.of(CallAnswered)), "a desk is free")
    assert house.of(CallAnswered)[0].call_id == back.call_id
    entry = await when(house, "reached")
    assert (entry.item.reason, len(entry.tries), entry.tries[0].outcome) == (REACHED, 1, "answered")
    for call in (*citizen, *others):
        await call.hang_up()


async def test_who_holds_the_line_on_an_emergency_comes_before_who_is_to_be_rung_back(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    holds = await trunk.call("119", caller="13900000000")
    await house.until(lambda: bool(house.of(CallQueued)), "waits")
    citizen = lift(trunk)
    await abandon(house, trunk)
    await asyncio.sleep(2.5)
    assert citizen == []
    Taker(await site.phone("1001"))
    await house.until(lambda: bool(house.of(CallAnswered)), "answered")
    assert house.of(CallAnswered)[0].call_id == house.of(CallQueued)[0].call_id
    await until(lambda: bool(citizen), lambda: "and then the other is rung")
    for call in (holds, *citizen):
        await call.hang_up()


async def test_passed_on_to_an_emergency_line_and_gone_while_waiting_there_he_is_rung_back(
    site: Site, house: House
) -> None:
    """AsterNET#273: nobody who was not helped is lost, whoever spoke to him before."""
    Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    citizen = lift(trunk)
    call = await trunk.call("12345", caller=CALLER)
    await house.until(lambda: bool(house.of(CallAnswered)), "answered")
    call_id = house.of(CallAnswered)[0].call_id or ""
    await asyncio.sleep(0.5)
    await house.switchboard.handling.transfer(call_id, "line", "119", by="1001", reason="火情")
    await house.until(lambda: bool(house.of(CallMoved)), "waits again")
    await call.hang_up()
    await until(lambda: bool(citizen), lambda: "rung back")
    entry = await when(house, "reached")
    assert [(missed.call_id, missed.line, missed.kind) for missed in entry.item.calls] == [(call_id, "119", "waiting")]
    await citizen[0].hang_up()


@pytest.mark.parametrize("house", [QUICK], indirect=True)
async def test_nobody_reached_three_times_it_stays_on_the_list_for_all(site: Site, house: House) -> None:
    """qpanel#249: not a percentage but the call itself, until somebody closes it."""
    trunk = await site.phone("exchange", trunk=True)  # refuses every call as busy
    await abandon(house, trunk)
    await house.until(lambda: len(house.of(RecallTried)) == 3, "three tries")
    await asyncio.sleep(4)
    entry = await when(house, "open")
    assert (entry.item.tries, entry.item.owner, len(entry.tries)) == (3, "", 3)
    assert {tried.outcome for tried in entry.tries} == {"unanswered"}
    assert entry.list_only == "自动回拨次数已用完，由人处理"


@pytest.mark.parametrize("house", [RecallPolicy(emergency=(timedelta(seconds=15),))], indirect=True)
async def test_who_calls_again_himself_is_not_rung(site: Site, house: House) -> None:
    """FreePBX#525: never two calls with the same caller."""
    trunk = await site.phone("exchange", trunk=True)
    citizen = lift(trunk)
    await abandon(house, trunk)
    Taker(await site.phone("1001"), seconds=1.5)
    again = await trunk.call("119", caller=CALLER)
    await house.until(lambda: bool(house.of(CallAnswered)), "answered")
    await asyncio.sleep(17)
    assert (await when(house, "open")).on_the_line
    await again.hang_up()
    entry = await when(house, "closed")
    assert entry.item.reason == CALLED_AGAIN
    await asyncio.sleep(1.5)
    assert citizen == [] and not [e for e in house.of(CallArrived) if returned(e.call_id or "")]


async def test_a_withheld_number_is_on_the_list_with_the_reason(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    await abandon(house, trunk, caller="anonymous")
    entry = await when(house, "open")
    assert (entry.item.number, entry.list_only) == ("", "来电未显示号码，无法回拨")
    await asyncio.sleep(1.5)
    assert len(house.of(CallArrived)) == 1


async def test_a_call_taker_rings_back_and_speaks_from_his_own_desk(site: Site, house: House) -> None:
    desk, other = Taker(await site.phone("1001")), Taker(await site.phone("1901"))
    house.bridge.agents.agents["1901"].kind = "robot"
    trunk = await site.phone("exchange", trunk=True)
    await house.switchboard.desks.set_agent_state("1001", "paused", "小休")
    robot_busy = await trunk.call("12345", caller="13900139000")
    await house.until(lambda: bool(house.of(CallAnswered)), "the robot is busy")
    queued = len(house.of(CallQueued))
    waiting = await trunk.call("12345", caller=CALLER)
    await house.until(lambda: len(house.of(CallQueued)) > queued, "waits")
    await asyncio.sleep(3.2)
    await waiting.hang_up()
    item = (await when(house, "open")).item
    citizen = lift(trunk)
    await house.switchboard.recalls.ring_by_hand(item.id, who="wang", desk="1001")
    await until(lambda: bool(citizen) and bool(desk.calls), lambda: "citizen and call taker are connected")
    await say(citizen[0], desk.hears, "the desk hears the citizen")
    entry = await when(house, "reached")
    assert (entry.item.owner, entry.tries[0].by, len(other.calls)) == ("wang", "wang", 1)
    for call in (*citizen, robot_busy):
        await call.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 3, "all over")
    assert {e.outcome for e in house.of(CallEnded) if isinstance(e, CallEnded)} == {"answered", "abandoned"}


async def test_abandoned_while_heyi_was_closed_and_rung_once_after_two_restarts(site: Site, house: House) -> None:
    """AsterNET#273: abandoned calls while the application is down are lost."""
    await close_house(house)
    trunk = await site.phone("exchange", trunk=True)
    citizen = lift(trunk)
    call = await trunk.call("119", caller=CALLER)
    await asyncio.sleep(0.4)
    await call.hang_up()
    await asyncio.sleep(0.3)
    again = await open_house(site.settings, site.city, recall_policy=RecallPolicy())
    await until(lambda: bool(citizen), lambda: "rung after the restart")
    await again.until(lambda: bool(again.of(CallQueued)) and len(again.of(CallQueued)) >= 2, "waits for a desk")
    await close_house(again)
    third = await open_house(site.settings, site.city, recall_policy=RecallPolicy())
    try:
        await asyncio.sleep(2.5)
        assert len(citizen) == 1
        Taker(await site.phone("1001"))
        assert (await when(third, "reached")).item.count == 1
    finally:
        for taken in citizen:
            await taken.hang_up()
        await close_house(third)


async def test_words_of_an_emergency_bring_a_service_caller_to_the_emergency_desks(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    calls = [await trunk.call("12345", caller=f"1390000000{n}") for n in range(3)]
    await house.until(lambda: len(house.of(CallQueued)) == 3, "three wait")
    last = house.of(CallQueued)[2].call_id or ""
    await house.switchboard.standings.raised(last)
    await house.until(lambda: bool(house.of(CallMoved)), "moved")
    moved = house.of(CallMoved)[0]
    assert isinstance(moved, CallMoved) and (moved.call_id, moved.queue) == (last, "emergency")
    Taker(await site.phone("1001"))
    await house.until(lambda: bool(house.of(CallAnswered)), "answered")
    assert house.of(CallAnswered)[0].call_id == last
    for call in calls:
        await call.hang_up()


async def test_a_supervisor_puts_a_waiting_caller_first_on_asterisk_itself(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    calls = [await trunk.call("12345", caller=f"1390000000{n}") for n in range(3)]
    await house.until(lambda: len(house.of(CallQueued)) == 3, "three wait")
    service = house.of(CallQueued)[2].call_id or ""
    await house.switchboard.standings.push(service, by="lin")
    assert [e.call_id for e in house.of(CallRanked)] == [service]
    Taker(await site.phone("1001"))
    await house.until(lambda: bool(house.of(CallAnswered)), "answered")
    assert house.of(CallAnswered)[0].call_id == service
    for call in calls:
        await call.hang_up()
