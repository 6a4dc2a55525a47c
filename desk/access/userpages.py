"""The administrator's page: logins with role, desk and area, and what may be reset. Each change is in the audit."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from core.city import City
from core.collation import by_name
from core.errors import HeyiError
from desk.access.auth import SignedIn, address_of, auth_of
from desk.access.browsers import named
from desk.access.entered import person_of
from desk.access.table import ROLE_NAMES
from desk.access.userhistory import steps
from desk.access.users import By, Role, Stale, User, UserRow, Users
from desk.context import services_of
from desk.i18n import language_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
Word = Annotated[str, Form(max_length=80)]
Reason = Annotated[str, Form(max_length=200)]
#: Number of the version that the person looked at.
Base = Annotated[int, Form()]


@router.get("/users")
async def listing(request: Request, user: SignedIn, services: Services, q: str = "", done: str = "") -> Response:
    """All logins, or those that contain ``q``."""
    return await _page(request, user, services, q=q, done=done)


@router.post("/users")
async def add(
    request: Request, user: SignedIn, services: Services, login: Word, name: Word, role: Word, extension: Word = "",
    department: Word = "",
) -> Response:  # fmt: skip
    """A new login; its first password is made here and shown this once."""
    password = secrets.token_urlsafe(12)
    try:
        person = person_of(services.city, login, name, role, extension, department, password)
        if not await Users(services.database, services.clock).make(person, _by(request, user)):
            raise HeyiError("已经有这个用户名")
    except HeyiError as error:
        return await _page(request, user, services, error=error.message)
    return await _page(request, user, services, secret=(login, password))


@router.post("/users/{login}")
async def change(
    request: Request, login: str, user: SignedIn, services: Services, name: Word, role: Word, extension: Word = "",
    department: Word = "", reason: Reason = "", base: Base = 0,
) -> Response:  # fmt: skip
    """Another name, role, desk or area, with a reason; refused where somebody else was first since it was read."""
    _not_oneself(user, login)
    entered = {"name": name, "role": role, "extension": extension, "department": department, "reason": reason}
    try:
        person = person_of(services.city, login, name, role, extension, department, "unchanged")
        by = _by(request, user, _required(reason))
        if not await Users(services.database, services.clock).change(person, by, based_on=base):
            raise HTTPException(404, "没有找到")
    except HeyiError as error:
        return await _one(request, user, services, login, error=error, entered=entered)
    return RedirectResponse(f"/users/{login}?done=1", 303)


@router.get("/users/{login}")
async def one(request: Request, login: str, user: SignedIn, services: Services, done: str = "") -> Response:
    """One login with its sessions."""
    return await _one(request, user, services, login, done=bool(done))


@router.post("/users/{login}/{what}")
async def act(
    request: Request, login: str, what: str, user: SignedIn, services: Services,
    subject: Annotated[str, Form(max_length=255)] = "", version: Annotated[int, Form()] = 0,
    reason: Reason = "", base: Base = 0,
) -> Response:  # fmt: skip
    """Disable, enable, reset password or second factor, end all sessions, bring back what it was, name who it is at the
    provider."""
    _not_oneself(user, login)
    if await Users(services.database, services.clock).get(login) is None:
        raise HTTPException(404, "没有找到")
    try:
        return await _act(request, user, services, login, what, subject, version, reason, base)
    except HeyiError as error:
        return await _one(request, user, services, login, error=error)


async def _act(
    request: Request, user: User, services: DeskServices, login: str, what: str, subject: str, version: int,
    reason: str, base: int,
) -> Response:  # fmt: skip
    """:class:`HeyiError` for what cannot be."""
    users, auth = Users(services.database, services.clock), auth_of(request)
    match what:
        case "disable":
            await users.disable(login, services.clock.now(), _by(request, user, _required(reason)), base)
        case "enable":
            await users.enable(login, _by(request, user, _required(reason)), base)
        case "password":
            password = secrets.token_urlsafe(12)
            await users.set_password(login, password, _by(request, user))
            return await _one(request, user, services, login, secret=password)
        case "factor":
            await auth.factors.remove(login, by=user.login, address=address_of(request))
            return RedirectResponse(f"/users/{login}?done=1", 303)
        case "sessions":
            await auth.sessions.end_others(login, but=0, by=user.login, address=address_of(request))
            return RedirectResponse(f"/users/{login}?done=1", 303)
        case "restore":
            wanted = next((each for each in await users.versions(login) if each.id == version), None)
            if wanted is None:
                raise HTTPException(404, "没有找到")
            place = (wanted.extension or "", wanted.department or "")
            # What was sound then may not be now: its desk or department can be gone.
            person = person_of(services.city, login, wanted.name, wanted.role, *place, "unchanged")
            by = _by(request, user, _required(reason))
            await users.change(person, by, disabled=wanted.disabled, based_on=base)
        case "identity" if auth.provider is not None:
            await auth.links.link(login, subject.strip(), by=user.login, address=address_of(request))
            return RedirectResponse(f"/users/{login}?done=1", 303)
        case _:
            raise HTTPException(404, "没有找到")
    return RedirectResponse(f"/users/{login}?done=1", 303)


def _not_oneself(user: User, login: str) -> None:
    """Nobody gives himself rights, or locks the last administrator out by a slip."""
    if user.login == login:
        raise HTTPException(403, "不能修改自己的账号，请由另一名管理员操作")


def _by(request: Request, user: User, reason: str = "") -> By:
    return By(user.login, address_of(request), reason)


def _required(reason: str) -> str:
    if not reason.strip():
        raise HeyiError("请填写修改原因")
    return reason.strip()


def _shown(row: UserRow, views: Views) -> dict[str, Any]:
    return {
        "login": row.login, "name": row.name, "role": row.role,
        "role_name": views.text(ROLE_NAMES[cast(Role, row.role)]), "extension": row.extension or "",
        "department": row.department or "", "area": views.department_name(row.department) if row.department else "",
        "disabled_at": row.disabled_at,
    }  # fmt: skip


def _choices(city: City, views: Views) -> dict[str, Any]:
    known = (*city.departments, *city.derived.values())
    return {
        "roles": [(key, views.text(name)) for key, name in ROLE_NAMES.items()],
        "desks": [(desk.extension, f"{desk.extension} {desk.name}") for desk in city.desks if desk.kind != "robot"],
        "areas": sorted(
            ((each.id, views.department_name(each.id)) for each in known), key=lambda one: by_name(one[1])
        ),
    }  # fmt: skip


async def _page(
    request: Request, user: User, services: DeskServices, *, q: str = "", done: str = "", error: str = "",
    secret: tuple[str, str] | None = None,
) -> Response:  # fmt: skip
    auth, views = auth_of(request), Views(services.city, language_of(request))
    rows = await Users(services.database).rows()
    counts, factors = await auth.sessions.counts(), await auth.factors.all_on()
    shown = [_shown(row, views) for row in rows]
    wanted = q.strip().lower()
    return page(
        request,
        "users.html",
        400 if error else 200,
        me=user,
        q=q,
        done=bool(done),
        error=views.text(error),
        secret=secret,
        rows=[
            {**row, "sessions": counts.get(row["login"], 0), "factor": row["login"] in factors}
            for row in shown
            if not wanted or any(wanted in str(row[key]).lower() for key in ("login", "name", "role_name", "area"))
        ],
        **_choices(services.city, views),
    )


async def _one(
    request: Request, user: User, services: DeskServices, login: str, *, done: bool = False,
    error: HeyiError | None = None, entered: Mapping[str, str] | None = None, secret: str = "",
) -> Response:  # fmt: skip
    """``entered``: what the person wrote and may go on with."""
    auth, views = auth_of(request), Views(services.city, language_of(request))
    async with services.database.read() as session:
        row = await session.get(UserRow, login)
    if row is None:
        raise HTTPException(404, "没有找到")

    def words(field: str, value: object) -> str:
        match field:
            case "role":
                return views.text(ROLE_NAMES[cast(Role, value)])
            case "department":
                return views.department_name(str(value)) if value else ""
            case "disabled":
                return views.text("已停用" if value else "正常")
            case _:
                return str(value or "")

    users = Users(services.database)
    names, versions = await users.names(), await users.versions(login)
    return page(
        request,
        "user.html",
        409 if isinstance(error, Stale) else 400 if error else 200,
        me=user,
        own=user.login == login,
        done=done,
        error=views.text(error.message) if error else "",
        secret=secret,
        row=_shown(row, views),
        entered={**_shown(row, views), "reason": "", **(entered or {})},
        base=versions[0].id if versions else 0,
        factor=await auth.factors.standing(login),
        subject=await auth.links.subject_of(login) if auth.provider is not None else None,
        sessions=[
            {"browser": named(s.browser), "address": s.address, "made_at": s.made_at, "seen_at": s.seen_at}
            for s in await auth.sessions.of_login(login)
        ],
        steps=[(step, names.get(step.by, step.by)) for step in steps(versions, words)],
        **_choices(services.city, views),
    )
