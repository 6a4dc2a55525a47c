"""Draws each shift some time after it is over, where the city's plan says so."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import select

from core.city_quality import CityQuality, QualityShift
from core.clock import Clock
from core.database import Database
from core.errors import Conflict
from quality.reviews.service import Reviews
from quality.reviews.tables import QualityDraw
from quality.sampling.assign import Reviewer
from quality.sampling.population import span
from ticketing.actor import SYSTEM

log = structlog.get_logger(__name__)

#: Shifts that have been over for longer are drawn by hand alone.
BACK = timedelta(days=3)
Shift = tuple[date, QualityShift]


class DrawWatch:
    """One or more for each database: a shift is drawn once, whoever comes first.

    ``reviewers``: who may review now. While there is nobody nothing is drawn: a draw that nobody can take would be made
    and could not be made again. A shift without calls is left, too; its calls may come later, from the event files.
    """

    def __init__(
        self, database: Database, clock: Clock, reviews: Reviews, plan: CityQuality,
        reviewers: Callable[[], Awaitable[Sequence[Reviewer]]], *, poll_s: float = 300,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._reviews, self._plan = database, clock, reviews, plan
        self._reviewers, self._poll_s = reviewers, poll_s

    async def run(self) -> None:
        """Look until cancelled; a look that fails is logged and the next one tries again."""
        while True:
            try:
                await self.tick()
            except Exception:
                log.exception("shifts could not be drawn")
            await asyncio.sleep(self._poll_s)

    async def tick(self) -> int:
        """One look; returns how many shifts were drawn."""
        if not self._plan.draw_itself:
            return 0
        now, after = self._clock.now(), timedelta(hours=self._plan.draw_after_h)
        shifts = await undrawn(self._database, self._reviews, self._plan, now - after, BACK)
        if not shifts:
            return 0
        people = await self._reviewers()
        if not people:
            return 0
        drawn = 0
        for day, shift in shifts:
            if not (await self._reviews.preview(day, shift, people)).population:
                continue
            try:
                await self._reviews.draw(day, shift, people, SYSTEM)
            except Conflict:
                continue  # somebody else was sooner
            drawn += 1
        return drawn


async def undrawn(
    database: Database, reviews: Reviews, plan: CityQuality, until: datetime, back: timedelta
) -> list[Shift]:
    """Shifts that were over by ``until`` and ended within ``back`` before it, without a draw; the oldest first."""
    last = until.astimezone(reviews.zone).date()
    days = [last - timedelta(days=n) for n in range(back.days + 1, -1, -1)]
    async with database.read() as session:
        rows = await session.execute(select(QualityDraw.day, QualityDraw.shift).where(QualityDraw.day >= days[0]))
        done = {(day, key) for day, key in rows}
    found: list[tuple[datetime, Shift]] = []
    for day in days:
        for shift in plan.shifts:
            end = span(day, shift, reviews.zone)[1]
            if until - back < end <= until and (day, shift.key) not in done:
                found.append((end, (day, shift)))
    return [shift for _, shift in sorted(found, key=lambda one: one[0])]
