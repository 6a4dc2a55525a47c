"""Clocks as screens show them: a bar, a colour with its name, what is left in words, who granted what."""

import calendar
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from core.city import City
from core.city_clocks import ClockKind, ClockPolicy, Colours, Unit
from desk.access import masking
from desk.access.users import User
from desk.views import Views, stamp
from ticketing.clocks.calendar import WorkCalendar
from ticketing.clocks.policy import Colour
from ticketing.clocks.service import Clocks, ClockView
from ticketing.clocks.tables import ClockEntry, ClockRequest, TicketClock
from ticketing.tables import Ticket

KIND_NAMES: dict[ClockKind, str] = {
    "answer": "接听",
    "dispatch": "派遣",
    "accept": "接单",
    "arrive": "到场",
    "handle": "办理",
    "callback": "回访",
}
COLOUR_NAMES: dict[Colour, str] = {"green": "绿", "blue": "蓝", "yellow": "黄", "orange": "橙", "red": "红"}
AMOUNTS: dict[Unit, str] = {"minutes": "{n} 分钟", "hours": "{n} 小时", "workdays": "{n} 个工作日"}
#: What an amount is counted in, beside a field for it.
CLOCK_UNITS: dict[Unit, str] = {"minutes": "分钟", "hours": "小时", "workdays": "个工作日"}
WEEKDAYS = ("一", "二", "三", "四", "五", "六", "日")
#: Days of the country's calendar (:meth:`ticketing.clocks.calendar.WorkCalendar.day`); a city's own have its words.
DAY_NAMES = ("元旦", "春节", "清明", "劳动节", "端午", "中秋", "国庆节", "调休上班")
#: What happened to a clock, as its history says it; what the ticket's own history tells already is left out.
ENTRY_NAMES = {
    "plan": "时限改为", "pause": "暂停", "resume": "恢复", "extend": "延长", "merge": "并单，取较早时限",
    "lapse": "已超时",
}  # fmt: skip


class ClockViews:
    """Makes views of clocks for one person in one language."""

    def __init__(self, city: City, views: Views, user: User, names: Mapping[str, str]) -> None:
        self._city = city
        self._views = views
        self._text = views.text
        self._by = user.actor()
        #: What somebody wrote is masked as the ticket is.
        self._written: Callable[[str], str] = masking.words if masking.hides(user) else str
        #: Names of people by login.
        self._names = names

    def clock(self, view: ClockView, ticket: Ticket) -> dict[str, Any]:
        """One clock with what this person may do with it."""
        row, policy, running = view.row, view.policy, view.row.stopped_at is None
        mine = self._by.acts_for(ticket.department) and not row.assignment
        approvers: set[str] = {"supervisor"} if policy is None else {"supervisor", policy.approver}
        approver = self._by.role in approvers
        asked = view.open_request
        reasons = policy.pauses if policy else ()
        return {
            "id": row.id,
            "kind": row.kind,
            "name": self._text(KIND_NAMES[row.kind]),
            **self.colour(view.colour),
            "percent": round(100 * min(view.used, 1)),
            "started_at": stamp(row.started_at),
            "due_at": stamp(view.due_at),
            "stopped_at": stamp(row.stopped_at),
            "paused_at": stamp(row.paused_at) if running else None,
            "late": view.late,
            "withdrawn": row.withdrawn,
            "allowed": self.amount(row.amount, row.unit),
            "left": self.left(view),
            "unit": row.unit,
            "unit_name": self._text(CLOCK_UNITS[row.unit]),
            "longest": policy.longest_extension if policy else 0,
            "extensions_left": view.extensions_left,
            "may_extend": running and mine and not view.late and view.extensions_left > 0 and asked is None,
            "may_ask_pause": running and mine and bool(reasons) and row.paused_at is None and asked is None,
            "may_pause": running and approver and bool(reasons) and row.paused_at is None,
            "may_resume": running and (mine or approver) and row.paused_at is not None,
            "may_decide": running and approver,
            "reasons": [{"key": key, "name": self.reason(key)} for key in reasons],
            "requests": [self.request(request, row) for request in view.requests],
            "history": [self._entry(e) for e in view.history if e.kind in ENTRY_NAMES],
        }

    def colour(self, colour: Colour) -> dict[str, str]:
        return {"colour": colour, "colour_name": self._text(COLOUR_NAMES[colour])}

    def amount(self, n: float, unit: Unit) -> str:
        if unit == "minutes" and n < 1:
            return self._text("{n} 秒").format(n=f"{n * 60:.0f}")
        return self._text(AMOUNTS[unit]).format(n=f"{n:g}")

    def left(self, view: ClockView) -> str:
        """剩余 3 小时 / 超时 2 个工作日; of a stopped clock whether it was in time, or nobody had to do it any more."""
        if view.row.withdrawn:
            return self._text("超时后撤回") if view.late else self._text("已撤回")
        if view.row.stopped_at is not None:
            return self._text("超时完成") if view.late else self._text("按时完成")
        amount = self._span(abs(view.left_s), view.row.unit)
        if view.late:
            return self._text("超时 {amount}").format(amount=amount)
        return self._text("剩余 {amount}").format(amount=amount)

    def request(self, request: ClockRequest, row: TicketClock) -> dict[str, Any]:
        """What was asked for, and what came of it."""
        if request.wish == "extension":
            wish = self._text("延长 {amount}").format(amount=self.amount(request.amount or 0, row.unit))
        else:
            wish = self._text("暂停：{reason}").format(reason=self.reason(request.reason))
        return {
            "id": request.id,
            "wish": wish,
            "note": self._written(request.note),
            "who": self._name(request.who),
            "department": self._views.department_name(request.department) if request.department else "",
            "at": stamp(request.at),
            "decided_at": stamp(request.decided_at),
            "decided_by": self._name(request.decided_by),
            "granted": request.granted,
            "answer": self._written(request.answer),
            "own": request.who == self._by.login,
        }

    def reason(self, key: str) -> str:
        found = self._city.clocks.reason(key)
        if found is None:
            return key
        return found.name if self._views.language == "zh" else found.name_en

    def policy(self, policy: ClockPolicy) -> dict[str, Any]:
        """One line of the city's time limits."""
        chinese = self._views.language == "zh"
        groups = {g.code: g.name if chinese else g.name_en for g in self._city.taxonomy}
        flows = {f.key: f.name if chinese else f.name_en for f in self._city.flows}
        codes = [f"{code} {groups.get(code) or self._views.category_name(code)}" for code in policy.codes]
        if policy.warn_before is None:
            warn = self._text("用去 {share}%").format(share=f"{100 * policy.warn:.0f}")
        else:
            warn = self._text("提前 {amount}").format(amount=self.amount(policy.warn_before, policy.unit))
        return {
            "name": self._text(KIND_NAMES[policy.kind]),
            "codes": codes,
            "flow": flows.get(policy.flow, policy.flow),
            "level": policy.level,
            "allowed": self.amount(policy.amount, policy.unit),
            "warn": warn,
            "extensions": policy.extensions,
            "longest": self.amount(policy.longest_extension, policy.unit) if policy.extensions else "",
            "pauses": [self.reason(key) for key in policy.pauses],
        }

    def _entry(self, entry: ClockEntry) -> dict[str, Any]:
        amount = self.amount(entry.amount, entry.unit) if entry.amount is not None and entry.unit else ""
        what = self._text(ENTRY_NAMES[entry.kind])
        by = self._name(entry.approved_by or entry.who)
        reason = self.reason(entry.reason) if entry.kind == "pause" else ""
        return {
            "at": stamp(entry.at),
            "text": " ".join(part for part in (what, amount or reason) if part),
            "by": by,
            "note": self._written(entry.note),
        }

    def _name(self, login: str) -> str:
        return self._text("系统") if login == "system" else self._names.get(login, login)

    def _span(self, seconds: float, unit: Unit) -> str:
        """So many seconds of a clock's own measure in words."""
        if unit == "workdays":
            hours = sum(
                (b.hour - a.hour) + (b.minute - a.minute) / 60
                for a, b in ((h.opens, h.closes) for h in self._city.calendar.office_hours)
            )
            return self._text(AMOUNTS["workdays"]).format(n=f"{seconds / 3600 / hours:.1f}")
        if seconds >= 2 * 86400:
            return self._text("{n} 天").format(n=f"{seconds / 86400:.1f}")
        if seconds >= 3600:
            return self._text("{h} 小时 {m} 分").format(h=int(seconds // 3600), m=int(seconds % 3600 // 60))
        if seconds >= 60:
            return self._text("{n} 分钟").format(n=int(seconds // 60))
        return self._text("{n} 秒").format(n=int(seconds))


def levels(colours: Colours) -> list[tuple[Colour, float]]:
    """Each colour and the share of the time from which on it holds."""
    return [
        ("green", 0.0), ("blue", colours.blue), ("yellow", colours.yellow), ("orange", colours.orange), ("red", 1.0)
    ]  # fmt: skip


async def coloured(clocks: Clocks, views: Views, tickets: Collection[dict[str, Any]]) -> None:
    """Give each ticket of a list its next clock and the colour of that, with their names; empty where none runs."""
    found = await clocks.next_due([ticket["id"] for ticket in tickets])
    for ticket in tickets:
        kind, colour = found.get(ticket["id"], (None, None))
        ticket["colour"] = colour or ""
        ticket["clock_name"] = views.text(KIND_NAMES[kind]) if kind else ""
        ticket["colour_name"] = views.text(COLOUR_NAMES[colour]) if colour else ""


def month(year: int, number: int, days: WorkCalendar, today: date, views: Views) -> dict[str, Any]:
    """A month's weeks, Monday first; days of other months are None."""
    weeks: list[list[dict[str, Any] | None]] = []
    for week in calendar.Calendar().monthdatescalendar(year, number):
        weeks.append([_day(day, days, today, views) if day.month == number else None for day in week])
    return {"year": year, "month": number, "weeks": weeks, "known": days.known(year)}


def _day(day: date, days: WorkCalendar, today: date, views: Views) -> dict[str, Any]:
    kind = days.day(day)
    name = views.text(kind.name) if kind.name in DAY_NAMES else kind.name
    return {"day": day.day, "works": kind.works, "name": name, "own": kind.own, "today": day == today}
