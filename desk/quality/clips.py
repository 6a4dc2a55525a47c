"""Stretches of a call that are marked on a review's page: clips with a comment, and what is private."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from core.audit import note
from core.errors import NotAllowed
from desk.access.auth import SignedIn, address_of, role_required
from desk.access.users import User, Users
from desk.calls.hearing import sound_of
from desk.context import services_of
from desk.quality.reviewapi import own
from desk.quality.reviewpage import Room, clip_view, part_view
from desk.services import DeskServices
from desk.whole import Whole
from quality.listening import clips, private
from quality.reviews.service import Reviews
from quality.reviews.tables import Review

router = APIRouter(prefix="/api/reviews/{review_id}")
Services = Annotated[DeskServices, Depends(services_of)]
Lead = Annotated[User, role_required("supervisor")]
Second = Annotated[float, Field(ge=0, le=360_000)]
Ok = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClipBody(_Body):
    from_s: Second
    to_s: Second
    comment: Annotated[str, Field(max_length=2000)]


class PrivateBody(_Body):
    """Words of an utterance, seconds of the recording, or both."""

    utterance_id: Annotated[str, Field(max_length=32)] = ""
    start: Annotated[int, Field(ge=0, le=10_000)] = 0
    end: Annotated[int, Field(ge=0, le=10_000)] = 0
    words: Annotated[str, Field(max_length=2000)] = ""
    from_s: Second | None = None
    to_s: Second | None = None
    why: Annotated[str, Field(max_length=private.LONGEST_WHY)]


@router.post("/clips")
async def add(review_id: str, body: ClipBody, user: SignedIn, services: Services, room: Room) -> Ok:
    """Say something of a stretch."""
    review = await own(room, review_id, user)
    sound = await sound_of(services, review.call_id)
    within = clips.bounds(body.from_s, body.to_s, sound.shape.seconds)
    async with services.database.work() as work:
        row = await clips.add(
            work.session, review.id, review.call_id, within, body.comment, by=user.login, at=services.clock.now()
        )
    return clip_view(row, {user.login: user.name})


@router.post("/clips/{clip_id}/remove")
async def remove(review_id: str, clip_id: str, user: SignedIn, services: Services, room: Room) -> Ok:
    review = await own(room, review_id, user)
    async with services.database.work() as work:
        await clips.remove(work.session, review.id, clip_id, by=user.login, at=services.clock.now())
    return {"ok": True}


@router.post("/private")
async def mark(
    request: Request, review_id: str, body: PrivateBody, user: SignedIn, services: Services, room: Room
) -> Ok:
    """Others neither read nor hear it from now on. The originals stay as they are."""
    review = await _marked_by(room, review_id, user)
    seconds = (await sound_of(services, review.call_id)).shape.seconds
    within = (body.from_s, body.to_s) if body.from_s is not None and body.to_s is not None else None
    now = services.clock.now()
    async with services.database.work() as work:
        if body.utterance_id:
            row = await private.mark_words(
                work.session, review.call_id, body.utterance_id, (body.start, body.end), body.words, why=body.why,
                by=user.login, at=now, seconds=seconds, within=within,
            )  # fmt: skip
        else:
            row = await private.mark_sound(
                work.session, review.call_id, within or (0, 0), why=body.why, by=user.login, at=now, seconds=seconds
            )
        note(work.session, at=now, who=user.login, what="private", call_id=review.call_id,
             address=address_of(request), detail=f"{row.id} {row.from_s:g}-{row.to_s:g} {row.why}")  # fmt: skip
    return part_view(row, await Users(services.database).names())


@router.post("/private/{part_id}/lift")
async def lift(request: Request, review_id: str, part_id: Whole, user: Lead, services: Services, room: Room) -> Ok:
    """A supervisor takes it back."""
    review, now = await room.get(review_id, user.actor()), services.clock.now()
    async with services.database.work() as work:
        row = await private.lift(work.session, review.call_id, part_id, by=user.login, at=now)
        note(work.session, at=now, who=user.login, what="private_lifted", call_id=review.call_id,
             address=address_of(request), detail=f"{row.id} {row.from_s:g}-{row.to_s:g}")  # fmt: skip
    return {"ok": True}


async def _marked_by(room: Reviews, review_id: str, user: User) -> Review:
    """Supervisors, and whoever works on the review."""
    if user.role == "supervisor":
        return await room.get(review_id, user.actor())
    if user.role != "reviewer":
        raise NotAllowed("您没有此项权限")
    return await own(room, review_id, user)
