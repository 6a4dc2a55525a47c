"""The lists of the figures' pages as Excel files."""

from collections.abc import Iterable, Mapping
from typing import Any

from desk.listsheets import Column, ListSheet, Part
from desk.voice.voiceviews import OUTCOME_NAMES, TROUBLE_NAMES
from ivr.report import OUTCOMES, TROUBLES


def _warnings(values: Mapping[str, Any]) -> Iterable[Any]:
    return [*values["rising"], *values["past"]]


def _said(values: Mapping[str, Any]) -> Iterable[Any]:
    """Uses and proposals of models, with who decided."""
    names, hows = values["names"], values["how_names"]
    return [{"row": row, "how": hows[row.how], "who": names.get(row.who, row.who)} for row in values["uses"]]


def _proposals(values: Mapping[str, Any]) -> Iterable[Any]:
    names, states = values["names"], values["state_names"]
    return [{"row": row, "state": states[row.state], "who": names.get(row.who, row.who)} for row in values["proposals"]]


def _cases(values: Mapping[str, Any]) -> Iterable[Any]:
    return [{**case, "group": title} for _, title, cases in values["groups"] for case in cases]


def _drift(values: Mapping[str, Any]) -> Iterable[Any]:
    """A row for each measure of each line, desk and category."""
    return [
        {"group": title, "name": name, "measure": measure, "now": _percent(cells[key].now), "hits": cells[key].now.hits,
         "of": cells[key].now.of, "before": _percent(cells[key].before)}
        for title, rows in values["tables"]
        for name, cells in rows
        for key, measure in values["measures"]
        if key in cells
    ]  # fmt: skip


def _percent(rate: Any) -> float | None:
    return round(100 * rate.share, 1) if rate.of else None


def _issued(values: Mapping[str, Any]) -> Iterable[Any]:
    names = values["names"]
    return [{"row": row, "name": name, "last": last, "who": names.get(row.who, row.who)}
            for row, name, last in values["issued"]]  # fmt: skip


ANALYSIS: Mapping[str, ListSheet] = {
    "analysis.html": ListSheet("预警", "analysis", _warnings, (
        Column("预警", "what", 36), Column("说明", "sentence", 60), Column("共同用词", "words", 24),
        Column("起预警人数", "threshold", 12), Column("首次预警", "first_at", 20), Column("最近一次", "last_at", 20),
        Column("处置时间", "noted_at", 20), Column("处置人", "noted_by", 12), Column("处置", "note", 40),
    ), (
        Part("聚集点", lambda values: values.get("clusters", ()), (
            Column("地点与类别", "what", 40), Column("人数", "callers", 8), Column("工单数", "tickets", 8),
            Column("往常", "usual", 8), Column("共同用词", "words", 30),
        )),
        Part("热词", lambda values: values.get("words", ()), (
            Column("用词", "word", 16), Column("工单数", "count", 8), Column("上期", "before", 8),
            Column("G²", "g2", 10),
        )),
        Part("重复诉求", lambda values: values.get("repeats", ()), (
            Column("号码", "caller", 16), Column("工单数", "count", 8), Column("最多的类别", "matter", 24),
            Column("其中", "same", 8), Column("未办结", "open", 8), Column("不满意", "unsatisfied", 8),
        )),
    )),
    "analysis_tickets.html": ListSheet("工单", "analysis-tickets", "rows", (
        Column("工单号", "number", 20), Column("紧急", "emergency", 8), Column("时间", "at", 20),
        Column("类别", "category", 18),
        Column("地点", "place", 30), Column("事由", "summary", 50), Column("状态", "state"),
        Column("承办部门", "department", 20),
    )),
    "briefs.html": ListSheet("周报月报", "briefs", _issued, (
        Column("简报", "name", 14), Column("开始", "row.start", 12), Column("结束", "last", 12),
        Column("出具人", "who", 14), Column("出具时间", "row.issued_at", 20),
    )),
    "voice.html": ListSheet("流程", "voice", "flows", (
        Column("流程", "name", 24), Column("通话数", "sessions", 10),
        *(Column(OUTCOME_NAMES[key], f"outcomes.{n}.count", 12) for n, key in enumerate(OUTCOMES)),
        Column("听到答案", "answers", 10), Column("语音秒数中位", "median", 12), Column("95% 不超过", "p95", 12),
    ), (
        Part("环节", "steps", (
            Column("环节", "name", 20), Column("播报内容", "words", 60), Column("进入", "entered", 8),
            *(Column(TROUBLE_NAMES[key], f"troubles.{n}.0", 10) for n, key in enumerate(TROUBLES)),
            Column("秒数中位", "median", 10), Column("95% 不超过", "p95", 12),
        )),
    )),
    "voice_calls.html": ListSheet("语音导航", "voice-calls", "rows", (
        Column("时间", "at", 20), Column("流程", "flow", 20), Column("结果", "outcome", 16),
        Column("语音秒数", "seconds", 10), Column("到人工秒数", "person_s", 10), Column("经过", "steps", 60),
        Column("最后", "why", 20), Column("通话编号", "call_id", 28),
    )),
    "models.html": ListSheet("使用记录", "models", _said, (
        Column("使用时间", "row.at", 20), Column("模型", "row.version", 30), Column("方式", "how", 12),
        Column("经办人", "who", 14), Column("理由", "row.reason", 50),
    ), (
        Part("候选模型", _proposals, (
            Column("训练时间", "row.at", 20), Column("候选模型", "row.version", 30), Column("状态", "state", 12),
            Column("经办人", "who", 14), Column("理由", "row.reason", 50),
        )),
        Part("用例", _cases, (
            Column("结果", "group", 14), Column("热线", "line", 8), Column("用例", "name", 24),
            Column("来源", "source", 14),
            Column("来电人说", "text", 60), Column("正确答案", "right.kind", 14), Column("类别", "right.code", 24),
        )),
    )),
    "drift.html": ListSheet("研判偏差", "drift", _drift, (
        Column("分组", "group", 12), Column("名称", "name", 24), Column("指标", "measure", 16),
        Column("本周（%）", "now", 10), Column("改动件数", "hits", 10), Column("件数", "of", 8),
        Column("此前（%）", "before", 10),
    ), (
        Part("类别改动", lambda values: [dict(zip(("said", "left", "count"), one, strict=True))
                                      for one in values["confusions"]], (
            Column("系统判断", "said", 24), Column("人工改为", "left", 24), Column("件数", "count", 8),
        )),
    )),
}  # fmt: skip
