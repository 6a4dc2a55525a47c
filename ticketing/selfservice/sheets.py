"""Registers of plates and lists of cuts as tables: what a row says, and what is wrong with it. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from core.city import City
from core.errors import HeyiError
from core.phones import dialable
from ticketing.selfservice.announcements import Entry
from ticketing.selfservice.plates import valid

T = TypeVar("T")
#: Line of the file, and cells in the order of the head.
Rows = Iterable[tuple[int, Sequence[str]]]
#: Line of the file, and what is wrong there.
Faults = list[tuple[int, str]]

#: What columns are called.
OWNERS: Mapping[str, tuple[str, ...]] = {
    "plate": ("plate", "车牌号", "车牌", "号牌号码", "车牌号码"),
    "phone": ("phone", "电话", "手机", "手机号", "联系电话", "手机号码"),
    "name": ("name", "姓名", "车主", "车主姓名", "所有人"),
    "since": ("since", "登记日期", "日期", "生效日期"),
}
CUTS: Mapping[str, tuple[str, ...]] = {
    "kind": ("kind", "种类", "类型"),
    "areas": ("areas", "范围", "区域", "影响范围"),
    "begins": ("begins", "from", "开始时间", "开始"),
    "until": ("until", "结束时间", "结束", "恢复时间"),
    "text": ("text", "播报内容", "内容"),
    "source": ("source", "来源", "发布单位"),
}
_NAME = 60


@dataclass(frozen=True)
class Owner:
    """One row of a register of plates."""

    plate: str
    phone: str
    name: str
    since: date


def owners(head: Sequence[str], rows: Rows, city: City, today: date) -> tuple[list[Owner], Faults]:
    """The owners; a plate in several rows has the latest ``since``, of the same day the later row.

    :class:`HeyiError` where a column is missing. No fault holds a telephone number: messages end up in logs.
    """

    def one(cells: Mapping[str, str]) -> Owner:
        plate = "".join(c for c in cells["plate"].upper() if c.isalnum())
        if not valid(plate):
            raise HeyiError(f"{cells['plate'][:12]!r} is no number plate")
        phone = dialable(cells["phone"], city.profile.area_code)
        if not phone or city.line(phone) is not None:
            raise HeyiError(f"{plate}: the telephone is none that may be rung")
        name = "".join(c for c in cells["name"] if c.isprintable())
        if len(name) > _NAME:
            raise HeyiError(f"{plate}: the name is longer than {_NAME} characters")
        try:
            since = date.fromisoformat(cells["since"].replace("/", "-")[:10]) if cells["since"] else today
        except ValueError:
            raise HeyiError(f"{plate}: since is {cells['since'][:12]!r}, expected a day such as 2026-10-01") from None
        if since > today:
            raise HeyiError(f"{plate}: since {since} is still to come")
        return Owner(plate, phone, name, since)

    read, faults = _read(head, rows, OWNERS, ("plate", "phone"), one)
    latest: dict[str, Owner] = {}
    for owner in read:
        if owner.plate not in latest or latest[owner.plate].since <= owner.since:
            latest[owner.plate] = owner
    return list(latest.values()), faults


def cuts(
    head: Sequence[str], rows: Rows, checked: Callable[[Mapping[str, Any]], Entry], zone: ZoneInfo
) -> tuple[list[Entry], Faults]:
    """The announcements; ``checked`` says what one may be (:meth:`Announcements.checked`)."""

    def one(cells: Mapping[str, str]) -> Entry:
        return checked(form(cells, zone))

    return _read(head, rows, CUTS, tuple(CUTS), one)


def form(cells: Mapping[str, str], zone: ZoneInfo) -> dict[str, Any]:
    """An announcement's fields from what was typed: areas divided by marks, times of the city's clock."""
    divided = re.split(r"[、，,；;|\s]+", cells["areas"])
    return {
        **cells, "areas": [area for area in divided if area],
        **{name: moment(cells[name], zone) for name in ("begins", "until")},
    }  # fmt: skip


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A time as people and spreadsheets write it; without a zone it is the city's."""
    try:
        at = datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        raise HeyiError("时间应写成 2026-11-25 08:30 的形式", hint=text[:20]) from None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _read(
    head: Sequence[str], rows: Rows, names: Mapping[str, Sequence[str]], needed: Sequence[str],
    one: Callable[[Mapping[str, str]], T],
) -> tuple[list[T], Faults]:  # fmt: skip
    places = {ours: next((head.index(n) for n in called if n in head), -1) for ours, called in names.items()}
    if missing := [ours for ours in needed if places[ours] < 0]:
        raise HeyiError(f"the file has no column {missing[0]}", hint=f"one of {', '.join(names[missing[0]])}")
    found: list[T] = []
    faults: Faults = []
    for line, cells in rows:
        try:
            found.append(one({ours: cells[at].strip() if at >= 0 else "" for ours, at in places.items()}))
        except HeyiError as error:
            faults.append((line, str(error)))
    return found, faults
