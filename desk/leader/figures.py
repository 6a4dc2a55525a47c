"""The figures of today, each with what it is compared with and the address of its rows. Pure; JSON types.

Nothing is defined here: calls are counted as on the wallboard (:mod:`switchboard.figures.board`), tickets as in the
analysis (:mod:`ticketing.analysis.facts`), what is open as in the lists (:mod:`ticketing.listing`), callbacks as in the
assessment (:mod:`ticketing.callbacks.figures`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any
from urllib.parse import urlencode

from switchboard.figures.board import SERVICE_LEVELS, THRESHOLDS, Board, Figures
from ticketing.analysis.opened import Opened
from ticketing.callbacks.figures import Asked

_FIFTEEN = THRESHOLDS.index(15)


@dataclass(frozen=True)
class Day:
    """What was counted of one stretch of a day."""

    opened: Opened
    asked: Asked


@dataclass(frozen=True)
class Today:
    """Everything that the tiles are made of."""

    now: datetime
    #: Midnight by the city's clock.
    begin: datetime
    board: Board
    day: Day
    #: The same weekday of the weeks before until this time of day; weeks in which nothing ran are left out.
    past: Sequence[Day]
    in_hand: int
    overdue: int
    waiting: int


def tiles(today: Today) -> list[dict[str, Any]]:
    """In the order in which they stand.

    ``value`` is a number, or of ``form`` "share" a part of 1 or null; ``rows``: how many rows ``href`` opens.
    """
    board, day, past = today.board, today.day, [one for one in today.past if one.opened.total]
    emergency, service = board.kinds
    weeks, text = emergency.usual.weeks, str(today.begin.date())
    since, until = today.begin, today.now
    return [
        _tile(
            "calls", emergency.today.offered + service.today.offered, _calls(text),
            usual=_sum(emergency.usual.offered, service.usual.offered) if weeks else None,
            parts=[("emergency", emergency.today.offered, _calls(text, kind="emergency"))],
        ),
        _share("share-emergency", emergency, text),
        _share("share-service", service, text),
        _tile(
            "gone", emergency.today.gone + service.today.gone, _calls(text, became="gone"),
            usual=_sum(emergency.usual.gone, service.usual.gone) if weeks else None,
            parts=[("emergency", emergency.today.gone, _calls(text, became="gone", kind="emergency"))],
            bad=emergency.today.gone > 0,
        ),
        _tile(
            "opened", day.opened.total, _tickets(since, until), usual=_middle(past, lambda one: one.opened.total)
        ),
        _tile(
            "emergencies", day.opened.emergency, _tickets(since, until, emergency="1"),
            usual=_middle(past, lambda one: one.opened.emergency),
        ),
        _tile("in-hand", today.in_hand, "/leader/tickets?which=in_hand"),
        _tile(
            "overdue", today.overdue, "/leader/tickets?which=overdue", bad=today.overdue > 0,
            of=today.overdue / today.in_hand if today.in_hand else None,
        ),
        _tile(
            "satisfied", day.asked.share, "/leader/callbacks?which=asked", form="share", rows=day.asked.asked,
            usual=_middle(past, lambda one: one.asked.share),
            parts=[("unsatisfied", day.asked.unsatisfied, "/leader/callbacks?which=unsatisfied")],
        ),
        _tile(
            "callbacks", day.asked.done, "/leader/callbacks?which=done",
            usual=_middle(past, lambda one: one.asked.done),
            parts=[("waiting", today.waiting, "/leader/callbacks?which=waiting")],
        ),
    ]  # fmt: skip


def trend_day(day: date, begin: datetime, end: datetime, calls: int, opened: Opened) -> dict[str, Any]:
    """One day of the trend, with the addresses of its rows."""
    text = str(day)
    return {
        "day": text,
        "calls": calls, "calls_href": _calls(text, to=text),
        "opened": opened.total, "opened_href": _tickets(begin, end),
        "emergencies": opened.emergency, "emergencies_href": _tickets(begin, end, emergency="1"),
    }  # fmt: skip


def since_first(days: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trend from the first day on which anything was counted: before it there was nothing to count with."""
    first = next((at for at, day in enumerate(days) if day["calls"] or day["opened"]), len(days))
    return list(days[first:])


def tickets_base(since: datetime, until: datetime) -> str:
    """Address of the tickets of a stretch of time; more of :class:`ticketing.analysis.facts.Where` may be added."""
    return _tickets(since, until)


def _tile(
    key: str, value: float | None, href: str, *, form: str = "count", rows: int | None = None,
    usual: float | None = None, bad: bool = False, parts: Iterable[tuple[str, int, str]] = (),
    of: float | None = None, level: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "key": key, "value": _rounded(value), "form": form, "href": href, "rows": value if rows is None else rows,
        "usual": _rounded(usual), "bad": bad, "of": _rounded(of), "level": level,
        "parts": [{"key": name, "value": count, "href": where} for name, count, where in parts],
    }  # fmt: skip


def _share(key: str, kind: Figures, day: str) -> dict[str, Any]:
    return _tile(
        key, kind.shares[_FIFTEEN], _calls(day, became="answered", within="15", kind=kind.key), form="share",
        rows=kind.today.within[_FIFTEEN], usual=kind.usual.share if kind.usual.weeks else None,
        bad=bool(kind.short_of(kind.key)), level=SERVICE_LEVELS[kind.key][0].share,
    )  # fmt: skip


def _calls(day: str, **more: str) -> str:
    return f"/calls?{urlencode({'from': day, 'direction': 'in', **more})}"


def _tickets(since: datetime, until: datetime, **more: str) -> str:
    return f"/analysis/tickets?{urlencode({'since': since.isoformat(), 'until': until.isoformat(), **more})}"


def _sum(*values: float | None) -> float:
    return sum(value or 0.0 for value in values)


def _middle(past: Sequence[Day], of: Callable[[Day], float | None]) -> float | None:
    """The median of those days that say it."""
    said = [value for value in map(of, past) if value is not None]
    return float(median(said)) if said else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else value if isinstance(value, int) else round(value, 4)
