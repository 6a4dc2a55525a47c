"""停水停电公告 on screen: what holds, what is to come, entered and ended; and callers' voice messages to be heard."""

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from core.city_selfservice import CutKind
from core.errors import HeyiError
from desk.access.auth import SignedIn, audit
from desk.access.rights import announces
from desk.access.users import User, Users
from desk.calls.hearing import note_listening, recording_file
from desk.context import services_of
from desk.doors.messageviews import may_hear_message
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.pages import message_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from telephony.recordings.sealer import Recording
from ticketing.selfservice.announcements import EVERYWHERE, KIND_NAMES, Announcements, areas_of
from ticketing.selfservice.sheets import form
from ticketing.selfservice.tables import Announcement, VoiceMessage

router = APIRouter(include_in_schema=False)
#: Announcements on the screen.
SHOWN = 200
#: As the room names them; here for the catalogue of translations.
KINDS: dict[CutKind, str] = {"water": "停水", "power": "停电", "gas": "停气", "road": "道路"}
assert KINDS == KIND_NAMES  # noqa: S101
Services = Annotated[DeskServices, Depends(services_of)]


def _room(request: Request) -> Announcements:
    made: Announcements = request.app.state.announcements
    return made


Room = Annotated[Announcements, Depends(_room)]


def _form(
    kind: Annotated[str, Form(max_length=8)] = "",
    areas: Annotated[str, Form(max_length=2000)] = "",
    begins: Annotated[str, Form(max_length=30)] = "",
    until: Annotated[str, Form(max_length=30)] = "",
    text: Annotated[str, Form(max_length=200)] = "",
    source: Annotated[str, Form(max_length=200)] = "",
) -> dict[str, str]:
    return {"kind": kind, "areas": areas, "begins": begins, "until": until, "text": text, "source": source}


Typed = Annotated[dict[str, str], Depends(_form)]


@router.get("/announcements")
async def listing(request: Request, user: SignedIn, services: Services, room: Room, over: Whole = 0) -> Response:
    """What holds and what is to come; ``?over=1``: what is over."""
    return await _page(request, user, services, room, over=bool(over))


@router.post("/announcements")
async def add(request: Request, user: SignedIn, services: Services, room: Room, typed: Typed) -> Response:
    """Enter one; what was typed stays where it cannot be taken."""
    try:
        made = await room.add(form(typed, ZoneInfo(services.city.profile.timezone)), user.actor())
    except HeyiError as error:
        return await _page(request, user, services, room, typed=typed, error=message_of(request, error))
    await audit(request, user.login, "announcement", detail=f"{made.kind} {'、'.join(made.areas)} {made.text}"[:400])
    return RedirectResponse("/announcements", 303)


@router.post("/announcements/{announcement_id}/end")
async def end(request: Request, announcement_id: str, user: SignedIn, services: Services, room: Room) -> Response:
    """It is over before its time."""
    try:
        ended = await room.end(announcement_id, user.actor())
    except HeyiError as error:
        return await _page(request, user, services, room, error=message_of(request, error))
    await audit(request, user.login, "announcement_ended", detail=f"{ended.kind} {ended.text}"[:400])
    return RedirectResponse("/announcements", 303)


async def _page(
    request: Request, user: User, services: DeskServices, room: Announcements, *, over: bool = False,
    typed: Mapping[str, str] | None = None, error: str = "",
) -> Response:  # fmt: skip
    views = Views(services.city, language_of(request))
    own = announces(user, services.city)
    names = await Users(services.database).names()
    now = services.clock.now()

    def shown(row: Announcement) -> dict[str, Any]:
        return {
            "id": row.id, "kind": row.kind, "kind_name": views.text(KINDS[row.kind]),
            "areas": "、".join(row.areas) or views.text(EVERYWHERE), "begins": row.begins, "until": row.until,
            "text": row.text, "source": row.source, "by": names.get(row.made_by, row.made_by), "made_at": row.made_at,
            "now": row.begins <= now, "ended_at": row.ended_at, "ended_by": names.get(row.ended_by, row.ended_by),
            "may_end": row.kind in own,
        }  # fmt: skip

    async def some(start: int, size: int) -> list[dict[str, Any]]:
        return [shown(row) for row in await room.listed(over=over, limit=size, start=start)]

    if wanted(request):
        return page(request, "announcements.html", me=user, rows=by_place(some))
    source = views.department_name(user.department) if user.department else ""
    return page(
        request,
        "announcements.html",
        400 if error else 200,
        me=user,
        over=over,
        rows=await some(0, SHOWN),
        kinds=[(kind, views.text(KINDS[kind])) for kind in own],
        areas=areas_of(services.city) if own else [],
        everywhere=EVERYWHERE,
        typed=typed or {**_form(), "kind": own[0] if own else "", "source": source},
        error=error,
    )


@router.get("/messages/{message_id}/recording")
async def recording(request: Request, message_id: str, user: SignedIn, services: Services) -> Response:
    """A caller's message, in ranges as players ask for it. Every listening leaves a trace."""
    async with services.database.read() as session:
        row = await session.get(VoiceMessage, message_id)
        kept = await session.get(Recording, row.file) if row is not None else None
    if row is None or not await may_hear_message(services, user, row):
        raise HTTPException(404, "没有找到")
    if kept is not None and kept.deleted_at is not None:
        raise HTTPException(410, "录音保存期已满，已经删除")
    file = recording_file(services.settings.recordings, row.file)
    if file is None:
        raise HTTPException(404, "没有录音")
    await note_listening(request, user, services, row.call_id, f"message={row.file}")
    return FileResponse(file, headers={"Cache-Control": "no-store"})
