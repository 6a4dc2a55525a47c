"""Who is told of what: subscriptions, and the queue of messages that wait for them, both in the database.

The queue is made from the stored events, each hook from its own place in them, and the place goes on in the same
transaction in which its messages are stored: whatever is killed when, no event is left out and none is queued twice.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.clock import Clock
from core.database import Database, StoredEvent, Work
from core.errors import HeyiError
from core.events import Event
from core.ids import new_id
from telephony.ledger import CallRow
from ticketing.actor import Actor
from ticketing.doors import topics
from ticketing.doors.eido import CallFacts, Note, Point, UnitFacts, eido, notes_of
from ticketing.doors.events import EmergencyHandedOver
from ticketing.doors.intake import cleaned
from ticketing.doors.outward import target
from ticketing.doors.tables import Delivery, DoorItem, Hook, HookOrder
from ticketing.moves import kept
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

#: A former secret signs beside the new one for so long.
OVERLAP = timedelta(hours=24)
#: Events that one pass looks at.
_BATCH = 200
#: PostgreSQL gives numbers before it commits: an event may appear behind one that was seen. So far back is looked
#: again; SQLite has one writer and needs none of it.
_LOOK_BACK = 200

#: Units that were sent to a ticket, and where it is, from the rooms that know: ``heyi`` joins them.
UnitsOf = Callable[[AsyncSession, Ticket], Any]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What other rooms know about an emergency."""

    units: tuple[UnitFacts, ...] = ()
    notes: tuple[Note, ...] = ()
    point: Point | None = None


async def _nothing(_session: AsyncSession, _ticket: Ticket) -> Scene:
    return Scene()


class Hooks:
    """Subscriptions and their queue. ``secret`` is the site's; ``scene`` asks other rooms about an emergency."""

    def __init__(
        self, database: Database, city: City, clock: Clock, secret: str, scene: Callable[..., Any] = _nothing
    ) -> None:
        self.city = city
        self._database = database
        self._clock = clock
        self._secret = secret.encode()
        self._scene = scene

    # --- what people do -----------------------------------------------------------------------------------------

    async def add(self, name: str, url: str, wanted: Collection[str], by: str, *, personal: bool = False) -> Hook:
        """Tell ``url`` of these topics from now on. Its secret: :meth:`secrets`."""
        name = cleaned(name, 60, "名称")
        if not name:
            raise HeyiError("请填写名称")
        url = url.strip()
        if len(url) > 500:
            raise HeyiError("推送地址太长", hint=f"{len(url)} > 500")
        target(url)
        chosen = [topic for topic in topics.TOPICS if topic in wanted]
        if unknown := set(wanted) - set(chosen):
            raise HeyiError("没有这种事件", hint=", ".join(sorted(unknown)))
        if not chosen:
            raise HeyiError("请至少选择一种事件")
        async with self._database.work() as work:
            last = await work.session.scalar(select(func.max(StoredEvent.seq))) or 0
            hook = Hook(
                id=new_id(), name=name, url=url, topics=chosen, personal=personal, made_at=self._clock.now(),
                made_by=by[:60], seq=last, first_seq=last, secret_no=1,
            )  # fmt: skip
            work.session.add(hook)
        return hook

    def secrets(self, hook: Hook, now: datetime) -> tuple[str, ...]:
        """What its messages are signed with: the present secret first, the former one while it still holds."""
        former = hook.former_until is not None and hook.former_until > now and hook.secret_no > 1
        return tuple(self._made(hook.id, number) for number in (hook.secret_no, hook.secret_no - 1)[: 1 + former])

    def _made(self, hook_id: str, number: int) -> str:
        made = hmac.new(self._secret, f"hook:{hook_id}:{number}".encode(), hashlib.sha256).digest()
        return "whsec_" + base64.b64encode(made).decode()

    async def rotate(self, hook_id: str) -> Hook:
        """A new secret; for 24 hours messages are signed by both."""
        async with self._database.work() as work:
            hook = await _get(work.session, hook_id)
            hook.secret_no += 1
            hook.former_until = self._clock.now() + OVERLAP
            return hook

    async def pause(self, hook_id: str, paused: bool) -> Hook:
        """Send nothing, or go on with what waits."""
        async with self._database.work() as work:
            hook = await _get(work.session, hook_id)
            hook.paused_at = (hook.paused_at or self._clock.now()) if paused else None
            return hook

    async def remove(self, hook_id: str) -> None:
        """Tell it nothing any more; what waits for it is given up."""
        async with self._database.work() as work:
            hook = await _get(work.session, hook_id)
            hook.removed_at = self._clock.now()
            await work.session.execute(
                update(Delivery)
                .where(Delivery.hook_id == hook_id, Delivery.state == "waiting")
                .values(state="dead", error="订阅已取消")
            )

    async def ping(self, hook_id: str) -> int:
        """Queue a message that means nothing; its number."""
        now = self._clock.now()
        async with self._database.work() as work:
            hook = await _get(work.session, hook_id)
            name = f"{new_id()}.{topics.PING}"
            body = {
                "id": name,
                "topic": topics.PING,
                "timestamp": now.isoformat(),
                "data": {"city": self.city.profile.name},
            }
            row = Delivery(
                hook_id=hook.id, message_id=name, topic=topics.PING, ticket_id="", number="", made_at=now, next_at=now,
                body=json.dumps(body, ensure_ascii=False).encode(), state="waiting", attempts=0,
            )  # fmt: skip
            work.session.add(row)
            await work.session.flush()
            return row.id

    async def replay(self, hook_id: str = "", delivery_id: int | None = None) -> int:
        """Send dead letters once more: one, or all of a hook, or all; how many."""
        now = self._clock.now()
        query = update(Delivery).where(
            Delivery.state == "dead",
            Delivery.hook_id.in_(select(Hook.id).where(Hook.removed_at.is_(None))),
        )
        if hook_id:
            query = query.where(Delivery.hook_id == hook_id)
        if delivery_id is not None:
            query = query.where(Delivery.id == delivery_id)
        async with self._database.work() as work:
            done = await work.session.execute(
                query.values(state="waiting", attempts=0, next_at=now, held_until=None, error="")
            )
        return done.rowcount if isinstance(done, CursorResult) else 0

    async def hand_over(self, ticket_id: str, by: Actor, note: str = "") -> Ticket:
        """Tell those who take emergencies over of this one, now."""
        now = self._clock.now()
        async with self._database.work() as work:
            ticket = await TicketRepository(work.session).get(ticket_id)
            if not ticket.is_emergency:
                raise HeyiError("只有紧急工单可以移交", hint=ticket.number)
            kept(work, ticket, "hand_over", by, now, note or "移交其他系统")
            work.record(
                EmergencyHandedOver(
                    at=now, call_id=ticket.call_id, ticket_id=ticket.id, number=ticket.number, by=by.login, note=note
                )
            )
            return ticket

    # --- the queue ----------------------------------------------------------------------------------------------

    async def collect(self) -> int:
        """Queue messages for what happened since; how many. Call until it gives 0: a pass looks at so many events."""
        async with self._database.read() as session:
            last = await session.scalar(select(func.max(StoredEvent.seq))) or 0
            first = await session.scalar(select(func.min(Hook.seq)).where(Hook.removed_at.is_(None)))
        if first is None or first >= last:
            return 0
        made = 0
        async with self._database.work() as work:
            hooks = list(await work.session.scalars(select(Hook).where(Hook.removed_at.is_(None)).with_for_update()))
            back = 0 if work.session.get_bind().dialect.name == "sqlite" else _LOOK_BACK
            begin = min(hook.seq for hook in hooks) if hooks else last
            rows = (
                await work.session.scalars(
                    select(StoredEvent)
                    .where(StoredEvent.seq > begin - back, StoredEvent.seq <= last, StoredEvent.type.in_(topics.EVENTS))
                    .order_by(StoredEvent.seq)
                    .limit(_BATCH + back)
                )
            ).all()
            reached = last if len(rows) < _BATCH + back else rows[-1].seq
            for hook in hooks:
                fresh = [row for row in rows if row.seq > max(hook.seq - back, hook.first_seq)]
                made += await self._queue(work, hook, fresh)
                hook.seq = max(hook.seq, reached)
        return made

    async def _queue(self, work: Work, hook: Hook, rows: Sequence[StoredEvent]) -> int:
        now, made = self._clock.now(), 0
        known = set(
            await work.session.scalars(
                select(Delivery.message_id).where(
                    Delivery.hook_id == hook.id,
                    Delivery.message_id.in_([f"{row.id}.{topic}" for row in rows for topic in hook.topics]),
                )
            )
        )
        for row in rows:
            event = json.loads(row.body)
            ticket = await work.session.get(Ticket, event.get("ticket_id", ""))
            if ticket is None:
                continue
            for topic in topics.topics(row.type, event, ticket.is_emergency):
                name = f"{row.id}.{topic}"
                if topic not in hook.topics or name in known:
                    continue
                sequence = await _next(work.session, hook, ticket)
                data = await self._data(work.session, hook, topic, ticket)
                body = topics.message(name, topic, row.at, sequence, row.type, event, data)
                work.session.add(
                    Delivery(
                        hook_id=hook.id, message_id=name, topic=topic, ticket_id=ticket.id, number=ticket.number,
                        made_at=now, body=body, next_at=now, state="waiting", attempts=0, sequence=sequence,
                    )
                )  # fmt: skip
                made += 1
        return made

    async def _data(self, session: AsyncSession, hook: Hook, topic: str, ticket: Ticket) -> Mapping[str, Any]:
        if topic == topics.HANDOVER:
            return await self.eido(session, ticket)
        return topics.ticket_view(ticket, personal=hook.personal)

    async def eido(self, session: AsyncSession, ticket: Ticket) -> dict[str, Any]:
        """The emergency as it now is, with all calls of its incident."""
        repository = TicketRepository(session)
        children = [child for _, child in await repository.children(ticket.id)]
        call_ids = [one.call_id for one in (ticket, *children) if one.call_id]
        rows = await session.scalars(select(CallRow).where(CallRow.id.in_(call_ids)).order_by(CallRow.arrived_at))
        calls = [
            CallFacts(call_id=r.id, line=r.line, caller=r.caller, arrived_at=r.arrived_at, answered_at=r.answered_at,
                      ended_at=r.ended_at)
            for r in rows
        ]  # fmt: skip
        scene: Scene = await self._scene(session, ticket)
        item = (await session.scalars(select(DoorItem).where(DoorItem.ticket_id == ticket.id))).one_or_none()
        point = scene.point
        if point is None and item is not None and item.lat is not None and item.lon is not None:
            point = Point(item.lat, item.lon)
        notes = [*notes_of(ticket, await repository.history(ticket.id)), *scene.notes]
        return eido(ticket, self.city, self._clock.now(), calls=calls, units=scene.units, notes=notes, point=point)


@dataclass(frozen=True)
class HookState:
    """A subscription with the state of its queue."""

    hook: Hook
    waiting: int
    dead: int
    done: int
    oldest: datetime | None


async def states(session: AsyncSession) -> list[HookState]:
    """All subscriptions that were not removed, the oldest first."""
    hooks = (await session.scalars(select(Hook).where(Hook.removed_at.is_(None)).order_by(Hook.made_at))).all()
    counted: dict[tuple[str, str], tuple[int, datetime | None]] = {
        (row[0], row[1]): (row[2], row[3])
        for row in await session.execute(
            select(Delivery.hook_id, Delivery.state, func.count(), func.min(Delivery.made_at)).group_by(
                Delivery.hook_id, Delivery.state
            )
        )
    }
    nothing = (0, None)
    return [
        HookState(
            hook,
            counted.get((hook.id, "waiting"), nothing)[0],
            counted.get((hook.id, "dead"), nothing)[0],
            counted.get((hook.id, "done"), nothing)[0],
            counted.get((hook.id, "waiting"), nothing)[1],
        )
        for hook in hooks
    ]


async def deliveries(session: AsyncSession, hook_id: str = "", state: str = "", limit: int = 100) -> Sequence[Delivery]:
    """Messages, the newest first."""
    query = select(Delivery)
    if hook_id:
        query = query.where(Delivery.hook_id == hook_id)
    if state:
        query = query.where(Delivery.state == state)
    return (await session.scalars(query.order_by(Delivery.id.desc()).limit(limit))).all()


def of_interest(event: Event) -> bool:
    """Whether somebody may have to be told of it."""
    return event.type in topics.EVENTS


async def _next(session: AsyncSession, hook: Hook, ticket: Ticket) -> int:
    """The number of the next message about this ticket; whoever queues for a hook holds its row."""
    order = await session.get(HookOrder, (hook.id, ticket.id))
    if order is None:
        order = HookOrder(hook_id=hook.id, ticket_id=ticket.id, last=0)
        session.add(order)
    order.last += 1
    return order.last


async def _get(session: AsyncSession, hook_id: str) -> Hook:
    hook = await session.get(Hook, hook_id)
    if hook is None or hook.removed_at is not None:
        raise HeyiError("没有这个推送订阅", hint=hook_id)
    return hook
