"""The learning loop on screen: proposed models case by case, who decides, and how far people and software disagree."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from desk.access.auth import SignedIn, address_of
from desk.access.rights import may_decide_models
from desk.access.users import User, Users
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.views import Views
from desk.whole import Whole
from triage.loop import drift
from triage.loop.labels import labels
from triage.loop.models import By, Models, cases_of, former_use, in_use, proposals, uses
from triage.loop.tables import ModelProposal, ProposalCase

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]

STATE_NAMES = {
    "proposed": "待决定",
    "refused": "未通过检验",
    "promoted": "已采用",
    "rejected": "不采用",
    "superseded": "已被取代",
}
HOW_NAMES = {"start": "启动时加载", "promoted": "已采用", "back": "已退回"}
MEASURE_NAMES = {
    "policy": "违反策略",
    "missed": "紧急未识别",
    "raised": "误报紧急",
    "raised_hard": "误报紧急（易混）",
    "code": "类别不符",
    "code_of_two": "前两个类别都不符",
    "nature": "性质不符",
}
SOURCE_NAMES = {"fixed": "固定检验集", "policy": "策略用例", "own": "本市留存通话"}
BECAME_NAMES = {"worse": "变差", "better": "变好", "other": "答案不同，对错未变"}
OUTCOME_NAMES = {"emergency": "紧急警情", "review": "疑似紧急，请判别", "service": "服务诉求"}
DRIFT_NAMES = {
    "missed": "紧急未升级",
    "raised": "升级后被撤销",
    "code": "类别改动",
    "nature": "性质改动",
    "place": "地点改动",
}
KIND_NAMES = {"all": "合计", "line": "按热线", "desk": "按坐席", "code": "按类别"}


async def _decider(user: SignedIn) -> User:
    if not may_decide_models(user):
        raise HTTPException(403, "您没有此项权限")
    return user


Decider = Annotated[User, Depends(_decider)]


class ReasonBody(BaseModel):
    reason: str = Field(max_length=500)


class BackBody(ReasonBody):
    #: The version that the person saw as the one before.
    version: str = Field(max_length=40)


@router.post("/api/models/proposals/{proposal_id}/promote")
async def promote(
    request: Request, proposal_id: Whole, body: ReasonBody, user: Decider, services: Services
) -> dict[str, Any]:
    """Take a proposed model into use; calls that go on are judged by it from their next utterance."""
    made = await _models(services).promote(proposal_id, _by(request, user), body.reason)
    return {"version": made.version, "state": made.state}


@router.post("/api/models/proposals/{proposal_id}/reject")
async def reject(
    request: Request, proposal_id: Whole, body: ReasonBody, user: Decider, services: Services
) -> dict[str, Any]:
    """Decide against a proposed model."""
    made = await _models(services).reject(proposal_id, _by(request, user), body.reason)
    return {"version": made.version, "state": made.state}


@router.post("/api/models/back")
async def back(request: Request, body: BackBody, user: Decider, services: Services) -> dict[str, Any]:
    """Take up again the model that was in use before."""
    await _models(services).back(body.version, _by(request, user), body.reason)
    return {"version": body.version}


@router.get("/models", include_in_schema=False)
async def models(request: Request, user: Decider, services: Services, proposal: Whole = 0) -> Response:
    """The model in use and the newest proposed one (``?proposal=`` another); ``?part=1``: only the part that its
    script keeps fresh."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    async with services.database.read() as session:
        now, former = await in_use(session), await former_use(session)
        history, listed = await uses(session), await proposals(session)
        shown = await session.get(ModelProposal, proposal) if proposal else next(iter(listed), None)
        if proposal and shown is None:
            raise HTTPException(404, "没有这个候选模型")
        cases = await cases_of(session, shown.id) if shown else []
        waiting = await labels(session, start=listed[0].at if listed else None)
    views = Views(services.city, language_of(request))
    return page(
        request,
        "models_part.html" if request.query_params.get("part") else "models.html",
        me=user,
        seq=seq,
        now=now,
        former=former,
        uses=history,
        proposals=listed,
        shown=shown,
        stale=bool(shown and now and shown.state == "proposed" and shown.base != now.version),
        figures=[_figure(figure, views) for figure in shown.figures] if shown else [],
        groups=[(key, views.text(name), [_case(c, views) for c in cases if c.became == key])
                for key, name in BECAME_NAMES.items()],
        labelled=len(waiting),
        corrected=sum(bool(row.changed) for row in waiting),
        names=await Users(services.database).names(),
        state_names={key: views.text(name) for key, name in STATE_NAMES.items()},
        how_names={key: views.text(name) for key, name in HOW_NAMES.items()},
    )  # fmt: skip


@router.get("/drift", include_in_schema=False)
async def drift_page(request: Request, user: Decider, services: Services, week: str = "") -> Response:
    """One week of disagreement beside the weeks before it; without ``week`` the last whole one."""
    zone = ZoneInfo(services.city.profile.timezone)
    this = drift.week_of(services.clock.now(), zone)
    monday = drift.week_called(week) if week else this - timedelta(weeks=1)
    start, _ = drift.bounds(monday - timedelta(weeks=drift.WEEKS), zone)
    _, end = drift.bounds(monday, zone)
    urgent = {line.number for line in services.city.lines if line.kind == "emergency"}
    async with services.database.read() as session:
        rows = await labels(session, start=start, end=end)
    found = drift.report((drift.judgement(row, urgent) for row in rows), monday, zone)
    views = Views(services.city, language_of(request))
    return page(
        request,
        "drift.html",
        me=user,
        found=found,
        last=monday + timedelta(days=6),
        unfinished=monday >= this,
        before=drift.week_name(monday - timedelta(weeks=1)),
        after=drift.week_name(monday + timedelta(weeks=1)) if monday < this else "",
        measures=[(key, views.text(DRIFT_NAMES[key])) for key in drift.MEASURES],
        tables=[(views.text(name), _table(found.rows, kind, views)) for kind, name in KIND_NAMES.items()],
        standing_out=[(_key(row, views), views.text(DRIFT_NAMES[row.measure]), row) for row in found.rows if row.trend],
        confusions=[(_code(c.said, views), _code(c.left, views), c.count) for c in found.confusions],
    )


def _models(services: DeskServices) -> Models:
    return Models(services.database, services.settings, services.clock)


def _by(request: Request, user: User) -> By:
    return By(login=user.login, address=address_of(request))


def _figure(figure: Mapping[str, Any], views: Views) -> dict[str, Any]:
    return {
        **figure,
        "measure": views.text(MEASURE_NAMES[figure["measure"]]),
        "source": views.text(SOURCE_NAMES[figure["source"]]),
    }


def _case(case: ProposalCase, views: Views) -> dict[str, Any]:
    """A case in words; of the policy's cases the outcome is what counts, of others what the words alone say."""
    policy = case.source == "policy"
    right = {
        "kind": views.text("不低于：{outcome}").format(outcome=views.text(OUTCOME_NAMES[case.right["least"]]))
        if policy else _kind(case.right["emergency"], views),
        "code": _code(case.right["code"], views),
        "nature": views.text(case.right["nature"]),
    }  # fmt: skip
    return {
        "name": case.name,
        "source": views.text(SOURCE_NAMES[case.source]),
        "own": case.source == "own",
        "line": case.line,
        "text": case.text,
        "refused": case.refused,
        "right": right,
        "answers": [_answer(given, case.right, views, policy=policy) for given in (case.before, case.after)],
    }


def _answer(given: Mapping[str, Any], right: Mapping[str, Any], views: Views, *, policy: bool) -> dict[str, Any]:
    """``…_wrong`` marks what is not right."""
    first = given["codes"][0] if given["codes"] else ""
    kind = views.text(OUTCOME_NAMES[given["outcome"]]) if policy else _kind(given["alarmed"], views)
    return {
        "kind": kind,
        "p": given["p_emergency"],
        "code": _code(first, views),
        "nature": views.text(given["nature"]),
        "kind_wrong": not policy and given["alarmed"] != right["emergency"],
        "code_wrong": bool(right["code"]) and first != right["code"],
        "nature_wrong": bool(right["nature"]) and given["nature"] != right["nature"],
    }


def _kind(emergency: bool, views: Views) -> str:
    return views.text("紧急" if emergency else "不紧急")


def _code(code: str, views: Views) -> str:
    return f"{code} {views.category_name(code)}" if code else "—"


def _table(rows: Sequence[drift.Row], kind: str, views: Views) -> list[tuple[str, dict[str, drift.Row]]]:
    """Name of the line, desk or code, and its measures by name."""
    found: dict[str, tuple[str, dict[str, drift.Row]]] = {}
    for row in rows:
        if row.kind == kind:
            found.setdefault(row.key, (_key(row, views), {}))[1][row.measure] = row
    return list(found.values())


def _key(row: drift.Row, views: Views) -> str:
    name = {"line": views.line_name, "desk": views.desk_name, "code": views.category_name}.get(row.kind)
    return f"{row.key} {name(row.key)}" if name else views.text("全市")
