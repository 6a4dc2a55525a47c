"""What screens ask of this room. It reads within the session it is given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.assign.tables import Assignment, Nudge, Refusal
from ticketing.tables import Ticket


@dataclass(frozen=True)
class OfTicket:
    """Everything of this room about one ticket, the oldest first."""

    parts: Sequence[Assignment]
    refusals: Sequence[Refusal]
    nudges: Sequence[Nudge]


async def of_ticket(session: AsyncSession, ticket_id: str) -> OfTicket:
    """Three queries."""
    parts = select(Assignment).where(Assignment.ticket_id == ticket_id)
    refusals = select(Refusal).where(Refusal.ticket_id == ticket_id)
    nudges = select(Nudge).where(Nudge.ticket_id == ticket_id)
    return OfTicket(
        (await session.scalars(parts.order_by(Assignment.assigned_at, Assignment.id))).all(),
        (await session.scalars(refusals.order_by(Refusal.at, Refusal.id))).all(),
        (await session.scalars(nudges.order_by(Nudge.at, Nudge.id))).all(),
    )


async def waiting(
    session: AsyncSession, departments: Collection[str] = (), limit: int = 100
) -> list[tuple[Refusal, Ticket]]:
    """Refusals that nobody has decided yet, the oldest first; of these departments' tickets, or of all."""
    query = select(Refusal, Ticket).join(Ticket, Ticket.id == Refusal.ticket_id).where(Refusal.decided_at.is_(None))
    if departments:
        query = query.where(Ticket.department.in_(departments))
    return [(row[0], row[1]) for row in await session.execute(query.order_by(Refusal.at).limit(limit))]


async def asked(
    session: AsyncSession, departments: Collection[str] = (), limit: int = 200
) -> list[tuple[Nudge, Ticket]]:
    """What was asked and not answered, what is due first before; of a closed ticket only supervision stays."""
    query = select(Nudge, Ticket).join(Ticket, Ticket.id == Nudge.ticket_id)
    query = query.where(Nudge.answered_at.is_(None), or_(Ticket.state != "closed", Nudge.kind == "supervise"))
    if departments:
        query = query.where(Nudge.department.in_(departments))
    return [(row[0], row[1]) for row in await session.execute(query.order_by(Nudge.answer_due_at).limit(limit))]


async def ping_pong(
    session: AsyncSession, departments: Collection[str] = (), limit: int = 100
) -> list[tuple[Ticket, int]]:
    """Open tickets, of these departments or of all, that main ones gave back more than once, the most often first."""
    times = func.count(Refusal.id)
    query = select(Ticket, times).join(Refusal, Refusal.ticket_id == Ticket.id)
    query = query.where(Refusal.part == "main", Ticket.state != "closed").group_by(Ticket.id).having(times > 1)
    if departments:
        query = query.where(Ticket.department.in_(departments))
    return [(row[0], row[1]) for row in await session.execute(query.order_by(times.desc()).limit(limit))]


async def assisting(
    session: AsyncSession, departments: Collection[str], limit: int = 100
) -> list[tuple[Assignment, Ticket]]:
    """Open parts of departments that their list of tickets does not show: where they assist."""
    query = select(Assignment, Ticket).join(Ticket, Ticket.id == Assignment.ticket_id)
    query = query.where(
        Assignment.department.in_(departments), Assignment.part == "assist", Assignment.refused_at.is_(None),
        Assignment.withdrawn_at.is_(None), Assignment.reported_at.is_(None),
    )  # fmt: skip
    return [(row[0], row[1]) for row in await session.execute(query.order_by(Assignment.assigned_at).limit(limit))]
