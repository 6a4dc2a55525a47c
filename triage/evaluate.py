"""Measures the judgement on labelled utterances: what it finds, what it raises for nothing, and how long it takes."""

import csv
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console, Group
from rich.progress import track
from rich.table import Table

from core.city import City
from core.errors import HeyiError
from triage.judge import EMERGENCY, Judge, Turn
from triage.verdict import Place, Verdict

COLUMNS = ("id", "line", "text", "is_emergency", "code", "place", "phone", "nature", "tags")
_FALSE_ALARM_LEVELS = (0.02, 0.05, 0.10)


@dataclass(frozen=True)
class Row:
    """One labelled utterance; ``line`` is the number of the city's line, or what the file said where there is none."""

    id: str
    line: str
    text: str
    is_emergency: bool
    code: str
    place: str
    phone: str
    nature: str
    tags: frozenset[str]


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % Wilson interval."""

    hits: int
    of: int
    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:.3f} [{self.low:.3f}, {self.high:.3f}] ({self.hits}/{self.of})" if self.of else "–"


@dataclass(frozen=True)
class AtFalseAlarms:
    """Recall at the threshold that lets at most this share of service calls through."""

    false_alarms_at_most: float
    threshold: float
    recall: Rate


@dataclass(frozen=True)
class Report:
    """What was measured on one file. Probabilities are those of the words alone, the line left out."""

    file: str
    rules_version: int
    rows: int
    unknown_lines: tuple[str, ...]
    threshold: float
    #: Words alone, at ``threshold``.
    recall: Rate
    false_alarms: Rate
    at_false_alarms: tuple[AtFalseAlarms, ...]
    #: With the line dialled: emergencies that are not left as service, and service calls on service lines raised.
    recall_by_policy: Rate
    missed_as_service: Rate
    false_alarms_on_service_lines: Rate
    #: Service calls on service lines that a person is asked to look at again.
    reviews_on_service_lines: Rate
    hard_negatives_alarmed: Rate
    #: Emergencies found by words, per L2.
    recall_per_code: dict[str, Rate]
    recall_per_tag: dict[str, Rate]
    l1: Rate
    l2: Rate
    l2_top2: Rate
    l2_emergency: Rate
    l2_emergency_top2: Rate
    l2_service: Rate
    l2_service_top2: Rate
    nature: Rate
    #: Town and community right; the whole canonical name right; a place where the label has none.
    place_found: Rate
    place_exact: Rate
    place_invented: Rate
    phone: Rate
    phone_invented: Rate
    #: Expected calibration error of p_emergency, ten bins.
    ece: float
    latency_ms_p50: float
    latency_ms_p95: float
    predictions: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, without the predictions."""
        return {key: value for key, value in asdict(self).items() if key != "predictions"}

    def write_predictions(self, path: Path) -> None:
        """One JSON object a line, a line for each row of the file."""
        lines = (json.dumps(p, ensure_ascii=False) for p in self.predictions)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def __rich__(self) -> Group:
        table = Table(title=f"{self.file}: {self.rows} rows, rules version {self.rules_version}", title_justify="left")
        table.add_column("measure")
        table.add_column("share [95 % Wilson] (count)")
        for name, rate in (
            (f"emergency recall, words alone, p ≥ {self.threshold:g}", self.recall),
            ("false alarms, words alone", self.false_alarms),
            ("hard negatives alarmed", self.hard_negatives_alarmed),
            ("emergencies kept or raised, with the line", self.recall_by_policy),
            ("emergencies left as service", self.missed_as_service),
            ("false alarms on service lines", self.false_alarms_on_service_lines),
            ("reviews on service lines", self.reviews_on_service_lines),
            ("L1", self.l1),
            ("L2 top-1", self.l2),
            ("L2 top-2", self.l2_top2),
            ("L2 top-1 / emergencies", self.l2_emergency),
            ("L2 top-2 / emergencies", self.l2_emergency_top2),
            ("L2 top-1 / service", self.l2_service),
            ("L2 top-2 / service", self.l2_service_top2),
            ("nature", self.nature),
            ("place found (town and community)", self.place_found),
            ("place exact", self.place_exact),
            ("place where there is none", self.place_invented),
            ("phone", self.phone),
            ("phone where there is none", self.phone_invented),
        ):
            table.add_row(name, str(rate))
        for level in self.at_false_alarms:
            table.add_row(f"recall at ≤ {level.false_alarms_at_most:.0%} false alarms", str(level.recall))
        table.add_row("expected calibration error", f"{self.ece:.3f}")
        table.add_row("latency per utterance", f"p50 {self.latency_ms_p50:.2f} ms, p95 {self.latency_ms_p95:.2f} ms")
        per_code = Table(title="recall per code", title_justify="left")
        per_code.add_column("code")
        per_code.add_column("recall")
        for code, rate in self.recall_per_code.items():
            per_code.add_row(code, str(rate))
        return Group(table, per_code)


def wilson(hits: int, of: int) -> Rate:
    """Share and 95 % Wilson score interval (Wilson 1927); 0 with [0, 1] for no trials."""
    if of == 0:
        return Rate(0, 0, 0.0, 0.0, 1.0)
    z, p = 1.96, hits / of
    centre = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return Rate(hits, of, round(p, 4), round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4))


def read_rows(path: Path, city: City) -> tuple[Row, ...]:
    """The rows of a labelled file (tabs, with a header); HeyiError names file and line of what is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if missing := [c for c in COLUMNS if c not in (reader.fieldnames or ())]:
                raise HeyiError(f"{path}: the header lacks {', '.join(missing)}", hint=f"expected {' '.join(COLUMNS)}")
            made = [_row(path, number, fields, city) for number, fields in enumerate(reader, 2)]
    except (OSError, UnicodeDecodeError) as error:
        raise HeyiError(f"{path}: cannot be read: {error}") from error
    if not made:
        raise HeyiError(f"{path}: no rows below the header")
    return tuple(made)


def _row(path: Path, number: int, fields: dict[str, str | None], city: City) -> Row:
    got = {column: (fields.get(column) or "").strip() for column in COLUMNS}
    if got["is_emergency"] not in ("0", "1"):
        raise HeyiError(f"{path}, line {number}: is_emergency must be 0 or 1, not {got['is_emergency']!r}")
    line = city.line_called(got["line"])
    return Row(
        id=got["id"], line=line.number if line else got["line"], text=got["text"],
        is_emergency=got["is_emergency"] == "1", code=got["code"], place=got["place"], phone=got["phone"],
        nature=got["nature"], tags=frozenset(t.strip() for t in got["tags"].split(",") if t.strip()),
    )  # fmt: skip


def evaluate(path: Path, city: City, judge: Judge | None = None, *, progress: bool = True) -> Report:
    """Judge every row of ``path`` and compare; a progress bar goes to standard error."""
    rows = read_rows(path, city)
    judge = judge or Judge(city)
    verdicts: list[Verdict] = []
    took: list[float] = []
    bar = track(rows, "judging", console=Console(stderr=True), transient=True) if progress else rows
    for row in bar:
        start = perf_counter()
        verdicts.append(judge.judge(row.line, [Turn("caller", row.text)]))
        took.append(1000 * (perf_counter() - start))
    return _report(path, city, judge, rows, verdicts, sorted(took))


def _report(
    path: Path, city: City, judge: Judge, rows: Sequence[Row], verdicts: Sequence[Verdict], took: Sequence[float]
) -> Report:
    pairs = list(zip(rows, verdicts, strict=True))
    urgent = [(r, v) for r, v in pairs if r.is_emergency]
    calm = [(r, v) for r, v in pairs if not r.is_emergency]
    emergency_lines = {line.number for line in city.lines if line.kind == "emergency"}
    group = {c.code: g.code for g in city.taxonomy for c in g.categories}

    def rate(of: Sequence[tuple[Row, Verdict]], test: Callable[[Row, Verdict], bool]) -> Rate:
        return wilson(sum(test(r, v) for r, v in of), len(of))

    def alarmed(_: Row, v: Verdict) -> bool:
        return v.p_emergency >= EMERGENCY

    def top1(r: Row, v: Verdict) -> bool:
        return v.code == r.code

    def top2(r: Row, v: Verdict) -> bool:
        return r.code in [c.code for c in v.candidates]

    coded = [(r, v) for r, v in pairs if r.code]
    placed = [(r, v) for r, v in pairs if r.place]
    unplaced = [(r, v) for r, v in pairs if not r.place]
    phoned = [(r, v) for r, v in pairs if r.phone]
    per_code: dict[str, list[tuple[Row, Verdict]]] = defaultdict(list)
    per_tag: dict[str, list[tuple[Row, Verdict]]] = defaultdict(list)
    for r, v in urgent:
        per_code[r.code].append((r, v))
        for tag in r.tags:
            per_tag[tag].append((r, v))
    return Report(
        file=path.name,
        rules_version=judge.rules.version,
        rows=len(rows),
        unknown_lines=tuple(sorted({r.line for r in rows if city.line(r.line) is None})),
        threshold=EMERGENCY,
        recall=rate(urgent, alarmed),
        false_alarms=rate(calm, alarmed),
        at_false_alarms=tuple(_at(level, urgent, calm) for level in _FALSE_ALARM_LEVELS),
        recall_by_policy=rate(urgent, lambda _, v: v.outcome == "emergency"),
        missed_as_service=rate(urgent, lambda _, v: v.outcome == "service"),
        false_alarms_on_service_lines=rate(
            [(r, v) for r, v in calm if r.line not in emergency_lines], lambda _, v: v.outcome == "emergency"
        ),
        reviews_on_service_lines=rate(
            [(r, v) for r, v in calm if r.line not in emergency_lines], lambda _, v: v.outcome == "review"
        ),
        hard_negatives_alarmed=rate([(r, v) for r, v in calm if "hardneg" in r.tags], alarmed),
        recall_per_code={code: rate(per_code[code], alarmed) for code in sorted(per_code)},
        recall_per_tag={tag: rate(per_tag[tag], alarmed) for tag in sorted(per_tag)},
        l1=rate(coded, lambda r, v: bool(v.code) and group.get(v.code) == group.get(r.code)),
        l2=rate(coded, top1),
        l2_top2=rate(coded, top2),
        l2_emergency=rate([p for p in coded if p[0].is_emergency], top1),
        l2_emergency_top2=rate([p for p in coded if p[0].is_emergency], top2),
        l2_service=rate([p for p in coded if not p[0].is_emergency], top1),
        l2_service_top2=rate([p for p in coded if not p[0].is_emergency], top2),
        nature=rate([p for p in pairs if p[0].nature], lambda r, v: v.nature == r.nature),
        place_found=rate(placed, lambda r, v: place_found(r.place, v.places)),
        place_exact=rate(placed, lambda r, v: v.place == r.place),
        place_invented=rate(unplaced, lambda _, v: bool(v.places)),
        phone=rate(phoned, lambda r, v: v.phone == r.phone),
        phone_invented=rate([p for p in pairs if not p[0].phone], lambda _, v: bool(v.phone)),
        ece=_calibration(pairs),
        latency_ms_p50=round(took[len(took) // 2], 3),
        latency_ms_p95=round(took[min(len(took) - 1, int(len(took) * 0.95))], 3),
        predictions=tuple(_prediction(r, v) for r, v in pairs),
    )


def _at(level: float, urgent: Sequence[tuple[Row, Verdict]], calm: Sequence[tuple[Row, Verdict]]) -> AtFalseAlarms:
    """The lowest threshold at which at most ``level`` of the service calls alarm."""
    allowed = math.floor(level * len(calm))
    alarms = Counter(v.p_emergency for _, v in calm)
    threshold, so_far = 1.0, 0
    for p in sorted({v.p_emergency for _, v in (*urgent, *calm)}, reverse=True):
        so_far += alarms[p]
        if so_far > allowed:
            break
        threshold = p
    return AtFalseAlarms(level, threshold, wilson(sum(v.p_emergency >= threshold for _, v in urgent), len(urgent)))


def _calibration(pairs: Sequence[tuple[Row, Verdict]]) -> float:
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for r, v in pairs:
        bins[min(9, int(v.p_emergency * 10))].append((v.p_emergency, r.is_emergency))
    gap = sum(abs(sum(p for p, _ in b) - sum(y for _, y in b)) for b in bins.values())
    return round(gap / len(pairs), 4) if pairs else 0.0


def place_found(label: str, places: Sequence[Place]) -> bool:
    """True where the best place is the labelled one.

    A canonical label (池店镇华洲村路口) asks for its town and community; components as spoken, joined by ``;``, must
    each occur in the place or in the words that it came from.
    """
    if not places:
        return False
    best = places[0]
    if ";" in label:
        return all(part.strip() in best.canonical or part.strip() in best.mention for part in label.split(";"))
    where = best.town + best.community if best.community else best.canonical
    return (
        bool(best.town or best.canonical == label)
        and label.startswith(where)
        and (bool(best.community) or best.canonical == label)
    )


def _prediction(row: Row, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": row.id,
        "p_emergency": verdict.p_emergency,
        "outcome": verdict.outcome,
        "suggest_transfer": verdict.suggest_transfer,
        "codes": [asdict(c) for c in verdict.candidates],
        "nature": verdict.nature,
        "place": verdict.place,
        "place_mentions": [p.mention for p in verdict.places],
        "phone": verdict.phone,
        "reasons": [asdict(r) for r in verdict.reasons],
    }
