"""Writes the plan's next attempt to call back into the database."""

from datetime import datetime

from core.database import Work
from ticketing.callback import Attempt, CallbackPolicy, next_attempt
from ticketing.dialler import new_call_id
from ticketing.repository import TicketRepository
from ticketing.tables import Callback, Ticket


async def schedule(work: Work, ticket: Ticket, policy: CallbackPolicy, now: datetime) -> datetime | None:
    """Plan the next attempt of this round of the ticket; ``None`` where the policy allows no more."""
    rows = [c for c in await TicketRepository(work.session).callbacks(ticket.id) if c.round == ticket.reopened]
    due = next_attempt(policy, [Attempt(row.ended_at, row.outcome) for row in rows], now)
    if due is not None:
        work.session.add(
            Callback(
                ticket_id=ticket.id, round=ticket.reopened, attempt=len(rows) + 1, call_id=new_call_id(), due_at=due
            )
        )
    return due
