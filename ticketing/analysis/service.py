"""Looks through the tickets at the city's hours and when a person asks; keeps what it finds."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError
from ticketing.actor import Actor
from ticketing.analysis.events import MatterRising
from ticketing.analysis.facts import Fact, facts
from ticketing.analysis.pattern import kinds_of
from ticketing.analysis.picture import picture
from ticketing.analysis.places import Placer
from ticketing.analysis.rising import LEAST_DAYS, Judged, Rising, budgets, folded, judge
from ticketing.analysis.tables import AnalysisLook, AnalysisWarning
from ticketing.analysis.tally import HOURS, Cell, Kind, Window, cells_of, tallies
from ticketing.analysis.words import Cutter, shared
from ticketing.clocks.calendar import WorkCalendar
from ticketing.grids import Grids

#: A matter that is seen again within this time is still the same.
SAME = timedelta(days=7)


@dataclass(frozen=True)
class Seen:
    """What one look found."""

    told: Sequence[tuple[Rising, Sequence[Rising]]]
    tickets: Mapping[Cell, frozenset[str]]
    words: Mapping[Cell, Sequence[str]]
    #: Category that most tickets of a cell have.
    details: Mapping[Cell, str]
    days: int
    cells: int
    false_alarms: float
    picture: dict[str, Any]


class Analysis:
    """The service of this room."""

    def __init__(self, database: Database, city: City, clock: Clock) -> None:
        self._database = database
        self.city = city
        self._clock = clock
        self.zone = ZoneInfo(city.profile.timezone)
        self.placer = Placer(city)
        self._grids = Grids(city.dispatch.grids)
        self._kind = kinds_of(WorkCalendar(city.calendar, city.profile.timezone))
        self._cut: Cutter | None = None
        self._looking = asyncio.Lock()

    async def cutter(self) -> Cutter:
        """Made when it is first needed: its word list takes a second to read."""
        if self._cut is None:
            without = self.placer.words | {self.city.profile.name, *self.city.analysis.stop_words}
            self._cut = await asyncio.to_thread(Cutter, without)
        return self._cut

    async def facts(self, since: datetime, until: datetime, *, words: bool = False, grids: bool = False) -> list[Fact]:
        """Tickets with a category of a time, the oldest first."""
        cut = await self.cutter() if words else None
        async with self._database.read() as session:
            return await facts(session, self.city, since, until, self.placer, cut, self._grids if grids else None)

    # --- looks --------------------------------------------------------------------------------------------------------

    def due(self, now: datetime) -> datetime:
        """The latest of the city's hours that has come (UTC)."""
        local = now.astimezone(self.zone)
        days = (local.date() - timedelta(days=back) for back in (0, 1))
        moments = (datetime.combine(day, hour, self.zone) for day in days for hour in self.city.analysis.hours)
        return max(moment for moment in moments if moment <= local).astimezone(UTC)

    async def look(self, actor: Actor | None = None) -> AnalysisLook:
        """Look through the tickets: a person at those before this full hour, software before the latest of its hours.

        A look that there is already is not made again. :class:`Conflict` where people have looked as often today as
        the city's rate of false alarms bears.
        """
        async with self._looking:
            now = self._clock.now()
            until = self.due(now) if actor is None else now.replace(minute=0, second=0, microsecond=0)
            async with self._database.read() as session:
                if (there := await _look_of(session, until)) is not None:
                    return there
                if actor is not None:
                    await self._bearable(session, now)
            began = time.process_time()
            seen = await self._seen(until)
            took = time.process_time() - began
            row = AnalysisLook(
                until=until, at=now, who=actor.login if actor else "", tickets=seen.picture["looked"], days=seen.days,
                cells=seen.cells, false_alarms=seen.false_alarms, took_s=round(took, 2), picture=seen.picture,
            )  # fmt: skip
            try:
                async with self._database.work() as work:
                    work.session.add(row)
                    await work.session.flush()
                    await self._keep(work, seen, until)
            except IntegrityError:
                # Another process had the same hour.
                async with self._database.read() as session:
                    if (there := await _look_of(session, until)) is not None:
                        return there
                raise
            return row

    async def _bearable(self, session: AsyncSession, now: datetime) -> None:
        today = now.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        asked = select(func.count()).where(AnalysisLook.at >= today, AnalysisLook.who != "")
        if (await session.scalar(asked) or 0) >= self.city.analysis.by_hand:
            raise Conflict("今天手动研判的次数已用完：多看一次，就多一分误报")

    async def _seen(self, until: datetime) -> Seen:
        setting, local = self.city.analysis, until.astimezone(self.zone)
        found = await self.facts(local - timedelta(weeks=setting.weeks + 1), until, words=True)
        return await asyncio.to_thread(self._judged, found, local)

    def _judged(self, found: Sequence[Fact], local: datetime) -> Seen:
        setting = self.city.analysis
        end = local.toordinal() * 24 + local.hour
        days = (end - HOURS["week"] - found[0].hour) // 24 if found else 0
        judged: list[Judged] = []
        if days >= LEAST_DAYS:
            counted = tallies(found, end, setting.weeks, self._kind, self._places(), self.watched)
            budget = budgets(setting.false_per_week, len(setting.hours) + setting.by_hand)
            for window in HOURS:
                judged.append(judge(counted[window], budget[window], least=setting.least, rise=setting.rise))
        rising = _clearest([one for each in judged for one in each.rising])
        members = {one.cell: self._members(found, one, end) for one in rising}
        tickets = {cell: frozenset(fact.id for fact in own) for cell, own in members.items()}
        drawn = picture(found, local, setting, self.watched)
        return Seen(
            folded(rising, tickets), tickets, {cell: shared(own) for cell, own in members.items()},
            {cell: _detail(cell, own) for cell, own in members.items()}, max(days, 0),
            sum(each.cells for each in judged), sum(each.false for each in judged), {**drawn, "looked": len(found)},
        )  # fmt: skip

    def watched(self, fact: Fact) -> bool:
        """Whether the city wants this category watched."""
        return not fact.code.startswith(self.city.analysis.left_out)

    def _places(self) -> dict[Kind, int]:
        return {"town": len(self.city.towns), "community": sum(len(town.communities) for town in self.city.towns)}

    def _members(self, found: Sequence[Fact], one: Rising, end: int) -> list[Fact]:
        begin, cell = end - HOURS[one.window], one.cell
        return [
            fact
            for fact in found
            if begin <= fact.hour < end
            and self.watched(fact)
            and (cell.word in fact.words if cell.word else any(own == cell for own, _ in cells_of(fact)))
        ]

    async def _keep(self, work: Work, seen: Seen, until: datetime) -> None:
        for one, same in seen.told:
            keys = [one.cell.key, *(other.cell.key for other in same)]
            query = (
                select(AnalysisWarning)
                .where(AnalysisWarning.key.in_(keys), AnalysisWarning.last_at >= until - SAME)
                .order_by(AnalysisWarning.last_at.desc(), AnalysisWarning.first_at)
            )
            row = (await work.session.scalars(query)).first()
            new = row is None
            if row is None:
                row = AnalysisWarning(first_at=until)
                work.session.add(row)
            cell = one.cell
            if not new and one.cell.key != row.key and not set(row.tickets) & seen.tickets[cell]:
                # What was folded into it has gone on without it.
                row = AnalysisWarning(first_at=until)
                work.session.add(row)
                new = True
            row.key, row.kind, row.town, row.community = cell.key, cell.kind, cell.town, cell.community
            row.code, row.word, row.window = cell.code, cell.word, one.window
            row.count, row.usual, row.threshold, row.chance = one.count, round(one.usual, 2), one.threshold, one.chance
            row.series, row.words, row.last_at = list(one.series), list(seen.words[cell]), until
            row.detail = seen.details[cell]
            row.same = [_plain(other) for other in same]
            row.tickets = sorted(seen.tickets[cell])
            if new:
                await work.session.flush()
                work.record(
                    MatterRising(
                        at=self._clock.now(), warning=row.id, kind=cell.kind, town=cell.town, community=cell.community,
                        code=cell.code, word=cell.word, window=one.window, count=one.count, usual=row.usual,
                    )
                )  # fmt: skip

    # --- what people see and do ---------------------------------------------------------------------------------------

    async def latest(self, look: int = 0) -> AnalysisLook | None:
        """The latest look, or the one of this id."""
        query = select(AnalysisLook).order_by(AnalysisLook.until.desc()).limit(1)
        async with self._database.read() as session:
            return await session.scalar(query.where(AnalysisLook.id == look) if look else query)

    async def warnings(self, since: datetime, until: datetime | None = None) -> list[AnalysisWarning]:
        """Warnings that were seen from ``since`` on, and first seen before ``until``; the latest first."""
        query = select(AnalysisWarning).where(AnalysisWarning.last_at >= since)
        if until is not None:
            query = query.where(AnalysisWarning.first_at < until)
        async with self._database.read() as session:
            found = await session.scalars(query.order_by(AnalysisWarning.first_at.desc(), AnalysisWarning.chance))
            return list(found)

    async def warning(self, warning_id: str) -> AnalysisWarning:
        async with self._database.read() as session:
            row = await session.get(AnalysisWarning, warning_id)
        if row is None:
            raise WarningMissing("没有找到这条预警")
        return row

    async def note(self, warning_id: str, actor: Actor, note: str) -> None:
        """Somebody has seen it, and says what is done."""
        text = note.strip()
        if not text:
            raise HeyiError("请写明如何处置")
        async with self._database.work() as work:
            row = await work.session.get(AnalysisWarning, warning_id)
            if row is None:
                raise WarningMissing("没有找到这条预警")
            row.noted_at, row.noted_by, row.note = self._clock.now(), actor.login, text


class WarningMissing(HeyiError):
    """There is no such warning."""


async def _look_of(session: AsyncSession, until: datetime) -> AnalysisLook | None:
    found: AnalysisLook | None = await session.scalar(select(AnalysisLook).where(AnalysisLook.until == until))
    return found


def _clearest(rising: Sequence[Rising]) -> list[Rising]:
    """Each cell once: by the window in which it is least probable."""
    best: dict[Cell, Rising] = {}
    for one in rising:
        if one.cell not in best or one.chance < best[one.cell].chance:
            best[one.cell] = one
    return sorted(best.values(), key=lambda one: one.chance)


def _detail(cell: Cell, members: Sequence[Fact]) -> str:
    if cell.kind == "category" or not members:
        return ""
    code, count = Counter(fact.code for fact in members).most_common(1)[0]
    return code if 2 * count > len(members) else ""


def _plain(one: Rising) -> dict[str, Any]:
    cell, window = one.cell, one.window
    return {
        "kind": cell.kind, "town": cell.town, "community": cell.community, "code": cell.code, "word": cell.word,
        "window": window, "count": one.count, "usual": round(one.usual, 2),
    }  # fmt: skip


def window_of(warning: AnalysisWarning) -> tuple[datetime, datetime]:
    """The time in which its tickets were counted."""
    window: Window = warning.window
    return warning.last_at - timedelta(hours=HOURS[window]), warning.last_at
