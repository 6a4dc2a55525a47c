"""Tells once of each clock that it will soon be due, and once that it is overdue."""

import asyncio
from datetime import datetime, time
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import CursorResult, Select, select, update

from core.city import City
from core.clock import Clock
from core.database import Database
from ticketing.clocks.events import ClockOverdue, ClockWarned
from ticketing.clocks.follow import adopt
from ticketing.clocks.keeper import Keeper
from ticketing.clocks.tables import TicketClock
from ticketing.tables import Ticket

log = structlog.get_logger(__name__)


class ClockWatch:
    """One or more for each database.

    It asks the index for clocks whose moment has come: clocks that are stopped, paused or told of are not in it. The
    claim of a telling and its event are one transaction, so that neither a crash nor a second process tells twice.
    ``poll_s``: seconds between two looks. ``at_once``: clocks of one look.
    """

    def __init__(
        self, database: Database, city: City, clock: Clock, *, poll_s: float = 1.0, at_once: int = 200
    ) -> None:
        self._database = database
        self._city = city
        self._clock = clock
        self._keeper = Keeper(city)
        self._zone = ZoneInfo(city.profile.timezone)
        self._poll_s = poll_s
        self._at_once = at_once

    async def run(self) -> None:
        """Look until cancelled; a look that fails is logged and the next one tries again.

        First, tickets from before there were clocks get theirs, and clocks follow a calendar that has changed.
        """
        begun = False
        while True:
            try:
                if not begun:
                    await self.begin()
                    begun = True
                await self.tick()
            except Exception:
                log.exception("clocks could not be looked at")
            await asyncio.sleep(self._poll_s)

    async def begin(self) -> None:
        """What is done once, before the first look; in small units of work, since others write meanwhile."""
        found, last = 1, "-"
        while found:
            async with self._database.work() as work:
                found = await adopt(work, self._keeper)
        while last:
            async with self._database.work() as work:
                last = await self._keeper.recount(work, self._clock.now(), last.strip("-"))

    async def tick(self) -> int:
        """One look; returns how many events were told."""
        now = self._clock.now()
        async with self._database.read() as session:
            found = (await session.scalars(self._come(now))).all()
        told = 0
        for clock_id in found:
            told += await self._tell(clock_id, now)
        return told

    def _come(self, now: datetime) -> Select[str]:
        query = select(TicketClock.id).where(TicketClock.next_at <= now)
        if quiet(now.astimezone(self._zone).time(), self._city.clocks.quiet_from, self._city.clocks.quiet_to):
            query = query.join(Ticket, Ticket.id == TicketClock.ticket_id).where(Ticket.is_emergency)
        return query.order_by(TicketClock.next_at, TicketClock.id).limit(self._at_once)

    async def _tell(self, clock_id: str, now: datetime) -> int:
        async with self._database.work() as work:
            row = await work.session.get(TicketClock, clock_id)
            if row is None or (moment := row.next_at) is None or moment > now:
                return 0
            # A look that comes late, after a night or a standstill, tells what is overdue and not also that it soon is.
            overdue = row.due_at <= now
            claim = update(TicketClock).where(TicketClock.id == clock_id, TicketClock.next_at == moment)
            if overdue:
                claim = claim.values(next_at=None, overdue_for=row.due_at)
            else:
                claim = claim.values(next_at=row.due_at, warned_for=row.due_at)
            claimed = await work.session.execute(claim.execution_options(synchronize_session=False))
            if not (isinstance(claimed, CursorResult) and claimed.rowcount == 1):
                return 0
            ticket = await work.session.get_one(Ticket, row.ticket_id)
            kind = ClockOverdue if overdue else ClockWarned
            work.record(
                kind(
                    at=now, call_id=ticket.call_id, ticket_id=ticket.id, number=ticket.number, clock_id=row.id,
                    kind=row.kind, assignment=row.assignment, due_at=row.due_at, department=ticket.department,
                    is_emergency=ticket.is_emergency,
                )
            )  # fmt: skip
            return 1


def quiet(at: time, quiet_from: time, quiet_to: time) -> bool:
    """Whether a local time lies in the quiet hours, which may cross midnight; equal ends: there are none."""
    if quiet_from <= quiet_to:
        return quiet_from <= at < quiet_to
    return at >= quiet_from or at < quiet_to
