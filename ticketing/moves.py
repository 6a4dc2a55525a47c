"""The ways in which a ticket changes: a step of its flow, another flow, an edit of fields, and being linked to another.

Each writes the row, its history and its event in the unit of work it is given.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.database import Work
from core.errors import NotAllowed
from core.phones import normal
from ticketing.actor import SYSTEM, Actor
from ticketing.events import TicketEdited, TicketLinked, TicketMoved, TicketState, TicketUnlinked
from ticketing.flows.table import Flows, FlowTable
from ticketing.states import Action
from ticketing.tables import Ticket, TicketHistory

#: Fields by which a ticket's flow is chosen.
_CHOOSING = frozenset({"code", "is_emergency", "line"})


def move(work: Work, flows: Flows, ticket: Ticket, action: Action, by: Actor, now: datetime, note: str = "") -> None:
    """Take one edge of the ticket's flow; :class:`core.errors.NotAllowed` where it has none: nothing changes then."""
    table, standing = flows.place(ticket)
    after = table.step(standing.key, action, by.role)
    # Departments that assist do their part, too; what is theirs is asked where it is known.
    if not by.staff and not by.may_touch(ticket.department):
        raise NotAllowed("这张工单不在您的辖区", hint=f"{ticket.number}: {ticket.department}")
    if (ticket.flow, ticket.step) != (table.key, standing.key):
        # Opened before there were flows, or the city has changed its flows since.
        enter(work, table, ticket, SYSTEM, now)
    before = ticket.state
    ticket.state, ticket.step = after.phase, after.key
    ticket.steps_at = {**ticket.steps_at, after.key: now.isoformat()}
    if after.phase != before:
        setattr(ticket, f"{after.phase}_at", now)
    _keep(work, ticket, action, by, now, before, note, {}, step_before=standing.key)
    work.record(
        TicketMoved(
            at=now,
            call_id=ticket.call_id,
            ticket_id=ticket.id,
            number=ticket.number,
            before=before,
            after=after.phase,
            action=action,
            flow=table.key,
            step_before=standing.key,
            step_after=after.key,
            by=by.login,
            role=by.role,
            department=ticket.department,
            note=note,
        )
    )


def edit(
    work: Work, flows: Flows, ticket: Ticket, values: Mapping[str, Any], by: Actor, now: datetime, note: str = ""
) -> None:
    """Set fields; nothing is kept where no value differs. Where another flow then holds, the ticket goes on in that."""
    changes = {name: [getattr(ticket, name), value] for name, value in values.items() if getattr(ticket, name) != value}
    if not changes:
        return
    for name, (_old, value) in changes.items():
        setattr(ticket, name, value)
    if "contact_phone" in changes:
        ticket.contact_digits = normal(ticket.contact_phone, flows.city.profile.area_code)
    plain = {name: [_plain(old), _plain(new)] for name, (old, new) in changes.items()}
    _keep(work, ticket, "edit", by, now, ticket.state, note, plain)
    _edited(work, ticket, by, now, tuple(changes))
    if not _CHOOSING.isdisjoint(changes):
        table = flows.chosen(ticket.line, ticket.code, ticket.is_emergency)
        if table.key != ticket.flow:
            enter(work, table, ticket, by, now)


def enter(work: Work, table: FlowTable, ticket: Ticket, by: Actor, now: datetime) -> None:
    """Put a ticket into another flow, at the first step of the phase that it is in; it has been there since then."""
    step, left = table.of_phase(ticket.state), ticket.step
    times = dict(ticket.steps_at)
    times.setdefault(step.key, times.get(left) or _entered(ticket).isoformat())
    flow, ticket.flow, ticket.step, ticket.steps_at = ticket.flow, table.key, step.key, times
    _keep(work, ticket, "flow", by, now, ticket.state, table.name, {"flow": [flow, table.key]}, step_before=left)
    _edited(work, ticket, by, now, ("flow",))


def _entered(ticket: Ticket) -> datetime:
    """When the ticket entered the phase that it is in."""
    at: datetime | None = ticket.created_at if ticket.state == "draft" else getattr(ticket, f"{ticket.state}_at")
    return at or ticket.created_at


def _edited(work: Work, ticket: Ticket, by: Actor, now: datetime, fields: tuple[str, ...]) -> None:
    work.record(
        TicketEdited(
            at=now, call_id=ticket.call_id, ticket_id=ticket.id, number=ticket.number, fields=fields, by=by.login
        )
    )


def kept(work: Work, ticket: Ticket, action: str, by: Actor, now: datetime, note: str) -> None:
    """Write down what changed neither state nor fields."""
    _keep(work, ticket, action, by, now, ticket.state, note, {})
    _edited(work, ticket, by, now, ())


def join(work: Work, ticket: Ticket, head: Ticket, by: Actor, now: datetime, linked: bool) -> None:
    """Write down that ``ticket`` was linked to ``head``, or taken from it, in the history of both."""
    kind = TicketLinked if linked else TicketUnlinked
    for one, other, action, text in (
        (ticket, head, "link" if linked else "unlink", "并入" if linked else "撤出"),
        (head, ticket, "joined" if linked else "parted", "收并" if linked else "移出"),
    ):
        _keep(work, one, action, by, now, one.state, f"{text} {other.number}", {})
        work.record(
            kind(
                at=now, call_id=one.call_id, ticket_id=one.id, number=one.number,
                other_id=other.id, other_number=other.number, head=one is head, by=by.login,
            )
        )  # fmt: skip


def begin(flows: Flows, ticket: Ticket, now: datetime) -> None:
    """Put a new ticket at the beginning of the flow that holds for it."""
    table = flows.chosen(ticket.line, ticket.code, ticket.is_emergency)
    ticket.flow, ticket.step, ticket.state = table.key, table.first.key, table.first.phase
    ticket.steps_at = {table.first.key: now.isoformat()}


def opened(work: Work, ticket: Ticket, by: Actor, now: datetime) -> None:
    """The first row of a history."""
    _row(work, ticket, "draft", by, now, None, "", {}, "")


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
    *,
    step_before: str | None = None,
) -> None:
    ticket.version += 1
    _row(work, ticket, action, by, now, before, note, changes, ticket.step if step_before is None else step_before)


def _row(
    work: Work,
    ticket: Ticket,
    action: str,
    by: Actor,
    now: datetime,
    before: TicketState | None,
    note: str,
    changes: dict[str, list[Any]],
    step_before: str,
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
            flow=ticket.flow,
            step_before=step_before,
            step_after=ticket.step,
            department=ticket.department,
            note=note,
            changes=changes,
        )
    )
