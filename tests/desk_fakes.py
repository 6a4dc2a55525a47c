"""A city, a switchboard and a call in memory, for tests of the desk; ``python -m tests.desk_fakes`` shows it."""

import argparse
import asyncio
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from asr.events import UtteranceHeard, UtterancePartial
from core.bus import Bus
from core.city import (
    Category,
    City,
    Community,
    Department,
    Desk,
    Group,
    Line,
    Person,
    Profile,
    Town,
)
from core.clock import Clock, ManualClock, SystemClock
from core.database import Database
from core.settings import Settings
from desk import users
from desk.app import create_app
from desk.server import DeskServer
from desk.services import DeskServices
from desk.users import Users
from telephony.events import (
    AgentChanged,
    AgentState,
    CallAnswered,
    CallArrived,
    CallEnded,
    CallQueued,
    CallRingEnded,
    CallRinging,
    Leg,
)
from telephony.switchboard import AgentView, CallView, ChosenState
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.verdict import CallTriaged, Candidate, Place, Reason, Verdict

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
        Desk(extension="1901", name="值守机器人", kind="robot", penalty=50),
    ),
    departments=(
        Department(id="fire", name="消防救援大队", name_en="Fire brigade", kind="emergency"),
        Department(id="medical", name="急救中心", name_en="Ambulance service", kind="emergency"),
        Department(id="urban", name="城市管理局", name_en="Urban management", kind="bureau"),
        Department(id="centre", name="话务中心", name_en="Call centre", kind="centre"),
    ),
    towns=(Town(name="池店镇", communities=(Community(name="华洲村"),)),),
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
    ),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A call of the ledger."""

    id: str
    line: str
    caller: str
    arrived_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    agent: str = ""
    outcome: str = ""
    recording: str = ""


@dataclass(frozen=True, kw_only=True)
class Said:
    utterance_id: str
    leg: Leg
    text: str
    start_s: float
    end_s: float


class FakeCity:
    """Switchboard, ledger, transcripts and verdicts of a city that obeys the test; each fact is told on the bus."""

    def __init__(self, database: Database, bus: Bus, clock: Clock, tickets: Tickets) -> None:
        self._database, self._bus, self._clock, self._tickets = database, bus, clock, tickets
        self.desks: dict[str, AgentView] = {
            d.extension: AgentView(
                extension=d.extension,
                name=d.name,
                kind=d.kind,
                state="offline",
                reason="",
                since=clock.now(),
                call_id=None,
            )
            for d in CITY.desks
        }
        self.live: dict[str, CallView] = {}
        self.rows: dict[str, Row] = {}
        self.said: dict[str, list[Said]] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.rejoined: list[str] = []
        self.hung_up: list[str] = []

    # -- Switchboard

    def agents(self) -> Sequence[AgentView]:
        return list(self.desks.values())

    def calls(self) -> Sequence[CallView]:
        return list(self.live.values())

    async def set_agent_state(self, extension: str, state: ChosenState, reason: str = "") -> None:
        await self.become(extension, state, reason)

    async def end_wrapup(self, extension: str) -> None:
        await self.become(extension, "ready")

    async def rejoin(self, extension: str) -> bool:
        self.rejoined.append(extension)
        return any(call.agent == extension and call.state == "talking" for call in self.live.values())

    async def hangup(self, call_id: str) -> None:
        self.hung_up.append(call_id)
        await self.end(call_id)

    # -- Ledger, Transcripts, Verdicts

    async def call(self, call_id: str) -> Row | None:
        return self.rows.get(call_id)

    async def history(self, caller_number: str) -> Sequence[Row]:
        return [row for row in self.rows.values() if row.caller == caller_number]

    async def of_call(self, call_id: str) -> Sequence[Said]:
        return self.said.get(call_id, [])

    async def latest(self, call_id: str) -> Verdict | None:
        return self.verdicts.get(call_id)

    # -- what a test lets happen

    async def become(self, extension: str, state: AgentState, reason: str = "", call_id: str | None = None) -> None:
        now = self._clock.now()
        self.desks[extension] = replace(self.desks[extension], state=state, reason=reason, since=now, call_id=call_id)
        async with self._database.work() as work:
            work.record(AgentChanged(at=now, agent=extension, state=state, reason=reason, call_id=call_id))

    async def arrive(self, call_id: str, line: str, caller: str) -> None:
        now = self._clock.now()
        priority = next(item.priority for item in CITY.lines if item.number == line)
        self.live[call_id] = CallView(
            call_id=call_id,
            line=line,
            caller=caller,
            state="queued",
            arrived_at=now,
            answered_at=None,
            agent="",
            ringing=frozenset(),
            priority=priority,
        )
        self.rows[call_id] = Row(id=call_id, line=line, caller=caller, arrived_at=now)
        async with self._database.work() as work:
            work.record(CallArrived(at=now, call_id=call_id, line=line, caller=caller))
            work.record(CallQueued(at=now, call_id=call_id, line=line, priority=priority))

    async def ring(self, call_id: str, agent: str) -> None:
        """The telephone of this desk rings, besides those that ring already."""
        call = self.live[call_id]
        self.live[call_id] = replace(
            call, state="ringing", agent=call.agent or agent, ringing=call.ringing | frozenset({agent})
        )
        async with self._database.work() as work:
            work.record(CallRinging(at=self._clock.now(), call_id=call_id, agent=agent))
        await self.become(agent, "ringing", call_id=call_id)

    async def answer(self, call_id: str, agent: str) -> Ticket:
        now = self._clock.now()
        call = self.live[call_id]
        others = call.ringing - frozenset({agent})
        call = replace(call, state="talking", agent=agent, ringing=frozenset(), answered_at=now)
        self.live[call_id] = call
        self.rows[call_id] = replace(self.rows[call_id], answered_at=now, agent=agent)
        ticket = await self._tickets.draft(call_id, call.line, call.caller, agent)
        waited = (now - call.arrived_at).total_seconds()
        async with self._database.work() as work:
            work.record(CallAnswered(at=now, call_id=call_id, agent=agent, waited_s=waited, agent_channel="a-1"))
            for other in sorted(others):
                work.record(CallRingEnded(at=now, call_id=call_id, agent=other))
        await self.become(agent, "talking", call_id=call_id)
        for other in sorted(others):
            await self.become(other, "ready")
        return ticket

    def partial(self, call_id: str, utterance_id: str, text: str, leg: Leg = "caller") -> None:
        self._bus.publish(
            UtterancePartial(
                at=self._clock.now(),
                call_id=call_id,
                utterance_id=utterance_id,
                leg=leg,
                text=text,
                raw=text,
                start_s=0.0,
                end_s=1.0,
                confidence=0.5,
            )
        )

    async def say(self, call_id: str, text: str, leg: Leg = "caller") -> None:
        rows = self.said.setdefault(call_id, [])
        said = Said(utterance_id=f"{call_id}-{len(rows)}", leg=leg, text=text, start_s=len(rows), end_s=len(rows) + 1)
        rows.append(said)
        await self._tickets.hear(call_id, leg, text)
        async with self._database.work() as work:
            work.record(
                UtteranceHeard(
                    at=self._clock.now(),
                    call_id=call_id,
                    utterance_id=said.utterance_id,
                    leg=leg,
                    text=text,
                    raw=text,
                    start_s=said.start_s,
                    end_s=said.end_s,
                    confidence=0.9,
                )
            )

    async def judge(self, call_id: str, verdict: Verdict) -> None:
        self.verdicts[call_id] = verdict
        await self._tickets.prefill(call_id, verdict)
        async with self._database.work() as work:
            work.record(CallTriaged(at=self._clock.now(), call_id=call_id, verdict=verdict))

    async def end(self, call_id: str, recording: str = "") -> None:
        now = self._clock.now()
        call = self.live.pop(call_id)
        self.rows[call_id] = replace(
            self.rows[call_id], ended_at=now, outcome="answered" if call.agent else "abandoned", recording=recording
        )
        async with self._database.work() as work:
            work.record(
                CallEnded(
                    at=now,
                    call_id=call_id,
                    outcome="answered",
                    cause=16,
                    by="caller",
                    talked_s=1.0,
                    recording=recording,
                )
            )
        if call.agent:
            await self.become(call.agent, "wrapup", call_id=call_id)


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
    fake = FakeCity(database, bus, time, tickets)
    services = DeskServices(
        settings=settings,
        city=CITY,
        database=database,
        bus=bus,
        clock=time,
        switchboard=fake,
        ledger=fake,
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
