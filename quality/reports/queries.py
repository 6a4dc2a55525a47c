"""The figures of reports, grouped by the database, and the calls and reviews behind each of them.

A call belongs to the period in which it arrived. Reviews are those that the call taker has (published), each with the
score that holds; the second review of a blind pair counts nowhere.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Row,
    Select,
    String,
    TableValuedAlias,
    and_,
    cast,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from quality.reports import figures
from quality.reports.figures import By, ItemRow, Reviewed, Table
from quality.reviews.listing import PUBLISHED, last_number
from quality.reviews.states import State
from quality.reviews.tables import Review, ReviewScore
from quality.scorecards import versions
from quality.tables import CallChecks, CallFinding
from switchboard.figures.worktime import DeskTime
from telephony.ledger import QUEUED_DIRECTIONS, CallRow
from ticketing.tables import Ticket
from triage.store import StoredVerdict


def calls_of(begin: datetime, end: datetime) -> CTE:
    """Answered and ended calls of the queue that arrived in this time: ``id``, ``arrived_at``, ``line``, ``desk``,
    ``agent`` (login, or ``desk:1001`` where nobody knows who sat there), ``category``."""
    sat = (
        select(DeskTime.call_id, DeskTime.desk, func.max(DeskTime.login).label("login"))
        .where(
            DeskTime.call_id.is_not(None), DeskTime.login != "",
            # A call may last over the end of the period; nobody talks for a day.
            DeskTime.ended_at >= begin, DeskTime.ended_at < end + timedelta(days=1),
        )
        .group_by(DeskTime.call_id, DeskTime.desk)
        .subquery()
    )  # fmt: skip
    agent = func.coalesce(sat.c.login, func.nullif(Ticket.agent_login, ""), literal("desk:") + CallRow.agent)
    category = func.coalesce(func.nullif(Ticket.code, ""), StoredVerdict.code, "")
    return (
        select(
            CallRow.id, CallRow.arrived_at, CallRow.line, CallRow.agent.label("desk"), agent.label("agent"),
            category.label("category"),
        )
        .outerjoin(sat, and_(sat.c.call_id == CallRow.id, sat.c.desk == CallRow.agent))
        .outerjoin(Ticket, Ticket.call_id == CallRow.id)
        .outerjoin(StoredVerdict, StoredVerdict.call_id == CallRow.id)
        .where(
            CallRow.arrived_at >= begin, CallRow.arrived_at < end, CallRow.direction.in_(QUEUED_DIRECTIONS),
            CallRow.answered_at.is_not(None), CallRow.ended_at.is_not(None), CallRow.agent != "",
        )
        .cte("answered")
    )  # fmt: skip


def scored_of(calls: CTE) -> CTE:
    """Published reviews of these calls with the score that holds, and the call's own columns.

    ``agent`` is whom the draw reviewed.
    """
    return (
        select(
            Review.id, Review.call_id, Review.agent, Review.state, calls.c.arrived_at, calls.c.line, calls.c.desk,
            calls.c.category, ReviewScore.card, ReviewScore.answers, ReviewScore.tenths, ReviewScore.passed,
            func.json_array_length(ReviewScore.failed).label("failed"),
        )
        .join(calls, calls.c.id == Review.call_id)
        .join(ReviewScore, and_(ReviewScore.review_id == Review.id, ReviewScore.number == last_number()))
        .where(Review.copy == 0, Review.state.in_(PUBLISHED))
        .cte("scored")
    )  # fmt: skip


async def table(session: AsyncSession, by: By, begin: datetime, end: datetime, minimum: int) -> Table:
    """One report; four statements, however many calls there are."""
    calls = calls_of(begin, end)
    key = calls.c[by]
    counts = (
        select(key, func.count(), func.count(CallChecks.call_id))
        .outerjoin(CallChecks, CallChecks.call_id == calls.c.id)
        .group_by(key)
    )
    numbers = {str(k): (all_, checked) for k, all_, checked in await session.execute(counts)}
    violations: dict[str, dict[str, int]] = defaultdict(dict)
    found = (
        select(key, CallFinding.label, func.count(func.distinct(CallFinding.call_id)))
        .join(CallFinding, CallFinding.call_id == calls.c.id)
        .where(CallFinding.label != "")
        .group_by(key, CallFinding.label)
    )
    for k, label, count in await session.execute(found):
        violations[str(k)][label] = count
    scored = scored_of(calls)
    reviewed = await _reviewed(session, scored, scored.c[by])
    whole = (await _reviewed(session, scored, literal("", String))).get("", Reviewed())
    labels: dict[str, int] = defaultdict(int)
    for of_key in violations.values():
        for label, count in of_key.items():
            labels[label] += count
    # A reviewed call taker may be known by another name than the calls now have: his row is there all the same.
    rows = [
        figures.Row(k, *numbers.get(k, (0, 0)), violations.get(k, {}), reviewed.get(k, Reviewed()))
        for k in sorted({*numbers, *reviewed})
    ]
    total = figures.Row(
        "", sum(row.calls for row in rows), sum(row.checked for row in rows), dict(labels), whole
    )  # fmt: skip
    return Table(by, rows, total, sorted(labels, key=lambda label: (-labels[label], label)), minimum)


async def _reviewed(session: AsyncSession, scored: CTE, key: ColumnElement[Any]) -> dict[str, Reviewed]:
    """Numbers, sums and medians by ``key``. The median is the mean of the one or two in the middle of the order."""
    place = func.row_number().over(partition_by=key, order_by=(scored.c.tenths, scored.c.id))
    size = func.count().over(partition_by=key)
    ordered = (
        select(
            key.label("key"), scored.c.tenths, scored.c.passed, scored.c.failed, place.label("place"),
            size.label("size"),
        )
        .where(scored.c.tenths.is_not(None))
        .subquery()
    )  # fmt: skip
    middle = and_(ordered.c.place * 2 >= ordered.c.size, ordered.c.place * 2 <= ordered.c.size + 2)
    query = select(
        ordered.c.key, func.count(), func.sum(ordered.c.tenths),
        func.avg(ordered.c.tenths).filter(middle),
        func.count().filter(ordered.c.passed), func.count().filter(ordered.c.failed > 0),
    ).group_by(ordered.c.key)  # fmt: skip
    return {
        str(k): Reviewed(count, float(total) / 10, None if median is None else float(median) / 10, passed, failed)
        for k, count, total, median, passed, failed in await session.execute(query)
    }


async def items(session: AsyncSession, begin: datetime, end: datetime) -> list[ItemRow]:
    """Every item of every card that reviews of this time were scored by, cards by their key and version."""
    calls = calls_of(begin, end)
    scored = scored_of(calls)
    said = _pairs_in(session, scored.c.answers, "said")
    query = (
        select(scored.c.card, said.c.key, said.c.value, func.count())
        .select_from(scored.join(said, true()))
        .group_by(scored.c.card, said.c.key, said.c.value)
    )
    answers: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for card, item, answer, count in await session.execute(query):
        answers[card, item][str(answer)] = count
    judged = _pairs_in(session, CallChecks.answers, "judged")
    checks = (
        select(judged.c.key, judged.c.value, func.count())
        .select_from(calls.join(CallChecks, CallChecks.call_id == calls.c.id).join(judged, true()))
        .where(judged.c.value != "na")
        .group_by(judged.c.key, judged.c.value)
    )
    by_check: dict[str, dict[str, int]] = defaultdict(dict)
    for check, answer, count in await session.execute(checks):
        by_check[check][str(answer)] = count
    cards = [(told, await versions.read(session, told)) for told in sorted({card for card, _ in answers})]
    cards.sort(key=lambda one: (one[1].key, one[1].version))
    found: list[ItemRow] = []
    for told, card in cards:
        for item in card.items():
            told_of = by_check.get(item.check) if item.check else None
            failed = None if told_of is None else told_of.get("fail", 0)
            whole = None if told_of is None else sum(told_of.values())
            found.append(ItemRow(told, card, item, answers.get((told, item.key), {}), failed, whole))
    return found


def _pairs_in(session: AsyncSession, column: Any, name: str) -> TableValuedAlias:
    """The keys and values of a JSON object as rows; the two databases call it differently."""
    each = func.json_each_text if session.get_bind().dialect.name == "postgresql" else func.json_each
    return each(column).table_valued("key", "value", name=name)


# --- what is behind a figure ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Which:
    """One figure: of a row of a report (``by``, ``key``; without: of all) one ``what``, with ``detail``.

    ``calls``, ``violation`` (its label), ``check`` (that failed): calls. ``reviews``, ``failed``, ``item`` (card,
    item and answer with a colon between): reviews.
    """

    what: str
    by: By | None = None
    key: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Case:
    """A call behind a figure; with its review where the figure is of reviews."""

    call_id: str
    arrived_at: datetime
    line: str
    agent: str
    category: str
    review_id: str = ""
    state: State | None = None
    tenths: int | None = None
    #: What the check found.
    words: str = ""


async def cases(
    session: AsyncSession, which: Which, begin: datetime, end: datetime, start: int, size: int
) -> tuple[int, Sequence[Case]]:
    """How many there are, and so many from ``start`` on, the latest first."""
    calls = calls_of(begin, end)
    if which.what in ("reviews", "failed", "item"):
        scored = scored_of(calls)
        query: Select[*tuple[Any, ...]] = select(scored).where(*_of(which, scored))
        if which.what == "failed":
            query = query.where(scored.c.failed > 0)
        elif which.what == "item":
            card, _, rest = which.detail.partition(":")
            item, _, answer = rest.partition(":")
            said = _pairs_in(session, scored.c.answers, "said")
            query = (
                query.select_from(scored.join(said, true()))
                .where(scored.c.card == card, said.c.key == item)
                .where(cast(said.c.value, String) == answer if answer else said.c.value != "na")
            )
        else:
            query = query.where(scored.c.tenths.is_not(None))
        order = (scored.c.arrived_at.desc(), scored.c.id)
        rows = (await session.execute(query.order_by(*order).offset(start).limit(size))).all()
        found = [_reviewed_case(row) for row in rows]
    else:
        query = select(calls).where(*_of(which, calls))
        if which.what == "checked":
            query = query.join(CallChecks, CallChecks.call_id == calls.c.id)
        elif which.what == "violation":
            query = query.where(_has(calls, CallFinding.label == which.detail))
        elif which.what == "check":
            judged = _pairs_in(session, CallChecks.answers, "judged")
            query = (
                query.select_from(calls.join(CallChecks, CallChecks.call_id == calls.c.id).join(judged, true()))
                .where(judged.c.key == which.detail, judged.c.value == "fail")
            )  # fmt: skip
        rows = (
            await session.execute(query.order_by(calls.c.arrived_at.desc(), calls.c.id).offset(start).limit(size))
        ).all()
        words = await _words(session, [row.id for row in rows], which)
        found = [
            Case(r.id, r.arrived_at, r.line, r.agent, r.category, words="；".join(words.get(r.id, ()))) for r in rows
        ]
    total = await session.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
    return total or 0, found


def _of(which: Which, rows: CTE) -> list[ColumnElement[bool]]:
    return [rows.c[which.by] == which.key] if which.by else []


def _has(calls: CTE, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(CallFinding.id).where(CallFinding.call_id == calls.c.id, condition).exists()


async def _words(session: AsyncSession, ids: Sequence[str], which: Which) -> dict[str, list[str]]:
    """What was found in each call: the reason and the words it rests on."""
    if which.what not in ("violation", "check") or not ids:
        return {}
    column = CallFinding.label if which.what == "violation" else CallFinding.check
    query = select(CallFinding).where(CallFinding.call_id.in_(ids), column == which.detail).order_by(CallFinding.id)
    found: dict[str, list[str]] = defaultdict(list)
    for one in await session.scalars(query):
        found[one.call_id].append(f"{one.reason}：“{one.words}”" if one.words else one.reason)
    return found


def _reviewed_case(row: Row[*tuple[Any, ...]]) -> Case:
    return Case(row.call_id, row.arrived_at, row.line, row.agent, row.category, row.id, row.state, row.tenths)
