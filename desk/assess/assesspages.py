"""一键考核: one period's table, the tickets behind each figure, freezing, the Excel file and the bulletin."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from desk.access import masking
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket
from desk.access.users import User, Users
from desk.assess.assessbook import book
from desk.assess.assessbulletin import bulletin
from desk.assess.assesscharts import spark
from desk.assess.assessviews import SUBJECT_NAMES, AssessViews, period_name
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_key, wanted
from desk.render import page
from desk.services import DeskServices
from desk.sheets import download
from desk.views import Views
from desk.whole import Whole
from ticketing.assessment.measures import COUNTS, SUBJECTS, Count, Subject
from ticketing.assessment.period import Period, parse
from ticketing.assessment.score import Tables
from ticketing.assessment.service import FREEZERS, Assessed, Assessment, StillReadingError
from ticketing.tables import Ticket

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
#: Facts on one page of a figure's tickets.
PAGE = 100


def assessment_of(request: Request) -> Assessment:
    made: Assessment = request.app.state.assessment
    return made


Room = Annotated[Assessment, Depends(assessment_of)]


@router.get("/assessment")
async def assessment(
    request: Request, user: SignedIn, room: Room, services: Services, period: str = "", of: str = "departments",
    version: Whole | None = None,
) -> Response:  # fmt: skip
    """A period's table: tiers, ranks, scores, and what each figure is made of."""
    views = Views(services.city, language_of(request))
    subject = _subject(of, user)
    asked = parse(period) if period else await _first(user, room)
    try:
        assessed = await _assessed(user, room, services, asked, version, patient=False)
        former = await _former(user, room, services, asked, patient=False)
    except StillReadingError as reading:
        return _wait(request, user, views, asked, reading)
    shown = AssessViews(views, assessed, _own(user))
    trend = await room.trend(asked)
    tables = assessed.tables[subject]
    sparks = {row.who: _spark(views, trend, asked, subject, row.who, row.score) for row in tables.rows}
    return page(
        request,
        "assessment.html",
        me=user,
        title=shown.period(),
        asked=asked,
        before=asked.before.key,
        after=asked.after.key if asked.after.begin(room.zone) <= services.clock.now() else "",
        choices=_choices(views, room.current, asked),
        subject=subject,
        subjects=[(key, views.text(name)) for key, name in SUBJECT_NAMES.items() if _sees(user, key)],
        columns=shown.columns(subject),
        tiers=[
            (key, name, rows)
            for key, name in shown.tiers(subject)
            if (rows := shown.rows(subject, key, former[subject] if former else None))
        ],
        total=shown.total(subject),
        sparks=sparks,
        formulas=shown.formulas(subject),
        rules=shown.rules(subject),
        minimum=assessed.rules.minimum,
        frozen=assessed.frozen,
        changed=not assessed.intact,
        versions=assessed.versions,
        at=assessed.at,
        over=asked.end(room.zone) <= services.clock.now(),
        may_freeze=user.role in FREEZERS,
        names=await Users(services.database).names(),
        query=_query(asked, assessed),
    )  # fmt: skip


@router.get("/assessment/cases")
async def cases(
    request: Request, user: SignedIn, room: Room, services: Services, period: str, of: str, count: str,
    version: Whole = 0, who: str | None = None, start: Whole = 0,
) -> Response:  # fmt: skip
    """The tickets behind one figure: as many lines as the figure says."""
    asked, subject, counts = parse(period), _subject(of, user), _counts(count)
    own = _own(user)
    if own is not None and (who not in own or subject != "departments"):
        raise HTTPException(403, "您没有此项权限")
    views = Views(services.city, language_of(request))
    assessed = await _assessed(user, room, services, asked, version)
    found = await room.cases(asked, version, subject, who, counts)
    shown = AssessViews(views, assessed)
    begin = max(0, start)
    told = masking.words if masking.hides(user) else str
    rows_of = {row.who: shown.name(subject, row) for row in assessed.tables[subject].rows}

    async def rows(some: Sequence[Any]) -> list[dict[str, Any]]:
        async with services.database.read() as session:
            tickets = {
                ticket.number: ticket
                for ticket in await session.scalars(select(Ticket).where(Ticket.number.in_({f.ticket for f in some})))
                # The number stays with a department's figure, the matter with those who have it now.
                if may_see_ticket(user, ticket)
            }
        return [
            {
                "fact": fact, "kind": shown.count(subject, fact.kind), "who": rows_of.get(fact.who, fact.who),
                "summary": told(tickets[fact.ticket].summary) if fact.ticket in tickets else "",
                "category": views.category_name(tickets[fact.ticket].code) if fact.ticket in tickets else "",
            }
            for fact in some
        ]  # fmt: skip

    if wanted(request):
        return page(request, "assessment_cases.html", me=user, rows=by_key(found, rows))
    query = {"period": asked.key, "version": str(version), "of": subject, "count": count}
    if who is not None:
        query["who"] = who
    return page(
        request,
        "assessment_cases.html",
        me=user,
        title=shown.period(),
        who="" if who is None else rows_of.get(who, who),
        counts=shown.and_so.join(shown.count(subject, c) for c in counts),
        found=len(found),
        changed=not assessed.intact,
        tickets_found=len({fact.ticket for fact in found}),
        rows=await rows(found[begin : begin + PAGE]),
        back=f"/assessment?{urlencode({'period': asked.key, 'of': subject, 'version': version})}",
        next=f"/assessment/cases?{urlencode({**query, 'start': begin + PAGE})}" if begin + PAGE < len(found) else "",
        previous=f"/assessment/cases?{urlencode({**query, 'start': begin - PAGE})}" if begin >= PAGE else "",
        rules=[(shown.count(subject, c), dict(shown.rules(subject))[shown.count(subject, c)]) for c in counts],
    )  # fmt: skip


@router.post("/assessment/freeze")
async def freeze(
    request: Request, user: SignedIn, room: Room, services: Services, period: Annotated[str, Form(max_length=8)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Freeze a period, or make the next version of a frozen one."""
    asked = parse(period)
    row = await room.freeze(asked, user.actor(), reason, await Users(services.database).names())
    await audit(request, user.login, "freeze_assessment", detail=f"{row.period} v{row.version} {row.seal[:16]}")
    return RedirectResponse(f"/assessment?period={asked.key}&version={row.version}", 303)


@router.get("/assessment.xlsx")
async def sheet(
    request: Request, user: SignedIn, room: Room, services: Services, period: str, version: Whole | None = None
) -> Response:
    """The period as an Excel file."""
    asked = parse(period)
    assessed = await _assessed(user, room, services, asked, version)
    shown = AssessViews(Views(services.city, language_of(request)), assessed, _own(user))
    await audit(request, user.login, "export_assessment", detail=f"{asked.key} v{_version(assessed)}")
    agents, names = _sees(user, "agents"), await Users(services.database).names()
    return download(
        await asyncio.to_thread(book, shown, room.zone, names, agents), f"assessment-{asked.key}-v{_version(assessed)}"
    )


@router.get("/assessment/bulletin")
async def bulletin_page(
    request: Request, user: SignedIn, room: Room, services: Services, period: str, version: Whole | None = None
) -> Response:
    """The bulletin (通报) of a period, to be printed."""
    asked = parse(period)
    views = Views(services.city, language_of(request))
    try:
        assessed = await _assessed(user, room, services, asked, version, patient=False)
        former = await _former(user, room, services, asked, patient=False)
    except StillReadingError as reading:
        return _wait(request, user, views, asked, reading)
    shown = AssessViews(views, assessed, _own(user))
    told = bulletin(shown, services.city, former, await room.trend(asked), room.zone)
    return page(
        request, "bulletin.html", me=user, told=told, title=shown.period(), frozen=assessed.frozen,
        changed=not assessed.intact,
        back=f"/assessment?{_query(asked, assessed)}",
    )  # fmt: skip


# --- within ---------------------------------------------------------------------------------------------------------


def _own(user: User) -> frozenset[str] | None:
    """Whose figures open their tickets: None for those who see all."""
    if user.role in FREEZERS or user.role == "leader":
        return None
    if user.role == "department" and user.department:
        return frozenset({user.department})
    raise HTTPException(403, "您没有此项权限")


def _sees(user: User, subject: Subject) -> bool:
    # Leaders compare offices; single call takers are for who answers for them.
    return subject == "departments" or user.role in FREEZERS


def _subject(of: str, user: User) -> Subject:
    found = next((subject for subject in SUBJECTS if subject == of), None)
    if found is None:
        raise HTTPException(422, "查询条件不符合要求")
    if not _sees(user, found):
        raise HTTPException(403, "您没有此项权限")
    return found


def _counts(text: str) -> Sequence[Count]:
    asked = text.split(",")
    found = [count for count in COUNTS if count in asked]
    if not found or len(found) != len(asked):
        raise HTTPException(422, "查询条件不符合要求")
    return found


async def _assessed(
    user: User, room: Assessment, services: DeskServices, period: Period, version: int | None, *, patient: bool = True
) -> Assessed:
    """A period's result; departments see what was frozen alone, and that is there at once."""
    names = await Users(services.database).names()
    if not patient and _own(user) is None:
        return await room.opened(period, names, version)
    return await room.of(period, names, version, frozen_only=_own(user) is not None)


def _wait(request: Request, user: User, views: Views, period: Period, reading: StillReadingError) -> Response:
    """What stands there while a large month is read; the browser asks again by itself."""
    told = reading.progress
    return page(
        request, "assessment_wait.html", 202, me=user, title=period_name(views, period),
        month=period_name(views, told.month), done=told.done, whole=told.whole,
    )  # fmt: skip


async def _first(user: User, room: Assessment) -> Period:
    """What is shown first: the month that goes on, to departments the last month that was frozen."""
    if _own(user) is None:
        return room.current
    months = [key for key in await room.frozen() if parse(key).months == 1]
    return parse(months[-1]) if months else room.current.before


async def _former(
    user: User, room: Assessment, services: DeskServices, period: Period, *, patient: bool = True
) -> Mapping[Subject, Tables] | None:
    """The tables of the period before; None where a department may not see them, or nothing was counted.

    A half-year or year is compared with one that was frozen: reading another whole year is not worth an arrow.
    """
    if (period.months > 1 or _own(user) is not None) and period.before.key not in await room.frozen():
        return None
    names = await Users(services.database).names()
    found = await (room.of if patient else room.opened)(period.before, names)
    if found.frozen is None and not found.tables["departments"].total:
        return None
    return found.tables


def _spark(
    views: Views, trend: Mapping[str, Mapping[Subject, Tables]], period: Period, subject: Subject, who: str,
    score: float | None,
) -> Any:  # fmt: skip
    points = [(key, row.score if (row := tables[subject].row(who)) else None) for key, tables in trend.items()]
    return spark([*points, (period.key, score)], views.text("历次得分"))


def _choices(views: Views, current: Period, asked: Period) -> list[dict[str, Any]]:
    """The periods that one click leads to: this month and the last, half-year and year."""
    half = Period(current.year, 1 if current.month <= 6 else 7, 6)
    year = Period(current.year, 1, 12)
    return [
        {"key": one.key, "name": period_name(views, one), "now": one == asked}
        for one in (current.before, current, half.before, half, year.before, year)
    ]


def _query(period: Period, assessed: Assessed) -> str:
    return urlencode({"period": period.key, "version": _version(assessed)})


def _version(assessed: Assessed) -> int:
    return assessed.frozen.version if assessed.frozen else 0
