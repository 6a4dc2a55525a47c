"""A made-up city whose callers follow a known law, so that what the analysis says of them can be checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from core.city_clocks import CityCalendar
from ticketing.analysis.facts import Fact
from ticketing.analysis.pattern import kinds_of
from ticketing.analysis.places import Spot
from ticketing.analysis.rising import Judged, budgets, judge
from ticketing.analysis.tally import Kind, Window, tallies
from ticketing.clocks.calendar import WorkCalendar

ZONE = ZoneInfo("Asia/Shanghai")
#: A stretch of 2025 with three holidays and swapped days in it.
BEGIN = datetime(2025, 3, 3, tzinfo=ZONE)
KIND: Callable[[date], tuple[int, bool]] = kinds_of(WorkCalendar(CityCalendar(), "Asia/Shanghai"))
_HOURS = np.array([1, 1, 1, 1, 1, 2, 3, 5, 9, 11, 10, 8, 6, 7, 9, 9, 8, 8, 7, 7, 6, 4, 3, 2], dtype=float)
_DAYS = np.array([1.2, 1.1, 1.0, 1.0, 1.05, 0.85, 0.8])


def fact(number: int, at: datetime, **more: object) -> Fact:
    """One fact; what is not said is empty."""
    base = {
        "id": f"t{number}", "number": f"JJ-{number}", "at": at, "line": "12345", "code": "S101", "group": "S1",
        "nature": "投诉", "emergency": False, "spot": Spot(), "caller": f"1{number:010d}", "summary": "",
        "state": "filed", "department": "urban", "satisfaction": "", "reopened": 0,
    }  # fmt: skip
    return Fact(**{**base, **more})  # type: ignore[arg-type]


@dataclass
class Made:
    """``towns`` towns of ``villages`` villages each, ``groups`` groups of two categories, ``daily`` callers a day."""

    seed: int
    towns: int = 5
    villages: int = 6
    groups: int = 4
    daily: float = 60
    #: Variance over mean of a village's daily callers of one group is 1 + this × mean.
    restless: float = 0.0
    #: From a day on (counted from the beginning) a village's callers of a group are multiplied.
    change: Mapping[tuple[int, int, int], tuple[int, float]] = field(default_factory=dict)

    def facts(self, days: int) -> list[Fact]:
        chance = np.random.default_rng(self.seed)
        # Some villages are large, some matters frequent.
        size = chance.gamma(0.8, 1.0, (self.towns, self.villages))
        weight = chance.dirichlet(np.full(self.groups, 1.5))
        rate = self.daily * size[:, :, None] / size.sum() * weight
        hours = _HOURS / _HOURS.sum()
        found: list[Fact] = []
        for day in range(days):
            begin = BEGIN + timedelta(days=day)
            kind, _ = KIND(begin.date())
            means = rate * _DAYS[kind]
            for cell, (since, factor) in self.change.items():
                if day >= since:
                    means[cell] = means[cell] * factor
            if self.restless:
                means = means * chance.gamma(1 / self.restless, self.restless, means.shape)
            counts = chance.poisson(means)
            where = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0)
            at_hours = chance.choice(24, p=hours, size=len(where))
            seconds, kinds = chance.integers(3600, size=len(where)), chance.random(len(where))
            for (town, village, group), hour, second, kind_of in zip(where, at_hours, seconds, kinds, strict=True):
                at = begin + timedelta(hours=int(hour), seconds=int(second))
                code = f"S{group}{'01' if kind_of < 0.7 else '02'}"
                spot = Spot(f"{town}镇", f"{town}-{village}村")
                found.append(fact(len(found), at, code=code, group=f"S{group}", spot=spot))
        return sorted(found, key=lambda one: one.at)

    @property
    def places(self) -> dict[Kind, int]:
        return {"town": self.towns, "community": self.towns * self.villages}


def look(
    facts: list[Fact], end: datetime, made: Made, *, rate: float = 1.0, looks: int = 1, weeks: int = 8, least: int = 4,
    rise: float = 1.5,
) -> dict[Window, Judged]:  # fmt: skip
    """What a look at this moment finds, as the service does it."""
    until = end.toordinal() * 24 + end.hour
    since = until - (weeks + 1) * 168
    seen = [one for one in facts if since <= one.hour < until]
    budget = budgets(rate, looks)
    found = tallies(seen, until, weeks, KIND, made.places)
    return {window: judge(found[window], budget[window], least=least, rise=rise) for window in found}
