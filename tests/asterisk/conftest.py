"""A real Asterisk and a real bridge for each test that asks, on free ports, in folders of its own."""

import asyncio
import math
import os
import sqlite3
import struct
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.events import Event
from core.settings import Settings
from switchboard.board import Switchboard
from switchboard.missed.policy import RecallPolicy
from switchboard.missed.recalls import LIST_ONLY
from telephony.bridge import Bridge
from telephony.dialplan import free_ports, render, sip_secret, write
from telephony.events import Leg
from telephony.install import Install, Server
from telephony.phone import Phone, PhoneCall
from tests.asterisk.serving import Serve
from tests.citykit import small_city
from tests.eventually import PATIENCE_S, until

#: Which of the processes that run tests side by side this is.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4
#: A second of a tone that counts as a voice.
TONE = b"".join(struct.pack("<h", int(8000 * math.sin(i * 0.3))) for i in range(8000))
#: So much of it is said at once where somebody speaks until he is heard.
PIECE = TONE[: len(TONE) // 10]


def write_wav(path: Path, pcm: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm)


def site_settings(data: Path) -> Settings:
    ports = free_ports(7)
    # Each process has its own range of RTP ports, below those that the system gives away; some dozen calls fit.
    start = 10000 + _WORKER * 2000 + (ports[0] % 10) * 200
    return Settings(
        data=data, sip_port=ports[0], sip_ws_port=ports[1], ami_port=ports[2], media_port=ports[3],
        desk_port=ports[4], trunk_port=ports[5], agi_port=ports[6], voice=False, rtp_start=start,
        rtp_end=start + 199, wrapup_s=2, last_resort_s=6,
        asr_workers=1, demo_people=True,
    )  # fmt: skip


@dataclass
class Site:
    """One Asterisk with its settings, and the phones that a test makes."""

    settings: Settings
    city: City
    server: Server
    phones: list[Phone] = field(default_factory=list)

    async def phone(self, user: str, *, trunk: bool = False) -> Phone:
        """A registered desk phone, or with ``trunk`` the city's exchange (its calls are callers' calls)."""
        used = self.settings
        ports = free_ports(1)
        phone = Phone(
            user,
            host="127.0.0.2" if trunk else "127.0.0.1",
            port=used.trunk_port if trunk else ports[0],
            rtp_start=20000 + _WORKER * 3000 + (ports[0] % 15) * 200,
            registrar=("127.0.0.1", used.sip_port),
            password="" if trunk else sip_secret(used)(user),
        )
        await phone.start()
        self.phones.append(phone)
        if not trunk:
            await phone.register(PATIENCE_S)
        return phone


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return site_settings(tmp_path)


@pytest.fixture
def city() -> City:
    return small_city()


@pytest.fixture
def server(settings: Settings, city: City) -> Iterator[Server]:
    install = Install.find(settings)
    folder = settings.data / "asterisk"
    write(render(city, settings, install, folder), folder)
    for name in ("callback-intro", "callback-ask", "callback-thanks", "callback-bye"):
        write_wav(folder / "sounds" / f"{name}.wav", TONE)
    server = Server(install, folder)
    server.start(timeout_s=PATIENCE_S)
    yield server
    server.stop()


@pytest.fixture
async def site(settings: Settings, city: City, server: Server) -> AsyncIterator[Site]:
    site = Site(settings, city, server)
    yield site
    for phone in site.phones:
        await phone.close()


@pytest.fixture(scope="session")
def jinjiang() -> City:
    return load_city(Path("cities/jinjiang"))


@pytest.fixture
async def serve(site: Site) -> AsyncIterator[Serve]:
    """heyi itself over the site, as a process; needs the recognition model."""
    serve = Serve(site.settings)
    await serve.start()
    yield serve
    await serve.stop()


async def say(speaker: PhoneCall, heard: Callable[[], bool], what: str) -> None:
    """Speak until it was ``heard``: a busy machine swallows packets."""

    async def said() -> bool:
        assert not speaker.ended.is_set(), f"who should be heard has hung up: {what}"
        if not heard():
            await speaker.play(PIECE)
        return heard()

    await until(said, what)


def listening(call: PhoneCall, frames: int = 20) -> Callable[[], bool]:
    """Whether this telephone has heard a voice for so many frames of 20 ms from now on."""
    assert call.audio is not None
    audio, before = call.audio, call.audio.voiced
    return lambda: audio.voiced > before + frames


async def hear_each_other(one: PhoneCall, other: PhoneCall) -> None:
    """Sound goes both ways."""
    await say(one, listening(other), "a voice one way")
    await say(other, listening(one), "a voice the other way")


async def heard_only(speaker: PhoneCall, by: list[PhoneCall], not_by: list[PhoneCall]) -> None:
    """The speaker is heard by these, and not by those."""
    await silence(*by, *not_by)
    heard, unheard = [listening(one) for one in by], [listening(one, 5) for one in not_by]
    await speaker.play(TONE)
    await say(speaker, lambda: all(voice() for voice in heard), "who should hear it does")
    assert not any(voice() for voice in unheard), "who should not hear it does"


async def silence(*calls: PhoneCall) -> None:
    """Wait until nothing is heard any more of what was said before."""

    async def still() -> bool:
        heard = [listening(call, 0) for call in calls]
        await asyncio.sleep(0.5)
        return not any(voice() for voice in heard)

    await until(still, "silence")


@dataclass
class House:
    """A bridge with its database and the facts that it told, in order."""

    bridge: Bridge
    switchboard: Switchboard
    database: Database
    bus: Bus
    told: list[Event]

    def of(self, *types: type[Event]) -> list[Event]:
        return [e for e in self.told if isinstance(e, types)]

    async def until(self, condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait for ``condition``; fails with ``what`` and everything told so far."""
        await until(condition, lambda: f"{what}; told: {[e.type for e in self.told]}", patience_s)


#: A database as the migrations make it, which take half a second of the processor each time.
_made: list[bytes] = []


async def _upgraded(database: Database, settings: Settings) -> None:
    """A new one is a copy of the first that was made; one that a house had before is brought up to date as ever."""
    file = settings.data / "heyi.db"
    fresh = not file.exists()
    if fresh and _made:
        file.write_bytes(_made[0])
        return
    await database.upgrade()
    if fresh:
        with closing(sqlite3.connect(file)) as connection:
            _made.append(connection.serialize())


async def open_house(
    settings: Settings,
    city: City,
    token: Callable[[str, Leg], str] = lambda call_id, leg: "",
    recall_policy: RecallPolicy = LIST_ONLY,
) -> House:
    """Who hangs up is not rung back unless a test gives the plan for it: most count the calls that they make."""
    bus = Bus()
    database = Database(settings.db_url, bus)
    await _upgraded(database, settings)
    clock = SystemClock()
    bridge = Bridge(settings, city, database, clock)
    told: list[Event] = []
    bus.listen(told.append)
    switchboard = Switchboard(settings, city, bridge, database, bus, clock, token, recall_policy)
    house = House(bridge, switchboard, database, bus, told)
    try:
        await bridge.start()
        await switchboard.start()
    except BaseException:
        await close_house(house)
        raise
    return house


async def close_house(house: House) -> None:
    await house.switchboard.close()
    await house.bridge.close()
    await house.bus.close()
    await house.database.close()


@pytest.fixture
async def house(site: Site) -> AsyncIterator[House]:
    house = await open_house(site.settings, site.city)
    yield house
    await close_house(house)


class Taker:
    """A call taker who picks up every call after ``seconds`` and says something; ``calls`` are those picked up."""

    def __init__(self, phone: Phone, seconds: float = 0.2) -> None:
        self._seconds = seconds
        self.calls: list[PhoneCall] = []
        phone.on_call = self._take

    async def _take(self, call: PhoneCall) -> None:
        await asyncio.sleep(self._seconds)
        await call.answer()
        self.calls.append(call)
        await call.play(TONE)

    def hears(self, frames: int = 20) -> bool:
        """Whether the last caller's voice came through."""
        return bool(self.calls) and self.calls[-1].audio is not None and self.calls[-1].audio.voiced > frames
