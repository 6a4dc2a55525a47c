"""Sampling on screen: the plan in words, the draws with what was picked and why, drawing a shift, and the proof."""

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from starlette.responses import Response

from core.city_quality import CityQuality
from core.errors import HeyiError
from desk.access.auth import audit
from desk.access.users import Users
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import by_place, wanted
from desk.live import Feed
from desk.quality import words
from desk.quality.people import Named, reviewers
from desk.quality.tabs import tabs_of
from desk.quality.who import Overseer
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from quality.reviews.tables import QualityDraw, Review
from quality.sampling import record
from quality.sampling.watch import undrawn

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
#: Shifts that ended longer ago are drawn on the command line.
BACK = timedelta(days=7)
#: Draws on one page.
PAGE = 30


class Shift(BaseModel):
    day: date
    shift: str = Field(max_length=40)


@router.post("/api/quality/sampling")
async def draw(body: Shift, user: Overseer, services: Services) -> dict[str, str]:
    """Draw a shift that is over; each can be drawn once."""
    people = await reviewers(services.database)
    if not people:
        raise HeyiError("还没有质检员账号", hint="heyi user add")
    made = await services.reviews.draw(body.day, services.reviews.shift(body.shift), people, user.actor())
    return {"draw": made.id}


@router.post("/api/quality/sampling/{draw_id}/proof")
async def prove(request: Request, draw_id: str, user: Overseer, services: Services) -> dict[str, Any]:
    """Draw again from what was kept and compare; ``faults`` is empty where the draw is proved."""
    faults = await services.reviews.prove(draw_id)
    await audit(request, user.login, "prove_draw", detail=f"{draw_id[:40]} {len(faults)}")
    return {"faults": faults}


@router.get("/quality/sampling", include_in_schema=False)
async def sampling(request: Request, user: Overseer, services: Services, start: Whole = 0) -> Response:
    """The plan, shifts that wait, and the draws."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    plan, begin = services.city.quality, max(0, start)
    views = Views(services.city, language_of(request))
    named = Named(await Users(services.database).names(), views)

    async def some(start: int, size: int) -> list[tuple[QualityDraw, str, int, int]]:
        """Draws with their shift's name, how many calls were picked, and how many of them nobody could take."""
        query = select(QualityDraw).order_by(QualityDraw.day.desc(), QualityDraw.at.desc(), QualityDraw.id)
        counts = select(Review.draw_id, func.count().label("picked"), func.count().filter(Review.state == "drawn"))
        async with services.database.read() as session:
            rows = (await session.scalars(query.offset(start).limit(size))).all()
            of_draws = counts.where(Review.draw_id.in_([row.id for row in rows]), Review.copy == 0)
            numbers = {
                of: (picked, nobody) for of, picked, nobody in await session.execute(of_draws.group_by(Review.draw_id))
            }
        return [(row, shift_name(plan, row.shift, views), *numbers.get(row.id, (0, 0))) for row in rows]

    if wanted(request):
        return page(request, "quality/sampling.html", me=user, draws=by_place(some), named=named)
    waits = await undrawn(services.database, services.reviews, plan, services.clock.now(), BACK)
    rows = await some(begin, PAGE + 1)
    people = await reviewers(services.database)
    return page(
        request,
        "quality/sampling_part.html" if request.query_params.get("part") else "quality/sampling.html",
        me=user,
        seq=seq,
        tabs=tabs_of(user.role),
        plan=plan,
        said=plan_in_words(plan, views),
        weights=[(views.text(words.RISK_NAMES[one.risk]), one.weight) for one in plan.risks],
        waits=[(day, shift.key, shift_name(plan, shift.key, views)) for day, shift in reversed(waits)],
        draws=rows[:PAGE],
        people=len(people),
        named=named,
        previous=max(0, begin - PAGE) if begin else None,
        next=begin + PAGE if len(rows) > PAGE else None,
    )


@router.get("/quality/sampling/{draw_id}", include_in_schema=False)
async def one_draw(request: Request, draw_id: str, user: Overseer, services: Services) -> Response:
    """One draw: how many of how many, each call with why it was picked, and who has it."""
    async with services.database.read() as session:
        row = await session.get(QualityDraw, draw_id)
        if row is None:
            raise HTTPException(404, "没有找到")
        body = (await session.execute(select(QualityDraw.body).where(QualityDraw.id == draw_id))).scalar_one()
        given = (
            await session.scalars(select(Review).where(Review.draw_id == draw_id).order_by(Review.copy))
        ).all()  # fmt: skip
    made = record.read(body)
    views = Views(services.city, language_of(request))
    risks = {one.call_id: one for one in made.population}
    of_call: dict[str, list[Review]] = {}
    for review in given:
        of_call.setdefault(review.call_id, []).append(review)
    return page(
        request,
        "quality/draw.html",
        me=user,
        tabs=tabs_of(user.role),
        draw=row,
        made=made,
        name=shift_name(services.city.quality, row.shift, views),
        said=plan_in_words(made.plan, views),
        picks=[
            {
                "pick": pick,
                "line": views.line_name(risks[pick.call_id].line),
                "category": views.category_name(risks[pick.call_id].category),
                "risks": [views.text(words.RISK_NAMES[risk]) for risk in risks[pick.call_id].risks],
                "reviews": of_call.get(pick.call_id, []),
            }
            for pick in made.drawn.picks
        ],
        states=words.REVIEW_STATES,
        named=Named(await Users(services.database).names(), views),
    )


def shift_name(plan: CityQuality, key: str, views: Views) -> str:
    """A shift's name; its key where the plan no longer has it."""
    found = next((one for one in plan.shifts if one.key == key), None)
    if found is None:
        return key
    return found.name if views.language == "zh" else found.name_en


def plan_in_words(plan: CityQuality, views: Views) -> list[str]:
    """What the plan does, one sentence each."""
    text = views.text
    and_ = "、" if views.language == "zh" else ", "
    said = [
        text(
            "每班抽取已接电话的 {share}%，每名话务员至少 {least} 通、至多 {most} 通，每名质检员至多 {room} 通。"
        ).format(share=_number(plan.share), least=plan.agent_least, most=plan.agent_most, room=plan.reviewer_most),
        text("其中 {risk}% 按风险抽取：各项权重相加，分高的先抽，同分随机。").format(risk=_number(plan.risk_share)),
        text("其余按话务员分配，再按{strata}分层等距抽取，起点随机。").format(
            strata=and_.join(text(words.STRATUM_NAMES[one]) for one in plan.strata)
        )
        if plan.strata
        else text("其余按话务员分配，等距抽取，起点随机。"),
        text("{blind}% 的通话由两名质检员各自评分，互不知情，用于校准。").format(blind=_number(plan.blind_share)),
        text(
            "派给质检员后 {review} 个工作日内评完，公布后 {appeal} 个工作日内可以申诉，申诉后 {decide} 个工作日内复核。"
        ).format(review=plan.review_days, appeal=plan.appeal_days, decide=plan.decide_days),
    ]
    itself = text("每班结束 {hours} 小时后自动抽样。").format(hours=_number(plan.draw_after_h))
    return [*said, itself if plan.draw_itself else text("不自动抽样，由班长抽取。")]


def _number(value: float) -> str:
    return f"{value:g}"
