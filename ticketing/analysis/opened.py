"""How many tickets were opened: the facts of the analysis, counted by the database without reading them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.analysis.facts import ARE_FACTS
from ticketing.tables import Ticket, TicketLink


@dataclass(frozen=True)
class Opened:
    """Tickets of a stretch of time, and the emergencies among them."""

    total: int = 0
    emergency: int = 0


async def opened(session: AsyncSession, since: datetime, until: datetime) -> Opened:
    """Of :func:`ticketing.analysis.facts.facts` opened from ``since`` until before ``until``."""
    query = (
        select(func.count(), func.coalesce(func.sum(case((Ticket.is_emergency, 1), else_=0)), 0))
        .select_from(Ticket)
        .outerjoin(TicketLink, TicketLink.child_id == Ticket.id)
        .where(*ARE_FACTS, Ticket.created_at >= since, Ticket.created_at < until)
    )
    row = (await session.execute(query)).one()
    return Opened(row[0], row[1])
