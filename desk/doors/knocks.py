"""Signed messages of other systems and of WeChat at ``/in/…`` (docs/doors.md)."""

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from core.errors import HeyiError
from desk.context import services_of
from desk.doors.outdoors import body_of, knock
from desk.i18n import language_of, translate
from ticketing.doors import inbound, items, signing
from ticketing.doors.chats import converse
from ticketing.doors.events import Source
from ticketing.doors.inbound import BadMessage
from ticketing.doors.keys import BadKey, Replayed

router = APIRouter(include_in_schema=False)


@router.get("/in/wechat/{key_id}")
async def wechat_hello(request: Request, key_id: str) -> Response:
    """WeChat asks whether the address is ours."""
    services = services_of(request)
    await knock(request, "knock")
    try:
        key = await services.doors.keys.by_id(key_id, "wechat")
    except BadKey:
        raise HTTPException(403, "钥匙无效或已停用") from None
    if inbound.from_wechat(services.doors.keys.words("wechat", key.id), request.query_params) is None:
        raise HTTPException(403, "签名不正确")
    return PlainTextResponse(request.query_params.get("echostr", "")[:200])


@router.post("/in/wechat/{key_id}")
async def wechat(request: Request, key_id: str) -> Response:
    """One message of a person to the city's account; answered in WeChat's own XML."""
    services = services_of(request)
    await knock(request, "knock")
    body = await body_of(request)
    try:
        key = await services.doors.keys.by_id(key_id, "wechat")
        at = inbound.from_wechat(services.doors.keys.words("wechat", key.id), request.query_params)
        if at is None:
            raise BadKey("签名不正确")
        message = inbound.chat(body, request.headers.get("content-type", ""))
        # WeChat itself asks up to three times, with a new signature each, when an answer is late.
        await services.doors.keys.once(key.id, f"{request.query_params['nonce']}:{int(at.timestamp())}", at)
    except Replayed:
        return PlainTextResponse("success")
    except BadKey:
        raise HTTPException(403, "签名不正确") from None
    except BadMessage as error:
        raise HTTPException(400, error.message) from None
    await knock(request, "key", key.id)
    answer = await converse(services.database, services.doors.intake, key.id, key.name, message)
    text = inbound.chat_reply(message, answer, services.clock.now())
    return Response(text.encode(), headers={"Content-Type": "text/xml; charset=utf-8"})


@router.post("/in/hook/{key_id}")
async def hook(request: Request, key_id: str) -> Response:
    """One matter from another system, signed as a whole: JSON or XML."""
    services = services_of(request)
    await knock(request, "knock")
    body = await body_of(request)
    doors = services.doors
    try:
        key = await doors.keys.by_id(key_id, "hook")
        found = signing.verified(doors.keys.words("hook", key.id), request.headers, body)
        if found is None:
            raise BadKey("签名不正确")
        message_id, at = found
        told, external, kind = inbound.said(inbound.fields(body, request.headers.get("content-type", "")))
        # A repetition after a lost answer has the same id and words: it gets the same answer. One that was recorded and
        # played again later has a time that has run out, or an id that was seen.
        replayed = False
        try:
            await doors.keys.once(key.id, message_id, at)
        except Replayed:
            replayed = True
        await knock(request, "key", key.id)
        source: Source = "letter" if kind == "letter" else "hook"
        name = f"{key.id}:{external}"[:120]
        if replayed:
            async with services.database.read() as session:
                entry = await items.of_token(session, doors.intake.token(source, name))
            if entry is None:
                raise Replayed("这条消息已经收过")
        taken = await doors.intake.take_in(source, told, external_id=name, via=key.name)
    except Replayed as error:
        return _no(request, 409, error)
    except BadKey as error:
        return _no(request, 403, error)
    except HeyiError as error:
        return _no(request, 400, error)
    return JSONResponse({"number": taken.number, "token": taken.token, "new": taken.new}, 201 if taken.new else 200)


def _no(request: Request, status: int, error: HeyiError) -> Response:
    message = translate(language_of(request), error.message)
    return JSONResponse({"error": status, "message": f"{message}: {error.hint}" if error.hint else message}, status)
