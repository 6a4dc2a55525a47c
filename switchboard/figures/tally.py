"""Counts of calls out of the ledger: one grouped query over the index of arrivals, whatever the ledger's length."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from switchboard.figures.board import THRESHOLDS, Counts, Tally
from switchboard.kept.tables import KeptPlace
from telephony.ledger import CallRow


async def tally(session: AsyncSession, start: datetime, end: datetime, targets: Mapping[str, int]) -> list[Tally]:
    """Calls from outside that arrived from ``start`` until before ``end``, by line and queue.

    ``targets`` has each line's answer target in seconds; on other lines no answer is on target.
    """
    answered = CallRow.answered_at.is_not(None)
    # Who keeps the place by a key and hangs up has not given up: he is rung when his turn comes.
    kept = select(KeptPlace.call_id).where(KeptPlace.call_id == CallRow.id).exists()
    target = case(targets, value=CallRow.line, else_=-1) if targets else -1
    wanted = (
        select(
            CallRow.line,
            CallRow.queue,
            func.count(),
            _count(answered),
            _count(answered & (CallRow.waited_s <= target)),
            _count(~answered & CallRow.ended_at.is_not(None) & ~kept & (CallRow.outcome != "voice")),
            func.coalesce(func.sum(case((answered, CallRow.waited_s), else_=0.0)), 0.0),
            *(_count(answered & (CallRow.waited_s <= seconds)) for seconds in THRESHOLDS),
        )
        .where(CallRow.arrived_at >= start, CallRow.arrived_at < end, CallRow.direction == "in")
        .group_by(CallRow.line, CallRow.queue)
    )
    return [
        Tally(
            row[0],
            row[1],
            Counts(
                offered=row[2], answered=row[3], on_target=row[4], gone=row[5], waited_s=float(row[6]),
                within=tuple(row[7:]),
            ),
        )
        for row in await session.execute(wanted)
    ]  # fmt: skip


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
