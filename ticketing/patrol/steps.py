"""What a step that was pressed on the spot is: one of the department's part in a ticket, or of a unit's order.

A phone may be late: where somebody of the same crew was first, the step is taken (:class:`Already`), and where the
ticket has gone elsewhere the person is told where.
"""

from datetime import datetime

from core.clock import Clock
from core.database import Database
from core.errors import HeyiError, NotAllowed
from ticketing.actor import Actor
from ticketing.assign.service import Assignments
from ticketing.assign.tables import Assignment
from ticketing.dispatch.service import Dispatch
from ticketing.dispatch.states import UnitAction
from ticketing.dispatch.tables import UnitOrder
from ticketing.events import TicketEdited
from ticketing.patrol.repository import FieldRepository
from ticketing.patrol.tables import FieldKind
from ticketing.patrol.wishes import Wish
from ticketing.repository import TicketRepository
from ticketing.service import Advance, Tickets
from ticketing.tables import Ticket

#: What a step is to a unit.
UNIT_ACTIONS: dict[FieldKind, UnitAction] = {
    "accept": "receive", "depart": "depart", "arrive": "arrive", "report": "finish", "refuse": "decline",
    "back": "back",
}  # fmt: skip
#: Why an order cannot go on, by how it ended.
ENDED = {
    "recalled": "命令已被召回",
    "declined": "命令已退回",
    "failed": "命令已因故障终止",
    "withdrawn": "命令已撤回",
    "": "命令已经结束",
}


class Already(HeyiError):
    """Somebody has done it before: nothing is to be done."""


async def of_unit(database: Database, dispatch: Dispatch, wish: Wish, by: Actor) -> None:
    """One step of a unit's order."""
    unit = dispatch.unit(wish.unit)
    if not by.acts_for(unit.department):
        raise NotAllowed("您的岗位不能这样操作单位", hint=unit.name)
    action = UNIT_ACTIONS.get(wish.kind)
    if action is None:
        raise HeyiError("单位没有这一步", hint=wish.kind)
    order_id = ""
    if wish.kind != "back":
        async with database.read() as session:
            order = await FieldRepository(session).order(wish.ticket, unit.key, wish.order)
        order_id = _checked(order, wish.kind, unit.name).id
    # Taken back and sent elsewhere since this look, the unit has another order: the step is none of that one's.
    await dispatch.act(unit.key, action, by, wish.text, order_id=order_id)


def _checked(order: UnitOrder | None, kind: FieldKind, unit: str) -> UnitOrder:
    if order is None:
        raise NotAllowed("单位没有这项命令", hint=unit)
    times = {"accept": order.received_at, "depart": order.departed_at, "arrive": order.arrived_at}
    if (kind == "report" and order.ending == "done") or times.get(kind) is not None:
        raise Already("这一步已由本单位完成", hint=unit)
    if order.ended_at is not None:
        raise NotAllowed(ENDED.get(order.ending, ENDED[""]), hint=order.reason or unit)
    return order


async def of_part(
    database: Database, tickets: Tickets, assignments: Assignments, wish: Wish, by: Actor, clock: Clock
) -> None:
    """One step of the department's own part."""
    async with database.read() as session:
        ticket = await TicketRepository(session).get(wish.ticket)
        part = await _own_part(FieldRepository(session), wish, by)
    if part is None:
        raise NotAllowed("这张工单不由您的部门承办", hint=ticket.number)
    if not part.open:
        _over(tickets, ticket, part, wish.kind)
    if wish.kind == "report":
        await assignments.report(part.id, by, wish.text)
    elif wish.kind == "refuse":
        await assignments.refuse(part.id, by, wish.text)
    elif wish.kind == "accept":
        if part.accepted_at is not None:
            raise Already("已由本部门接单", hint=ticket.number)
        await assignments.accept(part.id, by)
    elif wish.kind in ("depart", "arrive", "handle"):
        await _advance(tickets, ticket, part, wish, by, clock)
    else:
        raise HeyiError("工单没有这一步", hint=wish.kind)


async def _own_part(repository: FieldRepository, wish: Wish, by: Actor) -> Assignment | None:
    """The part that a step is of: the one that the phone showed, or what its department has instead of it by now.

    Never another department's than was shown: nobody there pressed it. Where the phone told none: an open part before
    one that has ended, the own department's before those below.
    """
    found = await repository.parts_of(wish.ticket, {by.department, *by.below} - {""}) if by.staff else []
    shown = next((part for part in found if part.id == wish.part), None)
    if shown is not None:
        found = [shown, *(part for part in found if part.department == shown.department)]
    ranked = sorted(found, key=lambda part: (not part.open, shown is None and part.department != by.department))
    return ranked[0] if ranked else None


def _over(tickets: Tickets, ticket: Ticket, part: Assignment, kind: FieldKind) -> None:
    """Why a part that has ended cannot go on."""
    if part.state == "reported":
        if kind == "report":
            raise Already("结果已由本部门反馈", hint=ticket.number)
        raise NotAllowed("本部门的结果已经反馈", hint=ticket.number)
    if ticket.state == "closed":
        raise NotAllowed("工单已结案", hint=ticket.number)
    now = tickets.city.department(ticket.department)
    where = now.name if now and ticket.department != part.department else ticket.number
    if part.state == "refused":
        raise NotAllowed("本部门已退单", hint=where)
    raise NotAllowed("任务已撤回或改派", hint=where)


async def _advance(tickets: Tickets, ticket: Ticket, part: Assignment, wish: Wish, by: Actor, clock: Clock) -> None:
    """A step of the ticket's flow where it has one for it; else only the history says that they were there."""
    action: Advance = wish.kind  # type: ignore[assignment]
    table, standing = tickets.flows.place(ticket)
    if part.part == "main" and table.edge(standing.key, action) is not None:
        await tickets.advance(ticket.id, action, by)
        return
    if part.part == "main" and _behind(tickets, ticket, action):
        raise Already("这一步已由本部门完成", hint=ticket.number)
    async with tickets.change(ticket.id) as (work, changed):
        work.record(noted(changed, by, clock.now()))


def noted(ticket: Ticket, by: Actor, now: datetime) -> TicketEdited:
    """Something was written into the ticket's history, and nothing else."""
    return TicketEdited(
        at=now, call_id=ticket.call_id, ticket_id=ticket.id, number=ticket.number, fields=(), by=by.login
    )


def _behind(tickets: Tickets, ticket: Ticket, action: Advance) -> bool:
    """Whether the ticket has already come to, or past, what ``action`` leads to in its flow."""
    table, standing = tickets.flows.place(ticket)
    order = list(table.steps)
    led = [order.index(edge.after) for edge in table.edges if edge.action == action]
    return bool(led) and min(led) <= order.index(standing.key)
