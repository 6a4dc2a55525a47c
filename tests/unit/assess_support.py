"""Months of tickets as rows, the same for the same seed, for tests and measurements of the assessment."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from core.city import City
from core.database import Base, Database
from core.ids import new_id
from ticketing.assign.tables import Assignment, Nudge, Refusal
from ticketing.clocks.tables import TicketClock
from ticketing.tables import Callback, Ticket, TicketHistory

HOUR = timedelta(hours=1)
Rows = dict[type[Base], list[dict[str, Any]]]


def month(city: City, begin: datetime, count: int, days: float, seed: int, agents: Sequence[str]) -> Rows:
    """So many tickets over so many days, each with its parts, clocks, refusals, callbacks and nudges."""
    chance = random.Random(seed)  # noqa: S311  the same rows every time, not a secret
    departments = [d.id for d in city.departments if d.kind != "centre"]
    codes = [category.code for group in city.taxonomy for category in group.categories]
    good = {key: chance.uniform(0.6, 1) for key in departments}
    found: Rows = {t: [] for t in (Ticket, Assignment, TicketClock, Callback, Refusal, Nudge, TicketHistory)}
    for place in range(count):
        ticket_id, at = new_id(), begin + timedelta(days=chance.uniform(0, days))
        agent, department = chance.choice(agents), chance.choice(departments)

        def clock(kind: str, start: datetime, hours: float, stop: datetime | None, own: str = ticket_id) -> None:
            found[TicketClock].append({
                "id": new_id(), "ticket_id": own, "assignment": "", "kind": kind, "level": "", "started_at": start,
                "amount": hours, "unit": "hours", "due_at": start + hours * HOUR, "stopped_at": stop, "extended": 0,
            })  # fmt: skip

        def part(key: str, start: datetime, own: str = ticket_id, by: str = agent, **times: datetime) -> str:
            row = dict.fromkeys(("accepted_at", "refused_at", "reported_at", "withdrawn_at")) | times
            found[Assignment].append({
                "id": new_id(), "ticket_id": own, "department": key, "part": "main", "level": "district",
                "binding": False, "assigned_at": start, "assigned_by": by, "reported_by": "", "result": "",
                "reason": "", **row,
            })  # fmt: skip
            return str(found[Assignment][-1]["id"])

        clock("answer", at - timedelta(seconds=chance.uniform(2, 20)), 15 / 3600, at)
        sent = at + timedelta(minutes=chance.expovariate(1 / 8))
        clock("dispatch", at, 0.5, sent)
        start = sent
        if chance.random() < 0.05:
            other, back = chance.choice(departments), sent + 0.7 * HOUR
            gone = part(other, sent, refused_at=back)
            clock("accept", sent, 2, back)
            start, just = back + HOUR, chance.random() < 0.6
            department = department if just else other
            found[Refusal].append({
                "id": new_id(), "ticket_id": ticket_id, "assignment_id": gone, "department": other, "part": "main",
                "reason": "不属本单位", "suggested": "", "who": "x", "at": back, "decided_at": start,
                "decided_by": "judge", "ruling": "sent" if just else "bound", "sent_to": department, "note": "",
            })  # fmt: skip
        quick = chance.random() < good[department]
        accepted = start + (chance.uniform(0.1, 1.9) if quick else chance.uniform(2.1, 9)) * HOUR
        reported = accepted + (chance.uniform(5, 60) if chance.random() < good[department] else 90) * HOUR
        part(department, start, accepted_at=accepted, reported_at=reported)
        clock("accept", start, 2, accepted)
        clock("handle", sent, 72, reported)
        asked = reported + 2 * HOUR
        reached, pleased = chance.random() < 0.8, chance.random() < good[department]
        person = chance.choice(agents) if chance.random() < 0.5 else ""
        outcome = ("satisfied" if pleased else "unsatisfied") if reached else "no_answer"
        found[Callback].append({
            "ticket_id": ticket_id, "round": 0, "attempt": 1, "call_id": new_id(), "number": "13800001111",
            "due_at": asked, "placed_at": asked, "ended_at": asked, "outcome": outcome, "digit": "",
            "channel": "person" if person else "robot", "who": person,
            "solved": pleased if person and reached else None, "reason": "", "words": "", "desk_call": "",
            "token": None,
        })  # fmt: skip
        if outcome == "unsatisfied":
            found[TicketHistory].append({
                "ticket_id": ticket_id, "version": 9, "at": asked, "who": "system", "role": "system",
                "action": "reopen", "before": "callback", "after": "handling", "department": department, "note": "",
                "changes": {},
            })  # fmt: skip
        if chance.random() < 0.08:
            found[Nudge].append({
                "id": new_id(), "ticket_id": ticket_id, "kind": chance.choice(("urge", "supervise")),
                "department": department, "reason": "x", "who": agent, "at": start + HOUR,
                "answer_due_at": start + 5 * HOUR, "answered_by": "", "answer": "",
            })  # fmt: skip
        found[Ticket].append({
            "id": ticket_id, "number": f"JJ{at:%Y%m%d}-{seed:02d}{place:06d}", "call_id": new_id(), "line": "12345",
            "caller": "13800001111", "caller_digits": "13800001111", "agent_extension": "1001", "agent_login": agent,
            "state": "closed", "is_emergency": False, "code": chance.choice(codes), "summary": "路灯不亮，夜间出行不便",
            "department": department, "assist": [], "created_at": at, "version": 9, "touched": [],
        })  # fmt: skip
    return found


async def fill(
    database: Database, city: City, begin: datetime, count: int, *, days: float = 28, seed: int = 1,
    agents: Sequence[str] = ("wang", "chen"),
) -> Rows:  # fmt: skip
    """Write :func:`month` into the database."""
    rows = month(city, begin, count, days, seed, agents)
    async with database.work() as work:
        for table, values in rows.items():
            for start in range(0, len(values), 1000):
                await work.session.execute(insert(table), values[start : start + 1000])
    return rows
