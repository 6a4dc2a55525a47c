"""A call as quality review sees it, gathered from the rooms that know its parts."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record import transcripts
from core.city import City
from core.database import StoredEvent
from quality.call import Call, Direction, Heard, Hold, TicketFacts, Turn
from telephony import ledger
from telephony.events import CallHeld
from telephony.ledger import CallRow
from ticketing.tables import Ticket
from triage import store


async def call_of(session: AsyncSession, city: City, call_id: str) -> Call | None:
    """The call with its transcript of record; ``None`` where it has none, or nobody answered."""
    row = await ledger.call(session, call_id)
    if row is None or row.answered_at is None:
        return None
    said = await transcripts.of_call(session, call_id, "record")
    if not said:
        return None
    verdict = await store.latest(session, call_id)
    ticket = await session.scalar(select(Ticket).where(Ticket.call_id == call_id))
    line = city.line(row.line)
    return Call(
        id=row.id, line=row.line, line_name=line.name if line else "",
        category=(ticket.code if ticket else "") or (verdict.code if verdict else ""),
        desk=row.agent, agent=ticket.agent_login if ticket else "", caller=row.caller,
        direction=cast(Direction, row.direction), arrived=row.arrived_at, answered=row.answered_at, ended=row.ended_at,
        ended_by=row.ended_by,
        turns=tuple(
            Turn("agent" if one.leg == "agent" else "caller", one.text, one.start_s, one.end_s, utterance_id=one.id)
            for one in said
        ),
        holds=await _holds(session, row),
        outcome=verdict.outcome if verdict else "",
        places=tuple(place.full for place in verdict.places) if verdict else (),
        facts=tuple(Heard(f.kind, f.value, f.confirmed) for f in verdict.facts.items) if verdict else (),
        ticket=_facts(ticket) if ticket else None,
    )  # fmt: skip


def _facts(ticket: Ticket) -> TicketFacts:
    return TicketFacts(
        id=ticket.id, number=ticket.number, flow=ticket.flow, code=ticket.code, emergency=ticket.is_emergency,
        place=ticket.place, phone=ticket.contact_phone, contact=ticket.contact_name, due=ticket.due_at,
    )  # fmt: skip


async def _holds(session: AsyncSession, call: CallRow) -> tuple[Hold, ...]:
    """Music to the caller, in seconds of the recording; one that was never taken back ends with the call."""
    query = (
        select(StoredEvent)
        .where(StoredEvent.call_id == call.id, StoredEvent.type == CallHeld.__name__)
        .order_by(StoredEvent.seq)
    )
    return holds_of([(row.at, bool(json.loads(row.body).get("held"))) for row in await session.scalars(query)], call)


def holds_of(told: Sequence[tuple[datetime, bool]], call: CallRow) -> tuple[Hold, ...]:
    """Holds from (when, whether it began) in order."""
    begin = transcripts.recorded_from(call)
    made: list[Hold] = []
    since: datetime | None = None
    for at, held in told:
        if held:
            since = since or at
        elif since is not None:
            made.append(Hold((since - begin).total_seconds(), (at - begin).total_seconds()))
            since = None
    if since is not None and call.ended_at is not None:
        made.append(Hold((since - begin).total_seconds(), (call.ended_at - begin).total_seconds()))
    return tuple(made)
