"""Voice messages that callers left for a ticket, as its page shows them, and who may listen to them."""

from typing import Any

from sqlalchemy import select

from desk.access.rights import may_hear
from desk.access.users import User
from desk.live import desks_ever
from desk.services import DeskServices
from desk.views import stamp
from telephony.recordings.sealer import Recording
from ticketing.repository import TicketRepository
from ticketing.selfservice.tables import VoiceMessage


async def messages_of(services: DeskServices, user: User, ticket_id: str) -> list[dict[str, Any]]:
    """What callers left for a ticket; ``heard`` where this person may listen to it, and read it."""
    async with services.database.read() as session:
        query = select(VoiceMessage).where(VoiceMessage.ticket_id == ticket_id).order_by(VoiceMessage.at)
        rows = (await session.scalars(query)).all()
        gone = set(
            await session.scalars(
                select(Recording.file).where(
                    Recording.file.in_([row.file for row in rows]), Recording.deleted_at.is_not(None)
                )
            )
        ) if rows else set()  # fmt: skip
    heard = [await may_hear_message(services, user, row) for row in rows]
    return [
        {
            "id": row.id, "at": stamp(row.at), "own": row.own, "state": row.state, "text": row.text if hears else "",
            "gone": row.file in gone, "heard": hears,
        }
        for row, hears in zip(rows, heard, strict=True)
    ]  # fmt: skip


async def may_hear_message(services: DeskServices, user: User, row: VoiceMessage) -> bool:
    """As a call's recording: the desks of this call and of the ticket's own, the ticket's departments."""
    async with services.database.read() as session:
        ticket = await TicketRepository(session).get(row.ticket_id)
    desks = await desks_ever(services, row.call_id)
    if ticket.call_id:
        desks |= await desks_ever(services, ticket.call_id)
    return may_hear(user, desks, ticket)
