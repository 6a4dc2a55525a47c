"""Lists as Excel files: which columns each list has. Pure; :mod:`desk.listexport` asks for the file.

The rows are those that the page was given, so that a file holds what its reader may see, masked as on the screen.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from desk.sheets import Cell

#: Rows that a sheet takes of a list that the screen shows in parts.
MOST = 5_000

#: Rows that are read, and written, at a time.
AT_ONCE = 200

#: Where a page has the rows: the name of a value, or what finds them among the values. A list that may be long is given
#: as pages that are read one after the other.
Found = Iterable[Any] | AsyncIterable[Sequence[Any]]
Rows = str | Callable[[Mapping[str, Any]], Found]


@dataclass(frozen=True)
class Column:
    """``of`` leads to the cell: names and places in a row, divided by points; ``|`` between ways of which one leads."""

    name: str
    of: str
    #: In characters.
    width: int = 14


@dataclass(frozen=True)
class Part:
    """One list, which is one sheet of a file."""

    name: str
    rows: Rows
    columns: tuple[Column, ...]

    def found(self, values: Mapping[str, Any]) -> Found:
        """The rows, or their pages."""
        found: Found = self.rows(values) if callable(self.rows) else values[self.rows]
        return found

    def head(self, text: Callable[[str], str]) -> list[tuple[str, int]]:
        """Names and widths of the columns; ``text`` gives the reader's language."""
        return [(text(column.name), column.width) for column in self.columns]

    def cells(self, row: Any, zone: ZoneInfo, text: Callable[[str], str]) -> list[Cell]:
        """A row in the order of the columns."""
        return [cell(_first(row, column.of), zone, text) for column in self.columns]


@dataclass(frozen=True)
class ListSheet:
    """What a page's file is called, and its lists."""

    name: str
    file: str
    rows: Rows
    columns: tuple[Column, ...]
    #: Further lists of the same page.
    also: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of the page's lists."""
        return (Part(self.name, self.rows, self.columns), *self.also)


async def pages(found: Found) -> AsyncGenerator[Sequence[Any], None]:
    """Rows, however they are given, in pages."""
    if isinstance(found, AsyncIterable):
        async for page in found:
            yield page
    else:
        rows = list(found)
        for start in range(0, len(rows), AT_ONCE):
            yield rows[start : start + AT_ONCE]


def cell(value: Any, zone: ZoneInfo, text: Callable[[str], str]) -> Cell:
    """A value as a cell: times by the city's clock, lists in one line, yes and nothing."""
    match value:
        case None | False:
            return ""
        case True:
            return text("是")
        case datetime():
            return value.astimezone(zone).replace(tzinfo=None, microsecond=0)
        case date():
            return value.isoformat()
        case int() | float():
            return value
        case str():
            return _moment(value, zone)
        case Mapping():
            return str(value.get("name", ""))
        case Iterable():
            return text("、").join(str(cell(one, zone, text)) for one in value)
        case _:
            return str(value)


def _moment(text: str, zone: ZoneInfo) -> Cell:
    """Times reach pages as text with a zone; every other text stays what it is."""
    if len(text) < 20 or text[4] != "-" or "T" not in text:
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at.astimezone(zone).replace(tzinfo=None, microsecond=0) if at.tzinfo else text


def _first(row: Any, ways: str) -> Any:
    found = (_reach(row, path) for path in ways.split("|"))
    return next((one for one in found if one is not None), None)


def _reach(row: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(row, Mapping):
            row = row.get(part)
        elif isinstance(row, Sequence) and not isinstance(row, str):
            row = row[int(part)] if part.isdigit() and int(part) < len(row) else None
        else:
            row = getattr(row, part, None)
    return row


TICKET = (
    Column("工单号", "number", 20), Column("状态", "state_name"), Column("紧急", "is_emergency", 8),
    Column("类别", "category", 18), Column("事由", "summary", 50), Column("地点", "place", 30),
    Column("联系人", "contact_name", 12), Column("联系电话", "contact_phone", 16), Column("来电号码", "caller", 16),
    Column("来源", "source_name", 10), Column("热线名称", "line_name", 20), Column("承办部门", "department_name", 20),
    Column("协办", "assist_names", 20), Column("受理时间", "created_at", 20), Column("派遣时间", "dispatched_at", 20),
    Column("时限", "due_at", 20), Column("办理结果", "result", 50), Column("结案时间", "closed_at", 20),
)  # fmt: skip
_REVIEW = (
    Column("通话编号", "review.call_id", 28), Column("话务员", "review.agent", 12),
    Column("质检员", "reviewer", 12), Column("状态", "state", 14), Column("截止", "review.due_at", 20),
    Column("得分", "points", 8), Column("合格", "passed", 10), Column("建立时间", "review.created_at", 20),
)  # fmt: skip


def _units(values: Mapping[str, Any]) -> Iterable[Any]:
    return [*(unit for group in values["groups"] for unit in group[2]), *values["off"]]


def _named(values: Mapping[str, Any], key: str = "states") -> Mapping[str, str]:
    """Names of states, as the page has them."""
    states = values[key]
    return states if isinstance(states, Mapping) else {one[0]: one[1] for one in states}


async def _reviews(values: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
    """Neither the call taker nor whoever decides an appeal is told who scored; what a blind copy came to, nobody."""
    told = values["me"].role == "supervisor"
    names, passed = _named(values), {True: "合格", False: "不合格"}
    async for page in pages(values["rows"]):
        yield [_review(one, names, passed, told) for one in page]


def _review(one: Any, names: Mapping[str, str], passed: Mapping[bool, str], told: bool) -> Mapping[str, Any]:
    return {
            "review": one.review, "state": names.get(one.review.state, one.review.state),
            "reviewer": one.review.reviewer if told else "",
            "points": None if one.tenths is None or one.review.copy else one.tenths / 10,
            "passed": "" if one.review.copy else passed.get(one.passed, ""),
    }  # fmt: skip


def _articles(values: Mapping[str, Any]) -> Iterable[Any]:
    names = _named(values)
    return [{**one, "state_name": names.get(one["state"], one["state"])} for one, *_ in values["rows"]]


async def _hits(values: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
    async for page in pages(values["hits"]):
        yield [{**hit, "said": "".join(text for text, _ in hit["pieces"])} for hit in page]


#: By template.
SHEETS: Mapping[str, ListSheet] = {
    "department.html": ListSheet("工单处理", "tickets", "tickets", TICKET),
    "callbacks.html": ListSheet("回访", "callbacks", "rows", (
        Column("工单号", "1.number", 20), Column("紧急", "1.is_emergency", 8), Column("类别", "1.category", 18),
        Column("事由", "1.summary", 50), Column("办理结果", "1.result", 50),
        Column("承办部门", "1.department_name", 20),
        Column("应回访", "0.due_at", 20), Column("号码", "0.number", 16),
    )),
    "missed.html": ListSheet("未接来电", "missed", "rows", (
        Column("号码", "number", 18), Column("紧急", "emergency", 8), Column("状态", "state_name|kind_name|queue_name"),
        Column("次数", "count|tries", 8), Column("热线名称", "calls.0.line_name|line_name", 20),
        Column("来电时间", "calls.0.at|arrived_at", 20), Column("时限", "due_at|not_before|until", 20),
        Column("处理人", "owner_name|by_name", 12), Column("说明", "reason|reasons", 40),
    )),
    "mailbox.html": ListSheet("信箱", "mailbox", "rows", (
        Column("工单号", "number", 20), Column("来源", "source", 12), Column("紧急", "emergency", 8),
        Column("时间", "at", 20), Column("标题", "title", 30), Column("内容", "text", 60), Column("地点", "place", 30),
        Column("联系人", "contact", 24), Column("类别", "category", 18), Column("承办部门", "department", 20),
    )),
    "units.html": ListSheet("单位", "units", _units, (
        Column("名称", "name", 16), Column("类型", "kind_name", 14), Column("承办单位", "department_name", 20),
        Column("镇街", "town"), Column("状态", "state_name", 10), Column("在岗", "on_duty", 8),
        Column("自", "since", 20),
        Column("说明", "reason", 24), Column("电话", "phone", 16), Column("人数", "crew", 8),
    )),
    "knowledge.html": ListSheet("知识库", "knowledge", _articles, (
        Column("标题", "title", 36), Column("状态", "state_name", 12), Column("问法", "questions", 50),
        Column("步骤", "steps", 60), Column("类别", "codes", 18), Column("来源", "source", 20),
        Column("有效期至", "valid_until", 14), Column("使用次数", "used", 10), Column("修改时间", "changed_at", 20),
    )),
    "users.html": ListSheet("账号管理", "users", "rows", (
        Column("用户名", "login", 16), Column("姓名", "name", 16), Column("岗位", "role_name", 10),
        Column("坐席", "extension", 8), Column("承办单位", "department", 20), Column("范围", "area", 20),
        Column("停用时间", "disabled_at", 20), Column("双重验证", "factor", 10),
    )),
    "tokens.html": ListSheet("接口令牌", "tokens", "rows", (
        Column("名称", "name", 24), Column("用户名", "login", 16), Column("权限", "scopes", 40),
        Column("建立时间", "made_at", 20), Column("建立人", "made_by", 16), Column("有效期至", "until", 20),
        Column("最近使用", "used_at", 20), Column("已吊销", "revoked", 8),
    )),
    "rulings.html": ListSheet("督查室", "rulings", "waiting", (
        Column("工单号", "number", 20), Column("紧急", "is_emergency", 8), Column("类别", "category", 18),
        Column("事由", "summary", 50), Column("退单单位", "department_name", 20), Column("退单理由", "reason", 40),
        Column("建议单位", "suggested_name", 20), Column("时间", "at", 20),
    )),
    "announcements.html": ListSheet("停水停电公告", "announcements", "rows", (
        Column("类型", "kind_name", 8), Column("范围", "areas", 40), Column("开始", "begins", 20),
        Column("结束", "until", 20), Column("内容", "text", 50), Column("来源", "source", 20),
        Column("录入人", "by", 12),
    )),
    "webhooks.html": ListSheet("系统对接", "webhooks", "hooks", (
        Column("名称", "name", 24), Column("地址", "url", 50), Column("建立时间", "made_at", 20),
        Column("建立人", "made_by", 12), Column("暂停时间", "paused_at", 20), Column("等待", "waiting", 8),
        Column("失败", "dead", 8), Column("成功", "done", 8),
    )),
    "search.html": ListSheet("实录检索", "search", _hits, (
        Column("时间", "at", 20), Column("热线", "line", 14), Column("热线名称", "line_name", 20),
        Column("号码", "caller", 16), Column("坐席", "agent", 8), Column("说话人", "speaker", 10),
        Column("内容", "said", 60), Column("录音位置", "clock", 10), Column("通话编号", "call_id", 28),
    )),
    "analysis_tickets.html": ListSheet("工单", "analysis-tickets", "rows", (
        Column("工单号", "number", 20), Column("紧急", "emergency", 8), Column("时间", "at", 20),
        Column("类别", "category", 18),
        Column("地点", "place", 30), Column("事由", "summary", 50), Column("状态", "state"),
        Column("承办部门", "department", 20),
    )),
    "assessment_cases.html": ListSheet("考核明细", "assessment-cases", "rows", (
        Column("工单号", "fact.ticket", 20), Column("指标", "kind", 18), Column("承办单位", "who", 20),
        Column("时间", "fact.at", 20), Column("类别", "category", 18), Column("事由", "summary", 50),
    )),
    "voice_calls.html": ListSheet("语音导航", "voice-calls", "rows", (
        Column("时间", "at", 20), Column("流程", "flow", 20), Column("结果", "outcome", 16),
        Column("语音秒数", "seconds", 10), Column("到人工秒数", "person_s", 10), Column("经过", "steps", 60),
        Column("最后", "why", 20), Column("通话编号", "call_id", 28),
    )),
    "quality/reviews.html": ListSheet("我的任务", "reviews", "rows", (
        Column("通话编号", "call_id", 28), Column("状态", "state_name", 12), Column("截止", "due_at", 20),
        Column("超时", "late", 8),
    )),
    "quality/oversight.html": ListSheet("质检任务", "quality", _reviews, _REVIEW),
    "quality/appeals.html": ListSheet("申诉", "appeals", _reviews, _REVIEW),
    "quality/cases.html": ListSheet("质检明细", "quality-cases", "rows", (
        Column("通话编号", "call_id", 28), Column("来电时间", "arrived_at", 20), Column("热线", "line", 14),
        Column("坐席", "agent", 14), Column("类别", "category", 14), Column("状态", "state", 12),
        Column("原话", "words", 40),
    )),
}  # fmt: skip
