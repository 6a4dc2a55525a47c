"""The latest verdict of each call, and what triage needs to know of a call after a restart."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import String, Text, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, StoredEvent
from telephony.ledger import QUEUED_DIRECTIONS
from triage.verdict import Candidate, Fact, Facts, Place, Reason, Verdict


class StoredVerdict(Base):
    """What the software last said of a call; its history are the ``CallTriaged`` events."""

    __tablename__ = "verdicts"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(12), index=True)
    code: Mapped[str] = mapped_column(String(8), index=True)
    body: Mapped[str] = mapped_column(Text)


async def save(session: AsyncSession, call_id: str, at: datetime, verdict: Verdict) -> None:
    """Make ``verdict`` the call's latest."""
    body = json.dumps(asdict(verdict), ensure_ascii=False, separators=(",", ":"))
    await session.merge(StoredVerdict(call_id=call_id, at=at, outcome=verdict.outcome, code=verdict.code, body=body))


async def latest(session: AsyncSession, call_id: str) -> Verdict | None:
    """The call's latest verdict, or None where it has none."""
    row = await session.get(StoredVerdict, call_id)
    return None if row is None else _verdict(row.body)


async def arrived(session: AsyncSession, call_id: str) -> tuple[str, str] | None:
    """The line that an incoming call dialled and the number it came from, as it was stored; None for any other call."""
    body = await session.scalar(
        select(StoredEvent.body).where(StoredEvent.call_id == call_id, StoredEvent.type == "CallArrived").limit(1)
    )
    if body is None:
        return None
    found = json.loads(body)
    if found.get("direction", "in") not in QUEUED_DIRECTIONS:
        return None
    return str(found["line"]), str(found["caller"])


def _verdict(body: str) -> Verdict:
    data = json.loads(body)
    return Verdict(
        **{
            **data,
            "candidates": tuple(Candidate(**c) for c in data["candidates"]),
            "places": tuple(_place(p) for p in data["places"]),
            "reasons": tuple(Reason(**r) for r in data["reasons"]),
            "assist": tuple(data["assist"]),
            # Verdicts from before facts were heard have none.
            "facts": _facts(data.get("facts", {})),
        }
    )


def _place(data: dict[str, Any]) -> Place:
    point = data.get("point")
    return Place(**{**data, "towns": tuple(data.get("towns", ())), "point": tuple(point) if point else None})


def _facts(data: dict[str, Any]) -> Facts:
    return Facts(**{**data, "items": tuple(Fact(**f) for f in data.get("items", ()))})
