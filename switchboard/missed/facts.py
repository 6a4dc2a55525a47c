"""What stored events say of a call that has ended, beyond its row in the ledger."""

import json
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import StoredEvent
from telephony.call import fact_id
from telephony.events import CallEnded
from telephony.ledger import CallRow


async def kept(session: AsyncSession, call_id: str) -> bool:
    """Whether this caller pressed the key and keeps his place."""
    return await session.scalar(select(StoredEvent.seq).where(StoredEvent.id == fact_id(call_id, "kept"))) is not None


async def at_the_end(session: AsyncSession, row: CallRow) -> tuple[bool, str]:
    """Whether the caller waited when the call ended, and the line of which it was last."""
    body = await session.scalar(select(StoredEvent.body).where(StoredEvent.id == fact_id(row.id, "ended")))
    told = json.loads(body) if body else {}
    return bool(told.get("waiting")), told.get("line") or row.line


async def ended_waiting(session: AsyncSession, since: datetime) -> set[str]:
    """The calls that ended after ``since`` while their callers waited."""
    bodies = await session.scalars(
        select(StoredEvent.body).where(StoredEvent.type == CallEnded.__name__, StoredEvent.at > since)
    )
    return {told["call_id"] for told in map(json.loads, bodies) if told.get("waiting")}
