"""Hands every filed ticket of a call, and what people change in it later, to the learning loop as a label."""

from datetime import datetime

import structlog
from sqlalchemy import select

from core.bus import Bus
from core.clock import Clock
from core.database import Database
from ticketing.actor import SYSTEM
from ticketing.events import TicketEdited, TicketEvent, TicketMoved
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket
from triage.loop.labels import Filed, Left, keep
from triage.loop.tables import TriageLabel

log = structlog.get_logger(__name__)

#: Fields of a ticket, as labels call them.
_NAMES = {"is_emergency": "emergency", "code": "code", "nature": "nature", "place": "place"}


class Labelling:
    """Subscribes itself to ``bus``. What happened while no process listened is made up for by :meth:`catch_up`."""

    def __init__(self, bus: Bus, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        bus.subscribe(self._handle, TicketMoved, TicketEdited)

    async def catch_up(self, since: datetime) -> None:
        """Labels for tickets opened after ``since`` that were filed and have none."""
        labelled = select(TriageLabel.ticket_id).where(TriageLabel.ticket_id == Ticket.id).exists()
        query = select(Ticket.id).where(
            Ticket.created_at > since, Ticket.state != "draft", Ticket.call_id.is_not(None), ~labelled
        )
        async with self._database.read() as session:
            missing = list(await session.scalars(query))
        for ticket_id in missing:
            await self._keep(ticket_id)

    async def _handle(self, event: TicketEvent) -> None:
        filed = isinstance(event, TicketMoved) and event.before == "draft"
        revised = isinstance(event, TicketEdited) and event.by != SYSTEM.login
        if filed or revised:
            await self._keep(event.ticket_id)

    async def _keep(self, ticket_id: str) -> None:
        async with self._database.work() as work:
            ticket = await TicketRepository(work.session).get(ticket_id)
            filed = _filed(ticket)
            if filed is not None and not await keep(work.session, filed, self._clock.now()):
                log.info("a filed ticket's call was never judged: no label", ticket=ticket.number)


def _filed(ticket: Ticket) -> Filed | None:
    """None for a draft, and for a ticket without a call."""
    at = ticket.filed_at or ticket.closed_at
    if ticket.state == "draft" or not ticket.call_id or at is None:
        return None
    return Filed(
        ticket_id=ticket.id, number=ticket.number, call_id=ticket.call_id, at=at, line=ticket.line,
        desk=ticket.agent_extension, who=ticket.agent_login,
        left=Left(emergency=ticket.is_emergency, code=ticket.code, nature=ticket.nature, place=ticket.place),
        touched=tuple(_NAMES[name] for name in ticket.touched if name in _NAMES),
    )  # fmt: skip
