"""What callers who wait are told, and that hearing it costs nobody the place.

While a voice speaks to a caller he is outside of Asterisk's queue (``dialplans/extensions.conf.j2``, ``service``).
Three things keep that from costing him anything: he is put back at the place that the policy gives him at that moment
(``POSITION``, told anew whenever the queue moves); he is called in at once when a desk is to be had for him, or when
nobody is before him and somebody behind; and who is first and has somebody behind him is sent back before a word. What
is left is the time between an answer and our hearing of it: whoever is behind could be given a second desk that becomes
free within these some hundredths of a second.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import func, select

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.events import Event
from switchboard.exchange import Exchange
from switchboard.figures.board import group_of
from switchboard.figures.expected import (
    AT_WORK,
    SERVING,
    WINDOW,
    Expected,
    InLine,
    Pace,
    ahead,
    expected,
    position,
)
from switchboard.figures.worktime import DeskTime
from switchboard.kept.keeping import Keeping
from telephony.events import AgentChanged, CallAnswered, CallEnded, CallKept, CallMoved, CallQueued
from telephony.ledger import CallRow
from telephony.queues import queues

log = structlog.get_logger(__name__)

#: Seconds for which a queue's pace is taken as it was counted.
_PACE_S = 5.0
#: The longest that a place can be told: three figures (:data:`core.city_ivr.LONGEST`).
_MOST_AHEAD = 999
#: Calls answered within the window arrived no earlier than so many windows ago.
_WINDOWS = 3


@dataclass
class _Told:
    """A caller to whom a voice speaks."""

    position: int
    called_in: bool = False


class Waits:
    """One for each switchboard."""

    def __init__(
        self, database: Database, bus: Bus, clock: Clock, city: City, exchange: Exchange, keeping: Keeping
    ) -> None:
        self._database, self._bus, self._clock, self._city = database, bus, clock, city
        self._exchange, self._keeping = exchange, keeping
        self._queues = queues(city)
        self._told: dict[str, _Told] = {}
        self._paces: dict[str, tuple[float, int, float]] = {}
        #: Ends what a voice says to the caller of that id, so that he goes back into the queue; whoever has the voice
        #: sets it.
        self.call_in: Callable[[str], None] | None = None

    def start(self) -> None:
        self._bus.subscribe(self._moved, CallQueued, CallMoved, CallAnswered, CallEnded, CallKept, AgentChanged)

    # -- what the voice asks

    async def begin(self, call_id: str) -> Mapping[str, str] | None:
        """A voice is to tell this caller how things stand: ``place`` and ``wait``, the latter empty where nothing is
        known; None where he is to go back at once. Until :meth:`end` his place is kept up."""
        line = await self._keeping.in_line()
        me = _find(line, call_id)
        if me is None:
            return None
        pace = await self._pace(me)
        await self._exchange.put_back(call_id, position(me, line))
        if self._is_due(me, line, pace.free):
            return None
        self._told[call_id] = _Told(position(me, line))
        said = expected(ahead(me, line, self._queues), pace)
        return {
            "place": str(min(said.ahead, _MOST_AHEAD)),
            "wait": "" if said.minutes is None else str(said.minutes),
        }

    def end(self, call_id: str) -> None:
        """The voice has ended."""
        self._told.pop(call_id, None)

    async def expected(self, call_id: str) -> Expected | None:
        """Place and expected wait of somebody who waits."""
        line = await self._keeping.in_line()
        me = _find(line, call_id)
        return expected(ahead(me, line, self._queues), await self._pace(me)) if me is not None else None

    # -- while it speaks

    async def _moved(self, _event: Event) -> None:
        if self._told:
            await self._look()

    async def _look(self) -> None:
        line = await self._keeping.in_line()
        for call_id, told in list(self._told.items()):
            me = _find(line, call_id)
            if me is None:
                continue
            now = position(me, line)
            if now != told.position:
                told.position = now
                await self._exchange.put_back(call_id, now)
            if not told.called_in and self._is_due(me, line, self._free(me)) and self.call_in is not None:
                told.called_in = True
                self.call_in(call_id)

    def _is_due(self, me: InLine, line: Sequence[InLine], free: int) -> bool:
        """Whether he must be in the queue now: a desk is to be had for him, or somebody behind could be first."""
        before = ahead(me, line, self._queues)
        if before < free:
            return True
        return before == 0 and any(self._could_pass(me, other) for other in line if other.call_id != me.call_id)

    def _could_pass(self, me: InLine, other: InLine) -> bool:
        """Whether the other could be given a desk that is his."""
        return bool(self._desks(me.queue) & self._desks(other.queue))

    # -- the pace

    def _desks(self, queue: str) -> frozenset[str]:
        found = next((q for q in self._queues if q.name == queue), None)
        return frozenset(desk.extension for desk in found.desks) if found is not None else frozenset()

    def _free(self, me: InLine) -> int:
        desks = self._desks(me.queue)
        return sum(agent.state == "ready" for agent in self._exchange.agents() if agent.extension in desks)

    async def _pace(self, me: InLine) -> Pace:
        desks = self._desks(me.queue)
        at, answers, busy_s = self._paces.get(me.queue, (0.0, 0, 0.0))
        if time.monotonic() - at > _PACE_S or me.queue not in self._paces:
            answers, busy_s = await self._count(me.queue, desks)
            self._paces[me.queue] = (time.monotonic(), answers, busy_s)
        serving = sum(agent.state in SERVING for agent in self._exchange.agents() if agent.extension in desks)
        return Pace(answers, busy_s, WINDOW.total_seconds(), serving, self._free(me))

    async def _count(self, queue: str, desks: frozenset[str]) -> tuple[int, float]:
        """Callers of this queue's group whom these desks answered within the window; seconds that they were at work."""
        now = self._clock.now()
        since = now - WINDOW
        group = group_of(self._city, queue, "")
        names = [q.name for q in self._queues if group_of(self._city, q.name, "") == group] if group else [queue]
        async with self._database.read() as session:
            answers = await session.scalar(
                select(func.count()).select_from(CallRow).where(
                    CallRow.arrived_at > now - _WINDOWS * WINDOW, CallRow.answered_at > since,
                    CallRow.agent.in_(desks), CallRow.queue.in_(names),
                )
            )  # fmt: skip
            worked = await session.execute(
                select(DeskTime.started_at, DeskTime.ended_at).where(
                    DeskTime.desk.in_(desks), DeskTime.state.in_(AT_WORK),
                    (DeskTime.ended_at > since) | DeskTime.ended_at.is_(None),
                )
            )  # fmt: skip
            busy = sum(max(0.0, ((ended or now) - max(began, since)).total_seconds()) for began, ended in worked)
        return answers or 0, busy


def _find(line: Sequence[InLine], call_id: str) -> InLine | None:
    return next((one for one in line if one.call_id == call_id), None)
