"""Sends tickets a level up once the city's time for a level is over."""

import asyncio

import structlog
from sqlalchemy import update

from core.clock import Clock
from core.database import Database
from core.errors import NotAllowed
from ticketing.actor import SYSTEM
from ticketing.assign.service import Assignments, ticket_ids_due_up
from ticketing.assign.tables import Assignment

log = structlog.get_logger(__name__)


class LevelWatch:
    """One or more for each database: a part goes up once, whoever of them is first. ``poll_s``: between two looks."""

    def __init__(self, database: Database, assignments: Assignments, clock: Clock, *, poll_s: float = 5.0) -> None:
        self._database = database
        self._assignments = assignments
        self._clock = clock
        self._poll_s = poll_s

    async def run(self) -> None:
        """Look until cancelled; a look that fails is logged and the next one tries again."""
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("tickets could not be sent up")
            await asyncio.sleep(self._poll_s)

    async def tick(self) -> int:
        """One look; returns how many tickets it sent up."""
        sent = 0
        for ticket_id, part_id in await ticket_ids_due_up(self._database, self._clock.now()):
            try:
                await self._assignments.escalate(ticket_id, SYSTEM, "本级逾期未办结", part_id=part_id)
                sent += 1
            except NotAllowed as refused:
                # Nobody above any more (the city's data has changed): asked again, the answer would be the same.
                log.warning("a ticket cannot go up", ticket=ticket_id, why=refused.message)
                async with self._database.work() as work:
                    await work.session.execute(update(Assignment).where(Assignment.id == part_id).values(up_at=None))
        return sent
