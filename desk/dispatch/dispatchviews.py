"""Dispatch as the pages and the API show it: units, what is proposed, plans, orders, in one language."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from core.city import City
from core.city_dispatch import Plan
from desk.access.rights import may_see_unit
from desk.access.users import User
from desk.views import Views, stamp
from ticketing.dispatch.nearest import RINGS, Candidate
from ticketing.dispatch.states import ACTION_NAMES, NEEDS_REASON, STATE_NAMES, UnitState, sides_of, unit_actions
from ticketing.dispatch.tables import UnitOrder
from ticketing.dispatch.views import Proposal, UnitNow

GRADE_NAMES = {1: "特别重大", 2: "重大", 3: "较大", 4: "一般"}
BASIS_NAMES = {"position": "按位置", "station": "按驻地", "town": "同镇街，距离未知", "none": "距离未知"}
ENDING_NAMES = {
    "": "执行中", "done": "完成", "recalled": "已召回", "declined": "无法执行", "failed": "故障退出",
    "withdrawn": "命令已撤回",
}  # fmt: skip
#: How what heyi says of an order that it withdrew begins (:mod:`ticketing.dispatch.orders`).
_OVER = frozenset({"工单已结案", "部门已退单", "部门任务已撤回"})
SOURCE_NAMES = {"person": "人工标注", "place": "按地点", "none": "未知"}


class DispatchViews:
    """Plain values for one user."""

    def __init__(self, city: City, views: Views, user: User, names: dict[str, str], now: datetime) -> None:
        self._city, self._views, self._user, self._names, self._now = city, views, user, names, now

    def unit(self, seen: UnitNow) -> dict[str, Any]:
        """One unit with what this user may do with it."""
        standing, duty, order = seen.standing, seen.duty, seen.order
        unit, position = standing.unit, standing.position
        actions = unit_actions(standing.state, sides_of(self._user.actor(), unit))
        return {
            "key": unit.key,
            "name": self._name(unit.name, unit.name_en),
            "kind": standing.kind.key,
            "kind_name": self._name(standing.kind.name, standing.kind.name_en),
            "department": unit.department,
            "department_name": self._views.department_name(unit.department),
            "town": unit.town,
            "phone": unit.phone,
            "crew": unit.crew,
            "state": standing.state,
            "state_name": self._views.text(STATE_NAMES[standing.state]),
            "since": stamp(seen.since),
            "reason": seen.reason,
            "on_duty": standing.on_duty,
            "shift": self._name(duty.shift.name, duty.shift.name_en) if duty else "",
            "team": self._name(duty.team.name, duty.team.name_en) if duty else "",
            "duty_ends": stamp(duty.ends) if duty else None,
            "people": list(duty.team.people) if duty else [],
            "position": None if position is None else {
                "lon": position.lon, "lat": position.lat, "accuracy_m": position.accuracy_m, "at": stamp(position.at),
                "age": self.age(self._now - position.at),
            },
            "order": self.order(order) if order else None,
            "ticket": {"id": seen.ticket.id, "number": seen.ticket.number, "summary": seen.ticket.summary,
                       "place": seen.ticket.place, "closed": seen.ticket.state == "closed"} if seen.ticket else None,
            "actions": [
                {"key": a, "name": self._views.text(ACTION_NAMES[a]), "needs_reason": a in NEEDS_REASON,
                 "takes_result": a == "finish"}
                for a in actions if a != "send"
            ],
            # Orders that were taken from it, until it says that it knows.
            "notices": [
                {**self.order(taken), "number": of.number, "place": of.place or of.summary}
                for taken, of in seen.notices
            ],
            "may_see": "unit" in sides_of(self._user.actor(), unit),
        }  # fmt: skip

    def order(self, order: UnitOrder) -> dict[str, Any]:
        """One order with each of its times."""
        return {
            "id": order.id,
            "unit": order.unit,
            "sent_by": self._names.get(order.sent_by, order.sent_by),
            "note": order.note,
            "times": {name: stamp(at) for name, at in (
                ("sent", order.sent_at), ("received", order.received_at), ("departed", order.departed_at),
                ("arrived", order.arrived_at), ("ended", order.ended_at))},
            "ending": order.ending,
            "ending_name": self._views.text(ENDING_NAMES[order.ending]),
            "reason": self._why(order),
        }  # fmt: skip

    def _why(self, order: UnitOrder) -> str:
        """Why it ended, or what came of it; what heyi says of a withdrawal begins with words of its own."""
        said, colon, rest = order.reason.partition("：")
        if order.ending != "withdrawn" or said not in _OVER:
            return order.reason
        return f"{self._views.text(said)}{colon}{rest}"

    def candidate(self, one: Candidate, chosen: Sequence[str]) -> dict[str, Any]:
        unit, standing = one.standing.unit, one.standing
        return {
            "key": unit.key,
            "name": self._name(unit.name, unit.name_en),
            "kind": standing.kind.key,
            "kind_name": self._name(standing.kind.name, standing.kind.name_en),
            "department": unit.department,
            "department_name": self._views.department_name(unit.department),
            "town": unit.town,
            "state": standing.state,
            "state_name": self._views.text(STATE_NAMES[standing.state]),
            "chosen": unit.key in chosen,
            "distance_m": None if one.distance_m is None else round(one.distance_m),
            "distance": distance(one.distance_m),
            "minutes": None if one.minutes is None else round(one.minutes, 1),
            "ring": one.ring,
            "basis": one.basis,
            "basis_name": self._views.text(BASIS_NAMES[one.basis]),
            "age": "" if one.age is None else self.age(one.age),
            "old": one.old,
        }

    def proposal(self, seen: Proposal) -> dict[str, Any]:
        """The panel of one ticket."""
        ticket, scene = seen.ticket, seen.scene
        found = [c for c in seen.candidates if may_see_unit(self._user, c.standing.unit.department)]
        shown = [self.candidate(c, seen.chosen) for c in found]
        known = [key for key in seen.units if may_see_unit(self._user, seen.units[key].standing.unit.department)]
        return {
            "ticket": {
                "id": ticket.id, "number": ticket.number, "state": ticket.state, "open": ticket.state != "closed",
                "emergency": ticket.is_emergency,
            },
            "scene": {
                "lon": scene.spot.lon, "lat": scene.spot.lat, "town": scene.spot.town,
                "uncertain_m": round(scene.spot.uncertain_m), "source": scene.source,
                "source_name": self._views.text(SOURCE_NAMES[scene.source]), "place": scene.place, "grade": scene.grade,
                "grade_name": self._views.text(GRADE_NAMES[scene.grade]) if scene.grade else "",
            },
            "grid": None if seen.grid is None else {
                "key": seen.grid.key, "name": seen.grid.name, "town": seen.grid.town, "invented": seen.grid.invented,
            },
            "units": shown,
            "rings": [{"minutes": m, "units": [c["name"] for c in shown if c["ring"] == m]} for m in RINGS],
            "orders": [
                {**self.order(order), "name": self._unit_name(seen.units.get(order.unit), order.unit),
                 "now": self.unit(seen.units[order.unit])
                 if not order.ending and order.unit in known else None}
                for order in seen.orders
            ],
            "plans": [self._plan(plan, seen) for plan in seen.plans],
            "cameras": [
                {"id": c.id, "name": c.name, "link": c.link, "distance_m": round(m), "distance": distance(m)}
                for c, m in seen.cameras
            ],
            "departments": self._departments(seen),
            "grades": [{"value": grade, "name": self._views.text(name)} for grade, name in GRADE_NAMES.items()],
        }  # fmt: skip

    def _plan(self, plan: Plan, seen: Proposal) -> dict[str, Any]:
        items = []
        for item in plan.items:
            tick = seen.ticks.get((plan.key, item.key))
            done = tick is not None and tick.done
            items.append(
                {
                    "key": item.key,
                    "text": self._name(item.text, item.text_en),
                    "done": done,
                    "who": self._names.get(tick.who, tick.who) if tick else "",
                    "at": stamp(tick.at) if tick else None,
                }
            )
        return {
            "key": plan.key,
            "name": self._name(plan.name, plan.name_en),
            "source": plan.source,
            "items": items,
            "done": sum(bool(i["done"]) for i in items),
            "resources": [
                {"name": self._name(r.name, r.name_en), "amount": r.amount, "keeper": r.keeper} for r in plan.resources
            ],
            "calls": [{"name": self._name(c.name, c.name_en), "phone": c.phone, "note": c.note} for c in plan.calls],
        }

    def _departments(self, seen: Proposal) -> list[dict[str, Any]]:
        """Departments that the plans or the category name and that do not have the ticket yet."""
        ticket = seen.ticket
        category = self._city.category(ticket.code)
        named = [*(key for plan in seen.plans for key in plan.departments), *(category.assist if category else ())]
        has = {ticket.department, *ticket.assist}
        planned = {key for plan in seen.plans for key in plan.departments}
        return [
            {"key": key, "name": self._views.department_name(key), "chosen": key in planned}
            for key in dict.fromkeys(named)
            if key not in has
        ]

    def _unit_name(self, seen: UnitNow | None, key: str) -> str:
        return self._name(seen.standing.unit.name, seen.standing.unit.name_en) if seen else key

    def _name(self, chinese: str, english: str) -> str:
        return chinese if self._views.language == "zh" else english

    def age(self, age: timedelta) -> str:
        """How long ago, in words."""
        seconds = max(age.total_seconds(), 0.0)
        for unit, text in ((86400, "{count} 天前"), (3600, "{count} 小时前"), (60, "{count} 分钟前")):
            if seconds >= unit:
                return self._views.text(text).format(count=int(seconds // unit))
        return self._views.text("刚刚")


def distance(metres: float | None) -> str:
    """A distance as people say it: 350 m, 2.4 km; empty where it is not known."""
    if metres is None:
        return ""
    return f"{round(metres, -1):.0f} m" if metres < 1000 else f"{metres / 1000:.1f} km"


#: Order of the states on the page of units: who works, then who could, then who cannot.
PAGE_ORDER: tuple[UnitState, ...] = ("assigned", "enroute", "onscene", "returning", "idle", "out")
