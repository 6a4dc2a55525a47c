"""The API for calls in hand: passing them on, calling others in, watching them. Rights and audit of every use."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from core.city import City
from desk.access.auth import SignedIn, audit, desk_of
from desk.access.users import User
from desk.calls.happened import cries
from desk.calls.ringclaims import RingClaims
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed
from desk.services import DeskServices
from desk.views import Views, stamp
from switchboard.handling import TransferKind
from switchboard.supervision import Mode
from switchboard.views import CallView

router = APIRouter(prefix="/api")
#: Who sits at a telephone: a call taker, or a supervisor who has come into a call.
Person = SignedIn
Lead = SignedIn
Services = Annotated[DeskServices, Depends(services_of)]
Ok = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Transfer(_Body):
    kind: TransferKind
    #: Extension, number of a line, key of a group, or a number outside.
    target: Annotated[str, Field(min_length=1, max_length=40)]
    #: Between lines one of the city's matters; else free, and optional.
    reason: Annotated[str, Field(max_length=200)] = ""


class Consult(_Body):
    target: Annotated[str, Field(min_length=1, max_length=40)]
    #: ``target`` is a number outside, not a desk.
    outside: bool = False


class Complete(_Body):
    reason: Annotated[str, Field(max_length=200)] = ""


class Link(_Body):
    #: Key of a skill group.
    group: Annotated[str, Field(min_length=1, max_length=40)]


class Dismiss(_Body):
    #: Unique id of the leg, as in the call's parties.
    channel: Annotated[str, Field(min_length=1, max_length=100)]


class HelpGiven(_Body):
    #: Extension of the desk that asked.
    agent: Annotated[str, Field(min_length=1, max_length=10)]


class Watch(_Body):
    mode: Mode
    why: Annotated[str, Field(min_length=1, max_length=200)]


class Why(_Body):
    why: Annotated[str, Field(min_length=1, max_length=200)]


class ModeWish(_Body):
    mode: Annotated[str, Field(min_length=1, max_length=40)]
    reason: Annotated[str, Field(max_length=200)] = ""


@router.post("/calls/{call_id}/transfer")
async def transfer(request: Request, call_id: str, body: Transfer, user: Person, services: Services) -> Ok:
    """Pass the caller on at once (盲转). Nobody takes it: the caller waits again, in front."""
    call, extension = _own(*_taking_part(services, user, call_id))
    reason = body.reason.strip()
    if body.kind == "line":
        _check_matter(services.city, call.line, body.target, reason)
    await services.switchboard.handling.transfer(call_id, body.kind, body.target, by=extension, reason=reason)
    await audit(request, user.login, "transfer", call_id, f"{body.kind} {body.target} {reason}".strip())
    return {"ok": True}


@router.post("/calls/{call_id}/consult")
async def consult(request: Request, call_id: str, body: Consult, user: Person, services: Services) -> Ok:
    """Ask another desk or a number outside while the caller hears music (咨询)."""
    _call, extension = _own(*_taking_part(services, user, call_id))
    await services.switchboard.handling.consult(call_id, body.target, by=extension, outside=body.outside)
    await audit(request, user.login, "consult", call_id, f"{'outside' if body.outside else 'desk'} {body.target}")
    return {"ok": True}


@router.post("/calls/{call_id}/take-back")
async def take_back(request: Request, call_id: str, user: Person, services: Services) -> Ok:
    """End the consultation, the caller comes back (接回)."""
    _call, extension = _own(*_taking_part(services, user, call_id))
    await services.switchboard.handling.take_back(call_id, by=extension)
    await audit(request, user.login, "take_back", call_id)
    return {"ok": True}


@router.post("/calls/{call_id}/conference")
async def conference(request: Request, call_id: str, user: Person, services: Services) -> Ok:
    """The caller joins the consultation (三方通话)."""
    _call, extension = _own(*_taking_part(services, user, call_id))
    await services.switchboard.handling.conference(call_id, by=extension)
    await audit(request, user.login, "conference", call_id)
    return {"ok": True}


@router.post("/calls/{call_id}/complete")
async def complete(request: Request, call_id: str, body: Complete, user: Person, services: Services) -> Ok:
    """The consultation becomes a transfer; this desk leaves (转出)."""
    _call, extension = _own(*_taking_part(services, user, call_id))
    reason = body.reason.strip()
    await services.switchboard.handling.complete(call_id, by=extension, reason=reason)
    await audit(request, user.login, "complete", call_id, reason)
    return {"ok": True}


@router.post("/calls/{call_id}/link")
async def link(request: Request, call_id: str, body: Link, user: Person, services: Services) -> Ok:
    """Call a desk of 120, 119, 122… into the call (联动). Answers once somebody has come; ``who`` tells who."""
    _call, extension = _taking_part(services, user, call_id)
    try:
        who = await services.switchboard.handling.link(call_id, body.group, by=extension)
    finally:
        # That they were called is to be told, whether somebody came or not.
        await audit(request, user.login, "link", call_id, body.group)
    return {"ok": True, "who": who}


@router.post("/calls/{call_id}/leave")
async def leave(request: Request, call_id: str, user: Person, services: Services) -> Ok:
    """This desk goes, the others stay (离开)."""
    _call, extension = _taking_part(services, user, call_id)
    await services.switchboard.handling.leave(call_id, extension)
    await audit(request, user.login, "leave", call_id)
    return {"ok": True}


@router.post("/calls/{call_id}/dismiss")
async def dismiss(request: Request, call_id: str, body: Dismiss, user: Person, services: Services) -> Ok:
    """Let somebody go who was called in (移出), or stop ringing him (取消呼叫)."""
    call, extension = _taking_part(services, user, call_id)
    if user.role != "supervisor" and call.agent != extension:
        raise HTTPException(403, "只有主接坐席可以移出他人")
    whom = next((party for party in (*call.parties, *call.called) if party.channel == body.channel), None)
    if whom is None:
        raise HTTPException(404, "通话中没有这一方")
    if user.role != "supervisor" and (whom.extension == call.agent or whom.role == "supervisor"):
        raise HTTPException(403, "不能移出接听坐席和班长")  # they are nobody's guests
    await services.switchboard.handling.dismiss(call_id, body.channel)
    await audit(request, user.login, "dismiss", call_id, whom.extension or "outside")
    return {"ok": True}


@router.post("/calls/{call_id}/ask-silent")
async def ask_silent(request: Request, call_id: str, user: Person, services: Services) -> Ok:
    """Ask a caller who says nothing to press a key; the key comes as the event ``CallerPressed``."""
    _in_queue(*_taking_part(services, user, call_id))
    await services.switchboard.handling.ask_silent(call_id)
    await audit(request, user.login, "ask_silent", call_id)
    return {"ok": True}


@router.post("/calls/{call_id}/help")
async def ask_help(request: Request, call_id: str, user: Person, services: Services) -> Ok:
    """Call for a supervisor in mid-call (求助)."""
    _call, extension = _taking_part(services, user, call_id)
    await services.switchboard.supervision.ask_help(call_id, by=extension)
    await audit(request, user.login, "help", call_id)
    return {"ok": True}


@router.post("/calls/{call_id}/help-given")
async def help_given(request: Request, call_id: str, body: HelpGiven, user: Person, services: Services) -> Ok:
    """A supervisor comes, or the desk that asked needs nobody any more."""
    _live(services, call_id)
    if user.role != "supervisor" and body.agent != user.extension:
        raise HTTPException(403, "您没有此项权限")
    by = user.extension or user.login
    await services.switchboard.supervision.help_given(call_id, body.agent, by=by)
    await audit(request, user.login, "help_given", call_id, body.agent)
    return {"ok": True}


@router.get("/help")
async def open_cries(request: Request, user: Lead, services: Services) -> Ok:
    """Cries for help that nobody has answered, the oldest first; the live stream goes on from ``seq``."""
    feed: Feed = request.app.state.feed
    # Read before the rest: a cry in between is then shown twice, never missed.
    seq = await feed.latest()
    views = Views(services.city, language_of(request))
    living = {call.call_id: call for call in services.switchboard.calls()}
    return {
        "seq": seq,
        "now": stamp(services.clock.now()),
        "help": [
            {
                "call_id": cry.call_id,
                "agent": cry.agent,
                "agent_name": views.desk_name(cry.agent),
                "line": living[cry.call_id].line,
                "line_name": views.line_name(living[cry.call_id].line),
                "at": stamp(cry.at),
            }
            for cry in await cries(services.database, living)
            # Who has asked does not come to help.
            if cry.agent != user.extension
        ],
    }


@router.post("/calls/{call_id}/watch")
async def watch(request: Request, call_id: str, body: Watch, user: Lead, services: Services) -> Ok:
    """Listen to a call (监听), speak to its call taker alone (耳语), or to all (强插)."""
    call, extension = _live(services, call_id), desk_of(user)
    # Before the deed: nobody listens without a trace, even where what follows fails.
    await audit(request, user.login, "watch", call_id, f"{body.mode} {call.agent} {body.why}")
    await services.switchboard.supervision.watch(call_id, body.mode, by=extension)
    return {"ok": True}


@router.post("/calls/{call_id}/take-over")
async def take_over(request: Request, call_id: str, body: Why, user: Lead, services: Services) -> Ok:
    """The supervisor goes on with the caller, the call taker is let go (接管)."""
    call, extension = _live(services, call_id), desk_of(user)
    await audit(request, user.login, "take_over", call_id, f"{call.agent} {body.why}")
    await services.switchboard.supervision.take_over(call_id, by=extension)
    return {"ok": True}


@router.post("/calls/{call_id}/unwatch")
async def unwatch(request: Request, call_id: str, user: Lead, services: Services) -> Ok:
    """The supervisor goes, the call goes on."""
    _live(services, call_id)
    await services.switchboard.supervision.stop(call_id, by=desk_of(user))
    await audit(request, user.login, "unwatch", call_id)
    return {"ok": True}


@router.post("/calls/{call_id}/claim")
async def claim(request: Request, call_id: str, user: Person, services: Services) -> Ok:
    """Where several desks ring, this one answers: the others' screens show it for some seconds."""
    call, extension = _live(services, call_id), desk_of(user)
    if extension not in call.ringing:
        raise HTTPException(409, "这个来电已被接听或已结束")
    claims: RingClaims = request.app.state.claims
    desk = claims.claim(call_id, extension)
    return {"granted": desk == extension, "desk": desk}


@router.get("/calls/{call_id}/parties")
async def parties(request: Request, call_id: str, user: Person, services: Services) -> Ok:
    """Who takes part in a live call and who is being rung, without transcript and ticket."""
    call = _live(services, call_id)
    if user.role != "supervisor" and user.extension not in call.desks:
        raise HTTPException(404, "没有找到")
    return Views(services.city, language_of(request)).takers(call)


@router.get("/mode")
async def mode(request: Request, user: SignedIn, services: Services) -> Ok:
    """The mode that holds, and those that there are."""
    return _modes(request, services)


@router.post("/mode")
async def switch_mode(request: Request, body: ModeWish, user: Lead, services: Services) -> Ok:
    """Switch the whole centre to another mode (夜间、台风…)."""
    await services.switchboard.modes.switch(body.mode, by=user.login, reason=body.reason.strip())
    await audit(request, user.login, "mode", detail=f"{body.mode} {body.reason}".strip())
    return _modes(request, services)


def _modes(request: Request, services: DeskServices) -> Ok:
    chinese = language_of(request) == "zh"
    names = {m.key: m.name if chinese else m.name_en for m in services.city.modes}
    now = services.switchboard.modes.current.key
    return {"mode": now, "name": names[now], "modes": [{"key": key, "name": name} for key, name in names.items()]}


def _live(services: DeskServices, call_id: str) -> CallView:
    call = services.switchboard.live_call(call_id)
    if call is None:
        raise HTTPException(404, "通话已经结束")
    return call


def _taking_part(services: DeskServices, user: User, call_id: str) -> tuple[CallView, str]:
    """The live call and this person's desk in it; 403 for everybody who is not in the conversation."""
    call, extension = _live(services, call_id), desk_of(user)
    if extension not in {party.extension for party in call.parties}:
        raise HTTPException(403, "本坐席不在这次通话中")
    return call, extension


def _in_queue(call: CallView, extension: str) -> tuple[CallView, str]:
    """Only somebody who called us can be passed on: of a call that a desk has dialled, the desk is the head."""
    if call.direction not in ("in", "back"):
        raise HTTPException(409, "呼出的通话不能转接，可用联动请对方加入")
    return call, extension


def _own(call: CallView, extension: str) -> tuple[CallView, str]:
    """Who the caller is with is for the desk whose call it is to decide, not for who was called in."""
    if call.agent != extension:
        raise HTTPException(403, "只有主接坐席可以转接和咨询")
    return _in_queue(call, extension)


def _check_matter(city: City, source: str, target: str, reason: str) -> None:
    """Between two lines a call is passed on for one of the matters agreed on (国办发〔2022〕12号)."""
    names = {m.name for m in city.matters if (m.source, m.target) == (source, target)}
    if names and reason not in names:
        raise HTTPException(400, "请从事项清单中选择转接事由")
    if not reason:
        raise HTTPException(400, "请填写转接事由")
