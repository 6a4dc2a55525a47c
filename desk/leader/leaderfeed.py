"""What all leaders' pages and walls show: figures of today with every change, the slower parts each at its own pace.

One computation serves all pages, and nothing is computed while nobody looks. What reads much (areas, trend, ranking)
runs beside the figures of today, so that these wait for none of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from core.events import Event
from desk.leader.areas import DayCounts, counted, together
from desk.leader.figures import Day, Today, since_first, tickets_base, tiles, trend_day
from desk.leader.ranking import anybody, rankings
from desk.render import static_url
from desk.services import DeskServices
from desk.statefeed import StateFeed
from desk.views import stamp
from switchboard.figures.board import Usual, compute, stretches, target_s, usuals
from switchboard.figures.tally import tally
from telephony.events import CallEvent
from ticketing.analysis.briefs import Briefs
from ticketing.analysis.opened import opened
from ticketing.assessment.period import Period
from ticketing.assessment.service import Assessed, Assessment
from ticketing.callbacks.figures import asked, waiting
from ticketing.events import TicketEvent
from ticketing.listing import IN_HAND, UNANSWERED, Wanted, how_many

log = structlog.get_logger(__name__)

#: Days of the trend, today among them, and of the heat of areas.
TREND_DAYS, AREA_DAYS = 30, 7
#: How old what is usual may become.
USUAL_FOR = timedelta(minutes=5)
#: Past days change seldom: a ticket gets another category, or joins an incident.
PAST_FOR = timedelta(minutes=30)
#: Seconds between two looks for what is too old.
LOOK_S = 1.0


@dataclass
class _Part:
    """A section that is not computed with every change."""

    name: str
    make: Callable[[datetime], Awaitable[Any]]
    good_for: timedelta
    made_at: datetime | None = None

    def due(self, now: datetime) -> bool:
        return self.made_at is None or not timedelta(0) <= now - self.made_at < self.good_for


class LeaderFeed(StateFeed):
    """One for the application; a stream for each page."""

    PACE_S = 3.0
    TICK_S = 10.0

    def __init__(self, services: DeskServices, assessment: Assessment, briefs: Briefs) -> None:
        super().__init__(services)
        self._zone = ZoneInfo(services.city.profile.timezone)
        self._assessment, self._briefs = assessment, briefs
        self._usual: dict[str, Usual] = {}
        self._past: list[Day] = []
        self._usual_at: datetime | None = None
        #: Counts of past days, by day, with when they were read.
        self._days: dict[date, tuple[datetime, DayCounts]] = {}
        self._parts = (
            _Part("areas", self._areas, timedelta(minutes=1)),
            _Part("trend", self._trend, PAST_FOR),
            _Part("hours", self._hours, timedelta(minutes=1)),
            _Part("brief", self._brief, timedelta(minutes=1)),
            _Part("ranking", self._ranking, PAST_FOR),
        )
        self._slow: dict[str, Any] = {}
        self._keeping: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await super().start()
        # Each by itself: a slow one holds none of the others.
        self._keeping = [
            asyncio.create_task(self._keep(part), name=f"desk: leaders' {part.name}") for part in self._parts
        ]

    async def close(self) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        self._keeping = []
        await super().close()

    def _heard(self, event: Event) -> None:
        if isinstance(event, CallEvent | TicketEvent) and not event.transient:
            self._wake.set()

    async def sections(self) -> dict[str, Any]:
        """Figures of today as they are now, the other sections as they were last made."""
        services = self._services
        city, now, mode = services.city, services.clock.now(), services.switchboard.modes.current
        today, *past = stretches(now, self._zone)
        targets = {line.number: target_s(line, mode) for line in city.lines}
        end = now + timedelta(seconds=1)
        async with services.database.read() as session:
            calls = await tally(session, today[0], end, targets)
            day = Day(await opened(session, today[0], end), await asked(session, today[0], end))
            in_hand = await how_many(session, Wanted(states=IN_HAND))
            overdue = await how_many(session, Wanted(states=UNANSWERED, overdue_at=now))
            waits = await waiting(session, now)
            if self._usual_at is None or not timedelta(0) <= now - self._usual_at < USUAL_FOR:
                self._usual = usuals(city, [await tally(session, *stretch, targets) for stretch in past])
                self._past = [Day(await opened(session, *s), await asked(session, *s)) for s in past]
                self._usual_at = now
        live, desks = services.switchboard.calls(), services.switchboard.agents()
        board = compute(city, mode, now, today=calls, usual=self._usual, calls=live, desks=desks)
        told = Today(end, today[0], board, day, self._past, in_hand, overdue, waits)
        return {
            "day": str(today[0].date()),
            "mode": mode.key,
            "tiles": tiles(told),
            "version": static_url("dist/leader.js"),
            **self._slow,
        }

    # -- the slower parts

    async def _keep(self, part: _Part) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._services.clock.now()
            if not self.pages or not part.due(now):
                continue
            part.made_at = now
            try:
                self._slow[part.name] = await part.make(now)
            except Exception:
                # Tried again when it is due again; what was made last is shown until then.
                log.exception("a part of the leaders' page could not be made", part=part.name)
            else:
                self._wake.set()

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(0), self._zone)

    async def _areas(self, now: datetime) -> dict[str, Any]:
        """Communities × groups and grids, of today and the days before; only today is read anew each time."""
        today = now.astimezone(self._zone).date()
        days = [today - timedelta(days=back) for back in range(AREA_DAYS)]
        self._days = {day: kept for day, kept in self._days.items() if day in days and day != today}
        end = now + timedelta(seconds=1)
        for day in days:
            at, _ = self._days.get(day, (None, None))
            if at is None or not timedelta(0) <= now - at < PAST_FOR:
                until = min(self._midnight(day + timedelta(days=1)), end)
                facts = await self._services.analysis.facts(self._midnight(day), until, grids=True)
                self._days[day] = now, counted(facts)
        base = tickets_base(self._midnight(days[-1]), end)
        return {"base": base, "days": AREA_DAYS, **together([counts for _, counts in self._days.values()])}

    async def _trend(self, now: datetime) -> list[dict[str, Any]]:
        """The days before today, the first first; none before there was anything."""
        today, found = now.astimezone(self._zone).date(), []
        for back in range(TREND_DAYS - 1, 0, -1):
            day = today - timedelta(days=back)
            begin, end = self._midnight(day), self._midnight(day + timedelta(days=1))
            async with self._services.database.read() as session:
                calls = sum(one.counts.offered for one in await tally(session, begin, end, {}))
                found.append(trend_day(day, begin, end, calls, await opened(session, begin, end)))
        return since_first(found)

    async def _hours(self, _now: datetime) -> dict[str, Any] | None:
        """Weekday × hour as the latest look of the analysis counted it."""
        look = await self._services.analysis.latest()
        if look is None:
            return None
        since, until = (datetime.fromisoformat(look.picture[name]) for name in ("heat_since", "until"))
        return {
            "base": tickets_base(since, until), "since": stamp(since), "until": stamp(until),
            "counts": look.picture["heat"][""],
        }  # fmt: skip

    async def _brief(self, _now: datetime) -> dict[str, Any] | None:
        row = await self._briefs.latest()
        return None if row is None else {"id": row.id, "kind": row.kind, "at": stamp(row.issued_at), "body": row.body}

    async def _ranking(self, _now: datetime) -> dict[str, Any]:
        """This month's; the last month's while nobody of this one has enough cases."""
        assessed, found = await self._ranked(self._assessment.current)
        if not anybody(found):
            before, earlier = await self._ranked(self._assessment.current.before)
            if anybody(earlier):
                assessed, found = before, earlier
        return {
            "period": assessed.period.key, "version": assessed.frozen.version if assessed.frozen else 0,
            "at": stamp(assessed.at), "minimum": assessed.rules.minimum, "tiers": found,
        }  # fmt: skip

    async def _ranked(self, period: Period) -> tuple[Assessed, list[dict[str, Any]]]:
        assessed = await self._assessment.of(period, {})
        rules = assessed.rules
        return assessed, rankings(assessed.tables["departments"], rules.tiers, rules.minimum)
