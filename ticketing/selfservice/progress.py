"""How a ticket stands, in one spoken sentence, for its caller and for everybody else. Pure.

Told to the caller's own number: the matter by its category, the department, the day until which it is due. Told to any
other number that knows the whole number of the ticket: that it exists and how far it is. Of emergencies and of reports
against somebody (举报) nobody hears more than that, since a telephone belongs to a household. Names, addresses, results
and what was said are never told by a voice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from core.city import City
from core.city_ivr import LONGEST
from ticketing.events import TicketState

ANY_MATTER = "事项"
#: Names of categories that end so stand for themselves.
_WHOLE = ("问题", "事项", "纠纷", "污染", "服务", "建设", "办理")
_GENERAL: dict[TicketState, str] = {
    "draft": "已经登记",
    "filed": "已经立案，正在安排办理",
    "dispatched": "正在办理",
    "handling": "正在办理",
    "reported": "已经办理，等待回访",
    "callback": "已经办理，等待回访",
    "closed": "已经办结",
}


class Told(Protocol):
    """The part of a ticket that is told."""

    @property
    def state(self) -> TicketState: ...
    @property
    def is_emergency(self) -> bool: ...
    @property
    def code(self) -> str: ...
    @property
    def nature(self) -> str: ...
    @property
    def department(self) -> str: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def closed_at(self) -> datetime | None: ...


def discreet(ticket: Told, city: City) -> bool:
    """Whether even the caller's own telephone hears no more than how far it is."""
    return ticket.is_emergency or city.is_emergency(ticket.code) or ticket.nature == "举报"


def matter_of(ticket: Told, city: City, *, own: bool) -> str:
    """What it is about (``噪音问题``), at most 16 characters."""
    category = city.category(ticket.code)
    if not own or discreet(ticket, city) or category is None or ticket.code.startswith("X"):
        return ANY_MATTER
    name = category.name
    said = name if name.endswith(_WHOLE) else f"{name}问题"
    return next((text for text in (said, name) if len(text) <= LONGEST["matter"]), ANY_MATTER)


def progress_of(ticket: Told, city: City, now: datetime, *, own: bool, head: Told | None = None) -> str:
    """How far it is, at most 40 characters, numbers as figures. ``head``: the ticket of its incident, if it has one."""
    at = head if head is not None and ticket.state != "closed" else ticket
    general = _GENERAL[at.state]
    if not own or discreet(ticket, city):
        return general
    zone = ZoneInfo(city.profile.timezone)
    found = city.department(at.department)
    name = found.name if found is not None else ""
    begin = "与同类诉求合并，" if at is not ticket else ""
    ways: Sequence[str]
    match at.state:
        case "dispatched" | "handling" if name:
            doing = f"已转{name}" if at.state == "dispatched" else f"正在由{name}办理"
            until = _until(at.due_at, now, zone, handed=at.state == "dispatched")
            ways = (f"{begin}{doing}{until}", f"{doing}{until}", doing)
        case "reported" | "callback" if name:
            ways = (f"{begin}{name}已经办理，等待给您回访", f"{name}已经办理，等待回访")
        case "closed" if at.closed_at is not None:
            ways = (f"已经在{_day(at.closed_at, now, zone)}办结",)
        case _:
            ways = (f"{begin}{general}",)
    return next((text for text in ways if len(text) <= LONGEST["progress"]), general)


def _until(due: datetime | None, now: datetime, zone: ZoneInfo, *, handed: bool) -> str:
    if due is None:
        return "办理" if handed else ""
    if due < now:
        return "，已过预定时间，还没有办结"
    return f"，预计{_day(due, now, zone)}前办结"


def _day(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """The day as it is said: 今天, 11月25日, 2027年1月5日; a time still to come today by its hour."""
    day, today = at.astimezone(zone), now.astimezone(zone)
    if day.date() != today.date():
        return f"{day.year}年{day.month}月{day.day}日" if day.year != today.year else f"{day.month}月{day.day}日"
    return "今天" if at <= now else f"今天{day:%-H:%M}"
