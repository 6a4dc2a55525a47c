"""What each step of a ticket starts and stops: the one place where tickets and clocks meet.

Whoever changes tickets does so in :func:`clocked`, or calls :func:`follow` at the end of the unit of work, once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city_clocks import ClockKind
from core.city_flows import FlowAction
from core.database import Database, Work
from telephony.ledger import CallRow
from ticketing.actor import STAFF
from ticketing.clocks.keeper import Keeper
from ticketing.clocks.tables import TicketClock
from ticketing.events import TicketDrafted, TicketEdited, TicketEvent, TicketLinked, TicketMoved, TicketUnlinked
from ticketing.tables import Ticket, TicketLink


@dataclass(frozen=True)
class Effect:
    """What an action does to the ticket's own clocks, where it leads to this phase."""

    stops: tuple[ClockKind, ...]
    starts: tuple[ClockKind, ...]
    #: Why.
    reason: str
    #: What nobody is to do any more, so that it was neither in time nor late.
    withdraws: tuple[ClockKind, ...] = ()


#: By action; a department's acceptance neither starts nor stops its handling.
EFFECTS: dict[FlowAction, Effect] = {
    "dispatch": Effect(("dispatch",), ("accept", "arrive", "handle"), "派出之时起算：接单、到场、办理，不等部门接单"),
    "accept": Effect(("accept",), (), "已接单"),
    "refuse": Effect(
        ("accept",), ("dispatch",), "接单时限内已答复（退单）；须另派，办理时限照走，退单不停表", withdraws=("arrive",)
    ),
    "depart": Effect(("accept",), (), "已出动，即已接单"),
    "arrive": Effect(("accept", "arrive"), (), "已到场"),
    "handle": Effect(("accept", "arrive"), (), "已在处置"),
    "report": Effect(("accept", "arrive", "handle"), (), "办理完毕"),
    "call_back": Effect((), ("callback",), "结果反馈之时起算回访"),
}
#: Sent back after a callback, by the phase that it is sent to: what is done again is timed anew.
SENT_BACK: dict[str, Effect] = {
    "handling": Effect(("callback",), ("handle",), "来电人不满意，重办另计时限"),
    "filed": Effect(("callback",), ("dispatch",), "来电人不满意，待另派"),
}
#: A ticket that is recalled from a department which has not answered, for which nobody can blame it.
RECALLED = Effect((), ("dispatch",), "召回改派，部门未及答复", withdraws=("accept", "arrive"))
#: The ways to the end by which what a department was to do is left undone.
UNDONE: frozenset[FlowAction] = frozenset({"overrule", "follow"})
_ANSWER: tuple[ClockKind, ...] = ("answer",)
#: Fields by which policies are chosen; the department's level is among what chooses.
_CHOOSING = frozenset({"code", "is_emergency", "flow", "department"})
#: What runs in each phase, and the ticket's time since which it does: for what a change of flow brings along.
_PHASES: dict[str, tuple[tuple[ClockKind, str], ...]] = {
    "draft": (("dispatch", "created_at"),),
    "filed": (("dispatch", "created_at"),),
    "dispatched": (("accept", "dispatched_at"), ("arrive", "dispatched_at"), ("handle", "dispatched_at")),
    "handling": (("arrive", "dispatched_at"), ("handle", "dispatched_at")),
    "callback": (("callback", "callback_at"),),
}


@asynccontextmanager
async def clocked(database: Database, keeper: Keeper) -> AsyncIterator[Work]:
    """A unit of work at whose end the clocks have followed what it did."""
    async with database.work() as work:
        yield work
        await follow(work, keeper)


async def follow(work: Work, keeper: Keeper) -> None:
    """Let clocks follow what this unit of work did to tickets."""
    for event in [e for e in work.events if isinstance(e, TicketEvent)]:
        ticket = await work.session.get(Ticket, event.ticket_id)
        if ticket is None:
            continue
        match event:
            case TicketDrafted():
                await _answered(work, keeper, ticket)
                await keeper.start(work, ticket, "dispatch", ticket.created_at)
            case TicketMoved():
                await _moved(work, keeper, ticket, event)
            case TicketEdited() if not _CHOOSING.isdisjoint(event.fields):
                await _chosen(work, keeper, ticket, event.at)
            case TicketLinked() if not event.head:
                await _linked(work, keeper, ticket, await work.session.get_one(Ticket, event.other_id), event.at)
            case TicketUnlinked() if not event.head and ticket.state in ("draft", "filed"):
                await keeper.start(work, ticket, "dispatch", event.at, since=ticket.created_at)


async def adopt(work: Work, keeper: Keeper, limit: int = 200) -> int:
    """Give clocks to tickets that a department has and that have none: from before there were clocks.

    Returns to how many, at most ``limit``.
    """
    has = select(TicketClock.id).where(TicketClock.ticket_id == Ticket.id, TicketClock.kind == "handle")
    bare = select(Ticket).where(Ticket.state.in_(("dispatched", "handling")), ~has.exists())
    tickets = (await work.session.scalars(bare.limit(limit))).all()
    for ticket in tickets:
        await _missing(work, keeper, ticket, None)
    return len(tickets)


async def _moved(work: Work, keeper: Keeper, ticket: Ticket, event: TicketMoved) -> None:
    if event.after == "closed":
        await keeper.stop(work, ticket.id, event.at, withdrawn=event.action in UNDONE)
        return
    if event.action == "reopen":
        effect: Effect | None = SENT_BACK[event.after]
    else:
        effect = EFFECTS.get(event.action) if event.action else None
    if effect is None:
        return
    if event.action == "refuse" and event.role not in STAFF:
        effect = RECALLED
    await keeper.stop(work, ticket.id, event.at, kinds=effect.stops, assignment="")
    await keeper.stop(work, ticket.id, event.at, kinds=effect.withdraws, assignment="", withdrawn=True)
    for kind in effect.starts:
        await keeper.start(work, ticket, kind, event.at)
    if event.action == "dispatch":
        children = select(Ticket).join(TicketLink, TicketLink.child_id == Ticket.id)
        for child in await work.session.scalars(children.where(TicketLink.head_id == ticket.id)):
            await _carried(work, keeper, child, ticket, event.at)


async def _chosen(work: Work, keeper: Keeper, ticket: Ticket, now: datetime) -> None:
    await keeper.replan(work, ticket, now)
    await _missing(work, keeper, ticket, now)


async def _missing(work: Work, keeper: Keeper, ticket: Ticket, now: datetime | None) -> None:
    """Start what runs in the ticket's phase and was never started in it, from where it would have begun.

    ``now`` None: also where its time is over already.
    """
    had = await _kinds(work.session, ticket.id)
    for kind, field in _PHASES.get(ticket.state, ()):
        since = getattr(ticket, field) or ticket.created_at
        if kind not in had:
            await keeper.start(work, ticket, kind, now or since, since=since)


async def _linked(work: Work, keeper: Keeper, child: Ticket, head: Ticket, now: datetime) -> None:
    await keeper.move_to(work, child, head, now)
    if head.state not in ("draft", "filed"):
        await _carried(work, keeper, child, head, now)


async def _carried(work: Work, keeper: Keeper, child: Ticket, head: Ticket, now: datetime) -> None:
    """A department that has the head has the child's matter: nobody waits for the child's dispatch."""
    if child.state in ("draft", "filed") and child.department in (head.department, *head.assist):
        await keeper.stop(work, child.id, now, kinds=EFFECTS["dispatch"].stops, assignment="")


async def _answered(work: Work, keeper: Keeper, ticket: Ticket) -> None:
    """How long the caller waited: a clock that has stopped when it is first seen."""
    call = await work.session.get(CallRow, ticket.call_id) if ticket.call_id else None
    if call is None or call.answered_at is None:
        return
    await keeper.start(work, ticket, "answer", call.queued_at or call.arrived_at)
    await keeper.stop(work, ticket.id, call.answered_at, kinds=_ANSWER, assignment="")


async def _kinds(session: AsyncSession, ticket_id: str) -> Sequence[ClockKind]:
    return (await session.scalars(select(TicketClock.kind).where(TicketClock.ticket_id == ticket_id))).all()
