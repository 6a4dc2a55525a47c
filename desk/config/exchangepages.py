"""Asterisk's configuration from the page: what would change, tried in a scratch Asterisk, put in place."""

import asyncio
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from core.city import Line
from core.cityfile import load_city
from core.errors import CityFileError, HeyiError
from desk.access.auth import SignedIn, address_of
from desk.access.users import Users
from desk.config.applying import Applying
from desk.config.checking import Told
from desk.config.views import diff_view, faults_view, job_view
from desk.context import services_of
from desk.i18n import language_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]


@router.get("/settings/asterisk")
async def asterisk(request: Request, user: SignedIn, services: Services) -> Response:
    """What Asterisk would get anew, and how the last check or apply went."""
    views, applying = Views(services.city, language_of(request)), _applying(request)
    folder = services.configuration.folder
    files: list[dict[str, Any]] = []
    faults: list[Told] = []
    error, unknown = "", list[str]()
    try:
        city = await asyncio.to_thread(load_city, folder)
        unknown = [line.number for line in city.lines if _answered(line) != _answered(services.city.line(line.number))]
        if services.exchange is not None:
            found = await asyncio.to_thread(services.exchange.differences, city)
            files = [
                {"name": name, **diff_view(now, then, views.language)} for name, (now, then) in sorted(found.items())
            ]
    except CityFileError as wrong:
        faults = [Told(folder.name_of(fault.file), fault.line, fault.text) for fault in wrong.faults]
    except HeyiError as wrong:
        error = str(wrong)
    return page(
        request,
        "settings_asterisk.html",
        me=user,
        unknown=unknown,
        there=applying is not None,
        files=files,
        faults=faults_view(faults, "", views.language),
        error=error,
        job=await _job(services, applying, views),
    )


@router.post("/settings/asterisk/check")
async def check(request: Request, user: SignedIn) -> Response:
    """Try it in a scratch Asterisk; nothing that runs is touched."""
    return _begin(request, user.login, apply=False)


@router.post("/settings/asterisk/apply")
async def apply(request: Request, user: SignedIn) -> Response:
    """Try it, and where Asterisk has no complaint, put it in place."""
    return _begin(request, user.login, apply=True)


def _answered(line: Line | None) -> tuple[object, ...]:
    """What this process goes by when a call of the line comes: until it starts anew, as it found it."""
    return (line.kind, line.priority, line.group, line.department) if line else ()


@router.get("/api/settings/asterisk")
async def state(request: Request, user: SignedIn, services: Services) -> dict[str, Any]:
    """How far a check or an apply is."""
    views = Views(services.city, language_of(request))
    return {"job": await _job(services, _applying(request), views)}


async def _job(services: DeskServices, applying: Applying | None, views: Views) -> dict[str, Any] | None:
    if applying is None or applying.job is None:
        return None
    return job_view(applying.job, await Users(services.database).names(), views)


def _begin(request: Request, login: str, *, apply: bool) -> Response:
    applying = _applying(request)
    if applying is None:
        raise HeyiError("本机没有接入 Asterisk")
    applying.begin(apply=apply, by=login, address=address_of(request))
    return RedirectResponse("/settings/asterisk", 303)


def _applying(request: Request) -> Applying | None:
    return cast(Applying | None, request.app.state.applying)
