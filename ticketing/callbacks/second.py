"""Who may do again what a caller was not satisfied with (换人办理): enforced where the result is reported."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city_callbacks import SecondRule
from core.errors import NotAllowed
from ticketing.assign.tables import Assignment
from ticketing.tables import SecondHandler, Ticket, TicketHistory

#: Why a person may not report a second handling, by the city's rule.
REFUSALS: dict[SecondRule, str] = {
    "department": "退回重办须换由另一部门办理，请改派",
    "login": "退回重办须由另一人反馈结果",
    "person": "退回重办须换人办理：由另一人反馈，或先登记由谁办理",
}


@dataclass(frozen=True)
class Former:
    """Who reported before; empty where nobody did."""

    login: str = ""
    department: str = ""


def refused(
    rule: SecondRule, former: Former, login: str, department: str, named: str = "", overruled: bool = False
) -> str:
    """Why this person may not report the result of the second handling, in a sentence for him; empty: he may. Pure.

    ``named``: the second handler who was registered; he counts where a department shares one login.
    """
    if overruled or rule == "off" or not former.login:
        return ""
    if department != former.department and former.department:
        return ""
    second = rule != "department" and (login != former.login or (rule == "person" and named != ""))
    return "" if second else REFUSALS[rule]


async def check(session: AsyncSession, rule: SecondRule, ticket: Ticket, login: str, department: str) -> None:
    """:class:`NotAllowed` where a caller was not satisfied and this is not a second handler, nor overruled."""
    # A supervisor may also send back what its caller did not complain of.
    if ticket.reopened == 0 or ticket.satisfaction != "unsatisfied" or rule == "off":
        return
    row = await session.get(SecondHandler, (ticket.id, ticket.reopened))
    why = refused(
        rule, await former(session, ticket.id), login, department, row.name if row else "",
        bool(row and row.overruled_by),
    )  # fmt: skip
    if why:
        raise NotAllowed(why, hint=ticket.number)


async def former(session: AsyncSession, ticket_id: str) -> Former:
    """Who reported the main department's result last."""
    last = select(Assignment).where(
        Assignment.ticket_id == ticket_id, Assignment.part == "main", Assignment.reported_at.is_not(None)
    )
    part = await session.scalar(last.order_by(Assignment.reported_at.desc(), Assignment.assigned_at.desc()).limit(1))
    if part is not None:
        return Former(part.reported_by, part.department)
    # From before departments had parts.
    told = select(TicketHistory).where(TicketHistory.ticket_id == ticket_id, TicketHistory.action == "report")
    row = await session.scalar(told.order_by(TicketHistory.id.desc()).limit(1))
    return Former(row.who, row.department) if row is not None else Former()


async def handlers(session: AsyncSession, ticket_id: str) -> Sequence[SecondHandler]:
    """Who does it again, by round."""
    query = select(SecondHandler).where(SecondHandler.ticket_id == ticket_id).order_by(SecondHandler.round)
    return (await session.scalars(query)).all()
