"""The API for incidents: what may be the same, linking tickets, taking them apart. Rights and audit of every use."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from desk.access.auth import SignedIn, audit
from desk.access.rights import may_hear, may_see_ticket
from desk.access.users import User
from desk.context import services_of
from desk.i18n import language_of
from desk.live import desks_ever
from desk.services import DeskServices
from desk.tickets.incidents import IncidentBook
from desk.views import Views
from ticketing.repository import TicketMissing, TicketRepository
from ticketing.tables import Ticket

router = APIRouter(prefix="/api")
Services = Annotated[DeskServices, Depends(services_of)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LinkTo(_Body):
    #: Id or number of a ticket of the incident.
    to: Annotated[str, Field(min_length=1, max_length=40)]


@router.get("/calls/{call_id}/incident")
async def incident(request: Request, call_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """Where the call's ticket belongs, who else has called about it, and which others may be the same, with reasons."""
    async with services.database.read() as session:
        ticket = await TicketRepository(session).by_call(call_id)
    if not may_hear(user, await desks_ever(services, call_id), ticket):
        raise HTTPException(404, "没有找到")
    return await _book(request, user).of_call(call_id)


@router.post("/tickets/{ticket_id}/link")
async def link(request: Request, ticket_id: str, body: LinkTo, user: SignedIn, services: Services) -> dict[str, Any]:
    """Make a ticket part of the incident of another (并入); answers with the incident."""
    ticket, other = await _visible(services, user, ticket_id), await _visible(services, user, body.to.strip())
    head = await services.tickets.incidents.link(ticket.id, other.id, user.actor())
    await audit(request, user.login, "incident_link", ticket.call_id, f"{ticket.number} {head.number}")
    return await _book(request, user).of_ticket(ticket)


@router.post("/tickets/{ticket_id}/unlink")
async def unlink(request: Request, ticket_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """Take a ticket out of its incident (撤出)."""
    ticket = await _visible(services, user, ticket_id)
    await services.tickets.incidents.unlink(ticket.id, user.actor())
    await audit(request, user.login, "incident_unlink", ticket.call_id, ticket.number)
    return await _book(request, user).of_ticket(ticket)


@router.post("/tickets/{ticket_id}/stay")
async def stay(request: Request, ticket_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """Refuse that a linked ticket closes with its head (单独结案)."""
    return await _stay(request, ticket_id, user, services, stays=True)


@router.post("/tickets/{ticket_id}/follow")
async def follow(request: Request, ticket_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """Let a linked ticket close with its head again (随主单结案)."""
    return await _stay(request, ticket_id, user, services, stays=False)


@router.post("/tickets/{ticket_id}/spare")
async def spare(request: Request, ticket_id: str, user: SignedIn, services: Services) -> dict[str, Any]:
    """The caller asked not to be called back (不回访)."""
    ticket = await _visible(services, user, ticket_id)
    await services.tickets.spare(ticket.id, user.actor())
    await audit(request, user.login, "ticket_spare", ticket.call_id, ticket.number)
    return await _book(request, user).of_ticket(ticket)


async def _stay(request: Request, ticket_id: str, user: User, services: DeskServices, *, stays: bool) -> dict[str, Any]:
    ticket = await _visible(services, user, ticket_id)
    await services.tickets.incidents.stay(ticket.id, user.actor(), stays)
    what = "incident_stay" if stays else "incident_follow"
    await audit(request, user.login, what, ticket.call_id, ticket.number)
    return await _book(request, user).of_ticket(ticket)


def _book(request: Request, user: User) -> IncidentBook:
    services = services_of(request)
    return IncidentBook(services, user, Views(services.city, language_of(request)))


async def _visible(services: DeskServices, user: User, ticket_id: str) -> Ticket:
    """The ticket of this id or number; 404 for one that this person may not see: not even its existence is told."""
    async with services.database.read() as session:
        repository = TicketRepository(session)
        try:
            found = await repository.by_number(ticket_id) or await repository.get(ticket_id)
        except TicketMissing:
            raise HTTPException(404, "没有找到这张工单") from None
    if not may_see_ticket(user, found):
        raise HTTPException(404, "没有找到这张工单")
    return found
