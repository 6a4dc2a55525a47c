"""Callbacks that a person makes: what waits, one click to call, what the caller said; and who does it again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from telephony.ledger import CallRow
from ticketing.actor import Actor
from ticketing.assign.follow import changing
from ticketing.callbacks import second
from ticketing.callbacks.outcome import settle
from ticketing.moves import kept
from ticketing.repository import TicketRepository
from ticketing.schedule import callback_number
from ticketing.service import Tickets
from ticketing.tables import Callback, SecondHandler, Ticket

#: Why a caller is not satisfied: key and name.
REASONS: dict[str, str] = {
    "undone": "没有解决",
    "partly": "解决不彻底",
    "late": "办理太慢",
    "manner": "态度不好",
    "uncontacted": "没有人联系",
    "other": "其他",
}
#: What a person says came of his call.
Said = Literal["satisfied", "unsatisfied", "no_answer", "later"]
#: Whoever began a call and wrote nothing down for so long has lost it: the attempt counts as failed.
FORGOTTEN = timedelta(hours=2)
#: A caller may put a call off at most so far.
_FAR = timedelta(days=14)
_WORDS = 2000


class CallbackDesk:
    """What call takers and supervisors do about callbacks. Errors as in :class:`ticketing.service.Tickets`."""

    def __init__(self, database: Database, tickets: Tickets, clock: Clock) -> None:
        self._database, self._tickets, self._clock = database, tickets, clock

    async def waiting(self, limit: int = 200, start: int = 0) -> Sequence[tuple[Callback, Ticket]]:
        """What people are to call now, and what they are calling: the longest due first, so many from ``start`` on."""
        query = (
            select(Callback, Ticket)
            .join(Ticket, Ticket.id == Callback.ticket_id)
            .where(Callback.channel == "person", Callback.ended_at.is_(None), Callback.due_at <= self._clock.now())
            .order_by(Callback.due_at, Callback.id).offset(start).limit(limit)
        )  # fmt: skip
        async with self._database.read() as session:
            return [(row[0], row[1]) for row in await session.execute(query)]

    async def begin(self, callback_id: int, by: Actor) -> tuple[Callback, str]:
        """Claim an attempt; it and the number to dial, which is empty where there is none (it has failed then).

        Whoever has claimed it gets it again. :class:`NotAllowed` in quiet hours, :class:`Conflict` where another person
        calls, or where this caller is being called about another ticket.
        """
        _asker(by)
        now = self._clock.now()
        if self._tickets.policy.quiet(now):
            raise NotAllowed("现在是免打扰时段，不能回访", hint=f"{self._tickets.policy.quiet_to:%H:%M}")
        async with changing(self._database, self._tickets.clocks.keeper) as work:
            repository, row = TicketRepository(work.session), await _get(work.session, callback_id)
            ticket = await repository.get(row.ticket_id)
            if row.ended_at is not None:
                raise Conflict("这次回访已有结果", hint=ticket.number)
            if row.placed_at is not None:
                if row.who != by.login:
                    raise Conflict("正在回访，请勿重复拨打", hint=row.who or ticket.number)
                return row, row.number
            number = callback_number(ticket, self._tickets.city)
            if number and await being_called(work.session, number):
                raise Conflict("正就另一工单回访这个号码", hint=number)
            claimed = (
                update(Callback)
                .where(Callback.id == row.id, Callback.placed_at.is_(None), Callback.ended_at.is_(None))
                .values(placed_at=now, number=number, who=by.login, channel="person")
            )
            if getattr(await work.session.execute(claimed), "rowcount", 0) != 1:
                raise Conflict("正在回访，请勿重复拨打", hint=ticket.number)
            await work.session.refresh(row)
            if not number:
                await settle(work, self._tickets, row, "failed", now)
            return row, number

    async def begin_ticket(self, ticket_id: str, by: Actor) -> tuple[Callback, str]:
        """Call this ticket's caller now instead of waiting for the planned attempt, whoever was to make it."""
        async with self._database.read() as session:
            rows = await TicketRepository(session).callbacks(ticket_id)
        planned = next((row for row in rows if row.ended_at is None), None)
        if planned is None:
            raise Conflict("没有待回访的计划", hint=ticket_id)
        return await self.begin(planned.id, by)

    async def result(
        self, callback_id: int, by: Actor, said: Said, *, solved: bool | None = None, reason: str = "",
        words: str = "", asked: datetime | None = None,
    ) -> Callback:  # fmt: skip
        """What came of a call that this person began. ``asked``: when the caller wishes to be called instead."""
        _asker(by)
        now, words = self._clock.now(), words.strip()[:_WORDS]
        if reason and reason not in REASONS:
            raise HeyiError("没有这个原因", hint=reason[:20])
        if said == "unsatisfied" and not reason:
            raise HeyiError("请选择不满意的原因")
        if said == "later" and (asked is None or not now < asked <= now + _FAR):
            raise HeyiError("请填写来电人约定的时间，两周以内")
        try:
            async with changing(self._database, self._tickets.clocks.keeper) as work:
                row = await _get(work.session, callback_id)
                if row.placed_at is None or row.who != by.login:
                    raise NotAllowed("只有拨打的人可以登记回访结果", hint=row.who or by.login)
                if row.ended_at is not None:
                    raise Conflict("这次回访已有结果", hint=row.who)
                row.solved, row.reason, row.words = solved, reason if said == "unsatisfied" else "", words
                row.desk_call = await _desk_call(work.session, row, by) or row.desk_call
                await settle(work, self._tickets, row, said, now, asked=asked if said == "later" else None)
                return row
        except StaleDataError as error:
            raise Conflict("工单刚被他人修改，请刷新后再试", hint=str(callback_id)) from error

    async def sweep(self) -> int:
        """Attempts that somebody began and forgot count as failed, so that the plan goes on. How many."""
        now = self._clock.now()
        async with self._database.read() as session:
            running = await TicketRepository(session).callbacks_running("person")
        forgotten = [row.id for row in running if row.placed_at and now - row.placed_at > FORGOTTEN]
        for callback_id in forgotten:
            async with changing(self._database, self._tickets.clocks.keeper) as work:
                await settle(work, self._tickets, await _get(work.session, callback_id), "failed", now)
        return len(forgotten)

    async def second_handler(
        self, ticket_id: str, by: Actor, name: str, known_as: Mapping[str, str] | None = None
    ) -> SecondHandler:
        """Name who does again what the caller was not satisfied with: not the one who reported it before.

        ``known_as``: people's names by login.
        """
        name = " ".join(name.split())[:60]
        if not name:
            raise HeyiError("请填写换由谁办理")
        async with self._again(ticket_id, by) as (work, ticket):
            if by.role in ("agent", "dispatcher"):
                raise NotAllowed("换人办理由承办部门或值班主任登记", hint=by.login)
            former = await second.former(work.session, ticket_id)
            before = {row.name for row in await second.handlers(work.session, ticket_id) if row.round < ticket.reopened}
            if name in before | {former.login, (known_as or {}).get(former.login, former.login)}:
                raise NotAllowed("须换由另一人办理", hint=name)
            row = await self._handler(work, ticket, former.login, by)
            row.name = name
            kept(work, ticket, "handler", by, row.at, f"重办换由{name}办理")
            return row

    async def overrule(self, ticket_id: str, by: Actor, reason: str) -> SecondHandler:
        """Let the same person do it again: only whom the city lets decide that, and with a reason."""
        why = reason.strip()[:500]
        if not why:
            raise HeyiError("请填写理由")
        if by.role not in self._tickets.city.callbacks.second_overrule:
            raise NotAllowed("您没有此项权限", hint=by.login)
        async with self._again(ticket_id, by) as (work, ticket):
            former = await second.former(work.session, ticket_id)
            row = await self._handler(work, ticket, former.login, by)
            row.overruled_by, row.overruled_why = by.login, why
            kept(work, ticket, "overrule_2nd", by, row.at, f"准予原经办人再办：{why}")
            return row

    @asynccontextmanager
    async def _again(self, ticket_id: str, by: Actor) -> AsyncIterator[tuple[Work, Ticket]]:
        """A unit of work on a ticket of his area that is being done again."""
        try:
            async with self._database.work() as work:
                ticket = await TicketRepository(work.session).get(ticket_id)
                if not by.may_touch(ticket.department):
                    raise NotAllowed("这张工单不在您的辖区", hint=ticket.number)
                if ticket.reopened == 0 or ticket.state == "closed":
                    raise NotAllowed("只有退回重办的工单须换人办理", hint=ticket.number)
                yield work, ticket
        except (StaleDataError, IntegrityError) as error:
            raise Conflict("工单刚被他人修改，请刷新后再试", hint=ticket_id) from error

    async def _handler(self, work: Work, ticket: Ticket, former: str, by: Actor) -> SecondHandler:
        row = await work.session.get(SecondHandler, (ticket.id, ticket.reopened))
        if row is None:
            row = SecondHandler(ticket_id=ticket.id, round=ticket.reopened, former=former, name="")
            work.session.add(row)
        row.at, row.who = self._clock.now(), by.login
        return row


async def _get(session: AsyncSession, callback_id: int) -> Callback:
    row = await session.get(Callback, callback_id)
    if row is None:
        raise HeyiError("没有这次回访", hint=str(callback_id))
    return row


async def being_called(session: AsyncSession, number: str) -> bool:
    """Whether somebody, or the robot, is calling this number back just now."""
    query = select(Callback.id).where(
        Callback.number == number, Callback.placed_at.is_not(None), Callback.ended_at.is_(None),
        Callback.channel != "sms",
    )  # fmt: skip
    return await session.scalar(query.limit(1)) is not None


async def _desk_call(session: AsyncSession, row: Callback, by: Actor) -> str:
    """The call that this person's desk made to this number since then; it has recording and transcript."""
    if not by.extension or row.placed_at is None:
        return ""
    query = (
        select(CallRow.id)
        .where(
            CallRow.direction == "out", CallRow.agent == by.extension, CallRow.arrived_at >= row.placed_at,
            CallRow.caller.endswith(row.number, autoescape=True),
        )
        .order_by(CallRow.arrived_at.desc()).limit(1)
    )  # fmt: skip
    return await session.scalar(query) or ""


def _asker(by: Actor) -> None:
    if by.role not in ("agent", "supervisor"):
        raise NotAllowed("只有坐席和值班主任可以回访", hint=by.login)
