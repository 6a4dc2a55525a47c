"""Weekly and monthly briefs: reckoned, issued once, kept as they were."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer

from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError
from ticketing.actor import Actor
from ticketing.analysis import brief
from ticketing.analysis.facts import Fact
from ticketing.analysis.service import Analysis
from ticketing.analysis.tables import AnalysisBrief, BriefKind

#: A warning is seen after what it warns of: the first look on Monday morning tells of Sunday.
_BEHIND = timedelta(hours=12)
#: A brief's sentences by language, from its figures.
Body = dict[str, Any]
Worded = Callable[[BriefKind, date, dict[str, Any]], Body]


@dataclass(frozen=True)
class Draft:
    """A brief as it would be now."""

    kind: BriefKind
    start: date
    at: datetime
    figures: dict[str, Any]
    tickets: list[Fact]


class BriefMissing(HeyiError):
    """There is no such brief."""


class Briefs:
    """The service of briefs."""

    def __init__(self, database: Database, analysis: Analysis, clock: Clock) -> None:
        self._database = database
        self._analysis = analysis
        self._clock = clock

    def over(self, kind: BriefKind) -> list[date]:
        """First days of the last periods that are over, the latest first: eight weeks, six months."""
        start = brief.begins(kind, self._clock.now().astimezone(self._analysis.zone).date())
        found = []
        for _ in range(8 if kind == "week" else 6):
            start = brief.former(kind, start)
            found.append(start)
        return found

    async def draft(self, kind: BriefKind, start: date) -> Draft:
        """:class:`HeyiError` where no period begins on that day, or it is not over, or lies in another century."""
        now, zone = self._clock.now(), self._analysis.zone
        if start.year not in brief.YEARS:
            raise HeyiError("只能出具2000年至2099年的简报", hint=start.isoformat())
        if start != brief.begins(kind, start):
            raise HeyiError("没有从这一天开始的周期", hint=start.isoformat())
        end = brief.following(kind, start)
        if brief.moment(end, zone) > now:
            raise HeyiError("本期尚未结束，结束后才能出具")

        async def of(first: date, last: date, *, words: bool = False) -> list[Fact]:
            return await self._analysis.facts(brief.moment(first, zone), brief.moment(last, zone), words=words)

        tickets = await of(start, end, words=True)
        before = await of(brief.former(kind, start), start, words=True)
        ago = brief.year_before(kind, start)
        earlier = await of(ago, brief.following(kind, ago))
        found = await asyncio.to_thread(
            lambda: brief.figures(
                tickets, before, earlier, now, repeat_from=self._analysis.city.analysis.repeats,
                watched=self._analysis.watched,
            )
        )  # fmt: skip
        since, until = brief.moment(start, zone), brief.moment(end, zone)
        warnings = await self._analysis.warnings(since, until + _BEHIND)
        found["warnings"] = [
            {
                "id": w.id, "kind": w.kind, "town": w.town, "community": w.community, "code": w.code, "word": w.word,
                "window": w.window, "count": w.count, "usual": w.usual, "noted": bool(w.noted_at), "note": w.note,
            }
            for w in warnings
            if since <= w.first_at - _BEHIND < until
        ]  # fmt: skip
        return Draft(kind, start, now, found, tickets)

    async def issue(self, kind: BriefKind, start: date, actor: Actor, worded: Worded) -> AnalysisBrief:
        """Keep it as it is now. :class:`Conflict` where it is issued already."""
        draft = await self.draft(kind, start)
        row = AnalysisBrief(
            kind=kind, start=start, issued_at=draft.at, who=actor.login, figures=draft.figures,
            body=worded(kind, start, draft.figures), tickets=await asyncio.to_thread(brief.frozen, draft.tickets),
        )  # fmt: skip
        try:
            async with self._database.work() as work:
                work.session.add(row)
        except IntegrityError as error:
            raise Conflict("这一期已经出具") from error
        return row

    async def issued(self) -> list[AnalysisBrief]:
        """All briefs without their tickets, the latest first."""
        query = select(AnalysisBrief).options(defer(AnalysisBrief.tickets), defer(AnalysisBrief.body))
        async with self._database.read() as session:
            return list(await session.scalars(query.order_by(AnalysisBrief.start.desc(), AnalysisBrief.kind)))

    async def latest(self) -> AnalysisBrief | None:
        """The one that was issued last, without its tickets."""
        query = select(AnalysisBrief).options(defer(AnalysisBrief.tickets)).order_by(AnalysisBrief.issued_at.desc())
        async with self._database.read() as session:
            found: AnalysisBrief | None = await session.scalar(query.limit(1))
            return found

    async def get(self, brief_id: int) -> AnalysisBrief:
        async with self._database.read() as session:
            row = await session.get(AnalysisBrief, brief_id)
        if row is None:
            raise BriefMissing("没有找到这份简报")
        return row


def last_day(kind: BriefKind, start: date) -> date:
    return brief.following(kind, start) - timedelta(days=1)
