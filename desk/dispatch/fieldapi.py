"""What a phone on the spot asks and sends, and calls for help for who commands. Pages: :mod:`.fieldpages`."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.responses import FileResponse, Response

from core.photos import MAX_BYTES
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket
from desk.access.users import User, Users
from desk.context import services_of
from desk.dispatch.fieldviews import FieldViews, Job, most_urgent
from desk.doors.outdoors import form_of, photos_of, texts
from desk.i18n import language_of, translate
from desk.services import DeskServices
from desk.views import Views
from ticketing.dispatch.tables import UnitOrder
from ticketing.dispatch.views import UnitNow
from ticketing.doors.intake import MAX_PHOTOS, Said
from ticketing.patrol.repository import FieldRepository
from ticketing.patrol.wishes import MAX_TEXT, Outcome, Position, Wish, pressed_at
from ticketing.tables import Ticket

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
T = TypeVar("T")
Staff = SignedIn
Lead = SignedIn
#: Fields beside photographs.
_BESIDE = 1 << 16
_Key = Annotated[str, Field(max_length=40)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class At(_Body):
    """Degrees of WGS 84 as the browser's Geolocation gives them, radius in metres."""

    lon: Annotated[float, Field(ge=-180, le=180)]
    lat: Annotated[float, Field(ge=-90, le=90)]
    accuracy_m: Annotated[float | None, Field(ge=0, le=1e6)] = None


class Sent(_Body):
    """What everything that a phone sends has. Times are by the phone's clock, which may be wrong."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$")]
    #: Whose it is: a phone that another person has taken over sends nothing in their name.
    login: Annotated[str, Field(max_length=60)]
    ticket: _Key = ""
    made_at: AwareDatetime
    #: When it was sent.
    sent_at: AwareDatetime
    position: At | None = None
    text: Annotated[str, Field(max_length=MAX_TEXT)] = ""


class Pressed(Sent):
    kind: Literal["accept", "depart", "arrive", "handle", "report", "refuse", "back", "note", "help", "extend"]
    unit: _Key = ""
    #: Ids of the part or the order that was shown, for a step of it.
    part: _Key = ""
    order: _Key = ""
    #: The clock for which more time is asked, and how much of its own unit.
    clock: _Key = ""
    amount: Annotated[float, Field(ge=0, le=100_000)] = 0


class Found(Sent):
    """A matter found on the way; ``text`` says what."""

    code: Annotated[str, Field(max_length=8)] = ""
    place: Annotated[str, Field(max_length=200)] = ""


class Answer(_Body):
    words: Annotated[str, Field(max_length=500)] = ""


_FOUND, _SENT = TypeAdapter(Found), TypeAdapter(Sent)
#: Photographs and what belongs to them come as a form: this field of it is JSON, ``photos`` are the files.
ABOUT = "about"


@router.get("/api/field/tasks")
async def tasks(request: Request, user: Staff, services: Services) -> dict[str, Any]:
    """All that a phone shows: what is to be done, the most urgent first, units, own calls for help, own finds."""
    views = await _views(request, user)
    now = services.clock.now()
    units = [u for u in await services.dispatch.units() if u.standing.unit.department in user.departments]
    async with services.database.read() as session:
        repository = FieldRepository(session)
        jobs = await _jobs(repository, user, services, units)
        helps = await repository.helps_of(user.login, now - timedelta(hours=services.settings.session_hours))
        found = await repository.reported(user.login)
    return {
        "me": {
            "login": user.login, "name": user.name, "lang": language_of(request),
            "department_name": Views(services.city, language_of(request)).department_name(user.department or ""),
        },
        "now": now.isoformat(),
        "jobs": [views.job(job) for job in sorted(jobs, key=most_urgent)],
        "units": [views.unit(unit) for unit in units],
        "helps": [views.help(row) for row in helps],
        "found": [views.reported(*one) for one in found],
    }  # fmt: skip


async def _jobs(repository: FieldRepository, user: User, services: DeskServices, units: list[UnitNow]) -> list[Job]:
    parts = {ticket.id: (part, ticket) for part, ticket in reversed(await repository.parts(user.departments))}
    orders: dict[str, list[tuple[UnitNow, UnitOrder]]] = {}
    seen: dict[str, Ticket] = {key: ticket for key, (_, ticket) in parts.items()}
    for unit in units:
        if unit.order is not None and unit.ticket is not None:
            orders.setdefault(unit.ticket.id, []).append((unit, unit.order))
            seen.setdefault(unit.ticket.id, unit.ticket)
    own = [part.id for part, _ in parts.values()]
    clocks, scenes = await repository.clocks(seen, own), await repository.scenes(seen)
    there = await repository.been_there(seen, user.departments)
    photos, colours = await repository.photo_counts(seen), await services.tickets.clocks.next_due(list(seen))
    extendable = await services.tickets.clocks.extendable(seen, user.actor())
    return [
        Job(
            ticket=ticket, part=parts[key][0] if key in parts else None, orders=orders.get(key, []),
            scene=scenes.get(key), clocks=[clock for clock in clocks if clock.ticket_id == key],
            colour=colours[key][1] if key in colours else None, photos=photos.get(key, 0),
            there=key in there and key in parts and there[key] > parts[key][0].assigned_at,
            extendable=extendable[key],
        )
        for key, ticket in seen.items()
    ]  # fmt: skip


@router.post("/api/field/actions")
async def act(request: Request, body: Pressed, user: Staff, services: Services) -> dict[str, Any]:
    """One step, note or call for help; the same id once more gives the same answer and does nothing."""
    _own(body, user)
    wish = Wish(
        id=body.id, kind=body.kind, ticket=body.ticket, unit=body.unit, part=body.part, order=body.order,
        clock=body.clock, amount=body.amount, text=body.text, position=_position(body), made_at=_made(body, services),
    )  # fmt: skip
    return _told(request, await services.fieldwork.do(wish, user.actor()))


def _as_form(model: type[Sent], files: int) -> dict[str, Any]:
    """What the API's document says of such a form: ``about`` holds the model as JSON."""
    about = {"type": "string", "contentMediaType": "application/json", "contentSchema": model.model_json_schema()}
    photos = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": files}
    form = {"type": "object", "properties": {ABOUT: about, "photos": photos}, "required": [ABOUT]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


@router.post("/api/field/photos", openapi_extra=_as_form(Sent, 1))
async def photo(request: Request, user: Staff, services: Services) -> dict[str, Any]:
    """A photograph of a ticket: a form with ``about`` (JSON) and one file ``photos``."""
    body, data = await _form(request, _SENT, 1)
    _own(body, user)
    wish = Wish(
        id=body.id, kind="photo", ticket=body.ticket, text=body.text, position=_position(body),
        made_at=_made(body, services),
    )  # fmt: skip
    return _told(request, await services.fieldwork.photo(wish, user.actor(), data[0] if data else b""))


@router.post("/api/field/finds", openapi_extra=_as_form(Found, MAX_PHOTOS))
async def find(request: Request, user: Staff, services: Services) -> dict[str, Any]:
    """A matter found on the way, with up to three photographs: it becomes a ticket without a call."""
    body, data = await _form(request, _FOUND, MAX_PHOTOS)
    _own(body, user)
    wish = Wish(id=body.id, kind="patrol", position=_position(body), made_at=_made(body, services))
    said = Said(text=body.text, code=body.code, place=body.place)
    return _told(request, await services.fieldwork.patrol(wish, user.actor(), said, data))


# --- who commands -------------------------------------------------------------------------------------------------


@router.get("/api/field/helps")
async def helps(request: Request, user: Lead, services: Services) -> dict[str, Any]:
    """Calls for help from the spot that nobody has answered, the oldest first."""
    views = await _views(request, user)
    async with services.database.read() as session:
        found = await FieldRepository(session).helps(user.departments)
    return {"now": services.clock.now().isoformat(), "helps": [views.help(row) for row in found]}


@router.post("/api/field/helps/{help_id}/answer")
async def answer(request: Request, help_id: str, body: Answer, user: Lead, services: Services) -> dict[str, bool]:
    """Somebody has taken up a call for help; the phone shows what they say."""
    row = await services.fieldwork.answer(help_id, user.actor(), body.words)
    await audit(request, user.login, "field_help", detail=f"{row.id} {row.number}".strip())
    return {"ok": True}


@router.get("/field/photos/{photo_id}", include_in_schema=False)
async def picture(photo_id: str, user: SignedIn, services: Services) -> Response:
    """A photograph from the spot, for who may see its ticket."""
    async with services.database.read() as session:
        found = await FieldRepository(session).photo(photo_id)
    if found is None or not may_see_ticket(user, found[1]):
        raise HTTPException(404, "没有找到")
    file = services.fieldwork.file(found[0])
    if not file.is_file():
        raise HTTPException(404, "没有找到")
    # Nothing that a phone keeps beyond signing out.
    headers = {"Cache-Control": "no-store", "Content-Disposition": "inline"}
    return FileResponse(file, media_type=found[0].kind, headers=headers)


async def of_ticket(request: Request, user: User, services: DeskServices, ticket: Ticket) -> dict[str, Any]:
    """What came from the spot, for a ticket's page."""
    views = await _views(request, user)
    async with services.database.read() as session:
        repository = FieldRepository(session)
        return {
            "may_add": ticket.state != "closed" and await services.fieldwork.may_add(ticket, user.actor()),
            "photos": [views.photo(row) for row in await repository.photos(ticket.id)],
            "helps": [views.help(row) for row in await repository.helps_on(ticket.id)],
            # What was done stands in the history; here is what could not be done, and what came late.
            "actions": [
                views.action(row)
                for row in await repository.actions(ticket.id)
                if row.state == "refused" or (row.lon is not None and row.kind not in ("photo", "help"))
            ],
        }


async def _views(request: Request, user: User) -> FieldViews:
    services = services_of(request)
    names = await Users(services.database).names()
    return FieldViews(services.city, Views(services.city, language_of(request)), user, names)


async def _form(request: Request, adapter: TypeAdapter[T], files: int) -> tuple[T, list[bytes]]:
    posted = await form_of(request, files * MAX_BYTES + _BESIDE, files)
    try:
        return adapter.validate_json(texts(posted).get(ABOUT, "")), await photos_of(posted)
    except ValidationError as error:
        raise HTTPException(422, "填写的内容不符合要求") from error
    finally:
        await posted.close()


def _own(body: Sent, user: User) -> None:
    if body.login != user.login:
        raise HTTPException(401, "请先登录")


def _made(body: Sent, services: DeskServices) -> datetime:
    return pressed_at(body.made_at, body.sent_at, services.clock.now())


def _position(body: Sent) -> Position | None:
    at = body.position
    return None if at is None else Position(at.lon, at.lat, at.accuracy_m)


def _told(request: Request, outcome: Outcome) -> dict[str, Any]:
    language = language_of(request)
    return {
        "id": outcome.id,
        "state": outcome.state,
        "message": translate(language, outcome.message) if outcome.message else "",
        "hint": translate(language, outcome.hint) if outcome.hint else "",
        "number": outcome.number,
    }
