"""Quality in figures: by call taker, desk, line, category, item; every number opens what it counts; Excel."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from desk.access.auth import audit
from desk.access.users import Users
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.quality import words
from desk.quality.calibrationpages import card_name, name_of, said_answer
from desk.quality.people import Named
from desk.quality.tabs import tabs_of
from desk.quality.who import Overseer
from desk.render import page
from desk.services import DeskServices
from desk.sheets import Cell, download, workbook
from desk.views import Views
from desk.whole import Whole
from quality.reports import queries
from quality.reports.figures import By, ItemRow, Row, Table
from quality.reports.frozen import Frozen, Reports
from quality.reports.period import Span, month_of, parse, week_of
from quality.reports.queries import Which
from quality.scorecards.score import Answer

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
#: Calls on one page.
PAGE = 100


def reports_of(services: Services) -> Reports:
    """Frozen reports of this site."""
    return Reports(services.database, services.clock, services.reviews.zone, services.city.quality.minimum)


Room = Annotated[Reports, Depends(reports_of)]
WHAT_NAMES = {
    "calls": "已接电话", "checked": "已自动质检的通话", "reviews": "已公布的评分", "failed": "一票否决的评分",
    "violation": "自动质检发现", "check": "自动质检未通过", "item": "评分项目",
}  # fmt: skip


class Shown:
    """Makes the addresses and names of one report."""

    def __init__(self, views: Views, span: Span, named: Callable[[str], str], *, opens: bool = True) -> None:
        """``opens``: figures lead to what they count; those of a frozen report need not be what is counted now."""
        self.views, self.span, self._named, self._opens = views, span, named, opens

    def key(self, by: By, key: str) -> str:
        """A row's name."""
        views = self.views
        match by:
            case "agent":
                return self._named(key)
            case "desk":
                return f"{key} {views.desk_name(key)}".strip()
            case "line":
                return f"{key} {views.line_name(key)}"
            case "category":
                return f"{key} {views.category_name(key)}" if key else views.text("未分类")

    def link(self, what: str, by: By | None = None, key: str = "", detail: str = "") -> str:
        """Where a figure opens; empty where it does not."""
        if not self._opens:
            return ""
        query = {"period": self.span.key, "what": what, "by": by or "", "key": key, "detail": detail}
        return f"/quality/reports/cases?{urlencode({k: v for k, v in query.items() if v or (k == 'key' and by)})}"

    def row(self, table: Table, row: Row, rank: int | None, *, total: bool = False) -> dict[str, Any]:
        """A row of the table, ready for its cells."""
        by, key = (None, "") if total else (table.by, row.key)
        reviewed = row.reviewed
        return {
            "name": self.views.text("全部") if total else self.key(table.by, row.key),
            "rank": rank,
            "few": not total and table.few(row),
            "row": row,
            "calls": self.link("calls", by, key),
            "checked": self.link("checked", by, key),
            "reviews": self.link("reviews", by, key),
            "failed": self.link("failed", by, key),
            "passed": 100 * reviewed.passed / reviewed.count if reviewed.count else None,
            "labels": [
                (row.violations.get(label, 0), row.per_hundred(label), self.link("violation", by, key, label))
                for label in table.labels
            ],
        }


def _span(period: str, services: DeskServices) -> Span:
    return parse(period) if period else month_of(services.clock.now().astimezone(services.reviews.zone).date())


def _bounds(span: Span, services: DeskServices) -> tuple[datetime, datetime]:
    return span.begin(services.reviews.zone), span.end(services.reviews.zone)


def _by(text: str) -> By | None:
    """What the rows are of; None: of items."""
    if text == "item":
        return None
    found: By | None = next((one for one in get_args(By) if one == text), None)
    if found is None:
        raise HTTPException(422, "查询条件不符合要求")
    return found


@router.get("/quality/reports")
async def reports(
    request: Request, user: Overseer, services: Services, room: Room, period: str = "", by: str = "agent",
    version: Whole = 0,
) -> Response:  # fmt: skip
    """One period's table: of now, or a ``version`` as it was frozen."""
    span, of = _span(period, services), _by(by)
    views, names = Views(services.city, language_of(request)), await Users(services.database).names()
    frozen = await room.of(span, version) if version else None
    shown = _shown(views, span, names, frozen)
    today = services.clock.now().astimezone(services.reviews.zone).date()
    rows: list[dict[str, Any]] = []
    total: dict[str, Any] | None = None
    labels: Sequence[str] = ()
    items: list[dict[str, Any]] = []
    found_items, table = await _figures(services, span, of, frozen)
    minimum = frozen.whole.minimum if frozen else services.city.quality.minimum
    if table is None:
        items = [_item(one, shown, minimum) for one in found_items]
    else:
        ranks = table.ranks()
        rows = [shown.row(table, row, ranks.get(row.key)) for row in table.rows]
        rows.sort(key=lambda one: (one["rank"] is None, one["rank"] or 0, -one["row"].reviewed.count))
        total, labels = shown.row(table, table.total, None, total=True), table.labels
    return page(
        request, "quality/reports.html", me=user, tabs=tabs_of(user.role), span=span, by=by,
        choices=[*words.BY_NAMES.items(), ("item", "评分项目")],
        periods=[
            (one.key, one == span)
            for one in (week_of(today).previous, week_of(today), month_of(today).previous, month_of(today))
        ],
        rows=rows, total=total, labels=labels, items=items, minimum=minimum,
        following=span.following.key if span.following.first <= today else "",
        frozen=frozen.row if frozen else None, about=_about(frozen, views) if frozen else "", names=names,
        versions=await room.versions(span), over=room.over(span),
    )  # fmt: skip


@router.post("/quality/reports/freeze")
async def freeze(
    request: Request, user: Overseer, services: Services, room: Room, period: Annotated[str, Form(max_length=8)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Freeze a period that is over, or make the next version of a frozen one."""
    span = parse(period)
    row = await room.freeze(span, user.actor(), reason, await Users(services.database).names())
    await audit(request, user.login, "freeze_quality", detail=f"{row.period} v{row.version} {row.seal[:16]}")
    return RedirectResponse(f"/quality/reports?period={span.key}&version={row.version}", 303)


def _shown(views: Views, span: Span, names: Mapping[str, str], frozen: Frozen | None) -> Shown:
    """Names as they were when it was frozen."""
    return Shown(views, span, Named({**names, **frozen.whole.names} if frozen else names, views), opens=not frozen)


async def _figures(
    services: DeskServices, span: Span, of: By | None, frozen: Frozen | None
) -> tuple[Sequence[ItemRow], Table | None]:
    """Items, or a table."""
    if frozen:
        return (frozen.whole.items, None) if of is None else ((), frozen.whole.tables[of])
    begin, end = _bounds(span, services)
    async with services.database.read() as session:
        if of is None:
            return await queries.items(session, begin, end), None
        return (), await queries.table(session, of, begin, end, services.city.quality.minimum)


def _about(frozen: Frozen, views: Views) -> str:
    """By which cards and rules a frozen report was made."""
    and_ = "、" if views.language == "zh" else ", "
    cards = {one.card_hash: one.card for one in frozen.whole.items}
    told = [f"{card_name(card, views)} {key[:8]}" for key, card in cards.items()]
    said = views.text("评分表：{cards}；自动质检规则版本：{rules}")
    return said.format(cards=and_.join(told) or "—", rules=and_.join(frozen.whole.rules) or "—")


def _item(one: ItemRow, shown: Shown, minimum: int) -> dict[str, Any]:
    """An item with the number of each answer; what reviewers answered beside what the check found in all calls."""
    detail = f"{one.card_hash}:{one.item.key}:"
    order = ["yes", "no", "na"] if one.item.kind == "yes_no" else [*map(str, range(one.item.top, -1, -1)), "na"]
    return {
        "card": card_name(one.card, shown.views), "name": name_of(one.item, shown.views), "auto": one.item.auto_fail,
        "applied": one.applied, "link": shown.link("item", detail=detail), "share": one.share,
        "few": one.applied < minimum,
        "answers": [
            (said_answer(_answer(answer), one.item, shown.views), one.answers[answer],
             shown.link("item", detail=detail + answer))
            for answer in order if one.answers.get(answer)
        ],
        "failed": one.failed, "judged": one.judged,
        "found": 100 * one.failed / one.judged if one.failed is not None and one.judged else None,
        "check": shown.link("check", detail=one.item.check),
    }  # fmt: skip


def _answer(text: str) -> Answer:
    return int(text) if text.isdecimal() else text  # type: ignore[return-value]  # one of a card's answers


@router.get("/quality/reports/cases")
async def cases(
    request: Request, user: Overseer, services: Services, period: str, what: str, by: str = "", key: str = "",
    detail: str = "", start: Whole = 0,
) -> Response:  # fmt: skip
    """The calls or reviews behind one figure: as many as the figure says."""
    if what not in WHAT_NAMES:
        raise HTTPException(422, "查询条件不符合要求")
    span, of = _span(period, services), _by(by) if by else None
    begin_at, end_at = _bounds(span, services)
    which, begin = Which(what, of, key, detail), max(0, start)
    views = Views(services.city, language_of(request))
    named = Named(await Users(services.database).names(), views)
    if wanted(request):

        async def some(start: int, size: int) -> Sequence[queries.Case]:
            async with services.database.read() as session:
                return (await queries.cases(session, which, begin_at, end_at, start, size))[1]

        return page(
            request, "quality/cases.html", me=user, rows=by_place(some), line_name=views.line_name,
            category_name=views.category_name, named=named,
        )  # fmt: skip
    async with services.database.read() as session:
        found, rows = await queries.cases(session, which, begin_at, end_at, begin, PAGE)
    shown = Shown(views, span, named)
    query = {"period": span.key, "what": what, "by": by, "key": key, "detail": detail}
    about = detail if what == "violation" else _item_name(detail, services, views)
    return page(
        request, "quality/cases.html", me=user, tabs=tabs_of(user.role), span=span,
        title=" · ".join(
            part for part in (shown.key(of, key) if of else views.text("全部"), views.text(WHAT_NAMES[what]),
                              views.text(about)) if part
        ),
        found=found, rows=rows, with_reviews=what in ("reviews", "failed", "item"), states=words.REVIEW_STATES,
        named=named, line_name=views.line_name, category_name=views.category_name,
        back=f"/quality/reports?{urlencode({'period': span.key, 'by': by or 'agent'})}",
        previous=f"/quality/reports/cases?{urlencode({**query, 'start': max(0, begin - PAGE)})}" if begin else "",
        next=f"/quality/reports/cases?{urlencode({**query, 'start': begin + PAGE})}" if begin + PAGE < found else "",
    )  # fmt: skip


def _item_name(detail: str, services: DeskServices, views: Views) -> str:
    """The item of ``card:item:answer``, or that a check answers beforehand; in words as far as the city knows it."""
    _, _, rest = detail.partition(":")
    key, _, answer = rest.partition(":")
    for card in services.city.scorecards:
        for item in card.items():
            if key == item.key or (not rest and detail and detail == item.check):
                said = said_answer(_answer(answer), item, views) if answer else ""
                return " ".join(part for part in (name_of(item, views), said) if part)
    return " ".join(part for part in (key, answer) if part) or detail


@router.get("/quality/reports.xlsx")
async def sheet(
    request: Request, user: Overseer, services: Services, room: Room, period: str = "", by: str = "agent",
    version: Whole = 0,
) -> Response:  # fmt: skip
    """The same table as an Excel file."""
    span, of = _span(period, services), _by(by)
    views, names = Views(services.city, language_of(request)), await Users(services.database).names()
    frozen = await room.of(span, version) if version else None
    items, table = await _figures(services, span, of, frozen)
    shown = _shown(views, span, names, frozen)
    await audit(request, user.login, "export_quality", detail=f"{span.key} {by}{f' v{version}' if version else ''}")
    if table is None:
        head, rows = _item_sheet(items, views)
    else:
        head, rows = _table_sheet(table, shown)
    remarks = []
    if frozen:
        at = frozen.row.frozen_at.astimezone(services.reviews.zone)
        said = views.text("{at} 由 {who} 定版").format(
            at=f"{at:%Y-%m-%d %H:%M}", who=names.get(frozen.row.frozen_by, frozen.row.frozen_by)
        )
        remarks = [f"{views.text('第 {version} 版').format(version=version)} {said} SHA-256 {frozen.row.seal}",
                   _about(frozen, views)]  # fmt: skip
    made = await asyncio.to_thread(workbook, f"{views.text('质量报表')} {span.key}", head, rows, remarks)
    return download(made, f"quality-{span.key}-{by}{f'-v{version}' if version else ''}")


_Sheet = tuple[list[tuple[str, int]], list[list[Cell]]]


def _table_sheet(table: Table, shown: Shown) -> _Sheet:
    text = shown.views.text
    head = [(text(words.BY_NAMES[table.by]), 24)]
    head += [
        (text(name), 10)
        for name in ("名次", "已接电话", "已自动质检", "评分通数", "均分", "中位数", "合格", "一票否决")
    ]
    for label in table.labels:
        head += [(text(label), 12), (text("每百通"), 9)]
    ranks = table.ranks()

    def cells(name: str, row: Row, rank: int | None) -> list[Cell]:
        got = row.reviewed
        made: list[Cell] = [
            name,
            rank,
            row.calls,
            row.checked,
            got.count,
            _round(got.mean),
            _round(got.median),
            got.passed,
            got.failed,
        ]
        for label in table.labels:
            made += [row.violations.get(label, 0), _round(row.per_hundred(label))]
        return made

    rows = [cells(shown.key(table.by, row.key), row, ranks.get(row.key)) for row in table.rows]
    return head, [*rows, cells(text("全部"), table.total, None)]


def _item_sheet(items: Sequence[ItemRow], views: Views) -> _Sheet:
    names = ("评分表", "项目", "适用通数", "是", "否", "不适用", "得分率（%）", "自动质检未通过", "自动质检判断")
    head = [(views.text(name), width) for name, width in zip(names, (24, 36, 10, 8, 8, 8, 12, 14, 14), strict=True)]
    rows: list[list[Cell]] = []
    for one in items:
        asked = one.item.kind == "yes_no"
        yes, no = (one.answers.get(answer, 0) if asked else None for answer in ("yes", "no"))
        rows.append([
            card_name(one.card, views), name_of(one.item, views), one.applied, yes, no, one.answers.get("na", 0),
            _round(one.share), one.failed, one.judged,
        ])  # fmt: skip
    return head, rows


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
