"""An assessment as an Excel file: summary, departments, towns, call takers, formulas. Numbers stay numbers."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from desk.assess.assessviews import CHANGED, COLUMNS, AssessViews
from desk.sheets import clean
from ticketing.assessment.measures import FORMULAS, SUBJECTS, Subject
from ticketing.assessment.score import Row


def book(shown: AssessViews, zone: ZoneInfo, names: Mapping[str, str], agents: bool = True) -> bytes:
    """The file; without the call takers' sheet for who may not see them.

    ``zone``: the city's. ``names``: of people by login.
    """
    return _Book(shown, zone, names).made(agents)


class _Book:
    def __init__(self, shown: AssessViews, zone: ZoneInfo, names: Mapping[str, str]) -> None:
        self._zone, self._names = zone, names
        self._shown, self._text = shown, shown.views.text
        self._file = BytesIO()
        self._book = xlsxwriter.Workbook(
            self._file, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        )
        add = self._book.add_format
        self._title = add({"bold": True, "font_size": 14})
        self._head = add({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "bg_color": "#eff2f5"})
        self._warn = add({"bold": True, "font_color": "#b00020", "quote_prefix": True})
        self._words = add({"quote_prefix": True})
        self._share = add({"num_format": "0.0%"})
        self._score = add({"num_format": "0.00"})

    def made(self, agents: bool) -> bytes:
        text = self._text
        self._summary(agents)
        tiers = self._shown.tiers("departments")
        towns = [t.key for t in self._shown.assessed.rules.tiers if "town" in t.kinds]
        self._table(text("部门"), "departments", [tier for tier in tiers if tier[0] not in towns])
        self._table(text("镇街"), "departments", [tier for tier in tiers if tier[0] in towns])
        if agents:
            self._table(text("坐席人员"), "agents", self._shown.tiers("agents"))
        self._formulas(agents)
        self._book.close()
        return self._file.getvalue()

    def _summary(self, agents: bool) -> None:
        text, assessed = self._text, self._shown.assessed
        sheet = self._book.add_worksheet(text("汇总"))
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 3, 14)
        sheet.write_string(0, 0, f"{text('一键考核')} {self._shown.period()}", self._title)
        frozen = assessed.frozen
        state = (
            text("第 {version} 版，{at} 由 {who} 定版").format(
                version=frozen.version,
                at=f"{frozen.frozen_at.astimezone(self._zone):%Y-%m-%d}",
                who=self._names.get(frozen.frozen_by, frozen.frozen_by),
            )
            if frozen
            else text("未定版，仅供核对")
        )
        sheet.write_string(1, 0, clean(state), self._words)
        if not assessed.intact:
            sheet.write_string(2, 0, text(CHANGED), self._warn)
        line = 3
        for subject in SUBJECTS:
            if subject == "agents" and not agents:
                continue
            tables = assessed.tables[subject]
            for column, name in enumerate((self._text("全市") + " " + self._subject(subject), text("件次"))):
                sheet.write_string(line, column, name, self._head)
            line += 1
            for count in (c for c in COLUMNS[subject] if c.count):
                assert count.count  # noqa: S101  chosen above
                sheet.write_string(line, 0, self._shown.count(subject, count.count), self._words)
                sheet.write_number(line, 1, tables.total.get(count.count, 0))
                line += 1
            for measure, formula in FORMULAS[subject].items():
                whole = sum(tables.total.get(c, 0) for c in formula.whole)
                part = sum(tables.total.get(c, 0) for c in formula.parts)
                sheet.write_string(line, 0, self._shown.measure(subject, measure), self._words)
                if whole:
                    sheet.write_number(line, 1, part / whole, self._share)
                sheet.write_number(line, 2, part)
                sheet.write_number(line, 3, whole)
                line += 1
            line += 1

    def _table(self, title: str, subject: Subject, tiers: Sequence[tuple[str, str]]) -> None:
        text = self._text
        sheet = self._book.add_worksheet(title)
        sheet.freeze_panes(1, 3)
        names = [text("分类"), text("名次"), text("单位") if subject == "departments" else text("坐席")]
        for column in COLUMNS[subject]:
            if column.count:
                names.append(self._shown.count(subject, column.count))
            elif column.measure:
                name = self._shown.measure(subject, column.measure)
                names += [name, text("{name}分子").format(name=name), text("{name}分母").format(name=name)]
        names += [text("得分"), text("等次")]
        for at, name in enumerate(names):
            sheet.set_column(at, at, 26 if at == 2 else 12)
            sheet.write_string(0, at, name, self._head)
        line = 1
        for key, tier in tiers:
            for row in self._shown.assessed.tables[subject].of_tier(key):
                if row.counts:
                    self._row(sheet, line, subject, tier, row)
                    line += 1

    def _row(self, sheet: Any, line: int, subject: Subject, tier: str, row: Row) -> None:
        sheet.write_string(line, 0, clean(tier), self._words)
        if row.rank is not None:
            sheet.write_number(line, 1, row.rank)
        sheet.write_string(line, 2, clean(self._shown.name(subject, row)), self._words)
        at = 3
        for column in COLUMNS[subject]:
            if column.count:
                sheet.write_number(line, at, row.counts.get(column.count, 0))
                at += 1
            elif column.measure:
                formula = FORMULAS[subject][column.measure]
                part = sum(row.counts.get(c, 0) for c in formula.parts)
                whole = sum(row.counts.get(c, 0) for c in formula.whole)
                if whole:
                    sheet.write_number(line, at, part / whole, self._share)
                sheet.write_number(line, at + 1, part)
                sheet.write_number(line, at + 2, whole)
                at += 3
        if row.score is not None:
            sheet.write_number(line, at, row.score, self._score)
        sheet.write_string(line, at + 1, self._shown.grade(row), self._words)

    def _formulas(self, agents: bool) -> None:
        text = self._text
        sheet = self._book.add_worksheet(text("公式"))
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 60)
        line = 0
        for subject in SUBJECTS:
            if subject == "agents" and not agents:
                continue
            heads = (self._subject(subject), text("计算办法"), text("权重"), text("满分线"), text("零分线"))
            for at, name in enumerate(heads):
                sheet.write_string(line, at, name, self._head)
            rules = self._shown.assessed.rules
            weights = rules.departments if subject == "departments" else rules.agents
            for weight in weights:
                line += 1
                sheet.write_string(line, 0, self._shown.measure(subject, weight.measure), self._words)
                sheet.write_string(line, 1, self._shown.formula(subject, weight.measure), self._words)
                sheet.write_number(line, 2, weight.weight)
                sheet.write_number(line, 3, weight.full / 100, self._share)
                sheet.write_number(line, 4, weight.zero / 100, self._share)
            for name, rule in self._shown.rules(subject):
                line += 1
                sheet.write_string(line, 0, name, self._words)
                sheet.write_string(line, 1, rule, self._words)
            line += 2

    def _subject(self, subject: Subject) -> str:
        return self._text("承办单位") if subject == "departments" else self._text("坐席人员")
