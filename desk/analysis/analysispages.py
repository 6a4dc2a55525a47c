"""分析研判 on screen: warnings, clusters, words, hours, repeat callers, and the tickets behind every figure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from core.errors import HeyiError
from desk.access import masking
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_analysis
from desk.access.users import User, Users
from desk.analysis.analysisviews import WEEKDAYS, AnalysisViews, Dot, amount, map_of, masked, query, shades
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import made, wanted
from desk.pages import message_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from ticketing.analysis.facts import Fact, Where
from ticketing.analysis.rising import LEAST_DAYS
from ticketing.analysis.service import Analysis, window_of
from ticketing.states import STATE_NAMES

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]

#: Tickets shown behind one figure.
_SHOWN = 300
#: How long a figure's time may be.
_LONGEST = timedelta(days=400)


async def _reader(user: SignedIn) -> User:
    if not may_see_analysis(user):
        raise HTTPException(403, "您没有此项权限")
    return user


def _analysis(request: Request) -> Analysis:
    return services_of(request).analysis


Reader = Annotated[User, Depends(_reader)]
Room = Annotated[Analysis, Depends(_analysis)]


def asked(
    since: str = "", until: str = "", town: Annotated[str, Query(max_length=60)] = "",
    community: Annotated[str, Query(max_length=60)] = "", group: Annotated[str, Query(max_length=8)] = "",
    code: Annotated[str, Query(max_length=8)] = "", line: Annotated[str, Query(max_length=12)] = "",
    nature: Annotated[str, Query(max_length=8)] = "", word: Annotated[str, Query(max_length=40)] = "",
    emergency: Annotated[int | None, Query(ge=0, le=1)] = None,
    weekday: Annotated[int | None, Query(ge=0, le=6)] = None, hour: Annotated[int | None, Query(ge=0, le=23)] = None,
    outcome: Annotated[str, Query(max_length=12)] = "", grid: Annotated[str, Query(max_length=40)] = "",
) -> Where:  # fmt: skip
    """A figure from its address (:func:`desk.analysis.analysisviews.query`)."""
    return Where(
        since=_moment(since), until=_moment(until), town=town, community=community, group=group, code=code, line=line,
        nature=nature, word=word, emergency=None if emergency is None else bool(emergency), weekday=weekday, hour=hour,
        outcome=outcome, grid=grid,
    )  # fmt: skip


Figure = Annotated[Where, Depends(asked)]


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(422, "填写的内容不符合要求") from error
    if at.tzinfo is None:
        raise HTTPException(422, "填写的内容不符合要求")
    return at


@router.get("/analysis")
async def overview(
    request: Request, user: Reader, services: Services, room: Room, group: Annotated[str, Query(max_length=8)] = ""
) -> Response:
    """What the latest look found."""
    return await _overview(request, user, services, room, group, "")


@router.post("/analysis/look")
async def look(request: Request, user: Reader, services: Services, room: Room) -> Response:
    """Look through the tickets now, as often as the city's rate of false alarms bears."""
    try:
        await room.look(user.actor())
    except HeyiError as error:
        return await _overview(request, user, services, room, "", message_of(request, error))
    await audit(request, user.login, "analysis_look")
    return RedirectResponse("/analysis", 303)


@router.post("/analysis/warnings/{warning_id}/note")
async def note(
    request: Request, warning_id: str, user: Reader, room: Room, text: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Who has seen a warning, and what is done."""
    await room.note(warning_id, user.actor(), text)
    await audit(request, user.login, "analysis_note", detail=warning_id)
    return RedirectResponse("/analysis", 303)


@router.get("/api/analysis/warnings")
async def warnings_api(request: Request, user: Reader, services: Services, room: Room) -> list[dict[str, Any]]:
    """Warnings of the last 30 days, the latest first."""
    shown = AnalysisViews(services.city, Views(services.city, language_of(request)))
    names = await Users(services.database).names()
    found = await room.warnings(services.clock.now() - timedelta(days=30))
    return [{k: v for k, v in shown.warning(row, names).items() if k != "bars"} for row in found]


@router.get("/analysis/tickets")
async def tickets(
    request: Request, user: Reader, services: Services, room: Room, figure: Figure, warning: str = "", look: Whole = 0,
    cluster: Whole | None = None, repeat: Whole | None = None,
) -> Response:  # fmt: skip
    """The tickets that a figure counts."""
    shown = AnalysisViews(services.city, Views(services.city, language_of(request)))
    if warning:
        row = await room.warning(warning)
        since, until = window_of(row)
        where = Where(since=since, until=until, ids=frozenset(row.tickets))
        title = shown.told(shown.warning(row, {}))
    elif cluster is not None or repeat is not None:
        taken = await room.latest(look)
        kind, place = ("clusters", cluster) if cluster is not None else ("repeats", repeat)
        entries = taken.picture.get(kind, []) if taken else []
        if taken is None or place is None or place >= len(entries):
            raise HTTPException(404, "没有找到")
        entry = entries[place]
        until = datetime.fromisoformat(taken.picture["until"])
        days = taken.picture["days"] if cluster is not None else taken.picture["repeat_days"]
        where = Where(since=until - timedelta(days=days), until=until, ids=frozenset(entry["ids"]))
        title = (
            f"{shown.place(entry['town'], entry['community'])} · {shown.matter(entry['group'])}"
            if cluster is not None
            else masked(entry["caller"])
        )
    else:
        if figure.since is None or figure.until is None or not timedelta(0) < figure.until - figure.since <= _LONGEST:
            raise HTTPException(422, "填写的内容不符合要求")
        where, title = figure, heading(shown, figure)
    assert where.since is not None and where.until is not None  # noqa: S101
    facts = await room.facts(where.since, where.until, words=bool(where.word), grids=bool(where.grid))
    rows = [fact for fact in facts if where.has(fact, services.clock.now())]
    if where.word:
        rows = [fact for fact in rows if room.watched(fact)]
    return await listed(request, user, services, rows, title, where, "/analysis")


def heading(shown: AnalysisViews, where: Where) -> str:
    """What a figure counts, in short."""
    parts = [
        shown.grid(where.grid) if where.grid else shown.place(where.town, where.community),
        shown.matter(where.code or where.group) if where.code or where.group
        else "", where.line, shown.text(where.nature),
        shown.text("“{word}”").format(word=where.word) if where.word else "",
        shown.text("紧急警情") if where.emergency else "",
        shown.text(WEEKDAYS[where.weekday]) if where.weekday is not None else "",
        f"{where.hour:02d}:00–{where.hour + 1:02d}:00" if where.hour is not None else "",
        shown.text(OUTCOME_NAMES[where.outcome]) if where.outcome in OUTCOME_NAMES else "",
    ]  # fmt: skip
    return " · ".join(part for part in parts if part)


OUTCOME_NAMES = {
    "closed": "已办结", "open": "未办结", "in_time": "按时反馈", "late": "逾期", "asked": "已作评价",
    "satisfied": "满意", "unsatisfied": "不满意", "reopened": "退回重办",
}  # fmt: skip


async def listed(
    request: Request, user: User, services: DeskServices, rows: Sequence[Fact], title: str, where: Where, back: str
) -> Response:
    """A page of tickets behind a figure."""
    views = Views(services.city, language_of(request))
    told = masking.words if masking.hides(user) else str

    def row(fact: Fact) -> dict[str, Any]:
        return {
            "number": fact.number, "at": fact.at, "category": views.category_name(fact.code),
            "place": f"{fact.spot.town}{fact.spot.community}", "summary": told(fact.summary),
            "emergency": fact.emergency,
            "state": views.text(STATE_NAMES[fact.state]), "department": views.department_name(fact.department),
        }  # fmt: skip

    if wanted(request):
        return page(request, "analysis_tickets.html", me=user, rows=made(rows[::-1], row))
    return page(
        request,
        "analysis_tickets.html",
        me=user,
        title=title,
        back=back,
        since=where.since,
        until=where.until,
        count=len(rows),
        rows=[row(fact) for fact in reversed(rows[-_SHOWN:])],
    )


async def _overview(
    request: Request, user: User, services: DeskServices, room: Analysis, group: str, refused: str
) -> Response:
    shown = AnalysisViews(services.city, Views(services.city, language_of(request)))
    names = await Users(services.database).names()
    taken = await room.latest()
    now = services.clock.now()
    found = await room.warnings(now - timedelta(days=14)) if taken else []
    rows = [(row, shown.warning(row, names)) for row in found]
    latest = taken.until if taken else now
    picture = taken.picture if taken else {}
    return page(
        request,
        "analysis.html",
        409 if refused else 200,
        me=user,
        refused=refused,
        look=taken,
        enough=bool(taken and taken.days >= LEAST_DAYS),
        least_days=LEAST_DAYS,
        rate=amount(services.city.analysis.false_per_week).removesuffix(".0"),
        hours=[f"{hour:%H:%M}" for hour in services.city.analysis.hours],
        # One that the latest look did not see any more is past.
        rising=[view for row, view in rows if row.last_at >= latest],
        past=[view for row, view in rows if row.last_at < latest],
        picture=picture,
        **(_drawn(services, shown, picture, taken.id, group) if taken else {}),
    )


def _drawn(
    services: DeskServices, shown: AnalysisViews, picture: dict[str, Any], look_id: int, group: str
) -> dict[str, Any]:
    since, until, before = (datetime.fromisoformat(picture[name]) for name in ("since", "until", "before"))
    words = [
        {
            "word": word, "count": count, "before": then, "g2": g2,
            "link": f"/analysis/tickets?{query(Where(since=since, until=until, word=word))}",
            "link_before": f"/analysis/tickets?{query(Where(since=before, until=since, word=word))}",
        }
        for word, count, then, g2 in picture["words"]
    ]  # fmt: skip
    clusters = [
        {
            "what": f"{shown.place(c['town'], c['community'])} · {shown.matter(c['group'])}", "callers": c["callers"],
            "tickets": len(c["ids"]), "usual": amount(c["usual"]), "words": c["words"], "radius_m": c["radius_m"],
            "middle": c["middle"], "link": f"/analysis/tickets?look={look_id}&cluster={place}",
        }
        for place, c in enumerate(picture["clusters"])
    ]  # fmt: skip
    dots = [
        Dot(c["middle"][1], c["middle"][0], c["callers"], f"{c['what']} {c['callers']}", c["link"])
        for c in clusters
        if c["middle"]
    ]
    towns = [(t.lon, t.lat, t.name) for t in services.city.towns if t.lon is not None and t.lat is not None]
    chosen = group if group in picture["heat"] else ""
    counts = picture["heat"].get(chosen, [0] * 168)
    heat_since = datetime.fromisoformat(picture["heat_since"])
    shade = shades(counts)
    heat = [
        (
            shown.text(WEEKDAYS[day]),
            [
                {
                    "count": counts[day * 24 + hour], "shade": shade[day * 24 + hour],
                    "link": "/analysis/tickets?"
                    + query(Where(since=heat_since, until=until, group=chosen, weekday=day, hour=hour)),
                }
                for hour in range(24)
            ],
        )
        for day in range(7)
    ]  # fmt: skip
    repeats = [
        {
            "caller": masked(r["caller"]), "count": len(r["ids"]), "matter": shown.matter(r["code"]), "same": r["same"],
            "open": r["open"], "unsatisfied": r["unsatisfied"],
            "link": f"/analysis/tickets?look={look_id}&repeat={place}",
        }
        for place, r in enumerate(picture["repeats"])
    ]  # fmt: skip
    return {
        "words": words,
        "clusters": clusters,
        "map": map_of(dots, towns, shown.text("聚集点分布")),
        "heat": heat,
        "heat_group": chosen,
        "heat_groups": [(code, shown.matter(code)) for code in sorted(picture["heat"]) if code],
        "repeats": repeats,
    }
