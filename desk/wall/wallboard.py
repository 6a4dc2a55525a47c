"""The wallboard (指挥大屏) and the working time of the desks: pages for supervisors."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response

from core.city import City, Mode
from core.collation import by_name
from desk.access.auth import SignedIn, audit, watch_of
from desk.access.users import Users
from desk.context import services_of
from desk.i18n import language_of
from desk.render import page
from desk.services import DeskServices
from desk.sheets import Cell, download, workbook
from desk.shift.tables import sounds
from desk.sse import EventStream
from desk.views import PAUSE_REASONS, Views
from desk.wall.boardfeed import BoardFeed
from switchboard.desks import MISSED
from switchboard.figures.board import SERVICE_LEVELS
from switchboard.figures.worktime import DeskDay, between, summarize

router = APIRouter(include_in_schema=False)
Lead = SignedIn
Services = Annotated[DeskServices, Depends(services_of)]

STATES = {
    "offline": "离线", "away": "离席", "ready": "就绪", "ringing": "振铃", "talking": "通话中", "held": "保持",
    "wrapup": "整理", "paused": "示忙",
}  # fmt: skip


@router.get("/wallboard")
async def wallboard(request: Request, user: Lead, services: Services) -> Response:
    """The wall: its script draws what ``/live/wallboard`` tells."""
    views = Views(services.city, language_of(request))
    city, chinese = services.city, views.language == "zh"
    return page(
        request,
        "wallboard.html",
        me=user,
        setup={
            "extension": user.extension,
            "wrapup_s": services.settings.wrapup_s,
            "lines": {line.number: views.line_name(line.number) for line in city.lines},
            "groups": {group.key: views.queue_name(group.key) for group in city.groups},
            "emergency": [line.number for line in city.lines if line.kind == "emergency"],
            "states": {state: views.text(name) for state, name in STATES.items()},
            "linkage": [group.key for group in city.groups if group.linkage],
            "desks": {desk.extension: {"name": desk.name, "in_queue": desk.in_queue} for desk in city.desks},
            "modes": [
                {"key": mode.key, "name": mode.name if chinese else mode.name_en, "effects": effects(mode, views)}
                for mode in city.modes
            ],
            "levels": {
                kind: [{"seconds": level.seconds, "share": level.share, "source": level.source} for level in levels]
                for kind, levels in SERVICE_LEVELS.items()
            },
        },
    )


def effects(mode: Mode, views: Views) -> list[str]:
    """What is different while a mode holds, in words; emergency lines are always answered as ever."""
    found = []
    if mode.announcement:
        found.append(views.text("服务热线来电先听到：{text}").format(text=mode.announcement))
    for group, other in mode.groups.items():
        told = views.text("{group}的来电由{other}接听")
        found.append(told.format(group=views.queue_name(group), other=views.queue_name(other)))
    if mode.target_s is not None:
        found.append(views.text("服务热线接听目标 {seconds} 秒").format(seconds=mode.target_s))
    if mode.service_round_s is not None:
        found.append(views.text("服务热线每 {seconds} 秒提升一次优先级").format(seconds=mode.service_round_s))
    return found or [views.text("按平时的线路、坐席组和接听目标")]


@router.get("/live/wallboard")
async def live(request: Request, user: Lead) -> Response:
    """State of the whole centre as server-sent events."""
    feed: BoardFeed = request.app.state.board
    return EventStream(feed.stream(), watch_of(request, user, counts=True))


@router.get("/worktime")
async def worktime(request: Request, user: Lead, services: Services, day: str = "") -> Response:
    """Every desk's day as a bar."""
    views = Views(services.city, language_of(request))
    chosen, start, end = _day(day, services)
    days = await _days(services, start, end)
    names, people = _names(services.city), await Users(services.database).names()
    async with services.database.read() as session:
        sounded = await sounds(session, start, end)
    return page(
        request,
        "worktime.html",
        me=user,
        day=chosen,
        before=chosen - timedelta(days=1),
        after=chosen + timedelta(days=1) if chosen < services.clock.now().astimezone(start.tzinfo).date() else None,
        desks=[
            _bar(desk, names.get(desk.desk, desk.desk), people, start, views)
            | {"sound": sounded.get(desk.desk), "zone": start.tzinfo}
            for desk in days
        ],
        states=[(key, views.text(name)) for key, name in STATES.items() if key != "offline"],
    )


@router.get("/worktime.xlsx")
async def worktime_sheet(request: Request, user: Lead, services: Services, day: str = "") -> Response:
    """The same day as an Excel file."""
    views = Views(services.city, language_of(request))
    chosen, start, end = _day(day, services)
    days = await _days(services, start, end)
    await audit(request, user.login, "export_worktime", detail=str(chosen))
    return download(await asyncio.to_thread(_sheet, days, chosen, _names(services.city), views), f"worktime-{chosen}")


def _day(text: str, services: DeskServices) -> tuple[date, datetime, datetime]:
    """The day asked for (today without), from its midnight to the next or to now, by the city's clock."""
    zone, now = ZoneInfo(services.city.profile.timezone), services.clock.now()
    try:
        chosen = date.fromisoformat(text) if text else now.astimezone(zone).date()
        start = datetime.combine(chosen, time(0), zone)
        end = datetime.combine(chosen + timedelta(days=1), time(0), zone)
    except (ValueError, OverflowError):
        raise HTTPException(422, "日期须写作 2026-11-22") from None
    return chosen, start, max(start, min(end, now))


async def _days(services: DeskServices, start: datetime, end: datetime) -> Sequence[DeskDay]:
    desks = [desk.extension for desk in services.city.desks if desk.kind != "robot" and desk.in_queue]
    async with services.database.read() as session:
        return summarize(await between(session, desks, start, end), start, end)


def _names(city: City) -> dict[str, str]:
    return {desk.extension: desk.name for desk in city.desks}


def _bar(day: DeskDay, name: str, people: Mapping[str, str], start: datetime, views: Views) -> dict[str, Any]:
    """Stretches in thousandths of the day, for a picture."""
    zone = start.tzinfo
    return {
        "desk": day.desk,
        "name": name,
        "people": [people.get(login, login) for login in day.logins],
        "spans": [
            {
                "x": round((span.start - start).total_seconds() / 86.4, 2),
                "width": round(span.seconds / 86.4, 2),
                "state": span.state,
                "title": f"{span.start.astimezone(zone):%H:%M:%S}–{span.end.astimezone(zone):%H:%M:%S} "
                + " ".join(part for part in (views.text(STATES[span.state]), views.text(span.reason)) if part)
                + f" {clock(span.seconds)}",
            }
            for span in day.spans
            if span.state != "offline"
        ],
        "signed_in": clock(day.signed_in_s),
        "sums": {state: clock(seconds) for state, seconds in day.by_state.items()},
        "pauses": [
            (views.text(reason), clock(seconds))
            for reason, seconds in sorted(day.pauses.items(), key=lambda one: by_name(one[0]))
        ],
        "calls": day.calls,
        "missed": day.missed,
    }


def clock(seconds: float) -> str:
    """h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _sheet(days: Sequence[DeskDay], chosen: date, names: dict[str, str], views: Views) -> bytes:
    reasons = sorted({reason for day in days for reason in day.pauses} | set(PAUSE_REASONS) | {MISSED}, key=by_name)
    counted = ("ready", "ringing", "talking", "held", "wrapup", "away")
    head = [
        (views.text("日期"), 12), (views.text("坐席"), 8), (views.text("名称"), 16), (views.text("登录名"), 16),
        (views.text("签入秒数"), 12), *((views.text(STATES[state]), 10) for state in counted),
        *((f"{views.text('示忙')} {views.text(reason)}".strip(), 14) for reason in reasons),
        (views.text("接听通数"), 10), (views.text("未接振铃"), 10),
    ]  # fmt: skip

    def cells(day: DeskDay) -> list[Cell]:
        return [
            str(chosen), day.desk, names.get(day.desk, ""), " ".join(day.logins), round(day.signed_in_s),
            *(round(day.by_state.get(state, 0)) for state in counted),
            *(round(day.pauses.get(reason, 0)) for reason in reasons),
            day.calls, day.missed,
        ]  # fmt: skip

    return workbook(views.text("坐席工时"), head, map(cells, days))
