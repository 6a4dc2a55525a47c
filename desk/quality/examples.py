"""The library of good examples (优秀案例): found, read and heard by whoever takes calls; who listened is counted."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from asr.record import transcripts
from core.audit import note
from core.errors import NotAllowed
from desk.access.auth import SignedIn, address_of, role_required
from desk.access.users import User, Users
from desk.calls.calllist import clock
from desk.calls.hearing import heard, note_listening, sound_of
from desk.calls.searchpage import SPEAKERS
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.quality.clips import Second
from desk.quality.reviewpage import Room
from desk.quality.tabs import tabs_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from quality.listening import examples, private
from quality.listening.clips import bounds
from quality.listening.masked import hide
from quality.listening.picture import Span
from quality.listening.tables import ExampleListening, PrivatePart
from telephony import ledger

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
Trained = Annotated[User, role_required("agent", "reviewer", "supervisor")]
Ok = dict[str, Any]
#: Seconds of an example.
_LONGEST_S = 3600.0


class ExampleBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    from_s: Second
    to_s: Second
    category: Annotated[str, Field(max_length=20)]
    title: Annotated[str, Field(max_length=80)]
    why: Annotated[str, Field(max_length=2000)]


@router.post("/api/reviews/{review_id}/examples")
async def add(
    request: Request, review_id: str, body: ExampleBody, user: SignedIn, services: Services, room: Room
) -> Ok:
    """Put a stretch of the reviewed call into the library; refused while a number can be read in it."""
    if user.role not in ("reviewer", "supervisor"):
        raise NotAllowed("您没有此项权限")
    review = await room.get(review_id, user.actor())
    if user.role == "reviewer" and (review.reviewer != user.login or review.state == "assigned"):
        raise NotAllowed("只有正在评分的质检员可以这样做")
    sound = await sound_of(services, review.call_id)
    within, now = bounds(body.from_s, body.to_s, sound.shape.seconds, _LONGEST_S), services.clock.now()
    async with services.database.work() as work:
        parts = await private.of_calls(work.session, [review.call_id])
        said = await _said(work.session, review.call_id, within, parts)
        row = await examples.add(
            work.session, review.call_id, within, category=body.category, title=body.title, why=body.why,
            by=user.login, at=now, texts=[text for _leg, _second, text in said],
        )  # fmt: skip
        note(work.session, at=now, who=user.login, what="example", call_id=review.call_id,
             address=address_of(request), detail=f"{row.id} {row.title}")  # fmt: skip
    return {"id": row.id, "title": row.title, "from_s": row.from_s, "to_s": row.to_s}


@router.post("/api/examples/{example_id}/remove")
async def remove(request: Request, example_id: str, user: Trained, services: Services) -> Ok:
    """Take one out of the library: whoever put it in, or a supervisor."""
    now = services.clock.now()
    async with services.database.work() as work:
        row = await examples.get(work.session, example_id)
        if row is None:
            raise HTTPException(404, "没有找到")
        if user.role != "supervisor" and row.by != user.login:
            raise NotAllowed("您没有此项权限")
        row.removed_by, row.removed_at = user.login, now
        note(work.session, at=now, who=user.login, what="example_removed", call_id=row.call_id,
             address=address_of(request), detail=f"{row.id} {row.title}")  # fmt: skip
    return {"ok": True}


@router.get("/examples", include_in_schema=False)
async def library(request: Request, user: Trained, services: Services, q: str = "", category: str = "") -> Response:
    """What others did well, the latest first."""
    views, words = Views(services.city, language_of(request)), q.strip()[:100]
    chosen = category if category in examples.CATEGORIES else ""
    names = await Users(services.database).names()
    if wanted(request):

        async def some(start: int, size: int) -> Sequence[examples.Shelved]:
            async with services.database.read() as session:
                return await examples.found(session, words, chosen, size, start)

        return page(
            request, "quality/examples.html", me=user, found=by_place(some), categories=examples.CATEGORIES, names=names
        )  # fmt: skip
    async with services.database.read() as session:
        found = await examples.found(session, words, chosen)
        calls = {one.row.call_id for one in found}
        rows = {row.id: row for row in await ledger.calls(session, sorted(calls))}
    return page(
        request, "quality/examples.html", me=user, found=found, calls=rows, views=views, q=words, category=chosen,
        categories=examples.CATEGORIES, names=names, clock=clock, most=examples.PAGE,
        tabs=tabs_of(user.role),
    )  # fmt: skip


@router.get("/examples/{example_id}", include_in_schema=False)
async def one(request: Request, example_id: str, user: Trained, services: Services) -> Response:
    """One example: its sound, what is said in it, and why it is good. Without what is private, for everybody."""
    views = Views(services.city, language_of(request))
    async with services.database.read() as session:
        row = await examples.get(session, example_id)
        if row is None:
            raise HTTPException(404, "没有找到")
        call = await ledger.call(session, row.call_id)
        parts = await private.of_calls(session, [row.call_id])
        said = await _said(session, row.call_id, (row.from_s, row.to_s), parts)
    return page(
        request, "quality/example.html", me=user, row=row, call=call, views=views, clock=clock,
        categories=examples.CATEGORIES, names=await Users(services.database).names(), speakers=SPEAKERS,
        now=services.clock.now(), said=[(leg, second - row.from_s, text) for leg, second, text in said],
        removable=user.role == "supervisor" or row.by == user.login,
    )  # fmt: skip


@router.get("/examples/{example_id}/recording", include_in_schema=False)
async def recording(request: Request, example_id: str, user: Trained, services: Services) -> Response:
    """Its sound, by ranges, without what is private. Every listening is counted and leaves a trace."""
    async with services.database.read() as session:
        row = await examples.get(session, example_id)
        if row is None:
            raise HTTPException(404, "没有找到")
        parts = await private.of_calls(session, [row.call_id])
    sound = await sound_of(services, row.call_id)
    if await note_listening(request, user, services, row.call_id, f"example={example_id}"):
        async with services.database.work() as work:
            work.session.add(ExampleListening(example_id=example_id, who=user.login, at=services.clock.now()))
    return heard(request, sound, private.spans(parts), (row.from_s, row.to_s))


async def _said(
    session: AsyncSession, call_id: str, within: Span, parts: Sequence[PrivatePart]
) -> list[tuple[str, float, str]]:
    """Side, second of the recording and text of what is said in a stretch, without what is private."""
    hidden = private.by_utterance(parts)
    call = await ledger.call(session, call_id)
    found = []
    for row in await transcripts.of_call(session, call_id):
        second = transcripts.second_of(row, call)
        if second < within[1] and second + row.end_s - row.start_s > within[0]:
            found.append((row.leg, second, hide(row.text, hidden.get(row.id, ()))))
    return found
