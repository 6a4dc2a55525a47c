"""Callbacks (回访) counted, and the attempts behind each count: one place, so that list and figure agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.callbacks.plan import ANSWERED
from ticketing.tables import Callback, Ticket

#: ``done``: attempts that ended. ``asked``: those in which the caller said whether he is satisfied. ``waiting``: due
#: and not ended.
Which = Literal["done", "asked", "satisfied", "unsatisfied", "waiting"]
WHICH: tuple[Which, ...] = get_args(Which)


@dataclass(frozen=True)
class Asked:
    """Attempts that ended within a stretch of time."""

    done: int = 0
    satisfied: int = 0
    unsatisfied: int = 0

    @property
    def asked(self) -> int:
        """Callers who said whether they are satisfied."""
        return self.satisfied + self.unsatisfied

    @property
    def share(self) -> float | None:
        """Satisfied among those, 0..1 (满意率 as the assessment has it); None where nobody said."""
        return self.satisfied / self.asked if self.asked else None


async def asked(session: AsyncSession, since: datetime, until: datetime) -> Asked:
    """Attempts that ended from ``since`` until before ``until``."""
    query = (
        select(Callback.outcome, func.count())
        .where(Callback.ended_at >= since, Callback.ended_at < until)
        .group_by(Callback.outcome)
    )
    found = {outcome: count for outcome, count in await session.execute(query)}
    return Asked(sum(found.values()), found.get("satisfied", 0), found.get("unsatisfied", 0))


async def waiting(session: AsyncSession, now: datetime) -> int:
    """Attempts whose time has come and that have no result, whoever makes them."""
    return await session.scalar(select(func.count()).select_from(Callback).where(*_are("waiting", None, now))) or 0


async def behind(
    session: AsyncSession, which: Which, since: datetime, until: datetime, limit: int, start: int = 0
) -> tuple[Sequence[tuple[Callback, Ticket]], int]:
    """The attempts of a figure with their tickets, the latest first, from ``start`` on; and how many there are."""
    these = _are(which, since, until)
    latest = Callback.due_at if which == "waiting" else Callback.ended_at
    query = select(Callback, Ticket).join(Ticket, Ticket.id == Callback.ticket_id).where(*these)
    rows = await session.execute(query.order_by(latest.desc(), Callback.id.desc()).offset(start).limit(limit))
    count = await session.scalar(select(func.count()).select_from(Callback).where(*these)) or 0
    return [(row[0], row[1]) for row in rows], count


def _are(which: Which, since: datetime | None, until: datetime) -> list[ColumnElement[bool]]:
    if which == "waiting":
        return [Callback.ended_at.is_(None), Callback.due_at <= until]
    ended = [Callback.ended_at < until, *([Callback.ended_at >= since] if since is not None else [])]
    if which == "done":
        return ended
    return [*ended, Callback.outcome.in_(ANSWERED) if which == "asked" else Callback.outcome == which]
