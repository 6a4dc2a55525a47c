"""A review as its page shows it: card, answers, proposals of the checks, marks of the sound. Pure but for reading."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.city_scorecards import Scorecard
from desk.i18n import Language
from desk.quality.reasons import told
from desk.views import Views
from quality.checks import findings as checks
from quality.reviews.listing import ON_THE_CLOCK
from quality.reviews.states import STATE_NAMES
from quality.reviews.tables import Review
from quality.scorecards.prefill import prefill
from quality.scorecards.score import Answer, Score, missing, so_far
from quality.tables import CallChecks, CallFinding
from ticketing.clocks.calendar import WorkCalendar
from triage.verdict import Verdict

WHY_NAMES = {"risk": "风险抽取", "lot": "随机抽取"}


@dataclass(frozen=True)
class Checked:
    """What the automatic checks said of a call: their answers, and findings with the utterance of each."""

    answers: Mapping[str, str]
    found: Sequence[CallFinding]


async def checked(session: AsyncSession, call_id: str) -> Checked | None:
    """None where the call was not checked (yet)."""
    row = await session.get(CallChecks, call_id)
    if row is None:
        return None
    query = select(CallFinding).where(CallFinding.call_id == call_id).order_by(CallFinding.id)
    return Checked(row.answers, (await session.scalars(query)).all())


def proposals(card: Scorecard, said: Checked | None, views: Views) -> dict[str, dict[str, Any]]:
    """By item of the card: what a check answers and what it rests on. They wait for a person's eye."""
    if said is None:
        return {}
    places = {number: row for number, row in enumerate(said.found)}
    by_check: dict[str, list[checks.Finding]] = {}
    for number, row in places.items():
        # ``turn`` carries the number of the row, from which the utterance is found again.
        finding = checks.Finding(check=row.check, severity=_severity(row.severity), reason=row.reason, turn=number)
        by_check.setdefault(row.check, []).append(finding)
    review = checks.Review({
        name: checks.Checked(_answer(answer), tuple(by_check.get(name, ()))) for name, answer in said.answers.items()
    })  # fmt: skip
    return {
        one.item: {
            "answer": one.answer,
            "evidence": [
                {
                    "utterance_id": row.utterance_id,
                    "second": row.second,
                    "words": row.words,
                    "reason": told(row.reason, views),
                }
                for row in (places[finding.turn] for finding in one.evidence)
            ],
        }
        for one in prefill(card, review)
    }


def _answer(text: str) -> checks.Answer:
    return "pass" if text == "pass" else "fail" if text == "fail" else "na"


def _severity(text: str) -> checks.Severity:
    return next((known for known in ("minor", "major", "grave") if known == text), "note")


def marks(
    said: Checked | None, transcript: Iterable[Mapping[str, Any]], verdict: Verdict | None, views: Views
) -> list[dict[str, Any]]:
    """Where to look, in the order of the call: what the checks found, and the caller's words of danger.

    Each has ``second`` (of the recording), ``kind`` (``finding`` or ``danger``), ``text`` and ``utterance_id``.
    """
    rows = {row["utterance_id"]: row for row in transcript}
    made: list[dict[str, Any]] = []
    for one in said.found if said else ():
        second = one.second if one.second is not None else rows.get(one.utterance_id, {}).get("second_s")
        if second is not None:
            made.append({
                "second": second, "kind": "finding", "severity": one.severity, "label": views.text(one.label),
                "text": told(one.reason, views), "words": one.words, "utterance_id": one.utterance_id,
            })  # fmt: skip
    words = [one.words for one in verdict.reasons if one.says == "emergency" and one.words] if verdict else []
    for row in rows.values():
        heard = [word for word in words if word in row["text"]] if row["leg"] == "caller" else []
        if heard:
            made.append({
                "second": row["second_s"], "kind": "danger", "severity": "", "label": "", "text": "、".join(heard),
                "words": heard[0], "utterance_id": row["utterance_id"],
            })  # fmt: skip
    return sorted(made, key=lambda mark: mark["second"])


def card_view(card: Scorecard, language: Language) -> dict[str, Any]:
    """The card in one language."""
    zh = language == "zh"
    return {
        "name": card.name if zh else card.name_en, "version": card.version, "pass_mark": card.pass_mark,
        "sections": [
            {
                "name": section.name if zh else section.name_en,
                "items": [
                    {
                        "key": item.key, "name": item.name if zh else item.name_en, "kind": item.kind,
                        "weight": item.weight, "top": item.top, "auto_fail": item.auto_fail,
                        "may_skip": item.may_skip, "guide": item.guide if zh else item.guide_en or item.guide,
                    }
                    for item in section.items
                ],
            }
            for section in card.sections
        ],
    }  # fmt: skip


def score_view(made: Score) -> dict[str, Any]:
    return {
        "points": None if made.points is None else str(made.points),
        "before_fail": None if made.before_fail is None else str(made.before_fail),
        "failed": list(made.failed), "passed": made.passed, "lost": {key: str(lost) for key, lost in made.lost.items()},
    }  # fmt: skip


def running(card: Scorecard, answers: Mapping[str, Answer]) -> dict[str, Any]:
    """The score of what was answered by now, and what was not."""
    return {"score": score_view(so_far(card, answers)), "missing": [item.key for item in missing(card, answers)]}


def row_view(review: Review, now: datetime, calendar: WorkCalendar) -> dict[str, Any]:
    """A review of a list. ``days``: working days that are left; negative: since it was due."""
    due = review.due_at if review.state in ON_THE_CLOCK else None
    return {
        "id": review.id, "call_id": review.call_id, "agent": review.agent, "kind": review.kind, "why": review.why,
        "state": review.state, "state_name": STATE_NAMES[review.state], "due_at": due,
        "late": due is not None and due < now, "days": None if due is None else workdays(calendar, now, due),
    }  # fmt: skip


def workdays(calendar: WorkCalendar, begin: datetime, end: datetime) -> int:
    """Working days after the day of ``begin`` until that of ``end``; negative where it lies before."""
    if end < begin:
        return -workdays(calendar, end, begin)
    day, last = calendar.local(begin).date(), calendar.local(end).date()
    days = 0
    while day < last:
        day += timedelta(days=1)
        days += calendar.day(day).works
    return days
