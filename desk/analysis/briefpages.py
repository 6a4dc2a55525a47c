"""Weekly and monthly briefs on screen, on paper, as Excel; issued by the supervisor, then as they were."""

from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from desk.access.auth import audit
from desk.access.rights import may_issue_briefs
from desk.access.users import Users
from desk.analysis.analysispages import Figure, Reader, Room, Services, heading, listed
from desk.analysis.analysisviews import AnalysisViews
from desk.analysis.briefviews import BriefWords, plain
from desk.i18n import Language, language_of
from desk.render import page
from desk.services import DeskServices
from desk.sheets import Cell, download, workbook
from desk.views import Views
from desk.whole import Whole
from ticketing.analysis.brief import counted, following, moment, thawed
from ticketing.analysis.briefs import Briefs, last_day
from ticketing.analysis.facts import Fact, Where
from ticketing.analysis.tables import BriefKind

router = APIRouter(include_in_schema=False)

KIND_NAMES: dict[str, str] = {"week": "周报", "month": "月报"}
_LANGUAGES: tuple[Language, ...] = ("zh", "en")


def _briefs(request: Request) -> Briefs:
    found: Briefs = request.app.state.briefs
    return found


Book = Annotated[Briefs, Depends(_briefs)]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(422, "填写的内容不符合要求") from error


def _bodies(services: DeskServices, kind: BriefKind, start: date, figures: dict[str, Any]) -> dict[str, Any]:
    return {
        language: BriefWords(services.city, Views(services.city, language)).body(kind, start, figures)
        for language in _LANGUAGES
    }


@router.get("/briefs")
async def briefs(request: Request, user: Reader, services: Services, book: Book) -> Response:
    """Those that were issued, and the periods whose brief is not."""
    views = Views(services.city, language_of(request))
    issued = await book.issued()
    done = {(row.kind, row.start) for row in issued}
    kinds: tuple[BriefKind, ...] = ("week", "month")
    return page(
        request,
        "briefs.html",
        me=user,
        issued=[(row, views.text(KIND_NAMES[row.kind]), last_day(row.kind, row.start)) for row in issued],
        waiting=[
            (kind, views.text(KIND_NAMES[kind]), start, last_day(kind, start))
            for kind in kinds
            for start in book.over(kind)
            if (kind, start) not in done
        ],
        may_issue=may_issue_briefs(user),
        names=await Users(services.database).names(),
    )


@router.get("/briefs/draft")
async def draft(
    request: Request, user: Reader, services: Services, book: Book, kind: BriefKind, start: Annotated[str, Query()]
) -> Response:
    """A brief as it would be issued now."""
    made = await book.draft(kind, _day(start))
    language = language_of(request)
    body = BriefWords(services.city, Views(services.city, language)).body(kind, made.start, made.figures)
    tickets = f"/briefs/draft/tickets?kind={kind}&start={made.start}"
    return page(
        request, "brief.html", me=user, body=body, brief=None, kind=kind, start=made.start, at=made.at, advice="",
        may_issue=may_issue_briefs(user), tickets=tickets, names={},
    )  # fmt: skip


@router.post("/briefs")
async def issue(
    request: Request, user: Reader, services: Services, book: Book, kind: Annotated[BriefKind, Form()],
    start: Annotated[str, Form(max_length=10)], advice: Annotated[str, Form(max_length=4000)] = "",
) -> Response:  # fmt: skip
    """Issue it: sentences, figures and tickets stay as they are now. ``advice``: what the centre adds."""
    if not may_issue_briefs(user):
        raise HTTPException(403, "您没有此项权限")

    def worded(kind: BriefKind, start: date, figures: dict[str, Any]) -> dict[str, Any]:
        return {**_bodies(services, kind, start, figures), "advice": advice.strip()}

    made = await book.issue(kind, _day(start), user.actor(), worded)
    await audit(request, user.login, "brief_issue", detail=f"{kind} {made.start}")
    return RedirectResponse(f"/briefs/{made.id}", 303)


@router.get("/briefs/draft/tickets")
async def draft_tickets(
    request: Request, user: Reader, services: Services, book: Book, figure: Figure, kind: BriefKind,
    start: Annotated[str, Query()], warning: str = "", repeat: Whole | None = None,
) -> Response:  # fmt: skip
    """Tickets of a draft's figure."""
    made = await book.draft(kind, _day(start))
    back = f"/briefs/draft?kind={kind}&start={made.start}"
    return await _tickets(request, user, services, kind, made.start, made.tickets, made.figures, made.at, figure,
                          warning, repeat, back)  # fmt: skip


@router.get("/briefs/{brief_id}.xlsx")
async def sheet(
    request: Request, brief_id: Whole, user: Reader, services: Services, room: Room, book: Book
) -> Response:
    """Its figures as a table."""
    row = await book.get(brief_id)
    views = Views(services.city, language_of(request))
    shown, text = AnalysisViews(services.city, views), views.text
    body, f = row.body[views.language], row.figures
    rows: list[list[Cell]] = [
        [text("总体情况"), text("受理"), f["total"], f["before"]],
        [text("总体情况"), text("紧急警情"), f["emergency"], f["emergency_before"]],
    ]
    rows += [[text("热线"), views.line_name(key), count, before] for key, count, before in f["lines"]]
    rows += [[text("诉求性质"), text(key), count, before] for key, count, before in f["natures"]]
    rows += [[text("事项"), shown.matter(key), count, before] for key, count, before in f["codes"]]
    rows += [[text("镇街"), key, count, before] for key, count, before in f["towns"]]
    rows += [[text("热词"), key, count, before] for key, count, before in f["words"]]
    rows += [
        [text("办理情况"), text(name), f[key], None]
        for key, name in (
            ("closed", "已办结"), ("in_time", "按时反馈"), ("late", "逾期"), ("satisfied", "满意"),
            ("unsatisfied", "不满意"), ("reopened", "退回重办"),
        )
    ]  # fmt: skip
    rows += [[text("风险预警"), shown.what(w), w["count"], w["usual"]] for w in f["warnings"]]
    rows += [[section["title"], line, None, None] for section in body["sections"] for line in plain(section["lines"])]
    if row.body.get("advice"):
        rows.append([text("分析与建议"), row.body["advice"], None, None])
    await audit(request, user.login, "brief_export", detail=f"{row.kind} {row.start}")
    head = [(text("栏目"), 16), (text("内容"), 60), (text("本期"), 12), (text("上期（预警为往常）"), 20)]
    return download(workbook(text(KIND_NAMES[row.kind]), head, rows), f"brief-{row.kind}-{row.start}")


@router.get("/briefs/{brief_id}")
async def brief(request: Request, brief_id: Whole, user: Reader, book: Book, services: Services) -> Response:
    """A brief as it was issued."""
    row = await book.get(brief_id)
    return page(
        request, "brief.html", me=user, body=row.body[language_of(request)], brief=row, kind=row.kind, start=row.start,
        at=row.issued_at, advice=row.body.get("advice", ""), may_issue=False, tickets=f"/briefs/{row.id}/tickets?",
        names=await Users(services.database).names(),
    )  # fmt: skip


@router.get("/briefs/{brief_id}/tickets")
async def tickets(
    request: Request, brief_id: Whole, user: Reader, services: Services, book: Book, figure: Figure, warning: str = "",
    repeat: Whole | None = None,
) -> Response:  # fmt: skip
    """Tickets of an issued figure, as they were."""
    row = await book.get(brief_id)
    return await _tickets(request, user, services, row.kind, row.start, thawed(row.tickets), row.figures, row.issued_at,
                          figure, warning, repeat, f"/briefs/{row.id}")  # fmt: skip


async def _tickets(
    request: Request, user: Reader, services: DeskServices, kind: BriefKind, start: date, facts: list[Fact],
    figures: dict[str, Any], at: datetime, figure: Where, warning: str, repeat: int | None, back: str,
) -> Response:  # fmt: skip
    shown = AnalysisViews(services.city, Views(services.city, language_of(request)))
    zone = ZoneInfo(services.city.profile.timezone)
    where, title = figure, heading(shown, figure)
    if warning:
        return RedirectResponse(f"/analysis/tickets?warning={warning}", 303)
    if repeat is not None:
        if repeat >= len(figures["repeats"]):
            raise HTTPException(404, "没有找到")
        where, title = Where(ids=frozenset(figures["repeats"][repeat]["ids"])), shown.text("重复诉求")
    left_out = services.city.analysis.left_out
    # Matters alone are counted by category, town and word.
    matters = bool(where.code or where.group or where.town or where.word)
    rows = [fact for fact in counted(facts, where, at) if not (matters and left_out and fact.code.startswith(left_out))]
    span = Where(since=moment(start, zone), until=moment(following(kind, start), zone))
    return await listed(request, user, services, rows, title, span, back)
