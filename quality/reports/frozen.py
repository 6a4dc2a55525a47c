"""A period's report frozen (定版): its figures, names, cards and rules as they were, under a seal."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError
from quality.reports import queries
from quality.reports.figures import By, ItemRow, Reviewed, Row, Table
from quality.reports.period import Span
from quality.reports.tables import QualityReport
from quality.scorecards import versions
from quality.tables import CallChecks
from ticketing.actor import Actor


@dataclass(frozen=True)
class Whole:
    """Everything that a report shows. ``names``: of call takers; ``rules``: versions by which calls were checked."""

    tables: Mapping[By, Table]
    items: Sequence[ItemRow]
    names: Mapping[str, str]
    rules: Sequence[str]
    minimum: int


@dataclass(frozen=True)
class Frozen:
    """One version: who froze it and when, and what it says."""

    row: QualityReport
    whole: Whole


async def taken(session: AsyncSession, begin: datetime, end: datetime, minimum: int, names: Mapping[str, str]) -> Whole:
    """The report as it would be frozen now."""
    tables = {by: await queries.table(session, by, begin, end, minimum) for by in get_args(By)}
    calls = queries.calls_of(begin, end)
    used = select(CallChecks.rules, CallChecks.learned).join(calls, calls.c.id == CallChecks.call_id).distinct()
    rules = [f"{rules} {learned}".strip() for rules, learned in await session.execute(used)]
    people = {row.key: names[row.key] for row in tables["agent"].rows if row.key in names}
    return Whole(tables, await queries.items(session, begin, end), people, sorted(rules), minimum)


def written(whole: Whole) -> str:
    """As JSON text, in one possible form."""
    body = {
        "tables": {
            by: {"labels": list(of.labels), "total": asdict(of.total), "rows": [asdict(row) for row in of.rows]}
            for by, of in whole.tables.items()
        },
        "items": [
            {"card": one.card_hash, "item": one.item.key, "answers": dict(one.answers), "failed": one.failed,
             "judged": one.judged}
            for one in whole.items
        ],
        "names": dict(whole.names), "rules": list(whole.rules), "minimum": whole.minimum,
    }  # fmt: skip
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


async def read(session: AsyncSession, text: str) -> Whole:
    """The other way. The cards' words come from where every used version is kept."""
    body: dict[str, Any] = json.loads(text)
    tables: dict[By, Table] = {
        by: Table(by, [_row(row) for row in body["tables"][by]["rows"]], _row(body["tables"][by]["total"]),
                  body["tables"][by]["labels"], body["minimum"])
        for by in get_args(By)
    }  # fmt: skip
    cards = {told: await versions.read(session, told) for told in sorted({one["card"] for one in body["items"]})}
    items = []
    for one in body["items"]:
        card = cards[one["card"]]
        item = next(item for item in card.items() if item.key == one["item"])
        items.append(ItemRow(one["card"], card, item, one["answers"], one["failed"], one["judged"]))
    return Whole(tables, items, body["names"], body["rules"], body["minimum"])


def _row(given: Mapping[str, Any]) -> Row:
    return Row(**{**given, "reviewed": Reviewed(**given["reviewed"])})


class Reports:
    """Freezes reports and reads those that are frozen."""

    def __init__(self, database: Database, clock: Clock, zone: ZoneInfo, minimum: int) -> None:
        self._database, self._clock, self._zone, self._minimum = database, clock, zone, minimum

    def over(self, span: Span) -> bool:
        """Whether a period has ended, so that it can be frozen."""
        return span.end(self._zone) <= self._clock.now()

    async def freeze(self, span: Span, by: Actor, reason: str, names: Mapping[str, str]) -> QualityReport:
        """The first version of a period that is over, or, with a reason, the next one."""
        if not self.over(span):
            raise HeyiError("这一期还没有结束，不能定版", hint=span.key)
        why = reason.strip()[:500]
        begin, end = span.begin(self._zone), span.end(self._zone)
        async with self._database.read() as session:
            text = written(await taken(session, begin, end, self._minimum, names))
        try:
            async with self._database.work() as work:
                last = await work.session.scalar(
                    select(func.max(QualityReport.version)).where(QualityReport.period == span.key)
                )
                if last and not why:
                    raise HeyiError("这一期已经定版，更正须写明理由", hint=span.key)
                row = QualityReport(
                    period=span.key, version=(last or 0) + 1, frozen_at=self._clock.now(), frozen_by=by.login,
                    reason=why, body=text, seal=_seal(text),
                )  # fmt: skip
                work.session.add(row)
                await work.session.flush()
        except IntegrityError as error:
            raise Conflict("这一期刚刚由别人定版，请刷新后查看", hint=span.key) from error
        return row

    async def versions(self, span: Span) -> Sequence[QualityReport]:
        """What of this period is frozen, the newest first."""
        query = select(QualityReport).where(QualityReport.period == span.key).order_by(QualityReport.version.desc())
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def of(self, span: Span, version: int) -> Frozen:
        """One version as it was; :class:`HeyiError` where it is not there or is no longer what was frozen."""
        found = (QualityReport.period == span.key, QualityReport.version == version)
        async with self._database.read() as session:
            row = await session.scalar(select(QualityReport).where(*found))
            text = await session.scalar(select(QualityReport.body).where(*found))
            if row is None or text is None:
                raise HeyiError("没有这一版报表", hint=f"{span.key} {version}")
            if _seal(text) != row.seal:
                raise HeyiError("报表的存档已被改动", hint=f"{span.key} 第 {version} 版")
            return Frozen(row, await read(session, text))


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
