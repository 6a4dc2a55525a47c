"""What the result of one attempt means for its ticket: the same whoever asked, robot, person or text message."""

from datetime import datetime
from typing import Any

from core.database import Work
from ticketing.actor import SYSTEM
from ticketing.callbacks.plan import ANSWERED
from ticketing.events import CallbackOutcome, CallbackTried
from ticketing.incidents import close_children, followed, part
from ticketing.moves import edit, move
from ticketing.repository import TicketRepository
from ticketing.schedule import schedule
from ticketing.service import Tickets
from ticketing.tables import Callback, Ticket, TicketLink


async def settle(
    work: Work, tickets: Tickets, row: Callback, outcome: CallbackOutcome, now: datetime, *, digit: str = "",
    asked: datetime | None = None,
) -> bool:  # fmt: skip
    """Write down how an attempt ended and draw the consequence; False where its result stands already.

    An answer is final. It also replaces an earlier failure: the person did speak to us. ``asked``: when the caller
    wishes to be called instead. Part of the caller's unit of work.
    """
    if row.outcome in ANSWERED or (row.outcome is not None and outcome not in ANSWERED):
        return False
    row.outcome, row.digit, row.ended_at = outcome, digit, now
    ticket = await TicketRepository(work.session).get(row.ticket_id)
    work.record(
        CallbackTried(
            at=now, call_id=row.call_id, ticket_id=ticket.id, number=ticket.number, attempt=row.attempt,
            outcome=outcome, digit=digit,
        )
    )  # fmt: skip
    if row.round != ticket.reopened:
        return True
    if ticket.state == "callback":
        await _conclude(work, tickets, ticket, row, outcome, now, asked)
    elif link := await followed(work.session, ticket):
        await _conclude_follower(work, tickets, ticket, link, outcome, now, asked)
    elif ticket.state == "closed" and ticket.satisfaction != "satisfied" and outcome in ANSWERED:
        _edit(work, tickets, ticket, {"satisfaction": outcome}, now, "结案后收到评价")
    return True


async def _conclude(
    work: Work, tickets: Tickets, ticket: Ticket, row: Callback, outcome: CallbackOutcome, now: datetime,
    asked: datetime | None,
) -> None:  # fmt: skip
    """What the result of the present round means for the ticket."""
    if outcome in ANSWERED:
        ticket.satisfaction = outcome
        await TicketRepository(work.session).drop_planned_callbacks(ticket.id)
    if outcome == "satisfied":
        ticket.escalated_at = None
        move(work, tickets.flows, ticket, "settle", SYSTEM, now, "来电人满意")
    elif outcome == "unsatisfied" and ticket.reopened == 0:
        await tickets.send_back(work, ticket, SYSTEM, now, "来电人不满意，退回重办，须换人经办")
    elif outcome == "unsatisfied":
        _edit(work, tickets, ticket, {"escalated_at": now}, now, "重办后来电人仍不满意，待值班主任决定")
    elif not row.number:
        ticket.satisfaction = "unknown"
        move(work, tickets.flows, ticket, "settle", SYSTEM, now, "没有可回访的号码")
    elif await schedule(work, ticket, tickets.policy, now, asked=asked) is None:
        ticket.satisfaction = "unknown"
        tried = await TicketRepository(work.session).callbacks(ticket.id)
        reached = any(c.outcome in ("no_key", "later") for c in tried if c.round == ticket.reopened)
        note = "回访已接通，未作评价" if reached else "多次回访未接通"
        move(work, tickets.flows, ticket, "settle", SYSTEM, now, note)
    if ticket.state == "closed":
        await close_children(work, tickets.flows, ticket, now, tickets.policy)


async def _conclude_follower(
    work: Work, tickets: Tickets, ticket: Ticket, link: TicketLink, outcome: CallbackOutcome, now: datetime,
    asked: datetime | None,
) -> None:  # fmt: skip
    """The same for a ticket that closed with its head: its caller may see it otherwise than the head's."""
    if outcome in ANSWERED:
        await TicketRepository(work.session).drop_planned_callbacks(ticket.id)
        _edit(work, tickets, ticket, {"satisfaction": outcome}, now, "随主单结案后收到评价")
        if outcome == "unsatisfied" and ticket.reopened == 0:
            await part(work, link, ticket, SYSTEM, now)
            move(work, tickets.flows, ticket, "reopen", SYSTEM, now, "来电人不满意，撤出同一事件")
            ticket.reopened += 1
    elif await schedule(work, ticket, tickets.policy, now, asked=asked) is None:
        _edit(work, tickets, ticket, {"satisfaction": "unknown"}, now, "多次回访无结果")


def _edit(work: Work, tickets: Tickets, ticket: Ticket, values: dict[str, Any], now: datetime, note: str) -> None:
    edit(work, tickets.flows, ticket, values, SYSTEM, now, note)
