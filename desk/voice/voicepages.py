"""What callers did before a person, on screen: outcomes, a flow as they went through it, the calls behind a figure."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from desk.access.auth import SignedIn
from desk.access.rights import may_see_voice
from desk.access.users import User
from desk.calls.calllist import moment
from desk.context import services_of
from desk.i18n import language_of
from desk.listexport import made, wanted
from desk.render import page
from desk.services import DeskServices
from desk.voice.voicepicture import picture
from desk.voice.voiceviews import OUTCOME_NAMES, TROUBLE_NAMES, VoiceViews
from ivr.journalread import read
from ivr.report import OUTCOMES, TROUBLES, Figure, FlowFigures, Longest, Report, StepFigures, Walk, report, walks

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]

#: Days that are shown where none were asked for, and at most: a quarter, at a thousand calls a day 90,000 sessions.
_DAYS, _MOST_DAYS = 7, 92
#: Calls shown behind one figure.
_SHOWN = 300


async def _reader(user: SignedIn) -> User:
    if not may_see_voice(user):
        raise HTTPException(403, "您没有此项权限")
    return user


Reader = Annotated[User, Depends(_reader)]


@dataclass(frozen=True)
class Stretch:
    """The days that were asked for, as they stand in the address and as times."""

    fields: Mapping[str, str]
    start: datetime
    end: datetime

    def address(self, path: str, **more: str) -> str:
        return f"{path}?{urlencode({name: value for name, value in {**self.fields, **more}.items() if value})}"


def stretch(
    services: Services,
    since: Annotated[str, Query(alias="from", max_length=16)] = "",
    until: Annotated[str, Query(alias="to", max_length=16)] = "",
) -> Stretch:
    """Days of the city's calendar, the last one with it. Raises 422 in words."""
    zone = ZoneInfo(services.city.profile.timezone)
    today = services.clock.now().astimezone(zone).date()
    end = moment(until or str(today), zone, ends=True)
    assert end is not None  # noqa: S101
    first = since or str((end - timedelta(days=_DAYS)).astimezone(zone).date())
    start = moment(first, zone, ends=False)
    assert start is not None  # noqa: S101
    if not timedelta(0) < end - start <= timedelta(days=_MOST_DAYS):
        raise HTTPException(422, "一次最多查看 92 天")
    return Stretch({"from": first, "to": until or str(today)}, start, end)


def figure(
    flow: Annotated[str, Query(max_length=60)] = "", began: bool = False,
    outcome: Annotated[str, Query(max_length=12)] = "", heard_answer: bool = False,
    step: Annotated[str, Query(max_length=130)] = "", why: Annotated[str, Query(max_length=40)] = "",
    into: Annotated[str, Query(max_length=130)] = "", trouble: Annotated[str, Query(max_length=20)] = "",
) -> Figure:  # fmt: skip
    """A figure from its address."""
    return Figure(
        flow=flow, began=began, outcome=outcome, heard_answer=heard_answer, step=step, why=why, to=into, trouble=trouble
    )


Days = Annotated[Stretch, Depends(stretch)]
Asked = Annotated[Figure, Depends(figure)]


async def _walks(services: DeskServices, days: Stretch) -> list[Walk]:
    flows = {flow.key: flow for flow in services.city.ivr}
    async with services.database.read() as session:
        found = await read(session, days.start, days.end, services.clock.now())
    return await asyncio.to_thread(walks, found.sessions, found.steps, found.answered, flows)


@router.get("/voice")
async def overview(
    request: Request, user: Reader, services: Services, days: Days, flow: Annotated[str, Query(max_length=60)] = ""
) -> Response:
    """Outcomes of each flow, one flow's picture, its steps with the worst first."""
    found = await _walks(services, days)
    whole = await asyncio.to_thread(report, found)
    views = VoiceViews(services.city, language_of(request))
    flows = views.flows
    known = [one.flow for one in whole.flows]
    reached = sorted({s.flow for s in whole.steps} - set(known))
    shown = flow if flow in flows else next((key for key in known if key in flows), "")
    own = await asyncio.to_thread(report, found, shown) if shown else Report((), ())

    def calls(**asked: object) -> str:
        return days.address("/voice/calls", **{name: str(value) for name, value in asked.items()})

    def link(asked: Mapping[str, str]) -> str:
        if set(asked) == {"flow"}:
            return days.address("/voice", **asked)
        return calls(**{"into" if name == "to" else name: value for name, value in asked.items()})

    return page(
        request,
        "voice.html",
        me=user,
        fields=days.fields,
        flows=[_flow_view(one, views, calls) for one in whole.flows],
        outcomes=[(key, views.text(OUTCOME_NAMES[key])) for key in OUTCOMES],
        troubles=[views.text(TROUBLE_NAMES[key]) for key in TROUBLES],
        shown=shown,
        shown_name=views.flow(shown) if shown else "",
        tabs=[(key, views.flow(key), days.address("/voice", flow=key)) for key in [*known, *reached] if key in flows],
        picture=picture(flows[shown], own.steps, views, link) if shown else "",
        steps=[_step_view(one, views, calls) for one in own.steps],
    )


@router.get("/voice/calls")
async def calls_behind(request: Request, user: Reader, services: Services, days: Days, asked: Asked) -> Response:
    """The calls that a figure counts, the latest first."""
    found = await _walks(services, days)
    views = VoiceViews(services.city, language_of(request))
    behind = [walk for walk in found if asked.has(walk)]
    if wanted(request):
        return page(
            request, "voice_calls.html", me=user, rows=made(behind[::-1], lambda walk: _walk_view(walk, views))
        )  # fmt: skip
    return page(
        request,
        "voice_calls.html",
        me=user,
        title=heading(asked, views),
        fields=days.fields,
        back=days.address("/voice", flow=asked.flow or asked.step.partition("/")[0]),
        count=len(behind),
        rows=[_walk_view(walk, views) for walk in reversed(behind[-_SHOWN:])],
        # Who answers for calls opens them; others know how many they are.
        opens=user.role == "supervisor",
    )


def heading(asked: Figure, views: VoiceViews) -> str:
    """What a figure counts, in short."""
    outcome = next((name for key, name in OUTCOME_NAMES.items() if key == asked.outcome), "")
    trouble = next((name for key, name in TROUBLE_NAMES.items() if key == asked.trouble), "")
    flow = asked.step.partition("/")[0] or asked.flow
    parts = [
        views.flow(flow) if flow else "", views.text(outcome) if outcome else "",
        views.text("听过答案") if asked.heard_answer else "", views.step(asked.step) if asked.step else "",
        views.why(asked.step, asked.why) if asked.why else "", views.text(trouble) if trouble else "",
        f"→ {views.flow(asked.to[1:]) if asked.to.startswith('/') else views.target(asked.to)}" if asked.to else "",
    ]  # fmt: skip
    return " · ".join(part for part in parts if part) or views.text("全部")


def percent(share: float) -> str:
    """``33%``; what is there at all is not nothing."""
    return "<1%" if 0 < share < 0.01 else f"{100 * share:.0f}%"


def _flow_view(one: FlowFigures, views: VoiceViews, calls: Any) -> dict[str, Any]:
    def longest(found: Longest | None) -> dict[str, Any] | None:
        return {"s": f"{found.seconds:.0f}", "call_id": found.call_id} if found is not None else None

    return {
        "name": views.flow(one.flow), "sessions": one.sessions, "link": calls(flow=one.flow, began=1),
        "outcomes": [
            {
                "count": one.outcomes[key], "share": percent(one.share(key)),
                "link": calls(flow=one.flow, began=1, outcome=key),
            }
            for key in OUTCOMES
        ],
        "answers": one.answers, "answers_link": calls(flow=one.flow, began=1, heard_answer=1),
        "median": f"{one.voice_median_s:.0f}", "p95": f"{one.voice_p95_s:.0f}",
        "longest_voice": longest(one.longest_voice), "longest_person": longest(one.longest_person),
    }  # fmt: skip


def _step_view(one: StepFigures, views: VoiceViews, calls: Any) -> dict[str, Any]:
    place = f"{one.flow}/{one.step}"
    return {
        "name": views.step(place), "key": one.step, "words": views.words(place),
        "entered": one.entered, "link": calls(step=place), "trouble": one.trouble,
        "troubles": [(one.troubles[key], calls(step=place, trouble=key)) for key in TROUBLES],
        "hung_up": one.hung_up, "hung_up_link": calls(step=place, why="hung up"),
        "median": f"{one.median_s:.1f}", "p95": f"{one.p95_s:.1f}",
        "ways": [
            {
                "way": views.way(place, way.why, way.to), "count": way.count,
                "link": calls(step=place, why=way.why, into=way.to),
            }
            for way in one.ways if way.to != ":caller"
        ],
    }  # fmt: skip


def _walk_view(walk: Walk, views: VoiceViews) -> dict[str, Any]:
    steps: Sequence[str] = [views.step(f"{step.flow}/{step.step}") for step in walk.steps]
    last = walk.steps[-1] if walk.steps else None
    return {
        "call_id": walk.session.call_id, "at": walk.session.began, "flow": views.flow(walk.session.flow),
        "outcome": views.text(OUTCOME_NAMES[walk.outcome]), "urgent": walk.outcome == "emergency",
        "seconds": f"{walk.voice_s:.0f}", "person_s": f"{walk.person_s:.0f}" if walk.person_s is not None else "",
        "steps": steps, "why": views.why(f"{last.flow}/{last.step}", last.why) if last is not None else "",
    }  # fmt: skip
