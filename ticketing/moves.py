"""The only two ways in which a ticket changes: a step of the table, and an edit of fields.

Each writes the row, its history and its event in the unit of work it is given.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.database import Work
from ticketing.actor import Actor
from ticketing.events import TicketEdited, TicketMoved, TicketState
from ticketing.phones import normal
from ticketing.states import Action, step
from ticketing.tables import Ticket, TicketHistory


def move(work: Work, ticket: Ticket, action: Action, by: Actor, now: datetime, note: str = "") -> None:
    """Take one step of the table; :class:`core.errors.NotAllowed` where it has none, and then nothing has changed."""
    before, after = ticket.state, step(ticket.state, action, by.role)
    ticket.state = after
    setattr(ticket, f"{after}_at", now)
    _keep(work, ticket, action, by, now, before, note, {})
    work.record(
        TicketMoved(
            at=now,
            call_id=ticket.call_id,
            ticket_id=ticket.id,
            number=ticket.number,
            before=before,
            after=after,
            by=by.login,
            department=ticket.department,
            note=note,
        )
    )


def edit(
    work: Work, ticket: Ticket, values: Mapping[str, Any], by: Actor, now: datetime, area_code: str, note: str = ""
) -> None:
    """Set fields; nothing is kept where no value differs."""
    changes = {name: [getattr(ticket, name), value] for name, value in values.items() if getattr(ticket, name) != value}
    if not changes:
        return
    for name, (_old, value) in changes.items():
        setattr(ticket, name, value)
    if "contact_phone" in changes:
        ticket.contact_digits = normal(ticket.contact_phone, area_code)
    plain = {name: [_plain(old), _plain(new)] for name, (old, new) in changes.items()}
    _keep(work, ticket, "edit", by, now, ticket.state, note, plain)
    work.record(
        TicketEdited(
            at=now,
            call_id=ticket.call_id,
            ticket_id=ticket.id,
            number=ticket.number,
            fields=tuple(changes),
            by=by.login,
        )
    )


def opened(work: Work, ticket: Ticket, by: Actor, now: datetime) -> None:
    """The first row of a history."""
    _row(work, ticket, "draft", by, now, None, "", {})


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _keep(
    work: Work,
    ticket: Ticket,
    action: str,
    by: Actor,
    now: datetime,
    before: TicketState,
    note: str,
    changes: dict[str, list[Any]],
) -> None:
    ticket.version += 1
    _row(work, ticket, action, by, now, before, note, changes)


def _row(
    work: Work,
    ticket: Ticket,
    action: str,
    by: Actor,
    now: datetime,
    before: TicketState | None,
    note: str,
    changes: dict[str, list[Any]],
) -> None:
    work.session.add(
        TicketHistory(
            ticket_id=ticket.id,
            version=ticket.version,
            at=now,
            who=by.login,
            role=by.role,
            action=action,
            before=before,
            after=ticket.state,
            department=ticket.department,
            note=note,
            changes=changes,
        )
    )
