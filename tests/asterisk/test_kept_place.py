"""Callback that keeps the place, on a real Asterisk: one key, one call back, in turn."""

import asyncio

import pytest

from switchboard.events import KeptPlaceChanged
from telephony.callids import returned
from telephony.events import CallAnswered, CallArrived, CallEnded, CallKept, CallQueued
from telephony.phone import Phone, PhoneCall
from tests.asterisk.conftest import House, Site, Taker, close_house, open_house
from tests.eventually import PATIENCE_S

pytestmark = pytest.mark.asterisk

EARLIER, KEEPER, LATER = "13900139000", "13800138000", "13700137000"


class Citizens:
    """Whoever heyi rings picks up; by number, as the exchange sees it dialled."""

    def __init__(self, trunk: Phone, after_s: float = 0.3) -> None:
        self.taken: list[PhoneCall] = []
        self._after_s = after_s
        trunk.on_call = self._pick_up

    async def _pick_up(self, call: PhoneCall) -> None:
        await asyncio.sleep(self._after_s)
        await call.answer()
        self.taken.append(call)


async def wait_in_line(house: House, trunk: Phone, caller: str, line: str = "12345") -> PhoneCall:
    queued = len(house.of(CallQueued))
    call = await trunk.call(line, caller=caller)
    await house.until(lambda: len(house.of(CallQueued)) > queued, f"{caller} waits")
    return call


async def press(house: House, call: PhoneCall) -> None:
    kept = len(house.of(CallKept))
    await asyncio.sleep(0.3)
    call.press("1")
    await house.until(lambda: len(house.of(CallKept)) > kept, "the key was heard")
    await asyncio.wait_for(call.ended.wait(), PATIENCE_S)


def callers(house: House) -> dict[str, str]:
    return {e.call_id or "": e.caller for e in house.of(CallArrived) if isinstance(e, CallArrived)}


def answered(house: House) -> list[str]:
    """Numbers, in the order in which desks answered them."""
    return [callers(house)[e.call_id or ""] for e in house.of(CallAnswered)]


def called_back(house: House) -> list[str]:
    return [caller for call_id, caller in callers(house).items() if returned(call_id)]


async def test_rung_in_turn_before_who_came_later_never_before_who_came_earlier(site: Site, house: House) -> None:
    """FreePBX#621: queue callbacks jump ahead of waiting callers."""
    desk = await site.phone("1001")
    taker = Taker(desk)
    trunk = await site.phone("exchange", trunk=True)
    citizens = Citizens(trunk)
    busy = await wait_in_line(house, trunk, "13600136000")
    await house.until(lambda: len(taker.calls) == 1, "the only desk is busy")
    earlier = await wait_in_line(house, trunk, EARLIER)
    keeper = await wait_in_line(house, trunk, KEEPER)
    await press(house, keeper)
    later = await wait_in_line(house, trunk, LATER)
    await asyncio.sleep(2.5)
    assert called_back(house) == [], "somebody else is first"
    await busy.hang_up()
    await house.until(lambda: EARLIER in answered(house), "the earlier one is answered")
    await house.until(lambda: bool(citizens.taken), "now it is his turn")
    await house.until(lambda: len(house.of(CallQueued)) == 5, "he waits again")
    await earlier.hang_up()
    await house.until(lambda: len(answered(house)) == 3, "the next is answered")
    assert answered(house)[1:] == [EARLIER, KEEPER]
    await citizens.taken[0].hang_up()
    await house.until(lambda: len(answered(house)) == 4, "the last is answered")
    assert answered(house)[-1] == LATER
    await later.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 5, "all over")
    states = [e.state for e in house.of(KeptPlaceChanged) if isinstance(e, KeptPlaceChanged)]
    assert states == ["kept", "calling", "seated"]
    assert await house.switchboard.missed.open() == []


async def test_closed_between_keeping_and_ringing_he_is_rung_once(site: Site, house: House) -> None:
    """FreePBX#525: the callback is placed twice. AsterNET#273: what happened while nobody listened is not lost."""
    trunk = await site.phone("exchange", trunk=True)
    citizens = Citizens(trunk)
    first = await wait_in_line(house, trunk, KEEPER)
    second = await wait_in_line(house, trunk, LATER)
    await press(house, first)
    await close_house(house)
    await asyncio.sleep(0.3)
    second.press("1")  # nobody of ours hears this one
    await asyncio.wait_for(second.ended.wait(), PATIENCE_S)
    Taker(await site.phone("1001"))
    again = await open_house(site.settings, site.city)
    try:
        await again.until(lambda: len(again.of(CallAnswered)) == 1, "rung and answered")
        assert answered(again) == [KEEPER]
        await again.until(lambda: len(citizens.taken) == 2, "the next one's turn")
    finally:
        await close_house(again)
    third = await open_house(site.settings, site.city)
    try:
        await asyncio.sleep(2.5)
        assert len(citizens.taken) == 2 and called_back(third) == []
        await citizens.taken[0].hang_up()
        await third.until(lambda: len(third.of(CallAnswered)) == 1, "the second is answered")
        await citizens.taken[1].hang_up()
        await third.until(lambda: len(third.of(CallEnded)) == 2, "all over")
    finally:
        await close_house(third)


async def test_who_calls_again_by_himself_has_his_old_place_and_no_second_call(site: Site, house: House) -> None:
    """FreePBX#525: one caller, one call."""
    trunk = await site.phone("exchange", trunk=True)
    citizens = Citizens(trunk)
    keeper = await wait_in_line(house, trunk, KEEPER)
    await press(house, keeper)
    later = await wait_in_line(house, trunk, LATER)
    again = await wait_in_line(house, trunk, KEEPER)
    await house.until(lambda: len(house.of(KeptPlaceChanged)) == 2, "the place is his new call's")
    await asyncio.sleep(0.5)
    Taker(await site.phone("1001"))
    await house.until(lambda: bool(house.of(CallAnswered)), "answered")
    assert answered(house) == [KEEPER]
    await again.hang_up()
    await house.until(lambda: len(house.of(CallAnswered)) == 2, "then the other")
    await later.hang_up()
    await asyncio.sleep(1.5)
    assert citizens.taken == [] and called_back(house) == []


async def test_not_reached_twice_he_is_on_the_list(site: Site, house: House) -> None:
    """qpanel#265: also this ends as an item that somebody sees."""
    trunk = await site.phone("exchange", trunk=True)  # refuses every call as busy
    keeper = await wait_in_line(house, trunk, KEEPER)
    await press(house, keeper)
    await site.phone("1001")
    await house.until(lambda: len(called_back(house)) == 1, "rung")
    await house.until(lambda: len(house.of(CallEnded)) == 2, "in vain")
    await asyncio.sleep(0.5)
    async with house.database.work() as work:  # the minute's rest passes
        for row, _held in await house.switchboard.keeping.places():
            (await work.session.merge(row)).not_before = None
    await house.until(lambda: len(called_back(house)) == 2, "rung again")
    await house.until(lambda: len(house.of(CallEnded)) == 3, "in vain again")
    await asyncio.sleep(1)
    entries = await house.switchboard.missed.open()
    assert [(e.item.number, e.list_only) for e in entries] == [(KEEPER, "服务热线来电，由人回拨")]
    assert await house.switchboard.keeping.places() == []
