"""Figures of a week or a month, and its tickets frozen as they were. Pure; the sentences are the desk's."""

import json
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ticketing.analysis.clusters import heat, repeats
from ticketing.analysis.facts import Fact, Where, outcome
from ticketing.analysis.places import Spot
from ticketing.analysis.tables import BriefKind
from ticketing.analysis.words import hot_words

#: Entries of each list.
MOST = 5
#: Years of which there are briefs: the calendar ends soon beyond what a date can hold, and no ticket is older.
YEARS = range(2000, 2100)
_OUTCOMES = ("closed", "in_time", "late", "asked", "satisfied", "unsatisfied", "reopened")


def begins(kind: BriefKind, day: date) -> date:
    """First day of the week (Monday) or month in which ``day`` lies."""
    return day - timedelta(days=day.weekday()) if kind == "week" else day.replace(day=1)


def following(kind: BriefKind, start: date) -> date:
    """First day of the next one."""
    return begins(kind, start + timedelta(days=7 if kind == "week" else 31))


def former(kind: BriefKind, start: date) -> date:
    """First day of the one before."""
    return begins(kind, start - timedelta(days=1))


def year_before(kind: BriefKind, start: date) -> date:
    """First day of the same month, or of the same week of 52, a year earlier."""
    return start - timedelta(weeks=52) if kind == "week" else start.replace(year=start.year - 1)


def moment(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def figures(
    now: Sequence[Fact],
    before: Sequence[Fact],
    earlier: Sequence[Fact] | None,
    at: datetime,
    *,
    repeat_from: int,
    watched: Callable[[Fact], bool],
) -> dict[str, Any]:
    """Of a period's tickets beside those of the one before and, where there are any, of the year before.

    ``at``: when it is reckoned; what has no result by then is late where it was due. Words need facts with words.
    """
    matters, matters_before = [f for f in now if watched(f)], [f for f in before if watched(f)]
    counts = heat(now)[""]
    busiest = max(range(168), key=counts.__getitem__) if now else 0
    return {
        "total": len(now),
        "before": len(before),
        "year": len(earlier) if earlier else None,
        "emergency": sum(f.emergency for f in now),
        "emergency_before": sum(f.emergency for f in before),
        "lines": _top(now, before, lambda f: f.line),
        "natures": _top(now, before, lambda f: f.nature),
        "groups": _top(matters, matters_before, lambda f: f.group),
        "codes": _top(matters, matters_before, lambda f: f.code),
        "risen": _risen(matters, matters_before),
        "towns": _top(matters, matters_before, lambda f: f.spot.town),
        "town_groups": _town_groups(matters),
        "placed": sum(bool(f.spot.town) for f in matters),
        "matters": len(matters),
        **{name: sum(outcome(f, name, at) for f in now) for name in _OUTCOMES},
        "words": [[hot.word, hot.count, hot.before] for hot in hot_words(matters, matters_before, most=8)],
        "repeats": [
            {"ids": r.ids, "code": r.code, "same": r.same, "open": r.open} for r in repeats(now, repeat_from)[:MOST]
        ],
        "repeat_callers": len(repeats(now, repeat_from)),
        "busiest": [busiest // 24, busiest % 24, counts[busiest]],
    }


Top = list[list[Any]]


def _top(now: Sequence[Fact], before: Sequence[Fact], of: Callable[[Fact], str]) -> Top:
    """``[key, count, before]``, the most frequent first; without what is empty."""
    here, there = Counter(map(of, now)), Counter(map(of, before))
    ordered = sorted(((key, count) for key, count in here.items() if key), key=lambda pair: (-pair[1], pair[0]))
    return [[key, count, there.get(key, 0)] for key, count in ordered[:MOST]]


def _risen(now: Sequence[Fact], before: Sequence[Fact]) -> Top:
    """Categories that rose by the most tickets, where that is more than chance would have (two standard deviations)."""
    here, there = Counter(f.code for f in now), Counter(f.code for f in before)
    rises = [(count - there.get(code, 0), code) for code, count in here.items()]
    beyond = [(rise, code) for rise, code in rises if rise > 2 * (here[code] + there.get(code, 0)) ** 0.5 and rise >= 5]
    return [[code, here[code], there.get(code, 0)] for _, code in sorted(beyond, key=lambda r: (-r[0], r[1]))[:MOST]]


def _town_groups(now: Sequence[Fact]) -> dict[str, list[Any]]:
    """The most frequent group of each town, and its tickets."""
    of: dict[str, Counter[str]] = {}
    for fact in now:
        if fact.spot.town:
            of.setdefault(fact.spot.town, Counter())[fact.group] += 1
    found = {town: min(counts.items(), key=lambda pair: (-pair[1], pair[0])) for town, counts in of.items()}
    return {town: [group, count] for town, (group, count) in found.items()}


# --- frozen -----------------------------------------------------------------------------------------------------------


def frozen(facts: Sequence[Fact]) -> bytes:
    """The tickets as they are, for the figures to lead to."""
    rows = [
        [
            f.id, f.number, f.at.isoformat(), f.line, f.code, f.group, f.nature, f.emergency, f.spot.town,
            f.spot.community, f.summary, f.state, f.department, f.satisfaction, f.reopened, _iso(f.due_at),
            _iso(f.reported_at), sorted(f.words),
        ]
        for f in facts
    ]  # fmt: skip
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), 6)


def thawed(data: bytes) -> list[Fact]:
    """What :func:`frozen` kept; without numbers of callers and points."""
    return [
        Fact(
            id=row[0], number=row[1], at=datetime.fromisoformat(row[2]), line=row[3], code=row[4], group=row[5],
            nature=row[6], emergency=row[7], spot=Spot(row[8], row[9]), caller="", summary=row[10], state=row[11],
            department=row[12], satisfaction=row[13], reopened=row[14], due_at=_moment(row[15]),
            reported_at=_moment(row[16]), words=frozenset(row[17]),
        )
        for row in json.loads(zlib.decompress(data))
    ]  # fmt: skip


def counted(facts: Sequence[Fact], where: Where, at: datetime) -> list[Fact]:
    """The tickets of one figure of a brief that was reckoned at this moment."""
    return [fact for fact in facts if where.has(fact, at)]


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(at: str | None) -> datetime | None:
    return None if at is None else datetime.fromisoformat(at)
