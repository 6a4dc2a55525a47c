"""The pages of a reviewer: what there is to review, and one review with its sound, transcript and scorecard."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from asr.record import corrections
from core.audit import AuditEntry
from core.city_scorecards import Scorecard
from desk.access.auth import SignedIn, role_required
from desk.access.users import User, Users
from desk.api import Cases
from desk.calls.calllist import clock
from desk.calls.hearing import heard, note_listening, private_spans, sound_of
from desk.context import services_of
from desk.i18n import language_of
from desk.quality import reviewviews as views
from desk.quality.people import Named
from desk.quality.tabs import tabs_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views, stamp
from quality.listening import clips, examples, private
from quality.listening.masked import hide_evidence
from quality.listening.tables import Clip, PrivatePart
from quality.reviews import drafts
from quality.reviews.listing import to_do
from quality.reviews.service import Reviews, history, scores
from quality.reviews.states import ACTION_NAMES, STATE_NAMES
from quality.reviews.tables import Review, ReviewScore
from quality.scorecards import versions
from telephony import ledger
from ticketing.clocks.calendar import WorkCalendar

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
#: Listenings of a call that are shown.
_HEARD = 20


def reviews_of(request: Request) -> Reviews:
    """The reviews of this site."""
    return services_of(request).reviews


Room = Annotated[Reviews, Depends(reviews_of)]
Reviewer = Annotated[User, role_required("reviewer")]


def hears_all(user: User) -> bool:
    """Whoever judges a call hears it as it was; its call taker, like everybody else, without what is private."""
    return user.role in ("reviewer", "supervisor")


def must_have_begun(review: Review, user: User) -> None:
    """403 for a reviewer who has not opened the call yet: what is heard and read counts from then on."""
    if review.state == "assigned" and review.reviewer == user.login:
        raise HTTPException(403, "请先开始评分")


@router.get("/reviews")
async def mine(request: Request, user: Reviewer, services: Services) -> Response:
    """A reviewer's own reviews, what is due first at the top."""
    now, calendar = services.clock.now(), WorkCalendar(services.city.calendar, services.city.profile.timezone)
    shown = Views(services.city, language_of(request))
    async with services.database.read() as session:
        rows = await to_do(session, user.login)
        calls = {row.id: row for row in await ledger.calls(session, [row.call_id for row in rows])}
    listed = [views.row_view(row, now, calendar) for row in rows]
    return page(
        request, "quality/reviews.html", me=user, who=Named(await Users(services.database).names(), shown), calls=calls,
        views=shown, rows=listed, late=sum(row["late"] for row in listed), why_names=views.WHY_NAMES, clock=clock,
        tabs=tabs_of(user.role),
    )  # fmt: skip


@router.get("/reviews/{review_id}")
async def one(
    request: Request, review_id: str, user: SignedIn, services: Services, room: Room, cases: Cases
) -> Response:
    """One review: whoever has it works on it, whoever may see it reads it."""
    review = await room.get(review_id, user.actor())
    may = await room.actions(review_id, user.actor())
    own = review.reviewer == user.login
    editable = own and review.state == "in_review"
    begun = user.role != "reviewer" or not own or review.state != "assigned"
    judge = user.role in ("reviewer", "supervisor")
    # Neither the call taker nor whoever decides an appeal is told who scored.
    signed = own or user.role == "supervisor"
    language, now = language_of(request), services.clock.now()
    shown = Views(services.city, language)
    transcript = await cases.transcript(review.call_id, whole=hears_all(user)) if begun else []
    verdict = await services.verdicts.latest(review.call_id)
    async with services.database.read() as session:
        call = await ledger.call(session, review.call_id)
        card, given, draft = await _filled(session, room, review, user, editable=editable)
        said = await views.checked(session, review.call_id) if judge and begun else None
        corrected = await corrections.of_call(session, review.call_id)
        parts = await private.of_calls(session, [review.call_id])
        cut = await clips.of_review(session, review_id)
        good = await examples.of_call(session, review.call_id)
        steps = await history(session, review_id) if signed else []
        listened = await _listened(session, review.call_id) if user.role == "supervisor" else []
    names = await Users(services.database).names()
    entered = _entered(draft, given)
    if not hears_all(user):
        entered["evidence"] = hide_evidence(entered["evidence"], private.by_utterance(parts))
    setup = {
        "id": review_id, "call": review.call_id, "state": review.state, "editable": editable, "may": list(may),
        "lead": user.role == "supervisor", "version": draft.version if draft else 0, "tab": secrets.token_hex(8),
        "card": views.card_view(card, language), "proposals": views.proposals(card, said, shown) if editable else {},
        "entered": entered, "marks": views.marks(said, transcript, verdict if judge else None, shown) if begun else [],
        "clips": [clip_view(row, names) if signed else _unsigned(row) for row in cut],
        "private": [part_view(row, names) for row in parts if signed],
        "good": [{"id": row.id, "title": row.title, "from_s": row.from_s, "to_s": row.to_s} for row in good],
        "listener": {"name": user.name, "login": user.login}, "nonce": secrets.token_urlsafe(12), "me": user.login,
        **views.running(card, entered["answers"]),
    }  # fmt: skip
    request.state.style_nonce = setup["nonce"]
    return page(
        request, "quality/review.html", me=user, signed=signed, review=review, setup=setup, call=call, begun=begun,
        transcript=transcript, corrected=corrected, names=names, may=may, actions=ACTION_NAMES, states=STATE_NAMES,
        clock=clock, may_correct=editable or user.role == "supervisor", steps=steps, listened=listened,
        line=shown.line_name(call.line) if call else "", now=stamp(now), at=now,
        own=own, judge=judge, card=setup["card"], categories=examples.CATEGORIES, who=Named(names, shown),
        late=review.due_at is not None and review.due_at < now and review.state in ("assigned", "in_review"),
        flags=_flags(setup["marks"]),
    )  # fmt: skip


@router.get("/reviews/{review_id}/recording")
async def recording(request: Request, review_id: str, user: SignedIn, services: Services, room: Room) -> Response:
    """The call's sound for its review, by ranges. The trace says for which review somebody listened."""
    review = await room.get(review_id, user.actor())
    must_have_begun(review, user)
    sound = await sound_of(services, review.call_id)
    spans = () if hears_all(user) else await private_spans(services, review.call_id)
    await note_listening(request, user, services, review.call_id, f"review={review_id}")
    return heard(request, sound, spans)


def clip_view(row: Clip, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.id, "from_s": row.from_s, "to_s": row.to_s, "comment": row.comment, "by": row.by,
        "name": names.get(row.by, row.by),
    }  # fmt: skip


def _unsigned(row: Clip) -> dict[str, Any]:
    """For those who are not told who reviewed."""
    return clip_view(row, {}) | {"by": "", "name": ""}


def part_view(row: PrivatePart, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.id, "from_s": row.from_s, "to_s": row.to_s, "why": row.why, "words": row.words,
        "utterance_id": row.utterance_id, "name": names.get(row.by, row.by),
    }  # fmt: skip


async def _filled(
    session: AsyncSession, room: Reviews, review: Review, user: User, *, editable: bool
) -> tuple[Scorecard, ReviewScore | None, drafts.ReviewDraft | None]:
    """The card, the score that holds, and what was entered since by whoever works on it."""
    given = await scores(session, review.id)
    last = given[-1] if given else None
    if editable:
        return room.card(review.kind), last, await drafts.read(session, review.id, user.login)
    return await versions.read(session, last.card) if last else room.card(review.kind), last, None


def _entered(draft: drafts.ReviewDraft | None, given: ReviewScore | None) -> dict[str, Any]:
    source = draft or given
    if source is None:
        return {"answers": {}, "evidence": {}, "comments": {}, "note": ""}
    return {
        "answers": source.answers, "evidence": source.evidence, "comments": source.comments, "note": source.note,
    }  # fmt: skip


def _flags(marks: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for mark in marks:
        found.setdefault(mark["utterance_id"], []).append(mark)
    return found


async def _listened(session: AsyncSession, call_id: str) -> list[AuditEntry]:
    """Who listened to this call and why, the latest first."""
    query = select(AuditEntry).where(AuditEntry.call_id == call_id, AuditEntry.what.in_(("recording", "watch")))
    return list(await session.scalars(query.order_by(AuditEntry.id.desc()).limit(_HEARD)))
