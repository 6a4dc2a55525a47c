"""Whether the city's lines work, for the wallboard; figures of the house, for monitoring."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import PlainTextResponse

from core.metrics import CONTENT_TYPE, exposition
from desk.access.auth import Auth, SignedIn, address_of
from desk.access.table import holds
from desk.context import services_of
from desk.i18n import language_of, translate
from desk.services import DeskServices
from switchboard.health import DISK, TRUNK, LineCheck, latest

router = APIRouter()
_HERE = frozenset({"127.0.0.1", "::1"})
_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-real-ip", "via"})
Services = Annotated[DeskServices, Depends(services_of)]
Supervisor = SignedIn


@router.get("/api/health/lines")
async def lines(request: Request, _user: Supervisor, services: Services) -> list[dict[str, Any]]:
    """Trunk, recordings' disk and every line. ``ok`` is null where nobody has checked yet; ``why``: what fails."""
    language = language_of(request)
    async with services.database.read() as session:
        checks = await latest(session)
    found = []
    for key, what in ((TRUNK, "中继"), (DISK, "录音磁盘")):
        name = translate(language, what)
        found.append({"line": name, "name": name, **_state(checks.get(key))})
    for line in services.city.lines:
        name = line.name_en if language == "en" else line.name
        found.append({"line": line.number, "name": name, **_state(checks.get(line.number))})
    for row in found:
        row["why"] = translate(language, str(row["why"]))
    return found


@router.get("/metrics")
async def metrics(request: Request, services: Services) -> PlainTextResponse:
    """For Prometheus on this machine, which cannot sign in, and for supervisors."""
    auth: Auth = request.app.state.auth
    # Behind a proxy everybody comes from here.
    here = address_of(request) in _HERE and _FORWARDED.isdisjoint(request.headers.keys())
    if not here:
        user = await auth.user_of(request)
        if user is None or user.role != "supervisor" or not holds(user, "health"):
            raise HTTPException(403, "您没有此项权限")
    return PlainTextResponse(exposition(await services.metrics()), media_type=CONTENT_TYPE)


def _state(check: LineCheck | None) -> dict[str, Any]:
    if check is None:
        return {"ok": None, "why": "", "detail": "", "at": None, "took_s": None}
    return {
        "ok": check.ok, "why": check.why, "detail": check.detail, "at": check.at.isoformat(), "took_s": check.took_s
    }  # fmt: skip
