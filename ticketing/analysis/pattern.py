"""How a city's calls spread over weekdays and hours: what share of the past a window would have had. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ticketing.analysis.facts import Fact
from ticketing.clocks.calendar import WorkCalendar

Floats = NDArray[np.float64]
#: Key of the pattern of all matters together.
ALL = ""
#: A group's own weekdays and hours count from so many tickets on as much as the whole city's do.
_DAYS_LIKE, _HOURS_LIKE = 50.0, 100.0
#: A Sunday on which offices work (调休) goes by the middle of the week.
_WORKED, _RESTED = 2, 6


def kinds_of(calendar: WorkCalendar) -> Callable[[date], tuple[int, bool]]:
    """What a day is like: 0 Monday … 6 Sunday, and whether it is of a holiday.

    A holiday is like a Sunday; it is left out of the past, in which it would stand for what it is not.
    """

    def kind(day: date) -> tuple[int, bool]:
        found = calendar.day(day)
        weekday = day.weekday()
        if found.works:
            return (weekday if weekday < 5 else _WORKED), False
        holiday = bool(found.name)
        return (_RESTED if holiday else weekday), holiday

    return cache(kind)


@dataclass(frozen=True)
class Pattern:
    """``weights[group][kind of day, hour]``: the share of all of the past that one such hour has; ``begin`` and ``end``
    of the past in hours (:attr:`ticketing.analysis.facts.Fact.hour`)."""

    weights: Mapping[str, Floats]
    begin: int
    end: int
    kind: Callable[[date], tuple[int, bool]]

    def share(self, group: str, begin: int, end: int, *, past: bool = False) -> float:
        """What the hours from ``begin`` until before ``end`` have, of a past that counts as 1.

        ``past``: only those that are of the past, its holidays left out.
        """
        table = self.weights.get(group, self.weights[ALL])
        total = 0.0
        for ordinal in range(begin // 24, -(-end // 24)):
            kind, holiday = self.kind(date.fromordinal(ordinal))
            if past and holiday:
                continue
            first, last = max(begin, ordinal * 24), min(end, ordinal * 24 + 24)
            if past:
                first, last = max(first, self.begin), min(last, self.end)
            if first < last:
                total += float(table[kind, first - ordinal * 24 : last - ordinal * 24].sum())
        return total


def pattern(facts: Iterable[Fact], begin: int, end: int, kind: Callable[[date], tuple[int, bool]]) -> Pattern:
    """The pattern of the past from ``begin`` until before ``end`` (hours), of each group and of :data:`ALL`.

    Weekday and hour are taken for independent within working days and within days of rest. Where a group has few
    tickets it goes by the whole city's weekdays and hours (Dirichlet prior).
    """
    hours = np.zeros((7, 24))
    for ordinal in range(begin // 24, -(-end // 24)):
        like, holiday = kind(date.fromordinal(ordinal))
        if not holiday:
            hours[like, max(begin - ordinal * 24, 0) : min(end - ordinal * 24, 24)] += 1
    counts: dict[str, Floats] = {ALL: np.zeros((7, 24))}
    for fact in facts:
        hour = fact.hour
        if not begin <= hour < end:
            continue
        like, holiday = kind(date.fromordinal(hour // 24))
        if not holiday:
            for group in (ALL, fact.group):
                counts.setdefault(group, np.zeros((7, 24)))[like, hour % 24] += 1
    whole = _shaped(counts[ALL], hours, hours / max(hours.sum(), 1.0))
    found = {ALL: whole}
    for group, table in counts.items():
        if group != ALL:
            found[group] = _shaped(table, hours, whole * hours)
    return Pattern(found, begin, end, kind)


def _shaped(counts: Floats, hours: Floats, prior: Floats) -> Floats:
    """Share of one hour of each kind; over all ``hours`` of the past they add up to 1."""
    total = hours.sum()
    if not total:
        return np.full((7, 24), 0.0)
    days = counts.sum(axis=1) + _DAYS_LIKE * prior.sum(axis=1)
    lasting = hours.sum(axis=1)
    # How busy an hour of such a day is, beside the mean hour; a kind that the past does not have goes by the mean.
    busy = np.where(lasting > 0, days / np.maximum(lasting, 1e-9), 0.0)
    mean = days.sum() / total
    busy = np.where(lasting > 0, busy, mean) / mean
    shape = np.zeros((7, 24))
    for kinds in (slice(0, 5), slice(5, 7)):
        said = counts[kinds].sum(axis=0) + _HOURS_LIKE * _hourly(prior[kinds], hours[kinds])
        open_hours = hours[kinds].sum(axis=0)
        rate = np.where(open_hours > 0, said / np.maximum(open_hours, 1e-9), 0.0)
        seen = rate[open_hours > 0]
        rate = np.where(open_hours > 0, rate, seen.mean() if len(seen) else 1.0)
        shape[kinds] = rate / rate.mean() if rate.mean() > 0 else 1.0
    made = busy[:, None] * shape
    return np.asarray(made / float((made * hours).sum()), dtype=np.float64)


def _hourly(prior: Floats, hours: Floats) -> Floats:
    share = prior.sum(axis=0)
    if share.sum() <= 0:
        share = hours.sum(axis=0) + 1e-9
    return np.asarray(share / share.sum(), dtype=np.float64)
