"""Whom to call back, and the plan's next attempt written into the database."""

import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from core.city import City
from core.database import Work
from core.phones import dialable
from ticketing.callbacks.plan import Attempt, CallbackPolicy, answered_hours, counted, next_attempt
from ticketing.dialler import new_call_id
from ticketing.repository import TicketRepository
from ticketing.tables import Callback, Ticket

#: A mobile number as :func:`core.phones.normal` gives it; everything else that may be dialled is a fixed line.
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
#: Earlier calls that are looked at for the best time.
_EARLIER = 30


def callback_number(ticket: Ticket, city: City) -> str:
    """Whom to call: the contact, else the caller; empty where neither may be dialled."""
    for given in (ticket.contact_phone, ticket.caller):
        number = dialable(given, city.profile.area_code)
        # A hotline of the city that is called back would queue with itself.
        if number and city.line(number) is None:
            return number
    return ""


async def schedule(
    work: Work, ticket: Ticket, policy: CallbackPolicy, now: datetime, *, asked: datetime | None = None
) -> datetime | None:
    """Plan the next attempt of this round of the ticket; ``None`` where policy, rule or caller allow no more.

    ``asked``: when the caller wished to be called instead.
    """
    repository = TicketRepository(work.session)
    if await repository.callback_refused(ticket.id):
        return None
    rule = policy.rule(ticket.code, ticket.is_emergency)
    if rule is not None and not rule.by:
        return None
    rows = [c for c in await repository.callbacks(ticket.id) if c.round == ticket.reopened]
    attempts = [Attempt(row.ended_at, row.outcome) for row in rows]
    digits = ticket.contact_digits or ticket.caller_digits
    fixed = bool(digits) and not _MOBILE.fullmatch(digits)
    due = next_attempt(
        policy, attempts, now, asked=asked, firm=fixed,
        after=timedelta(minutes=rule.after_minutes) if rule is not None and rule.after_minutes is not None else None,
        hours=await _hours(work, ticket, policy) if attempts and policy.best_time else (),
    )  # fmt: skip
    if due is not None:
        channel = policy.channel(rule, counted(attempts, policy.max_later))
        # Nobody reads a text on a fixed line, and who asked for a call gets one.
        if channel == "sms" and (fixed or asked is not None):
            channel = "person"
        work.session.add(
            Callback(
                ticket_id=ticket.id, round=ticket.reopened, attempt=len(rows) + 1, call_id=new_call_id(), due_at=due,
                channel=channel, token=secrets.token_urlsafe(18) if channel == "sms" else None,
            )
        )  # fmt: skip
    return due


async def _hours(work: Work, ticket: Ticket, policy: CallbackPolicy) -> frozenset[int]:
    """Local hours at which this caller answered callbacks about other tickets."""
    digits = ticket.contact_digits or ticket.caller_digits
    if not digits:
        return frozenset()
    answered = (
        select(Callback.placed_at)
        .join(Ticket, Ticket.id == Callback.ticket_id)
        .where(
            or_(Ticket.caller_digits == digits, Ticket.contact_digits == digits), Callback.placed_at.is_not(None),
            Callback.ticket_id != ticket.id, Callback.channel != "sms",
            Callback.outcome.in_(("satisfied", "unsatisfied", "no_key", "later")),
        )
        .order_by(Callback.placed_at.desc()).limit(_EARLIER)
    )  # fmt: skip
    reached = await work.session.scalars(answered)
    return answered_hours((at for at in reached if at is not None), policy.timezone)
