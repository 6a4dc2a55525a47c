"""Open tickets in few words, for a board of all of them: where each stands, and which of its clocks is due first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city_clocks import ClockKind
from ticketing.clocks.tables import TicketClock
from ticketing.dispatch.tables import TicketScene
from ticketing.events import TicketState
from ticketing.incidents import carried
from ticketing.listing import IS_OPEN
from ticketing.tables import Ticket

#: Phases in which somebody may still have to be sent.
TO_SEND: tuple[TicketState, ...] = ("draft", "filed", "dispatched", "handling")


@dataclass(frozen=True)
class Pending:
    """One open ticket; times are moments with a zone, coordinates degrees of WGS 84."""

    id: str
    state: TicketState
    is_emergency: bool
    department: str
    assist: Sequence[str]
    created_at: datetime
    #: 1 特别重大 … 4 一般; None where nobody has graded it.
    grade: int | None = None
    #: Where a person said that it is.
    point: tuple[float, float] | None = None
    #: Which of the ticket's own running clocks is due first, and when; None where none runs.
    clock: ClockKind | None = None
    due_at: datetime | None = None
    #: That clock stands still: it is not late.
    paused: bool = False
    #: Its department has the matter in hand by the head of its incident: nobody is sent for this one besides.
    carried: bool = False

    @property
    def waits(self) -> bool:
        """Nobody has been sent yet."""
        return self.state in ("draft", "filed")

    def late(self, now: datetime) -> bool:
        return self.due_at is not None and not self.paused and self.due_at < now


async def pending(session: AsyncSession, ids: Collection[str] | None = None) -> list[Pending]:
    """Every open ticket to which somebody may have to be sent, or of these alone, in no order. Three queries, whatever
    their number; each reads what is open, not what is closed.
    """
    chosen = [IS_OPEN, Ticket.state.in_(TO_SEND)]
    if ids is not None:
        chosen.append(Ticket.id.in_(ids))
    query = (
        select(
            Ticket.id, Ticket.state, Ticket.is_emergency, Ticket.department, Ticket.assist, Ticket.created_at,
            TicketScene.grade, TicketScene.lon, TicketScene.lat,
        )
        .outerjoin(TicketScene, TicketScene.ticket_id == Ticket.id)
        .where(*chosen)
    )  # fmt: skip
    clocks = (
        select(TicketClock.ticket_id, TicketClock.kind, TicketClock.due_at, TicketClock.paused_at)
        .join(Ticket, Ticket.id == TicketClock.ticket_id)
        .where(*chosen, TicketClock.stopped_at.is_(None), TicketClock.assignment == "")
        # Of several the last one stands: the one that is due first.
        .order_by(TicketClock.due_at.desc())
    )
    first = {row[0]: row for row in await session.execute(clocks)}
    of_heads = await carried(session)
    found = []
    for row in await session.execute(query):
        clock = first.get(row.id)
        found.append(
            Pending(
                id=row.id, state=row.state, is_emergency=row.is_emergency, department=row.department,
                assist=row.assist, created_at=row.created_at, grade=row.grade,
                point=None if row.lon is None or row.lat is None else (row.lon, row.lat),
                clock=clock[1] if clock else None, due_at=clock[2] if clock else None,
                paused=clock is not None and clock[3] is not None, carried=row.id in of_heads,
            )
        )  # fmt: skip
    return found
