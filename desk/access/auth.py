"""Signing in: a cookie that holds a random number, checked on each request against the tables of sessions and users."""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.audit import by_token, note
from core.errors import HeyiError
from core.secrets import site_secret
from desk.access.factors import CodeRefused, Factors
from desk.access.hashing import KNOWN, STRANGERS, Crowded
from desk.access.known import KNOWN_COOKIE, KNOWN_DAYS, browser_of, knows_anybody, with_login
from desk.access.links import Links
from desk.access.lockout import Lockout
from desk.access.provider import Provider
from desk.access.routes import ACTION_OF
from desk.access.sessions import HALF_OPEN, SCREEN_FOR, SCREEN_MAY, SIGNED_IN, Held, Sessions, Stage
from desk.access.table import may
from desk.access.tokens import PREFIX, Tokens
from desk.access.users import Role, User, Users
from desk.access.watch import SessionWatch
from desk.context import services_of
from desk.services import DeskServices
from ticketing.doors.limits import Limit, Limiter, household

COOKIE = "heyi_session"
#: Whose session it is, for the page of phones alone: without a network it shows what was last only to that person.
WHO_COOKIE, WHO_PATH = "heyi_who", "/field/"
#: Of a browser that has the right password and owes a code.
FACTOR_COOKIE, FACTOR_PATH = "heyi_factor", "/login"


class SignInRefused(HeyiError):
    """Wrong login or password, or too many tries."""


class Auth:
    """Makes and reads sessions, and keeps the audit of who came in."""

    def __init__(self, services: DeskServices) -> None:
        self._services = services
        self._users = Users(services.database, services.clock)
        settings = services.settings
        self.sessions = Sessions(
            services.database, services.clock, lifetime=timedelta(hours=settings.session_hours),
            idle=timedelta(minutes=settings.session_idle_min),
        )  # fmt: skip
        self.secret = site_secret(settings.data, settings.secret)
        self.factors = Factors(
            services.database, services.clock, self.secret, f"heyi {services.city.profile.name}"
        )  # fmt: skip
        #: Roles that do not get in without a second factor.
        self._factor_roles = frozenset(settings.factor_roles.replace(",", " ").split())
        #: Single sign-on, where the site has a provider of identities.
        self.provider = Provider(settings, services.clock) if settings.oidc_issuer else None
        self.links = Links(services.database, services.clock, services.city, settings)
        #: What the provider may say that counts as a second factor here.
        self.counted_factors = frozenset(settings.oidc_factors.split())
        self.tokens = Tokens(services.database, services.clock)
        self._lockout = Lockout()
        #: Tries by strangers of one address: what a whole centre behind one address needs, and no flood.
        self._strangers = Limiter(Limit(120, timedelta(minutes=2)))
        #: Codes of one login from all addresses: who tries them has the password, and many addresses help nothing.
        self._code_lockout = Lockout()

    async def sign_in(self, login: str, password: str, request: Request) -> User:
        """Whose login and password this is; raises :class:`SignInRefused` with a sentence for the person otherwise,
        :class:`Crowded` where too many try at once."""
        now, address = self._services.clock.now(), address_of(request)
        known = browser_of(self.secret, request.cookies.get(KNOWN_COOKIE, ""), login)
        # In a browser of their own nobody's guesses but those made there lock people out.
        where, lane = (f"browser {known}", KNOWN) if known else (address, STRANGERS)
        lane.room()
        # Before it counts as a wrong password: whom the crowd keeps out has not guessed.
        if not known:
            self.knock(address)
        if not self._lockout.begin(login, where, now):
            raise SignInRefused("密码错误次数过多，请几分钟后再试")
        try:
            user = await self._users.verify(login, password, lane)
        except Crowded:
            # Others came in between: nobody has looked at this password.
            self._lockout.unheard(login, where)
            raise
        if user is None:
            async with self._services.database.work() as work:
                note(work.session, at=now, who=login, what="sign_in_failed", address=address)
            raise SignInRefused("用户名或密码不正确")
        self._lockout.succeeded(login, where)
        if not known:
            self.let_in(address)
        return user

    def knock_of(self, request: Request) -> bool:
        """Count a try whose login is not known yet, unless people have signed in in this browser before; whether it
        counts."""
        stranger = not knows_anybody(self.secret, request.cookies.get(KNOWN_COOKIE, ""))
        if stranger:
            self.knock(address_of(request))
        return stranger

    def knock(self, address: str) -> None:
        """Count a stranger's try; :class:`Crowded` where there were too many."""
        if self._strangers.wait(household(address), self._services.clock.now()):
            raise Crowded

    def let_in(self, address: str) -> None:
        """Who came in was no guess."""
        self._strangers.forget(household(address))

    async def owed(self, user: User) -> Stage:
        """What this person owes after the right password: a code, setting one up, or nothing (``open``)."""
        if (await self.factors.standing(user.login)).on:
            return "factor"
        return "enrol" if self.factor_needed(user) else "open"

    def factor_needed(self, user: User) -> bool:
        """Whether their role does not get in without a second factor."""
        return user.role in self._factor_roles

    async def begin_half(
        self, request: Request, response: Response, user: User, stage: Stage, *, via: str = ""
    ) -> None:  # fmt: skip
        """Remember that this browser's password was right; with its cookie alone nobody is signed in."""
        token = await self.sessions.begin(
            user.login, address=address_of(request), browser=request.headers.get("user-agent", ""), stage=stage,
            via=via,
        )  # fmt: skip
        # Lax: who comes back from a provider of identities was last on another site.
        response.set_cookie(
            FACTOR_COOKIE, token, max_age=int(HALF_OPEN.total_seconds()), httponly=True, samesite="lax",
            secure=request.url.scheme == "https", path=FACTOR_PATH,
        )  # fmt: skip

    async def half(self, request: Request) -> Held | None:
        """Whose password was right a moment ago in this browser, and what is owed."""
        token = request.cookies.get(FACTOR_COOKIE)
        held = await self.sessions.of(token) if token else None
        return held if held is not None and held.stage in ("factor", "enrol") else None

    async def check_code(self, user: User, code: str, address: str) -> None:
        """Take a code once; raises :class:`SignInRefused`. Wrong ones count, whatever address they come from."""
        now = self._services.clock.now()
        if not self._code_lockout.begin(user.login, "", now):
            raise SignInRefused("验证码错误次数过多，请几分钟后再试")
        try:
            await self.factors.check(user.login, code, address)
        except CodeRefused as refused:
            async with self._services.database.work() as work:
                note(work.session, at=now, who=user.login, what="factor_failed", address=address)
            raise SignInRefused(refused.message, hint=refused.hint) from refused
        self._code_lockout.succeeded(user.login, "")

    async def begin(self, request: Request, response: Response, user: User, *, how: str = "", via: str = "") -> None:
        """Open a session of a number that nobody knew before; the one that the browser had is over."""
        token = await self.sessions.begin(
            user.login, address=address_of(request), browser=request.headers.get("user-agent", ""),
            replaces=request.cookies.get(COOKIE, ""), how=how, via=via,
        )  # fmt: skip
        if half := request.cookies.get(FACTOR_COOKIE):
            await self.sessions.discard(half)
            response.delete_cookie(FACTOR_COOKIE, path=FACTOR_PATH)
        age, secure = self._services.settings.session_hours * 3600, request.url.scheme == "https"
        response.set_cookie(COOKIE, token, max_age=age, httponly=True, samesite="lax", secure=secure, path="/")
        # No right hangs on it: the server believes the session alone.
        response.set_cookie(
            WHO_COOKIE, quote(user.login, safe=""), max_age=age, httponly=False, samesite="strict", secure=secure,
            path=WHO_PATH,
        )  # fmt: skip
        response.set_cookie(
            KNOWN_COOKIE, with_login(self.secret, request.cookies.get(KNOWN_COOKIE, ""), user.login),
            max_age=KNOWN_DAYS * 86400, httponly=True, samesite="lax", secure=secure, path="/",
        )  # fmt: skip

    async def become_screen(self, request: Request, response: Response, user: User) -> None:
        """From now on this browser shows the wall and can do nothing else; the person's session in it is over."""
        token = await self.sessions.begin(
            user.login, address=address_of(request), browser=request.headers.get("user-agent", ""), stage="screen",
            replaces=request.cookies.get(COOKIE, ""),
        )  # fmt: skip
        self.forget(response)
        age = int(SCREEN_FOR.total_seconds())
        response.set_cookie(
            COOKIE, token, max_age=age, httponly=True, samesite="lax", secure=request.url.scheme == "https", path="/"
        )

    async def sign_out(self, request: Request, response: Response, user: User) -> None:
        """End this session on the server, and take its cookies away."""
        await self.sessions.end(
            user.session, user.login, by=user.login, address=address_of(request), why="sign_out"
        )  # fmt: skip
        self.forget(response)

    @staticmethod
    def forget(response: Response) -> None:
        """Take the cookies away."""
        response.delete_cookie(COOKIE, path="/")
        response.delete_cookie(WHO_COOKIE, path=WHO_PATH)

    async def _signed_in(self, request: Request) -> User | None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            # A program: no cookie beside it counts.
            return await self.tokens.user_of(given) if given.startswith(PREFIX) else None
        token = request.cookies.get(COOKIE)
        held = await self.sessions.of(token) if token else None
        if held is None or held.stage not in SIGNED_IN:
            return None
        return held.user if held.stage == "open" else replace(held.user, scopes=SCREEN_MAY)

    async def user_of(self, request: Request) -> User | None:
        """Who makes this request; None where cookie or token is absent, forged, or over."""
        user = await self._signed_in(request)
        if user is None:
            return None
        # Grid staff act for their own grid or community alone.
        below = frozenset() if user.role == "grid" else self._services.city.below(user.department or "")
        return replace(user, below=below)


async def current_user(request: Request) -> User:
    """Dependency: the signed-in user, or 401; 403 where the table of rights does not give this route to their role."""
    auth: Auth = request.app.state.auth
    user = await auth.user_of(request)
    if user is None:
        raise HTTPException(401, "请先登录")
    # What is noted from here on says so where a program did it.
    by_token.set(user.token)
    action = action_of(request)
    if not may(user.role, action) or (user.scopes is not None and action not in user.scopes):
        raise HTTPException(403, "您没有此项权限")
    return user


def auth_of(request: Request) -> Auth:
    """The application's sessions and factors."""
    auth: Auth = request.app.state.auth
    return auth


def action_of(request: Request) -> str:
    """The action that this request's route is."""
    name = f"{request.method} {request.scope['route'].path}"
    try:
        return ACTION_OF[name]
    except KeyError:
        raise RuntimeError(f"{name} stands in no row: add it to desk/access/routes.py") from None


SignedIn = Annotated[User, Depends(current_user)]


def role_required(*roles: Role) -> object:
    """Dependency: the signed-in user when they have one of ``roles``, else 403."""

    async def check(user: SignedIn) -> User:
        if user.role not in roles:
            raise HTTPException(403, "您没有此项权限")
        return user

    return Depends(check)


def desk_of(user: User) -> str:
    """The extension at which this person sits; 403 where there is none."""
    if not user.extension:
        raise HTTPException(403, "您的账号没有分配坐席")
    return user.extension


def watch_of(request: Request, user: User, *, counts: bool = False) -> AbstractContextManager[asyncio.Event]:
    """What a live stream ends with. An open page counts as its person being there for whoever waits for calls at it."""
    watch: SessionWatch = request.app.state.watch
    return watch.follow(user.session, counts=counts or user.extension is not None)


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


async def audit(request: Request, who: str, what: str, call_id: str | None = None, detail: str = "") -> None:
    """Add an audit entry in a transaction of its own."""
    services = services_of(request)
    async with services.database.work() as work:
        note(work.session, at=services.clock.now(), who=who, what=what, call_id=call_id, address=address_of(request),
             detail=detail)  # fmt: skip


class SameOrigin:
    """ASGI middleware: refuses a changing request that a page of another site sent with our cookie.

    Browsers name the origin of every changing request; a script without a browser names none and brings no stolen
    cookie either.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        by_token.set(None)
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
            origin, host = headers.get(b"origin"), headers.get(b"host", "")
            foreign = origin is not None and _host_of(origin) != host
            if foreign or headers.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                refusal = JSONResponse({"error": "origin", "message": "请求来自其他网站，已拒绝"}, 403)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _host_of(origin: str) -> str | None:
    """Host and port; None of what is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
