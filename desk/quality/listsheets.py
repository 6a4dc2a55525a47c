"""The lists of quality as Excel files: what their pages show, no name or score beyond."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from desk.listsheets import Column, ListSheet, Part, pages
from desk.quality import words

_REVIEW = (
    Column("通话编号", "review.call_id", 28), Column("话务员", "agent", 16),
    Column("质检员", "reviewer", 12), Column("状态", "state", 14, told=True), Column("截止", "review.due_at", 20),
    Column("得分", "points", 8), Column("合格", "passed", 10, told=True), Column("建立时间", "review.created_at", 20),
)  # fmt: skip


async def _reviews(values: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
    """Neither the call taker nor whoever decides an appeal is told who scored; what a blind copy came to, nobody."""
    told, named, passed = values["me"].role == "supervisor", values["named"], {True: "合格", False: "不合格"}
    async for page in pages(values["rows"]):
        yield [
            {
                "review": one.review, "agent": named(one.review.agent),
                "state": words.REVIEW_STATES.get(one.review.state, ""),
                "reviewer": named(one.review.reviewer) if told and one.review.reviewer else "",
                "points": None if one.tenths is None or one.review.copy else one.tenths / 10,
                "passed": "" if one.review.copy else passed.get(one.passed, ""),
            }
            for one in page
        ]  # fmt: skip


async def _cases(values: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
    named, line, category = values["named"], values["line_name"], values["category_name"]
    async for page in pages(values["rows"]):
        yield [
            {
                "one": one, "agent": named(one.agent), "line": f"{one.line} {line(one.line)}",
                "category": category(one.category) if one.category else "",
                "state": words.REVIEW_STATES.get(one.state, "") if one.state else "",
                "points": None if one.tenths is None else one.tenths / 10,
            }
            for one in page
        ]  # fmt: skip


async def _draws(values: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
    named = values["named"]
    async for page in pages(values["draws"]):
        yield [
            {"row": row, "shift": shift, "by": named(row.by), "picked": picked, "nobody": nobody}
            for row, shift, picked, nobody in page
        ]


def _picks(values: Mapping[str, Any]) -> Iterable[Any]:
    """A call that several score blind is a row for each of them."""
    named = values["named"]
    return [
        {
            "call": one["pick"].call_id, "agent": named(one["pick"].agent), "line": one["line"],
            "category": one["category"], "why": "风险" if one["pick"].why == "risk" else "随机",
            "weight": one["pick"].weight if one["pick"].why == "risk" else None, "risks": one["risks"],
            "reviewer": named(review.reviewer) if review and review.reviewer else "",
            "state": words.REVIEW_STATES.get(review.state, "") if review and not review.copy else "",
            "copy": bool(review and review.copy),
        }
        for one in values["picks"]
        for review in one["reviews"] or [None]
    ]  # fmt: skip


def _plans(values: Mapping[str, Any]) -> Iterable[Any]:
    return [_plan(plan, values) for plan in values["plans"]]


def _plan(plan: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "plan": plan, "agent": values["named"](plan.agent), "item": values["items"].get(plan.item, plan.item),
        "state": words.PLAN_STATES[plan.state],
    }  # fmt: skip


def _steps(values: Mapping[str, Any]) -> Iterable[Any]:
    return [
        {
            **_plan(plan, values), "step": step, "action": words.PLAN_ACTIONS[step.action],
            "who": values["named"](step.who),
        }
        for plan, steps, _ in values["plans"]
        for step in steps
    ]  # fmt: skip


def _agents(values: Mapping[str, Any]) -> Iterable[Any]:
    """The violations of a person's calls, in words: which there are differs from week to week."""
    return [
        {
            "agent": values["named"](row.key), "row": row, "plans": values["open_of"].get(row.key),
            "violations": [
                (label, row.violations[label]) for label in values["table"].labels if label in row.violations
            ],
            "mean": None if row.reviewed.mean is None else round(row.reviewed.mean, 1),
        }
        for row in values["table"].rows
    ]  # fmt: skip


def _labels(values: Mapping[str, Any]) -> Iterable[Any]:
    return [
        {"agent": one["agent"], "label": label, "count": count, "of": one["row"].checked}
        for one in _agents(values)
        for label, count in one["violations"]
    ]


def _weeks(values: Mapping[str, Any]) -> Iterable[Any]:
    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 1)

    return [
        {
            "week": one.monday, "own": one.own, "share": rounded(one.own.share), "mean": rounded(one.own.mean),
            "peers": rounded(one.peers.median if one.peers else None), "few": one.few,
        }
        for one in values["weeks"]
    ]  # fmt: skip


def _weakest(values: Mapping[str, Any]) -> Iterable[Any]:
    return [
        {"name": name, "count": one.count, "share": round(one.share), "few": one.few,
         "peers": None if one.peers is None else round(one.peers)}
        for one, name in values["weakest"]
    ]  # fmt: skip


def _best(values: Mapping[str, Any]) -> Iterable[Any]:
    return [{"review": review, "points": tenths / 10} for review, tenths in values["best"]]


def _meetings(values: Mapping[str, Any]) -> Iterable[Any]:
    return [
        {
            "call": one.call_id, "scores": len(one.scores), "spread": one.spread,
            "items": [values["names"][each.item.key] for each in one.differences],
            "settled": len({each.item for each in one.outcomes}),
        }
        for one in values["meetings"]
    ]  # fmt: skip


def _pairs(values: Mapping[str, Any]) -> Iterable[Any]:
    """Each item's agreement of all, then of each two."""
    return [
        {"name": one["name"], "who": who, "figure": figure}
        for one in values["items"]
        for who, figure in [
            (None, one["alpha"]),
            *(([first, second], found) for first, second, found in one["pairs"]),
        ]
    ]


def _reviewers(values: Mapping[str, Any]) -> Iterable[Any]:
    agreed = values["agreed"]
    return [
        {"who": values["named"](one.reviewer), "one": one,
         "share": None if one.different is None else round(100 * one.different, 1)}
        for one in (agreed.reviewers if agreed else ())
    ]  # fmt: skip


def _drifts(values: Mapping[str, Any]) -> Iterable[Any]:
    says = {"milder": "趋松", "stricter": "趋严"}
    return [
        {
            "who": values["named"](one["who"]), "last": None if one["last"] is None else round(one["last"], 1),
            "says": says.get(one["found"].told) or ("周数不够" if one["found"].too_few else "未见变化"),
            "since": one["found"].since if one["found"].told else None,
        }
        for one in values["drifts"]
    ]  # fmt: skip


async def _examples(values: Mapping[str, Any]) -> AsyncIterator[Sequence[Any]]:
    """Who chose one is told to supervisors, and to himself."""
    me, names = values["me"], values["names"]
    async for page in pages(values["found"]):
        yield [
            {
                "one": one,
                "category": values["categories"].get(one.row.category, one.row.category),
                "seconds": round(one.row.to_s - one.row.from_s),
                "by": names.get(one.row.by, one.row.by) if me.role == "supervisor" or one.row.by == me.login else "",
            }
            for one in page
        ]


_PLAN = (
    Column("话务员", "agent", 16), Column("目标", "plan.aim", 40), Column("项目", "item", 24),
    Column("状态", "state", 12, told=True), Column("期限", "plan.until", 12), Column("下次跟进", "plan.next_on", 12),
)  # fmt: skip

QUALITY: Mapping[str, ListSheet] = {
    "quality/reviews.html": ListSheet("我的任务", "reviews", "rows", (
        Column("通话编号", "call_id", 28), Column("状态", "state_name", 12, told=True), Column("截止", "due_at", 20),
        Column("超时", "late", 8),
    )),
    "quality/oversight.html": ListSheet("质检任务", "quality", _reviews, _REVIEW),
    "quality/appeals.html": ListSheet("申诉", "appeals", _reviews, _REVIEW),
    "quality/cases.html": ListSheet("质检明细", "quality-cases", _cases, (
        Column("通话编号", "one.call_id", 28), Column("来电时间", "one.arrived_at", 20), Column("热线", "line", 20),
        Column("坐席", "agent", 16), Column("类别", "category", 18), Column("得分", "points", 8),
        Column("状态", "state", 12, told=True), Column("原话", "one.words", 40),
    )),
    "quality/sampling.html": ListSheet("抽样", "draws", _draws, (
        Column("日期", "row.day", 12), Column("班次", "shift", 12), Column("抽样时间", "row.at", 20),
        Column("抽样人", "by", 14), Column("抽中", "picked", 8), Column("无人可评", "nobody", 10),
        Column("方案版本", "row.plan_version", 10), Column("校验码", "row.seal", 66),
    )),
    "quality/draw.html": ListSheet("抽中的通话", "draw", _picks, (
        Column("通话编号", "call", 28), Column("话务员", "agent", 16), Column("线路", "line", 20),
        Column("事项类别", "category", 20), Column("抽中原因", "why", 10, told=True), Column("风险分", "weight", 8),
        Column("风险", "risks", 30), Column("质检员", "reviewer", 12), Column("状态", "state", 12, told=True),
        Column("校准用", "copy", 8),
    )),
    "quality/coaching.html": ListSheet("辅导计划", "coaching", _plans, _PLAN, (
        Part("话务员", _agents, (
            Column("话务员", "agent", 16), Column("已接电话", "row.calls", 10),
            Column("已自动质检", "row.checked", 12), Column("评分通数", "row.reviewed.count", 10),
            Column("均分", "mean", 8), Column("辅导计划", "plans", 10),
        )),
        Part("自动质检发现", _labels, (
            Column("话务员", "agent", 16), Column("违规", "label", 18, told=True), Column("通话数", "count", 10),
            Column("已自动质检", "of", 12),
        )),
    )),
    "quality/agent.html": ListSheet("每周", "coaching-agent", _weeks, (
        Column("周", "week", 12), Column("已自动质检", "own.checked", 12), Column("有违规", "own.found", 10),
        Column("每百通", "share", 10), Column("同事中位数", "peers", 12), Column("评分通数", "own.reviews", 10),
        Column("均分", "mean", 8), Column("通数不足", "few", 10),
    ), (
        Part("得分率最低的项目", _weakest, (
            Column("项目", "name", 36), Column("通数", "count", 8), Column("本人（%）", "share", 10),
            Column("同事（%）", "peers", 10), Column("通数不足", "few", 10),
        )),
        Part("做得好的通话", _best, (
            Column("通话编号", "review.call_id", 28), Column("公布时间", "review.released_at", 20),
            Column("得分", "points", 8),
        )),
        Part("辅导计划", _steps, (
            *_PLAN, Column("时间", "step.at", 20), Column("操作", "action", 12, told=True), Column("经办人", "who", 14),
            Column("说明", "step.note", 50),
        )),
    )),
    "quality/calibration.html": ListSheet("分歧最大的通话", "calibration", _meetings, (
        Column("通话编号", "call", 28), Column("几人评", "scores", 8), Column("分差", "spread", 8),
        Column("分歧项目", "items", 60), Column("已商定", "settled", 8),
    ), (
        Part("各项一致程度", _pairs, (
            Column("项目", "name", 36), Column("质检员", "who", 20), Column("一致程度", "figure.value", 10),
            Column("95% 区间", "figure.interval", 14), Column("通话数", "figure.calls", 10),
        )),
        Part("各人与他人不同的答案", _reviewers, (
            Column("质检员", "who", 14), Column("不同的占（%）", "share", 12), Column("对照的答案", "one.answers", 12),
            Column("通话数", "one.calls", 10),
        )),
        Part("松紧变化", _drifts, (
            Column("质检员", "who", 14), Column("最近一周", "last", 10), Column("判断", "says", 12, told=True),
            Column("起于", "since", 12),
        )),
    )),
    "quality/examples.html": ListSheet("优秀案例", "examples", _examples, (
        Column("标题", "one.row.title", 36), Column("类别", "category", 14, told=True),
        Column("理由", "one.row.why", 60),
        Column("通话编号", "one.row.call_id", 28), Column("秒数", "seconds", 8), Column("选入时间", "one.row.at", 20),
        Column("选入人", "by", 14), Column("收听次数", "one.played", 10), Column("收听人数", "one.people", 10),
    )),
}  # fmt: skip
