"""The list of calls behind every number: filters, pages, counts. Reads the ledger only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from switchboard.kept.tables import KeptPlace
from telephony.ledger import QUEUED_DIRECTIONS, CallRow, LegRow
from telephony.queues import wide

#: Calls of one page.
PAGE = 50

#: What became of a call. ``gone``: ended without an answer, whoever gave up; ``kept``: hung up with a place kept, to be
#: rung when the turn comes; ``waiting`` and ``talking`` go on now.
Became = Literal["answered", "gone", "abandoned", "kept", "unanswered", "voice", "failed", "lost", "waiting", "talking"]
BECAME: tuple[Became, ...] = get_args(Became)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which calls; what is empty or None asks nothing."""

    #: Arrived from ``start`` until before ``end``.
    start: datetime | None = None
    end: datetime | None = None
    line: str = ""
    #: ``emergency`` or ``service``: of which kind of line.
    kind: str = ""
    #: Key of the skill group.
    group: str = ""
    became: Became | None = None
    #: Seconds waited, until the answer or the end: more than, and at most.
    waited_over: float | None = None
    waited_within: float | None = None
    #: Extension of a desk that takes or took part.
    agent: str = ""
    #: One of :data:`telephony.events.Direction`.
    direction: str = ""
    #: Part of the other side's number; spaces and dashes are ignored on both sides.
    number: str = ""


@dataclass(frozen=True)
class Place:
    """Where a page of the list ended: the next one goes on after this call."""

    arrived_at: datetime
    call_id: str

    def __str__(self) -> str:
        return f"{self.arrived_at.isoformat()}~{self.call_id}"


def place(text: str) -> Place | None:
    """The place that ``str`` of one has written; None where this is none."""
    moment, _, call_id = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return Place(at, call_id) if call_id and at.tzinfo is not None else None


async def page(
    session: AsyncSession, city: City, wanted: Wanted, after: Place | None = None, limit: int = PAGE
) -> Sequence[CallRow]:
    """The calls wanted, the latest first, after that place."""
    query = select(CallRow).where(*_conditions(city, wanted))
    if after is not None:
        # The first comparison alone lets the database begin in the middle of its index.
        query = query.where(
            CallRow.arrived_at <= after.arrived_at,
            or_(CallRow.arrived_at < after.arrived_at, CallRow.id < after.call_id),
        )
    rows = await session.scalars(query.order_by(CallRow.arrived_at.desc(), CallRow.id.desc()).limit(limit))
    return list(rows)


async def count(session: AsyncSession, city: City, wanted: Wanted) -> int:
    """How many calls those are."""
    return await session.scalar(select(func.count()).select_from(CallRow).where(*_conditions(city, wanted))) or 0


def _conditions(city: City, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.start is not None:
        found.append(CallRow.arrived_at >= wanted.start)
    if wanted.end is not None:
        found.append(CallRow.arrived_at < wanted.end)
    if wanted.line:
        found.append(CallRow.line == wanted.line)
    if wanted.kind:
        found.append(CallRow.line.in_([line.number for line in city.lines if line.kind == wanted.kind]))
    if wanted.group:
        found.append(_of_group(city, wanted.group))
    if wanted.became is not None:
        found.append(_became(wanted.became))
    if wanted.waited_over is not None:
        found.append(CallRow.waited_s > wanted.waited_over)
    if wanted.waited_within is not None:
        found.append(CallRow.waited_s <= wanted.waited_within)
    if wanted.agent:
        legs = select(LegRow.id).where(
            LegRow.call_id == CallRow.id, LegRow.extension == wanted.agent, LegRow.joined.is_(True)
        )
        found.append(or_(CallRow.agent == wanted.agent, legs.exists()))
    if wanted.direction:
        found.append(CallRow.direction == wanted.direction)
    if digits := re.sub(r"[^0-9]", "", wanted.number):
        found.append(_digits(CallRow.caller).contains(digits))
    elif wanted.number:  # "anonymous", or a SIP address
        found.append(CallRow.caller.icontains(wanted.number.strip(), autoescape=True))
    return found


def _digits(column: "ColumnElement[str] | object") -> ColumnElement[str]:
    """The column without what is put between digits."""
    for mark in " -":
        column = func.replace(column, mark, "")
    return column  # type: ignore[return-value]


def _became(became: Became) -> ColumnElement[bool]:
    answered, ended = CallRow.answered_at.is_not(None), CallRow.ended_at.is_not(None)
    # One whom heyi is still ringing does not wait; see switchboard.figures.board.waits.
    kept = select(KeptPlace.call_id).where(KeptPlace.call_id == CallRow.id).exists()
    on_the_line = or_(CallRow.direction == "in", CallRow.queued_at.is_not(None))
    match became:
        case "answered":
            return answered
        case "gone":
            return and_(~answered, ended, ~kept, CallRow.outcome != "voice")
        case "kept":
            return and_(~answered, ended, kept)
        case "waiting":
            return and_(~answered, ~ended, CallRow.direction.in_(QUEUED_DIRECTIONS), on_the_line)
        case "talking":
            return and_(answered, ~ended)
        case _:
            return and_(ended, CallRow.outcome == became, ~kept)


def _of_group(city: City, key: str) -> ColumnElement[bool]:
    """As :func:`switchboard.figures.board.group_of` says it, in SQL."""
    named = {group.key: {group.key, wide(group)} - {""} for group in city.groups}
    every = set().union(*named.values())
    lines = [line.number for line in city.lines if line.answered_by == key]
    return or_(CallRow.queue.in_(named.get(key, set())), and_(CallRow.queue.not_in(every), CallRow.line.in_(lines)))
