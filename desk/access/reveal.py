"""A caller's name and number, shown for a reason to who sees them masked; each showing is in the audit."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from desk.access.auth import SignedIn, audit
from desk.access.rights import may_see_ticket
from desk.context import services_of
from desk.services import DeskServices
from ticketing.repository import TicketRepository

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]


class Reason(BaseModel):
    """Why somebody needs to know."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    reason: Annotated[str, Field(min_length=2, max_length=200)]


@router.post("/api/tickets/{ticket_id}/reveal")
async def reveal(
    request: Request, ticket_id: str, body: Reason, user: SignedIn, services: Services
) -> dict[str, str]:  # fmt: skip
    """Whose ticket it is: number that called, name and number to be reached at."""
    async with services.database.read() as session:
        ticket = await TicketRepository(session).get(ticket_id)
    if not may_see_ticket(user, ticket):
        raise HTTPException(404, "没有找到")
    await audit(request, user.login, "reveal", ticket.call_id, f"{ticket.number} {body.reason}")
    return {"caller": ticket.caller, "contact_name": ticket.contact_name, "contact_phone": ticket.contact_phone}
