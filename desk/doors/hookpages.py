"""Other systems: who is told of what, keys of those that tell us, and an emergency as they take it over."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from core.errors import HeyiError
from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket
from desk.access.table import holds
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.views import Views, stamp
from desk.whole import Whole
from ticketing.doors import hooks
from ticketing.doors.keys import KIND_NAMES, KeyKind
from ticketing.doors.mail import MAIL
from ticketing.doors.outward import judge as judged
from ticketing.doors.outward import resolve, target
from ticketing.doors.tables import Hook
from ticketing.doors.topics import PING, TOPICS
from ticketing.repository import TicketMissing, TicketRepository

router = APIRouter()
Lead = SignedIn
Services = Annotated[DeskServices, Depends(services_of)]
STATE_NAMES = {"waiting": "等待发送", "done": "已送达", "dead": "未能送达"}
TABS = {"hooks": "事件推送", "dead": "未能送达", "keys": "接入钥匙"}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewHook(_Body):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    url: Annotated[str, Field(min_length=8, max_length=500)]
    #: Names of topics, or several with commas.
    topics: Annotated[str | list[str], Field(max_length=500)]
    personal: bool = False


class NewKey(_Body):
    kind: KeyKind
    name: Annotated[str, Field(min_length=1, max_length=60)]


class Note(_Body):
    note: Annotated[str, Field(max_length=500)] = ""


@router.get("/webhooks", include_in_schema=False)
async def hooks_page(request: Request, user: Lead, services: Services, tab: str = "") -> Response:
    """Subscriptions with their queues, dead letters, keys; with ``?part=1`` only the chosen list."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    chosen = tab if tab in TABS else "hooks"
    views = Views(services.city, language_of(request))
    async with services.database.read() as session:
        found = await hooks.states(session)
        names = {s.hook.id: views.text("电子邮件") if s.hook.id == MAIL else s.hook.name for s in found}
        sent = await hooks.deliveries(session, state="dead" if chosen == "dead" else "", limit=100)
    return page(
        request,
        "webhooks_part.html" if request.query_params.get("part") else "webhooks.html",
        me=user,
        seq=seq,
        now=services.clock.now().isoformat(),
        tabs=TABS,
        tab=chosen,
        dead=sum(state.dead for state in found),
        hooks=[_hook(state, views) for state in found],
        topics={name: views.text(what) for name, what in TOPICS.items()},
        deliveries=[_delivery(row, names, views) for row in sent if row.hook_id in names],
        keys=[_key(row, views) for row in await services.doors.keys.all()],
        kinds={kind: views.text(name) for kind, name in KIND_NAMES.items()},
        may_personal=holds(user, "ticket.person"),
        base=str(request.base_url).rstrip("/"),
    )


def _hook(state: hooks.HookState, views: Views) -> dict[str, Any]:
    hook = state.hook
    return {
        "id": hook.id,
        "name": views.text("电子邮件") if hook.id == MAIL else hook.name,
        "url": hook.url,
        "topics": [(topic, views.text(TOPICS[topic])) for topic in hook.topics if topic in TOPICS],
        "personal": hook.personal,
        "paused_at": stamp(hook.paused_at),
        "former_until": stamp(hook.former_until),
        "made_at": stamp(hook.made_at),
        "made_by": hook.made_by,
        "waiting": state.waiting,
        "dead": state.dead,
        "done": state.done,
        "oldest": stamp(state.oldest) if state.waiting else None,
    }


def _delivery(row: Any, names: dict[str, str], views: Views) -> dict[str, Any]:
    return {
        "id": row.id,
        "hook_id": row.hook_id,
        "hook": names[row.hook_id],
        "topic": row.topic if row.topic != PING else views.text("测试"),
        "number": row.number,
        "state": row.state,
        "state_name": views.text(STATE_NAMES[row.state]),
        "attempts": row.attempts,
        "status": row.status,
        "error": row.error,
        "made_at": stamp(row.made_at),
        "next_at": stamp(row.next_at) if row.state == "waiting" else None,
        "done_at": stamp(row.done_at),
    }


def _key(row: Any, views: Views) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "kind_name": views.text(KIND_NAMES[row.kind]),
        "name": row.name,
        "made_at": stamp(row.made_at),
        "made_by": row.made_by,
        "used_at": stamp(row.used_at),
        "revoked_at": stamp(row.revoked_at),
    }


@router.get("/api/webhooks")
async def list_hooks(request: Request, user: Lead, services: Services) -> list[dict[str, Any]]:
    """All subscriptions, with the state of their queues."""
    views = Views(services.city, language_of(request))
    async with services.database.read() as session:
        return [_hook(state, views) for state in await hooks.states(session)]


@router.post("/api/webhooks")
async def add(request: Request, body: NewHook, user: Lead, services: Services) -> dict[str, Any]:
    """Subscribe. The answer holds the secret by which the receiver proves our messages."""
    if body.personal and not holds(user, "ticket.person"):
        raise HTTPException(403, "您没有此项权限")
    wanted = body.topics.split(",") if isinstance(body.topics, str) else body.topics
    # Told now rather than by a dead letter in four hours.
    parts = target(body.url.strip())
    judged(parts, await resolve(parts.host, parts.port), services.doors.private)
    made = await services.doors.hooks.add(
        body.name, body.url, [topic.strip() for topic in wanted if topic.strip()], user.login, personal=body.personal
    )
    what = [made.name, made.url, ",".join(made.topics), *(["personal"] if made.personal else [])]
    await audit(request, user.login, "hook_added", detail=" ".join(what))
    return _secret(services, made)


@router.post("/api/webhooks/{hook_id}/rotate")
async def rotate(request: Request, hook_id: str, user: Lead, services: Services) -> dict[str, Any]:
    """A new secret; the former one holds beside it for a day."""
    made = await services.doors.hooks.rotate(hook_id)
    await audit(request, user.login, "hook_rotated", detail=made.name)
    return _secret(services, made)


def _secret(services: DeskServices, hook: Hook) -> dict[str, Any]:
    return {"id": hook.id, "secret": services.doors.hooks.secrets(hook, services.clock.now())[0]}


@router.post("/api/webhooks/{hook_id}/pause")
async def pause(request: Request, hook_id: str, user: Lead, services: Services) -> dict[str, bool]:
    """Send nothing for the time being; what happens waits."""
    await services.doors.hooks.pause(hook_id, True)
    await audit(request, user.login, "hook_paused", detail=hook_id)
    return {"ok": True}


@router.post("/api/webhooks/{hook_id}/resume")
async def resume(request: Request, hook_id: str, user: Lead, services: Services) -> dict[str, bool]:
    """Go on, with what waits first."""
    await services.doors.hooks.pause(hook_id, False)
    await audit(request, user.login, "hook_resumed", detail=hook_id)
    return {"ok": True}


@router.post("/api/webhooks/{hook_id}/remove")
async def remove(request: Request, hook_id: str, user: Lead, services: Services) -> dict[str, bool]:
    """End the subscription."""
    await services.doors.hooks.remove(hook_id)
    await audit(request, user.login, "hook_removed", detail=hook_id)
    return {"ok": True}


@router.post("/api/webhooks/{hook_id}/ping")
async def ping(hook_id: str, user: Lead, services: Services) -> dict[str, int]:
    """Send a message that means nothing."""
    return {"id": await services.doors.hooks.ping(hook_id)}


@router.post("/api/webhooks/{hook_id}/replay")
async def replay_all(request: Request, hook_id: str, user: Lead, services: Services) -> dict[str, int]:
    """All dead letters of a receiver once more."""
    count = await services.doors.hooks.replay(hook_id)
    await audit(request, user.login, "hook_replayed", detail=f"{hook_id}: {count}")
    return {"count": count}


@router.post("/api/deliveries/{delivery_id}/replay")
async def replay(request: Request, delivery_id: Whole, user: Lead, services: Services) -> dict[str, int]:
    """One dead letter once more."""
    count = await services.doors.hooks.replay(delivery_id=delivery_id)
    await audit(request, user.login, "hook_replayed", detail=str(delivery_id))
    return {"count": count}


@router.post("/api/doors/keys")
async def make_key(request: Request, body: NewKey, user: Lead, services: Services) -> dict[str, str]:
    """A key for a system that tells us of matters. An Open311 key is shown only now."""
    row, words = await services.doors.keys.make(body.kind, body.name, user.login)
    await audit(request, user.login, "door_key_made", detail=f"{row.kind} {row.name}")
    return {"id": row.id, "secret": words}


@router.post("/api/doors/keys/{key_id}/revoke")
async def revoke_key(request: Request, key_id: str, user: Lead, services: Services) -> dict[str, bool]:
    """From now on nobody enters with it."""
    await services.doors.keys.revoke(key_id)
    await audit(request, user.login, "door_key_revoked", detail=key_id)
    return {"ok": True}


@router.get("/api/tickets/{ticket_id}/eido")
async def eido(request: Request, ticket_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """An emergency as other systems take it over: EIDO-style JSON."""
    async with services.database.read() as session:
        try:
            ticket = await TicketRepository(session).get(ticket_id)
        except TicketMissing:
            raise HTTPException(404, "没有找到") from None
        if not may_see_ticket(user, ticket):
            raise HTTPException(404, "没有找到")
        if not ticket.is_emergency:
            raise HeyiError("只有紧急工单可以移交", hint=ticket.number)
        made = await services.doors.hooks.eido(session, ticket)
    await audit(request, user.login, "eido", ticket.call_id, ticket.number)
    return made


@router.post("/api/tickets/{ticket_id}/handover")
async def hand_over(request: Request, ticket_id: str, body: Note, user: Lead, services: Services) -> dict[str, bool]:
    """Tell those who take emergencies over of this one, now."""
    ticket = await services.doors.hooks.hand_over(ticket_id, user.actor(), body.note)
    await audit(request, user.login, "handover", ticket.call_id, ticket.number)
    return {"ok": True}
