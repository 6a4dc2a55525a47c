"""The page 现场 for phones: its shell, manifest and service worker; what it shows comes from :mod:`.fieldapi`."""

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from desk.access.auth import SignedIn
from desk.context import services_of
from desk.i18n import language_of, translate
from desk.render import STATIC, page, static_url
from desk.services import DeskServices
from desk.views import Views
from ticketing.patrol.wishes import MAX_TEXT

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
#: The worker serves what lies below this, and nothing else of the desk.
SCOPE = "/field/"
_WORKER = STATIC / "dist" / "field" / "worker.js"
#: What the page needs without a network.
_ASSETS = (
    *("tokens.css", "dark.css", "heyi.css", "sizes.css", "field.css", "icon.svg", "field-192.png"),
    *("dist/look.js", "dist/field/page.js"),
)


@router.get("/field")
async def short() -> Response:
    return RedirectResponse(SCOPE, 303)


@router.get(SCOPE)
async def shell(request: Request, user: SignedIn, services: Services) -> Response:
    """The page without anything of anybody in it: a phone keeps it for when there is no network."""
    if not user.staff:
        raise HTTPException(403, "本页供部门和网格人员在现场使用")
    choices = Views(services.city, language_of(request)).choices()
    groups = [group for group in choices["groups"] if not group["emergency"]]
    setup = {"max_text": MAX_TEXT, "shift_h": services.settings.session_hours, "scope": SCOPE}
    return page(request, "field.html", groups=groups, setup=setup)


@router.get(f"{SCOPE}worker.js")
async def worker() -> Response:
    """The service worker; it changes when anything that it keeps does."""
    if not _WORKER.is_file():
        raise HTTPException(404, "没有找到")
    assets = [static_url(name) for name in _ASSETS]
    script = _WORKER.read_text(encoding="utf-8")
    version = hashlib.sha256(json.dumps([assets, script]).encode()).hexdigest()[:12]
    kept = f"self.KEPT={json.dumps({'version': version, 'assets': assets})};\n"
    # Asked anew each time: an old worker would keep an old page alive.
    return Response(kept + script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get(f"{SCOPE}manifest.webmanifest")
async def manifest(request: Request, services: Services) -> Response:
    """What a phone needs to put the page among its own programs."""
    language, profile = language_of(request), services.city.profile
    name = translate(language, "合一现场")
    told: dict[str, Any] = {
        "id": SCOPE,
        "name": f"{name} · {profile.name if language == 'zh' else profile.name_en}",
        "short_name": name,
        "lang": "zh-CN" if language == "zh" else "en",
        "start_url": SCOPE,
        "scope": SCOPE,
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#12395b",
        "icons": [
            {"src": static_url("icon.svg"), "type": "image/svg+xml", "sizes": "any"},
            *(
                {"src": static_url(f"field-{size}.png"), "type": "image/png", "sizes": f"{size}x{size}", "purpose": use}
                for size in (192, 512)
                for use in ("any", "maskable")
            ),
        ],
    }
    return Response(
        json.dumps(told, ensure_ascii=False), media_type="application/manifest+json",
        headers={"Cache-Control": "no-cache"},
    )  # fmt: skip
