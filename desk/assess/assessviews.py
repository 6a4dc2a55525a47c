"""What the assessment's page, Excel file and bulletin show: a result in words, links and formulas. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from core.city_assessment import CityAssessment, Measure
from desk.views import Views
from ticketing.assessment.measures import COUNT_NAMES, COUNT_RULES, FORMULAS, Count, Subject
from ticketing.assessment.period import Period
from ticketing.assessment.score import Mark, Row, Tables
from ticketing.assessment.service import Assessed

#: Which rows a page shows: all departments, or all call takers.
SUBJECT_NAMES: dict[Subject, str] = {"departments": "承办单位", "agents": "坐席人员"}

#: What is said of a version that is no longer what was frozen.
CHANGED = "本版数据在定版后被改动，与校验码不符，请勿采用"


@dataclass(frozen=True)
class Column:
    """A column of the table: one count, or a measure with its two counts."""

    count: Count | None = None
    measure: Measure | None = None


COLUMNS: dict[Subject, tuple[Column, ...]] = {
    "departments": (
        Column("received"), Column(measure="accept"), Column(measure="handle"), Column("handle_late"),
        Column(measure="solved"), Column(measure="satisfied"), Column("refused"), Column("unjustified"),
        Column("reopened"), Column("urged"), Column("supervised"), Column(measure="reached"),
    ),
    "agents": (
        Column("received"), Column(measure="accept"), Column(measure="handle"), Column("handle_late"),
        Column(measure="solved"), Column(measure="satisfied"), Column("refused"), Column("misdirected"),
        Column("reopened"), Column("urged"), Column(measure="reached"),
    ),
}  # fmt: skip


class AssessViews:
    """Makes views of one result in one language. ``own``: only this department's figures open their tickets."""

    def __init__(self, views: Views, assessed: Assessed, own: frozenset[str] | None = None) -> None:
        self.views, self.assessed, self._own = views, assessed, own
        self._address = {
            "period": assessed.period.key,
            "version": str(assessed.frozen.version if assessed.frozen else 0),
        }

    # Punctuation of sentences that are put together.
    @property
    def stop(self) -> str:
        return "。" if self.views.language == "zh" else "."

    @property
    def comma(self) -> str:
        return "，" if self.views.language == "zh" else ", "

    @property
    def semicolon(self) -> str:
        return "；" if self.views.language == "zh" else "; "

    @property
    def and_so(self) -> str:
        return "、" if self.views.language == "zh" else ", "

    # --- names --------------------------------------------------------------------------------------------------

    def period(self, period: Period | None = None) -> str:
        """2026年10月, 2026年上半年, 2026年."""
        return period_name(self.views, period or self.assessed.period)

    def count(self, subject: Subject, count: Count) -> str:
        return self.views.text(COUNT_NAMES[subject][count])

    def measure(self, subject: Subject, measure: Measure) -> str:
        return self.views.text(FORMULAS[subject][measure].name)

    def name(self, subject: Subject, row: Row) -> str:
        """Of the subject: as it was frozen in Chinese, and in English where the city has one."""
        if not row.who:
            return self.views.text("待派（无承办单位）")
        if subject == "departments" and self.views.language == "en":
            return self.views.department_name(row.who)
        return row.name

    def grade(self, row: Row) -> str:
        grades = self.assessed.rules.grades
        if row.grade is None or row.grade >= len(grades):
            return ""
        return grades[row.grade].name if self.views.language == "zh" else grades[row.grade].name_en

    def tiers(self, subject: Subject) -> list[tuple[str, str]]:
        """Key and name of each tier, those that are in none last."""
        if subject == "agents":
            return [("agents", self.views.text("坐席"))]
        zh = self.views.language == "zh"
        return [(tier.key, tier.name if zh else tier.name_en) for tier in self.assessed.rules.tiers] + [
            ("", self.views.text("未分类"))
        ]

    # --- formulas -----------------------------------------------------------------------------------------------

    def formula(self, subject: Subject, measure: Measure) -> str:
        """按时办结 ÷（按时办结 + 办理超期）."""
        formula = FORMULAS[subject][measure]
        part, whole = (" + ".join(self.count(subject, c) for c in counts) for counts in (formula.parts, formula.whole))
        if len(formula.whole) == 1:
            return f"{part} ÷ {whole}"
        return f"{part} ÷（{whole}）" if self.views.language == "zh" else f"{part} ÷ ({whole})"

    def points(self, mark: Mark) -> str:
        """30 × (95.24 − 60) ÷ (100 − 60) = 26.43: how its points were made, with its numbers."""
        if mark.points is None or mark.share is None:
            return self.views.text("没有发生，不计")
        low, high = sorted((mark.full, mark.zero))
        if mark.share <= low or mark.share >= high:
            return f"{mark.points:.2f} / {mark.weight:g}"
        top, bottom = f"({mark.share:.2f} − {mark.zero:g})", f"({mark.full:g} − {mark.zero:g})"
        return f"{mark.weight:g} × {top} ÷ {bottom} = {mark.points:.2f}"

    def why(self, subject: Subject, row: Row) -> dict[str, Any]:
        """How a score came about, measure by measure."""
        measured = [mark for mark in row.marks if mark.points is not None]
        return {
            "marks": [
                {
                    "name": self.measure(subject, mark.measure), "part": mark.part, "whole": mark.whole,
                    "share": _share(mark), "points": self.points(mark), "bars": f"{mark.zero:g}% → {mark.full:g}%",
                    "weight": f"{mark.weight:g}",
                }
                for mark in row.marks
            ],
            "sum": f"{sum(mark.points or 0 for mark in measured):.2f}",
            "weight": f"{sum(mark.weight for mark in measured):g}",
            "score": "" if row.score is None else f"{row.score:.2f}",
        }  # fmt: skip

    def formulas(self, subject: Subject) -> list[dict[str, str]]:
        """Every weighted measure: name, formula, weight and bars."""
        return [
            {
                "name": self.measure(subject, w.measure), "formula": self.formula(subject, w.measure),
                "weight": f"{w.weight:g}", "full": f"{w.full:g}%", "zero": f"{w.zero:g}%",
            }
            for w in weights_of(self.assessed.rules, subject)
        ]  # fmt: skip

    def rules(self, subject: Subject) -> list[tuple[str, str]]:
        """Every count with the rule by which it is taken."""
        return [(self.count(subject, c), self.views.text(rule)) for c, rule in COUNT_RULES[subject].items()]

    # --- tables -------------------------------------------------------------------------------------------------

    def columns(self, subject: Subject) -> list[dict[str, str]]:
        return [
            {"name": self.measure(subject, c.measure), "hint": self.formula(subject, c.measure)} if c.measure
            else {"name": self.count(subject, c.count or "received"),
                  "hint": self.views.text(COUNT_RULES[subject][c.count or "received"])}
            for c in COLUMNS[subject]
        ]  # fmt: skip

    def cells(self, subject: Subject, counts: Mapping[Count, int], who: str | None) -> list[dict[str, Any]]:
        """The figures of one row; each with the address of the page that lists exactly so many."""
        found: list[dict[str, Any]] = []
        for column in COLUMNS[subject]:
            if column.count:
                number = counts.get(column.count, 0)
                found.append({"number": number, "link": self._link(subject, who, (column.count,), number)})
            elif column.measure:
                formula = FORMULAS[subject][column.measure]
                part = sum(counts.get(count, 0) for count in formula.parts)
                whole = sum(counts.get(count, 0) for count in formula.whole)
                found.append({
                    "share": f"{100 * part / whole:.1f}%" if whole else "–", "part": part, "whole": whole,
                    "part_link": self._link(subject, who, formula.parts, part),
                    "whole_link": self._link(subject, who, formula.whole, whole),
                })  # fmt: skip
        return found

    def rows(self, subject: Subject, tier: str, former: Tables | None) -> list[dict[str, Any]]:
        """The rows of a tier; ``former``: those of the period before, to compare."""
        found = []
        for row in self.assessed.tables[subject].of_tier(tier):
            if not row.counts and (tier == "" or not self.assessed.tables[subject].total):
                continue
            before = former.row(row.who) if former else None
            change = rise = None
            if before and row.rank and row.score is not None and before.score is not None:
                change = round(row.score - before.score, 2)
            if before and row.rank and before.rank:
                rise = before.rank - row.rank
            found.append({
                "who": row.who, "name": self.name(subject, row), "rank": row.rank, "score": row.score,
                "grade": self.grade(row), "change": change, "rise": rise, "why": self.why(subject, row),
                "cells": self.cells(subject, row.counts, row.who), "empty": not row.counts,
                "few": row.rank is None and bool(row.counts),
            })  # fmt: skip
        return found

    def total(self, subject: Subject) -> list[dict[str, Any]]:
        return self.cells(subject, self.assessed.tables[subject].total, None)

    def _link(self, subject: Subject, who: str | None, counts: Sequence[Count], number: int) -> str:
        if not number or (self._own is not None and (subject != "departments" or who not in self._own)):
            return ""
        asked = {**self._address, "of": subject, "count": ",".join(counts)}
        if who is not None:
            asked["who"] = who
        return f"/assessment/cases?{urlencode(asked)}"


def weights_of(rules: CityAssessment, subject: Subject) -> Sequence[Any]:
    return rules.departments if subject == "departments" else rules.agents


def share_of(tables: Tables, subject: Subject, measure: Measure) -> float | None:
    """A measure of the whole city in per cent, whether it weighs anything or not."""
    formula = FORMULAS[subject][measure]
    whole = sum(tables.total.get(count, 0) for count in formula.whole)
    return 100 * sum(tables.total.get(count, 0) for count in formula.parts) / whole if whole else None


def period_name(views: Views, period: Period) -> str:
    if period.months == 1:
        month = str(period.month) if views.language == "zh" else f"{period.month:02d}"
        return views.text("{year}年{month}月").format(year=period.year, month=month)
    if period.months == 6:
        half = views.text("{year}年上半年") if period.month == 1 else views.text("{year}年下半年")
        return half.format(year=period.year)
    return views.text("{year}年").format(year=period.year)


def _share(mark: Mark) -> str:
    return "–" if mark.share is None else f"{mark.share:.2f}%"
