"""One's own account: password, second factor, sessions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from core.errors import HeyiError
from desk.access.auth import Auth, SignedIn, SignInRefused, address_of
from desk.access.browsers import named
from desk.access.factors import CodeRefused
from desk.access.loginpages import codes_page
from desk.access.table import BY_KEY
from desk.access.users import By, User, Users
from desk.context import services_of
from desk.i18n import language_of
from desk.pages import message_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
#: What NIST SP 800-63B asks of a password beside a second factor, and a little more.
MIN_PASSWORD = 10
#: Roles that should have a second factor, even where the site does not force them to.
ADVISED = frozenset({"administrator", "auditor", "supervisor"})


@router.get("/api/session")
async def session(user: SignedIn) -> dict[str, str]:
    """Whose session it is; 401 once it is over."""
    return {"login": user.login, "role": user.role}


@router.get("/account", include_in_schema=False)
async def account(request: Request, user: SignedIn, services: Services, done: str = "") -> Response:
    """Password, second factor, sessions."""
    return await _page(request, user, services, done=done)


@router.post("/account/password", include_in_schema=False)
async def new_password(
    request: Request,
    user: SignedIn,
    services: Services,
    old: Annotated[str, Form(max_length=200)],
    new: Annotated[str, Form(max_length=200)],
    again: Annotated[str, Form(max_length=200)],
) -> Response:
    """A new password: all sessions are over, and this browser gets another."""
    auth = _auth(request)
    try:
        await auth.sign_in(user.login, old, request)
        if fault := fault_of(new, again, user.login, old):
            raise HeyiError(fault)
    except SignInRefused:
        return await _page(request, user, services, error="原密码不正确")
    except HeyiError as error:
        return await _page(request, user, services, error=error.message)
    by = By(user.login, address_of(request))
    await Users(services.database, services.clock).set_password(user.login, new, by)
    response = RedirectResponse("/account?done=password", 303)
    await auth.begin(request, response, user)
    return response


def fault_of(new: str, again: str, login: str, old: str = "") -> str:
    """What is wrong with a new password; empty where nothing is."""
    if new != again:
        return "两次输入的新密码不一致"
    if len(new) < MIN_PASSWORD:
        return "新密码至少 10 个字符"
    if new == old or login.lower() in new.lower():
        return "新密码不能与原密码相同，也不能包含用户名"
    if len(set(new)) < 4:
        return "新密码过于简单"
    return ""


@router.get("/account/factor", include_in_schema=False)
async def factor_page(request: Request, user: SignedIn) -> Response:
    """The picture for a telephone."""
    return await _offer(request, user)


@router.post("/account/factor", include_in_schema=False)
async def confirm(
    request: Request,
    user: SignedIn,
    code: Annotated[str, Form(max_length=40)],
    password: Annotated[str, Form(max_length=200)],
) -> Response:
    """The first code, and the password: who finds an open browser does not take the login over. Answers with the
    recovery codes, which are shown this once."""
    auth = _auth(request)
    try:
        await auth.sign_in(user.login, password, request)
        codes = await auth.factors.confirm(user.login, user.session, code, address_of(request))
    except (SignInRefused, CodeRefused) as refused:
        return await _offer(request, user, message_of(request, refused))
    # Whoever else is signed in as this person has never shown a code.
    await auth.sessions.end_others(user.login, but=user.session, by=user.login, address=address_of(request))
    return codes_page(request, user, codes, "account_codes.html")


@router.post("/account/factor/codes", include_in_schema=False)
async def new_codes(
    request: Request, user: SignedIn, services: Services, code: Annotated[str, Form(max_length=40)]
) -> Response:
    """New recovery codes for a code of the telephone."""
    auth = _auth(request)
    try:
        await auth.check_code(user, code, address_of(request))
    except SignInRefused as refused:
        return await _page(request, user, services, error=refused.message)
    codes = await auth.factors.renew_codes(user.login, address_of(request))
    return codes_page(request, user, codes, "account_codes.html")


@router.post("/account/factor/off", include_in_schema=False)
async def off(
    request: Request, user: SignedIn, services: Services, code: Annotated[str, Form(max_length=40)]
) -> Response:
    """Switch it off for a code: for another telephone. A role that needs one sets it up anew at the next sign-in."""
    auth = _auth(request)
    try:
        await auth.check_code(user, code, address_of(request))
    except SignInRefused as refused:
        return await _page(request, user, services, error=refused.message)
    await auth.factors.remove(user.login, by=user.login, address=address_of(request))
    response = RedirectResponse("/account?done=factor", 303)
    # Another session is offered another secret: the old telephone shows none of its codes.
    await auth.begin(request, response, user)
    return response


@router.post("/account/tokens/{token_id}/revoke", include_in_schema=False)
async def revoke_token(request: Request, token_id: Whole, user: SignedIn) -> Response:
    """End a token with which a program acts for oneself; the administrator made it."""
    revoked = await _auth(request).tokens.revoke(
        token_id, by=user.login, address=address_of(request), of=user.login
    )  # fmt: skip
    if not revoked:
        raise HTTPException(404, "没有找到")
    return RedirectResponse("/account?done=token", 303)


@router.post("/account/sessions/{session_id}/end", include_in_schema=False)
async def end_session(request: Request, session_id: Whole, user: SignedIn) -> Response:
    """End one of one's own."""
    ended = await _auth(request).sessions.end(session_id, user.login, by=user.login, address=address_of(request))
    if not ended:
        raise HTTPException(404, "没有找到")
    return RedirectResponse("/account?done=session", 303)


@router.post("/account/sessions/end-others", include_in_schema=False)
async def end_others(request: Request, user: SignedIn) -> Response:
    """End all of one's own but this one."""
    await _auth(request).sessions.end_others(
        user.login, but=user.session, by=user.login, address=address_of(request)
    )  # fmt: skip
    return RedirectResponse("/account?done=session", 303)


async def _page(
    request: Request, user: User, services: DeskServices, *, done: str = "", error: str = ""
) -> Response:  # fmt: skip
    auth = _auth(request)
    views = Views(services.city, language_of(request))
    standing = await auth.factors.standing(user.login)
    return page(
        request,
        "account.html",
        400 if error else 200,
        me=user,
        error=views.text(error),
        done=views.text({
            "password": "密码已修改，其他登录已全部结束", "factor": "二次验证已关闭", "session": "登录已结束",
            "token": "令牌已吊销",
        }.get(done, "")),
        department=views.department_name(user.department) if user.department else "",
        factor=standing,
        needed=auth.factor_needed(user),
        advised=user.role in ADVISED,
        tokens=[
            {"id": row.id, "name": row.name, "until": row.until, "used_at": row.used_at, "made_by": row.made_by,
             "scopes": [views.text(BY_KEY[key].name) for key in row.scopes if key in BY_KEY]}
            for row in await auth.tokens.of_login(user.login)
        ],
        sessions=[
            {"id": row.id, "browser": named(row.browser), "address": row.address, "made_at": row.made_at,
             "seen_at": row.seen_at, "until": row.until, "own": row.id == user.session}
            for row in await auth.sessions.of_login(user.login)
        ],
    )  # fmt: skip


async def _offer(request: Request, user: User, error: str = "") -> Response:
    auth = _auth(request)
    secret = await auth.factors.offer(user.login, user.session)
    picture = Markup(auth.factors.qr(user.login, secret))  # noqa: S704  drawn here, of our own letters
    return page(request, "account_factor.html", 400 if error else 200, me=user, error=error, secret=secret, qr=picture)


def _auth(request: Request) -> Auth:
    auth: Auth = request.app.state.auth
    return auth
