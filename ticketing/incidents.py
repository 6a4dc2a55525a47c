"""Tickets of one incident: people link them to a head, and they close with it. Software only suggests.

An incident is one head and its children; a child has no children of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.orm.exc import StaleDataError

from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from telephony.ledger import CallRow
from ticketing.actor import SYSTEM, Actor
from ticketing.assign.follow import changing
from ticketing.callbacks.plan import CallbackPolicy
from ticketing.clocks.keeper import Keeper
from ticketing.events import TicketState
from ticketing.flows.table import Flows
from ticketing.moves import join, kept, move
from ticketing.repository import TicketRepository
from ticketing.schedule import callback_number, schedule
from ticketing.tables import Ticket, TicketLink

#: Silent, and mistaken or nuisance calls.
MISDIALLED = ("X01", "X02")
#: A department has the matter in hand, or has had it.
_CARRIED: tuple[TicketState, ...] = ("dispatched", "handling", "reported", "callback")


class Incidents:
    """Links tickets and takes them apart again: call takers and supervisors, nobody else and no program."""

    def __init__(self, database: Database, clock: Clock, keeper: Keeper) -> None:
        self._keeper = keeper
        self._database = database
        self._clock = clock

    async def link(self, ticket_id: str, to_id: str, by: Actor) -> Ticket:
        """Make a ticket, with what was linked to it, part of the incident of another; returns the incident's head.

        Once it is part of it nothing changes. :class:`NotAllowed` for departments and software, and where either is
        closed; :class:`HeyiError` for a ticket and itself.
        """
        async with self._change(by, ticket_id) as work:
            repository, now = TicketRepository(work.session), self._clock.now()
            ticket, head = await repository.get(ticket_id), await self._head(repository, to_id)
            if ticket_id == to_id:
                raise HeyiError("不能并入工单自身", hint=ticket.number)
            known = await repository.link_of(ticket.id)
            if known is not None and known.head_id == head.id:
                return head
            if head.id == ticket.id:
                raise Conflict("两张工单已是同一事件", hint=f"{ticket.number} 为主单")
            for one in (ticket, head):
                if one.state == "closed":
                    raise NotAllowed("工单已结案，不能并入", hint=one.number)
            if known is not None:
                await part(work, known, ticket, by, now)
            for link, child in await repository.children(ticket.id):
                # What was found to be one with this ticket is one with its new head.
                await part(work, link, child, by, now)
                _tie(work, child, head, by, now, link.stays)
            _tie(work, ticket, head, by, now, False)
            return head

    async def unlink(self, ticket_id: str, by: Actor) -> Ticket:
        """Take a ticket out of its incident: from then on it stands for itself."""
        async with self._change(by, ticket_id) as work:
            ticket, link = await self._linked(TicketRepository(work.session), ticket_id)
            await part(work, link, ticket, by, self._clock.now())
            return ticket

    async def stay(self, ticket_id: str, by: Actor, stays: bool = True) -> Ticket:
        """Refuse that a linked ticket closes with its head, or allow it again."""
        async with self._change(by, ticket_id) as work:
            ticket, link = await self._linked(TicketRepository(work.session), ticket_id)
            if link.stays != stays:
                link.stays = stays
                note = "不随主单结案" if stays else "随主单结案"
                kept(work, ticket, "stay" if stays else "unstay", by, self._clock.now(), note)
            return ticket

    @asynccontextmanager
    async def _change(self, by: Actor, ticket_id: str) -> AsyncIterator[Work]:
        if by.role not in ("agent", "supervisor"):
            raise NotAllowed("只有坐席和值班主任可以并单和撤出", hint=by.login)
        try:
            async with changing(self._database, self._keeper) as work:
                yield work
        except (StaleDataError, IntegrityError) as error:
            raise Conflict("工单刚被他人修改，请刷新后再试", hint=ticket_id) from error

    @staticmethod
    async def _head(repository: TicketRepository, ticket_id: str) -> Ticket:
        link = await repository.link_of(ticket_id)
        return await repository.get(link.head_id if link else ticket_id)

    @staticmethod
    async def _linked(repository: TicketRepository, ticket_id: str) -> tuple[Ticket, TicketLink]:
        ticket, link = await repository.get(ticket_id), await repository.link_of(ticket_id)
        if link is None:
            raise Conflict("工单没有并入其他工单", hint=ticket.number)
        return ticket, link


async def part(work: Work, link: TicketLink, ticket: Ticket, by: Actor, now: datetime) -> None:
    """Take a ticket out of its incident; part of the caller's unit of work."""
    head = await TicketRepository(work.session).get(link.head_id)
    await work.session.delete(link)
    await work.session.flush()
    join(work, ticket, head, by, now, linked=False)


def _tie(work: Work, ticket: Ticket, head: Ticket, by: Actor, now: datetime, stays: bool) -> None:
    work.session.add(TicketLink(child_id=ticket.id, head_id=head.id, at=now, who=by.login, stays=stays))
    join(work, ticket, head, by, now, linked=True)


async def is_carried(session: AsyncSession, ticket: Ticket) -> bool:
    """Whether this ticket's department has its matter in hand already, by the head that it is linked to."""
    repository = TicketRepository(session)
    link = await repository.link_of(ticket.id)
    if link is None:
        return False
    return _carries(await repository.get(link.head_id), ticket)


async def carried(session: AsyncSession) -> set[str]:
    """Ids of all tickets that are filed and carried by their heads (:func:`is_carried`); one query."""
    head = aliased(Ticket)
    query = (
        select(Ticket, head)
        .join(TicketLink, TicketLink.child_id == Ticket.id)
        .join(head, head.id == TicketLink.head_id)
        .where(Ticket.state == "filed")
    )
    return {child.id for child, above in await session.execute(query) if _carries(above, child)}


def _carries(head: Ticket, child: Ticket) -> bool:
    return head.state in _CARRIED and child.department in (head.department, *head.assist) and follows(head, child)


def follows(head: Ticket, child: Ticket) -> bool:
    """Whether ``child`` closes when ``head`` does.

    An emergency closes only with an emergency, and never because another call was a mistake.
    """
    return not child.is_emergency or (head.is_emergency and head.code not in MISDIALLED)


async def close_children(work: Work, flows: Flows, head: Ticket, now: datetime, policy: CallbackPolicy) -> None:
    """Close what closes with ``head``, which has just been closed; part of the caller's unit of work.

    What a person refused stays open, and so does a draft whose caller is still on the line. Every caller of what closes
    is called back, one number once: the head's has been, or was answered.
    """
    repository, city = TicketRepository(work.session), flows.city
    told = {callback_number(head, city), ""}
    for link, child in await repository.children(head.id):
        if child.state == "closed" or link.stays or not follows(head, child):
            continue
        if child.state == "draft" and await _on_the_line(work.session, child):
            continue
        move(work, flows, child, "follow", SYSTEM, now, f"主单 {head.number} 已结案")
        child.result = child.result or head.result
        child.escalated_at = None
        number = callback_number(child, city)
        if number in told or not {head.code, child.code}.isdisjoint(MISDIALLED):
            await repository.drop_planned_callbacks(child.id)
            continue
        told.add(number)
        # An attempt that is planned or running already stays the one.
        await schedule(work, child, policy, now)


async def followed(session: AsyncSession, ticket: Ticket) -> TicketLink | None:
    """The link by which this ticket closed with its head; None where it did not."""
    repository = TicketRepository(session)
    link = await repository.link_of(ticket.id)
    if link is None or ticket.state != "closed":
        return None
    head = await repository.get(link.head_id)
    return link if head.state == "closed" and head.closed_at == ticket.closed_at else None


async def _on_the_line(session: AsyncSession, ticket: Ticket) -> bool:
    row = (await session.execute(select(CallRow.ended_at).where(CallRow.id == ticket.call_id))).one_or_none()
    return row is not None and row[0] is None
