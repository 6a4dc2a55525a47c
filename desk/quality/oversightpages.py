"""A supervisor's list of reviews: by state, reviewer and call taker, late ones marked, many moved on at once."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from core.errors import HeyiError
from desk.access.auth import audit
from desk.access.users import Users
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_place
from desk.listexport import wanted as as_file
from desk.live import Feed
from desk.pages import message_of
from desk.quality import words
from desk.quality.people import Named, reviewers
from desk.quality.tabs import tabs_of
from desk.quality.who import Overseer
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from quality.reviews import listing
from quality.reviews.listing import Wanted
from quality.reviews.states import STATES, State
from quality.sampling.assign import Reviewer
from ticketing.actor import Actor

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
#: Reviews on one page, and most that are moved on at once.
PAGE = 50
AT_ONCE = 200

Bulk = Literal["assign", "release", "void"]


class Move(BaseModel):
    """``assign`` gives what nobody has and takes over what somebody has, to ``reviewer``; ``void`` needs ``why``."""

    action: Bulk
    reviews: list[Annotated[str, Field(max_length=40)]] = Field(min_length=1, max_length=AT_ONCE)
    reviewer: str = Field("", max_length=60)
    why: str = Field("", max_length=2000)


@router.post("/api/quality/oversight")
async def move(request: Request, body: Move, user: Overseer, services: Services) -> dict[str, Any]:
    """Move many reviews on, each by itself: what cannot be done is said of each, and hinders no other."""
    actor = user.actor()
    to: Reviewer | None = None
    if body.action == "assign":
        people = await reviewers(services.database)
        to = next((one for one in people if one.login == body.reviewer), None)
        if to is None:
            raise HeyiError("请选择质检员")
    done, refused = 0, []
    for review_id in dict.fromkeys(body.reviews):
        try:
            await _move(services, body, review_id, to, actor)
            done += 1
        except HeyiError as error:
            refused.append({"review": review_id, "message": message_of(request, error)})
    await audit(request, user.login, f"reviews_{body.action}", detail=f"{done} {body.reviewer}".strip())
    return {"done": done, "refused": refused}


async def _move(services: DeskServices, body: Move, review_id: str, to: Reviewer | None, actor: Actor) -> None:
    if to is not None:
        await services.reviews.assign(review_id, to, actor)
    elif body.action == "release":
        await services.reviews.release(review_id, actor)
    else:
        await services.reviews.void(review_id, actor, body.why)


@router.get("/quality/oversight", include_in_schema=False)
async def oversight(
    request: Request, user: Overseer, services: Services, state: str = "", reviewer: str = "", agent: str = "",
    draw: str = "", late: bool = False, start: Whole = 0,
) -> Response:  # fmt: skip
    """The reviews, what is due first before the rest."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    chosen: State | None = next((one for one in get_args(State) if one == state), None)
    wanted = Wanted(chosen, reviewer[:60], agent[:60], draw[:40], late)
    begin, now = max(0, start), services.clock.now()
    views = Views(services.city, language_of(request))
    named = Named(await Users(services.database).names(), views)
    if as_file(request):

        async def some(start: int, size: int) -> Sequence[listing.Listed]:
            async with services.database.read() as session:
                return await listing.listed(session, wanted, now, start, size)

        return page(request, "quality/oversight.html", me=user, rows=by_place(some), named=named)
    async with services.database.read() as session:
        rows = await listing.listed(session, wanted, now, begin, PAGE + 1)
        counts, overdue = await listing.tallies(session, wanted, now)
        loads = await listing.loads(session)
    people = await reviewers(services.database)
    given = {"reviewer": wanted.reviewer, "agent": wanted.agent, "draw": wanted.draw}
    query = {key: value for key, value in given.items() if value}

    def address(**more: str) -> str:
        return f"/quality/oversight?{urlencode({**query, **more})}"

    narrowed = {**({"state": chosen} if chosen else {}), **({"late": "1"} if late else {})}
    return page(
        request,
        "quality/oversight_part.html" if request.query_params.get("part") else "quality/oversight.html",
        me=user,
        seq=seq,
        tabs=tabs_of(user.role),
        rows=rows[:PAGE],
        states=[(key, words.REVIEW_STATES[key], counts.get(key, 0), address(state=key)) for key in STATES],
        state=chosen,
        all=address(),
        total=sum(counts.values()),
        late=late,
        overdue=overdue,
        late_address=address(late="1"),
        state_names=words.REVIEW_STATES,
        reviewers=[(one.login, loads.get(one.login, 0)) for one in people],
        wanted=wanted,
        query=query,
        named=named,
        now=now,
        on_the_clock=listing.ON_THE_CLOCK,
        previous=address(**narrowed, start=str(max(0, begin - PAGE))) if begin else "",
        next=address(**narrowed, start=str(begin + PAGE)) if len(rows) > PAGE else "",
    )
