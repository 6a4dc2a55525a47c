"""The auditor's page: who did what, by person, deed, call and time; to Excel."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy import Select, select
from starlette.responses import Response

from core.audit import AuditEntry
from core.collation import by_name
from desk.access.auth import SignedIn, audit
from desk.access.deeds import deed
from desk.access.users import Users
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import Sheet, by_mark, write
from desk.listsheets import AT_ONCE, Found
from desk.render import page
from desk.services import DeskServices
from desk.sheets import Cell, download
from desk.views import Views
from desk.whole import Whole

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
#: Entries of one page, and of one Excel file.
PAGE, SHEET = 100, 50_000


@router.get("/audit")
async def listing(
    request: Request, user: SignedIn, services: Services, who: str = "", what: str = "", call: str = "",
    since: str = "", until: str = "", before: Whole | None = None,
) -> Response:  # fmt: skip
    """The newest first; ``before``: those older than the entry of this number."""
    wanted = _wanted(services, who, what, call, since, until)
    if before is not None:
        wanted = wanted.where(AuditEntry.id < before)
    async with services.database.read() as session:
        rows = list(await session.scalars(wanted.order_by(AuditEntry.id.desc()).limit(PAGE + 1)))
        deeds = list(await session.scalars(select(AuditEntry.what).distinct().order_by(AuditEntry.what)))
    views = Views(services.city, language_of(request))
    chosen = {"who": who, "what": what, "call": call, "since": since, "until": until}
    kept = {name: value for name, value in chosen.items() if value}
    return page(
        request,
        "audit.html",
        me=user,
        rows=rows[:PAGE],
        names=await Users(services.database).names(),
        deeds=sorted(((each, views.text(deed(each))) for each in deeds), key=lambda one: by_name(one[1])),
        deed=lambda what: views.text(deed(what)),
        chosen=chosen,
        query=urlencode(kept),
        older=urlencode({**kept, "before": rows[PAGE - 1].id}) if len(rows) > PAGE else "",
    )


@router.get("/audit.xlsx")
async def sheet(
    request: Request, user: SignedIn, services: Services, who: str = "", what: str = "", call: str = "",
    since: str = "", until: str = "",
) -> Response:  # fmt: skip
    """The same as an Excel file, oldest first; taking it away is an entry itself."""
    wanted = _wanted(services, who, what, call, since, until)
    views = Views(services.city, language_of(request))
    numbers = wanted.with_only_columns(AuditEntry.id).order_by(AuditEntry.id.desc())
    async with services.database.read() as session:
        # Where there are more, it is the newest that are kept.
        last = await session.scalar(numbers.limit(1))
        first = await session.scalar(numbers.offset(SHEET - 1).limit(1)) or 0
        older = await session.scalar(numbers.where(AuditEntry.id < first).limit(1)) is not None

    async def some(place: int | None) -> tuple[Sequence[AuditEntry], int | None]:
        query = wanted.where(AuditEntry.id > (place or 0), AuditEntry.id.between(first, last or 0))
        async with services.database.read() as session:
            rows = list(await session.scalars(query.order_by(AuditEntry.id).limit(AT_ONCE)))
        return rows, rows[-1].id if len(rows) == AT_ONCE else None

    sheet = _sheet(by_mark(some), views, services.city.profile.timezone, cut=older)
    data, count = await write([sheet], views.text, SHEET)
    await audit(request, user.login, "export_audit", detail=f"{count} {who} {what} {call} {since} {until}".strip())
    return download(data, "audit")


def _wanted(services: DeskServices, who: str, what: str, call: str, since: str, until: str) -> Select[AuditEntry]:
    zone = ZoneInfo(services.city.profile.timezone)
    wanted = select(AuditEntry)
    if who:
        wanted = wanted.where(AuditEntry.who == who[:80])
    if what:
        wanted = wanted.where(AuditEntry.what == what[:40])
    if call:
        wanted = wanted.where(AuditEntry.call_id == call[:80])
    try:
        if since:
            wanted = wanted.where(AuditEntry.at >= datetime.combine(date.fromisoformat(since), time(0), zone))
        if until:
            end = datetime.combine(date.fromisoformat(until) + timedelta(days=1), time(0), zone)
            wanted = wanted.where(AuditEntry.at < end)
    except (ValueError, OverflowError):
        raise HTTPException(422, "日期须写作 2026-11-22") from None
    return wanted


def _sheet(rows: Found, views: Views, timezone: str, *, cut: bool) -> Sheet:
    zone = ZoneInfo(timezone)
    head = [
        (views.text("时间"), 20), (views.text("用户名"), 16), (views.text("操作"), 20), (views.text("通话编号"), 28),
        (views.text("地址"), 18), (views.text("说明"), 60), (views.text("令牌"), 10), (views.text("操作代码"), 20),
    ]  # fmt: skip

    def cells(row: AuditEntry) -> list[Cell]:
        at: Any = row.at.astimezone(zone).replace(tzinfo=None)
        told = views.text(deed(row.what))
        return [at, row.who, told, row.call_id, row.address, row.detail, row.token, row.what]

    return Sheet(views.text("审计日志"), head, rows, cells, cut)
