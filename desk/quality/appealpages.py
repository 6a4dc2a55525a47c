"""A call taker's own reviews, his appeals, and the second person's decision."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from core.city_scorecards import Scorecard, ScoreItem
from core.errors import HeyiError
from desk.access.auth import audit
from desk.access.rights import may_hear_private
from desk.access.users import Users
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.live import Feed
from desk.quality import words
from desk.quality.people import Named
from desk.quality.tabs import home_of, tabs_of
from desk.quality.who import Involved
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from quality.listening import private
from quality.reviews import listing
from quality.reviews.listing import Listed
from quality.reviews.service import Answers, history, scores
from quality.reviews.tables import Review, ReviewScore, ReviewStep
from quality.scorecards import versions
from quality.scorecards.score import Answer
from ticketing.actor import Actor

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
#: Reviews on one page.
PAGE = 50


class Why(BaseModel):
    why: str = Field(max_length=2000)


class Change(BaseModel):
    #: ``why``, and an answer for each item under ``item.KEY``.
    fields: dict[Annotated[str, Field(max_length=60)], Annotated[str, Field(max_length=2000)]] = Field(max_length=100)


@router.get("/quality", include_in_schema=False)
async def quality(user: Involved) -> Response:
    return RedirectResponse(home_of(user.role), 303)


@router.get("/api/quality/waiting")
async def waiting(request: Request, user: Involved, services: Services) -> dict[str, int]:
    """How much waits for this person, for the bar of every page; from which event on it may change."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    actor, now = user.actor(), services.clock.now()
    async with services.database.read() as session:
        reviews = await listing.waiting(session, actor, now)
    return {"open": reviews + await services.coaching.waiting(actor), "seq": seq}


@router.post("/api/quality/reviews/{review_id}/appeal")
async def appeal(review_id: str, body: Why, user: Involved, services: Services) -> dict[str, str]:
    """A call taker does not accept his score."""
    return {"state": (await services.reviews.appeal(review_id, user.actor(), body.why)).state}


@router.post("/api/quality/reviews/{review_id}/uphold")
async def uphold(review_id: str, body: Why, user: Involved, services: Services) -> dict[str, str]:
    """The score stands."""
    return {"state": (await services.reviews.uphold(review_id, user.actor(), body.why)).state}


@router.post("/api/quality/reviews/{review_id}/change")
async def change(review_id: str, body: Change, user: Involved, services: Services) -> dict[str, str]:
    """The score does not stand; another takes its place. What was marked in the call stays."""
    # Whoever may not see the review learns nothing of its card.
    await services.reviews.get(review_id, user.actor())
    async with services.database.read() as session:
        first = next(iter(await scores(session, review_id)), None)
        if first is None:
            raise HeyiError("没有这项质检任务", hint=review_id[:40])
        card = await versions.read(session, first.card)
    answers = {item.key: read_answer(item, body.fields.get(f"item.{item.key}", "")) for item in card.items()}
    given = Answers({key: one for key, one in answers.items() if one is not None}, first.evidence, "", first.comments)
    changed = await services.reviews.change(review_id, user.actor(), given, body.fields.get("why", ""))
    return {"state": changed.state}


def read_answer(item: ScoreItem, text: str) -> Answer | None:
    """What a form's field says; None where it says nothing. What does not fit the score refuses."""
    if item.kind == "scale" and text.isdecimal() and text.isascii():
        return int(text)
    match text:
        case "yes" | "no" | "na":
            return text
        case "":
            return None
    raise HeyiError("这一项只能答“是”或“否”", hint=item.name)


@router.get("/quality/appeals", include_in_schema=False)
async def appeals(request: Request, user: Involved, services: Services, start: Whole = 0) -> Response:
    """A call taker's published reviews; to reviewers and supervisors the appeals that wait and those decided."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    begin, actor = max(0, start), user.actor()
    views = Views(services.city, language_of(request))
    mine: Sequence[Listed] = ()
    waits: Sequence[Listed] = ()
    done: Sequence[tuple[Listed, ReviewStep]] = ()
    named = Named(await Users(services.database).names(), views)
    if wanted(request):
        return page(request, "quality/appeals.html", me=user, rows=_every(services, actor), named=named)
    async with services.database.read() as session:
        if user.role == "agent":
            mine = await listing.own(session, actor, begin, PAGE + 1)
        else:
            waits = await listing.appeals(session, actor)
            if user.role == "supervisor":
                done = await listing.decided(session, begin, PAGE + 1)
    more = max(len(mine), len(done)) > PAGE
    return page(
        request,
        "quality/appeals_part.html" if request.query_params.get("part") else "quality/appeals.html",
        me=user,
        seq=seq,
        tabs=tabs_of(user.role),
        mine=mine[:PAGE],
        waits=waits,
        done=done[:PAGE],
        states=words.REVIEW_STATES,
        named=named,
        now=services.clock.now(),
        previous=max(0, begin - PAGE) if begin else None,
        next=begin + PAGE if more else None,
    )


async def _every(services: DeskServices, actor: Actor) -> AsyncIterator[Sequence[Listed]]:
    """All of a person's lists one after the other, in pages."""

    async def own(start: int, size: int) -> Sequence[Listed]:
        async with services.database.read() as session:
            return await listing.own(session, actor, start, size)

    async def done(start: int, size: int) -> Sequence[Listed]:
        async with services.database.read() as session:
            return [one for one, _ in await listing.decided(session, start, size)]

    if actor.role != "agent":
        async with services.database.read() as session:
            yield await listing.appeals(session, actor)
    if actor.role != "reviewer":
        async for rows in by_place(own if actor.role == "agent" else done):
            yield rows


@router.get("/quality/appeals/{review_id}", include_in_schema=False)
async def one_appeal(request: Request, review_id: str, user: Involved, services: Services) -> Response:
    """One published review: score by item with its evidence, the appeal, and what may be done with it."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    actor = user.actor()
    review = await services.reviews.get(review_id, actor)
    # The second review of a blind pair is never published: it is for calibration alone.
    if review.state not in listing.PUBLISHED:
        raise HTTPException(404, "没有找到")
    may = await services.reviews.actions(review_id, actor)
    async with services.database.read() as session:
        given = await scores(session, review_id)
        steps = await history(session, review_id)
        card = await versions.read(session, given[-1].card)
        # Whoever reviews a call knows all of it.
        whole = may_hear_private(user) or user.role == "reviewer"
        parts = () if whole else await private.of_calls(session, (review.call_id,))
    if user.role != "agent":
        await audit(request, user.login, "review", review.call_id, review.id)
    views = Views(services.city, language_of(request))
    return page(
        request,
        "quality/appeal_part.html" if request.query_params.get("part") else "quality/appeal.html",
        me=user,
        seq=seq,
        tabs=tabs_of(user.role),
        review=review,
        card=card,
        card_name=card.name if views.language == "zh" else card.name_en,
        sections=_sections(card, review, given, views, frozenset(private.by_utterance(parts))),
        first=_before(review, given),
        last=given[-1],
        may=may,
        steps=[one for one in steps if one.after in listing.PUBLISHED],
        states=words.REVIEW_STATES,
        actions=words.REVIEW_ACTIONS,
        answer_names=words.ANSWER_NAMES,
        # A call taker and the second reviewer are not told who scored.
        named=Named(await Users(services.database).names(), views) if user.role == "supervisor" else None,
        now=services.clock.now(),
    )


def _before(review: Review, given: Sequence[ReviewScore]) -> ReviewScore:
    """The score that was appealed against."""
    return given[-2] if review.state == "changed" and len(given) > 1 else given[-1]


def _sections(
    card: Scorecard, review: Review, given: Sequence[ReviewScore], views: Views, closed: frozenset[str]
) -> list[dict[str, Any]]:
    """The card with what was answered. ``closed``: utterances with something private, whose words are left out."""
    chinese, first, last = views.language == "zh", _before(review, given), given[-1]

    def said(row: ReviewScore, item: ScoreItem) -> str:
        answer = row.answers.get(item.key, "")
        shown = views.text(words.answer_key(answer)) if answer != "" else ""
        return f"{shown}/{item.top}" if item.kind == "scale" and isinstance(answer, int) else shown

    return [
        {
            "name": section.name if chinese else section.name_en,
            "items": [
                {
                    "item": item,
                    "name": item.name if chinese else item.name_en,
                    "guide": item.guide if chinese else item.guide_en,
                    "first": said(first, item),
                    "last": said(last, item),
                    "changed": said(first, item) != said(last, item),
                    "lost": first.answers.get(item.key) not in ("yes", "na", item.top),
                    "answer": str(first.answers.get(item.key, "")),
                    "evidence": [
                        {**one, "words": views.text("已遮蔽")} if one.get("utterance_id") in closed else one
                        for one in first.evidence.get(item.key, [])
                    ],
                    "comment": first.comments.get(item.key, ""),
                }
                for item in section.items
            ],
        }
        for section in card.sections
    ]
