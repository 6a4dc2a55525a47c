"""Months and weeks of reports. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import HeyiError

_MONTH = re.compile(r"^(20[0-9]{2})-(0[1-9]|1[0-2])$", re.ASCII)
_WEEK = re.compile(r"^(20[0-9]{2})-W(0[1-9]|[1-4][0-9]|5[0-3])$", re.ASCII)


@dataclass(frozen=True)
class Span:
    """A month ``2026-11`` or a week by ISO 8601 ``2026-W47``."""

    key: str
    #: Its first day, and the first one after it.
    first: date
    after: date

    @property
    def week(self) -> bool:
        return "W" in self.key

    def begin(self, zone: ZoneInfo) -> datetime:
        """Its first moment by the city's clock."""
        return datetime.combine(self.first, time(0), zone)

    def end(self, zone: ZoneInfo) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.after, time(0), zone)

    @property
    def previous(self) -> "Span":
        return _of(self.first - timedelta(days=1), week=self.week)

    @property
    def following(self) -> "Span":
        return _of(self.after, week=self.week)


def month_of(day: date) -> Span:
    first = day.replace(day=1)
    return Span(f"{first:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1))


def week_of(day: date) -> Span:
    first = day - timedelta(days=day.weekday())
    year, week, _ = first.isocalendar()
    return Span(f"{year}-W{week:02d}", first, first + timedelta(days=7))


def parse(key: str) -> Span:
    """The month or week that ``key`` names; :class:`HeyiError` where it names none."""
    if match := _MONTH.match(key):
        return month_of(date(int(match[1]), int(match[2]), 1))
    if match := _WEEK.match(key):
        try:
            return week_of(date.fromisocalendar(int(match[1]), int(match[2]), 1))
        except ValueError:
            pass
    raise HeyiError("统计期须写作 2026-11 或 2026-W47", hint=key[:20])


def _of(day: date, *, week: bool) -> Span:
    return week_of(day) if week else month_of(day)
