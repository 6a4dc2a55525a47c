"""The bridge keeps going: a damaged answer, a locked database, a message nobody expected."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from core.bus import Bus
from core.clock import SystemClock
from core.database import Database
from core.errors import AmiError
from core.settings import Settings
from telephony import bridge as bridge_module
from telephony.bridge import Bridge
from telephony.cel import HEADERS
from telephony.events import AgentChanged, CallArrived
from telephony.wire import Message
from tests.citykit import small_city


class Flaky(Bridge):
    """Fails to read the truth as often as it is told to."""

    failures: list[Exception]
    tries = 0

    async def _resync(self) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop()
        self._synced.set()


async def test_it_tries_again_until_it_is_in_step_and_goes_on_after_an_odd_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Bus()
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", bus)
    await database.create_all()
    told: list[str] = []
    bus.listen(lambda event: told.append(event.type))
    bridge = Flaky(Settings(data=tmp_path), small_city(), database, SystemClock())
    bridge.failures = [AmiError("busy"), OperationalError("x", {}, Exception("locked"))]
    bridge.ami.up = True
    consumer = asyncio.create_task(bridge._consume())
    arrival = Message(dict.fromkeys(HEADERS, ""))
    arrival.update(
        Event="CEL", EventName="CHAN_START", Timestamp="1795296900.637396", UniqueID="hy1-1.0", LinkedID="hy1-1.0",
        Channel="PJSIP/trunk-00000000", CallerIDnum="13800138000", Exten="119", Context="from-trunk",
    )  # fmt: skip

    def refuse(*_: object) -> list[AgentChanged]:
        raise LookupError("nobody expected this")

    monkeypatch.setattr(bridge.agents, "member", refuse)
    odd = Message(Event="QueueMemberStatus", Interface="PJSIP/1001")
    for message in (bridge_module._RESYNC, odd, arrival):
        bridge._messages.put_nowait(message)
    for _ in range(300):
        await asyncio.sleep(0.02)
        if told:
            break
    assert bridge.tries == 3 and bridge._synced.is_set()
    assert told == [CallArrived.__name__]
    assert not consumer.done()
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)
    await bus.close()
    await database.close()
