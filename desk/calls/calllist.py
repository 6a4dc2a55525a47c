"""The list of calls behind every number on the wall, as a page and as an Excel file; and one call with its story."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from asr.record import corrections
from asr.record.backlog import TranscriptPass
from asr.record.transcripts import PendingRecording
from core.city import City
from desk.access import masking
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_correct, may_hear_private, may_see_calls
from desk.access.table import may
from desk.access.users import User, Users
from desk.api import Cases
from desk.calls.story import story
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import Sheet, by_mark, write
from desk.listsheets import AT_ONCE, Found
from desk.render import page
from desk.services import DeskServices
from desk.sheets import Cell, download
from desk.views import OUTCOMES, Views, stamp
from switchboard.figures import callbook
from switchboard.figures.board import group_of
from switchboard.figures.callbook import BECAME, Wanted
from telephony import ledger
from telephony.ledger import CallRow

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]

#: Days that a search for a number looks back where no first day was asked for.
LOOK_BACK = 90
#: Rows of one Excel file at most.
EXPORT = 50_000
DIRECTIONS = {"in": "呼入", "back": "回呼", "out": "呼出", "internal": "内部"}
ENDED_BY = {"caller": "来电人", "agent": "坐席", "system": "系统"}
FAULT_NAMES = {"missing": "录音缺失", "damaged": "录音损坏", "error": "转写出错"}
STATES = {**OUTCOMES, "gone": "未接听（全部）", "kept": "已留位次", "waiting": "等待中", "talking": "通话中"}
#: What a page of the list may be asked for; all else is ignored.
_NAMES = ("from", "to", "kind", "line", "group", "became", "over", "within", "agent", "direction", "number")


@dataclass(frozen=True)
class Asked:
    """What a list was asked for: the question as it stands in the address, and as the ledger takes it."""

    fields: Mapping[str, str]
    wanted: Wanted

    def address(self, path: str, **more: str) -> str:
        return f"{path}?{urlencode({name: value for name, value in {**self.fields, **more}.items() if value})}"


def asked(query: Mapping[str, str], city: City, now: datetime, user: User) -> Asked:
    """The question of an address. Raises 422 in words for one that cannot be understood.

    Without a day it is today, for calls that go on yesterday too, for a number the last :data:`LOOK_BACK` days. Call
    takers see the calls of their own desk, whatever they ask for; who is shown no numbers asks for none.
    """
    zone = ZoneInfo(city.profile.timezone)
    fields = {name: query.get(name, "").strip()[:60] for name in _NAMES}
    if user.role == "agent":
        fields["agent"] = user.extension or "-"
    if masking.hides(user):
        fields["number"] = ""
    today = now.astimezone(zone).date()
    if not fields["from"]:
        # Who waits or talks now may have called before midnight.
        back = LOOK_BACK if fields["number"] else fields["became"] in ("waiting", "talking")
        fields["from"] = str(today - timedelta(days=back))
    if (fields["became"] and fields["became"] not in BECAME) or (
        fields["direction"] and fields["direction"] not in DIRECTIONS
    ):
        raise HTTPException(422, "查询条件不符合要求")
    wanted = Wanted(
        start=moment(fields["from"], zone, ends=False),
        end=moment(fields["to"], zone, ends=True),
        kind=fields["kind"],
        line=fields["line"],
        group=fields["group"],
        became=next((state for state in BECAME if state == fields["became"]), None),
        waited_over=_seconds(fields["over"]),
        waited_within=_seconds(fields["within"]),
        agent=fields["agent"],
        direction=fields["direction"],
        number=fields["number"],
    )
    return Asked(fields, wanted)


def moment(text: str, zone: ZoneInfo, *, ends: bool) -> datetime | None:
    """``2026-11-22`` or ``2026-11-22T08:30`` by the city's clock; a day that ends something does so at its midnight."""
    if not text:
        return None
    try:
        if "T" in text:
            return datetime.fromisoformat(text).replace(tzinfo=zone)
        return datetime.combine(date.fromisoformat(text) + timedelta(days=ends), time(0), zone)
    except (ValueError, OverflowError):
        raise HTTPException(422, "日期须写作 2026-11-22 或 2026-11-22T08:30") from None


def _as_shown(wanted: Wanted, zone: ZoneInfo) -> dict[str, str]:
    """Both ends as the form's fields take them (HTML, local date and time), by the city's clock."""
    ends = {"from": wanted.start, "to": wanted.end}
    return {name: f"{at.astimezone(zone):%Y-%m-%dT%H:%M}" if at else "" for name, at in ends.items()}


def _seconds(text: str) -> float | None:
    if not text:
        return None
    if not text.isascii() or not text.replace(".", "", 1).isdigit():
        raise HTTPException(422, "等待时长须为秒数")
    return float(text)


@router.get("/calls")
async def calls(request: Request, user: SignedIn, services: Services, after: str = "") -> Response:
    """Calls, the latest first, fifty on a page."""
    if not may_see_calls(user):
        raise HTTPException(403, "您没有此项权限")
    question = asked(request.query_params, services.city, services.clock.now(), user)
    place = callbook.place(after)
    async with services.database.read() as session:
        rows = await callbook.page(session, services.city, question.wanted, place, callbook.PAGE + 1)
        found = await callbook.count(session, services.city, question.wanted)
    more = rows[: callbook.PAGE] if len(rows) > callbook.PAGE else None
    views = Views(services.city, language_of(request))
    last = more[-1] if more else None
    return page(
        request,
        "calls.html",
        me=user,
        now=stamp(services.clock.now()),
        fields=question.fields,
        shown=_as_shown(question.wanted, ZoneInfo(services.city.profile.timezone)),
        found=found,
        rows=[_shown_to(user, row_view(row, services.city, views)) for row in rows[: callbook.PAGE]],
        may_open=may(user.role, "call.read"),
        by_number=not masking.hides(user),
        next=question.address("/calls", after=str(callbook.Place(last.arrived_at, last.id))) if last else "",
        first=question.address("/calls") if place else "",
        export=question.address("/calls.xlsx"),
        export_limit=EXPORT,
        **choices(services.city, views),
    )


@router.get("/calls.xlsx")
async def calls_sheet(request: Request, user: SignedIn, services: Services) -> Response:
    """The same list as an Excel file, at most :data:`EXPORT` rows."""
    if not may_see_calls(user):
        raise HTTPException(403, "您没有此项权限")
    question = asked(request.query_params, services.city, services.clock.now(), user)
    views = Views(services.city, language_of(request))

    async def some(place: callbook.Place | None) -> tuple[Sequence[CallRow], callbook.Place | None]:
        async with services.database.read() as session:
            rows = await callbook.page(session, services.city, question.wanted, place, AT_ONCE)
        return rows, callbook.Place(rows[-1].arrived_at, rows[-1].id) if len(rows) == AT_ONCE else None

    sheet = _sheet(by_mark(some), services.city, views, ZoneInfo(services.city.profile.timezone), user)
    data, count = await write([sheet], views.text, EXPORT)
    await audit(request, user.login, "export_calls", detail=f"{count} {question.address('')}")
    return download(data, f"calls-{question.fields['from'][:10]}")


def _shown_to(user: User, row: dict[str, Any]) -> dict[str, Any]:
    return masking.record(row) if masking.hides(user) else row


def _sheet(rows: Found, city: City, views: Views, zone: ZoneInfo, user: User) -> Sheet:
    heads = (
        ("来电时间", 20), ("热线", 14), ("热线名称", 20), ("方向", 8), ("号码", 18), ("技能组", 14), ("坐席", 8),
        ("等待秒数", 10), ("通话秒数", 10), ("结果", 14), ("挂机方", 10), ("通话编号", 28),
    )  # fmt: skip

    def cells(row: CallRow) -> list[Cell]:
        seen = _shown_to(user, row_view(row, city, views))
        return [
            row.arrived_at.astimezone(zone).replace(tzinfo=None), seen["line"], seen["line_name"], seen["direction"],
            seen["caller"], seen["group"], row.agent, row.waited_s, row.talked_s, seen["state_name"], seen["by"],
            row.id,
        ]  # fmt: skip

    head = [(views.text(name), width) for name, width in heads]
    return Sheet(views.text("通话清单"), head, rows, cells)


@router.get("/calls/{call_id}")
async def one_call(request: Request, call_id: str, user: SignedIn, cases: Cases, services: Services) -> Response:
    """One call: facts, story, recording, transcript and ticket, as far as this person may know them."""
    seen = await cases.call(call_id)
    views, hidden = Views(services.city, language_of(request)), masking.hides(user)
    async with services.database.read() as session:
        row = await ledger.call(session, call_id)
        told, names = [], {}
        corrected = await corrections.of_call(session, call_id) if seen else {}
        note = await _pass_note(session, views, call_id, may_correct(user)) if seen else ""
        if seen and row:
            names = await Users(services.database).names()
            told = await story(session, views, call_id, names, watching=user.role == "supervisor", hidden=hidden)
    if seen is None or row is None:
        raise HTTPException(404, "没有找到")
    shown = row_view(row, services.city, views)
    return page(
        request,
        "call.html",
        me=user,
        now=stamp(services.clock.now()),
        call=seen,
        row=masking.record(shown) if hidden else shown,
        hidden=hidden,
        may_list=may_see_calls(user),
        story=told,
        names=names,
        corrected=corrected,
        may_read_before=may_hear_private(user),
        may_correct=may_correct(user) and row.ended_at is not None,
        pass_note=note,
        clock=clock,
    )


async def _pass_note(session: AsyncSession, views: Views, call_id: str, reviewer: bool) -> str:
    """Whether this is the transcript of record yet; what is wrong with the recording, for those who look after it."""
    done = await session.get(TranscriptPass, call_id)
    if await session.get(PendingRecording, call_id) is not None and (done is None or done.state != "failed"):
        if done is None or not done.total_s:
            return views.text("通话中的实录，录音等待转写")
        return views.text("通话中的实录，录音转写中 {percent}%").format(percent=int(100 * done.done_s / done.total_s))
    if done is not None and done.fault and reviewer:
        fault = views.text(FAULT_NAMES.get(done.fault, done.fault))
        return views.text("一侧录音未能转写：{why}" if done.state == "half" else "录音未能转写：{why}").format(
            why=fault
        )
    return ""


def clock(seconds: float) -> str:
    """1:05 or 1:02:03, as a player shows it."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def row_view(row: CallRow, city: City, views: Views) -> dict[str, Any]:
    """A call of the list in words."""
    state = row.outcome if row.ended_at else "talking" if row.answered_at else "waiting"
    line = city.line(row.line)
    group = city.skill_group(group_of(city, row.queue, row.line)) if line else None
    return {
        "call_id": row.id,
        # What is no line of the city has a name alone.
        "line": row.line if line else "",
        "line_name": views.line_name(row.line),
        "emergency": line is not None and line.kind == "emergency",
        "direction": views.text(DIRECTIONS.get(row.direction, row.direction)),
        "caller": row.caller,
        "group": views.queue_name(group.key) if group else "",
        "agent": row.agent,
        "agent_name": views.desk_name(row.agent) if row.agent else "",
        "arrived_at": row.arrived_at,
        "answered_at": row.answered_at,
        "ended_at": row.ended_at,
        "waited_s": row.waited_s,
        "talked_s": row.talked_s if row.answered_at else None,
        "state": state,
        "state_name": views.text(STATES.get(state, state)),
        "by": views.text(ENDED_BY.get(row.ended_by, "")),
        "recorded": bool(row.recording),
    }


def choices(city: City, views: Views) -> dict[str, Any]:
    """What the filters of the list offer."""
    return {
        "lines": [(line.number, f"{line.number} {views.line_name(line.number)}") for line in city.lines],
        "kinds": [("emergency", views.text("紧急热线")), ("service", views.text("服务热线"))],
        "groups": [(group.key, views.queue_name(group.key)) for group in city.groups],
        "states": [(key, views.text(STATES[key])) for key in BECAME],
        "directions": [(key, views.text(name)) for key, name in DIRECTIONS.items()],
        "desks": [(desk.extension, f"{desk.extension} {desk.name}") for desk in city.desks if desk.kind != "robot"],
    }
