"""Which departments the call taker's form proposes for a ticket, and why, in a few words."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request

from core.city import City
from desk.access.auth import SignedIn
from desk.access.rights import may_see_ticket
from desk.context import services_of
from desk.i18n import language_of
from desk.services import DeskServices
from desk.views import Views
from ticketing.assign.levels import starts_with
from ticketing.assign.proposed import Matter, Proposed, Why, proposed
from ticketing.grids import Grids
from ticketing.repository import TicketMissing, TicketRepository
from ticketing.tables import Ticket

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]
WHY_NAMES: dict[Why, str] = {
    "suggested": "退单部门建议",
    "ticket": "工单已填",
    "place": "属地",
    "category": "类别对应",
    "likely": "另一可能类别",
    "line": "来话热线",
    "plan": "预案",
    "assists": "类别协办",
    "refused": "曾退单",
}
#: Departments proposed as the main one beside the list of all.
MOST = 2


@router.get("/api/tickets/{ticket_id}/departments")
async def departments(request: Request, ticket_id: str, user: SignedIn, services: Services) -> list[dict[str, Any]]:
    """Departments proposed for a ticket that is being taken down: the main one, a second, and those that assist."""
    async with services.database.read() as session:
        try:
            ticket = await TicketRepository(session).get(ticket_id)
        except TicketMissing:
            raise HTTPException(404, "没有找到") from None
    if not may_see_ticket(user, ticket):
        raise HTTPException(404, "没有找到")
    verdict = await services.verdicts.latest(ticket.call_id) if ticket.call_id else None
    likely = [candidate.code for candidate in verdict.candidates] if verdict else []
    views = Views(services.city, language_of(request))
    found = proposed(services.city, matter_of(services.city, services.tickets.grids, ticket, likely))
    return [
        {
            "key": one.department,
            "name": views.department_name(one.department),
            "part": one.part,
            "reasons": [why_of(views, why, ticket) for why in one.reasons],
        }
        for one in offered(found)
    ]


def matter_of(city: City, grids: Grids, ticket: Ticket, likely: Sequence[str]) -> Matter:
    """What speaks for departments while a ticket is written: not that one stands in it already.

    ``likely``: codes of the categories that triage thinks of.
    """
    return Matter(
        code=ticket.code, likely=[code for code in likely if code != ticket.code], line=ticket.line,
        assist=ticket.assist, begins=starts_with(city, ticket.code, ticket.place, grids),
    )  # fmt: skip


def offered(found: Sequence[Proposed]) -> list[Proposed]:
    """The likeliest main ones, and all that would assist."""
    main = [one for one in found if one.part == "main"]
    return [*main[:MOST], *(one for one in found if one.part == "assist")]


def why_of(views: Views, why: Why, ticket: Ticket) -> str:
    """One reason in the reader's language."""
    name = views.text(WHY_NAMES[why])
    if why == "category" and ticket.code:
        return f"{name} · {views.category_name(ticket.code)}"
    return f"{name} {ticket.line}" if why == "line" else name
