"""Departments' parts, refusals and supervision as screens show them, with what this person may do."""

from datetime import datetime
from typing import Any

from core.city import City
from core.city_levels import Level
from desk.access import masking
from desk.access.users import User
from desk.views import Views, stamp
from ticketing.assign.board import OfTicket
from ticketing.assign.levels import above
from ticketing.assign.service import ROLES
from ticketing.assign.tables import Assignment, Nudge, NudgeKind, PartState, Refusal, Ruling
from ticketing.tables import Ticket

STATE_NAMES: dict[PartState, str] = {
    "assigned": "待接单",
    "accepted": "办理中",
    "reported": "已反馈",
    "refused": "已退单",
    "withdrawn": "已撤回",
}
RULING_NAMES: dict[Ruling, str] = {
    "sent": "改派",
    "bound": "裁定退回原部门",
    "released": "不再协办",
    "up": "逐级上报",
    "closed": "工单已结",
}
#: Reasons that heyi itself gives for a part's end.
_OWN = frozenset({"工单结案", "改派", "召回", "转为主办", "主办已办结，未接单的协办随之撤回"})
KIND_NAMES: dict[NudgeKind, str] = {"supervise": "督办", "urge": "催办"}
LEVEL_NAMES: dict[Level, str] = {"district": "市级", "town": "镇街", "community": "村（社区）", "grid": "网格"}


class AssignViews:
    """Makes views for one person in one language."""

    def __init__(self, city: City, views: Views, user: User, now: datetime) -> None:
        self._city = city
        self._views = views
        self._text = views.text
        self._user = user
        self._now = now

    def ticket(self, ticket: Ticket, found: OfTicket) -> dict[str, Any]:
        """The parts of one ticket, and what may be done about it as a whole."""
        user, main = self._user, next((p for p in found.parts if p.part == "main" and p.open), None)
        in_hand = main is not None and ticket.state in ("dispatched", "handling")
        own = main is not None and main.department in user.departments
        asked = ticket.state not in ("draft", "closed") and bool(ticket.department)
        return {
            "parts": [self.part(part, ticket) for part in found.parts],
            "main": main.id if main else "",
            "refusals": [self.refusal(refusal, ticket) for refusal in found.refusals],
            "nudges": [self.nudge(nudge, ticket) for nudge in found.nudges],
            "may_assist": in_hand and (own or self._leads(ticket, "assist")),
            "may_reassign": in_hand and self._leads(ticket, "reassign"),
            "may_escalate": in_hand and (own or self._leads(ticket, "escalate"))
            and main is not None and bool(above(self._city, main.department, ticket.code)),
            "may_urge": asked and self._leads(ticket, "urge"),
            "may_supervise": asked and self._leads(ticket, "supervise"),
            "hours": f"{self._city.levels.supervise_hours:g}",
        }  # fmt: skip

    def part(self, part: Assignment, ticket: Ticket) -> dict[str, Any]:
        own = part.open and part.department in self._user.departments
        # Of a main part whose ticket has steps for it, the ticket's own buttons do this.
        here = own and (part.part == "assist" or (ticket.state == "handling" and part.accepted_at is None))
        lead = part.open and part.part == "assist" and self._leads(ticket, "withdraw")
        return self._shown({
            "id": part.id,
            **self._of(ticket),
            "department_name": self._views.department_name(part.department),
            "part": part.part,
            "part_name": self._text("主办" if part.part == "main" else "协办"),
            "level_name": self._text(LEVEL_NAMES[part.level]),
            "state": part.state,
            "state_name": self._text(STATE_NAMES[part.state]),
            "binding": part.binding,
            "assigned_at": stamp(part.assigned_at),
            "accepted_at": stamp(part.accepted_at),
            "ended_at": stamp(part.reported_at or part.refused_at or part.withdrawn_at),
            "said": part.result or (self._text(part.reason) if part.reason in _OWN else part.reason),
            "may_accept": here and part.accepted_at is None,
            "may_refuse": here and part.accepted_at is None and not part.binding,
            "may_report": own and part.part == "assist",
            "may_withdraw": lead,
        })  # fmt: skip

    def refusal(self, refusal: Refusal, ticket: Ticket) -> dict[str, Any]:
        """A refusal, with the list of matters (权责) for whoever decides it."""
        category = self._city.category(ticket.code)
        named = self._views.department_name
        return self._shown({
            "id": refusal.id,
            **self._of(ticket),
            "department": refusal.department,
            "department_name": named(refusal.department),
            "part": refusal.part,
            "reason": refusal.reason,
            "suggested": refusal.suggested,
            "suggested_name": named(refusal.suggested) if refusal.suggested else "",
            "at": stamp(refusal.at),
            "decided_at": stamp(refusal.decided_at),
            "ruling": self._text(RULING_NAMES[refusal.ruling]) if refusal.ruling else "",
            "sent_to": named(refusal.sent_to) if refusal.sent_to else "",
            "note": refusal.note,
            "table": category.department if category else "",
            "table_name": named(category.department) if category else "",
            "table_assist": [named(key) for key in category.assist] if category else [],
            "may_decide": refusal.decided_at is None and self._leads(ticket, "decide"),
        })  # fmt: skip

    def nudge(self, nudge: Nudge, ticket: Ticket) -> dict[str, Any]:
        own = nudge.department in self._user.departments
        return self._shown({
            "id": nudge.id,
            **self._of(ticket),
            "kind": nudge.kind,
            "kind_name": self._text(KIND_NAMES[nudge.kind]),
            "department_name": self._views.department_name(nudge.department),
            "reason": nudge.reason,
            "who": nudge.who,
            "at": stamp(nudge.at),
            "due_at": stamp(nudge.answer_due_at),
            "late": nudge.answered_at is None and nudge.answer_due_at < self._now,
            "answered_at": stamp(nudge.answered_at),
            "answer": nudge.answer,
            "may_answer": own and nudge.answered_at is None,
        })  # fmt: skip

    def _shown(self, made: dict[str, Any]) -> dict[str, Any]:
        return masking.record(made) if masking.hides(self._user) else made

    def _leads(self, ticket: Ticket, action: str) -> bool:
        """Whether this person directs it, by role and area; departments ask whose part it is."""
        user = self._user
        return user.role in ROLES[action] and not user.staff and user.actor().may_touch(ticket.department)

    def _of(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "ticket_id": ticket.id,
            "number": ticket.number,
            "summary": ticket.summary,
            "place": ticket.place,
            "category": self._views.category_name(ticket.code),
            "is_emergency": ticket.is_emergency,
        }
