"""Who is answered first, on a real Asterisk whose one desk serves two groups."""

import asyncio
import random
from dataclasses import dataclass

import pytest

from core.city import City, Desk
from telephony.events import CallAnswered, CallArrived, CallQueued
from telephony.phone import PhoneCall
from tests.asterisk.conftest import House, Site
from tests.citykit import small_city

pytestmark = pytest.mark.asterisk


@pytest.fixture
def city() -> City:
    return small_city().model_copy(update={"desks": (Desk(extension="1001", name="1号席", kind="phone"),)})


@dataclass(frozen=True)
class Caller:
    number: str
    line: str
    place: int


async def test_no_emergency_waits_behind_a_service_call_and_nobody_of_his_kind_behind_a_later_one(
    site: Site, house: House
) -> None:
    """asterisk#1561, #1637, #1691: weight starves other queues, longest-waiting ignores priority."""
    chance = random.Random(5)  # noqa: S311  the same order of chance each time
    callers = [Caller(f"1380000{n:04}", chance.choice(["119", "120", "12345", "12345"]), n) for n in range(9)]
    assert {c.line for c in callers} == {"119", "120", "12345"}
    trunk = await site.phone("exchange", trunk=True)
    waiting: list[asyncio.Task[PhoneCall]] = []
    for caller in callers:
        waiting.append(asyncio.create_task(trunk.call(caller.line, caller=caller.number)))
        await house.until(lambda: len(house.of(CallQueued)) == len(waiting), "one more waits")
    desk = await site.phone("1001")

    async def take(call: PhoneCall) -> None:
        await call.answer()
        await asyncio.sleep(0.2)
        await call.hang_up()

    desk.on_call = take
    await house.until(lambda: len(house.of(CallAnswered)) == len(callers), "all are answered")
    numbers = {e.call_id: e.caller for e in house.of(CallArrived) if isinstance(e, CallArrived)}
    by_number = {c.number: c for c in callers}
    order = [by_number[numbers[e.call_id]] for e in house.of(CallAnswered)]
    # All waited while the desk was away, so each was there for every answer: emergencies first, each kind as it came.
    assert order == sorted(callers, key=lambda c: (c.line == "12345", c.place))
    for task in waiting:
        await (await task).hang_up()
