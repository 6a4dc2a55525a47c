"""The bridge keeps going: a damaged answer, a locked database, an odd message, an event file that is gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from core.bus import Bus
from core.clock import SystemClock
from core.database import Database
from core.errors import AmiError
from core.events import Event
from core.settings import Settings
from telephony import bridge as bridge_module
from telephony.bridge import Bridge
from telephony.callids import returned_id
from telephony.cel import HEADERS, CelEvent
from telephony.eventfiles import Place, place_of
from telephony.events import AgentChanged, CallArrived, CallEnded, CallEvent
from telephony.ledger import CallRow, CelPosition
from telephony.wire import Message
from tests.citykit import small_city
from tests.eventually import until
from tests.unit.event_file_support import write_events
from tests.unit.telephony_support import Script, at


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
    await until(lambda: told, "the arrival is told")
    assert bridge.tries == 3 and bridge._synced.is_set()
    assert told == [CallArrived.__name__]
    assert not consumer.done()
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)
    await bus.close()
    await database.close()


class Answers:
    """A manager interface that answers with what the test put there."""

    up = True

    def __init__(self) -> None:
        self.channels: list[Message] = []
        self.variables: dict[str, str] = {}

    async def query(self, action: str, *_: object) -> list[Message]:
        return self.channels if action == "CoreShowChannels" else []

    async def action(self, _action: str, headers: dict[str, str]) -> Message:
        return Message(Value=self.variables.get(headers["Variable"], ""))

    async def close(self) -> None:
        pass


class Site:
    """A bridge over an event file that the test writes, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.bus = Bus()
        self.settings = Settings(data=folder, secret="for tests only")
        self.database = Database(self.settings.db_url, self.bus)
        self.told: list[Event] = []
        self.bus.listen(self.told.append)
        self.answers = Answers()
        self.bridges: list[Bridge] = []

    async def bridge(self) -> Bridge:
        """heyi starts (again) and reads the truth."""
        bridge = Bridge(self.settings, small_city(), self.database, SystemClock())
        bridge.ami = self.answers  # type: ignore[assignment]
        self.bridges.append(bridge)
        self.told.clear()
        await bridge._resync()
        await bridge.keeper.close()
        return bridge

    def alive(self, script: Script, *channels: str, bridge: str = "") -> None:
        self.answers.channels = [
            Message(
                Uniqueid=uid, Linkedid=channels[0], Channel=script.channel(uid), CallerIDNum="13800138000",
                BridgeId=bridge, ChannelStateDesc="Up", Duration="00:00:10",
            )
            for uid in channels
        ]  # fmt: skip

    async def settle(self, place: Place) -> None:
        async with self.database.work() as work:
            await work.session.merge(CelPosition(node="hy1", inode=place.inode, offset=place.offset))

    async def row(self, call: str) -> CallRow:
        async with self.database.read() as session:
            return await session.get_one(CallRow, call)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.database.create_all()
    yield site
    for bridge in site.bridges:
        await bridge.close()
    await site.bus.close()
    await site.database.close()


def talking(script: Script) -> tuple[str, str]:
    call = script.arrive(0)
    desk = script.ring(call, "1001", 1)
    script.pick_up(call, desk, 4)
    return call, desk


def end(script: Script, call: str, desk: str, seconds: float) -> None:
    for uid in (call, desk):
        script.leave(uid, seconds)
        script.hang_up(uid, seconds, by=call)


@pytest.mark.parametrize("again", [False, True], ids=["heyi is away until its end", "heyi comes back in mid-call"])
async def test_a_call_whose_beginning_was_deleted_with_the_file_ends_as_it_ended(site: Site, again: bool) -> None:
    script = Script()
    call, desk = talking(script)
    file = site.settings.data / "asterisk/log/cel-custom/Master.csv"
    write_events(file, script.events)
    site.alive(script, call, desk, bridge="b1")
    await site.bridge()
    begun = len(script.events)
    file.unlink()
    if again:
        bridge = await site.bridge()
        assert site.of(CallEvent) == []
        held = bridge.calls.call_of_desk("1001")
        assert held is not None and (held.id, held.line, held.state) == (call, "119", "talking")
        assert bridge.agents.agents["1001"].state == "talking"
    end(script, call, desk, 64)
    write_events(file, script.events[begun:])
    site.answers.channels = []
    await site.bridge()
    assert [type(fact).__name__ for fact in site.of(CallEvent)].count("CallEnded") == 1
    row = await site.row(call)
    assert (row.outcome, row.ended_by, row.talked_s, row.agent, row.ended_at) == (
        "answered", "caller", 60.0, "1001", at(64)
    )  # fmt: skip
    await site.bridge()
    assert site.of(CallEvent) == []


async def test_the_number_of_a_returned_call_is_known_from_before_the_call_and_is_not_in_its_id(site: Site) -> None:
    script, uid = Script(), returned_id("recall", "119")
    bridge = await site.bridge()
    await bridge.will_ring(uid, "13800138000")
    script.place(0, uid, number="")  # Asterisk does not say whom it rings
    (arrived,) = [fact for event in script.events for fact in bridge.calls.feed(event)]
    assert isinstance(arrived, CallArrived) and arrived.caller == "13800138000" not in uid
    # The process dies before it has stored that; the next one reads it in the file.
    write_events(site.settings.data / "asterisk/log/cel-custom/Master.csv", script.events)
    site.alive(script, uid)
    again = await site.bridge()
    assert again.calls.calls[uid].caller == "13800138000"
    assert (await site.row(uid)).caller == "13800138000"


async def test_a_call_is_followed_through_a_rotation_of_the_file(site: Site) -> None:
    script = Script()
    file = site.settings.data / "asterisk/log/cel-custom/Master.csv"
    before = script.arrive(-500)
    script.hang_up(before, -490, by=before)
    write_events(file, script.events)
    await site.bridge()
    place = place_of(file)
    assert place is not None
    await site.settle(place)
    done = len(script.events)
    call, desk = talking(script)
    write_events(file, script.events[done:], append=True)
    file.rename(file.with_name("Master.csv.1"))
    begun = len(script.events)
    end(script, call, desk, 34)
    write_events(file, script.events[begun:])
    await site.bridge()
    assert [fact.call_id for fact in site.of(CallEvent)] == [call] * len(site.of(CallEvent))
    row = await site.row(call)
    assert (row.outcome, row.talked_s, row.line) == ("answered", 30.0, "119")


async def test_a_caller_of_whom_nothing_is_written_anywhere_is_taken_in(site: Site) -> None:
    script = Script()
    call, desk = talking(script)
    site.alive(script, call, desk, bridge="b1")
    site.answers.variables = {"HEYI_LINE": "119", "QUEUE_PRIO": "100", "HEYI_QUEUE": "emergency"}
    bridge = await site.bridge()
    row = await site.row(call)
    assert (row.line, row.caller, row.queue, row.agent, row.ended_at) == (
        "119", "13800138000", "emergency", "1001", None
    )  # fmt: skip
    assert bridge.calls.call_of_desk("1001") is not None
    site.answers.channels = []
    await site.bridge()
    assert (await site.row(call)).ended_at is not None


async def test_a_call_that_is_gone_without_a_trace_is_ended_once(site: Site) -> None:
    script = Script()
    call, desk = talking(script)
    file = site.settings.data / "asterisk/log/cel-custom/Master.csv"
    write_events(file, script.events)
    site.alive(script, call, desk, bridge="b1")
    await site.bridge()
    file.unlink()
    site.answers.channels = []
    await site.bridge()
    assert len(site.of(CallEnded)) == 1 and (await site.row(call)).outcome == "answered"
    await site.bridge()
    assert site.of(CallEnded) == []


async def test_a_flood_of_desk_states_tells_each_state_once(site: Site) -> None:
    """asterisk#1972, asterisk#1961: a reload floods device states. What did not change is told to nobody."""
    bridge = await site.bridge()
    state = Message(Event="QueueMemberStatus", Interface="PJSIP/1001", Status="1", Paused="0")
    flood = [fact for _ in range(5000) for fact in bridge._facts(Message(state))]
    assert [fact.state for fact in flood if isinstance(fact, AgentChanged)] == ["ready"]
    back_and_forth = [
        fact for n in range(1000) for fact in bridge._facts(Message(state, Status="5" if n % 500 == 0 else "1"))
    ]
    assert [f.state for f in back_and_forth if isinstance(f, AgentChanged)] == ["offline", "ready"] * 2
    await bridge._store([*flood, *back_and_forth])
    assert len(site.of(AgentChanged)) == len(bridge.agents.agents) + 5  # at the start each desk's, then the changes


async def test_a_room_that_hangs_delays_neither_the_ledger_nor_the_other_rooms(site: Site) -> None:
    """asterisk-java#161, asterisk-java#592: events come minutes late because a handler blocks."""
    hangs, heard = asyncio.Event(), []

    async def hang(_event: CallEvent) -> None:
        await hangs.wait()

    async def hear(event: CallEvent) -> None:
        heard.append(event.type)

    bridge = await site.bridge()
    site.bus.subscribe(hang, CallEvent)
    site.bus.subscribe(hear, CallEvent)
    script = Script()
    call, desk = talking(script)
    end(script, call, desk, 30)
    consumer = asyncio.create_task(bridge._consume())
    for event in script.events:
        bridge._messages.put_nowait(as_message(event))
    await until(lambda: "CallEnded" in heard and len(heard) == len(site.of(CallEvent)), "everything was heard")
    assert heard == [fact.type for fact in site.of(CallEvent)]
    assert (await site.row(call)).outcome == "answered"
    hangs.set()
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)


def as_message(event: CelEvent) -> Message:
    """The event as the manager interface sends it."""
    message = Message(dict.fromkeys(HEADERS, ""))
    message.update(
        Event="CEL", EventName=event.name or event.type, Timestamp=f"{event.at.timestamp():.6f}",
        UniqueID=event.uniqueid, LinkedID=event.linkedid, Channel=event.channel, CallerIDnum=event.caller,
        Exten=event.exten, Context=event.context, Extra=json.dumps(event.extra) if event.extra else "",
    )  # fmt: skip
    return message
