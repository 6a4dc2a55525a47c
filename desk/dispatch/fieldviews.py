"""Work on the spot as a phone shows it: tasks with what may be pressed now and next, units, calls for help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.city import City
from desk.access import masking
from desk.access.users import User
from desk.dispatch.dispatchviews import ENDING_NAMES
from desk.tickets.clockviews import CLOCK_UNITS, COLOUR_NAMES, KIND_NAMES, ClockViews
from desk.views import Views, stamp
from ticketing.assign.tables import Assignment
from ticketing.clocks.policy import Colour
from ticketing.clocks.service import Extendable
from ticketing.clocks.tables import TicketClock
from ticketing.dispatch.states import ACTION_NAMES as UNIT_NAMES
from ticketing.dispatch.states import EDGES, STATE_NAMES
from ticketing.dispatch.tables import TicketScene, UnitOrder
from ticketing.dispatch.views import UnitNow
from ticketing.flows.table import Flows
from ticketing.patrol.steps import UNIT_ACTIONS
from ticketing.patrol.tables import FieldAction, FieldHelp, FieldPhoto
from ticketing.patrol.wishes import NAMES
from ticketing.tables import Ticket

#: What a person on the spot presses for the department's part, in the order of work.
_PART_KINDS = ("accept", "depart", "arrive", "handle", "report", "refuse")
_STATES = {"done": "已办", "already": "他人已办", "refused": "未能办理"}


@dataclass(frozen=True)
class Job:
    """Everything about one ticket that a department, or one of its units, has in hand."""

    ticket: Ticket
    part: Assignment | None
    orders: Sequence[tuple[UnitNow, UnitOrder]]
    scene: TicketScene | None
    #: Those that run, of the ticket itself and of this part.
    clocks: Sequence[TicketClock]
    colour: Colour | None
    photos: int
    #: Somebody of the department said that they were on the spot.
    there: bool
    #: Clocks for which more time may be asked, or was.
    extendable: Sequence[Extendable] = ()


class FieldViews:
    """Plain values for one person."""

    def __init__(self, city: City, views: Views, user: User, names: Mapping[str, str]) -> None:
        self._city, self._views, self._user, self._names = city, views, user, names
        self._flows = Flows(city)
        self._text = views.text
        self._clocks = ClockViews(city, views, user, names)

    def job(self, job: Job) -> dict[str, Any]:
        """One task. ``tracks`` are what moves it on: one for each unit of this department that has an order, else the
        department's own; each with where it stands and the ways from every place, so that a phone without a network
        knows what comes after what it has not sent yet."""
        ticket, scene = job.ticket, job.scene
        return {
            "id": ticket.id,
            "number": ticket.number,
            "emergency": ticket.is_emergency,
            "category": self._views.category_name(ticket.code),
            "summary": ticket.summary,
            "description": ticket.description,
            "place": ticket.place,
            "state_name": self._views.step_of(ticket),
            "department_name": self._views.department_name(job.part.department if job.part else ticket.department),
            "part_name": self._text("协办") if job.part is not None and job.part.part == "assist" else "",
            "contact": ticket.contact_name,
            "phone": ticket.contact_phone or ticket.caller,
            "point": [scene.lon, scene.lat] if scene and scene.lon is not None else None,
            "notes": [order.note for _, order in job.orders if order.note],
            "clock": self._clock(job),
            "due_at": stamp(ticket.due_at),
            "photos": job.photos,
            "tracks": self._tracks(job),
            "extensions": [self._extension(one) for one in job.extendable],
        }

    def _extension(self, one: Extendable) -> dict[str, Any]:
        """More time: how much may be asked for (``longest`` 0: none), and what was, with what came of it."""
        row, last = one.row, one.last
        asked = None if last is None else self._clocks.request(last, row)
        return {
            "clock": row.id,
            "name": self._text(KIND_NAMES[row.kind]),
            "unit_name": self._text(CLOCK_UNITS[row.unit]),
            "longest": one.longest,
            "step": 1 if row.unit == "workdays" else 0.5,
            "asked": asked and {key: asked[key] for key in ("wish", "granted", "decided_by", "answer")},
        }

    def _clock(self, job: Job) -> dict[str, Any] | None:
        if not job.clocks:
            return None
        first = min(job.clocks, key=lambda clock: clock.due_at)
        return {
            "name": self._text(KIND_NAMES[first.kind]),
            "due_at": stamp(first.due_at),
            "paused": first.paused_at is not None,
            "colour": job.colour or "",
            "colour_name": self._text(COLOUR_NAMES[job.colour]) if job.colour else "",
        }

    def _tracks(self, job: Job) -> list[dict[str, Any]]:
        if job.orders:
            # They leave, arrive and say what came of it; the last one's result is the department's.
            return [self._unit_track(unit, job) for unit, _ in job.orders]
        if job.part is not None and job.part.open:
            return [self._part_track(job.ticket, job.part, there=job.there)]
        return []

    def _unit_track(self, unit: UnitNow, job: Job) -> dict[str, Any]:
        one, state = unit.standing.unit, unit.standing.state
        received = state == "assigned" and unit.order is not None and unit.order.received_at is not None
        return {
            "unit": one.key,
            "name": self._name(one.name, one.name_en),
            "order_id": unit.order.id if unit.order else "",
            "at": "received" if received else state,
            "ways": self.unit_ways() if unit.order is None or unit.order.ticket_id == job.ticket.id else {},
        }

    def unit_ways(self) -> dict[str, list[dict[str, Any]]]:
        """What a unit's crew may press in each state of an order; said once, 收到 is a state of its own."""
        kinds = {action: kind for kind, action in UNIT_ACTIONS.items()}
        found: dict[str, list[dict[str, Any]]] = {}
        for edge in EDGES:
            kind = kinds.get(edge.action)
            if kind is None or "unit" not in edge.sides or edge.before not in ("assigned", "enroute", "onscene"):
                continue
            way = {
                "kind": kind, "name": self._text(UNIT_NAMES[edge.action]), "needs": self._needs(kind, optional=True),
                "to": {"accept": "received", "report": "", "refuse": ""}.get(kind, edge.after),
            }  # fmt: skip
            found.setdefault(edge.before, []).append(way)
            if edge.before == "assigned" and kind != "accept":
                found.setdefault("received", []).append(way)
        return found

    def _part_track(self, ticket: Ticket, part: Assignment, *, there: bool) -> dict[str, Any]:
        if part.part == "assist" or (part.accepted_at is None and ticket.state == "handling"):
            at = "assigned" if part.accepted_at is None else "accepted"
            ways = self._assist_ways(binding=part.binding)
        else:
            table, standing = self._flows.place(ticket)
            at, ways = standing.key, {}
            for edge in table.edges:
                phase = table.steps[edge.before].phase
                if edge.action in _PART_KINDS and self._user.role in edge.roles and phase in ("dispatched", "handling"):
                    if edge.action == "refuse" and part.binding:
                        continue
                    name = self._name(edge.name, edge.name_en) if edge.name else self._text(NAMES[edge.action])  # type: ignore[index]
                    to = "" if edge.action in ("report", "refuse") else edge.after
                    ways.setdefault(edge.before, []).append(
                        {"kind": edge.action, "name": name, "needs": self._needs(edge.action), "to": to}
                    )
            self._be_there(ways)
        return {
            "unit": "", "name": "", "part_id": part.id, "at": at, "ways": ways, "there": there,
            "order": list(_PART_KINDS),
        }  # fmt: skip

    def _assist_ways(self, *, binding: bool) -> dict[str, list[dict[str, Any]]]:
        first = [self._way("accept", "accepted"), *([] if binding else [self._way("refuse", "")])]
        ways = {"assigned": first, "accepted": [self._way("report", "")]}
        self._be_there(ways)
        return ways

    def _be_there(self, ways: dict[str, list[dict[str, Any]]]) -> None:
        """Where no step says that they are on the spot, one presses it all the same, before the result."""
        if any(way["kind"] == "arrive" for found in ways.values() for way in found):
            return
        for at, found in ways.items():
            if any(way["kind"] == "report" for way in found):
                found.insert(0, {**self._way("arrive", at), "once": True})

    def _way(self, kind: str, to: str) -> dict[str, Any]:
        return {"kind": kind, "name": self._text(NAMES[kind]), "needs": self._needs(kind), "to": to}  # type: ignore[index]

    @staticmethod
    def _needs(kind: str, *, optional: bool = False) -> str:
        """``words`` must be written, ``maybe`` may be; a position is told with arriving."""
        if kind == "refuse":
            return "words"
        if kind == "report":
            return "maybe" if optional else "words"
        return ""

    def unit(self, unit: UnitNow) -> dict[str, Any]:
        """One of the department's units."""
        standing = unit.standing
        return {
            "key": standing.unit.key,
            "name": self._name(standing.unit.name, standing.unit.name_en),
            "state": standing.state,
            "state_name": self._text(STATE_NAMES[standing.state]),
            "on_duty": standing.on_duty,
            "may_return": standing.state == "returning",
            # Orders that were taken from it, until it says that it knows.
            "notices": [
                {"id": order.id, "number": ticket.number, "place": ticket.place or ticket.summary,
                 "ending_name": self._text(ENDING_NAMES[order.ending]), "reason": order.reason}
                for order, ticket in unit.notices
            ],
        }  # fmt: skip

    def _shown(self, made: dict[str, Any]) -> dict[str, Any]:
        return masking.record(made) if masking.hides(self._user) else made

    def help(self, row: FieldHelp) -> dict[str, Any]:
        """A call for help, as who commands and who asked see it."""
        return self._shown({
            "id": row.id,
            "ticket_id": row.ticket_id,
            "number": row.number,
            "unit": row.unit,
            "unit_name": self.unit_name(row.unit),
            "department_name": self._views.department_name(row.department) if row.department else "",
            "who": self._names.get(row.who, row.who),
            "at": stamp(row.at),
            "words": row.words,
            "lon": row.lon,
            "lat": row.lat,
            "accuracy_m": None if row.accuracy_m is None else round(row.accuracy_m),
            "answered_at": stamp(row.answered_at),
            "answered_by": self._names.get(row.answered_by, row.answered_by),
            "answer": row.answer,
        })  # fmt: skip

    def photo(self, row: FieldPhoto) -> dict[str, Any]:
        return self._shown({
            "id": row.id,
            "who": self._names.get(row.who, row.who),
            "department_name": self._views.department_name(row.department) if row.department else "",
            "made_at": stamp(row.made_at),
            "caption": row.caption,
            "lon": row.lon,
            "lat": row.lat,
            "accuracy_m": None if row.accuracy_m is None else round(row.accuracy_m),
            "width": row.width,
            "height": row.height,
        })  # fmt: skip

    def action(self, row: FieldAction) -> dict[str, Any]:
        """One thing that was sent for a ticket."""
        return self._shown({
            "name": self._text(NAMES[row.kind]),
            "who": self._names.get(row.login, row.login),
            "unit_name": self.unit_name(row.unit),
            "made_at": stamp(row.made_at),
            "at": stamp(row.at),
            "late_s": round((row.at - row.made_at).total_seconds()),
            "lon": row.lon,
            "lat": row.lat,
            "accuracy_m": None if row.accuracy_m is None else round(row.accuracy_m),
            "text": row.text,
            "state": row.state,
            "state_name": self._text(_STATES[row.state]),
            "message": self._text(row.message) if row.message else "",
        })  # fmt: skip

    def reported(self, row: FieldAction, ticket: Ticket) -> dict[str, Any]:
        """A matter that this person found, and what became of it."""
        return {
            "number": ticket.number,
            "at": stamp(row.made_at),
            "summary": ticket.summary,
            "place": ticket.place,
            "state_name": self._views.step_of(ticket),
            "department_name": self._views.department_name(ticket.department) if ticket.dispatched_at else "",
            "result": ticket.result if ticket.state == "closed" else "",
        }

    def unit_name(self, key: str) -> str:
        unit = next((unit for unit in self._city.dispatch.units.units if unit.key == key), None)
        return self._name(unit.name, unit.name_en) if unit else key

    def _name(self, chinese: str, english: str) -> str:
        return chinese if self._views.language == "zh" else english


def most_urgent(job: Job) -> tuple[bool, bool, datetime, datetime]:
    """Emergencies first, then what is due first, then the oldest."""
    ticket = job.ticket
    due = min((clock.due_at for clock in job.clocks), default=ticket.due_at)
    return (not ticket.is_emergency, due is None, due or ticket.created_at, ticket.created_at)
