"""Tickets as the analysis sees them, read in one query."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from ticketing.analysis.places import Placer, Spot
from ticketing.dispatch.tables import TicketScene
from ticketing.events import TicketState
from ticketing.grids import Grids
from ticketing.tables import Ticket, TicketLink


@dataclass(frozen=True, slots=True)
class Fact:
    """One matter: a ticket that is no other ticket's child, so that ten callers of one fire are one fire."""

    id: str
    number: str
    #: When it was opened, in the city's zone.
    at: datetime
    line: str
    code: str
    #: First level of its category.
    group: str
    nature: str
    emergency: bool
    spot: Spot
    #: Digits of the caller; empty where nobody knows.
    caller: str
    summary: str
    state: TicketState
    department: str
    satisfaction: str
    reopened: int
    due_at: datetime | None = None
    #: When its result came.
    reported_at: datetime | None = None
    #: Words of its summary, for those that are counted (:mod:`ticketing.analysis.words`).
    words: frozenset[str] = frozenset()
    #: Key of the grid in which its point lies; empty where there is none, or nobody asked.
    grid: str = ""

    @property
    def day(self) -> date:
        return self.at.date()

    @property
    def hour(self) -> int:
        """Hours since the beginning of the calendar, local."""
        return self.at.toordinal() * 24 + self.at.hour


_COLUMNS = (
    Ticket.id, Ticket.number, Ticket.created_at, Ticket.line, Ticket.code, Ticket.nature, Ticket.is_emergency,
    Ticket.place, Ticket.caller_digits, Ticket.summary, Ticket.state, Ticket.department, Ticket.satisfaction,
    Ticket.reopened, Ticket.due_at, Ticket.reported_at, TicketScene.lon, TicketScene.lat,
)  # fmt: skip

#: Which tickets are facts. For queries that join :class:`TicketLink` by its child.
ARE_FACTS = (Ticket.code != "", TicketLink.child_id.is_(None))


async def facts(
    session: AsyncSession,
    city: City,
    since: datetime,
    until: datetime,
    placer: Placer,
    cut: Callable[[str], frozenset[str]] | None = None,
    grids: Grids | None = None,
) -> list[Fact]:
    """Tickets with a category, opened from ``since`` until before ``until``, the oldest first; words if ``cut``, grids
    if ``grids``.

    Read day by day, and made into facts in a thread: whoever else works in this process goes on meanwhile.
    """
    groups = {category.code: group.code for group in city.taxonomy for category in group.categories}
    zone = ZoneInfo(city.profile.timezone)
    query = (
        select(*_COLUMNS)
        .outerjoin(TicketScene, TicketScene.ticket_id == Ticket.id)
        .outerjoin(TicketLink, TicketLink.child_id == Ticket.id)
        .where(*ARE_FACTS)
        .order_by(Ticket.created_at, Ticket.id)
    )
    found: list[Fact] = []
    while since < until:
        end = min(until, since + timedelta(days=1))
        rows = (await session.execute(query.where(Ticket.created_at >= since, Ticket.created_at < end))).all()
        if rows:
            found += await asyncio.to_thread(_made, rows, zone, groups, placer, cut, grids)
        since = end
    return found


def _made(
    rows: Sequence[Any], zone: ZoneInfo, groups: dict[str, str], placer: Placer,
    cut: Callable[[str], frozenset[str]] | None, grids: Grids | None,
) -> list[Fact]:  # fmt: skip
    found = []
    for row in rows:
        spot = placer.find(row.place)
        if row.lon is not None and row.lat is not None:
            spot = Spot(spot.town, spot.community, (row.lat, row.lon))
        grid = grids.at(spot.point[1], spot.point[0]) if grids is not None and spot.point is not None else None
        found.append(
            Fact(
                id=row.id, number=row.number, at=row.created_at.astimezone(zone), line=row.line, code=row.code,
                group=groups.get(row.code, row.code[:3]), nature=row.nature, emergency=row.is_emergency, spot=spot,
                caller=row.caller_digits, summary=row.summary, state=row.state, department=row.department,
                satisfaction=row.satisfaction, reopened=row.reopened, due_at=row.due_at, reported_at=row.reported_at,
                words=cut(row.summary) if cut else frozenset(), grid=grid.key if grid else "",
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which facts a figure counts; what is empty or None asks nothing. Every figure on a page is one of these."""

    since: datetime | None = None
    until: datetime | None = None
    town: str = ""
    community: str = ""
    group: str = ""
    code: str = ""
    line: str = ""
    nature: str = ""
    word: str = ""
    caller: str = ""
    #: Key of a grid; needs facts with grids.
    grid: str = ""
    emergency: bool | None = None
    #: 0 Monday … 6 Sunday, and the hour of the day.
    weekday: int | None = None
    hour: int | None = None
    #: ``satisfied``, ``unsatisfied``, ``asked`` (either), ``late``, ``in_time``, ``open``, ``closed``, ``reopened``.
    outcome: str = ""
    ids: frozenset[str] | None = None

    def has(self, fact: Fact, now: datetime | None = None) -> bool:
        """``now``: until when a result that has not come counts as late (aware)."""
        return (
            (self.since is None or fact.at >= self.since)
            and (self.until is None or fact.at < self.until)
            and (not self.town or fact.spot.town == self.town)
            and (not self.community or fact.spot.community == self.community)
            and (not self.grid or fact.grid == self.grid)
            and (not self.group or fact.group == self.group)
            and (not self.code or fact.code == self.code)
            and (not self.line or fact.line == self.line)
            and (not self.nature or fact.nature == self.nature)
            and (not self.word or self.word in fact.words)
            and (not self.caller or fact.caller == self.caller)
            and (self.emergency is None or fact.emergency == self.emergency)
            and (self.weekday is None or fact.at.weekday() == self.weekday)
            and (self.hour is None or fact.at.hour == self.hour)
            and (not self.outcome or outcome(fact, self.outcome, now))
            and (self.ids is None or fact.id in self.ids)
        )


def outcome(fact: Fact, name: str, now: datetime | None) -> bool:
    """Whether a fact has come to this."""
    match name:
        case "satisfied" | "unsatisfied":
            return fact.satisfaction == name
        case "asked":
            return fact.satisfaction in ("satisfied", "unsatisfied")
        case "closed" | "open":
            return (fact.state == "closed") == (name == "closed")
        case "reopened":
            return fact.reopened > 0
        case "in_time" | "late":
            if fact.due_at is None:
                return False
            # A ticket that is still in time is neither.
            done = fact.reported_at or now
            if done is None or (fact.reported_at is None and done <= fact.due_at):
                return False
            return (done <= fact.due_at) == (name == "in_time")
    return False


def within(facts: Sequence[Fact], where: Where, now: datetime | None = None) -> list[Fact]:
    return [fact for fact in facts if where.has(fact, now)]
