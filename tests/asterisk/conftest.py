"""A real Asterisk and a real bridge for each test that asks, on free ports, in folders of its own."""

import asyncio
import math
import struct
import wave
from collections.abc import AsyncIterator, Callable, Iterator
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
from telephony.bridge import Bridge
from telephony.dialplan import free_ports, render, sip_secret, write
from telephony.install import Install, Server
from telephony.phone import Phone, PhoneCall
from telephony.switchboard import Switchboard
from tests.asterisk.serving import Serve
from tests.citykit import small_city

#: A second of a tone that counts as a voice.
TONE = b"".join(struct.pack("<h", int(8000 * math.sin(i * 0.3))) for i in range(8000))


def write_wav(path: Path, pcm: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm)


def site_settings(data: Path) -> Settings:
    ports = free_ports(6)
    # Each site has its own range of RTP ports; a test never has more than some dozen calls.
    start = 20000 + (ports[0] % 100) * 200
    return Settings(
        data=data, sip_port=ports[0], sip_ws_port=ports[1], ami_port=ports[2], media_port=ports[3],
        desk_port=ports[4], trunk_port=ports[5], rtp_start=start, rtp_end=start + 199, wrapup_s=2, last_resort_s=6,
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
            rtp_start=40000 + (ports[0] % 100) * 200,
            registrar=("127.0.0.1", used.sip_port),
            password="" if trunk else sip_secret(used)(user),
        )
        await phone.start()
        self.phones.append(phone)
        if not trunk:
            await phone.register()
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
    server.start()
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

    async def until(self, condition: Callable[[], bool], what: str, timeout_s: float = 15) -> None:
        """Wait for ``condition``; fails with ``what`` and everything told so far."""
        await until(condition, lambda: f"{what}; told: {[e.type for e in self.told]}", timeout_s)


async def until(condition: Callable[[], bool], what: Callable[[], str], timeout_s: float = 15) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"never happened: {what()}")
        await asyncio.sleep(0.02)


async def open_house(settings: Settings, city: City) -> House:
    bus = Bus()
    database = Database(settings.db_url, bus)
    await database.create_all()
    bridge = Bridge(settings, city, database, SystemClock())
    told: list[Event] = []
    bus.listen(told.append)
    await bridge.start()
    switchboard = Switchboard(settings, bridge, bus, SystemClock())
    switchboard.start()
    return House(bridge, switchboard, database, bus, told)


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
