"""An exchange in memory for the runners of the switchboard: callers, desks, and calls out that a test lets end.

What happens is told the way the bridge tells it: the ledger's row and the fact in one transaction, then the bus.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.bus import Bus
from core.city import City, Mode
from core.clock import Clock, ManualClock
from core.database import Database
from core.events import Event
from switchboard.kept.keeping import Keeping
from switchboard.marks import Marks
from switchboard.missed.listing import MissedList
from switchboard.missed.policy import RecallPolicy
from switchboard.missed.recalls import Recalls
from switchboard.standing import Standings
from switchboard.views import AgentView
from telephony import ledger
from telephony.call import Call, Leg, fact_id
from telephony.callids import Return, returned
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallKept,
    CallMoved,
    CallQueued,
    CallRingEnded,
    CallRinging,
    Direction,
)
from tests.citykit import small_city

START = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)  # half past two at night in the city


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


@dataclass
class Dialled:
    """One order to ring somebody."""

    why: Return
    line: str
    number: str
    priority: int
    position: int
    call_id: str
    desk: str
    wide: bool
    urgent: bool


class FakeExchange:
    """Implements :class:`switchboard.exchange.Exchange`."""

    def __init__(self, database: Database, clock: Clock, city: City) -> None:
        self._database, self._clock, self._city = database, clock, city
        self.in_step = True
        self.live: dict[str, Call] = {}
        self.states: dict[str, AgentView] = {}
        self.dialled: list[Dialled] = []
        self.priorities: list[tuple[str, int]] = []
        self.places: list[tuple[str, int, int]] = []
        self.put_back_at: list[tuple[str, int]] = []
        self.seats: list[tuple[str, int, int, bool]] = []
        self.given_up: list[str] = []
        self.urged: list[str] = []
        #: Asterisk takes the order, and says so.
        self.takes, self.says = True, True
        #: So many orders to move a caller fail yet.
        self.refuses = 0
        #: Ends the process before an order reaches Asterisk, or just after.
        self.kill_before, self.kill_after = False, False

    # -- Exchange

    @property
    def mode(self) -> Mode:
        return self._city.modes[0]

    def calls(self) -> Sequence[Call]:
        return list(self.live.values())

    def agents(self) -> Sequence[AgentView]:
        return list(self.states.values())

    async def ring_back(
        self, why: Return, line: str, number: str, *, priority: int, call_id: str, position: int = 0, desk: str = "",
        wide: bool = False, urgent: bool = False,
    ) -> str | None:  # fmt: skip
        if self.kill_before:
            raise Killed
        if self.takes:
            self.dialled.append(Dialled(why, line, number, priority, position, call_id, desk, wide, urgent))
            await self.arrive(call_id, line, number)
            self.live[call_id].priority = priority
        if self.kill_after:
            raise Killed
        return call_id if self.takes and self.says else None

    async def set_priority(self, call_id: str, priority: int) -> bool:
        self.priorities.append((call_id, priority))
        if self.refuses:
            self.refuses -= 1
            return False
        self.live[call_id].priority = priority
        return True

    async def set_place(self, call_id: str, priority: int, position: int) -> None:
        self.places.append((call_id, priority, position))

    async def put_back(self, call_id: str, position: int) -> None:
        self.put_back_at.append((call_id, position))

    async def seat(self, call_id: str, priority: int, position: int, *, wide: bool) -> None:
        self.seats.append((call_id, priority, position, wide))

    async def urge(self, call_id: str, priority: int) -> None:
        if self.live[call_id].state == "queued":
            self.urged.append(call_id)

    async def give_up(self, call_id: str) -> None:
        self.given_up.append(call_id)

    # -- what a test lets happen

    def desk(self, extension: str, state: str) -> None:
        self.states[extension] = AgentView(
            extension=extension, name=extension, kind="phone", state=state, reason="",  # type: ignore[arg-type]
            since=self._clock.now(), call_id=None,
        )  # fmt: skip

    async def tell(self, *facts: Event) -> None:
        async with self._database.work() as work:
            fresh = await ledger.unknown(work.session, facts)
            await ledger.write(work.session, fresh)
            work.record(*fresh)

    async def arrive(self, call_id: str, line: str, caller: str) -> None:
        now = self._clock.now()
        direction: Direction = "back" if returned(call_id) else "in"
        self.live[call_id] = Call(call_id, line, caller, direction, f"PJSIP/trunk-{call_id}", now)
        await self.tell(
            CallArrived(id=fact_id(call_id, "arrived"), at=now, call_id=call_id, line=line, caller=caller,
                        direction=direction)
        )  # fmt: skip

    async def queue(self, call_id: str, queue: str = "", priority: int | None = None) -> None:
        """Waits in a queue, for the first time or again."""
        call, now = self.live[call_id], self._clock.now()
        line = self._city.line(call.line)
        assert line is not None
        call.priority = priority if priority is not None else call.priority or line.priority
        call.queue, call.waiting, call.rounds = queue or line.kind, True, call.rounds + 1
        told: Event
        if call.queued_at is None:
            call.queued_at = now
            told = CallQueued(id=fact_id(call_id, "queued"), at=now, call_id=call_id, line=call.line,
                              priority=call.priority, queue=call.queue)  # fmt: skip
        else:
            told = CallMoved(id=fact_id(call_id, "moved", str(call.rounds)), at=now, call_id=call_id, line=call.line,
                             priority=call.priority, queue=call.queue)  # fmt: skip
        await self.tell(told)

    async def waits(self, call_id: str, line: str, caller: str) -> None:
        await self.arrive(call_id, line, caller)
        await self.queue(call_id)

    async def answer(self, call_id: str, agent: str = "1001") -> None:
        call, now = self.live[call_id], self._clock.now()
        call.waiting, call.answered_at, call.agent = False, now, agent
        await self.tell(
            CallAnswered(id=fact_id(call_id, "answered"), at=now, call_id=call_id, agent=agent, agent_channel="d",
                         waited_s=(now - call.arrived_at).total_seconds())
        )  # fmt: skip

    async def ring(self, call_id: str, agent: str) -> None:
        now = self._clock.now()
        self.live[call_id].legs[agent] = Leg(agent, f"PJSIP/{agent}-1", "desk", agent, now)
        await self.tell(CallRinging(id=fact_id(call_id, "ringing", agent), at=now, call_id=call_id, agent=agent))

    async def ring_in_vain(self, call_id: str, agent: str) -> None:
        del self.live[call_id].legs[agent]
        now = self._clock.now()
        await self.tell(CallRingEnded(id=fact_id(call_id, "ring ended", agent), at=now, call_id=call_id, agent=agent))

    async def pass_on(self, call_id: str, line: str) -> None:
        """The desk passes the caller to another line, where he waits."""
        self.live[call_id].line = line
        await self.queue(call_id)

    async def press_to_keep(self, call_id: str) -> None:
        call, now = self.live[call_id], self._clock.now()
        await self.tell(
            CallKept(id=fact_id(call_id, "kept"), at=now, call_id=call_id, line=call.line, caller=call.caller,
                     queue=call.queue, priority=call.priority)
        )  # fmt: skip
        await self.end(call_id, "system")

    async def end(self, call_id: str, by: str = "caller") -> None:
        call, now = self.live.pop(call_id), self._clock.now()
        outcome = "answered" if call.answered_at else "abandoned" if by == "caller" and call.queued_at else "unanswered"
        talked = (now - call.answered_at).total_seconds() if call.answered_at else 0.0
        await self.tell(
            CallEnded(id=fact_id(call_id, "ended"), at=now, call_id=call_id, outcome=outcome, cause=16, by=by,
                      talked_s=talked, waiting=call.waiting, line=call.line)
        )  # fmt: skip


@dataclass
class Room:
    """The runners over one database; :meth:`restart` is a new process over what is stored."""

    database: Database
    bus: Bus
    clock: ManualClock
    city: City
    exchange: FakeExchange
    policy: RecallPolicy | None
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._heard = False
        self._build()

    def _build(self) -> None:
        database, clock, city, exchange = self.database, self.clock, self.city, self.exchange
        self.marks = Marks(database, clock, city.profile.area_code)
        self.standings = Standings(database, self.bus, clock, city, exchange, self.marks, retry_s=0)
        self.recalls = Recalls(database, self.bus, clock, city, exchange, self.standings, self.policy, poll_s=3600)
        self.keeping = Keeping(
            database, self.bus, clock, city, exchange, self.standings, self.recalls, round_s=60, poll_s=3600
        )
        self.list = MissedList(database, clock, city, exchange)

    async def start(self) -> None:
        if not self._heard:
            self.bus.listen(self.told.append)
            self._heard = True
        await self.standings.start()
        await self.recalls.start()
        await self.keeping.start()
        # They look when the test says so, and not half-way beside it.
        for runner in (self.recalls, self.keeping):
            assert runner._running is not None
            runner._running.cancel()
        await self.settle()

    async def die(self) -> None:
        """Nothing is tidied up; nobody listens any more."""
        await self.recalls.close()
        await self.keeping.close()
        await self.standings.close()
        await self.bus.close()

    async def restart(self) -> None:
        await self.die()
        self.exchange.kill_before = self.exchange.kill_after = False
        self._build()
        await self.start()

    async def settle(self) -> None:
        await self.bus.drain()

    async def look(self, seconds: float = 0) -> None:
        """Time passes, the runners look."""
        await self.settle()
        self.clock.advance(seconds)
        await self.recalls.tick()
        await self.keeping.tick()
        await self.settle()


async def make_room(folder: Path, policy: RecallPolicy | None = None, city: City | None = None) -> Room:
    bus, clock, city = Bus(), ManualClock(START), city or small_city()
    database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", bus)
    await database.create_all()
    return Room(database, bus, clock, city, FakeExchange(database, clock, city), policy)
