"""Recordings of calls that went through everything: each lies there, whole, sealed, linked to its call.

mikopbx/Core#1084, #1100, #1125 and asterisk#507: recordings are lost or unlinked after a transfer to a queue.
"""

import asyncio
import contextlib
import hashlib
import random
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from core.city import City, Desk, SkillGroup
from core.clock import SystemClock
from core.errors import AmiError
from telephony.events import CallArrived, CallEnded, CallQueued, CallTransferred, DeskJoined
from telephony.phone import Phone, PhoneCall
from telephony.recordings.sealer import Recording, Sealer, sealed
from tests.asterisk.conftest import TONE, House, Site, Taker
from tests.asterisk.test_calls import row_of
from tests.citykit import small_city
from tests.eventually import until

pytestmark = pytest.mark.asterisk

CALLS = 64
AT_ONCE = 4
#: What follows the way of a call is longer than what may be missing: a recording that ended there is noticed.
AFTERWARDS_S = 1.5
#: While a bridge changes between two and three parties no sound passes, 0.5 to 0.7 s on a machine with much else to do.
MISSING_S = 1.0
LINKED = ("1101", "1102", "1103", "1104")
DESKS = tuple(f"10{n:02}" for n in range(1, 11))


@pytest.fixture
def city() -> City:
    desks = tuple(Desk(extension=e, name=f"{e}席", kind="phone") for e in DESKS)
    return small_city().model_copy(
        update={
            "desks": (
                *desks,
                *(Desk(extension=e, name=f"{e}急救席", kind="phone", groups=("medical",)) for e in LINKED),
                Desk(extension="1901", name="值班长席", kind="phone", in_queue=False),
            ),
            "groups": (
                SkillGroup(key="emergency", name="紧急席", name_en="Emergency"),
                SkillGroup(key="service", name="服务席", name_en="Service", overflow=("emergency",), overflow_s=5),
                SkillGroup(key="medical", name="120急救席", name_en="120", linkage=True),
            ),
        }
    )


@pytest.fixture
async def sealer(site: Site, house: House) -> AsyncIterator[Sealer]:
    sealer = Sealer(house.database, house.bus, SystemClock(), site.settings.recordings)
    sealer.start()
    yield sealer
    await sealer.close()


class Mixer:
    """Callers whose calls each go another way. Every way is tried in turn, in an order of chance."""

    def __init__(self, site: Site, house: House) -> None:
        self.site, self.house = site, house
        self.phones: dict[str, Phone] = {}
        self.takers: dict[str, Taker] = {}
        #: Desk → nobody else may be sent there meanwhile.
        self._third = asyncio.Semaphore(1)

    async def open(self) -> None:
        for extension in (*DESKS, *LINKED, "1901"):
            self.phones[extension] = await self.site.phone(extension)
            self.takers[extension] = Taker(self.phones[extension], 0.1)
        self.trunk = await self.site.phone("exchange", trunk=True)

    def _agent(self, call_id: str) -> str:
        return self.house.bridge.calls.calls[call_id].agent

    def _idle(self) -> str:
        """A desk to which somebody can be passed."""
        return next(a.extension for a in reversed(self.house.switchboard.agents())
                    if a.extension in DESKS and a.state in ("ready", "wrapup"))  # fmt: skip

    async def one(self, number: int, way: str) -> str:
        """One call; its id."""
        caller = f"138{number:08}"
        arrived = lambda: [e for e in self.house.of(CallArrived) if isinstance(e, CallArrived) and e.caller == caller]  # noqa: E731
        call = await self.trunk.call("119" if number % 2 else "12345", caller=caller)
        await until(lambda: bool(arrived()), lambda: f"{way}: the call is known")
        call_id = arrived()[0].call_id or ""
        if way == "abandoned":
            await asyncio.sleep(0.2)
            await call.hang_up()
            return call_id
        await until(lambda: self.joined(call_id) >= 1, lambda: f"{way} {call_id}: answered; {self.picture()}")
        await call.play(TONE)  # a second, of which a busy machine may swallow the beginning
        await getattr(self, way)(call_id, call)
        await asyncio.sleep(AFTERWARDS_S)
        await call.hang_up()
        await self._part(call_id)
        return call_id

    async def _part(self, call_id: str) -> None:
        """Those who are left without the caller say goodbye, too."""
        await asyncio.sleep(0.5)
        left = self.house.bridge.calls.calls.get(call_id)
        for leg in list(left.legs.values()) if left is not None else []:
            with contextlib.suppress(AmiError):
                await self.house.bridge.ami.action("Hangup", {"Channel": leg.channel, "Cause": "16"})

    def joined(self, call_id: str) -> int:
        return len([e for e in self.house.of(DeskJoined) if e.call_id == call_id])

    def picture(self) -> str:
        """Desks and calls as they are, for whoever reads a failure."""
        desks = {a.extension: f"{a.state} {a.reason}".strip() for a in self.house.switchboard.agents()}
        calls = [(c.call_id, c.state, c.queue, c.agent, sorted(c.ringing)) for c in self.house.switchboard.calls()]
        return f"{desks} {calls}"

    async def _joins(self, call_id: str, count: int, what: str) -> None:
        await until(lambda: self.joined(call_id) >= count, lambda: f"{what} {call_id}: {count} desks; {self.picture()}")

    async def plain(self, call_id: str, call: PhoneCall) -> None:
        await call.play(TONE[:8000])

    async def held(self, call_id: str, call: PhoneCall) -> None:
        desk = self.takers[self._agent(call_id)].calls[-1]
        desk.hold(True)
        await asyncio.sleep(0.8)
        desk.hold(False)

    async def blind(self, call_id: str, call: PhoneCall) -> None:
        async with self._third:
            await self.house.switchboard.handling.transfer(call_id, "desk", self._idle(), by=self._agent(call_id))
            await self._joins(call_id, 2, "blind")

    async def referred(self, call_id: str, call: PhoneCall) -> None:
        """A telephone's own transfer key."""
        async with self._third:
            self.takers[self._agent(call_id)].calls[-1].refer(self._idle())
            await self._joins(call_id, 2, "referred")

    async def attended(self, call_id: str, call: PhoneCall) -> None:
        async with self._third:
            by, handling = self._agent(call_id), self.house.switchboard.handling
            await handling.consult(call_id, self._idle(), by=by)
            await self._joins(call_id, 2, "attended")
            await handling.complete(call_id, by=by)

    async def conference(self, call_id: str, call: PhoneCall) -> None:
        async with self._third:
            by, handling = self._agent(call_id), self.house.switchboard.handling
            await handling.consult(call_id, self._idle(), by=by)
            await self._joins(call_id, 2, "conference")
            await handling.conference(call_id, by=by)
            await asyncio.sleep(0.5)

    async def linked(self, call_id: str, call: PhoneCall) -> None:
        async with self._third:
            await self.house.switchboard.handling.link(call_id, "medical", by=self._agent(call_id))

    async def to_queue(self, call_id: str, call: PhoneCall) -> None:
        line = "12345" if self.house.bridge.calls.calls[call_id].line == "119" else "119"
        by = self._agent(call_id)
        await self.house.switchboard.handling.transfer(call_id, "line", line, by=by, reason="消费纠纷")
        await self._joins(call_id, 2, "to the queue")

    async def taken_over(self, call_id: str, call: PhoneCall) -> None:
        async with self._third:
            await self.house.switchboard.supervision.take_over(call_id, by="1901")
            await asyncio.sleep(0.5)


WAYS = (
    "plain", "held", "blind", "referred", "attended", "conference", "linked", "to_queue", "taken_over", "abandoned",
)  # fmt: skip


async def test_every_recording_of_sixty_mixed_calls_is_whole_sealed_and_linked(
    site: Site, house: House, sealer: Sealer
) -> None:
    mixer = Mixer(site, house)
    await mixer.open()
    ways = [WAYS[n % len(WAYS)] for n in range(CALLS)]
    random.Random(3).shuffle(ways)  # noqa: S311  the same order of chance each time
    turn = asyncio.Semaphore(AT_ONCE)

    async def run(number: int, way: str) -> tuple[str, str]:
        async with turn:
            return await mixer.one(number, way), way

    done = await asyncio.gather(*(run(n, way) for n, way in enumerate(ways)))
    assert len({call_id for call_id, _ in done}) == CALLS
    await house.until(lambda: len({e.call_id for e in house.of(CallEnded)}) >= CALLS, "all ended")
    await until_sealed(house, [call_id for call_id, _ in done])

    faults: list[str] = []
    for call_id, way in done:
        files = {r.kind: r for r in await sealed(house.database, call_id)}
        wanted = {"stereo", "caller", "agent"} | ({"supervisor"} if way == "taken_over" else set())
        if not wanted <= files.keys():
            faults.append(f"{way} {call_id}: only {sorted(files)}")
            continue
        row = await row_of(house, call_id)
        assert row.ended_at is not None and row.queued_at is not None
        # How long the dialplan takes until the caller waits, and is recorded, depends on the machine.
        lasted = (row.ended_at - row.queued_at).total_seconds()
        if files["stereo"].seconds < lasted - MISSING_S:
            faults.append(f"{way} {call_id}: {files['stereo'].seconds:.2f} s of {lasted:.2f} s")
        faults += [f"{way} {call_id}: {what}" for what in broken(site.settings.recordings, files, way)]
    assert faults == []
    told = {e.call_id for e in house.of(CallTransferred)}
    assert told >= {call_id for call_id, way in done if way in ("blind", "referred", "attended", "to_queue")}
    assert len(house.of(CallQueued)) == CALLS


async def until_sealed(house: House, calls: list[str]) -> None:
    for call_id in calls:

        async def stereo(call_id: str = call_id) -> bool:
            return any(r.kind == "stereo" for r in await sealed(house.database, call_id))

        await until(stereo, f"{call_id} is sealed")


def broken(folder: Path, files: dict[str, Recording], way: str) -> list[str]:
    """What is wrong with these files: the seal, the sides, silence where somebody spoke."""
    found: list[str] = []
    for recording in files.values():
        if hashlib.sha256((folder / recording.file).read_bytes()).hexdigest() != recording.sha256:
            found.append(f"{recording.file} is not what was sealed")
    with wave.open(str(folder / files["stereo"].file)) as file:
        assert file.getnchannels() == 2
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    loud = (np.abs(sides) > 3000).mean(axis=0) * len(sides) / 8000
    if way != "abandoned" and loud[0] < 0.3:
        found.append(f"the caller is not in the left channel ({loud[0]:.2f} s)")
    if way != "abandoned" and loud[1] < 0.3:
        found.append(f"nobody is in the right channel ({loud[1]:.2f} s)")
    return found
