"""The bulletin (通报) of a period in sentences made from its figures, with tables and charts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from core.city import City
from core.city_assessment import Measure
from desk.assess.assesscharts import bars, lines
from desk.assess.assessviews import AssessViews, share_of
from ticketing.assessment.measures import FORMULAS, Count, Subject
from ticketing.assessment.period import parse
from ticketing.assessment.score import Row, Tables

#: Measures that the first section names, and the chart shows.
_SHOWN: tuple[Measure, ...] = ("accept", "handle", "solved", "satisfied")
HOW = (
    "各项达到满分线得满分，未达零分线得 0 分，其间按比例计分；没有发生的项目不计，其余项目折算为百分制。"
    "承办不足 {minimum} 件次的不排名。同分同名次。"
)
#: What the third section tells of, where there was any.
_PROBLEMS: dict[Count, str] = {
    "handle_late": "办理超期 {number} 件次", "accept_late": "超时签收 {number} 件次",
    "unjustified": "退单不成立 {number} 件次", "reopened": "退回重办 {number} 件次", "urged": "催办 {number} 件次",
    "supervised": "督办 {number} 件次",
}  # fmt: skip
#: How many are named of the best, of the last, and of those with the most of something.
_NAMED = 3


@dataclass
class Section:
    """A heading, and what follows it in its order: each piece with its kind, paragraph, chart or table."""

    heading: str
    pieces: list[tuple[str, Any]] = field(default_factory=list)

    def say(self, paragraph: str) -> None:
        self.pieces.append(("paragraph", paragraph))

    def draw(self, caption: str, chart: Markup) -> None:
        self.pieces.append(("chart", (caption, chart)))

    def list(self, table: dict[str, Any]) -> None:
        self.pieces.append(("table", table))


@dataclass(frozen=True)
class Bulletin:
    issuer: str
    number: str
    title: str
    to: str
    opening: str
    sections: Sequence[Section]
    #: 2026年11月3日
    date: str


def bulletin(
    shown: AssessViews, city: City, former: Mapping[Subject, Tables] | None,
    trend: Mapping[str, Mapping[Subject, Tables]], zone: ZoneInfo,
) -> Bulletin:  # fmt: skip
    """The bulletin of what is shown; ``former``: the period before, ``trend``: frozen ones, the earliest first."""
    text, assessed = shown.views.text, shown.assessed
    rules, period = assessed.rules, assessed.period
    zh = shown.views.language == "zh"
    city_name = city.profile.name if zh else city.profile.name_en
    here = assessed.at.astimezone(zone)
    issuer = (rules.issuer if zh else "") or text("{city}政务服务便民热线中心").format(city=city_name)
    document = (rules.document if zh else "") or text("热线通报")
    ordinal = str(period.month) if period.months == 1 else "　"
    return Bulletin(
        issuer=issuer,
        number=text("{document}〔{year}〕{ordinal}号").format(document=document, year=period.year, ordinal=ordinal),
        title=text("关于{period}热线工单办理情况的通报").format(period=shown.period()),
        to=text("各镇（街道），市直有关单位，各公用企业："),
        opening=text("现将{period}热线工单办理情况通报如下。").format(period=shown.period()),
        sections=[
            _overall(shown, former, trend),
            _ranking(shown),
            _problems(shown),
            _agents(shown),
            _rules(shown),
        ],
        date=text("{year}年{month}月{day}日").format(year=here.year, month=here.month, day=here.day),
    )


def _overall(
    shown: AssessViews, former: Mapping[Subject, Tables] | None, trend: Mapping[str, Mapping[Subject, Tables]]
) -> Section:
    text, tables = shown.views.text, shown.assessed.tables["departments"]
    total, before = tables.total, former["departments"] if former else None
    section = Section(text("一、总体情况"))
    said = [
        text("本期共派办工单 {received} 件次，办结 {reported} 件次").format(
            received=total.get("received", 0), reported=total.get("reported", 0)
        )
    ]
    if before and before.total.get("received"):
        grown = 100 * (total.get("received", 0) / before.total["received"] - 1)
        said.append(
            text("派办量比上期增加 {share}%" if grown >= 0 else "派办量比上期减少 {share}%").format(
                share=f"{abs(grown):.1f}"
            )
        )
    section.say(shown.comma.join(said) + shown.stop)
    parts = []
    for measure in _SHOWN:
        share = share_of(tables, "departments", measure)
        if share is None:
            continue
        told = text("{name} {share}%").format(name=shown.measure("departments", measure), share=f"{share:.1f}")
        was = share_of(before, "departments", measure) if before else None
        if was is not None:
            points = round(share, 1) - round(was, 1)
            told += _moved(shown, points)
        parts.append(told)
    if parts:
        section.say(shown.semicolon.join(parts) + shown.stop)
    called = sum(total.get(c, 0) for c in FORMULAS["departments"]["reached"].whole)
    if called:
        section.say(
            text("回访 {called} 次，接通 {reached} 次；评价满意 {satisfied} 件次，不满意 {unsatisfied} 件次。").format(
                called=called, reached=total.get("reached", 0), satisfied=total.get("satisfied", 0),
                unsatisfied=total.get("unsatisfied", 0),
            )
        )  # fmt: skip
    if trend:
        series = [
            (
                shown.measure("departments", measure),
                [
                    *(
                        (_short(shown, key), share_of(t["departments"], "departments", measure))
                        for key, t in trend.items()
                    ),
                    (_short(shown, shown.assessed.period.key), share_of(tables, "departments", measure)),
                ],
            )
            for measure in _SHOWN
            if share_of(tables, "departments", measure) is not None
        ]
        if series:
            title = text("各期主要指标")
            section.draw(title, lines(series, title))
    return section


def _ranking(shown: AssessViews) -> Section:
    text = shown.views.text
    section = Section(text("二、考核排名"))
    for key, name in shown.tiers("departments"):
        rows = [row for row in shown.assessed.tables["departments"].of_tier(key) if row.counts]
        ranked = [row for row in rows if row.rank is not None]
        if not rows or not key:
            continue
        if not ranked:
            section.say(
                text("{tier}：承办均不足 {minimum} 件次，不排名。").format(
                    tier=name, minimum=shown.assessed.rules.minimum
                )
            )
            continue
        told = text("{tier}：参加排名 {count} 家").format(tier=name, count=len(ranked))
        if len(ranked) > _NAMED:
            told += text("，排名前{n}位的是{names}").format(n=_NAMED, names=_named(shown, ranked[:_NAMED]))
            if len(ranked) >= 2 * _NAMED:
                told += text("；后{n}位的是{names}").format(n=_NAMED, names=_named(shown, ranked[-_NAMED:]))
        else:
            told += text("，依次为{names}").format(names=_named(shown, ranked))
        few = len(rows) - len(ranked)
        if few:
            told += text("；另有 {few} 家承办不足 {minimum} 件次，不排名").format(
                few=few, minimum=shown.assessed.rules.minimum
            )
        section.say(told + shown.stop)
        title = text("{tier}得分").format(tier=name)
        section.draw(title, bars([(shown.name("departments", r), r.score or 0) for r in ranked], title))
        section.list(_table(shown, "departments", name, rows))
    if not section.pieces:
        section.say(text("本期没有可以排名的单位。"))
    return section


def _problems(shown: AssessViews) -> Section:
    text, tables = shown.views.text, shown.assessed.tables["departments"]
    section = Section(text("三、存在问题"))
    for count, words in _PROBLEMS.items():
        number = tables.total.get(count, 0)
        if not number:
            continue
        most = sorted((r for r in tables.rows if r.counts.get(count) and r.who), key=lambda r: -r.counts[count])
        told = text(words).format(number=number)
        if most:
            told += text("，较多的是{names}").format(
                names=shown.and_so.join(
                    text("{name}（{number} 件次）").format(name=shown.name("departments", r), number=r.counts[count])
                    for r in most[:_NAMED]
                )
            )
        section.say(told + shown.stop)
    if section.pieces:
        section.say(text("请有关单位逐件查明原因，认真整改。"))
    else:
        section.say(text("本期没有超期、退单不成立、退回重办、催办和督办。"))
    return section


def _agents(shown: AssessViews) -> Section:
    """The call takers' figures as a whole: single persons do not stand in a bulletin that goes to every office."""
    text, tables = shown.views.text, shown.assessed.tables["agents"]
    section = Section(text("四、话务工作"))
    told = [text("坐席受理 {received} 件").format(received=tables.total.get("received", 0))]
    measures: tuple[Measure, ...] = ("accept", "handle", "misdirected")
    for measure in measures:
        share = share_of(tables, "agents", measure)
        if share is not None:
            told.append(text("{name} {share}%").format(name=shown.measure("agents", measure), share=f"{share:.1f}"))
    section.say(shown.comma.join(told) + shown.stop)
    return section


def _rules(shown: AssessViews) -> Section:
    text = shown.views.text
    section = Section(text("附：计分办法"))
    section.say(text(HOW).format(minimum=shown.assessed.rules.minimum))
    section.list({
        "title": "",
        "head": [text("项目"), text("计算办法"), text("权重"), text("满分线"), text("零分线")],
        "rows": [
            [one["name"], one["formula"], one["weight"], one["full"], one["zero"]]
            for one in shown.formulas("departments")
        ],
        "words": 2,
    })  # fmt: skip
    return section


def _table(shown: AssessViews, subject: Subject, title: str, rows: Sequence[Row]) -> dict[str, Any]:
    text = shown.views.text
    counts: tuple[Count, ...] = ("handle_late", "unjustified", "reopened", "urged")
    head = [text("名次"), text("单位"), text("承办件数")]
    head += [shown.measure(subject, m) for m in _SHOWN]
    head += [shown.count(subject, c) for c in counts]
    head += [text("得分"), text("等次")]
    body = []
    for row in rows:
        own = Tables((), row.counts)
        shares = [share_of(own, subject, m) for m in _SHOWN]
        body.append([
            str(row.rank or "—"), shown.name(subject, row), str(row.counts.get("received", 0)),
            *("—" if s is None else f"{s:.1f}%" for s in shares), *(str(row.counts.get(c, 0)) for c in counts),
            f"{row.score:.2f}" if row.rank and row.score is not None else "—", shown.grade(row) or "—",
        ])  # fmt: skip
    return {"title": title, "head": head, "rows": body, "words": 2}


def _named(shown: AssessViews, rows: Sequence[Row]) -> str:
    text = shown.views.text
    return shown.and_so.join(
        text("{name}（{score} 分）").format(name=shown.name("departments", row), score=f"{row.score:.2f}")
        for row in rows
    )


def _moved(shown: AssessViews, points: float) -> str:
    text = shown.views.text
    if abs(points) < 0.05:
        return text("（与上期持平）")
    return text("（上升 {points} 个百分点）" if points > 0 else "（下降 {points} 个百分点）").format(
        points=f"{abs(points):.1f}"
    )


def _short(shown: AssessViews, key: str) -> str:
    period = parse(key)
    return f"{period.year % 100:02d}-{period.month:02d}" if period.months == 1 else key
