"""More emergencies than desks, on a real Asterisk: nobody is lost and nobody is served twice."""

import asyncio

import pytest

from core.city import City, Desk
from telephony.events import CallAnswered, CallArrived, CallEnded, CallMoved
from telephony.phone import PhoneCall
from tests.asterisk.conftest import House, Site
from tests.citykit import small_city
from tests.eventually import PATIENCE_S

pytestmark = pytest.mark.asterisk

CALLERS = [f"1380000{n:04}" for n in range(8)]


@pytest.fixture
def city() -> City:
    desks = tuple(Desk(extension=e, name=f"{e}号席", kind="phone") for e in ("1001", "1002"))
    return small_city().model_copy(update={"desks": desks})


async def test_eight_fires_and_two_paused_desks(site: Site, house: House) -> None:
    """asterisk#1561: whoever waits is answered. Paused telephones ring in the last resort until all have spoken."""
    for extension in ("1001", "1002"):
        desk = await site.phone(extension)

        async def take(call: PhoneCall) -> None:
            await asyncio.sleep(0.2)
            await call.answer()
            await asyncio.sleep(0.5)
            await call.hang_up()

        desk.on_call = take
        await house.switchboard.desks.set_agent_state(extension, "paused", "小休")
    trunk = await site.phone("exchange", trunk=True)
    calls = await asyncio.gather(*(trunk.call("119", caller=caller) for caller in CALLERS))
    await house.until(lambda: len(house.of(CallAnswered)) == len(CALLERS), "everybody is answered")
    await house.until(lambda: len(house.of(CallEnded)) == len(CALLERS), "and over")
    numbers = {e.call_id: e.caller for e in house.of(CallArrived) if isinstance(e, CallArrived)}
    assert sorted(numbers[e.call_id] for e in house.of(CallAnswered)) == CALLERS
    moved = {e.call_id for e in house.of(CallMoved) if isinstance(e, CallMoved) and e.queue.startswith("last-resort")}
    assert moved == set(numbers)
    await asyncio.gather(*(asyncio.wait_for(call.ended.wait(), PATIENCE_S) for call in calls))
