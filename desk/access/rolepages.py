"""The page of rights: which role may do what, and why, as the table says it. Nothing is changed here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from desk.access.auth import SignedIn
from desk.access.table import ACTIONS, ROLE_NAMES
from desk.access.whys import WHYS
from desk.context import services_of
from desk.i18n import language_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]


@router.get("/roles")
async def roles(request: Request, user: SignedIn, services: Services) -> Response:
    """Actions down, roles across."""
    views = Views(services.city, language_of(request))
    rows: list[dict[str, Any]] = [
        {
            "key": action.key,
            "name": views.text(action.name),
            "why": views.text(WHYS[action.key]),
            "may": [role in action.roles for role in ROLE_NAMES],
            "roles": [views.text(name) for role, name in ROLE_NAMES.items() if role in action.roles],
        }
        for action in ACTIONS
    ]
    return page(request, "roles.html", me=user, rows=rows, roles=[views.text(name) for name in ROLE_NAMES.values()])
