"""What came by other doors than the telephone: the page 信箱, the form for the counter, answers to letters."""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import FileResponse, RedirectResponse, Response

from core.errors import Conflict, HeyiError, NotAllowed
from core.ids import new_id
from core.photos import MAX_BYTES, clean
from desk.access import masking
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket
from desk.access.users import User
from desk.casebook import Casebook
from desk.context import services_of
from desk.doors.doorviews import hidden, item_view, letter_view
from desk.doors.outdoors import form_of, photos_of, texts
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.live import Feed
from desk.pages import message_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from ticketing.doors import items, letters
from ticketing.doors.events import LetterState, Source
from ticketing.doors.intake import MAX_PHOTOS, MAX_TEXT, Said
from ticketing.doors.letters import MAX_REPLY
from ticketing.fields import NATURES

router = APIRouter()
Person = SignedIn
Services = Annotated[DeskServices, Depends(services_of)]
Ok = dict[str, bool]

#: Tabs of the mailbox: name, and the states of answers; the first lists what nobody has looked at.
TABS: dict[str, tuple[str, tuple[LetterState, ...]]] = {
    "new": ("待受理", ()),
    "reply": ("待答复", ("waiting", "drafted", "returned")),
    "approve": ("待审批", ("submitted",)),
    "send": ("待发送", ("approved",)),
    "sent": ("已答复", ("sent",)),
    "all": ("全部来件", ()),
}


#: Rows of a tab on the screen; of everything that came, the newest.
SHOWN, NEWEST = 200, 100


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Draft(_Body):
    words: Annotated[str, Field(min_length=1, max_length=MAX_REPLY)]
    #: The version that the page showed.
    version: Annotated[int | None, Field(ge=0, le=2**31)] = None


class Why(_Body):
    why: Annotated[str, Field(min_length=1, max_length=500)]


class Number(_Body):
    phone: Annotated[str, Field(max_length=40)]


class Sending(_Body):
    public: Literal["yes", "no"]


@router.get("/mailbox", include_in_schema=False)
async def mailbox(request: Request, user: SignedIn, services: Services, tab: str = "") -> Response:
    """The lists; with ``?part=1`` only the chosen one. A department sees letters of tickets for which it acts."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    departments = user.departments if user.bounded else None
    tabs = {name: entry for name, entry in TABS.items() if departments is None or entry[1]}
    chosen = tab if tab in tabs else next(iter(tabs))
    views = Views(services.city, language_of(request))

    async def some(start: int, size: int) -> list[dict[str, Any]]:
        async with services.database.read() as session:
            return await _rows(session, services, views, user, chosen, departments, start, size)

    if wanted(request):
        return page(request, "mailbox.html", me=user, rows=by_place(some))
    async with services.database.read() as session:
        counted = await letters.counts(session, departments)
        waiting = await items.count_waiting(session)
    rows = await some(0, SHOWN if chosen != "all" else NEWEST)
    counts = {name: sum(counted.get(s, 0) for s in states) for name, (_, states) in tabs.items() if states}
    return page(
        request,
        "mailbox_part.html" if request.query_params.get("part") else "mailbox.html",
        me=user,
        seq=seq,
        now=services.clock.now().isoformat(),
        tabs=[(name, label) for name, (label, _) in tabs.items()],
        tab=chosen,
        counts={**counts, "new": waiting},
        rows=rows,
        groups=views.choices()["groups"],
    )


async def _rows(
    session: AsyncSession,
    services: DeskServices,
    views: Views,
    user: User,
    tab: str,
    departments: Collection[str] | None,
    start: int,
    size: int,
) -> list[dict[str, Any]]:
    if states := TABS[tab][1]:
        found = await letters.find(session, states, departments, size, start)
        return [await letter_view(session, services, views, one, user) for one in found]
    entries = await (items.waiting(session, size, start) if tab == "new" else items.newest(session, (), size, start))
    return [hidden(await item_view(session, views, entry), entry.ticket, user) for entry in entries]


@router.get("/photos/{photo_id}", include_in_schema=False)
async def photo(photo_id: str, user: SignedIn, services: Services) -> Response:
    """A photograph, for who may see its ticket."""
    async with services.database.read() as session:
        found = await items.photo_ticket(session, photo_id)
    if found is None or not may_see_ticket(user, found[1]):
        raise HTTPException(404, "没有找到")
    file = services.doors.intake.photo(found[0])
    if not file.is_file():
        raise HTTPException(404, "没有找到")
    headers = {"Cache-Control": "private, max-age=3600", "Content-Disposition": "inline"}
    return FileResponse(file, media_type=found[0].kind, headers=headers)


@router.get("/letters/{item_id}/print", include_in_schema=False)
async def printed(request: Request, item_id: str, user: SignedIn, services: Services) -> Response:
    """A reply as it goes on paper: once it is approved, for who may see the ticket."""
    async with services.database.read() as session:
        found = await letters.of_item(session, item_id)
    if found is None or not may_see_ticket(user, found.ticket):
        raise HTTPException(404, "没有找到")
    if found.letter.state not in ("approved", "sent"):
        raise NotAllowed("批准之后才能打印", hint=found.ticket.number)
    told = partial(masking.named, name=found.ticket.contact_name) if masking.hides(user) else str
    return page(
        request,
        "letter_print.html",
        number=found.ticket.number,
        heading=told(letters.heading(found.item.title)),
        seal=letters.SEAL,
        text=told(found.letter.reply or found.letter.draft),
        day=letters.day_of(
            (found.letter.sent_at or services.clock.now()).astimezone(ZoneInfo(services.city.profile.timezone))
        ),
        office=services.city.doors.signature or f"{services.city.profile.name}市长信箱",
        sent=found.letter.state == "sent",
    )


# --- the counter --------------------------------------------------------------------------------------------------


@router.get("/walkin", include_in_schema=False)
async def walkin(request: Request, user: Person) -> Response:
    """The form for who stands at the counter, or whose paper letter lies there."""
    return await _walkin(request, user, {}, "")


async def _walkin(request: Request, user: User, entered: dict[str, str], error: str, status: int = 200) -> Response:
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    names = ("kind", "title", "text", "place", "name", "phone", "email", "nature", "public")
    return page(
        request, "walkin.html", status, me=user, seq=seq, natures=NATURES, max_text=MAX_TEXT, error=error,
        max_photos=MAX_PHOTOS, entered={name: entered.get(name, "") for name in names}, word=new_id(),
    )  # fmt: skip


@router.post("/walkin/earlier", include_in_schema=False)
async def earlier(request: Request, body: Number, user: Person, services: Services) -> dict[str, Any]:
    """Open tickets of the number that is being typed in; the body holds it, so that no log has it."""
    views = Views(services.city, language_of(request))
    known = await Casebook(services, user, views).history(body.phone, except_call="")
    shown = ("number", "state_name", "category", "summary")
    tickets = [{name: t[name] for name in shown} for t in known["tickets"] if t["state"] != "closed"]
    if tickets:
        await audit(request, user.login, "walkin_earlier", detail=" ".join(t["number"] for t in tickets))
    return {"open": known["open"], "tickets": tickets}


@router.post("/walkin", include_in_schema=False)
async def take_walkin(request: Request, user: Person, services: Services) -> Response:
    posted = await form_of(request, MAX_PHOTOS * MAX_BYTES + (1 << 20), MAX_PHOTOS)
    entered = texts(posted)
    try:
        pictures = [await asyncio.to_thread(clean, data) for data in await photos_of(posted)]
        source: Source = "letter" if entered.get("kind") == "letter" else "walkin"
        said = Said(
            text=entered.get("text", ""), title=entered.get("title", ""), place=entered.get("place", ""),
            name=entered.get("name", ""), phone=entered.get("phone", ""), email=entered.get("email", ""),
            nature=entered.get("nature", ""), public=entered.get("public") == "yes",
        )  # fmt: skip
        # The same form sent again, after a lost answer or by going back, is the matter that it was.
        word = f"{user.login}:{entered['word']}" if entered.get("word") else ""
        taken = await services.doors.intake.take_in(
            source, said, external_id=word, via=user.login, photos=pictures, by=user.actor()
        )
    except HeyiError as error:
        told = HeyiError("这张表单已登记过一件诉求。如系另一件，请再次提交") if isinstance(error, Conflict) else error
        return await _walkin(request, user, entered, message_of(request, told), 400)
    finally:
        await posted.close()
    await audit(request, user.login, "walkin", detail=taken.number)
    return RedirectResponse(f"/tickets/{taken.number}", 303)


# --- answers ------------------------------------------------------------------------------------------------------


@router.post("/api/letters/{item_id}/write")
async def write(item_id: str, body: Draft, user: SignedIn, services: Services) -> Ok:
    """Save a draft of the answer."""
    await services.doors.letters.write(item_id, user.actor(), body.words, body.version)
    return {"ok": True}


@router.post("/api/letters/{item_id}/submit")
async def submit(item_id: str, user: SignedIn, services: Services) -> Ok:
    """Ask for approval."""
    await services.doors.letters.submit(item_id, user.actor())
    return {"ok": True}


@router.post("/api/letters/{item_id}/approve")
async def approve(request: Request, item_id: str, user: SignedIn, services: Services) -> Ok:
    """The supervisor approves the words as they are."""
    letter = await services.doors.letters.approve(item_id, user.actor())
    await audit(request, user.login, "letter_approved", detail=letter.ticket_id)
    return {"ok": True}


@router.post("/api/letters/{item_id}/return")
async def send_back(item_id: str, body: Why, user: SignedIn, services: Services) -> Ok:
    """The supervisor wants it otherwise."""
    await services.doors.letters.send_back(item_id, user.actor(), body.why)
    return {"ok": True}


@router.post("/api/letters/{item_id}/withdraw")
async def withdraw(item_id: str, user: SignedIn, services: Services) -> Ok:
    """Take back what was not sent yet."""
    await services.doors.letters.withdraw(item_id, user.actor())
    return {"ok": True}


@router.post("/api/letters/{item_id}/send")
async def send(request: Request, item_id: str, body: Sending, user: SignedIn, services: Services) -> Ok:
    """Answer the writer, or everybody where the writer agreed."""
    if user.role not in ("agent", "supervisor"):
        raise NotAllowed("您没有此项权限")
    letter = await services.doors.letters.send(item_id, user.actor(), public=body.public == "yes")
    await audit(request, user.login, "letter_sent", detail=letter.ticket_id)
    return {"ok": True}
