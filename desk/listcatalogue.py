"""Which pages are lists, and what columns each has in its Excel file."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from desk.analysis.listsheets import ANALYSIS
from desk.listsheets import Column, ListSheet, Part, pages
from desk.quality.listsheets import QUALITY

TICKET = (
    Column("工单号", "number", 20), Column("状态", "state_name"), Column("紧急", "is_emergency", 8),
    Column("类别", "category", 18), Column("事由", "summary", 50), Column("地点", "place", 30),
    Column("联系人", "contact_name", 12), Column("联系电话", "contact_phone", 16), Column("来电号码", "caller", 16),
    Column("来源", "source_name", 10), Column("热线名称", "line_name", 20), Column("承办部门", "department_name", 20),
    Column("协办", "assist_names", 20), Column("受理时间", "created_at", 20), Column("派遣时间", "dispatched_at", 20),
    Column("时限", "due_at", 20), Column("办理结果", "result", 50), Column("结案时间", "closed_at", 20),
)  # fmt: skip


def _units(values: Mapping[str, Any]) -> Iterable[Any]:
    return [*(unit for group in values["groups"] for unit in group[2]), *values["off"]]


def _named(values: Mapping[str, Any], key: str = "states") -> Mapping[str, str]:
    """Names of states, as the page has them."""
    states = values[key]
    return states if isinstance(states, Mapping) else {one[0]: one[1] for one in states}


def _articles(values: Mapping[str, Any]) -> Iterable[Any]:
    names = _named(values)
    return [{**one, "state_name": names.get(one["state"], one["state"])} for one, *_ in values["rows"]]


async def _hits(values: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
    async for page in pages(values["hits"]):
        yield [{**hit, "said": "".join(text for text, _ in hit["pieces"])} for hit in page]


def _versions(values: Mapping[str, Any]) -> Iterable[Any]:
    newest = values["newest"]
    return [{**one, "now": one["number"] == newest} for one in values["versions"]]


def _due(values: Mapping[str, Any]) -> Iterable[Any]:
    return [{**article, "whys": whys} for article, whys in values["due"]]


def _gaps(values: Mapping[str, Any]) -> Iterable[Any]:
    return [
        {"code": gap.code, "name": name, "count": gap.count, "tickets": [number for number, _ in gap.examples]}
        for gap, name in values["gaps"]
    ]


def _words(values: Mapping[str, Any]) -> Iterable[Any]:
    """Words of the lexicon: proposed, accepted, refused."""
    kinds, names = dict(values["kinds"]), values["names"]
    decided = [(name, row) for name in ("accepted", "refused") for row in values[name]]
    return [
        *({"state": "建议词语", "row": row, "times": row.count} for row in values["proposed"]),
        *(
            {"state": "已加入" if name == "accepted" else "未采纳", "row": row, "kind": kinds.get(row.kind, ""),
             "who": names.get(row.who, row.who)}
            for name, row in decided
        ),
    ]  # fmt: skip


_DESK: Mapping[str, ListSheet] = {
    "board.html": ListSheet("派单台", "board", "rows", (
        Column("列", "lane_name", 8), Column("工单号", "number", 20), Column("紧急", "emergency", 8),
        Column("状态", "step_name"), Column("等级", "grade", 6), Column("类别", "category", 18),
        Column("事由", "summary", 50), Column("地点", "place", 30), Column("承办层级", "level_name", 10),
        Column("承办部门", "department_name", 20), Column("协办", "assist_names", 20),
        Column("受理时间", "created_at", 20), Column("时限类别", "clock", 10), Column("时限", "due_at", 20),
        Column("时限状态", "colour_name", 8), Column("暂停", "paused", 6),
    )),
    "leader_tickets.html": ListSheet("工单", "leader-tickets", "rows", (
        Column("工单号", "number", 20), Column("紧急", "is_emergency", 8), Column("受理时间", "created_at", 20),
        Column("类别", "category", 18), Column("地点", "place", 30), Column("事由", "summary", 50),
        Column("状态", "state_name"), Column("承办部门", "department_name", 20), Column("时限", "due_at", 20),
    )),
    "leader_callbacks.html": ListSheet("回访", "leader-callbacks", "rows", (
        Column("工单号", "1.number", 20), Column("时间", "0.ended_at|0.due_at", 20), Column("号码", "0.number", 16),
        Column("结果", "0.outcome_name", 14), Column("类别", "1.category", 18), Column("事由", "1.summary", 50),
        Column("承办部门", "1.department_name", 20),
    )),
    "settings_history.html": ListSheet("版本记录", "settings-history", _versions, (
        Column("版本", "number", 8), Column("现用", "now", 8), Column("修改人", "who", 14),
        Column("用户名", "login", 16), Column("时间", "at", 20), Column("原因", "why", 60),
        Column("恢复自版本", "restores", 10),
    )),
    "roles.html": ListSheet("岗位权限", "roles", "rows", (
        Column("操作", "name", 26), Column("岗位", "roles", 50), Column("权限说明", "why", 60),
    )),
    "lexicon.html": ListSheet("城市词库", "lexicon", _words, (
        Column("状态", "state", 10, told=True), Column("误写", "row.wrong", 16), Column("正确写法", "row.right", 16),
        Column("类型", "kind", 12), Column("更正次数", "times", 10), Column("经办人", "who", 14),
        Column("时间", "row.at", 20),
    )),
    "knowledge_review.html": ListSheet("需要核实的条目", "knowledge-review", _due, (
        Column("标题", "title", 36), Column("原因", "whys", 30), Column("归口部门", "department_name", 20),
        Column("有效期至", "valid_until", 14), Column("90 天内使用", "used", 12), Column("没有帮助", "unhelpful", 10),
    ), (
        Part("没有条目的咨询", _gaps, (
            Column("类别", "code", 10), Column("名称", "name", 24), Column("件数", "count", 8),
            Column("工单号", "tickets", 60),
        )),
        Part("坐席查不到的词", "misses", (
            Column("用词", "text", 30), Column("次数", "count", 8), Column("最近一次", "last_at", 20),
        )),
    )),
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
    ), (
        Part("推送记录", "deliveries", (
            Column("时间", "made_at", 20), Column("推送到", "hook", 24), Column("事件", "topic", 24),
            Column("工单号", "number", 20), Column("状态", "state_name", 12), Column("次数", "attempts", 8),
            Column("说明", "error|status", 40),
        )),
        Part("钥匙", "keys", (
            Column("名称", "name", 24), Column("种类", "kind_name", 16), Column("建立时间", "made_at", 20),
            Column("建立人", "made_by", 12), Column("最近使用", "used_at", 20), Column("停用时间", "revoked_at", 20),
        )),
    )),
    "search.html": ListSheet("实录检索", "search", _hits, (
        Column("时间", "at", 20), Column("热线", "line", 14), Column("热线名称", "line_name", 20),
        Column("号码", "caller", 16), Column("坐席", "agent", 8), Column("说话人", "speaker", 10),
        Column("内容", "said", 60), Column("录音位置", "clock", 10), Column("通话编号", "call_id", 28),
    )),
    "assessment_cases.html": ListSheet("考核明细", "assessment-cases", "rows", (
        Column("工单号", "fact.ticket", 20), Column("指标", "kind", 18), Column("承办单位", "who", 20),
        Column("时间", "fact.at", 20), Column("类别", "category", 18), Column("事由", "summary", 50),
    )),
}  # fmt: skip
#: By template.
SHEETS: Mapping[str, ListSheet] = {**_DESK, **QUALITY, **ANALYSIS}
