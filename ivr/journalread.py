"""What the report needs of a stretch of time: the journal's rows, who was answered, and whom our side did not serve."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import StoredEvent
from ivr.journal import How
from ivr.report import SessionRow, StepRow
from ivr.tables import VoiceSession, VoiceStep
from telephony.events import VoiceBegan
from telephony.ledger import CallRow

#: Rows that are taken in at once: some milliseconds.
_SOME = 200
#: A flow takes ten minutes at most (:class:`core.city_ivr.IvrFlow`): what began earlier has ended.
_LONGEST = timedelta(minutes=11)
#: The exchange's clock and ours may differ by so much.
_CLOCKS = timedelta(seconds=5)
#: A session's end is noted so long after the channel has gone on.
_GUESSED = timedelta(seconds=3)


@dataclass(frozen=True)
class Found:
    """The rows of sessions that began within a stretch of time."""

    sessions: tuple[SessionRow, ...]
    steps: tuple[StepRow, ...]
    #: Call → when a person answered.
    answered: Mapping[str, datetime]


@dataclass(frozen=True)
class Begun:
    """The dialplan handed a call to a flow, as the exchange told it."""

    call_id: str
    flow: str
    at: datetime


@dataclass(frozen=True)
class Called:
    """What the ledger knows of a call."""

    queued_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    #: See :class:`telephony.events.CallEnded`.
    ended_by: str = ""


def over(call: Called | None) -> bool:
    """Whether a call has ended. Pure."""
    return call is not None and call.ended_at is not None


def settled(session: SessionRow, call: Called | None) -> SessionRow:
    """A lost line looks the same whether the caller hung up or the exchange went on without us; on a busy machine the
    journal may have guessed wrong. What came of the call tells. Pure."""
    if session.how not in ("caller", "late") or call is None:
        return session
    went_on = [at for at in (call.queued_at, call.answered_at) if at is not None and at > session.ended - _GUESSED]
    if went_on:
        return replace(session, how="late")
    gone = call.ended_at is not None and call.ended_at - session.ended < _CLOCKS and call.ended_by == "caller"
    return replace(session, how="caller") if gone else session


async def read(session: AsyncSession, start: datetime, end: datetime, now: datetime) -> Found:
    """Sessions that began from ``start`` until before ``end``, with their steps."""
    within = (VoiceSession.began >= start, VoiceSession.began < end)
    asked = select(
        VoiceSession.call_id, VoiceSession.flow, VoiceSession.began, VoiceSession.ended, VoiceSession.how,
        VoiceSession.to,
    ).where(*within)  # fmt: skip
    sessions = [
        SessionRow(call_id, flow, began, ended_at, cast(How, how), to)
        async for call_id, flow, began, ended_at, how, to in _rows(session, asked)
    ]
    passed = select(
        VoiceStep.call_id, VoiceStep.flow, VoiceStep.step, VoiceStep.entered, VoiceStep.left, VoiceStep.why,
        VoiceStep.again,
    ).where(VoiceStep.entered >= start, VoiceStep.entered < end + _LONGEST)  # fmt: skip
    steps = [
        StepRow(call_id, flow, step, entered, left, why, tuple(filter(None, again.split(","))))
        async for call_id, flow, step, entered, left, why, again in _rows(session, passed.order_by(VoiceStep.id))
    ]
    # Whoever met a voice had called before, and not longer ago than a day.
    called = select(CallRow.id, CallRow.queued_at, CallRow.answered_at, CallRow.ended_at, CallRow.ended_by).where(
        CallRow.arrived_at >= start - timedelta(days=1), CallRow.arrived_at < end
    )
    calls = {
        call_id: Called(queued_at, answered_at, ended_at, ended_by)
        async for call_id, queued_at, answered_at, ended_at, ended_by in _rows(session, called)
    }
    told = select(StoredEvent.call_id, StoredEvent.at, StoredEvent.body).where(
        StoredEvent.type == VoiceBegan.__name__, StoredEvent.at >= start, StoredEvent.at < end
    )
    begun = [Begun(call_id or "", json.loads(body)["flow"], at) async for call_id, at, body in _rows(session, told)]
    return await asyncio.to_thread(_found, sessions, steps, calls, begun, now)


def _found(
    sessions: Iterable[SessionRow],
    steps: Sequence[StepRow],
    calls: Mapping[str, Called],
    begun: Iterable[Begun],
    now: datetime,
) -> Found:
    answered = {call_id: call.answered_at for call_id, call in calls.items() if call.answered_at is not None}
    known = [settled(one, calls.get(one.call_id)) for one in sessions]
    past = [one for one in begun if one.at < now - _LONGEST or over(calls.get(one.call_id))]
    return Found((*known, *unserved(past, known, steps)), tuple(steps), answered)


async def _rows(session: AsyncSession, query: Select[*tuple[Any, ...]]) -> AsyncIterator[Row[*tuple[Any, ...]]]:
    """A hundred thousand rows, a little at a time: callers before the voice share this loop, and must not wait."""
    async for some in (await session.stream(query.execution_options(yield_per=_SOME))).partitions():
        for row in some:
            yield row


def unserved(begun: Iterable[Begun], sessions: Iterable[SessionRow], steps: Iterable[StepRow]) -> list[SessionRow]:
    """Calls that were handed to a flow and left no session: our side was away, or ended in mid-call. Pure."""
    free: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    starts: dict[str, list[datetime]] = defaultdict(list)
    for session in sorted(sessions, key=lambda one: one.began):
        free[session.call_id, session.flow].append(session.began)
        starts[session.call_id].append(session.began)
    away: list[Begun] = []
    for one in sorted(begun, key=lambda each: each.at):
        began = free[one.call_id, one.flow]
        served = next((at for at in began if abs(at - one.at) <= _CLOCKS), None)
        if served is not None:
            began.remove(served)
        else:
            away.append(one)
            starts[one.call_id].append(one.at)
    # What it had done before it ended is told by its steps, until the next session of the call.
    of_call: dict[str, list[StepRow]] = defaultdict(list)
    for step in steps:
        of_call[step.call_id].append(step)
    late = []
    for one in away:
        after = min((at for at in starts[one.call_id] if at > one.at), default=None)
        own = [s.left for s in of_call[one.call_id] if s.entered >= one.at and (after is None or s.entered < after)]
        late.append(SessionRow(one.call_id, one.flow, one.at, max([one.at, *own]), "late"))
    return late
