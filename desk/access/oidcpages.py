"""Single sign-on (OpenID Connect): authorization code with PKCE, and what the provider tells when a sign-in is over.

Between the two halves nothing is kept here: the browser has a random number in a cookie, and ``state``, ``nonce`` and
the verifier are made from it and the site's secret. An answer is good in the browser that asked, once.
"""

import base64
import binascii
import json
import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated
from urllib.parse import quote, urlencode

import structlog
from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from core.audit import note
from core.secrets import derive
from desk.access.auth import Auth, address_of, auth_of
from desk.access.hashing import Crowded
from desk.access.idtoken import TokenRefused, counts_as_second, ended, identity
from desk.access.links import NotLinked, via
from desk.access.provider import Provider, ProviderAway
from desk.context import services_of
from desk.pages import home_of, inside, sign_in_page

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)

#: Of a browser that is at the provider's.
COOKIE, PATH = "heyi_oidc", "/login/oidc"
#: How long somebody may take there.
PATIENCE = timedelta(minutes=10)
_AWAY = "统一身份认证暂时不可用，请用用户名和密码登录"
_REFUSED = "统一身份认证没有通过，请重试"
_OVER = "本次登录已失效，请重新点击“统一身份认证”"


def tried(begun: datetime, onward: str) -> str:
    """A cookie for one try: a number that nobody can guess, since when, and where the person wanted to go."""
    told = json.dumps([secrets.token_urlsafe(24), int(begun.timestamp()), onward])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def begun_of(cookie: str) -> tuple[datetime, str] | None:
    """Since when, and where to; None of what is no such cookie. Its ``state`` proves that it is ours."""
    try:
        _number, since, onward = json.loads(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)))
        return datetime.fromtimestamp(since).astimezone(), str(onward)
    except (ValueError, TypeError, OverflowError, OSError, binascii.Error):
        return None


def made_of(secret: str, cookie: str) -> tuple[str, str, str]:
    """``state``, ``nonce`` and verifier (64 characters) of a try."""
    made = partial(derive, secret, name=cookie)
    return made("oidc state"), made("oidc nonce"), made("oidc verifier") + made("oidc verifier, second half")


@router.get("/login/oidc")
async def begin(request: Request, next: str = "") -> Response:
    """To the provider."""
    auth, provider = auth_of(request), _provider(request)
    onward = inside(next)
    cookie = tried(services_of(request).clock.now(), onward)
    state, nonce, verifier = made_of(auth.secret, cookie)
    try:
        where = await provider.begin(_back(request), state=state, nonce=nonce, verifier=verifier)
    except ProviderAway as away:
        return _away(request, away, onward)
    response = RedirectResponse(where, 303)
    response.set_cookie(
        COOKIE, cookie, max_age=int(PATIENCE.total_seconds()), httponly=True, samesite="lax", path=PATH,
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.get("/login/oidc/back")
async def back(request: Request, state: str = "", code: str = "", error: str = "", iss: str = "") -> Response:
    """From the provider, with a code or with what went wrong there."""
    auth, provider, cookie = auth_of(request), _provider(request), request.cookies.get(COOKIE, "")
    begun, now = begun_of(cookie), services_of(request).clock.now()
    wanted, nonce, verifier = made_of(auth.secret, cookie)
    if begun is None or now - begun[0] > PATIENCE or not secrets.compare_digest(state.encode(), wanted.encode()):
        return _forgotten(sign_in_page(request, 400, error=_OVER))
    onward, address = inside(begun[1]), address_of(request)
    try:
        if error or not 0 < len(code) <= 4000:
            raise TokenRefused(f"provider answered {error[:60]}")
        if iss != provider.issuer and (iss or (await provider.addresses()).names_itself):
            raise TokenRefused("answer of another issuer")
        # Each answer costs the provider a question.
        counted = auth.knock_of(request)
        token = await provider.redeem(code, _back(request), verifier=verifier)
        claims = await provider.checked(
            lambda keys: identity(
                token, keys, issuer=provider.issuer, client_id=provider.client_id, nonce=nonce, now=now
            )
        )  # fmt: skip
        user = await auth.links.person(claims, state, address)
    except Crowded as crowded:
        return sign_in_page(request, 429, next=onward, error=crowded.message)
    except ProviderAway as away:
        return _forgotten(_away(request, away, onward))
    except TokenRefused as refused:
        await _failed(request, str(refused))
        return _forgotten(sign_in_page(request, 401, next=onward, error=_REFUSED))
    except NotLinked as refused:
        await _failed(request, f"{refused.why}: {str(claims.get('sub'))[:255]}")
        return _forgotten(sign_in_page(request, 403, next=onward, error=refused.message))
    if counted:
        auth.let_in(address)
    came = via(str(claims.get("sid") or ""))
    stage = await auth.owed(user)
    if stage != "open" and not counts_as_second(claims, auth.counted_factors):
        response: Response = RedirectResponse(f"/login/factor?next={quote(onward)}", 303)
        await auth.begin_half(request, response, user, stage, via=came)
    else:
        response = RedirectResponse(onward or home_of(user), 303)
        await auth.begin(request, response, user, how="oidc", via=came)
    return _forgotten(response)


@router.post("/login/oidc/logout")
async def logout(request: Request, logout_token: Annotated[str, Form(max_length=20_000)]) -> Response:
    """The provider tells that somebody's sign-in there is over (back-channel); the token is the proof."""
    auth, provider = auth_of(request), _provider(request)
    now, kept = services_of(request).clock.now(), {"Cache-Control": "no-store"}
    try:
        subject, session = await provider.checked(
            lambda keys: ended(logout_token, keys, issuer=provider.issuer, client_id=provider.client_id, now=now)
        )
    except ProviderAway as away:
        log.warning("provider of identities is away", why=str(away))
        return Response(status_code=503, headers=kept)
    except TokenRefused as refused:
        log.warning("logout refused", why=str(refused))
        return Response(status_code=400, headers=kept)
    await auth.links.ended(subject, session, logout_token, address_of(request))
    return Response(status_code=200, headers=kept)


@router.get("/login/oidc/out")
async def out(request: Request) -> Response:
    """To where the provider ends its own session, on a computer that others use after."""
    provider = _provider(request)
    try:
        end = (await provider.addresses()).end
    except ProviderAway as away:
        return _away(request, away, "")
    if not end:
        return RedirectResponse("/login", 303)
    asked = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": f"{_desk(request)}/login"})
    return RedirectResponse(f"{end}{'&' if '?' in end else '?'}{asked}", 303)


def _provider(request: Request) -> Provider:
    auth: Auth = request.app.state.auth
    if auth.provider is None:
        raise HTTPException(404, "没有找到")
    return auth.provider


def _desk(request: Request) -> str:
    return services_of(request).settings.desk_url or str(request.base_url).rstrip("/")


def _back(request: Request) -> str:
    return f"{_desk(request)}/login/oidc/back"


def _forgotten(response: Response) -> Response:
    response.delete_cookie(COOKIE, path=PATH)
    return response


def _away(request: Request, away: ProviderAway, onward: str) -> Response:
    log.warning("provider of identities is away", why=str(away))
    return sign_in_page(request, 503, next=onward, error=_AWAY)


async def _failed(request: Request, why: str) -> None:
    services = services_of(request)
    log.warning("single sign-on refused", why=why)
    async with services.database.work() as work:
        note(work.session, at=services.clock.now(), who="oidc", what="sign_in_failed", address=address_of(request),
             detail=why)  # fmt: skip
