"""For everybody, without signing in: the form 我要反映, how one's matter stands, replies that were published."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import FormData
from starlette.responses import Response

from core.errors import HeyiError
from core.ids import new_id
from core.photos import MAX_BYTES, clean
from core.secrets import derive, site_secret
from desk.context import services_of
from desk.doors.outdoors import TooOften, form_of, knock, photos_of, texts
from desk.i18n import language_of, translate
from desk.pages import message_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views, stamp
from ticketing.doors import items, letters, open311
from ticketing.doors.chats import PROGRESS
from ticketing.doors.events import Source
from ticketing.doors.intake import MAX_PHOTOS, MAX_TEXT, Said
from ticketing.doors.items import Entry
from ticketing.fields import NATURES

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]

#: A form is good for so long; what is sent sooner than a person can write was sent by a program.
_FORM_AGE, _FASTEST = timedelta(hours=12), timedelta(seconds=2)
#: Photographs and fields together.
_MOST = MAX_PHOTOS * MAX_BYTES + (1 << 20)
_SOURCES: tuple[Source, ...] = ("web", "letter")
_FIELDS = ("kind", "title", "text", "place", "name", "phone", "email", "nature", "public")


def _signer(services: DeskServices) -> URLSafeSerializer:
    secret = derive(site_secret(services.settings.data, services.settings.secret), "public-form")
    return URLSafeSerializer(secret, salt="heyi.public.form")


async def _open(services: Services) -> None:
    if not services.city.doors.web:
        raise HTTPException(404, "没有找到")


@router.get("/public", dependencies=[Depends(_open)])
async def form(request: Request) -> Response:
    await knock(request, "read")
    return _form(request, {}, "")


def _form(request: Request, entered: dict[str, str], error: str, status: int = 200) -> Response:
    services = services_of(request)
    word = _signer(services).dumps([new_id(), services.clock.now().isoformat()])
    return page(
        request, "public.html", status, natures=NATURES, form_word=word, error=error, max_text=MAX_TEXT,
        entered={name: entered.get(name, "") for name in _FIELDS}, max_photos=MAX_PHOTOS,
        max_photo_mb=MAX_BYTES >> 20, letter_days=services.city.doors.reply_workdays,
    )  # fmt: skip


@router.post("/public", dependencies=[Depends(_open)])
async def send(request: Request, services: Services) -> Response:
    """Take one matter. Sent twice (a second click, a lost answer) it is the same one."""
    try:
        await knock(request, "knock")
        posted = await form_of(request, _MOST, MAX_PHOTOS)
    except HTTPException as error:
        return _form(request, {}, translate(language_of(request), str(error.detail)), error.status_code)
    try:
        return await _take(request, services, posted)
    finally:
        await posted.close()


async def _take(request: Request, services: DeskServices, posted: FormData) -> Response:
    entered = texts(posted)
    try:
        name = _word(services, entered.get("word", ""))
        if entered.get("website"):
            # No person sees this field. A program is told what it hopes to hear, and nothing is kept.
            return page(request, "public_done.html", number="", token="", emergency=False)
        if not await _known(services, name):
            await knock(request, "write")
            await knock(request, "write-all", "all")
        pictures = [await asyncio.to_thread(clean, data) for data in await photos_of(posted)]
        source: Source = "letter" if entered.get("kind") == "letter" else "web"
        taken = await services.doors.intake.take_in(source, _said(entered), external_id=name, photos=pictures)
    except TooOften as often:
        return _form(request, entered, translate(language_of(request), str(often.detail)), 429)
    except HeyiError as error:
        return _form(request, entered, message_of(request, error), 400)
    return page(request, "public_done.html", number=taken.number, token=taken.token, emergency=taken.emergency)


async def _known(services: DeskServices, name: str) -> bool:
    async with services.database.read() as session:
        for source in _SOURCES:
            if await items.of_token(session, services.doors.intake.token(source, name)):
                return True
    return False


def _word(services: DeskServices, word: str) -> str:
    """The name that this form's matter has, once for each form."""
    try:
        name, made = _signer(services).loads(word)
        age = services.clock.now() - datetime.fromisoformat(made)
    except (BadSignature, ValueError, TypeError):
        raise HeyiError("页面已过期，请重新提交") from None
    if age > _FORM_AGE or age < timedelta(0):
        raise HeyiError("页面已过期，请重新提交")
    if age < _FASTEST:
        raise HeyiError("提交过快，请检查内容后再提交一次")
    return str(name)


def _said(entered: dict[str, str]) -> Said:
    return Said(
        text=entered.get("text", ""), title=entered.get("title", ""), place=entered.get("place", ""),
        name=entered.get("name", ""), phone=entered.get("phone", ""), email=entered.get("email", ""),
        nature=entered.get("nature", ""), public=entered.get("public") == "yes",
    )  # fmt: skip


@router.get("/public/progress")
async def ask(request: Request) -> Response:
    await knock(request, "read")
    return page(request, "public_progress.html", found=None, error="", number="")


@router.post("/public/progress")
async def progress(request: Request, services: Services) -> Response:
    """How a matter stands, for its writer: number and the word he got, or number and his whole telephone number."""
    language = language_of(request)
    number, error, found = "", "", None
    try:
        await knock(request, "look")
        entered = texts(await form_of(request))
        number = entered.get("number", "").strip().upper()[:24]
        proof = entered.get("proof", "").strip()[:60]
        async with services.database.read() as session:
            entry = await items.of_writer(
                session, number, token=proof, phone=proof, area_code=services.city.profile.area_code
            )
        found = _progress(services, entry, Views(services.city, language)) if entry and proof else None
        error = "" if found else translate(language, "没有查到，请核对编号和查询码（或联系电话）")
    except HTTPException as refused:
        error = translate(language, str(refused.detail))
    return page(request, "public_progress.html", 200 if found else 404, found=found, error=error, number=number)


def _progress(services: DeskServices, entry: Entry, views: Views) -> dict[str, Any]:
    """What a writer learns: no names of people at work, and the result once it stands."""
    ticket, letter = entry.ticket, entry.letter
    times = [
        (views.text(name), stamp(at))
        for name, at in (
            ("已收到", ticket.created_at), ("已受理", ticket.filed_at), ("已派遣", ticket.dispatched_at),
            ("办理中", ticket.handling_at), ("已办理", ticket.reported_at), ("已办结", ticket.closed_at),
        )
        if at
    ]  # fmt: skip
    return {
        "number": ticket.number,
        "state": views.text(PROGRESS[ticket.state]),
        "title": entry.item.title or ticket.summary,
        "text": entry.item.text,
        "department": views.department_name(ticket.department) if ticket.dispatched_at else "",
        "times": times,
        "result": ticket.result if ticket.closed_at and not letter else "",
        "reply": letter.reply if letter and letter.state == "sent" else "",
        "replied_at": stamp(letter.sent_at) if letter else None,
        "reply_due": stamp(letter.due_at) if letter and letter.state != "sent" else None,
    }


@router.get("/public/letters")
async def replies(request: Request, services: Services) -> Response:
    """Letters and replies whose writers agreed, without them."""
    await knock(request, "read")
    views = Views(services.city, language_of(request))
    async with services.database.read() as session:
        found = await letters.published(session)
    shown = [
        {
            "title": open311.blotted(one.item.title or one.ticket.summary),
            "text": open311.blotted(one.item.text),
            "reply": _nameless(one),
            "at": stamp(one.item.at),
            "sent_at": stamp(one.letter.sent_at),
            "department": views.department_name(one.ticket.department),
        }
        for one in found
    ]
    return page(request, "public_letters.html", letters=shown)


def _nameless(one: letters.LetterView) -> str:
    """A reply without the name of whom it was written to."""
    reply = open311.blotted(one.letter.reply)
    name = one.ticket.contact_name
    return reply.replace(name, "×××") if name else reply
