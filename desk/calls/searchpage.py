"""Search over all transcripts: who said it, when, and a way to the second of the recording."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response

from asr.record.grams import marked, phrases
from asr.record.search import PAGE, Beside, Hit, Wanted, page
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_hear, may_hear_private, may_search
from desk.access.users import User
from desk.calls.calllist import DIRECTIONS, clock, moment
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_mark
from desk.listexport import wanted as as_file
from desk.live import desks_ever
from desk.render import page as rendered
from desk.services import DeskServices
from desk.views import Views
from quality.listening import private
from quality.listening.masked import hide
from quality.listening.tables import PrivatePart

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
#: Private parts by utterance.
Parts = Mapping[str, Sequence[PrivatePart]]

SPEAKERS = {"caller": "来电人", "agent": "坐席", "third": "第三方"}
_NAMES = ("q", "line", "agent", "leg", "from", "to")
#: Characters of what stands beside a hit.
_BESIDE = 60


@router.get("/search")
async def search(request: Request, user: SignedIn, services: Services, before: str = "") -> Response:
    """Utterances that say what was asked for, the latest first. Call takers search the calls of their own desk."""
    if not may_search(user):
        raise HTTPException(403, "您没有此项权限")
    fields = {name: request.query_params.get(name, "").strip()[:100] for name in _NAMES}
    if user.role == "agent":
        fields["agent"] = user.extension or "-"
    if fields["leg"] and fields["leg"] not in SPEAKERS:
        raise HTTPException(422, "查询条件不符合要求")
    zone = ZoneInfo(services.city.profile.timezone)
    words = phrases(fields["q"])
    wanted = Wanted(
        phrases=words,
        line=fields["line"],
        desk=fields["agent"],
        leg=fields["leg"],
        start=moment(fields["from"], zone, ends=False),
        end=moment(fields["to"], zone, ends=True),
    )
    place = int(before) if before.isascii() and before.isdigit() and len(before) < 20 else None
    views = Views(services.city, language_of(request))
    if words:
        asked = " ".join(f"{name}={value}" for name, value in fields.items() if value)
        await audit(request, user.login, "search", detail=asked)

    async def some(before: int | None) -> tuple[list[dict[str, Any]], int | None]:
        """A page from there on, as far as this person may read it, and where the next begins."""
        parts: Parts = {}
        async with services.database.read() as session:
            hits = await page(session, wanted, before, PAGE + 1)
            if not may_hear_private(user):
                parts = private.by_utterance(await private.of_calls(session, {hit.utterance.call_id for hit in hits}))
        shown = [
            hit_view(hit, wanted, views, parts)
            for hit in hits[:PAGE]
            if readable(hit, words, parts) and await _allowed(services, user, hit)
        ]
        return shown, hits[PAGE - 1].place if len(hits) > PAGE else None

    if as_file(request):
        return rendered(request, "search.html", me=user, hits=by_mark(some) if words else ())
    hits, more = await some(place) if words else ([], None)
    return rendered(
        request,
        "search.html",
        me=user,
        fields=fields,
        words=words,
        shown={name: _as_shown(fields[name], zone, ends=name == "to") for name in ("from", "to")},
        hits=hits,
        next=_address(fields, before=str(more)) if more is not None else "",
        first=_address(fields) if place is not None else "",
        lines=[(line.number, f"{line.number} {views.line_name(line.number)}") for line in services.city.lines],
        desks=[(d.extension, f"{d.extension} {d.name}") for d in services.city.desks if d.kind != "robot"],
        speakers=[(key, views.text(name)) for key, name in SPEAKERS.items()],
    )


def readable(hit: Hit, words: Sequence[str], parts: Parts) -> bool:
    """Whether what was asked for stands outside the private parts: that it was found would tell what they are."""
    hidden = parts.get(hit.utterance.id)
    return not hidden or all(
        any(lit for _, lit in marked(hide(hit.utterance.text, hidden), (phrase,))) for phrase in words
    )


async def _allowed(services: DeskServices, user: User, hit: Hit) -> bool:
    """The query has asked for the person's own calls already; whether they may be heard is decided in one place."""
    if user.role == "supervisor":
        return True
    return may_hear(user, await desks_ever(services, hit.utterance.call_id), None)


def _address(fields: Mapping[str, str], **more: str) -> str:
    return f"/search?{urlencode({name: value for name, value in {**fields, **more}.items() if value})}"


def _as_shown(text: str, zone: ZoneInfo, *, ends: bool) -> str:
    at = moment(text, zone, ends=ends)
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}" if at else ""


def hit_view(hit: Hit, wanted: Wanted, views: Views, parts: Parts) -> dict[str, Any]:
    """A hit in words, without its private ``parts``; ``pieces`` of its text, and whether they were asked for."""
    call, said = hit.call, hit.utterance
    return {
        "utterance_id": said.id,
        "call_id": said.call_id,
        "at": hit.at,
        "second_s": hit.second_s,
        "clock": clock(hit.second_s),
        "leg": said.leg,
        "speaker": views.text(SPEAKERS.get(said.leg, said.leg)),
        "pieces": marked(hide(said.text, parts.get(said.id, ())), wanted.phrases),
        "before": _beside(hit.before, views, parts),
        "after": _beside(hit.after, views, parts),
        "line": call.line if call else "",
        "line_name": views.line_name(call.line) if call else "",
        "direction": views.text(DIRECTIONS.get(call.direction, call.direction)) if call else "",
        "caller": call.caller if call else "",
        "agent": call.agent if call else "",
        "agent_name": views.desk_name(call.agent) if call and call.agent else "",
        "recorded": bool(call and call.recording),
    }


def _beside(row: Beside | None, views: Views, parts: Parts) -> dict[str, str] | None:
    if row is None:
        return None
    whole = hide(row.text, parts.get(row.id, ()))
    text = whole if len(whole) <= _BESIDE else whole[:_BESIDE] + "…"
    return {"speaker": views.text(SPEAKERS.get(row.leg, row.leg)), "text": text}
