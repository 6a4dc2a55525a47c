"""The pages. Rows come from :mod:`desk.casebook`; what moves is drawn by the scripts in ``web/``."""

from typing import Annotated, Any, cast
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from core.errors import HeyiError
from desk.access.auth import COOKIE, Auth, SignedIn, SignInRefused
from desk.access.hashing import Crowded
from desk.access.users import User
from desk.api import Cases
from desk.calls.directory import directory
from desk.casebook import PAGE
from desk.context import services_of
from desk.dispatch.fieldapi import of_ticket as field_of
from desk.doors.doorviews import of_ticket
from desk.doors.messageviews import messages_of
from desk.i18n import language_of, translate
from desk.listexport import wanted
from desk.listsheets import MOST
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.shift.shiftpages import clock_of, last_of
from desk.tickets.assignapi import own_of, parts_of
from desk.tickets.clockapi import clocks_of
from desk.tickets.clockviews import coloured
from desk.tickets.incidents import IncidentBook
from desk.views import PAUSE_REASONS, Views
from switchboard.desks import MISSED
from telephony.queues import LAST_RESORT
from ticketing.events import TicketState
from ticketing.repository import TicketRepository
from ticketing.sources import NAMES as SOURCE_NAMES
from ticketing.sources import SOURCES

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]

#: Characters of an address of ours to which somebody goes on after signing in.
LONGEST = 500

#: Tabs of the department's page, in the order of work: name and states.
TABS: dict[str, tuple[str, tuple[TicketState, ...]]] = {
    "refused": ("待派遣", ("filed",)),
    "new": ("待接单", ("dispatched",)),
    "handling": ("处置中", ("handling",)),
    "callback": ("待回访", ("reported", "callback")),
    "closed": ("已结案", ("closed",)),
}


def home_of(user: User) -> str:
    homes = {"agent": "/desk", "supervisor": "/wallboard", "arbiter": "/rulings", "grid": "/field/"}
    homes |= {"reviewer": "/reviews", "dispatcher": "/board"}
    homes |= {"leader": "/leader", "administrator": "/users", "auditor": "/audit"}
    return homes.get(user.role, "/department")


@router.get("/")
async def home(user: SignedIn) -> Response:
    return RedirectResponse(home_of(user), 303)


@router.get("/login")
async def login_page(request: Request, next: str = "", out: str = "") -> Response:
    return sign_in_page(request, next=next, out=bool(out))


@router.post("/login")
async def login(
    request: Request,
    login: Annotated[str, Form(max_length=60)],
    password: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    auth: Auth = request.app.state.auth
    try:
        user = await auth.sign_in(login, password, request)
        stage = await auth.owed(user)
    except (SignInRefused, Crowded) as refused:
        status = 401 if isinstance(refused, SignInRefused) else 429
        return sign_in_page(request, status, next=next, error=refused.message, login=login)
    if stage != "open":
        response = RedirectResponse(f"/login/factor?next={quote(inside(next))}", 303)
        await auth.begin_half(request, response, user, stage)
        return response
    response = RedirectResponse(inside(next) or home_of(user), 303)
    await auth.begin(request, response, user)
    return response


@router.post("/logout")
async def logout(request: Request, user: SignedIn) -> Response:
    auth: Auth = request.app.state.auth
    held = await auth.sessions.of(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/login?out=1" if held is not None and held.via else "/login", 303)
    await auth.sign_out(request, response, user)
    return response


@router.get("/desk")
async def desk(request: Request, user: SignedIn, services: Services) -> Response:
    """The call taker's page; the supervisor's, too, who goes on with a call that he has taken over."""
    if user.role not in ("agent", "supervisor") or (user.role == "supervisor" and not user.extension):
        return RedirectResponse(home_of(user), 303)
    views = Views(services.city, language_of(request))
    lines = {line.number: views.line_name(line.number) for line in services.city.lines}
    emergency = [line.number for line in services.city.lines if line.kind == "emergency"]
    own = services.city.desk(user.extension or "")
    async with services.database.read() as session:
        checked = await last_of(session, services, user)
    return page(
        request,
        "desk.html",
        checked=checked and {"ok": checked.ok, "at": clock_of(services, checked.at)},
        me=user,
        in_queue=own is None or own.in_queue,
        pause_reasons=PAUSE_REASONS,
        choices=views.choices(),
        setup={
            "login": user.login,
            "extension": user.extension,
            "in_queue": own is None or own.in_queue,
            "supervisor": user.role == "supervisor",
            "lines": lines,
            # With these a ring is shown before the server has told of it.
            "openings": {line.number: line.opening for line in services.city.lines if line.opening},
            "emergency": emergency,
            "wrapup_s": services.settings.wrapup_s,
            "auto_answer": own is not None and own.auto_answer,
            "missed": MISSED,
            "last_resort": LAST_RESORT,
            "area_code": services.city.profile.area_code,
            "directory": directory(services.city, views.language, user.extension),
        },
    )


@router.get("/department")
async def department(
    request: Request,
    user: SignedIn,
    cases: Cases,
    services: Services,
    tab: str = "",
    department: str = "",
    source: str = "",
) -> Response:
    """A department's tickets; with ``?part=1`` only the list, for the script that keeps it fresh."""
    below = sorted(user.below)
    key = department
    if user.bounded and department not in user.departments:
        # Who acts for others sees theirs beside his own.
        key = "" if below else user.department or ""
    sends = user.role in ("supervisor", "dispatcher")
    tabs = {name: entry for name, entry in TABS.items() if sends or name != "refused"}
    # Who sends begins with what nobody has; everybody else with what nobody has accepted.
    chosen = tab if tab in tabs else "refused" if user.role == "dispatcher" else "new"
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    came = source if source in SOURCES else ""
    counts = await cases.counts(key, came)
    views = Views(services.city, language_of(request))
    states = tabs[chosen][1]
    if wanted(request):
        return page(request, "department.html", me=user, tickets=cases.in_pages(states, key, came, MOST + 1))
    tickets = await cases.tickets(states=states, department=key, source=came, most=PAGE)
    await coloured(services.tickets.clocks, views, tickets)
    return page(
        request,
        "tickets.html" if request.query_params.get("part") else "department.html",
        me=user,
        seq=seq,
        tabs=[(name, title, sum(counts.get(s, 0) for s in states)) for name, (title, states) in tabs.items()],
        tab=chosen,
        tickets=tickets,
        department=key,
        source=came,
        sources=[(each, views.text(name)) for each, name in SOURCE_NAMES.items()],
        own=await own_of(request, user, services, {key} - {""} or user.departments),
        title=views.department_name(key or user.department or "") or views.text("全部部门"),
        # By whose tickets the list may be narrowed.
        pick=views.named([user.department or "", *below]) if user.bounded else views.choices()["departments"],
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
    if row is None or seen is None:
        raise HTTPException(404, "没有找到这张工单")
    call: dict[str, Any] | None = await cases.call(seen["call_id"]) if seen["call_id"] else None
    views = Views(services.city, language_of(request))
    return page(
        request,
        "ticket_part.html" if request.query_params.get("part") else "ticket.html",
        me=user,
        seq=seq,
        ticket=seen,
        incident=await IncidentBook(services, user, views).of_ticket(row),
        may_link=user.role in ("agent", "supervisor"),
        door=await of_ticket(services, user, views, row),
        clocks=await clocks_of(request, user, services, row),
        assigned=await parts_of(request, user, services, row),
        field=await field_of(request, user, services, row),
        call=call,
        spoken=await messages_of(services, user, row.id),
        departments=[*views.choices()["departments"], *views.near(row)],
        now=services.clock.now(),
    )


@router.get("/api/docs")
async def api_docs(request: Request, user: SignedIn) -> Response:
    return page(request, "api.html", me=user, schema=request.app.openapi())


@router.get("/api/openapi.json")
async def openapi(request: Request, user: SignedIn) -> dict[str, Any]:
    return cast(dict[str, Any], request.app.openapi())


def sign_in_page(
    request: Request, status: int = 200, *, next: str = "", error: str = "", login: str = "", out: bool = False
) -> Response:  # fmt: skip
    """The sign-in page; ``error`` as it stands in the code. ``out``: for whoever came by single sign-on and left."""
    services, onward = services_of(request), inside(next)
    return page(
        request, "login.html", status, next=onward, error=translate(language_of(request), error), login=login,
        sso=f"/login/oidc?next={quote(onward)}" if services.settings.oidc_issuer else "", out=out,
    )  # fmt: skip


def inside(path: str) -> str:
    """A path of this site, or an empty string: a link must not send a person elsewhere after signing in.

    Nor to what is no page, or to so long an address that it is none of ours.
    """
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    page = path == "/api/docs" or not path.startswith(("/login", "/logout", "/api/", "/live", "/static/"))
    return path if ours and page and len(path) <= LONGEST else ""


def error_page(request: Request, code: int, message: str) -> Response:
    """An error as a page; not signed in leads to the sign-in page instead."""
    if code == 401:
        wanted = request.url.path if request.method == "GET" and request.url.path != "/" else ""
        return RedirectResponse(f"/login?next={quote(inside(wanted))}" if inside(wanted) else "/login", 303)
    return page(request, "error.html", code, code=code, message=message)


def message_of(request: Request, error: HeyiError) -> str:
    """What went wrong, in the reader's language."""
    language = language_of(request)
    text, hint = translate(language, error.message), translate(language, error.hint)
    if not hint:
        return text
    return f"{text}（{hint}）" if language == "zh" else f"{text} ({hint})"
