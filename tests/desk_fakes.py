"""A city, a switchboard and a call in memory, for tests of the desk; ``python -m tests.desk_fakes`` shows it."""

import argparse
import asyncio
import tempfile
import wave
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from core.bus import Bus
from core.city import (
    Category,
    City,
    Community,
    Department,
    Desk,
    Group,
    Line,
    Matter,
    Mode,
    Person,
    Profile,
    SkillGroup,
    Town,
)
from core.clock import ManualClock, SystemClock
from core.database import Database
from core.settings import Settings
from desk.access import users
from desk.access.users import Users
from desk.app import create_app
from desk.server import DeskServer
from desk.services import DeskServices
from tests.dispatch_kit import dispatch
from tests.fake_city import FakeCity, FakeLedger
from ticketing.service import Tickets
from triage.verdict import Candidate, Place, Reason, Verdict

START = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
PASSWORD = "heyi-123"

CITY = City(
    profile=Profile(code="350582", name="晋江市", name_en="Jinjiang", area_code="0595", ticket_prefix="JJ"),
    lines=(
        Line(
            number="119",
            name="火警",
            name_en="Fire",
            kind="emergency",
            priority=100,
            opening="119，请讲。",
            department="fire",
        ),
        Line(
            number="120",
            name="急救",
            name_en="Ambulance",
            kind="emergency",
            priority=100,
            opening="120 急救。",
            department="medical",
        ),
        Line(
            number="12345",
            name="政务服务便民热线",
            name_en="Citizen service",
            kind="service",
            priority=10,
            greeting="您好。",
            opening="您好，12345，请问有什么可以帮您？",
            department="centre",
        ),
    ),
    desks=(
        Desk(extension="1001", name="一号坐席"),
        Desk(extension="1002", name="二号坐席"),
        Desk(extension="1009", name="值班长席", in_queue=False),
        Desk(extension="1101", name="120急救席", groups=("medical",)),
        Desk(extension="1901", name="值守机器人", kind="robot", penalty=50),
    ),
    departments=(
        Department(id="fire", name="消防救援大队", name_en="Fire brigade", kind="emergency"),
        Department(id="medical", name="急救中心", name_en="Ambulance service", kind="emergency"),
        Department(id="urban", name="城市管理局", name_en="Urban management", kind="bureau"),
        Department(id="centre", name="话务中心", name_en="Call centre", kind="centre"),
    ),
    groups=(
        SkillGroup(key="emergency", name="紧急席", name_en="Emergency desks"),
        SkillGroup(key="service", name="服务席", name_en="Service desks", overflow=("emergency",)),
        SkillGroup(key="medical", name="120急救", name_en="Ambulance control", linkage=True, hotkey="1"),
    ),
    modes=(
        Mode(key="normal", name="正常", name_en="Normal"),
        Mode(key="typhoon", name="台风", name_en="Typhoon"),
    ),
    matters=(
        Matter(source="119", target="12345", name="马蜂窝（未伤人）", name_en="Wasp nest, nobody hurt"),
        Matter(source="119", target="12345", name="开锁求助（无险情）", name_en="Locked out, no danger"),
        Matter(source="12345", target="119", name="有明火或浓烟", name_en="Flames or thick smoke"),
    ),
    towns=(Town(name="池店镇", communities=(Community(name="华洲村"),)),),
    dispatch=dispatch(),
    taxonomy=(
        Group(
            code="E1",
            name="火灾",
            name_en="Fire",
            emergency=True,
            categories=(
                Category(
                    code="E101",
                    name="建筑火灾",
                    name_en="Building fire",
                    department="fire",
                    assist=("medical",),
                    due_hours=2,
                ),
                Category(code="E102", name="车辆火灾", name_en="Vehicle fire", department="fire", due_hours=2),
            ),
        ),
        Group(
            code="S1",
            name="城市管理",
            name_en="Urban management",
            emergency=False,
            categories=(
                Category(code="S101", name="施工噪声", name_en="Construction noise", department="urban", due_hours=24),
                Category(code="S102", name="占道经营", name_en="Street trading", department="urban", due_hours=48),
            ),
        ),
    ),
    people=(
        Person(login="wang", name="王晓燕", role="agent", password=PASSWORD, extension="1001"),
        Person(login="chen", name="陈志强", role="agent", password=PASSWORD, extension="1002"),
        Person(login="fire", name="消防值班", role="department", password=PASSWORD, department="fire"),
        Person(login="urban", name="城管值班", role="department", password=PASSWORD, department="urban"),
        Person(login="lin", name="林主任", role="supervisor", password=PASSWORD),
        Person(login="he", name="何班长", role="supervisor", password=PASSWORD, extension="1009"),
        Person(login="su", name="苏调度", role="agent", password=PASSWORD, extension="1101"),
    ),
)


FIRE = Verdict(
    outcome="emergency",
    p_emergency=0.97,
    candidates=(Candidate(code="E101", probability=0.8), Candidate(code="E102", probability=0.1)),
    nature="求助",
    department="fire",
    assist=("medical",),
    places=(Place(canonical="池店镇华洲村", town="池店镇", community="华洲村", mention="华洲村", score=0.98),),
    phone="13800001234",
    reasons=(
        Reason(rule="line", words="", says="emergency"),
        Reason(rule="fire.smoke", words="冒烟", says="emergency"),
        Reason(rule="trapped", words="困在楼上", says="emergency"),
    ),
)
NOISE = Verdict(
    outcome="service",
    p_emergency=0.02,
    candidates=(Candidate(code="S101", probability=0.7), Candidate(code="S102", probability=0.2)),
    nature="投诉",
    department="urban",
    assist=(),
    places=(),
    phone="",
    reasons=(Reason(rule="noise", words="施工", says="service"),),
)


@dataclass
class Stage:
    """Everything of one desk under test."""

    services: DeskServices
    city: FakeCity
    clock: ManualClock | SystemClock
    bus: Bus


async def make_stage(folder: Path, clock: ManualClock | SystemClock | None = None) -> Stage:
    """Services over SQLite in ``folder``, with the city's people seeded."""
    # The real strength takes a tenth of a second for each sign-in, on purpose.
    users._hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    users._decoy.cache_clear()
    bus = Bus()
    time = clock or ManualClock(START)
    settings = Settings(data=folder, secret="for tests only")
    database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", bus)
    await database.create_all()
    await Users(database).seed_people(CITY)
    tickets = Tickets(database, CITY, time)
    fake = FakeCity(CITY, database, bus, time, tickets)
    services = DeskServices(
        settings=settings,
        city=CITY,
        database=database,
        bus=bus,
        clock=time,
        switchboard=fake,
        ledger=FakeLedger(fake),
        transcripts=fake,
        verdicts=fake,
        tickets=tickets,
        sip_secret=lambda extension: f"sip-{extension}",
    )
    return Stage(services, fake, time, bus)


def write_wav(file: Path, seconds: float = 2.0) -> None:
    """Silence, as a recording."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\0\0\0\0" * int(8000 * seconds))


async def show(port: int) -> None:
    """Serve the desk with a call on it, until interrupted."""
    with tempfile.TemporaryDirectory() as folder:
        stage = await make_stage(Path(folder), SystemClock())
        city = stage.city
        server = DeskServer(create_app(stage.services), "127.0.0.1", port)
        await server.start()
        print(f"http://127.0.0.1:{server.port}/  wang, lin, fire, urban / {PASSWORD}", flush=True)
        try:
            await play(stage, city)
        finally:
            await server.stop()
            await stage.bus.close()
            await stage.services.database.close()


async def play(stage: Stage, city: FakeCity) -> None:
    """An earlier service call of the same caller, a fire that is being reported, and others waiting."""
    wang = "1001"
    await city.become(wang, "ready")
    await city.arrive("c-0", "12345", "13800001234")
    await city.answer("c-0", wang)
    await city.say("c-0", "你好，我们小区旁边的工地半夜还在施工，吵得没法睡觉")
    await city.judge("c-0", NOISE)
    actor = await Users(stage.services.database).get("wang")
    drafts = await stage.services.tickets.draft("c-0", "12345", "13800001234", wang)
    if actor:
        await stage.services.tickets.submit(drafts.id, actor.actor())
    write_wav(stage.services.settings.recordings / "c-0.wav")
    await city.end("c-0", "c-0.wav")
    for number in range(3):
        await city.arrive(f"w-{number}", "120" if number == 0 else "12345", f"1390000000{number}")
    await city.arrive("c-1", "119", "13800001234")
    await city.ring("c-1", wang)
    await asyncio.sleep(0.2)
    await city.answer("c-1", wang)
    await city.say("c-1", "119，请讲。", "agent")
    await city.say("c-1", "喂你们快来，华洲村这边一栋自建房在冒烟，火从二楼窗户出来了")
    await city.say("c-1", "里面还有人吗？", "agent")
    await city.say("c-1", "有，有一个老人和一个小孩困在楼上下不来，我电话就是这个13800001234")
    await city.judge("c-1", FIRE)
    await city.become("1002", "ready")
    await city.arrive("c-2", "12345", "059585600001")
    await city.ring("c-2", "1002")
    said = "楼道里全是浓烟，我们不敢往下走"
    while True:
        for end in range(4, len(said), 4):
            city.partial("c-1", "c-1-p", said[:end])
            await asyncio.sleep(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=show.__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(show(parser.parse_args().port))
