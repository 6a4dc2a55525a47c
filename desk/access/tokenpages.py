"""The administrator's page of tokens for programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from core.errors import HeyiError
from desk.access.auth import SignedIn, address_of, auth_of
from desk.access.table import BY_KEY, SCOPES
from desk.access.users import User, Users
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole

router = APIRouter(include_in_schema=False)
#: Tokens on the screen.
SHOWN = 500
Services = Annotated[DeskServices, Depends(services_of)]


@router.get("/tokens")
async def listing(request: Request, user: SignedIn, services: Services) -> Response:
    """All tokens, without what opens anything."""
    return await _page(request, user, services)


@router.post("/tokens")
async def make(
    request: Request,
    user: SignedIn,
    services: Services,
    login: Annotated[str, Form(max_length=60)],
    name: Annotated[str, Form(min_length=1, max_length=80)],
    days: Annotated[int, Form(ge=1, le=366)],
    scopes: Annotated[list[str] | None, Form(max_length=100)] = None,
) -> Response:
    """A new one, shown this once."""
    try:
        token = await auth_of(request).tokens.make(
            login, name, scopes or (), days, by=user.login, address=address_of(request)
        )
    except HeyiError as error:
        return await _page(request, user, services, error=error.message)
    return await _page(request, user, services, token=token)


@router.post("/tokens/{token_id}/revoke")
async def revoke(request: Request, token_id: Whole, user: SignedIn) -> Response:
    """It is over at once."""
    if not await auth_of(request).tokens.revoke(token_id, by=user.login, address=address_of(request)):
        raise HTTPException(404, "没有找到")
    return RedirectResponse("/tokens", 303)


async def _page(
    request: Request, user: User, services: DeskServices, *, token: str = "", error: str = ""
) -> Response:  # fmt: skip
    views = Views(services.city, language_of(request))
    now = services.clock.now()

    async def some(start: int, size: int) -> list[dict[str, Any]]:
        return [
            {"id": row.id, "name": row.name, "login": row.login, "made_at": row.made_at, "made_by": row.made_by,
             "until": row.until, "used_at": row.used_at, "over": row.revoked_at is not None or row.until <= now,
             "revoked": row.revoked_at is not None,
             "scopes": [views.text(BY_KEY[key].name) if key in BY_KEY else key for key in row.scopes]}
            for row in await auth_of(request).tokens.all(size, start)
        ]  # fmt: skip

    if wanted(request):
        return page(request, "tokens.html", me=user, rows=by_place(some))
    people = [row for row in await Users(services.database).rows() if row.disabled_at is None]
    return page(
        request,
        "tokens.html",
        400 if error else 200,
        me=user,
        token=token,
        error=views.text(error),
        people=[(row.login, row.name) for row in people],
        scopes=[(action.key, views.text(action.name)) for action in SCOPES],
        rows=await some(0, SHOWN),
    )
