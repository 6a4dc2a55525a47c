"""Answers to letters (市长信箱): a draft, its approval, the reply as it was sent, each step kept with its words."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from core.city import City
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import Actor
from ticketing.doors.events import LetterMoved, LetterState
from ticketing.doors.intake import cleaned
from ticketing.doors.mail import queue_reply
from ticketing.doors.tables import DoorItem, Letter, LetterStep
from ticketing.moves import kept
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

MAX_REPLY = 10_000
STATE_NAMES: dict[LetterState, str] = {
    "waiting": "待拟稿",
    "drafted": "拟稿中",
    "submitted": "待审批",
    "returned": "退回修改",
    "approved": "待发送",
    "sent": "已答复",
}
LetterAction = Literal["write", "submit", "approve", "return", "withdraw", "send"]
ACTION_NAMES: dict[str, str] = {
    "write": "拟稿",
    "submit": "送审",
    "approve": "批准",
    "return": "退回修改",
    "withdraw": "撤回",
    "send": "发送",
}


@dataclass(frozen=True)
class Edge:
    """One way of an answer from one state to the next."""

    before: tuple[LetterState, ...]
    action: LetterAction
    after: LetterState
    roles: tuple[str, ...]
    reason: str


EDGES = (
    Edge(("waiting", "drafted", "returned"), "write", "drafted", ("agent", "department", "supervisor"),
         "承办单位或坐席起草，可反复修改，每一稿都留存"),
    Edge(("drafted",), "submit", "submitted", ("agent", "department", "supervisor"),
         "送审后文字不再变动，批准的就是发出的"),
    Edge(("submitted",), "approve", "approved", ("supervisor",), "对外答复须由值班主任审定"),
    Edge(("submitted",), "return", "returned", ("supervisor",), "写明修改意见，退回起草人"),
    Edge(("submitted", "approved"), "withdraw", "drafted", ("agent", "department", "supervisor"),
         "尚未发出的稿件可以撤回重写，重写后须重新审批"),
    Edge(("approved",), "send", "sent", ("agent", "supervisor"), "按审定稿发出，发出后不能更改"),
)  # fmt: skip
_TABLE = {(before, edge.action): edge for edge in EDGES for before in edge.before}


def step(state: LetterState, action: LetterAction, role: str) -> LetterState:
    """Where ``action`` leads; :class:`NotAllowed` where the table has no such way for this role. Pure."""
    edge = _TABLE.get((state, action))
    if edge is None:
        raise NotAllowed("答复当前状态不能这样处理", hint=f"{STATE_NAMES[state]} × {ACTION_NAMES[action]}")
    if role not in edge.roles:
        raise NotAllowed("您的岗位不能这样处理答复", hint=f"{role} × {ACTION_NAMES[action]}")
    return edge.after


def actions(state: LetterState, role: str) -> tuple[LetterAction, ...]:
    """What a role may do now: the buttons of a screen."""
    return tuple(edge.action for edge in EDGES if state in edge.before and role in edge.roles)


def proposal(ticket: Ticket, title: str, received: datetime, city: City) -> str:
    """A first draft from what the ticket knows. ``received`` in the city's time. Pure.

    Where the department has not reported yet there is a gap for a person to fill.
    """
    department = city.department(ticket.department)
    about = f"关于“{title}”的来信" if title else "来信"
    result = ticket.result.strip() or "（请填写办理情况）"
    office = department.name if department else "有关单位"
    signature = city.doors.signature or f"{city.profile.name}市长信箱"
    return (
        f"{ticket.contact_name or '来信人'}，您好：\n"
        f"您于{day_of(received)}{about}（编号 {ticket.number}）已收悉，现答复如下。\n"
        f"经{office}办理：{result}{'' if result.endswith(('。', '！', '）')) else '。'}\n"
        f"感谢您的关心与支持。\n{signature}"
    )


#: Where the stamp goes on paper.
SEAL = "（盖章）"


def heading(title: str) -> str:
    """What stands above a reply, and is the subject of its email."""
    return f"关于“{title}”的答复" if title else "来信答复"


def day_of(at: datetime) -> str:
    """A day as it stands under a letter; ``at`` in the city's time."""
    return f"{at.year}年{at.month}月{at.day}日"


@dataclass(frozen=True)
class LetterView:
    """A letter with its ticket."""

    letter: Letter
    item: DoorItem
    ticket: Ticket


class Letters:
    """What people do to answers. A department works on those of its own tickets.

    ``mails``: replies go out by email to writers who left an address.
    """

    def __init__(self, database: Database, clock: Clock, *, mails: bool = False) -> None:
        self._database = database
        self._mails = mails
        self._clock = clock

    async def write(self, item_id: str, by: Actor, words: str, version: int | None = None) -> Letter:
        """Save a draft. ``version`` is the one that the person saw: :class:`Conflict` where another was saved since."""
        async with self._change(item_id, by) as (work, letter, ticket):
            if version is not None and version != letter.version:
                raise Conflict("答复稿刚被他人修改，请刷新后再试")
            letter.draft = cleaned(words, MAX_REPLY, "答复", lines=True)
            self._step(work, letter, ticket, "write", by, letter.draft)
            return letter

    async def submit(self, item_id: str, by: Actor) -> Letter:
        async with self._change(item_id, by) as (work, letter, ticket):
            if not letter.draft.strip():
                raise HeyiError("请先写好答复")
            self._step(work, letter, ticket, "submit", by, letter.draft)
            return letter

    async def approve(self, item_id: str, by: Actor) -> Letter:
        """What is approved is what was submitted: the words do not change any more."""
        async with self._change(item_id, by) as (work, letter, ticket):
            self._step(work, letter, ticket, "approve", by, letter.draft)
            return letter

    async def send_back(self, item_id: str, by: Actor, why: str) -> Letter:
        async with self._change(item_id, by) as (work, letter, ticket):
            if not why.strip():
                raise HeyiError("请填写修改意见")
            self._step(work, letter, ticket, "return", by, letter.draft, why.strip())
            return letter

    async def withdraw(self, item_id: str, by: Actor) -> Letter:
        async with self._change(item_id, by) as (work, letter, ticket):
            self._step(work, letter, ticket, "withdraw", by, letter.draft)
            return letter

    async def send(self, item_id: str, by: Actor, *, public: bool) -> Letter:
        """The reply is there for its writer; with ``public``, and the writer's consent, for everybody."""
        async with self._change(item_id, by) as (work, letter, ticket):
            item = await work.session.get(DoorItem, item_id)
            if public and (item is None or not item.public):
                raise NotAllowed("来信人未同意公开，只能答复来信人")
            letter.reply, letter.public, letter.sent_at = letter.draft, public, self._clock.now()
            self._step(work, letter, ticket, "send", by, letter.reply, "公开答复" if public else "答复来信人")
            mailed = self._mails and item is not None
            if mailed and item is not None:
                mailed = await queue_reply(work, item, ticket, heading(item.title), letter.reply, self._clock.now())
            note = ("公开答复" if public else "答复来信人") + ("，并发电子邮件" if mailed else "")
            kept(work, ticket, "reply", by, self._clock.now(), note)
            return letter

    def _step(
        self, work: Work, letter: Letter, ticket: Ticket, action: LetterAction, by: Actor, words: str, note: str = ""
    ) -> None:
        now, before = self._clock.now(), letter.state
        letter.state = step(before, action, by.role)
        work.session.add(
            LetterStep(
                item_id=letter.item_id, at=now, who=by.login, action=action, after=letter.state, words=words, note=note
            )
        )
        work.record(
            LetterMoved(
                at=now, ticket_id=letter.ticket_id, number=ticket.number, before=before, after=letter.state,
                by=by.login, public=letter.public,
            )
        )  # fmt: skip

    @asynccontextmanager
    async def _change(self, item_id: str, by: Actor) -> AsyncIterator[tuple[Work, Letter, Ticket]]:
        try:
            async with self._database.work() as work:
                letter = await work.session.get(Letter, item_id)
                if letter is None:
                    raise HeyiError("没有这封来信", hint=item_id)
                ticket = await TicketRepository(work.session).get(letter.ticket_id)
                if not by.may_touch(ticket.department):
                    raise NotAllowed("这封来信不由您的部门承办", hint=ticket.number)
                yield work, letter, ticket
        except StaleDataError as error:
            raise Conflict("答复稿刚被他人修改，请刷新后再试") from error


async def find(
    session: AsyncSession,
    states: Sequence[LetterState],
    departments: Collection[str] | None = None,
    limit: int = 200,
    start: int = 0,
) -> list[LetterView]:
    """Letters in these states, those due first; sent ones the newest first. ``departments``: only of their tickets."""
    order = (Letter.sent_at.desc(), Letter.item_id) if tuple(states) == ("sent",) else (Letter.due_at, Letter.item_id)
    query = _joined().where(Letter.state.in_(states))
    if departments is not None:
        query = query.where(Ticket.department.in_(departments))
    rows = await session.execute(query.order_by(*order).offset(start).limit(limit))
    return [LetterView(*row) for row in rows]


async def of_item(session: AsyncSession, item_id: str) -> LetterView | None:
    row = (await session.execute(_joined().where(Letter.item_id == item_id))).one_or_none()
    return None if row is None else LetterView(*row)


async def steps(session: AsyncSession, item_id: str) -> Sequence[LetterStep]:
    """All that was done to an answer, oldest first."""
    return (
        await session.scalars(select(LetterStep).where(LetterStep.item_id == item_id).order_by(LetterStep.id))
    ).all()


async def counts(session: AsyncSession, departments: Collection[str] | None = None) -> dict[str, int]:
    """How many letters are in each state, of these departments' tickets, or of all."""
    query = select(Letter.state, func.count()).join(Ticket, Ticket.id == Letter.ticket_id).group_by(Letter.state)
    if departments is not None:
        query = query.where(Ticket.department.in_(departments))
    return {row[0]: row[1] for row in await session.execute(query)}


async def published(session: AsyncSession, limit: int = 50) -> list[LetterView]:
    """Replies for everybody, the newest first."""
    query = _joined().where(Letter.state == "sent", Letter.public.is_(True), DoorItem.public.is_(True))
    return [LetterView(*row) for row in await session.execute(query.order_by(Letter.sent_at.desc()).limit(limit))]


def _joined() -> Select[Letter, DoorItem, Ticket]:
    return (
        select(Letter, DoorItem, Ticket)
        .join(DoorItem, DoorItem.id == Letter.item_id)
        .join(Ticket, Ticket.id == Letter.ticket_id)
    )
