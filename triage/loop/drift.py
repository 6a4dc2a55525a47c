"""How often people left something else than the software had said: one week beside the weeks before. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from core.errors import HeyiError
from triage.loop.tables import TriageLabel
from triage.measure.rates import Rate, wilson

#: ``missed``: emergencies on service lines that the software had not raised; ``raised``: others that it had. On
#: emergency lines policy speaks, not the software. The rest: another code, nature or place than it had said.
Measure = Literal["missed", "raised", "code", "nature", "place"]
MEASURES: tuple[Measure, ...] = ("missed", "raised", "code", "nature", "place")
Kind = Literal["all", "code", "line", "desk"]
Trend = Literal["more", "less", ""]
#: Weeks before that one week is compared with.
WEEKS = 8
_MOST_CONFUSED = 10


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One label, as far as drift is concerned."""

    at: datetime
    line: str
    desk: str
    #: What the software said, and what the person left.
    said_code: str
    code: str
    #: Measure to whether both disagree; a measure that does not apply is absent.
    wrong: Mapping[Measure, bool]


@dataclass(frozen=True)
class Row:
    """One measure of one code, line or desk; shares are of tickets on which both disagree."""

    kind: Kind
    key: str
    measure: Measure
    now: Rate
    before: Rate
    #: ``more``: the whole interval lies above the one of the weeks before; ``less``: below.
    trend: Trend


@dataclass(frozen=True)
class Confusion:
    """A code that people replaced by another."""

    said: str
    left: str
    count: int


@dataclass(frozen=True)
class Drift:
    """The report of one week."""

    #: Monday, by the city's clock.
    week: date
    weeks_before: int
    tickets: int
    tickets_before: int
    rows: tuple[Row, ...]
    confusions: tuple[Confusion, ...]

    @property
    def name(self) -> str:
        return week_name(self.week)

    def plain(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**asdict(self), "week": self.name, "from": self.week.isoformat()}


def judgement(label: TriageLabel, emergency_lines: Collection[str]) -> Judgement:
    """What a label says about both."""
    changed = set(label.changed)
    wrong: dict[Measure, bool] = {}
    if label.line not in emergency_lines:
        wrong["missed" if label.emergency else "raised"] = "emergency" in changed
    # What the person left empty says nothing of the software.
    left: tuple[tuple[Measure, str], ...] = (("code", label.code), ("nature", label.nature), ("place", label.place))
    wrong.update({name: name in changed for name, value in left if value})
    return Judgement(
        at=label.at, line=label.line, desk=label.desk, said_code=label.said_code, code=label.code, wrong=wrong
    )


def report(judged: Iterable[Judgement], week: date, zone: ZoneInfo, weeks: int = WEEKS) -> Drift:
    """The week that begins on Monday ``week`` beside the ``weeks`` before it."""
    start, end = bounds(week, zone)
    earliest, _ = bounds(week - timedelta(weeks=weeks), zone)
    rows = [j for j in judged if earliest <= j.at < end]
    now, before = [j for j in rows if j.at >= start], [j for j in rows if j.at < start]
    counted, former = _counts(now), _counts(before)
    confusions = Counter((j.said_code, j.code) for j in now if j.wrong.get("code"))
    order: dict[str, int] = {"all": 0, "line": 1, "desk": 2, "code": 3}
    return Drift(
        week, weeks, len(now), len(before),
        tuple(
            _row(kind, key, measure, counted[kind, key, measure], former.get((kind, key, measure), (0, 0)))
            for kind, key, measure in sorted(counted, key=lambda k: (order[k[0]], k[1], MEASURES.index(k[2])))
        ),
        tuple(Confusion(said, left, n) for (said, left), n in
              sorted(confusions.items(), key=lambda c: (-c[1], c[0]))[:_MOST_CONFUSED]),
    )  # fmt: skip


def _counts(judged: Sequence[Judgement]) -> dict[tuple[Kind, str, Measure], tuple[int, int]]:
    """Disagreements and tickets."""
    wrong: Counter[tuple[Kind, str, Measure]] = Counter()
    of: dict[tuple[Kind, str, Measure], int] = defaultdict(int)
    for j in judged:
        keys: tuple[tuple[Kind, str], ...] = (("all", ""), ("code", j.code), ("line", j.line), ("desk", j.desk))
        for kind, key in keys:
            for measure, differs in j.wrong.items():
                if key or kind == "all":
                    of[kind, key, measure] += 1
                    wrong[kind, key, measure] += differs
    return {key: (wrong[key], count) for key, count in of.items()}


def _row(kind: Kind, key: str, measure: Measure, now: tuple[int, int], before: tuple[int, int]) -> Row:
    this, former = wilson(*now), wilson(*before)
    trend: Trend = "more" if this.low > former.high else "less" if this.high < former.low else ""
    return Row(kind, key, measure, this, former, trend)


def bounds(week: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From Monday's midnight to the next, by the city's clock."""
    return (
        datetime.combine(week, time(0), zone),
        datetime.combine(week + timedelta(weeks=1), time(0), zone),
    )


def week_of(moment: datetime, zone: ZoneInfo) -> date:
    """The Monday of the week in which this moment lies."""
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def week_name(week: date) -> str:
    """``2026-W47`` (ISO 8601)."""
    year, number, _ = week.isocalendar()
    return f"{year}-W{number:02d}"


def week_called(name: str) -> date:
    """The Monday of ``2026-W47``; HeyiError for anything else."""
    year, _, number = name.partition("-W")
    try:
        return date.fromisocalendar(int(year), int(number), 1)
    except ValueError:
        raise HeyiError("周次须写作 2026-W47", hint=name[:20]) from None
