"""Coaching on screen: whom it concerns, one call taker's weeks beside his peers', his plans and their follow-up."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from desk.access.auth import audit
from desk.access.users import User, Users
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed
from desk.quality import words
from desk.quality.charts import weeks_chart
from desk.quality.people import Named
from desk.quality.tabs import tabs_of
from desk.quality.who import Involved, Overseer
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from quality.coaching import figures
from quality.coaching.service import NewPlan
from quality.coaching.states import may
from quality.reports.queries import table
from quality.reviews.service import names_of

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
#: Weeks over which the list and the weakest items look.
RECENT = 4


class Plan(BaseModel):
    agent: str = Field(max_length=60)
    aim: str = Field(max_length=2000)
    item: str = Field("", max_length=40)
    until: date
    next_on: date


class Follow(BaseModel):
    note: str = Field(max_length=2000)
    next_on: date


class Note(BaseModel):
    note: str = Field(max_length=2000)


@router.post("/api/quality/coaching")
async def make(body: Plan, user: Overseer, services: Services) -> dict[str, str]:
    """A new plan for a call taker."""
    made = await services.coaching.make(NewPlan(**body.model_dump()), user.actor())
    return {"plan": made.id}


@router.post("/api/quality/coaching/{plan_id}/read")
async def read(plan_id: str, user: Involved, services: Services) -> dict[str, str]:
    """The call taker has read it."""
    return {"state": (await services.coaching.read(plan_id, user.actor())).state}


@router.post("/api/quality/coaching/{plan_id}/follow")
async def follow(plan_id: str, body: Follow, user: Overseer, services: Services) -> dict[str, str]:
    """What was done, and when next."""
    return {"state": (await services.coaching.follow(plan_id, user.actor(), body.note, body.next_on)).state}


@router.post("/api/quality/coaching/{plan_id}/meet")
async def meet(plan_id: str, body: Note, user: Overseer, services: Services) -> dict[str, str]:
    """The aim was met."""
    return {"state": (await services.coaching.end(plan_id, user.actor(), "meet", body.note)).state}


@router.post("/api/quality/coaching/{plan_id}/miss")
async def miss(plan_id: str, body: Note, user: Overseer, services: Services) -> dict[str, str]:
    """The aim was missed."""
    return {"state": (await services.coaching.end(plan_id, user.actor(), "miss", body.note)).state}


@router.post("/api/quality/coaching/{plan_id}/drop")
async def drop(plan_id: str, body: Note, user: Overseer, services: Services) -> dict[str, str]:
    """The plan is taken back."""
    return {"state": (await services.coaching.end(plan_id, user.actor(), "drop", body.note)).state}


@router.get("/quality/coaching", include_in_schema=False)
async def coaching(request: Request, user: Involved, services: Services) -> Response:
    """Every call taker of the last weeks with his open plans; to a call taker his own page."""
    if user.role == "agent":
        return RedirectResponse(f"/quality/coaching/{user.login}", 303)
    if user.role != "supervisor":
        raise HTTPException(403, "您没有此项权限")
    room, minimum = services.coaching, services.city.quality.minimum
    begin, end = _span(room.today, services, RECENT)
    async with services.database.read() as session:
        found = await table(session, "agent", begin, end, minimum)
    plans = await room.open_plans()
    open_of: dict[str, int] = {}
    for plan in plans:
        open_of[plan.agent] = open_of.get(plan.agent, 0) + 1
    views = Views(services.city, language_of(request))
    return page(
        request, "quality/coaching.html", me=user, tabs=tabs_of(user.role), table=found, plans=plans, open_of=open_of,
        states=words.PLAN_STATES, items=_items(services, views), today=room.today, weeks=RECENT,
        named=Named(await Users(services.database).names(), views),
    )  # fmt: skip


@router.get("/quality/coaching/{agent}", include_in_schema=False)
async def of_agent(request: Request, agent: str, user: Involved, services: Services) -> Response:
    """One call taker: findings per week beside his peers, weakest items, best calls, plans."""
    names = _names(agent, user)
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    room, city, minimum = services.coaching, services.city, services.city.quality.minimum
    zone = services.reviews.zone
    first = figures.monday_before(room.today, figures.WEEKS)
    begin, end = _span(room.today, services, figures.WEEKS)
    async with services.database.read() as session:
        counted = await figures.counts(session, first, figures.WEEKS, zone)
        weakest = await figures.weakest(session, names, begin, end, minimum)
        best = await figures.best(session, names)
    plans = await room.of_agent(sorted(names))
    if user.role != "agent":
        await audit(request, user.login, "coaching", detail=agent[:60])
    views = Views(city, language_of(request))
    weeks = figures.weeks_of(counted, names, first, minimum)
    return page(
        request,
        "quality/agent_part.html" if request.query_params.get("part") else "quality/agent.html",
        me=user,
        seq=seq,
        tabs=tabs_of(user.role),
        agent=agent,
        own=user.role == "agent",
        weeks=weeks,
        chart=weeks_chart(weeks, views.text("每周有违规的通话"), views.text("每百通有违规")) if weeks else "",
        weakest=[(one, one.name if views.language == "zh" else one.name_en) for one in weakest],
        best=best,
        plans=[(plan, steps, may(plan.state, user.role, own=plan.agent in names)) for plan, steps in plans],
        items=_items(services, views),
        states=words.PLAN_STATES,
        actions=words.PLAN_ACTIONS,
        minimum=minimum,
        today=room.today,
        next_week=room.today + timedelta(days=7),
        next_month=room.today + timedelta(days=30),
        named=Named(await Users(services.database).names(), views),
    )


def _names(agent: str, user: User) -> frozenset[str]:
    """What the call taker goes by; 403 for everybody but himself and supervisors."""
    own = names_of(user.actor())
    if user.role == "agent" and agent in own:
        return own
    if user.role != "supervisor":
        raise HTTPException(403, "您没有此项权限")
    return frozenset({agent})


def _span(today: date, services: DeskServices, weeks: int) -> tuple[datetime, datetime]:
    zone = services.reviews.zone
    begin = figures.monday_before(today, weeks)
    return (
        datetime.combine(begin, time(0), zone),
        datetime.combine(begin + timedelta(weeks=weeks), time(0), zone),
    )  # fmt: skip


def _items(services: DeskServices, views: Views) -> Mapping[str, str]:
    """Every item of the city's cards by its key."""
    found: dict[str, Any] = {item.key: item for card in services.city.scorecards for item in card.items()}
    return {key: item.name if views.language == "zh" else item.name_en for key, item in found.items()}
