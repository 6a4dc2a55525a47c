"""A city, a switchboard and a call in memory, for tests of the desk; ``python -m tests.desk_fakes`` shows it."""

import argparse
import asyncio
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from asr.events import UtteranceHeard, UtterancePartial
from asr.recognition import NameHeard
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
from core.clock import Clock, ManualClock, SystemClock
from core.database import Database
from core.settings import Settings
from desk.access import users
from desk.access.users import Users
from desk.app import create_app
from desk.server import DeskServer
from desk.services import DeskServices
from switchboard.desks import ChosenState
from switchboard.handling import TransferKind
from switchboard.kept.keeping import Keeping
from switchboard.marks import Marks
from switchboard.missed.listing import MissedList
from switchboard.missed.recalls import Recalls
from switchboard.modes import ModeChanged
from switchboard.standing import Standings
from switchboard.supervision import HelpAsked, HelpGiven
from switchboard.supervision import Mode as WatchMode
from switchboard.views import AgentView, CallView, Party
from telephony.callids import Role
from telephony.events import (
    AgentChanged,
    AgentState,
    CallAnswered,
    CallArrived,
    CallEnded,
    CallerPressed,
    CallHandedOver,
    CallHeld,
    CallQueued,
    CallRingEnded,
    CallRinging,
    CallTransferred,
    DeskJoined,
    Direction,
    Leg,
    LegEnded,
)
from tests.dispatch_kit import dispatch
from tests.unit.switchboard_support import FakeExchange
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """A call of the ledger."""

    id: str
    line: str
    caller: str
    arrived_at: datetime
    direction: Direction = "in"
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
    names: tuple[dict[str, Any], ...] = ()

    @property
    def second_s(self) -> float:
        return self.start_s


class FakeCity:
    """Switchboard, ledger, transcripts and verdicts of a city that obeys the test; each fact is told on the bus."""

    def __init__(self, database: Database, bus: Bus, clock: Clock, tickets: Tickets) -> None:
        self._database, self._bus, self._clock, self._tickets = database, bus, clock, tickets
        self.states: dict[str, AgentView] = {
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
        #: What was asked of a call, in order: verb, call, and what belongs to it.
        self.asked: list[tuple[str, ...]] = []
        #: Desks that took part in a call and have left.
        self.were_in: dict[str, set[str]] = {}
        self.current = CITY.modes[0]
        #: Those who wait and those who are rung, for the lists of missed calls; the runners are real, but do not run.
        self.exchange = exchange = FakeExchange(database, clock, CITY)
        self.marks = Marks(database, clock, CITY.profile.area_code)
        self.standings = Standings(database, bus, clock, CITY, exchange, self.marks)
        self.missed = MissedList(database, clock, CITY, exchange)
        self.recalls = Recalls(database, bus, clock, CITY, exchange, self.standings)
        self.keeping = Keeping(database, bus, clock, CITY, exchange, self.standings, self.recalls, round_s=60)

    # -- Switchboard

    def agents(self) -> Sequence[AgentView]:
        return list(self.states.values())

    def calls(self) -> Sequence[CallView]:
        return list(self.live.values())

    def live_call(self, call_id: str) -> CallView | None:
        return self.live.get(call_id)

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

    @property
    def desks(self) -> "FakeCity":
        return self

    @property
    def handling(self) -> "FakeCity":
        return self

    @property
    def supervision(self) -> "FakeCity":
        return self

    @property
    def modes(self) -> "FakeCity":
        return self

    async def transfer(self, call_id: str, kind: TransferKind, target: str, *, by: str, reason: str = "") -> None:
        self.asked.append(("transfer", call_id, kind, target, by, reason))

    async def consult(self, call_id: str, target: str, *, by: str, outside: bool = False) -> None:
        self.asked.append(("consult", call_id, target, by, *(("outside",) if outside else ())))

    async def take_back(self, call_id: str, *, by: str) -> None:
        self.asked.append(("take_back", call_id, by))

    async def conference(self, call_id: str, *, by: str) -> None:
        self.asked.append(("conference", call_id, by))

    async def complete(self, call_id: str, *, by: str, reason: str = "") -> None:
        self.asked.append(("complete", call_id, by, reason))

    async def link(self, call_id: str, group: str, *, by: str) -> str:
        self.asked.append(("link", call_id, group, by))
        return "1101"

    async def leave(self, call_id: str, extension: str) -> None:
        self.asked.append(("leave", call_id, extension))

    async def dismiss(self, call_id: str, channel: str) -> None:
        self.asked.append(("dismiss", call_id, channel))

    async def ask_silent(self, call_id: str) -> None:
        self.asked.append(("ask_silent", call_id))

    async def watch(self, call_id: str, mode: WatchMode, *, by: str) -> None:
        self.asked.append(("watch", call_id, mode, by))

    async def take_over(self, call_id: str, *, by: str) -> None:
        self.asked.append(("take_over", call_id, by))

    async def stop(self, call_id: str, *, by: str) -> None:
        self.asked.append(("stop", call_id, by))

    async def ask_help(self, call_id: str, *, by: str) -> None:
        async with self._database.work() as work:
            work.record(HelpAsked(at=self._clock.now(), call_id=call_id, agent=by))

    async def help_given(self, call_id: str, agent: str, *, by: str) -> None:
        async with self._database.work() as work:
            work.record(HelpGiven(at=self._clock.now(), call_id=call_id, agent=agent, by=by))

    async def switch(self, key: str, *, by: str, reason: str = "") -> None:
        self.current = CITY.mode(key)
        async with self._database.work() as work:
            work.record(ModeChanged(at=self._clock.now(), mode=key, by=by, reason=reason))

    # -- Transcripts, Verdicts

    async def of_call(self, call_id: str) -> Sequence[Said]:
        return self.said.get(call_id, [])

    async def latest(self, call_id: str) -> Verdict | None:
        return self.verdicts.get(call_id)

    # -- what a test lets happen

    async def become(self, extension: str, state: AgentState, reason: str = "", call_id: str | None = None) -> None:
        now = self._clock.now()
        self.states[extension] = replace(self.states[extension], state=state, reason=reason, since=now, call_id=call_id)
        async with self._database.work() as work:
            work.record(AgentChanged(at=now, agent=extension, state=state, reason=reason, call_id=call_id))

    async def arrive(self, call_id: str, line: str, caller: str, queue: str = "") -> None:
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
            queue=queue,
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
        call = replace(
            call, state="talking", agent=agent, ringing=frozenset(), answered_at=now, parties=(_party(agent, "agent"),)
        )
        self.live[call_id] = call
        self.rows[call_id] = replace(self.rows[call_id], answered_at=now, agent=agent)
        ticket = await self._tickets.draft(call_id, call.line, call.caller, agent)
        waited = (now - call.arrived_at).total_seconds()
        async with self._database.work() as work:
            work.record(CallAnswered(at=now, call_id=call_id, agent=agent, waited_s=waited, agent_channel="a-1"))
            work.record(DeskJoined(at=now, call_id=call_id, agent=agent, agent_channel=f"ch-{agent}"))
            for other in sorted(others):
                work.record(CallRingEnded(at=now, call_id=call_id, agent=other))
        await self.become(agent, "talking", call_id=call_id)
        for other in sorted(others):
            await self.become(other, "ready")
        return ticket

    # -- several parties

    async def call_in(self, call_id: str, agent: str, role: Role = "link") -> None:
        """A desk is rung into a call that goes on; role ``agent``: to be consulted, as Asterisk tells it."""
        call = self.live[call_id]
        called = (*call.called, _party(agent, role))
        self.live[call_id] = replace(call, called=called, ringing=call.ringing | frozenset({agent}))
        async with self._database.work() as work:
            work.record(CallRinging(at=self._clock.now(), call_id=call_id, agent=agent, role=role))
        await self.become(agent, "ringing", call_id=call_id)

    async def come_in(self, call_id: str, agent: str, role: Role = "link") -> None:
        """It has answered; role ``consult``: it talks to the other desk, the caller waits."""
        call = self.live[call_id]
        others = tuple(p for p in call.parties if p.extension != agent)
        self.live[call_id] = replace(
            call, state="talking", agent=call.agent or agent, called=(), ringing=call.ringing - frozenset({agent}),
            parties=(*others, _party(agent, role)),
        )  # fmt: skip
        async with self._database.work() as work:
            work.record(
                DeskJoined(at=self._clock.now(), call_id=call_id, agent=agent, agent_channel=f"ch-{agent}", role=role)
            )
        await self.become(agent, "talking", call_id=call_id)

    async def go(self, call_id: str, agent: str) -> None:
        """A desk leaves, the call goes on."""
        now, call = self._clock.now(), self.live[call_id]
        rest = tuple(p for p in call.parties if p.extension != agent)
        heir = rest[0].extension if rest else ""
        self.live[call_id] = replace(call, parties=rest, agent=heir if call.agent == agent else call.agent)
        self.were_in.setdefault(call_id, set()).add(agent)
        async with self._database.work() as work:
            work.record(
                LegEnded(
                    at=now, call_id=call_id, channel=f"ch-{agent}", kind="desk", extension=agent, started_at=now,
                    answered_at=now, joined=True, cause=16,
                )
            )  # fmt: skip
            if heir and call.agent == agent:
                work.record(CallHandedOver(at=now, call_id=call_id, agent=heir))
        await self.become(agent, "wrapup", call_id=call_id)

    async def pass_on(self, call_id: str, agent: str, kind: str, target: str, reason: str = "") -> None:
        async with self._database.work() as work:
            work.record(
                CallTransferred(
                    at=self._clock.now(), call_id=call_id, agent=agent, kind=kind, target=target, reason=reason
                )
            )

    async def hold(self, call_id: str, agent: str, held: bool) -> None:
        async with self._database.work() as work:
            work.record(
                CallHeld(at=self._clock.now(), call_id=call_id, agent=agent, agent_channel=f"ch-{agent}", held=held)
            )
        await self.become(agent, "held" if held else "talking", call_id=call_id)

    async def press(self, call_id: str, digit: str) -> None:
        async with self._database.work() as work:
            work.record(CallerPressed(at=self._clock.now(), call_id=call_id, digit=digit))

    async def dial(self, call_id: str, agent: str, number: str, direction: Direction = "out") -> None:
        """A desk dials."""
        now = self._clock.now()
        self.live[call_id] = CallView(
            call_id=call_id, line="", caller=number, direction=direction, state="ringing", arrived_at=now,
            answered_at=None, agent=agent, priority=0,
            ringing=frozenset({number} if direction == "internal" else ()),
        )  # fmt: skip
        self.rows[call_id] = Row(id=call_id, line="", caller=number, arrived_at=now, direction=direction, agent=agent)
        async with self._database.work() as work:
            work.record(CallArrived(at=now, call_id=call_id, line="", caller=number, direction=direction, agent=agent))
        await self.become(agent, "talking", call_id=call_id)

    def partial(self, call_id: str, utterance_id: str, text: str, leg: Leg = "caller") -> None:
        """Said just now: however long it took until the call was answered."""
        row = self.rows.get(call_id)
        since = (self._clock.now() - row.arrived_at).total_seconds() if row else 0.0
        self._bus.publish(
            UtterancePartial(
                at=self._clock.now(),
                call_id=call_id,
                utterance_id=utterance_id,
                leg=leg,
                text=text,
                raw=text,
                start_s=since,
                end_s=since + 1.0,
                confidence=0.5,
            )
        )

    async def say(self, call_id: str, text: str, leg: Leg = "caller", names: tuple[NameHeard, ...] = ()) -> None:
        rows = self.said.setdefault(call_id, [])
        said = Said(
            utterance_id=f"{call_id}-{len(rows)}", leg=leg, text=text, start_s=len(rows), end_s=len(rows) + 1,
            names=tuple(map(asdict, names)),
        )  # fmt: skip
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
                    names=names,
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


def _party(extension: str, role: Role) -> Party:
    return Party(extension=extension, channel=f"ch-{extension}", role=role)


class FakeLedger:
    """The ledger of a fake city."""

    def __init__(self, city: FakeCity) -> None:
        self._city = city

    async def call(self, call_id: str) -> Row | None:
        return self._city.rows.get(call_id)

    async def history(self, caller_number: str) -> Sequence[Row]:
        return [row for row in self._city.rows.values() if row.caller == caller_number]

    async def desks(self, call_id: str) -> frozenset[str]:
        return frozenset(self._city.were_in.get(call_id, ()))


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
