"""The pages. Rows come from :mod:`desk.casebook`; what moves is drawn by the scripts in ``web/``."""

from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from core.errors import HeyiError
from desk.api import Cases
from desk.auth import COOKIE, Auth, SignedIn, SignInRefused, address_of, audit
from desk.context import services_of
from desk.i18n import language_of, translate
from desk.live import Feed
from desk.render import page
from desk.rights import may_hear, only
from desk.services import DeskServices
from desk.users import User
from desk.views import PAUSE_REASONS, Views
from ticketing.events import TicketState
from ticketing.repository import TicketRepository

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]

#: Tabs of the department's page, in the order of work: name and states.
TABS: dict[str, tuple[str, tuple[TicketState, ...]]] = {
    "refused": ("待派遣", ("filed",)),
    "new": ("待接单", ("dispatched",)),
    "handling": ("处置中", ("handling",)),
    "callback": ("待回访", ("reported", "callback")),
    "closed": ("已结案", ("closed",)),
}


def _home(user: User) -> str:
    return "/desk" if user.role == "agent" else "/department"


@router.get("/")
async def home(user: SignedIn) -> Response:
    return RedirectResponse(_home(user), 303)


@router.get("/login")
async def login_page(request: Request, next: str = "") -> Response:
    return page(request, "login.html", next=_inside(next), error="", login="")


@router.post("/login")
async def login(
    request: Request,
    login: Annotated[str, Form(max_length=60)],
    password: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form()] = "",
) -> Response:
    auth: Auth = request.app.state.auth
    try:
        user = await auth.sign_in(login, password, address_of(request))
    except SignInRefused as refused:
        error = translate(language_of(request), refused.message)
        return page(request, "login.html", 401, next=_inside(next), error=error, login=login)
    response = RedirectResponse(_inside(next) or _home(user), 303)
    auth.remember(response, user, secure=request.url.scheme == "https")
    return response


@router.post("/logout")
async def logout(request: Request, user: SignedIn) -> Response:
    await audit(request, user.login, "sign_out")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/desk")
async def desk(request: Request, user: SignedIn, services: Services) -> Response:
    if user.role != "agent":
        return RedirectResponse(_home(user), 303)
    views = Views(services.city, language_of(request))
    lines = {line.number: views.line_name(line.number) for line in services.city.lines}
    emergency = [line.number for line in services.city.lines if line.kind == "emergency"]
    return page(
        request,
        "desk.html",
        me=user,
        pause_reasons=PAUSE_REASONS,
        choices=views.choices(),
        setup={
            "extension": user.extension,
            "lines": lines,
            "emergency": emergency,
            "wrapup_s": services.settings.wrapup_s,
        },
    )


@router.get("/department")
async def department(
    request: Request, user: SignedIn, cases: Cases, services: Services, tab: str = "", department: str = ""
) -> Response:
    """A department's tickets; with ``?part=1`` only the list, for the script that keeps it fresh."""
    if user.role == "agent":
        raise HTTPException(403, "您没有此项权限")
    key = user.department or "" if user.role == "department" else department
    tabs = {name: entry for name, entry in TABS.items() if user.role == "supervisor" or name != "refused"}
    chosen = tab if tab in tabs else "new"
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    counts = await cases.counts(key)
    views = Views(services.city, language_of(request))
    return page(
        request,
        "tickets.html" if request.query_params.get("part") else "department.html",
        me=user,
        seq=seq,
        tabs=[(name, title, sum(counts.get(s, 0) for s in states)) for name, (title, states) in tabs.items()],
        tab=chosen,
        tickets=await cases.tickets(states=tabs[chosen][1], department=key),
        department=key,
        title=views.department_name(key) if key else views.text("全部部门"),
        departments=views.choices()["departments"],
        now=services.clock.now(),
    )


@router.get("/tickets/{number}")
async def ticket(request: Request, number: str, user: SignedIn, cases: Cases, services: Services) -> Response:
    """One ticket with its history, callbacks, transcript and recording."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    async with services.database.read() as session:
        row = await TicketRepository(session).by_number(number)
    seen = await cases.ticket(row.id) if row else None
    if seen is None:
        raise HTTPException(404, "没有找到这张工单")
    call: dict[str, Any] | None = await cases.call(seen["call_id"]) if seen["call_id"] else None
    views = Views(services.city, language_of(request))
    return page(
        request,
        "ticket_part.html" if request.query_params.get("part") else "ticket.html",
        me=user,
        seq=seq,
        ticket=seen,
        call=call,
        departments=views.choices()["departments"],
        now=services.clock.now(),
    )


@router.get("/calls/{call_id}/recording")
async def recording(request: Request, call_id: str, user: SignedIn, services: Services) -> Response:
    """The recording, in ranges as players ask for it. Every request leaves a trace."""
    row = await services.ledger.call(call_id)
    async with services.database.read() as session:
        ticket = await TicketRepository(session).by_call(call_id)
    if row is None or not may_hear(user, only(row.agent), ticket):
        raise HTTPException(404, "没有找到")
    file = recording_file(services.settings.recordings, row.recording or "")
    if file is None:
        raise HTTPException(404, "没有录音")
    await audit(request, user.login, "recording", call_id, request.headers.get("range", ""))
    return FileResponse(file, headers={"Cache-Control": "no-store"})


@router.get("/api/docs")
async def api_docs(request: Request, user: SignedIn) -> Response:
    return page(request, "api.html", me=user, schema=request.app.openapi())


@router.get("/api/openapi.json")
async def openapi(request: Request, user: SignedIn) -> dict[str, Any]:
    return cast(dict[str, Any], request.app.openapi())


def recording_file(folder: Path, name: str) -> Path | None:
    """The file of that name in the recordings folder; None where there is none, or the name leads out of it."""
    if not name or "\0" in name:
        return None
    file = (folder / name).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def _inside(path: str) -> str:
    """A path of this site, or an empty string: a link must not send a person elsewhere after signing in."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else ""


def error_page(request: Request, code: int, message: str) -> Response:
    """An error as a page; not signed in leads to the sign-in page instead."""
    if code == 401:
        wanted = request.url.path if request.method == "GET" and request.url.path != "/" else ""
        return RedirectResponse(f"/login?next={wanted}" if wanted else "/login", 303)
    return page(request, "error.html", code, code=code, message=message)


def message_of(request: Request, error: HeyiError) -> str:
    """What went wrong, in the reader's language."""
    language = language_of(request)
    text, hint = translate(language, error.message), translate(language, error.hint)
    if not hint:
        return text
    return f"{text}（{hint}）" if language == "zh" else f"{text} ({hint})"
