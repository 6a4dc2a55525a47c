"""What a person left in a ticket beside what the software had said of its call: kept as a label."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import StoredEvent
from triage.loop.tables import ModelUse, TriageLabel

#: What software and people both say of a call.
FIELDS = ("emergency", "code", "nature", "place")


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a person left in a ticket."""

    emergency: bool
    code: str
    nature: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Filed:
    """A ticket of a call that has left its draft."""

    ticket_id: str
    number: str
    call_id: str
    at: datetime
    line: str
    desk: str
    who: str
    left: Left
    #: Of :data:`FIELDS`: what a person saved.
    touched: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the software last said."""

    outcome: str
    p_emergency: float
    code: str
    nature: str
    place: str


def changed(said: Said, left: Left) -> tuple[str, ...]:
    """The fields in which the person left something else. Pure.

    An empty field of a ticket is no answer; a place that names more than the software's is none of another place.
    """
    differs = {
        "emergency": (said.outcome == "emergency") != left.emergency,
        "code": bool(left.code) and left.code != said.code,
        "nature": bool(left.nature) and left.nature != said.nature,
        "place": bool(left.place) and not same_place(said.place, left.place),
    }
    return tuple(name for name in FIELDS if differs[name])


def same_place(one: str, other: str) -> bool:
    """True where both name a place and one only adds to the other (池店镇华洲村, 池店镇华洲村口超市旁)."""
    a, b = ("".join(text.split()) for text in (one, other))
    return bool(a and b) and (a in b or b in a)


async def keep(session: AsyncSession, filed: Filed, now: datetime) -> bool:
    """Keep the label of a filed ticket, or what a person changed in it since; False where the call was not judged.

    What the software said, and which utterances it had heard, is as it stood when the ticket was filed.
    """
    known = await session.get(TriageLabel, filed.ticket_id)
    if known is not None:
        _revise(known, filed, now)
        return True
    verdict = await _last_verdict(session, filed.call_id, filed.at)
    if verdict is None:
        return False
    said, judged_at = verdict
    use = await use_at(session, judged_at)
    session.add(TriageLabel(
        ticket_id=filed.ticket_id, number=filed.number, call_id=filed.call_id, at=filed.at, line=filed.line,
        desk=filed.desk, who=filed.who, model=use.version if use else "", rules=use.rules if use else 0,
        said_outcome=said.outcome, said_p=said.p_emergency, said_code=said.code, said_nature=said.nature,
        said_place=said.place, emergency=filed.left.emergency, code=filed.left.code, nature=filed.left.nature,
        place=filed.left.place, changed=list(changed(said, filed.left)), touched=list(filed.touched),
        utterances=await _heard(session, filed.call_id, filed.at),
    ))  # fmt: skip
    return True


def _revise(label: TriageLabel, filed: Filed, now: datetime) -> None:
    left = filed.left
    if (label.emergency, label.code, label.nature, label.place) == (left.emergency, left.code, left.nature, left.place):
        return
    label.emergency, label.code, label.nature, label.place = left.emergency, left.code, left.nature, left.place
    label.changed, label.touched = list(changed(said_of(label), left)), list(filed.touched)
    label.revised_at = now


def said_of(label: TriageLabel) -> Said:
    """What the software had said."""
    return Said(
        outcome=label.said_outcome, p_emergency=label.said_p, code=label.said_code, nature=label.said_nature,
        place=label.said_place,
    )  # fmt: skip


async def use_at(session: AsyncSession, at: datetime) -> ModelUse | None:
    """Which model judged at that time; None before the first was noted."""
    return await session.scalar(select(ModelUse).where(ModelUse.at <= at).order_by(ModelUse.id.desc()).limit(1))


async def labels(
    session: AsyncSession, *, start: datetime | None = None, end: datetime | None = None
) -> Sequence[TriageLabel]:
    """Labels of tickets filed from ``start`` to before ``end``, oldest first."""
    query = select(TriageLabel)
    if start is not None:
        query = query.where(TriageLabel.at >= start)
    if end is not None:
        query = query.where(TriageLabel.at < end)
    return (await session.scalars(query.order_by(TriageLabel.at, TriageLabel.ticket_id))).all()


async def _last_verdict(session: AsyncSession, call_id: str, until: datetime) -> tuple[Said, datetime] | None:
    body = await _events(session, call_id, "CallTriaged", until)
    if not body:
        return None
    at, event = body[-1]
    verdict = event["verdict"]
    candidates, places = verdict["candidates"], verdict["places"]
    said = Said(
        outcome=verdict["outcome"], p_emergency=verdict["p_emergency"], nature=verdict["nature"],
        code=candidates[0]["code"] if candidates else "", place=places[0]["canonical"] if places else "",
    )  # fmt: skip
    return said, at


async def _heard(session: AsyncSession, call_id: str, until: datetime) -> list[str]:
    return [event["utterance_id"] for _, event in await _events(session, call_id, "UtteranceHeard", until)]


async def _events(
    session: AsyncSession, call_id: str, kind: str, until: datetime
) -> list[tuple[datetime, dict[str, Any]]]:
    rows = await session.execute(
        select(StoredEvent.at, StoredEvent.body)
        .where(StoredEvent.call_id == call_id, StoredEvent.type == kind, StoredEvent.at <= until)
        .order_by(StoredEvent.seq)
    )
    return [(at, json.loads(body)) for at, body in rows]
