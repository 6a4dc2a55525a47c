"""The second step of signing in: a code, or setting a second factor up where the role needs one."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from desk.access.auth import Auth, SignInRefused, address_of
from desk.access.factors import CodeRefused
from desk.access.sessions import Held
from desk.access.users import User
from desk.context import services_of
from desk.pages import home_of, inside, message_of
from desk.render import page

router = APIRouter(include_in_schema=False)
Code = Annotated[str, Form(max_length=40)]
Next = Annotated[str, Form(max_length=2000)]


@router.get("/login/factor")
async def factor_page(request: Request, next: str = "") -> Response:
    """What this browser owes after the right password."""
    held = await _auth(request).half(request)
    return _again() if held is None else await _page(request, held, inside(next))


@router.post("/login/factor")
async def factor(request: Request, code: Code, next: Next = "") -> Response:
    """The code: of the telephone, or a recovery code."""
    auth = _auth(request)
    held = await auth.half(request)
    if held is None or held.stage != "factor":
        return _again()
    try:
        await auth.check_code(held.user, code, address_of(request))
    except SignInRefused as refused:
        return await _page(request, held, inside(next), message_of(request, refused))
    response = RedirectResponse(inside(next) or home_of(held.user), 303)
    await auth.begin(request, response, held.user, how="code", via=held.via)
    return response


@router.post("/login/enrol")
async def enrol(request: Request, code: Code, next: Next = "") -> Response:
    """The first code of a new second factor; answers with the recovery codes, which are shown this once."""
    auth = _auth(request)
    held = await auth.half(request)
    if held is None or held.stage != "enrol":
        return _again()
    try:
        codes = await auth.factors.confirm(held.user.login, held.user.session, code, address_of(request))
    except CodeRefused as refused:
        return await _page(request, held, inside(next), message_of(request, refused))
    response = codes_page(request, held.user, codes, "login_codes.html", onward=inside(next) or home_of(held.user))
    await auth.begin(request, response, held.user, how="code", via=held.via)
    return response


def codes_page(request: Request, user: User, codes: Sequence[str], template: str, onward: str = "") -> Response:
    """Recovery codes, once: no browser keeps the page; on paper they say whose and since when."""
    now = services_of(request).clock.now()
    made = page(request, template, me=user, codes=codes, whose=user.login, made_at=now, onward=onward)
    made.headers["Cache-Control"] = "no-store"
    return made


async def _page(request: Request, held: Held, onward: str, error: str = "") -> Response:
    auth = _auth(request)
    status = 401 if error else 200
    if held.stage == "factor":
        return page(request, "login_factor.html", status, next=onward, error=error)
    secret = await auth.factors.offer(held.user.login, held.user.session)
    picture = Markup(auth.factors.qr(held.user.login, secret))  # noqa: S704  drawn here, of our own letters
    return page(request, "login_enrol.html", status, next=onward, error=error, secret=secret, qr=picture)


def _again() -> Response:
    return RedirectResponse("/login", 303)


def _auth(request: Request) -> Auth:
    auth: Auth = request.app.state.auth
    return auth
