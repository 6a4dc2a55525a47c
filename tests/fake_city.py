"""A city that obeys a test: switchboard, ledger, transcripts and verdicts in memory, each fact told on the bus."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from asr.events import UtteranceHeard, UtterancePartial
from asr.recognition import NameHeard
from core.bus import Bus
from core.city import (
    City,
)
from core.clock import Clock
from core.database import Database
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
from tests.unit.switchboard_support import FakeExchange
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.verdict import CallTriaged, Verdict


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

    def __init__(self, city: City, database: Database, bus: Bus, clock: Clock, tickets: Tickets) -> None:
        self._city, self._database, self._bus, self._clock, self._tickets = city, database, bus, clock, tickets
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
            for d in city.desks
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
        self.current = city.modes[0]
        #: Those who wait and those who are rung, for the lists of missed calls; the runners are real, but do not run.
        self.exchange = exchange = FakeExchange(database, clock, city)
        self.marks = Marks(database, clock, city.profile.area_code)
        self.standings = Standings(database, bus, clock, city, exchange, self.marks)
        self.missed = MissedList(database, clock, city, exchange)
        self.recalls = Recalls(database, bus, clock, city, exchange, self.standings)
        self.keeping = Keeping(database, bus, clock, city, exchange, self.standings, self.recalls, round_s=60)

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
        self.current = self._city.mode(key)
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
        priority = next(item.priority for item in self._city.lines if item.number == line)
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
