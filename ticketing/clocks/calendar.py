"""Working days and working hours of a city: pure.

The country's holidays and swapped days (调休) come from ``chinesecalendar``, which knows the years that the State
Council has announced; the city's own days stand above it. A year that neither knows has its weekends and nothing else,
and :meth:`WorkCalendar.known` says so.

How a time limit is counted follows the Civil Code (民法典): one in minutes or hours from the moment itself, through
nights and holidays (第201条); one in days without the day on which it begins (第201条), until the office closes on the
last of them (第203条). Of a limit in working days only days on which the offices work count.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import chinese_calendar

from core.city_clocks import CityCalendar, SpecialDay, Unit

_DAY = timedelta(days=1)
_YEARS = range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)
_NAMES = {holiday.value: holiday.chinese for holiday in chinese_calendar.Holiday}


@dataclass(frozen=True)
class DayKind:
    """Whether a day is worked, and why where it is not what its weekday says."""

    works: bool
    #: 国庆节, 调休…; empty on an ordinary day. The city's own days by the name that the city gave.
    name: str = ""
    #: The city's own file decided.
    own: bool = False


class WorkCalendar:
    """One city's calendar. Moments are aware; results are UTC."""

    def __init__(self, city: CityCalendar, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._hours = sorted((h.opens, h.closes) for h in city.office_hours)
        self._own: dict[date, DayKind] = {}
        for works, days in ((False, city.closed), (True, city.working)):
            for special in days:
                for day in _days(special):
                    self._own[day] = DayKind(works, special.name, own=True)
        self._years = {*_YEARS, *city.years}
        # What follows is asked for again and again for the same few weeks.
        self._spans: Callable[[date], tuple[tuple[datetime, datetime], ...]] = lru_cache(maxsize=1024)(self._spans_of)

    @property
    def office_hours(self) -> tuple[tuple[time, time], ...]:
        return tuple(self._hours)

    def known(self, year: int) -> bool:
        """Whether the holidays of ``year`` are known; where not, its weekends alone count."""
        return year in self._years

    def day(self, day: date) -> DayKind:
        if own := self._own.get(day):
            return own
        # The package's own functions look through all of its years at every call.
        if day in chinese_calendar.workdays:
            return DayKind(True, "调休上班")
        if day in chinese_calendar.holidays:
            name = chinese_calendar.holidays[day]
            return DayKind(False, _NAMES.get(name, name))
        return DayKind(day.weekday() < 5)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def open(self, at: datetime) -> bool:
        """Whether offices are open at this moment."""
        return any(begin <= at < end for begin, end in self._spans(self.local(at).date()))

    def next_open(self, at: datetime) -> datetime:
        """``at`` itself while offices are open, else the moment at which they open next."""
        return next(max(begin, at.astimezone(UTC)) for begin, end in self._from(at) if end > at)

    def add(self, amount: float, unit: Unit, start: datetime) -> datetime:
        """When ``amount`` of ``unit`` that begin at ``start`` are over; working days are whole ones, at least one."""
        if unit != "workdays":
            return start.astimezone(UTC) + _plain(amount, unit)
        left, day = _whole(amount), self.local(start).date()
        while left:
            day += _DAY
            left -= self.day(day).works
        return self._spans(day)[-1][1]

    def back(self, amount: float, unit: Unit, end: datetime) -> datetime:
        """So long before ``end``; for working days the closing time of the last one that lies so many before."""
        if unit != "workdays":
            return end.astimezone(UTC) - _plain(amount, unit)
        left, day = _whole(amount), self.local(end).date()
        while left:
            day -= _DAY
            left -= self.day(day).works
        return self._spans(day)[-1][1]

    def working_s(self, begin: datetime, end: datetime) -> float:
        """Seconds of office hours between two moments; negative where ``end`` lies before ``begin``."""
        if end < begin:
            return -self.working_s(end, begin)
        total, day, last = 0.0, self.local(begin).date(), self.local(end).date()
        while day <= last:
            for opens, closes in self._spans(day):
                total += max(0.0, (min(closes, end) - max(opens, begin)).total_seconds())
            day += _DAY
        return total

    def work_on(self, start: datetime, seconds: float) -> datetime:
        """The moment at which ``seconds`` of office hours since ``start`` are over, the earliest one."""
        if seconds <= 0:
            return start.astimezone(UTC)
        for begin, end in self._from(start):
            here = (end - max(begin, start)).total_seconds()
            if 0 < here < seconds:
                seconds -= here
            elif here > 0:
                return max(begin, start.astimezone(UTC)) + timedelta(seconds=seconds)
        raise AssertionError("days do not end")

    def work_back(self, end: datetime, seconds: float) -> datetime:
        """The latest moment from which ``seconds`` of office hours are left until ``end``."""
        day = self.local(end).date()
        while seconds > 0:
            for opens, closes in reversed(self._spans(day)):
                here = (min(closes, end) - opens).total_seconds()
                if here >= seconds:
                    return min(closes, end.astimezone(UTC)) - timedelta(seconds=seconds)
                seconds -= max(0.0, here)
            day -= _DAY
        return end.astimezone(UTC)

    def _from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of office hours from the day of ``at`` on."""
        day = self.local(at).date()
        while True:
            yield from self._spans(day)
            day += _DAY

    def _spans_of(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        if not self.day(day).works:
            return ()
        return tuple(
            (datetime.combine(day, a, self._zone).astimezone(UTC), datetime.combine(day, b, self._zone).astimezone(UTC))
            for a, b in self._hours
        )


def _days(special: SpecialDay) -> Iterator[date]:
    day = special.day
    while day <= (special.until or special.day):
        yield day
        day += _DAY


def _plain(amount: float, unit: Unit) -> timedelta:
    return timedelta(minutes=amount) if unit == "minutes" else timedelta(hours=amount)


def _whole(amount: float) -> int:
    if amount != int(amount) or amount < 1:
        raise ValueError(f"working days are whole and at least one, not {amount}")
    return int(amount)
