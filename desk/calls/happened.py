"""What happened to a call so far and still matters to who has it now. Pure but for one query.

Read from the stored events, so that a page that was refreshed, and a desk that the call was passed to, know as much as
the page that saw it happen.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.database import Database, StoredEvent

_TYPES = ("CallTransferred", "CallerPressed", "HelpAsked", "HelpGiven")


@dataclass
class Happened:
    """Facts of one call, the latest of each kind."""

    #: Who passed it on last, to whom and why: ``agent``, ``kind``, ``target``, ``reason`` (CallTransferred).
    passed: dict[str, str] | None = None
    #: Keys that the caller pressed in mid-call, in order, each with its time.
    pressed: list[tuple[str, datetime]] = field(default_factory=list)
    #: Desks that asked for a supervisor: extension → who came, empty while nobody has.
    help: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cry:
    """A desk asks for a supervisor, and nobody has come."""

    call_id: str
    #: Extension.
    agent: str
    at: datetime


def fold(events: Iterable[tuple[str, datetime, dict[str, Any]]]) -> Happened:
    """Type, time and body of stored events, oldest first."""
    found = Happened()
    for kind, at, body in events:
        match kind:
            case "CallTransferred":
                found.passed = {name: str(body[name]) for name in ("agent", "kind", "target", "reason")}
            case "CallerPressed":
                found.pressed.append((str(body["digit"]), at))
            case "HelpAsked":
                found.help[str(body["agent"])] = ""
            case "HelpGiven" if body["by"] == body["agent"]:
                found.help.pop(str(body["agent"]), None)
            case "HelpGiven":
                found.help[str(body["agent"])] = str(body["by"])
    return found


async def happened(database: Database, call_id: str) -> Happened:
    wanted = (
        select(StoredEvent.type, StoredEvent.at, StoredEvent.body)
        .where(StoredEvent.call_id == call_id, StoredEvent.type.in_(_TYPES))
        .order_by(StoredEvent.seq)
    )
    async with database.read() as session:
        return fold([(row[0], row[1], json.loads(row[2])) for row in await session.execute(wanted)])


async def cries(database: Database, living: Collection[str]) -> list[Cry]:
    """Cries for help in these calls that nobody has answered, the oldest first."""
    wanted = (
        select(StoredEvent.type, StoredEvent.call_id, StoredEvent.at, StoredEvent.body)
        .where(StoredEvent.call_id.in_(living), StoredEvent.type.in_(("HelpAsked", "HelpGiven")))
        .order_by(StoredEvent.seq)
    )
    found: dict[tuple[str, str], Cry] = {}
    async with database.read() as session:
        for kind, call_id, at, body in await session.execute(wanted):
            cry = Cry(call_id=call_id or "", agent=str(json.loads(body)["agent"]), at=at)
            found.pop((cry.call_id, cry.agent), None)
            if kind == "HelpAsked":
                found[cry.call_id, cry.agent] = cry
    return list(found.values())
