"""Templates: one environment for each language, everything escaped."""

import hashlib
import json
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from desk.access.table import may
from desk.context import services_of
from desk.i18n import COOKIE, Language, language_of, messages_json, translate
from desk.listcatalogue import SHEETS
from desk.listexport import ListExport, address, wanted
from desk.looks import YEAR_S, looks_of, remember
from desk.navigation import in_bar, in_menu

_HERE = Path(__file__).parent
STATIC = _HERE / "static"


@cache
def environment(language: Language) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        _=lambda text: translate(language, text),
        static=static_url,
        lang=language,
        in_bar=in_bar,
        in_menu=in_menu,
        may=may,
    )
    made.filters["data"] = _data
    return made


def _data(value: Any) -> Markup:
    """JSON for a ``<script type="application/json">``: no ``<`` can end the element."""
    text = json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
    return Markup(text)  # noqa: S704  the two characters that matter in a script element are escaped above


@cache
def _digest(file: Path, _changed: float) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def static_url(name: str) -> str:
    """Address of a static file; it changes with the content, so that browsers may keep the file for ever."""
    file = STATIC / name
    if not file.is_file():
        return f"/static/{name}"
    return f"/static/{name}?v={_digest(file, file.stat().st_mtime)}"


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A rendered page in the reader's language and look. ``?lang=``, ``?look=`` and ``?letters=`` are remembered.

    A list that is asked for with ``?xlsx=1`` is an Excel file instead.
    """
    services = services_of(request)
    language, looks = language_of(request), looks_of(request)
    zone = ZoneInfo(services.city.profile.timezone)
    sheet = SHEETS.get(template)
    if sheet and wanted(request):
        return ListExport(request, sheet, values, zone, partial(translate, language))

    def local(moment: str | datetime | None, form: str = "%m-%d %H:%M:%S") -> str:
        if not moment:
            return ""
        at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return at.astimezone(zone).strftime(form)

    profile = services.city.profile
    # A part that htmx asks for goes into a page that has them.
    messages = "{}" if "hx-request" in request.headers else messages_json(language)
    text = environment(language).get_template(template).render(
        messages=Markup(messages),  # noqa: S704  our own catalogue, "<" escaped
        city=profile.name if language == "zh" else profile.name_en,
        timezone=profile.timezone,
        path=request.url.path,
        looks=looks,
        as_sheet=address(request) if sheet else "",
        local=local,
        **values,
    )  # fmt: skip
    response = HTMLResponse(text, status, headers={"Cache-Control": "no-store"})
    if request.query_params.get(COOKIE) == language:
        response.set_cookie(COOKIE, language, max_age=YEAR_S, samesite="lax", path="/")
    remember(request, response, looks)
    return response
