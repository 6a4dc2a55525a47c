"""Measures the judgement on labelled utterances: what it finds, what it raises for nothing, and how long it takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import track

from core.city import City
from triage.judge import EMERGENCY, Judge
from triage.measure import rates, slots
from triage.measure.rates import FALSE_ALARM_LEVELS, Rate
from triage.measure.report import Report, RulesAlone
from triage.measure.rows import Row, Table, read_table
from triage.turns import Turn
from triage.verdict import Verdict

_HARD = {"hardneg", "hard"}
_VEILED = {"indirect", "covert"}
_Pair = tuple[Row, Verdict]


def evaluate(
    path: Path,
    city: City,
    judge: Judge | None = None,
    *,
    progress: bool = True,
    recognised: bool = False,
    heard: Mapping[str, str] | None = None,
) -> Report:
    """Judge every row of ``path`` and compare; a progress bar goes to standard error.

    ``recognised``: the texts come from recognition. ``heard``: what was recognised in each sound of the table, judged
    in place of its text. Beside ``judge`` the rules alone are measured.
    """  # fmt: skip
    table = read_table(path, city)
    if heard:
        table = replace(table, rows=tuple(replace(row, text=heard.get(row.file, row.text)) for row in table.rows))
    judge = judge or Judge(city)
    verdicts: list[Verdict] = []
    took: list[float] = []
    seen: set[str] = set()
    bar = track(table.rows, "judging", console=Console(stderr=True), transient=True) if progress else table.rows
    for row in bar:
        start = perf_counter()
        verdicts.append(judge.judge(row.line, [Turn("caller", row.text)]))
        # What was judged before comes from a cache: its time says nothing.
        if row.text not in seen:
            took.append(1000 * (perf_counter() - start))
            seen.add(row.text)
    alone = verdicts if judge.model is None else _by_rules(table.rows, city, judge)
    return _report(path, city, judge, table, verdicts, alone, took, recognised)


def _by_rules(rows: Sequence[Row], city: City, judge: Judge) -> list[Verdict]:
    rules = Judge(city, judge.rules, judge.categories, judge.gazetteer)
    return [rules.judge(row.line, [Turn("caller", row.text)]) for row in rows]


def _report(
    path: Path, city: City, judge: Judge, table: Table, verdicts: Sequence[Verdict],
    alone: Sequence[Verdict], took: Sequence[float], recognised: bool,
) -> Report:  # fmt: skip
    rows = table.rows
    pairs = list(zip(rows, verdicts, strict=True))
    urgent, calm = _parted(pairs)
    emergency_lines = {line.number for line in city.lines if line.kind == "emergency"}
    on_emergency = [p for p in pairs if p[0].line in emergency_lines]
    calm_on_service = [p for p in calm if p[0].line not in emergency_lines]
    group = {c.code: g.code for g in city.taxonomy for c in g.categories}
    coded = [p for p in pairs if p[0].code]
    placed = [p for p in pairs if p[0].place]
    # A column that the file does not have says of no row that there is nothing.
    unplaced = [p for p in pairs if not p[0].place and "place" not in table.absent]
    told = placed + unplaced
    unphoned = [p for p in pairs if not p[0].phone and "phone" not in table.absent]
    phoned = [p for p in pairs if p[0].phone]
    components = [(part, v) for r, v in placed if ";" in r.place for part in slots.parts(r.place)]
    latency = rates.spread(took)

    def alarmed(pair: _Pair) -> bool:
        return pair[1].p_emergency >= judge.emergency

    def top(pair: _Pair, first: int, of: Callable[[str], str | None] = str) -> bool:
        return of(pair[0].code) in [of(c.code) for c in pair[1].candidates[:first]]

    def l2(of_emergencies: bool, first: int) -> Rate:
        return rates.rate([p for p in coded if p[0].is_emergency == of_emergencies], lambda p: top(p, first))

    def right_place(pair: _Pair) -> bool:
        return slots.place_found(pair[0].place, pair[1].places)

    return Report(
        file=path.name,
        rules_version=judge.rules.version,
        model=str(judge.model.about["data"]) if judge.model else "",
        recognised=recognised,
        rows=len(rows),
        absent_columns=table.absent,
        unknown_lines=tuple(sorted({r.line for r in rows if city.line(r.line) is None} - {""})),
        unknown_codes=tuple(sorted({r.code for r, _ in coded} - group.keys())),
        threshold=judge.emergency,
        recall=rates.rate(urgent, alarmed),
        false_alarms=rates.rate(calm, alarmed),
        at_false_alarms=_at_levels(urgent, calm),
        rules_alone=_rules_alone(list(zip(rows, alone, strict=True))),
        recall_by_policy=rates.rate(urgent, lambda p: p[1].outcome == "emergency"),
        missed_as_service=rates.rate(urgent, lambda p: p[1].outcome == "service"),
        false_alarms_on_service_lines=rates.rate(calm_on_service, lambda p: p[1].outcome == "emergency"),
        reviews_on_service_lines=rates.rate(calm_on_service, lambda p: p[1].outcome == "review"),
        transfers_suggested=_transfers([p for p in on_emergency if not p[0].is_emergency]),
        transfers_suggested_wrongly=_transfers([p for p in on_emergency if p[0].is_emergency]),
        hard_negatives_alarmed=rates.rate([p for p in calm if p[0].tags & _HARD], alarmed),
        indirect_covert=rates.rate([p for p in urgent if p[0].tags & _VEILED], alarmed),
        recall_per_code=rates.by_key(urgent, lambda p: [p[0].code or "–"], alarmed),
        recall_per_tag=rates.by_key(urgent, lambda p: p[0].tags, alarmed),
        false_alarms_per_tag=rates.by_key(calm, lambda p: p[0].tags, alarmed),
        l1=rates.rate(coded, lambda p: p[0].code in group and top(p, 1, group.get)),
        l1_top2=rates.rate(coded, lambda p: p[0].code in group and top(p, 2, group.get)),
        l2=rates.rate(coded, lambda p: top(p, 1)),
        l2_top2=rates.rate(coded, lambda p: top(p, 2)),
        l2_emergency=l2(True, 1),
        l2_emergency_top2=l2(True, 2),
        l2_service=l2(False, 1),
        l2_service_top2=l2(False, 2),
        l2_per_code=rates.by_key(coded, lambda p: [p[0].code], lambda p: top(p, 1)),
        nature=rates.rate([p for p in pairs if p[0].nature], lambda p: p[1].nature == p[0].nature),
        place_found=rates.rate(placed, right_place),
        place_exact=rates.rate(placed, lambda p: p[1].place == p[0].place),
        place_invented=rates.rate(unplaced, lambda p: bool(p[1].places)),
        place_parts=rates.rate(components, lambda c: slots.part_found(c[0], c[1].places)),
        place=rates.found(sum(map(right_place, placed)), sum(bool(v.places) for _, v in told), len(placed)),
        phone=rates.rate(phoned, lambda p: p[1].phone == p[0].phone),
        phone_invented=rates.rate(unphoned, lambda p: bool(p[1].phone)),
        ece=rates.calibration_error([(v.p_emergency, r.is_emergency) for r, v in pairs]),
        latency_ms_p50=latency.p50,
        latency_ms_p95=latency.p95,
        predictions=tuple(_prediction(r, v) for r, v in pairs),
    )


def _parted(pairs: Sequence[_Pair]) -> tuple[list[_Pair], list[_Pair]]:
    return [p for p in pairs if p[0].is_emergency], [p for p in pairs if not p[0].is_emergency]


def _at_levels(urgent: Sequence[_Pair], calm: Sequence[_Pair]) -> tuple[rates.AtFalseAlarms, ...]:
    found, raised = ([v.p_emergency for _, v in of] for of in (urgent, calm))
    return tuple(rates.at_false_alarms(level, found, raised) for level in FALSE_ALARM_LEVELS)


def _rules_alone(pairs: Sequence[_Pair]) -> RulesAlone:
    urgent, calm = _parted(pairs)
    recall, alarms = (rates.rate(of, lambda p: p[1].p_emergency >= EMERGENCY) for of in (urgent, calm))
    return RulesAlone(EMERGENCY, recall, alarms, _at_levels(urgent, calm))


def _transfers(pairs: Sequence[_Pair]) -> Rate:
    return rates.rate(pairs, lambda p: p[1].suggest_transfer)


def _prediction(row: Row, verdict: Verdict) -> dict[str, Any]:
    return {"id": row.id, **judged(verdict)}


def judged(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a prediction tells it."""
    return {
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
