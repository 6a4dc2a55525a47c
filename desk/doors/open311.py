"""Open311 GeoReport v2 at ``/open311/v2`` (docs/doors.md). All answers, errors too, are in the standard's form."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from core.errors import HeyiError
from desk.context import services_of
from desk.doors.outdoors import TooOften, body_of, knock
from desk.i18n import language_of, translate
from ticketing.doors import items, open311
from ticketing.doors.intake import Taken
from ticketing.doors.keys import BadKey, Known
from ticketing.doors.open311 import Format, Refused

BASE = "/open311/v2"
router = APIRouter(include_in_schema=False)
_FORM = "application/x-www-form-urlencoded"
_TYPES: dict[Format, str] = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}

Values = Mapping[str, list[str]]
#: Root element and content.
Answer = tuple[str, Any]
Handler = Callable[[Request], Awaitable[Answer]]


def _route(path: str, method: str = "GET") -> Callable[[Handler], Handler]:
    """Answer ``path`` with ``.json`` or ``.xml`` behind it; whatever goes wrong is told in that format."""

    def made(handle: Handler) -> Handler:
        async def route(request: Request) -> Response:
            return await _answer(request, cast(Format, request.path_params["form"]), handle)

        router.add_api_route(f"{BASE}{path}.{{form}}", route, methods=[method])
        return handle

    return made


async def _answer(request: Request, form: Format, handle: Handler) -> Response:
    if form not in _TYPES:
        return _said("errors", open311.errors([(404, "the format must be json or xml")]), "xml", 404)
    headers: dict[str, str] = {}
    try:
        await knock(request, "read" if request.method == "GET" else "knock")
        root, content = await handle(request)
        return _said(root, content, form, 200)
    except Refused as refused:
        status, message = refused.status, _told(request, refused)
    except BadKey:
        status, message = 403, "missing or invalid api_key"
    except TooOften as often:
        status, message, headers = 429, "too many requests", dict(often.headers or {})
    except HTTPException as error:
        status, message = error.status_code, translate(language_of(request), str(error.detail))
    except HeyiError as error:
        status, message = 400, _told(request, error)
    return _said("errors", open311.errors([(status, message)]), form, status, headers)


def _said(root: str, content: Any, form: Format, status: int, headers: Mapping[str, str] | None = None) -> Response:
    told = {"Content-Type": _TYPES[form], "Access-Control-Allow-Origin": "*", **(headers or {})}
    return Response(open311.written(root, content, form), status, headers=told)


def _told(request: Request, error: HeyiError) -> str:
    message = translate(language_of(request), error.message)
    return f"{message}: {error.hint}" if error.hint else message


def _query(request: Request) -> Values:
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return found


def _jurisdiction(request: Request, values: Values) -> None:
    """There is one; naming another is an error, naming none is not."""
    named = values.get("jurisdiction_id", [""])[0].strip()
    if named and named != services_of(request).city.profile.code:
        raise Refused(404, "jurisdiction_id was not found", hint=named[:40])


def _chinese(request: Request) -> bool:
    return language_of(request) == "zh"


@_route("/services")
async def services(request: Request) -> Answer:
    _jurisdiction(request, _query(request))
    return "services", open311.services(services_of(request).city, _chinese(request))


@_route("/services/{code}")
async def service_definition(request: Request) -> Answer:
    _jurisdiction(request, _query(request))
    category = open311.find_service(services_of(request).city, request.path_params["code"])
    return "service_definition", open311.definition(category, _chinese(request))


@_route("/requests", "POST")
async def post_request(request: Request) -> Answer:
    services = services_of(request)
    values = await _posted(request)
    _jurisdiction(request, values)
    key = await _key(request, values)
    await knock(request, "key", key.id)
    told = open311.said(values, services.city)
    # The standard has no name for a request of the client's own; a header of that meaning is taken where it is sent.
    own = request.headers.get("idempotency-key", "").strip()[:80]
    taken = await services.doors.intake.take_in(
        "open311", told, external_id=f"{key.id}:{own}" if own else "", via=key.name
    )
    return "service_requests", [_made(request, taken, told.code)]


def _made(request: Request, taken: Taken, code: str) -> dict[str, Any]:
    city = services_of(request).city
    category = open311.find_service(city, code)
    batch = city.doors.open311 == "batch"
    name = {"token": taken.token} if batch else {"service_request_id": taken.number}
    return {**name, "service_notice": open311.notice(city, category, _chinese(request)), "account_id": None}


async def _posted(request: Request) -> Values:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refused(400, f"the content type must be {_FORM}")
    try:
        text = (await body_of(request)).decode("utf-8")
        return parse_qs(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=60)
    except UnicodeDecodeError as error:
        raise Refused(400, "the request must be UTF-8") from error
    except ValueError as error:
        raise Refused(400, "the form cannot be read") from error


async def _key(request: Request, values: Values) -> Known:
    words = values.get("api_key", [""])[0] or request.query_params.get("api_key", "")
    if not words or len(words) > 200:
        raise BadKey("钥匙无效或已停用")
    return await services_of(request).doors.keys.by_words(words)


@_route("/tokens/{token}")
async def token(request: Request) -> Answer:
    _jurisdiction(request, _query(request))
    services, word = services_of(request), request.path_params["token"]
    async with services.database.read() as session:
        entry = await items.of_token(session, word) if len(word) == 32 else None
    if entry is None or entry.item.source != "open311":
        raise Refused(404, "token was not found", hint=word[:40])
    ready = services.city.doors.open311 == "realtime" or entry.ticket.state != "draft"
    return "service_requests", [{"service_request_id": entry.ticket.number if ready else None, "token": word}]


@_route("/requests")
async def get_requests(request: Request) -> Answer:
    values = _query(request)
    _jurisdiction(request, values)
    wanted = open311.search(values, services_of(request).clock.now())
    return "service_requests", await _found(request, wanted)


@_route("/requests/{number}")
async def get_request(request: Request) -> Answer:
    _jurisdiction(request, _query(request))
    number = request.path_params["number"]
    found = await _found(request, open311.Search(ids=(number,)))
    if not found:
        raise Refused(404, "service_request_id was not found", hint=number[:40])
    return "service_requests", found


async def _found(request: Request, wanted: open311.Search) -> list[dict[str, Any]]:
    services = services_of(request)
    city, flows = services.city, services.tickets.flows
    async with services.database.read() as session:
        entries = await items.public(session, wanted, batch=city.doors.open311 == "batch")
    return [
        open311.request(entry.ticket, entry.item, city, flows, _chinese(request))
        for entry in entries
        if open311.shown(entry.ticket, entry.item, city)
    ]


@router.get("/open311/discovery.{form}")
async def discovery(request: Request, form: str) -> Response:
    """Service discovery: which versions there are, and where."""
    if form not in _TYPES:
        raise HTTPException(404, "没有找到")
    city, base = services_of(request).city, str(request.base_url).rstrip("/")
    content = {
        "changeset": "2026-01-01T00:00:00Z",
        "contact": city.profile.name,
        "key_service": f"{base}/webhooks",
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2",
                "url": f"{base}{BASE}",
                "changeset": "2026-01-01T00:00:00Z",
                "type": "production",
                "formats": ["text/xml", "application/json"],
            }
        ],
    }
    return _said("discovery", content, form, 200)


@router.api_route("/open311/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def elsewhere(request: Request, rest: str) -> Response:
    """Whatever is not there is told in the standard's form, too."""
    form: Format = "json" if rest.endswith(".json") else "xml"
    return _said("errors", open311.errors([(404, "there is no such resource")]), form, 404)
