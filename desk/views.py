"""What screens and API show: rows and events turned into plain JSON types, in the reader's language.

Nothing here is HTML: callers' numbers, transcripts and fields stay plain text until a template or a script's
``textContent`` puts them on a page.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from core.city import City
from core.collation import by_name
from core.romanise import department_english
from desk.access import masking
from desk.access.users import User
from desk.calls.factviews import fact_views, read_back_view
from desk.calls.happened import Happened
from desk.i18n import Language, translate
from desk.ports import CallRow, UtteranceRow
from switchboard.location import Location, Source
from switchboard.views import AgentView, CallView, Party
from telephony.callids import CALLBACK_LINE
from telephony.queues import LAST_RESORT
from ticketing.assign.levels import where
from ticketing.events import TicketState
from ticketing.fields import EDITABLE, NATURES
from ticketing.flows.table import MOVES, Edge, Flows
from ticketing.sources import NAMES as SOURCE_NAMES
from ticketing.states import ACTION_NAMES, STATE_NAMES
from ticketing.tables import Callback, Ticket, TicketHistory
from triage.questions import Question
from triage.verdict import Verdict

PAUSE_REASONS = ("小休", "用餐", "培训", "会议", "设备故障", "其他")
OUTCOMES = {
    "answered": "已接听",
    "abandoned": "来电人放弃",
    "unanswered": "无人接听",
    "voice": "语音内结束",
    "failed": "呼叫失败",
    "lost": "通话中断",
}
LOCATION_SOURCES: dict[Source, str] = {"network": "运营商定位", "number": "按局号估计"}
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
    "later": "另约时间",
    "failed": "呼叫失败",
}
_STEP_NAMES: dict[str, str] = {
    **{str(k): v for k, v in ACTION_NAMES.items()},
    "draft": "受理",
    "edit": "修改",
    "flow": "转入流程",
    "link": "并入同一事件",
    "unlink": "撤出同一事件",
    "joined": "收并来电",
    "parted": "移出来电",
    "stay": "单独结案",
    "unstay": "随主单结案",
    "handler": "换人办理",
    "rated": "服务评价",
    "overrule_2nd": "准予原经办人再办",
    "take_in": "收件",
    "reply": "答复来信",
    "hand_over": "移交",
    "clock": "时限",
    "part_accept": "接单",
    "part_refuse": "退单",
    "part_report": "反馈本部门结果",
    "unit_result": "单位办理结果",
    "part_add": "增加协办",
    "part_drop": "不再协办",
    "reassign": "改派",
    "escalate": "逐级上报",
    "ruling": "裁定",
    "supervise": "督办",
    "urge": "催办",
    "answered": "书面答复",
    "field": "现场",
    "message": "来电留言",
}
_TIMES = ("created_at", "filed_at", "dispatched_at", "handling_at", "reported_at", "callback_at", "closed_at", "due_at")


def stamp(moment: datetime | None) -> str | None:
    """ISO 8601 with zone, or None."""
    return None if moment is None else moment.isoformat()


class Views:
    """Makes views in one language."""

    def __init__(self, city: City, language: Language) -> None:
        self._city = city
        self._flows = Flows(city)
        self.language: Language = language

    def text(self, source: str) -> str:
        return translate(self.language, source)

    def line_name(self, number: str) -> str:
        line = self._city.line(number)
        if line is None:
            # heyi's own call after the result.
            return self.text("自动回访") if number == CALLBACK_LINE else number
        return line.name if self.language == "zh" else line.name_en

    def desk_name(self, extension: str) -> str:
        desk = self._city.desk(extension)
        return extension if desk is None else desk.name

    def queue_name(self, queue: str) -> str:
        """Name of the skill group whose desks a caller waits for."""
        if queue.startswith(LAST_RESORT):
            return self.text("紧急齐呼")
        group = self._city.skill_group(queue.removesuffix("-wide"))
        if group is None:
            return queue
        return group.name if self.language == "zh" else group.name_en

    def department_name(self, key: str) -> str:
        department = self._city.department(key)
        if department is None:
            return key
        return department.name if self.language == "zh" else department_english(department)

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

    def named(self, keys: Iterable[str]) -> list[dict[str, str]]:
        """Departments as a list offers them."""
        return [{"value": key, "name": self.department_name(key)} for key in keys]

    def near(self, ticket: Ticket) -> list[dict[str, str]]:
        """The communities and grids that a ticket may be given to, which no file lists: its own, those of its town."""
        town = where(self._city, ticket.place).town
        office = self._city.department_of_town(town.name) if town else None
        keys = self._city.below(office.id) if office else frozenset()
        own = {ticket.department} & self._city.derived.keys()
        return sorted(self.named(keys | own), key=lambda one: by_name(one["name"]))

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
            "direction": call.direction,
            "caller": call.caller if with_caller else None,
            "state": call.state,
            "arrived_at": stamp(call.arrived_at),
            "answered_at": stamp(call.answered_at),
            "ended_at": None,
            "agent": call.agent,
            "agent_name": self.desk_name(call.agent),
            "priority": call.priority,
            "queue": call.queue,
            "queue_name": self.queue_name(call.queue),
            "ringing": sorted(call.ringing),
            **self.takers(call),
        }

    def takers(self, call: CallView) -> dict[str, Any]:
        """Who takes part besides the caller, who is being rung, and every desk that has the call."""
        return {
            "parties": [self._party(party) for party in call.parties],
            "called": [self._party(party) for party in call.called],
            "ringing": sorted(call.ringing),
            "desks": sorted(call.desks),
            "agent": call.agent,
        }

    def _party(self, party: Party) -> dict[str, Any]:
        name = self.desk_name(party.extension) if party.extension else self.text("外线")
        return {"channel": party.channel, "extension": party.extension, "name": name, "role": party.role}

    def happened(self, facts: Happened) -> dict[str, Any]:
        """What happened to a call before, as its page shows it."""
        passed = facts.passed
        return {
            "passed": passed and {**passed, "agent_name": self.desk_name(passed["agent"])},
            "pressed": [{"digit": digit, "at": stamp(at)} for digit, at in facts.pressed],
            "help": facts.help,
        }

    def location(self, found: Location | None) -> dict[str, Any] | None:
        """Where the caller is: ``radius_m`` is 0 where nobody knows how sure that is."""
        if found is None:
            return None
        return {
            "text": found.text,
            "radius_m": found.radius_m,
            "source": self.text(LOCATION_SOURCES[found.source]),
            "latitude": found.latitude,
            "longitude": found.longitude,
        }

    def past_call(self, call: CallRow) -> dict[str, Any]:
        return {
            "call_id": call.id,
            **self._line(call.line),
            "direction": call.direction,
            "caller": call.caller,
            "state": "ended" if call.ended_at else "talking",
            "arrived_at": stamp(call.arrived_at),
            "answered_at": stamp(call.answered_at),
            "ended_at": stamp(call.ended_at),
            "agent": call.agent or "",
            "agent_name": self.desk_name(call.agent or ""),
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
            "second_s": row.second_s,
            "names": list(row.names),
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
            "facts": fact_views(verdict, self.text),
            "read_back": read_back_view(verdict),
            "questions": [q.zh if self.language == "zh" else q.en for q in questions],
        }

    def ticket(self, ticket: Ticket, user: User) -> dict[str, Any]:
        """A ticket with the names of what it refers to, and what ``user`` may do with it now."""
        fields = {name: getattr(ticket, name) for name in EDITABLE}
        table, step = self._flows.place(ticket)
        # Arbiters dispatch by their rulings alone.
        ways = () if user.role == "arbiter" else table.ways(step.key, user.role)
        shown = {
            "id": ticket.id,
            "number": ticket.number,
            "source": ticket.source,
            "source_name": self.text(SOURCE_NAMES[ticket.source]),
            "call_id": ticket.call_id,
            **self._line(ticket.line),
            "caller": ticket.caller,
            "agent": ticket.agent_extension,
            "agent_login": ticket.agent_login,
            "state": ticket.state,
            "state_name": self.step_of(ticket),
            "flow": table.key,
            "flow_name": self._own(table.name, table.name_en),
            "step": step.key,
            **fields,
            "category": self.category_name(ticket.code),
            "department_name": self.department_name(ticket.department),
            "assist_names": [self.department_name(key) for key in ticket.assist],
            "result": ticket.result,
            "satisfaction": ticket.satisfaction,
            "reopened": ticket.reopened,
            **{name: stamp(getattr(ticket, name)) for name in _TIMES},
            "version": ticket.version,
            "touched": list(ticket.touched),
            "actions": [edge.action for edge in ways],
            "action_names": {edge.action: self._way_name(edge) for edge in ways},
        }
        return masking.record(shown) if masking.hides(user) else shown

    def steps(self, ticket: Ticket) -> list[dict[str, Any]]:
        """The ticket's flow as its page shows it: each step with the time at which the ticket entered it last.

        ``state`` is ``done``, ``now``, ``todo`` or ``passed`` (left out on the way). Steps aside from the flow are left
        out unless the ticket has stayed there for some time.
        """
        table, standing = self._flows.place(ticket)
        keys = list(table.steps)
        here = keys.index(standing.key)
        # A step that the ticket was sent back from lies before it again: its time is none of this way.
        times = [ticket.steps_at.get(key) if at <= here else None for at, key in enumerate(keys)]
        shown = []
        for at, step in enumerate(table.steps.values()):
            entered, after = times[at], next((time for time in times[at + 1 :] if time), None)
            if step.aside and at != here and (not entered or entered == after):
                continue
            state = "now" if at == here else "todo" if at > here else "done" if entered else "passed"
            shown.append({"key": step.key, "name": self._own(step.name, step.name_en), "at": entered, "state": state})
        return shown

    def step_of(self, ticket: Ticket) -> str:
        """The name of the step where a ticket stands."""
        _, step = self._flows.place(ticket)
        return self._own(step.name, step.name_en)

    def step_name(self, flow: str, step: str, state: TicketState) -> str:
        """A step as its flow calls it; the phase's name where the city has no such step any more."""
        table = self._flows.tables.get(flow)
        known = table.steps.get(step) if table else None
        return self._own(known.name, known.name_en) if known else self.text(STATE_NAMES[state])

    def _happened(self, row: TicketHistory) -> str:
        table = self._flows.tables.get(row.flow)
        edge = table.edge(row.step_before, row.action) if table and row.action in MOVES else None  # type: ignore[arg-type]
        return self._way_name(edge) if edge else self.text(_STEP_NAMES.get(row.action, row.action))

    def _way_name(self, edge: Edge) -> str:
        return self._own(edge.name, edge.name_en) if edge.name else self.text(ACTION_NAMES[edge.action])

    def _own(self, name: str, name_en: str) -> str:
        """A name of the city's data in the reader's language."""
        return name if self.language == "zh" else name_en

    def history(self, rows: Iterable[TicketHistory]) -> list[dict[str, Any]]:
        return [
            {
                "at": stamp(row.at),
                "who": row.who,
                "who_name": self.text("系统") if row.role == "system" else row.who,
                "name": self._happened(row),
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
