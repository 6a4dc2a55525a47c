"""The answered calls of a shift with what makes them worth a look, read from the tables."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record.transcripts import Utterance
from core.audit import AuditEntry
from core.city_quality import CityQuality, QualityShift, Risk
from core.database import StoredEvent
from quality.sampling.draw import Candidate
from switchboard.figures.worktime import DeskTime
from telephony.ledger import QUEUED_DIRECTIONS, CallRow, LegRow
from ticketing.tables import Ticket
from triage.loop.tables import TriageLabel
from triage.store import StoredVerdict

#: SQLite takes no more values in one statement.
_BATCH = 500
#: What angry callers say. A hint that orders calls, not a judgement: nobody is scored by it.
_ANGRY = re.compile(
    r"投诉你|要?告你们|曝光|什么态度|什么破|气死|太过分|忍无可忍|还有没有人管|管不管|骗子|不要脸|王八蛋|混蛋|他妈|妈的|"
    r"滚|放屁|扯淡|忽悠|糊弄|踢皮球|推来推去|打了(?:多少|好几|几十)[次遍]|没完没了|第[三四五六七八九十]次"
)


def span(day: date, shift: QualityShift, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First moment of a day's shift and the first one after it."""
    begin = datetime.combine(day, shift.begin, zone)
    over = day if shift.end > shift.begin else day + timedelta(days=1)
    return begin, datetime.combine(over, time(shift.end.hour, shift.end.minute), zone)


def occasion(day: date, shift: QualityShift) -> str:
    """The name by which lots are drawn."""
    return f"{day.isoformat()} {shift.key}"


async def population(
    session: AsyncSession, day: date, shift: QualityShift, plan: CityQuality, zone: ZoneInfo
) -> list[Candidate]:
    """Every ended call of the queue that a desk answered in this shift, as it is known now."""
    begin, end = span(day, shift, zone)
    query = select(CallRow).where(
        CallRow.direction.in_(QUEUED_DIRECTIONS),
        CallRow.answered_at >= begin, CallRow.answered_at < end,
        CallRow.ended_at.is_not(None), CallRow.agent != "",
        # The index is of the arrival; nobody waits for a day.
        CallRow.arrived_at >= begin - timedelta(days=1), CallRow.arrived_at < end,
    )  # fmt: skip
    calls = {row.id: row for row in await session.scalars(query)}
    found: list[Candidate] = []
    for ids in _batches(list(calls)):
        found += await _candidates(session, [calls[call] for call in ids], plan, zone)
    return found


async def _candidates(
    session: AsyncSession, calls: Sequence[CallRow], plan: CityQuality, zone: ZoneInfo
) -> list[Candidate]:
    ids = [call.id for call in calls]
    tickets = {
        row.call_id: row for row in await session.scalars(select(Ticket).where(Ticket.call_id.in_(ids)))
    }  # fmt: skip
    verdicts = {
        row.call_id: row for row in await session.scalars(select(StoredVerdict).where(StoredVerdict.call_id.in_(ids)))
    }  # fmt: skip
    people = await _people(session, ids)
    risks = await _risks(session, calls, tickets, verdicts, plan)
    found: list[Candidate] = []
    for call in calls:
        ticket, verdict, spoke = tickets.get(call.id), verdicts.get(call.id), people[call.id]
        agent = spoke.get(call.agent) or (ticket.agent_login if ticket else "") or f"desk:{call.agent}"
        others = {spoke.get(desk) or f"desk:{desk}" for desk in spoke if desk != call.agent} - {agent}
        answered = call.answered_at or call.arrived_at
        found.append(
            Candidate(
                call.id, agent, call.line, (ticket.code if ticket else "") or (verdict.code if verdict else ""),
                answered.astimezone(zone).hour, tuple(sorted(others)), tuple(sorted(risks[call.id])),
            )
        )  # fmt: skip
    return found


async def _people(session: AsyncSession, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of each call: the desks that took part, with the login of whoever sat there where that is known."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    legs = select(LegRow.call_id, LegRow.extension).where(
        LegRow.call_id.in_(ids), LegRow.joined, LegRow.extension != ""
    )
    for call, desk in await session.execute(legs):
        found[call].setdefault(desk, "")
    sat = select(DeskTime.call_id, DeskTime.desk, DeskTime.login).where(DeskTime.call_id.in_(ids), DeskTime.login != "")
    for of, desk, login in await session.execute(sat.order_by(DeskTime.seq)):
        # Whose telephone only rang has a row, too, and did not take part.
        call = str(of)
        if desk in found[call] or not found[call]:
            found[call][desk] = login
    return found


async def _risks(
    session: AsyncSession, calls: Sequence[CallRow], tickets: dict[str | None, Ticket],
    verdicts: dict[str, StoredVerdict], plan: CityQuality,
) -> dict[str, set[Risk]]:  # fmt: skip
    ids = [call.id for call in calls]
    found: dict[str, set[Risk]] = {call: set() for call in ids}
    for row in calls:
        ticket, verdict, mine = tickets.get(row.id), verdicts.get(row.id), found[row.id]
        if row.ended_by == "agent" and (row.talked_s or 0) < plan.early_hangup_s:
            mine.add("early_hangup")
        if ticket.is_emergency if ticket else verdict is not None and verdict.outcome == "emergency":
            mine.add("emergency")
        if ticket is not None:
            told: dict[Risk, bool] = {
                "complaint": ticket.nature == "投诉", "reopened": ticket.reopened > 0,
                "unsatisfied": ticket.satisfaction == "unsatisfied",
            }  # fmt: skip
            mine.update(risk for risk, there in told.items() if there)
    labels = select(TriageLabel.call_id, TriageLabel.said_outcome, TriageLabel.emergency)
    for call, said, emergency in await session.execute(labels.where(TriageLabel.call_id.in_(ids))):
        if said == ("service" if emergency else "emergency"):
            found[call].add("verdict_changed")
    wanted = select(StoredEvent.call_id, StoredEvent.type, StoredEvent.at, StoredEvent.body).where(
        StoredEvent.call_id.in_(ids), StoredEvent.type.in_(("CallHeld", "CallSupervised"))
    )
    facts: dict[str, list[tuple[str, datetime, dict[str, Any]]]] = defaultdict(list)
    for of, kind, at, body in await session.execute(wanted.order_by(StoredEvent.at, StoredEvent.seq)):
        facts[str(of)].append((kind, at, json.loads(body)))
    ends = {row.id: row.ended_at for row in calls}
    for call, happened in facts.items():
        if any(kind == "CallSupervised" and body["mode"] == "barge" for kind, _, body in happened):
            found[call].add("barge")
        if _longest_hold(happened, ends[call]) > plan.long_hold_s:
            found[call].add("long_hold")
    taken = select(AuditEntry.call_id).where(AuditEntry.call_id.in_(ids), AuditEntry.what == "take_over")
    for over in await session.scalars(taken):
        found[str(over)].add("barge")
    spoken = select(Utterance.call_id, Utterance.text).where(Utterance.call_id.in_(ids), Utterance.leg == "caller")
    for of_call, text in await session.execute(spoken):
        if _ANGRY.search(text):
            found[of_call].add("angry")
    return found


def _longest_hold(told: Iterable[tuple[str, datetime, dict[str, Any]]], end: datetime | None) -> float:
    """Seconds of the longest stretch on hold; one that was never taken back lasts to the call's end."""
    longest, since = 0.0, None
    for kind, at, body in told:
        if kind != "CallHeld":
            continue
        if body["held"]:
            since = since or at
        elif since is not None:
            longest, since = max(longest, (at - since).total_seconds()), None
    if since is not None and end is not None:
        longest = max(longest, (end - since).total_seconds())
    return longest


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
