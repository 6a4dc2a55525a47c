"""What screens and API show: rows and events turned into plain JSON types, in the reader's language.

Nothing here is HTML: callers' numbers, transcripts and fields stay plain text until a template or a script's
``textContent`` puts them on a page.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from core.city import City
from desk.i18n import Language, translate
from desk.ports import CallRow, UtteranceRow
from telephony.switchboard import AgentView, CallView
from ticketing.actor import Role
from ticketing.fields import EDITABLE, NATURES
from ticketing.states import ACTION_NAMES, STATE_NAMES, actions
from ticketing.tables import Callback, Ticket, TicketHistory
from triage.questions import Question
from triage.verdict import Verdict

PAUSE_REASONS = ("小休", "用餐", "培训", "会议", "设备故障", "其他")
OUTCOMES = {
    "answered": "已接听",
    "abandoned": "来电人放弃",
    "unanswered": "无人接听",
    "failed": "呼叫失败",
    "lost": "通话中断",
}
#: Names of a ticket's fields, as its form and its history show them.
FIELD_NAMES = {
    "code": "类别",
    "nature": "诉求性质",
    "is_emergency": "紧急警情",
    "place": "地点",
    "contact_name": "联系人",
    "contact_phone": "联系电话",
    "summary": "事由",
    "description": "补充说明",
    "department": "承办部门",
    "assist": "协办部门",
}
CALLBACK_OUTCOMES = {
    "satisfied": "满意",
    "unsatisfied": "不满意",
    "no_answer": "无人接听",
    "no_key": "未按键评价",
    "failed": "呼叫失败",
}
_STEP_NAMES: dict[str, str] = {**{str(k): v for k, v in ACTION_NAMES.items()}, "draft": "受理", "edit": "修改"}
_TIMES = ("created_at", "filed_at", "dispatched_at", "handling_at", "reported_at", "callback_at", "closed_at", "due_at")


def stamp(moment: datetime | None) -> str | None:
    """ISO 8601 with zone, or None."""
    return None if moment is None else moment.isoformat()


class Views:
    """Makes views in one language."""

    def __init__(self, city: City, language: Language) -> None:
        self._city = city
        self.language: Language = language

    def text(self, source: str) -> str:
        return translate(self.language, source)

    def line_name(self, number: str) -> str:
        line = self._city.line(number)
        if line is None:
            return number
        return line.name if self.language == "zh" else line.name_en

    def department_name(self, key: str) -> str:
        department = self._city.department(key)
        if department is None:
            return key
        return department.name if self.language == "zh" else department.name_en

    def category_name(self, code: str) -> str:
        category = self._city.category(code)
        if category is None:
            return code
        return category.name if self.language == "zh" else category.name_en

    def choices(self) -> dict[str, Any]:
        """What the ticket form's lists offer."""
        chinese = self.language == "zh"
        return {
            "groups": [
                {
                    "name": g.name if chinese else g.name_en,
                    "emergency": g.emergency,
                    "categories": [
                        {"code": c.code, "name": c.name if chinese else c.name_en, "department": c.department}
                        for c in g.categories
                    ],
                }
                for g in self._city.taxonomy
            ],
            "natures": [{"value": n, "name": self.text(n)} for n in NATURES],
            "departments": [{"value": d.id, "name": d.name if chinese else d.name_en} for d in self._city.departments],
        }

    def agent(self, agent: AgentView) -> dict[str, Any]:
        return {
            "extension": agent.extension,
            "name": agent.name,
            "kind": agent.kind,
            "state": agent.state,
            "reason": agent.reason,
            "since": stamp(agent.since),
            "call_id": agent.call_id,
        }

    def live_call(self, call: CallView, *, with_caller: bool) -> dict[str, Any]:
        """A live call; the caller's number only for those who may see it."""
        return {
            "call_id": call.call_id,
            **self._line(call.line),
            "caller": call.caller if with_caller else None,
            "state": call.state,
            "arrived_at": stamp(call.arrived_at),
            "answered_at": stamp(call.answered_at),
            "ended_at": None,
            "agent": call.agent,
            "priority": call.priority,
        }

    def past_call(self, call: CallRow) -> dict[str, Any]:
        return {
            "call_id": call.id,
            **self._line(call.line),
            "caller": call.caller,
            "state": "ended" if call.ended_at else "talking",
            "arrived_at": stamp(call.arrived_at),
            "answered_at": stamp(call.answered_at),
            "ended_at": stamp(call.ended_at),
            "agent": call.agent or "",
            "outcome": call.outcome or "",
            "outcome_name": self.text(OUTCOMES.get(call.outcome or "", call.outcome or "")),
            "recorded": bool(call.recording),
        }

    def _line(self, number: str) -> dict[str, Any]:
        line = self._city.line(number)
        return {
            "line": number,
            "line_name": self.line_name(number),
            "emergency": line is not None and line.kind == "emergency",
            "opening": line.opening if line else "",
        }

    def utterance(self, row: UtteranceRow) -> dict[str, Any]:
        return {
            "utterance_id": row.utterance_id,
            "leg": row.leg,
            "text": row.text,
            "start_s": row.start_s,
            "end_s": row.end_s,
        }

    def verdict(self, verdict: Verdict, questions: Iterable[Question]) -> dict[str, Any]:
        return {
            "outcome": verdict.outcome,
            "p_emergency": verdict.p_emergency,
            "candidates": [
                {"code": c.code, "name": self.category_name(c.code), "probability": c.probability}
                for c in verdict.candidates[:2]
            ],
            "nature": verdict.nature,
            "place": verdict.place,
            "phone": verdict.phone,
            "reasons": [{"rule": r.rule, "words": r.words, "says": r.says} for r in verdict.reasons],
            "suggest_transfer": verdict.suggest_transfer,
            "questions": [q.zh if self.language == "zh" else q.en for q in questions],
        }

    def ticket(self, ticket: Ticket, role: Role) -> dict[str, Any]:
        """A ticket with the names of what it refers to, and what ``role`` may do with it now."""
        fields = {name: getattr(ticket, name) for name in EDITABLE}
        return {
            "id": ticket.id,
            "number": ticket.number,
            "call_id": ticket.call_id,
            **self._line(ticket.line),
            "caller": ticket.caller,
            "agent": ticket.agent_extension,
            "agent_login": ticket.agent_login,
            "state": ticket.state,
            "state_name": self.text(STATE_NAMES[ticket.state]),
            **fields,
            "category": self.category_name(ticket.code),
            "department_name": self.department_name(ticket.department),
            "assist_names": [self.department_name(key) for key in ticket.assist],
            "result": ticket.result,
            "satisfaction": ticket.satisfaction,
            **{name: stamp(getattr(ticket, name)) for name in _TIMES},
            "version": ticket.version,
            "touched": list(ticket.touched),
            "actions": list(actions(ticket.state, role)),
        }

    def history(self, rows: Iterable[TicketHistory]) -> list[dict[str, Any]]:
        return [
            {
                "at": stamp(row.at),
                "who": row.who,
                "who_name": self.text("系统") if row.role == "system" else row.who,
                "name": self.text(_STEP_NAMES.get(row.action, row.action)),
                "changed": [self.text(FIELD_NAMES.get(name, name)) for name in row.changes],
                "role": row.role,
                "action": row.action,
                "before": row.before,
                "after": row.after,
                "department": self.department_name(row.department) if row.department else "",
                "note": row.note,
                "changes": row.changes,
            }
            for row in rows
        ]

    def callbacks(self, rows: Iterable[Callback]) -> list[dict[str, Any]]:
        return [
            {
                "round": row.round,
                "attempt": row.attempt,
                "number": row.number,
                "due_at": stamp(row.due_at),
                "placed_at": stamp(row.placed_at),
                "ended_at": stamp(row.ended_at),
                "outcome": row.outcome,
                "outcome_name": self.text(
                    CALLBACK_OUTCOMES[row.outcome] if row.outcome else "回访中" if row.placed_at else "待拨"
                ),
                "digit": row.digit,
            }
            for row in rows
        ]
