"""Lists of tickets: filtered, searched, and read page by page from where the last one ended.

No page counts what lies before it (keyset), so that the thousandth costs what the first does. One filter is read from
an index in the order of the list; several, and words, are met in the search's index, whose rows lie in order of time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record.gramtable import place_at, term, weeks
from core.errors import HeyiError
from ticketing.assign.tables import Assignment
from ticketing.events import TicketState
from ticketing.index import INDEX, TicketEntry
from ticketing.sources import USUAL
from ticketing.tables import Ticket

#: Tickets of one page.
PAGE = 50
#: Tickets that are looked through one by one on PostgreSQL before its index is asked: 5 ms.
LATEST = 4_000
#: Matches among them from which it is reckoned how many weeks hold a page, and the most weeks that are worth naming.
ENOUGH, WEEKS = 3, 40
#: Filed and not closed (在办); and those of them without a result: past their due time they are overdue (逾期).
IN_HAND: tuple[TicketState, ...] = ("filed", "dispatched", "handling", "reported", "callback")
UNANSWERED: tuple[TicketState, ...] = ("filed", "dispatched", "handling")
OPEN: tuple[TicketState, ...] = tuple(state for state in get_args(TicketState) if state != "closed")
_USUAL: tuple[TicketState, ...] = ("closed",)
# In the statement itself: an index of open tickets alone serves only who asks in just these words.
IS_OPEN = Ticket.state != literal_column("'closed'")

#: ``newest``: the latest opened first. ``due``: open tickets that have a due time, the earliest first.
Order = Literal["newest", "due"]

#: What one index of the tickets tells, in the order of their time.
_ORDERED: tuple[set[str], ...] = (
    set(), {"open"}, {"states"}, {"department"}, {"department", "states"}, {"code"}, {"line"}, {"agent"}, {"flow"},
    {"source"},
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which tickets; what is empty or None asks nothing."""

    states: tuple[TicketState, ...] = ()
    #: Key of a flow, and of a step in it.
    flow: str = ""
    step: str = ""
    #: Key of the main department; with ``assisting`` also where it only assists.
    department: str = ""
    assisting: bool = False
    code: str = ""
    line: str = ""
    #: Of :data:`ticketing.sources.SOURCES`.
    source: str = ""
    emergency: bool | None = None
    #: Level of the city at which the main department's part lies (``assignments``).
    level: str = ""
    #: Login of the call taker.
    agent: str = ""
    #: Open, and due before this moment.
    overdue_at: datetime | None = None
    #: Opened from ``since`` until before ``until``.
    since: datetime | None = None
    until: datetime | None = None
    #: Number of the caller or contact, as :func:`core.phones.normal` has it.
    phone: str = ""
    #: As :func:`asr.record.grams.phrases` gives them: all in one ticket.
    phrases: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """Tickets in their order, and where the next page begins: empty at the end."""

    tickets: Sequence[Ticket]
    next: str


async def page(
    session: AsyncSession, wanted: Wanted, *, after: str = "", order: Order = "newest", limit: int = PAGE
) -> Page:
    """The tickets wanted, from where the page before ended (``Page.next``); :class:`HeyiError` for any other mark."""
    if order == "due":
        return await _by_due(session, wanted, after, limit)
    by_time = wanted.phone or wanted.overdue_at or _asked(wanted) in _ORDERED or not _terms(wanted)
    if wanted.phrases or not by_time:
        return await _by_terms(session, wanted, after, limit)
    return await _by_time(session, wanted, after, limit)


async def how_many(session: AsyncSession, wanted: Wanted) -> int:
    """How many there are, without words: for figures of what is open, not for pages of everything."""
    query = select(func.count()).select_from(Ticket).where(*_conditions(wanted), *_dates(wanted))
    return await session.scalar(query) or 0


def _asked(wanted: Wanted) -> set[str]:
    asked = {
        name for name in ("flow", "step", "department", "code", "line", "agent", "source") if getattr(wanted, name)
    }
    if wanted.department and wanted.assisting:
        asked.add("assisting")
    if wanted.emergency is not None:
        asked.add("emergency")
    if wanted.states:
        asked.add("open" if set(wanted.states) == set(OPEN) else "states")
    if "states" in asked and len(wanted.states) > 1:
        asked.add("several states")
    return asked


# --- the three ways ---------------------------------------------------------------------------------------------------


async def _by_time(session: AsyncSession, wanted: Wanted, after: str, limit: int) -> Page:
    query = select(Ticket).where(*_conditions(wanted), *_dates(wanted))
    if after:
        at, last = _mark(after)
        query = query.where(Ticket.created_at <= at, or_(Ticket.created_at < at, Ticket.id < last))
    query = query.order_by(Ticket.created_at.desc(), Ticket.id.desc())
    return await _cut(session, query, limit, lambda ticket: _moment(ticket.created_at, ticket.id))


async def _by_due(session: AsyncSession, wanted: Wanted, after: str, limit: int) -> Page:
    query = select(Ticket).where(*_conditions(wanted), *_dates(wanted), IS_OPEN, Ticket.due_at.is_not(None))
    if wanted.phrases:
        found = select(TicketEntry.ticket_id).join(INDEX.table, INDEX.table.c.rowid == TicketEntry.place)
        of_open = [[term("s", state) for state in OPEN]]
        query = query.where(Ticket.id.in_(found.where(INDEX.found(_dialect(session), wanted.phrases, of_open))))
    if after:
        at, last = _mark(after)
        query = query.where(Ticket.due_at >= at, or_(Ticket.due_at > at, Ticket.id > last))
    query = query.order_by(Ticket.due_at, Ticket.id)
    return await _cut(
        session, query, limit, lambda ticket: f"{ticket.due_at and ticket.due_at.isoformat()}~{ticket.id}"
    )


async def _by_terms(session: AsyncSession, wanted: Wanted, after: str, limit: int) -> Page:
    places, within = INDEX.table.c.rowid, []
    if after:
        within.append(places < _place(after))
    if wanted.until is not None:
        within.append(places < place_at(wanted.until))
    if wanted.since is not None:
        within.append(places >= place_at(wanted.since))
    if wanted.phrases and _dialect(session) == "postgresql":
        rows = await _of_postgres(session, wanted, within, limit)
    else:
        rows = await _found(session, wanted, within, limit)
    return Page([ticket for _, ticket in rows[:limit]], str(rows[limit - 1][0]) if len(rows) > limit else "")


async def _of_postgres(
    session: AsyncSession, wanted: Wanted, within: Sequence[ColumnElement[bool]], limit: int
) -> Sequence[tuple[int, Ticket]]:
    """What PostgreSQL should do is said to it: it takes the pairs of a phrase for independent, so a frequent phrase for
    a rare one, of which it would fetch every ticket, and one that nobody said for one that it will meet soon.
    """
    table = INDEX.table
    # Nothing is asked below a LIMIT, so no index answers it: rows are read from the latest until there are enough.
    latest = select(table).where(*within).order_by(table.c.rowid.desc()).limit(LATEST).subquery()
    rows = await _found(session, wanted, (), limit, latest)
    if len(rows) > limit:
        return rows
    if _besides(wanted):
        met = select(latest.c.rowid).where(_matching(session, wanted, latest)).limit(limit + 1)
        if len((await session.scalars(met)).all()) > limit:
            # Frequent, but not with what is asked besides: all of it one by one, until there are enough.
            back = select(table).where(*within).order_by(table.c.rowid.desc()).offset(0).subquery()
            return await _found(session, wanted, (), limit, back)
    if these := recent([place for place, _ in rows], limit):
        in_them = INDEX.found("postgresql", (), [[term("z", str(week)) for week in these]])
        rows = await _found(session, wanted, [*within, in_them], limit, by_index=True)
        if len(rows) > limit:
            return rows
    return await _found(session, wanted, within, limit, by_index=True)


def recent(met: Sequence[int], limit: int) -> list[int]:
    """The weeks in which more than ``limit`` matches should lie, twice as many to be sure, by the places of the latest
    ones. Empty: so rare that all may be asked for.
    """
    if len(met) < ENOUGH:
        return []
    between = (met[0] - met[-1]) // (len(met) - 1)
    found = weeks(met[0] - 2 * between * (limit + 1), met[0])
    return found if len(found) <= WEEKS else []


def _matching(session: AsyncSession, wanted: Wanted, of: FromClause = INDEX.table) -> ColumnElement[bool]:
    return INDEX.found(_dialect(session), wanted.phrases, _terms(wanted), of.c.grams)


async def _found(
    session: AsyncSession,
    wanted: Wanted,
    within: Sequence[ColumnElement[bool]],
    limit: int,
    of: FromClause = INDEX.table,
    by_index: bool = False,
) -> Sequence[tuple[int, Ticket]]:
    """One more than ``limit``, the latest first, of these rows of the index."""
    matches, besides = [_matching(session, wanted, of), *within], _besides(wanted)

    def latest(place: ColumnElement[int]) -> ColumnElement[int]:
        # No index of places has the order of a sum: the other one is left.
        return (place + 0 if by_index else place).desc()

    # Outer joins keep the index of words in front, which gives the latest first.
    chosen = select(of.c.rowid).where(*matches).order_by(latest(of.c.rowid)).limit(limit + 1).subquery()
    first = of if besides else chosen
    query = (
        select(first.c.rowid, Ticket)
        .select_from(first.outerjoin(TicketEntry, TicketEntry.place == first.c.rowid))
        .outerjoin(Ticket, Ticket.id == TicketEntry.ticket_id)
        .order_by(latest(first.c.rowid))
        .limit(limit + 1)
    )
    if besides:
        query = query.where(*matches, *besides)
    return [(place, ticket) for place, ticket in await session.execute(query)]


def _besides(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What the index does not hold, and what nearly all tickets are: to meet that there takes longer than to look."""
    found: list[ColumnElement[bool]] = []
    if wanted.phone:
        found.append(_of_number(wanted.phone))
    if wanted.overdue_at is not None:
        found.append(and_(IS_OPEN, Ticket.due_at < wanted.overdue_at))
    if wanted.states == _USUAL:
        found.append(Ticket.state == _USUAL[0])
    if wanted.emergency is False:
        found.append(Ticket.is_emergency.is_(False))
    if wanted.source in USUAL:
        found.append(Ticket.source == wanted.source)
    if wanted.level:
        found.append(_at_level(wanted.level))
    return found


# --- what they share --------------------------------------------------------------------------------------------------


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Everything but words and dates, asked of the tickets themselves."""
    found: list[ColumnElement[bool]] = []
    if set(wanted.states) == set(OPEN):
        found.append(IS_OPEN)
    elif wanted.states:
        # One value, not a list of one: SQLite keeps the order of an index only for that.
        states = wanted.states
        found.append(Ticket.state == states[0] if len(states) == 1 else Ticket.state.in_(states))
    for column, value in (
        (Ticket.flow, wanted.flow), (Ticket.step, wanted.step), (Ticket.code, wanted.code), (Ticket.line, wanted.line),
        (Ticket.agent_login, wanted.agent), (Ticket.source, wanted.source),
    ):  # fmt: skip
        if value:
            found.append(column == value)
    if wanted.department:
        if wanted.assisting:
            of_these = select(TicketEntry.ticket_id).where(TicketEntry.ticket_id == Ticket.id)
            listed = TicketEntry.body.contains(term("p", wanted.department) + " ")
            found.append(or_(Ticket.department == wanted.department, of_these.where(listed).exists()))
        else:
            found.append(Ticket.department == wanted.department)
    if wanted.emergency is not None:
        found.append(Ticket.is_emergency.is_(wanted.emergency))
    if wanted.phone:
        found.append(_of_number(wanted.phone))
    if wanted.level:
        found.append(_at_level(wanted.level))
    if wanted.overdue_at is not None:
        found += [IS_OPEN, Ticket.due_at < wanted.overdue_at]
    return found


def _of_number(digits: str) -> ColumnElement[bool]:
    return or_(Ticket.caller_digits == digits, Ticket.contact_digits == digits)


def _at_level(level: str) -> ColumnElement[bool]:
    parts = select(Assignment.id).where(Assignment.ticket_id == Ticket.id, Assignment.part == "main")
    return parts.where(
        Assignment.level == level, Assignment.refused_at.is_(None), Assignment.withdrawn_at.is_(None)
    ).exists()


def _dates(wanted: Wanted) -> list[ColumnElement[bool]]:
    found = []
    if wanted.since is not None:
        found.append(Ticket.created_at >= wanted.since)
    if wanted.until is not None:
        found.append(Ticket.created_at < wanted.until)
    return found


def _terms(wanted: Wanted) -> list[list[str]]:
    """What is asked of values, as terms of the index; of each list one. What nearly all are is left out."""
    found = [[term("s", state) for state in wanted.states]] if wanted.states and wanted.states != _USUAL else []
    for kind, value in (("w", wanted.flow), ("t", wanted.step), ("c", wanted.code), ("l", wanted.line),
                        ("a", wanted.agent), ("o", "" if wanted.source in USUAL else wanted.source)):  # fmt: skip
        if value:
            found.append([term(kind, value)])
    if wanted.department:
        kinds = ("d", "p") if wanted.assisting else ("d",)
        found.append([term(kind, wanted.department) for kind in kinds])
    if wanted.emergency:
        found.append([term("e", "1")])
    return found


def _dialect(session: AsyncSession) -> str:
    return session.get_bind().dialect.name


async def _cut(session: AsyncSession, query: Select[Ticket], limit: int, mark: Callable[[Ticket], str]) -> Page:
    rows = (await session.scalars(query.limit(limit + 1))).all()
    return Page(rows[:limit], mark(rows[limit - 1]) if len(rows) > limit else "")


def _moment(at: datetime | None, ticket_id: str) -> str:
    return f"{at.isoformat() if at else ''}~{ticket_id}"


def _mark(after: str) -> tuple[datetime, str]:
    at, _, last = after.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise HeyiError("没有这一页", hint=after[:40]) from error
    if moment.tzinfo is None or not last:
        raise HeyiError("没有这一页", hint=after[:40])
    return moment, last


def _place(after: str) -> int:
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise HeyiError("没有这一页", hint=after[:40])
    return int(after)
