"""Working time: which state each desk was in, from when until when, and a day's sums of it.

The rows are a second reading of the stored ``AgentChanged`` facts, in their order and by their number. So a restart
reads on where the last one stopped, and reading something twice writes nothing.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Index, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.bus import Bus
from core.database import Base, Database, StoredEvent
from switchboard.desks import MISSED
from telephony.events import AgentChanged

log = structlog.get_logger(__name__)

_BATCH = 500
#: States in which somebody sits at the desk (签入); away is signed in and not there.
SIGNED_IN = ("away", "ready", "ringing", "talking", "held", "wrapup", "paused")


class DeskTime(Base):
    """A desk was in one state. The row without an end is the state it is in."""

    __tablename__ = "desk_times"
    __table_args__ = (Index("ix_desk_times_desk_started_at", "desk", "started_at"),)

    #: Number of the stored fact that began it.
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Extension.
    desk: Mapped[str] = mapped_column(String(10))
    #: Who was signed in there, where that is known.
    login: Mapped[str] = mapped_column(String(60), default="")
    #: See :data:`telephony.events.AgentState`.
    state: Mapped[str] = mapped_column(String(10))
    #: Reason of a pause.
    reason: Mapped[str] = mapped_column(String(60), default="")
    call_id: Mapped[str | None] = mapped_column(String(80))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


class WorkTimes:
    """Writes the rows. ``login_at`` tells who was signed in at a desk at some time, empty where nobody knows."""

    def __init__(self, database: Database, bus: Bus, login_at: Callable[[str, datetime], Awaitable[str]]) -> None:
        self._database, self._bus, self._login_at = database, bus, login_at
        self._writing = asyncio.Lock()

    async def start(self) -> None:
        """Catch up with what was stored while nobody wrote, then go on live."""
        self._bus.subscribe(self._changed, AgentChanged)
        await self.catch_up()

    async def _changed(self, _event: AgentChanged) -> None:
        await self.catch_up()

    async def catch_up(self) -> None:
        """Write the rows of all facts stored since the newest row."""
        async with self._writing:
            while await self._next_batch():
                pass

    async def _next_batch(self) -> bool:
        async with self._database.read() as session:
            last = await session.scalar(select(func.max(DeskTime.seq))) or 0
            facts = await session.scalars(
                select(StoredEvent)
                .where(StoredEvent.type == AgentChanged.__name__, StoredEvent.seq > last)
                .order_by(StoredEvent.seq)
                .limit(_BATCH)
            )
            begun = [(fact.seq, fact.at, json.loads(fact.body)) for fact in facts]
        if not begun:
            return False
        logins = [await self._login_at(body["agent"], at) for _seq, at, body in begun]
        async with self._database.work() as work:
            for (seq, at, body), login in zip(begun, logins, strict=True):
                await _begin(
                    work.session,
                    DeskTime(
                        seq=seq, desk=body["agent"], login=login, state=body["state"], reason=body["reason"][:60],
                        call_id=body["call_id"], started_at=at, ended_at=None,
                    ),
                )  # fmt: skip
        return len(begun) == _BATCH


async def _begin(session: AsyncSession, row: DeskTime) -> None:
    """End the desk's open row and begin this one. Told late, it does not end before it began."""
    open_rows = await session.scalars(select(DeskTime).where(DeskTime.desk == row.desk, DeskTime.ended_at.is_(None)))
    for former in open_rows:
        former.ended_at = max(row.started_at, former.started_at)
        row.started_at = max(row.started_at, former.started_at)
    session.add(row)
    await session.flush()


async def between(session: AsyncSession, desks: Iterable[str], start: datetime, end: datetime) -> Sequence[DeskTime]:
    """The rows of these desks that reach into this stretch of time, by desk and time."""
    found: list[DeskTime] = []
    for desk in desks:
        of_desk = select(DeskTime).where(DeskTime.desk == desk)
        # What it was in when the stretch began: the newest row before, however old.
        newest_first = (DeskTime.started_at.desc(), DeskTime.seq.desc())
        found += await session.scalars(of_desk.where(DeskTime.started_at < start).order_by(*newest_first).limit(1))
        inside = of_desk.where(DeskTime.started_at >= start, DeskTime.started_at < end)
        found += await session.scalars(inside.order_by(DeskTime.started_at, DeskTime.seq))
    return found


@dataclass(frozen=True)
class Span:
    """One stretch of a desk's day, cut at the day's ends."""

    start: datetime
    end: datetime
    state: str
    reason: str
    login: str
    call_id: str | None

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass
class DeskDay:
    """A desk's working time of one stretch, in seconds. Pure."""

    desk: str
    spans: list[Span] = field(default_factory=list)
    #: Seconds by state, and of pauses by reason.
    by_state: dict[str, float] = field(default_factory=dict)
    pauses: dict[str, float] = field(default_factory=dict)
    logins: list[str] = field(default_factory=list)
    #: Calls that were on the desk.
    calls: int = 0
    #: Rings that nobody took, after which the desk was set aside.
    missed: int = 0

    @property
    def signed_in_s(self) -> float:
        return sum(self.by_state.get(state, 0.0) for state in SIGNED_IN)


def summarize(rows: Iterable[DeskTime], start: datetime, end: datetime) -> list[DeskDay]:
    """The days of the desks that these rows are of. A state that goes on is counted up to ``end``.

    What was told again without a change (heyi or Asterisk was restarted) is one stretch, not two.
    """
    days: dict[str, DeskDay] = {}
    calls: dict[str, set[str]] = {}
    for row in rows:
        day = days.setdefault(row.desk, DeskDay(row.desk))
        begin, until = max(row.started_at, start), min(row.ended_at or end, end)
        if until <= begin:
            continue
        last = day.spans[-1] if day.spans else None
        same = last is not None and (last.state, last.reason, last.login, last.call_id, last.end) == (
            row.state, row.reason, row.login, row.call_id, begin,
        )  # fmt: skip
        if same and last is not None:
            day.spans[-1] = Span(last.start, until, row.state, row.reason, row.login, row.call_id)
        else:
            day.spans.append(Span(begin, until, row.state, row.reason, row.login, row.call_id))
            began_here = row.started_at >= start
            day.missed += row.state == "paused" and row.reason == MISSED and began_here
        seconds = (until - begin).total_seconds()
        day.by_state[row.state] = day.by_state.get(row.state, 0.0) + seconds
        if row.state == "paused":
            day.pauses[row.reason] = day.pauses.get(row.reason, 0.0) + seconds
        if row.state in ("talking", "held") and row.call_id:
            calls.setdefault(row.desk, set()).add(row.call_id)
        if row.login and row.login not in day.logins:
            day.logins.append(row.login)
    for desk, day in days.items():
        day.calls = len(calls.get(desk, ()))
    return [days[desk] for desk in sorted(days)]
