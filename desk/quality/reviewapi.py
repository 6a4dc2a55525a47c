"""What people do on a review's page: its steps, the draft of its score, corrections of the transcript."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from asr.record.transcripts import Utterance
from core.city_scorecards import Scorecard
from core.errors import HeyiError, NotAllowed
from desk.access.auth import SignedIn, address_of
from desk.access.users import User
from desk.api import Cases
from desk.calls.hearing import private_spans, sound_of
from desk.calls.transcriptapi import CorrectionBody, corrected
from desk.context import services_of
from desk.quality.reviewpage import Room, hears_all, must_have_begun
from desk.quality.reviewviews import running
from desk.services import DeskServices
from quality.listening.masked import drawn
from quality.listening.picture import picture
from quality.reviews import drafts
from quality.reviews.service import Answers, Reviews
from quality.reviews.tables import Review
from quality.scorecards.score import Answer

router = APIRouter(prefix="/api/reviews")
Services = Annotated[DeskServices, Depends(services_of)]
Ok = dict[str, Any]
Key = Annotated[str, Field(max_length=60)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Why(_Body):
    why: Annotated[str, Field(max_length=2000)]


class Place(_Body):
    """A place in the call on which an answer rests."""

    utterance_id: Annotated[str, Field(max_length=32)]
    #: Second of the recording.
    second: Annotated[float, Field(ge=0, le=360_000)]
    words: Annotated[str, Field(max_length=500)]


class Entered(_Body):
    """The whole scorecard as a page has it."""

    #: The version that the page was opened with; which of its own writings this is.
    version: Annotated[int, Field(ge=0)]
    tab: Annotated[str, Field(min_length=8, max_length=40)]
    seq: Annotated[int, Field(ge=1)]
    answers: Annotated[dict[Key, Answer], Field(max_length=100)]
    evidence: Annotated[dict[Key, Annotated[list[Place], Field(max_length=20)]], Field(max_length=100)]
    comments: Annotated[dict[Key, Annotated[str, Field(max_length=2000)]], Field(max_length=100)]
    note: Annotated[str, Field(max_length=5000)]


async def own(room: Reviews, review_id: str, user: User) -> Review:
    """The review that this person works on now; :class:`NotAllowed` otherwise."""
    review = await room.get(review_id, user.actor())
    if review.state != "in_review" or review.reviewer != user.login:
        raise NotAllowed("只有正在评分的质检员可以这样做")
    return review


@router.post("/{review_id}/begin")
async def begin(review_id: str, user: SignedIn, room: Room) -> Ok:
    """The reviewer opens the call (开始评分)."""
    return _done(await room.begin(review_id, user.actor()))


@router.post("/{review_id}/reopen")
async def reopen(review_id: str, user: SignedIn, room: Room) -> Ok:
    """The reviewer goes over his score again before it is released (重新评分)."""
    return _done(await room.reopen(review_id, user.actor()))


@router.post("/{review_id}/hand-back")
async def hand_back(review_id: str, body: Why, user: SignedIn, room: Room) -> Ok:
    """The reviewer should not judge this call taker (退回)."""
    return _done(await room.hand_back(review_id, user.actor(), body.why))


@router.post("/{review_id}/draft")
async def draft(review_id: str, body: Entered, user: SignedIn, services: Services, room: Room) -> Ok:
    """Keep what was entered so far; tells the score as it stands."""
    review = await own(room, review_id, user)
    return await _keep(services, room, review, user, body)


@router.post("/{review_id}/score")
async def score(review_id: str, body: Entered, user: SignedIn, services: Services, room: Room) -> Ok:
    """Hand the score in (提交评分); :class:`HeyiError` names what is not answered."""
    review = await own(room, review_id, user)
    await _keep(services, room, review, user, body)
    given = Answers(
        body.answers, {key: [one.model_dump() for one in many] for key, many in body.evidence.items() if many},
        body.note, {key: said for key, said in body.comments.items() if said.strip()},
    )  # fmt: skip
    return _done(await room.score(review_id, user.actor(), given))


@router.get("/{review_id}")
async def now(review_id: str, user: SignedIn, services: Services, room: Room, cases: Cases) -> Ok:
    """The transcript as it now is, and the person's own draft."""
    review = await room.get(review_id, user.actor())
    must_have_begun(review, user)
    async with services.database.read() as session:
        kept = await drafts.read(session, review_id, user.login)
    return {
        "state": review.state,
        "transcript": await cases.transcript(review.call_id, whole=hears_all(user)),
        "draft": kept and {
            "version": kept.version, "answers": kept.answers, "evidence": kept.evidence, "comments": kept.comments,
            "note": kept.note,
        },
    }  # fmt: skip


@router.get("/{review_id}/peaks")
async def peaks(review_id: str, user: SignedIn, services: Services, room: Room) -> Ok:
    """How loud each side is over time (0…255, base64), and where nobody speaks."""
    review = await room.get(review_id, user.actor())
    must_have_begun(review, user)
    sound = await sound_of(services, review.call_id)
    made = await asyncio.to_thread(picture, sound.file, sound.seal)
    if not hears_all(user):
        made = drawn(made, await private_spans(services, review.call_id))
    return {
        "seconds": made.seconds, "per_second": made.per_second,
        "sides": [base64.b64encode(side.tobytes()).decode() for side in made.sides],
        "silences": [[round(begin, 2), round(end, 2)] for begin, end in made.silences],
    }  # fmt: skip


@router.post("/{review_id}/utterances/{utterance_id}")
async def correct(
    request: Request, review_id: str, utterance_id: str, body: CorrectionBody, user: SignedIn, services: Services,
    room: Room,
) -> Ok:  # fmt: skip
    """Correct what was recognised wrongly, by whoever reviews the call; the engine's words are kept."""
    review = await own(room, review_id, user)
    return await corrected(services, user, address_of(request), review.call_id, utterance_id, body)


async def _keep(services: DeskServices, room: Reviews, review: Review, user: User, body: Entered) -> Ok:
    card = room.card(review.kind)
    told = running(card, body.answers)
    async with services.database.work() as work:
        ids = set(await work.session.scalars(select(Utterance.id).where(Utterance.call_id == review.call_id)))
        _check(card, ids, body.evidence, body.comments)
        entered = drafts.Entered(
            body.version, body.tab, body.seq, body.answers,
            {key: [one.model_dump() for one in many] for key, many in body.evidence.items()}, body.comments, body.note,
        )  # fmt: skip
        row = await drafts.save(work.session, review.id, user.login, entered, services.clock.now())
    return {"version": row.version, **told}


def _check(card: Scorecard, ids: set[str], evidence: Mapping[str, list[Place]], comments: Mapping[str, str]) -> None:
    keys = {item.key for item in card.items()}
    if strange := sorted((set(evidence) | set(comments)) - keys):
        raise HeyiError("评分表没有这一项", hint=strange[0][:40])
    for place in (one for many in evidence.values() for one in many):
        if place.utterance_id and place.utterance_id not in ids:
            raise HeyiError("没有这句话", hint=place.utterance_id)


def _done(review: Review) -> Ok:
    return {"state": review.state}
