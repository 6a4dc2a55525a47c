"""Callbacks at the desk: what people are to call, one click, the form; replies to text messages."""

import hashlib
import hmac
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from core.city_callbacks import SecondRule
from desk.access import masking
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket
from desk.access.users import Users
from desk.api import Services
from desk.doors.outdoors import knock
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.live import Feed
from desk.render import page
from desk.views import Views
from desk.whole import Whole
from ticketing.callbacks import second
from ticketing.callbacks.people import REASONS, CallbackDesk, Said
from ticketing.callbacks.texts import Texts
from ticketing.repository import TicketRepository
from ticketing.tables import Callback

router = APIRouter()
Caller = SignedIn

REASON_NAMES = {
    "undone": "没有解决", "partly": "解决不彻底", "late": "办理太慢", "manner": "态度不好", "uncontacted": "没有人联系",
    "other": "其他",
}  # fmt: skip
assert REASON_NAMES == REASONS  # noqa: S101  the room's own table; here for the catalogue of translations
SECOND_NAMES: dict[SecondRule, str] = {
    "person": "须由另一人反馈结果；部门共用账号的，先登记由谁办理",
    "login": "须由另一人反馈结果",
    "department": "须换由另一部门办理",
    "off": "",
}
#: Callbacks on the screen.
SHOWN = 200
CHANNEL_NAMES = {"robot": "机器人", "person": "人工", "sms": "短信"}
#: Seconds that a signed reply is good for, and its bytes at most.
_FRESH_S = 300
_REPLY_LIMIT = 4096


def desk_of(request: Request) -> CallbackDesk:
    made: CallbackDesk = request.app.state.callbacks
    return made


def texts_of(request: Request) -> Texts:
    made: Texts = request.app.state.texts
    return made


Callbacks = Annotated[CallbackDesk, Depends(desk_of)]
Messages = Annotated[Texts, Depends(texts_of)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(_Body):
    """Nothing has to be said."""


class ResultBody(_Body):
    outcome: Said
    #: Whether the matter was settled; empty: not asked.
    solved: Literal["", "yes", "no"] = ""
    #: Why the caller is not satisfied: undone, partly, late, manner, uncontacted or other.
    reason: Annotated[str, Field(max_length=20)] = ""
    words: Annotated[str, Field(max_length=2000)] = ""
    #: When the caller wishes to be called: local time of the city, ``2026-11-23T18:00``.
    again_at: Annotated[str, Field(max_length=32)] = ""


class HandlerBody(_Body):
    name: Annotated[str, Field(min_length=1, max_length=60)]


class WhyBody(_Body):
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ReplyBody(_Body):
    #: Id of the message that is answered; else the number that it came from decides.
    id: Annotated[str, Field(max_length=80)] = ""
    number: Annotated[str, Field(max_length=40)] = ""
    text: Annotated[str, Field(max_length=1000)]


@router.post("/api/callbacks/{callback_id}/begin")
async def begin(request: Request, callback_id: Whole, user: Caller, callbacks: Callbacks) -> dict[str, Any]:
    """Claim an attempt; the number is for the desk to dial."""
    row, number = await callbacks.begin(callback_id, user.actor())
    await audit(request, user.login, "callback", detail=str(row.id))
    return {"id": row.id, "number": number}


@router.post("/api/tickets/{ticket_id}/callback")
async def begin_ticket(
    request: Request, ticket_id: str, _body: Nothing, user: Caller, callbacks: Callbacks
) -> dict[str, Any]:
    """Call this ticket's caller now, whoever was to make the planned attempt."""
    row, number = await callbacks.begin_ticket(ticket_id, user.actor())
    await audit(request, user.login, "callback", detail=str(row.id))
    return {"id": row.id, "number": number}


@router.post("/api/callbacks/{callback_id}/result")
async def result(
    callback_id: Whole, body: ResultBody, user: Caller, callbacks: Callbacks, services: Services
) -> dict[str, Any]:
    """What came of the call; only who made it says so."""
    asked = None
    if body.again_at:
        try:
            asked = datetime.fromisoformat(body.again_at)
        except ValueError:
            raise HTTPException(422, "填写的内容不符合要求") from None
        if asked.tzinfo is None:
            asked = asked.replace(tzinfo=ZoneInfo(services.city.profile.timezone))
    row = await callbacks.result(
        callback_id, user.actor(), body.outcome, solved={"yes": True, "no": False}.get(body.solved),
        reason=body.reason, words=body.words, asked=asked,
    )  # fmt: skip
    return {"id": row.id, "outcome": row.outcome}


@router.post("/api/tickets/{ticket_id}/handler")
async def handler(
    ticket_id: str, body: HandlerBody, user: SignedIn, callbacks: Callbacks, services: Services
) -> dict[str, Any]:
    """Who does again what the caller was not satisfied with."""
    async with services.database.read() as session:
        found = await TicketRepository(session).get(ticket_id)
    if not may_see_ticket(user, found):
        raise HTTPException(404, "没有找到")
    row = await callbacks.second_handler(ticket_id, user.actor(), body.name, await Users(services.database).names())
    return {"round": row.round, "former": row.former, "name": row.name}


@router.post("/api/tickets/{ticket_id}/same-handler")
async def same_handler(ticket_id: str, body: WhyBody, user: SignedIn, callbacks: Callbacks) -> dict[str, Any]:
    """The same person may do again what the caller was not satisfied with."""
    row = await callbacks.overrule(ticket_id, user.actor(), body.reason)
    return {"round": row.round, "by": row.overruled_by}


@router.post("/api/texts/replies")
async def reply(request: Request, services: Services, texts: Messages) -> Response:
    """A reply that the gateway hands on, signed like what we send it: 202 taken, 200 unclear, 404 unknown."""
    secret = services.settings.sms_secret
    if not secret:
        raise HTTPException(404, "没有找到")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _REPLY_LIMIT:
            raise HTTPException(413, "文件太大")
    stamp, signed = request.headers.get("x-heyi-timestamp", ""), request.headers.get("x-heyi-signature", "")
    wanted = hmac.new(secret.encode(), stamp.encode("latin-1") + b"." + body, hashlib.sha256).hexdigest()
    fresh = stamp.isascii() and stamp.isdigit() and len(stamp) < 12
    fresh = fresh and abs(services.clock.now().timestamp() - int(stamp)) <= _FRESH_S
    if not fresh or not hmac.compare_digest(signed.encode("latin-1", "replace"), f"sha256={wanted}".encode()):
        raise HTTPException(401, "签名不正确或已过期")
    try:
        said = ReplyBody.model_validate_json(body)
    except ValidationError:
        raise HTTPException(422, "填写的内容不符合要求") from None
    done = await texts.reply(said.id, said.number, said.text)
    return JSONResponse({"reply": done}, {"taken": 202, "unclear": 200, "unknown": 404}[done])


@router.get("/callbacks", include_in_schema=False)
async def listing(request: Request, user: Caller, callbacks: Callbacks, services: Services) -> Response:
    """What people are to call now; ``?part=1``: only the part that its script keeps fresh."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    views = Views(services.city, language_of(request))

    async def some(start: int, size: int) -> list[tuple[Callback, dict[str, Any]]]:
        return [(row, views.ticket(ticket, user)) for row, ticket in await callbacks.waiting(size, start)]

    if wanted(request):
        return page(request, "callbacks.html", me=user, rows=by_place(some))
    rows = await some(0, SHOWN)
    policy = services.tickets.policy
    return page(
        request,
        "callbacks_part.html" if request.query_params.get("part") else "callbacks.html",
        me=user,
        seq=seq,
        mine=[one for one in rows if one[0].placed_at and one[0].who == user.login],
        rows=[one for one in rows if not (one[0].placed_at and one[0].who == user.login)],
        reasons=[(key, views.text(name)) for key, name in REASON_NAMES.items()],
        names=await Users(services.database).names(),
        quiet=policy.quiet(services.clock.now()),
        quiet_to=f"{policy.quiet_to:%H:%M}",
    )


@router.get("/tickets/{number}/callbacks", include_in_schema=False)
async def history(request: Request, number: str, user: SignedIn, services: Services) -> Response:
    """Every attempt to call back about one ticket: when, by whom, what was said, and who did it again."""
    async with services.database.read() as session:
        repository = TicketRepository(session)
        ticket = await repository.by_number(number)
        if ticket is None or not may_see_ticket(user, ticket):
            raise HTTPException(404, "没有找到这张工单")
        rows = await repository.callbacks(ticket.id)
        former = await second.former(session, ticket.id) if ticket.reopened else second.Former()
        handlers = await second.handlers(session, ticket.id)
        refused = await repository.callback_refused(ticket.id)
    views = Views(services.city, language_of(request))
    shown = [
        {
            **view, "channel": views.text(CHANNEL_NAMES[row.channel]), "who": row.who, "solved": row.solved,
            "reason": views.text(REASON_NAMES[row.reason]) if row.reason else "", "words": row.words,
            "desk_call": row.desk_call,
        }
        for view, row in zip(views.callbacks(rows), rows, strict=True)
    ]  # fmt: skip
    if masking.hides(user):
        shown = [masking.callback(row) for row in shown]
    rule = services.tickets.policy.rule(ticket.code, ticket.is_emergency)
    return page(
        request,
        "callback_history.html",
        me=user,
        ticket=views.ticket(ticket, user),
        rows=shown,
        former=former.login,
        must=SECOND_NAMES[services.city.callbacks.second],
        may_overrule=ticket.reopened > 0 and ticket.state in ("filed", "dispatched", "handling")
        and user.role in services.city.callbacks.second_overrule
        and not any(row.overruled_by for row in handlers if row.round == ticket.reopened),
        handlers=handlers,
        refused=refused,
        rule=rule.name if rule else "",
        may_name=ticket.reopened > 0 and ticket.state != "closed"
        and (user.role == "supervisor" or ticket.department in user.departments),
        may_call=user.role in ("agent", "supervisor") and any(row.ended_at is None for row in rows),
        names=await Users(services.database).names(),
    )  # fmt: skip


@router.get("/r/{token}", include_in_schema=False)
async def asked(request: Request, token: str, texts: Messages) -> Response:
    """The page of a text message: no sign-in, one question."""
    await knock(request, "read")
    return await _asked(request, token, texts, "")


@router.post("/r/{token}", include_in_schema=False)
async def answered(
    request: Request, token: str, texts: Messages, answer: Annotated[Literal["satisfied", "unsatisfied"], Form()],
    words: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    await knock(request, "read")
    if not await texts.answer(token[:64], answer, words) and await texts.of_token(token[:64]) is None:
        raise HTTPException(404, "没有找到")
    return await _asked(request, token, texts, "done")


async def _asked(request: Request, token: str, texts: Messages, state: str) -> Response:
    found = await texts.of_token(token[:64])
    if found is None:
        raise HTTPException(404, "没有找到")
    row, ticket = found
    open_still = row.outcome not in ("satisfied", "unsatisfied")
    return page(request, "asked.html", number=ticket.number, open=open_still, state=state)
