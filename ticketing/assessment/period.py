"""Months, half-years and years of assessment. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from core.errors import HeyiError

Kind = Literal["month", "half", "year"]
_FORM = re.compile(r"^(20[0-9]{2})(?:-(?:(0[1-9]|1[0-2])|H([12])))?$", re.ASCII)


@dataclass(frozen=True, order=True)
class Period:
    """So many months from a first one."""

    year: int
    #: 1..12
    month: int
    #: 1, 6 or 12.
    months: int = 1

    @property
    def key(self) -> str:
        """``2026-11``, ``2026-H2``, ``2026``."""
        if self.months == 1:
            return f"{self.year}-{self.month:02d}"
        return f"{self.year}-H{1 if self.month == 1 else 2}" if self.months == 6 else f"{self.year}"

    @property
    def kind(self) -> Kind:
        return "month" if self.months == 1 else "half" if self.months == 6 else "year"

    def begin(self, zone: ZoneInfo) -> datetime:
        """Its first moment by the city's clock."""
        return datetime.combine(date(self.year, self.month, 1), time(0), zone)

    def end(self, zone: ZoneInfo) -> datetime:
        """The first moment after it."""
        return self.later(self.months).begin(zone)

    def later(self, months: int) -> "Period":
        """The same length, so many months later (before, where negative)."""
        count = self.year * 12 + self.month - 1 + months
        return Period(count // 12, count % 12 + 1, self.months)

    @property
    def before(self) -> "Period":
        """The one of the same kind that ends where this begins."""
        return self.later(-self.months)

    @property
    def after(self) -> "Period":
        return self.later(self.months)

    def parts(self) -> Sequence["Period"]:
        """Its months."""
        first = Period(self.year, self.month)
        return [first.later(step) for step in range(self.months)]


def parse(key: str) -> Period:
    """The period that a key names; :class:`HeyiError` where it names none."""
    match = _FORM.match(key)
    if match is None:
        raise HeyiError("考核期须写作 2026-11、2026-H2 或 2026", hint=key[:20])
    year, month, half = int(match[1]), match[2], match[3]
    if month:
        return Period(year, int(month))
    return Period(year, 1 if half == "1" else 7, 6) if half else Period(year, 1, 12)


def month_of(now: datetime, zone: ZoneInfo) -> Period:
    """The month that goes on."""
    here = now.astimezone(zone)
    return Period(here.year, here.month)
