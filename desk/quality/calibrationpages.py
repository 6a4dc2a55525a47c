"""Calibration on screen: agreement by item and reviewer, drift, and the meeting over what was scored differently."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from markupsafe import Markup
from pydantic import BaseModel, Field
from starlette.responses import Response

from core.city_scorecards import Scorecard, ScoreItem
from core.errors import HeyiError
from desk.access.auth import audit
from desk.access.users import Users
from desk.assess.assesscharts import spark
from desk.context import services_of
from desk.i18n import language_of
from desk.quality import words
from desk.quality.appealpages import read_answer
from desk.quality.people import Named, reviewers
from desk.quality.tabs import tabs_of
from desk.quality.who import Involved, Overseer
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from quality.calibration.agreement import ENOUGH, Agreement
from quality.calibration.drift import Drift
from quality.calibration.service import DRIFT_WEEKS, WEEKS, Meeting
from quality.reviews.service import COMPARED
from quality.scorecards.score import Answer
from telephony.ledger import CallRow

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
#: Calls in the list of differences.
MEETINGS = 20
#: Weeks that may be looked over.
CHOICES = (4, WEEKS, 26, 52)


class Outcome(BaseModel):
    item: str = Field(max_length=40)
    answer: str = Field(max_length=4)
    note: str = Field(max_length=2000)


class Order(BaseModel):
    call_id: str = Field(max_length=80)
    #: Empty: everybody who still can.
    reviewer: str = Field("", max_length=60)


@router.post("/api/quality/calibration/order")
async def order(body: Order, user: Overseer, services: Services) -> dict[str, int]:
    """Have others score a drawn call blind, too."""
    people = [one for one in await reviewers(services.database) if body.reviewer in ("", one.login)]
    given = await services.calibration.order(body.call_id, people, user.actor(), services.reviews)
    return {"given": given}


@router.post("/api/quality/calibration/{call_id}")
async def settle(call_id: str, body: Outcome, user: Overseer, services: Services) -> dict[str, str]:
    """What the meeting agreed on for one item."""
    meeting = await services.calibration.meeting(call_id, user.actor())
    item = next((one for one in meeting.card.items() if one.key == body.item), None)
    answer = read_answer(item, body.answer) if item else None
    if item is None or answer is None:
        raise HeyiError("评分表没有这一项" if item is None else "请选择商定的答案", hint=body.item[:40])
    row = await services.calibration.settle(call_id, item.key, answer, body.note, user.actor())
    return {"answer": row.answer}


@dataclass(frozen=True)
class _Figure:
    """A coefficient as the table shows it: grey where there are too few calls for an interval."""

    value: str
    interval: str
    calls: int
    few: bool


def _figure(found: Agreement) -> _Figure:
    value = "—" if found.value is None else f"{found.value:.2f}"
    interval = "" if found.low is None or found.high is None else f"{found.low:.2f}–{found.high:.2f}"
    return _Figure(value, interval, found.calls, found.too_few)


@router.get("/quality/calibration", include_in_schema=False)
async def calibration(
    request: Request, user: Overseer, services: Services, weeks: Whole = WEEKS, card: str = ""
) -> Response:
    """Agreement over some weeks by one card, drift, and the calls that differ most."""
    room = services.calibration
    over = weeks if weeks in CHOICES else WEEKS
    cards = await room.cards(over)
    chosen = next((told for told, _, _ in cards if told == card), cards[0][0] if cards else "")
    agreed = await room.agreement(chosen, over) if chosen else None
    meetings: Sequence[Meeting] = await room.differing(chosen, over, MEETINGS) if chosen else ()
    drifts = await room.drifting()
    views = Views(services.city, language_of(request))
    named = Named(await Users(services.database).names(), views)
    items: list[dict[str, Any]] = []
    if agreed:
        known = {item.key: item for item in agreed.card.items()}
        items = [
            {
                "name": name_of(known[one.item], views), "scale": known[one.item].kind == "scale",
                "alpha": _figure(one.alpha),
                "pairs": [(named(a), named(b), _figure(found)) for (a, b), found in sorted(one.pairs.items())],
            }
            for one in agreed.items
        ]  # fmt: skip
    return page(
        request, "quality/calibration.html", me=user, tabs=tabs_of(user.role), weeks=over, choices=CHOICES,
        cards=[(told, card_name(one, views), count) for told, one, count in cards], chosen=chosen, agreed=agreed,
        items=items, meetings=meetings, drifts=[_drift(who, one, views) for who, one in drifts.items()],
        drift_weeks=DRIFT_WEEKS, enough=ENOUGH, named=named, names={k: name_of(i, views) for k, i in _items(meetings)},
    )  # fmt: skip


def _items(meetings: Sequence[Meeting]) -> list[tuple[str, ScoreItem]]:
    return [(item.key, item) for item in meetings[0].card.items()] if meetings else []


def _drift(who: str, found: Drift, views: Views) -> dict[str, Any]:
    line: Markup = spark(
        [(one.week, one.difference) for one in found.weeks], views.text("每周均分与他人之差"), width=160, height=28
    )
    return {
        "who": who, "found": found, "line": line,
        "last": found.weeks[-1].difference if found.weeks else None,
    }  # fmt: skip


@router.get("/quality/calibration/{call_id}", include_in_schema=False)
async def meeting(request: Request, call_id: str, user: Involved, services: Services, reveal: bool = False) -> Response:
    """One call with everybody's answers side by side; names are hidden until a supervisor asks for them."""
    if user.role == "agent":
        raise HTTPException(403, "您没有此项权限")
    found = await services.calibration.meeting(call_id, user.actor())
    shown = reveal and user.role == "supervisor"
    await audit(request, user.login, "calibration_names" if shown else COMPARED, call_id)
    async with services.database.read() as session:
        call = await session.get(CallRow, call_id)
    views = Views(services.city, language_of(request))
    named = Named(await Users(services.database).names(), views)
    differing = {one.item.key: one.apart for one in found.differences}
    return page(
        request, "quality/meeting.html", me=user, tabs=tabs_of(user.role), meeting=found, call=call,
        line=views.line_name(call.line) if call else "", card=card_name(found.card, views),
        sides=[named(one.reviewer) if shown else "ABCDEFGHIJ"[n % 10] for n, one in enumerate(found.scores)],
        revealed=shown,
        rows=[
            _row(found, one.item, views, differing[one.item.key]) for one in found.differences
        ] + [_row(found, item, views, 0.0) for item in found.card.items() if item.key not in differing],
        may_settle=user.role == "supervisor", named=named,
    )  # fmt: skip


def _row(found: Meeting, item: ScoreItem, views: Views, apart: float) -> dict[str, Any]:
    settled = found.settled(item.key)
    return {
        "item": item, "name": name_of(item, views), "apart": apart,
        "guide": item.guide if views.language == "zh" else item.guide_en,
        "said": [
            (said_answer(one.answers.get(item.key), item, views), one.evidence.get(item.key, []))
            for one in found.scores
        ],
        "settled": settled,
        "agreed": said_answer(_kept(settled.answer), item, views) if settled else "",
        "before": [one for one in found.outcomes if one.item == item.key and one is not settled],
    }  # fmt: skip


def _kept(answer: str) -> Answer:
    return int(answer) if answer.isdecimal() else answer  # type: ignore[return-value]  # settled ones were checked


def said_answer(answer: Answer | None, item: ScoreItem, views: Views) -> str:
    """An answer as a person reads it; points of a scale with what could be reached."""
    if answer is None:
        return "—"
    said = views.text(words.answer_key(answer))
    return f"{said}/{item.top}" if isinstance(answer, int) else said


def name_of(item: ScoreItem, views: Views) -> str:
    return item.name if views.language == "zh" else item.name_en


def card_name(card: Scorecard, views: Views) -> str:
    """A card's name with its version."""
    name = card.name if views.language == "zh" else card.name_en
    return f"{name} v{card.version}"
