"""A desk after its call: the wrap-up holds in every queue that could ring it, until its time or its person ends it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from core.bus import Bus
from core.city import City, SkillGroup
from core.clock import ManualClock
from core.settings import Settings
from switchboard.desks import Desks
from telephony.agents import WRAPUP, AgentTracker
from telephony.bridge import Bridge
from telephony.events import AgentChanged, LegEnded
from telephony.queues import LAST_RESORT
from tests.citykit import small_city
from tests.eventually import until
from tests.unit.telephony_support import START

DESK = "1001"
#: The desk answers both groups and helps out where callers of the second have waited too long.
QUEUES = {"emergency", "service", "service-wide"}


class Exchange:
    """Asterisk's queues and what the bridge knows of desks."""

    def __init__(self, city: City) -> None:
        self.ami = self
        self.agents = AgentTracker(city.desks)
        self.orders: list[tuple[str, bool, str]] = []

    async def action(self, name: str, fields: dict[str, str]) -> None:
        assert name == "QueuePause" and fields["Interface"] == f"PJSIP/{DESK}"
        self.orders.append((fields["Queue"], fields["Paused"] == "true", fields["Reason"]))

    def paused(self) -> dict[str, str]:
        """Queues that do not ring the desk now, with the reason."""
        now = {queue: (paused, reason) for queue, paused, reason in self.orders}
        return {queue: reason for queue, (paused, reason) in now.items() if paused}


@dataclass
class Floor:
    exchange: Exchange
    bus: Bus
    desks: Desks

    async def hangs_up(self, *, joined: bool = True) -> None:
        leg = LegEnded(
            at=START, call_id="c-1", channel="PJSIP/1001-1", kind="desk", extension=DESK, started_at=START,
            answered_at=START, joined=joined, cause=16,
        )  # fmt: skip
        self.bus.publish(leg)
        await self.bus.drain()


@pytest.fixture
async def floor(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Floor]:
    city = small_city()
    groups = (
        SkillGroup(key="emergency", name="紧急席", name_en="Emergency"),
        SkillGroup(key="service", name="服务席", name_en="Service", overflow=("emergency",), overflow_s=5),
    )
    desks = tuple(d.model_copy(update={"groups": ("service", "emergency")}) for d in city.desks)
    city = city.model_copy(update={"groups": groups, "desks": desks})
    exchange, bus = Exchange(city), Bus()
    settings = Settings(data=tmp_path, wrapup_s=getattr(request, "param", 3600))
    made = Desks(settings, city, cast(Bridge, exchange), bus, ManualClock(START))
    made.start()
    await made.set_agent_state(DESK, "ready")
    exchange.orders.clear()
    yield Floor(exchange, bus, made)
    await made.close()
    await bus.close()


async def test_wrap_up_holds_in_every_queue_whatever_the_telephone_does(floor: Floor) -> None:
    """asterisk#1006: a desk of several queues was rung again before its wrap-up was over."""
    await floor.hangs_up()
    assert floor.exchange.paused() == dict.fromkeys(QUEUES, WRAPUP)
    assert floor.exchange.orders[-1][0] == "service", "the home queue, which screens show, comes last"
    ordered = len(floor.exchange.orders)
    await floor.hangs_up(joined=False)
    floor.bus.publish(AgentChanged(at=START, agent=DESK, state="wrapup", reason=""))
    await floor.bus.drain()
    assert len(floor.exchange.orders) == ordered
    await floor.desks.set_agent_state(DESK, "paused", "用餐")
    assert floor.exchange.paused() == dict.fromkeys(QUEUES, "用餐"), "its person ends it, by what was chosen"


@pytest.mark.parametrize("floor", [1], indirect=True)
async def test_after_its_time_the_desk_is_rung_again_by_all_its_queues(floor: Floor) -> None:
    await floor.hangs_up()
    assert floor.exchange.paused() == dict.fromkeys(QUEUES, WRAPUP)
    await until(lambda: floor.exchange.paused() == {}, lambda: "the wrap-up ends by itself")


async def test_in_the_last_resort_nobody_is_ever_paused(floor: Floor) -> None:
    await floor.hangs_up()
    await floor.desks.set_agent_state(DESK, "away")
    assert LAST_RESORT not in {queue for queue, _paused, _reason in floor.exchange.orders}
