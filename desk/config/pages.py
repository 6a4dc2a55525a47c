"""The administrator's pages: the city's files, changed with a difference seen first, a reason, and a way back."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from core.city import City
from core.cityfile import load_city
from core.errors import HeyiError
from core.yamlrows import NotRows
from desk.access.auth import SignedIn, address_of
from desk.access.users import User, Users
from desk.config import forms
from desk.config.catalogue import effective, is_flow, is_there, kind_of
from desk.config.checking import MOST, Told, Unfit, opening, tidy
from desk.config.diffs import merged
from desk.config.service import SavedMeanwhile, UnknownFile
from desk.config.shown import with_texts
from desk.config.views import (
    diff_view,
    faults_view,
    file_view,
    groups_view,
    table_view,
    title_of,
    version_view,
)
from desk.context import services_of
from desk.i18n import language_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from triage.questions import load_questions

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
Name = Annotated[str, Form(max_length=80)]
#: A form may be larger than the file in it: every character can take three.
_FORM = 4 * MOST


@router.get("/settings")
async def overview(
    request: Request, user: SignedIn, services: Services, saved: str = "", restarted: str = "", later: str = ""
) -> Response:
    """All files in their groups; what waits for a restart or for Asterisk."""
    room, views = services.configuration, Views(services.city, language_of(request))
    waiting = room.waiting()
    made = await asyncio.to_thread(opening, room.folder, services.exchange.fit if services.exchange else None)
    return page(
        request,
        "settings.html",
        me=user,
        saved=title_of(saved, views) if kind_of(saved) else "",
        restarted=bool(restarted),
        later=bool(later),
        groups=groups_view(room.folder, await room.standings(), waiting, await _names(services), views),
        waiting=[title_of(name, views) for name in waiting if _restarts(name)],
        left_out=faults_view(made.faults, "", views.language),
        pending=await _pending(services, None if made.folder.without else made.city),
    )


@router.get("/settings/file")
async def file(
    request: Request, user: SignedIn, services: Services, name: str = "", view: str = "", flow: str = "", like: str = ""
) -> Response:  # fmt: skip
    """One file to be changed: as a table where it has one, else as text. ``flow``: the flow of this name; where there
    is none yet, a new one, for a start with what ``like`` holds."""
    room, name = services.configuration, name or f"ivr/{flow.strip()}.yaml"
    try:
        base, text = await room.content(name)
        if not text and like:
            _, text = await room.content(like)
    except UnknownFile as error:
        raise HTTPException(404, error.message) from None
    return await _editor(request, user, services, name, base, text, as_text=view == "text")


@router.post("/settings/edit")
async def edit(request: Request, user: SignedIn, services: Services) -> Response:
    """Back to the editor with what was entered; from the table to the text and the other way."""
    form = await _form(request)
    name, base = _name(form), _base(form)
    try:
        text = _text(form, name)
    except NotRows:
        text = _one(form, "text")
    return await _editor(request, user, services, name, base, text, as_text=_one(form, "view") == "text")


@router.post("/settings/preview")
async def preview(request: Request, user: SignedIn, services: Services) -> Response:
    """What would be different, after the whole city was read with it; nothing is kept yet."""
    room, form = services.configuration, await _form(request)
    name, base = _name(form), _base(form)
    as_text = _one(form, "view") == "text"
    try:
        text = tidy(_text(form, name))
    except NotRows as rows:
        fault = Told(name, rows.line, str(rows) if rows.line else "表格无法写入此文件，请改用文本方式")
        return await _editor(request, user, services, name, base, _one(form, "text"), [fault], as_text=True)
    newest, before = await room.content(name)
    try:
        await room.check(name, text)
    except Unfit as unfit:
        return await _editor(request, user, services, name, base, text, unfit.faults, as_text=as_text)
    if newest != base:
        return await _conflict(request, user, services, name, base, text, as_text=as_text)
    if text == before:
        error = "内容没有变化，无需保存"
        return await _editor(request, user, services, name, base, text, error=error, as_text=as_text)
    return await _preview(request, user, services, name, base, text, as_text=as_text)


@router.post("/settings/save")
async def save(request: Request, user: SignedIn, services: Services) -> Response:
    """Keep it as a new version."""
    form = await _form(request)
    name, base, text = _name(form), _base(form), _one(form, "text")
    why, as_text = _one(form, "why")[:200], _one(form, "view") == "text"
    try:
        await services.configuration.save(
            name, text, base=base, who=user.login, why=why, address=address_of(request)
        )  # fmt: skip
    except SavedMeanwhile:
        return await _conflict(request, user, services, name, base, tidy(text), as_text=as_text, why=why)
    except Unfit as unfit:
        return await _editor(request, user, services, name, base, tidy(text), unfit.faults, as_text=as_text)
    except HeyiError as error:
        return await _preview(
            request, user, services, name, base, tidy(text), as_text=as_text, why=why, error=error.message
        )  # fmt: skip
    return await _kept(services, name)


@router.get("/settings/history")
async def history(
    request: Request, user: SignedIn, services: Services, name: str, a: Whole | None = None, b: Whole | None = None
) -> Response:  # fmt: skip
    """All versions of a file, and the difference of two; without numbers of the last two."""
    return await _history(request, user, services, name, a, b)


@router.post("/settings/restore")
async def restore(
    request: Request, user: SignedIn, services: Services, name: Name, number: Annotated[int, Form(ge=0, le=2**31 - 1)],
    base: Annotated[int, Form(ge=0, le=2**31 - 1)], why: Annotated[str, Form(max_length=200)] = "",
) -> Response:  # fmt: skip
    """An old version once more, as the newest."""
    room = services.configuration
    try:
        await room.restore(name, number, base=base, who=user.login, why=why, address=address_of(request))
    except Unfit as unfit:
        return await _history(request, user, services, name, base, number, faults=unfit.faults)
    except UnknownFile as error:
        raise HTTPException(404, error.message) from None
    except HeyiError as error:
        return await _history(request, user, services, name, None, number, error=error.message)
    return await _kept(services, name)


# --- what several of them do ------------------------------------------------------------------------------------------


async def _editor(
    request: Request, user: User, services: DeskServices, name: str, base: int, text: str,
    faults: list[Told] | None = None, *, as_text: bool, error: str = "",
) -> Response:  # fmt: skip
    views = Views(services.city, language_of(request))
    table = None if as_text else table_view(services, name, text, faults or [], views)
    return page(
        request,
        "settings_file.html",
        400 if faults or error else 200,
        me=user,
        file=file_view(name, views),
        base=base,
        text=text,
        removable=is_flow(name) and is_there(services.configuration.folder, name),
        table=table,
        faults=faults_view(faults or [], name, views.language),
        error=views.text(error),
    )


async def _preview(
    request: Request, user: User, services: DeskServices, name: str, base: int, text: str, *, as_text: bool,
    why: str = "", error: str = "",
) -> Response:  # fmt: skip
    views = Views(services.city, language_of(request))
    _, before = await services.configuration.content(name)
    return page(
        request,
        "settings_preview.html",
        400 if error else 200,
        me=user,
        file=file_view(name, views),
        base=base,
        text=text,
        view="text" if as_text else "",
        why=why,
        error=views.text(error),
        diff=diff_view(before, text, views.language),
        other=None,
    )


async def _conflict(
    request: Request, user: User, services: DeskServices, name: str, base: int, text: str, *, as_text: bool,
    why: str = "",
) -> Response:  # fmt: skip
    """Somebody else was quicker: what they changed, and what would now become of it."""
    room, views = services.configuration, Views(services.city, language_of(request))
    newest, theirs = await room.content(name)
    _, opened = await room.content(name, base)
    version = next((version for version in await room.versions(name) if version.number == newest), None)
    if version is None:
        raise HeyiError("页面已过期，请重新打开", hint=name)
    return page(
        request,
        "settings_preview.html",
        409,
        me=user,
        file=file_view(name, views),
        base=newest,
        text=text,
        view="text" if as_text else "",
        why=why,
        error="",
        diff=diff_view(theirs, text, views.language),
        other={
            **version_view(version, await _names(services)),
            "diff": diff_view(opened, theirs, views.language),
            "own": diff_view(opened, text, views.language),
            "both": merged(opened, theirs, text),
        },
    )


async def _history(
    request: Request, user: User, services: DeskServices, name: str, a: int | None, b: int | None, *,
    error: str = "", faults: list[Told] | None = None,
) -> Response:  # fmt: skip
    room, views = services.configuration, Views(services.city, language_of(request))
    try:
        versions = await room.versions(name)
        newest = versions[0].number if versions else 0
        first = max(newest - 1, 0) if a is None else a
        second = newest if b is None else b
        (_, before), (_, after) = await room.content(name, first), await room.content(name, second)
    except UnknownFile as unknown:
        raise HTTPException(404, unknown.message) from None
    names = await _names(services)
    return page(
        request,
        "settings_history.html",
        400 if error or faults else 200,
        me=user,
        file=file_view(name, views),
        versions=[version_view(version, names) for version in versions],
        newest=newest,
        a=first,
        b=second,
        diff=diff_view(before, after, views.language),
        came_with=diff_view((await room.content(name, 0))[1], room.came_with(name), views.language),
        error=views.text(error),
        faults=faults_view(faults or [], name, views.language),
    )


async def _kept(services: DeskServices, name: str) -> Response:
    """Back to the overview, with what pages may show at once shown from now on, or told that they do not."""
    room, taken = services.configuration, True
    try:
        services.city = with_texts(services.city, await asyncio.to_thread(load_city, room.folder))
        if name == "rules/questions.yaml":
            services.questions = load_questions(effective(room.folder, name))
    except HeyiError as error:
        # Another file is left out, which the overview tells; the texts stay those of the start.
        log.warning("a changed file is kept, and not on the pages yet", file=name, fault=error.message)
        taken = False
    return RedirectResponse(f"/settings?saved={name}" + ("" if taken else "&later=1"), 303)


async def _pending(services: DeskServices, city: City | None) -> Mapping[str, Any] | None:
    """Which files Asterisk would get anew; None without an Asterisk or a sound city."""
    if services.exchange is None or city is None:
        return None
    try:
        return {"files": sorted(await asyncio.to_thread(services.exchange.differences, city)), "error": ""}
    except HeyiError as error:
        return {"files": [], "error": str(error)}


async def _names(services: DeskServices) -> Mapping[str, str]:
    return await Users(services.database).names()


def _restarts(name: str) -> bool:
    kind = kind_of(name)
    return kind is not None and "restart" in kind.effects


async def _form(request: Request) -> Mapping[str, list[str]]:
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _FORM:
        raise HTTPException(413, "内容太大")
    sent = await request.form(max_fields=20_000, max_part_size=_FORM)
    return {key: [value for value in sent.getlist(key) if isinstance(value, str)] for key in sent}


def _one(form: Mapping[str, list[str]], name: str) -> str:
    return next(iter(form.get(name, ())), "")


def _name(form: Mapping[str, list[str]]) -> str:
    name = _one(form, "name")
    if kind_of(name) is None:
        raise HTTPException(404, "没有这个配置文件")
    return name


def _base(form: Mapping[str, list[str]]) -> int:
    base = _one(form, "base")
    if not base.isdecimal() or int(base) >= 2**31:
        raise HTTPException(422, "填写的内容不符合要求")
    return int(base)


def _text(form: Mapping[str, list[str]], name: str) -> str:
    """What was entered, whether as text or in the table."""
    text = _one(form, "text")
    return forms.taken(name, tidy(text), form) if _one(form, "table") and name in forms.FIELDS else text
