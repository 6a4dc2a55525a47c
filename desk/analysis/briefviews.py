"""Sentences of a weekly or monthly brief (周报、月报), each number with the tickets that it counts. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from string import Formatter
from typing import Any

from core.city import City
from desk.analysis.analysisviews import WEEKDAYS, AnalysisViews, query, share
from desk.views import Views
from ticketing.analysis.brief import following
from ticketing.analysis.facts import Where
from ticketing.analysis.tables import BriefKind

#: A stretch of text, and the query of its figure's tickets (empty: plain text).
Run = list[str]
Runs = list[Run]
_NUMERALS = ("一", "二", "三", "四", "五", "六")
#: How the period and the one before are called.
_NAMES: dict[BriefKind, tuple[str, str]] = {"week": ("本周", "上周"), "month": ("本月", "上月")}


def figure(count: int, **where: Any) -> Runs:
    """A number that opens its tickets."""
    return [[f"{count:,}", query(Where(**where)) or "all=1"]]


class BriefWords:
    """A brief in one language. Its body is kept as it is made."""

    def __init__(self, city: City, views: Views) -> None:
        self._city = city
        self._chinese = views.language == "zh"
        self._views = views
        self._shown = AnalysisViews(city, views)
        self._text = views.text

    def body(self, kind: BriefKind, start: date, f: Mapping[str, Any]) -> dict[str, Any]:
        """Title, days and sections; each section's lines are runs."""
        self._now, self._before = (self._text(name) for name in _NAMES[kind])
        end = following(kind, start) - timedelta(days=1)
        sections = [
            ("总体情况", self._whole(f, start, end)),
            ("诉求热点", self._matters(f)),
            ("区域分布", self._towns(f)),
            ("办理情况", self._handling(f)),
            ("风险预警", self._warnings(f)),
            ("重复诉求", self._repeats(f)),
        ]
        title = "{city}政务服务热线运行周报" if kind == "week" else "{city}政务服务热线运行月报"
        profile = self._city.profile
        return {
            "title": self._text(title).format(city=profile.name if self._chinese else profile.name_en),
            "period": self._text("{start}至 {end}").format(start=self._day(start, year=True), end=self._day(end)),
            "sections": [
                {"title": self._heading(place, self._text(name)), "lines": lines}
                for place, (name, lines) in enumerate(sections)
            ],
        }

    # --- sections -----------------------------------------------------------------------------------------------------

    def _whole(self, f: Mapping[str, Any], start: date, end: date) -> list[Runs]:
        first = self._say(
            "{now}（{start}至 {end}）全市各热线共受理 {total} 件，{change}{year}。",
            now=self._now, start=self._day(start), end=self._day(end), total=figure(f["total"]),
            change=self._change(f["total"], f["before"]),
            year=self._text("，同比{change}").format(change=self._percent(f["total"], f["year"])) if f["year"] else "",
        )  # fmt: skip
        urgent = self._say(
            "其中紧急警情 {count} 件，占 {share}，{change}；非紧急诉求 {rest} 件。",
            count=figure(f["emergency"], emergency=True), share=share(f["emergency"], f["total"]),
            change=self._change(f["emergency"], f["emergency_before"]),
            rest=figure(f["total"] - f["emergency"], emergency=False),
        )  # fmt: skip
        found = [first + urgent]
        if f["lines"]:
            lines = self._list(
                self._counted(self._views.line_name(key), count, line=key) for key, count, _ in f["lines"]
            )
            found.append(self._say("受理量居前的热线：{lines}。", lines=lines))
        if f["natures"]:
            natures = self._list(self._counted(self._text(key), count, nature=key) for key, count, _ in f["natures"])
            found.append(self._say("按诉求性质分：{natures}。", natures=natures))
        if f["total"]:
            day, hour, count = f["busiest"]
            found.append(
                self._say(
                    "受理最集中的时段为{day} {hour} 时至 {next} 时，共 {count} 件。",
                    day=self._text(WEEKDAYS[day]), hour=str(hour), next=str(hour + 1),
                    count=figure(count, weekday=day, hour=hour),
                )
            )  # fmt: skip
        return found

    def _matters(self, f: Mapping[str, Any]) -> list[Runs]:
        if not f["codes"]:
            return [self._say("{now}没有需要分析的诉求。", now=self._now)]
        codes = self._list(
            self._say(
                "{name} {count} 件（{share}，{change}）", name=self._shown.matter(key), count=figure(count, code=key),
                share=share(count, f["matters"]), change=self._change(count, before),
            )
            for key, count, before in f["codes"]
        )  # fmt: skip
        found = [self._say("受理量居前的事项：{codes}。", codes=codes)]
        risen = self._list(
            self._say(
                "{name}由 {before} 件增至 {count} 件", name=self._shown.matter(key), before=f"{before:,}",
                count=figure(count, code=key),
            )
            for key, count, before in f["risen"]
        )  # fmt: skip
        found.append(
            self._say("较{before}明显上升的事项：{risen}。", before=self._before, risen=risen) if risen
            else self._say("各类事项较{before}没有明显上升。", before=self._before)
        )  # fmt: skip
        if f["words"]:
            words = self._list(
                self._say(
                    "“{word}”（{count} 件，{period} {before} 件）", word=word, count=figure(count, word=word),
                    period=self._before, before=f"{before:,}",
                )
                for word, count, before in f["words"]
            )  # fmt: skip
            found.append(self._say("诉求中较{before}明显增多的用词：{words}。", before=self._before, words=words))
        return found

    def _towns(self, f: Mapping[str, Any]) -> list[Runs]:
        if not f["towns"]:
            return [self._say("{now}没有能确定镇街的诉求。", now=self._now)]

        def town(name: str, count: int, before: int) -> Runs:
            group, own = f["town_groups"][name]
            return self._say(
                "{name} {count} 件（{change}），以{matter}居多，{own} 件", name=name, count=figure(count, town=name),
                change=self._change(count, before), matter=self._shown.matter(group),
                own=figure(own, town=name, group=group),
            )  # fmt: skip

        return [
            self._say(
                "{count} 件诉求中，能确定所在镇街的 {placed} 件，占 {share}。居前的镇街：{towns}。",
                count=f"{f['matters']:,}", placed=f"{f['placed']:,}", share=share(f["placed"], f["matters"]),
                towns=self._list((town(*entry) for entry in f["towns"]), "；"),
            )
        ]  # fmt: skip

    def _handling(self, f: Mapping[str, Any]) -> list[Runs]:
        due = f["in_time"] + f["late"]
        found = [
            self._say(
                "截至本报告出具，已办结 {closed} 件，办结率 {share}。", closed=figure(f["closed"], outcome="closed"),
                share=share(f["closed"], f["total"]),
            )
            + self._say(
                "已到期或已反馈的 {due} 件中，按时反馈 {in_time} 件，按时率 {share}；逾期 {late} 件。", due=f"{due:,}",
                in_time=figure(f["in_time"], outcome="in_time"), share=share(f["in_time"], due),
                late=figure(f["late"], outcome="late"),
            )
        ]  # fmt: skip
        if f["asked"]:
            found.append(
                self._say(
                    "群众已作评价 {asked} 件，其中满意 {satisfied} 件，满意率 {share}；不满意 {unsatisfied} 件；"
                    "退回重办 {reopened} 件。",
                    asked=figure(f["asked"], outcome="asked"), share=share(f["satisfied"], f["asked"]),
                    satisfied=figure(f["satisfied"], outcome="satisfied"),
                    unsatisfied=figure(f["unsatisfied"], outcome="unsatisfied"),
                    reopened=figure(f["reopened"], outcome="reopened"),
                )
            )  # fmt: skip
        else:
            found.append(self._say("尚无群众评价。"))
        return found

    def _warnings(self, f: Mapping[str, Any]) -> list[Runs]:
        if not f["warnings"]:
            return [self._say("{now}没有超出以往规律的上升。", now=self._now)]
        found = [self._say("{now}共发出预警 {count} 项。", now=self._now, count=str(len(f["warnings"])))]
        for warning in f["warnings"]:
            what: Run = [self._shown.what(warning), f"warning={warning['id']}"]
            line: Runs = [what, [f"{self._shown.colon}{self._shown.sentence(warning)}", ""]]
            done = "。处置情况：{note}。" if warning["note"] else "。尚无处置记录。"
            found.append(line + self._say(done, **({"note": warning["note"].rstrip("。.")} if warning["note"] else {})))
        return found

    def _repeats(self, f: Mapping[str, Any]) -> list[Runs]:
        if not f["repeat_callers"]:
            return [self._say("{now}没有反复来电。", now=self._now)]
        most = f["repeats"][0]
        return [
            self._say(
                "{now}反复来电的号码共 {callers} 个。最多的一个来电 {count} 件，以{matter}居多，其中 {open} 件未办结。",
                now=self._now, callers=f"{f['repeat_callers']:,}", count=[[str(len(most["ids"])), "repeat=0"]],
                matter=self._shown.matter(most["code"]), open=str(most["open"]),
            )
        ]  # fmt: skip

    # --- words --------------------------------------------------------------------------------------------------------

    def _say(self, template: str, **values: str | Runs) -> Runs:
        """A sentence in the reader's language, its values in their places."""
        found: Runs = []
        for text, name, _, _ in Formatter().parse(self._text(template)):
            if text:
                found.append([text, ""])
            if name is not None:
                value = values[name]
                found += [[value, ""]] if isinstance(value, str) else value
        return found

    def _list(self, entries: Iterable[Runs], mark: str = "、") -> Runs:
        found: Runs = []
        for entry in entries:
            if found:
                found.append([self._text(mark), ""])
            found += entry
        return found

    def _counted(self, name: str, count: int, **where: Any) -> Runs:
        return self._say("{name} {count} 件", name=name, count=figure(count, **where))

    def _change(self, now: int, before: int) -> str:
        """较上周增加 12 件、上升 8.1%。"""
        if now == before:
            return self._text("与{before}持平").format(before=self._before)
        more = now > before
        said = self._text("较{before}增加 {count} 件" if more else "较{before}减少 {count} 件").format(
            before=self._before, count=f"{abs(now - before):,}"
        )
        # A percentage of next to nothing says nothing.
        return said + (self._text("、") + self._percent(now, before) if before >= 10 else "")

    def _percent(self, now: int, before: int) -> str:
        if now == before:
            return self._text("持平")
        name = "上升 {share}" if now > before else "下降 {share}"
        return self._text(name).format(share=share(abs(now - before), before))

    def _day(self, day: date, *, year: bool = False) -> str:
        form = self._text("{year} 年 {month} 月 {day} 日" if year else "{month} 月 {day} 日")
        padded = "" if self._chinese else "02d"
        return form.format(year=day.year, month=format(day.month, padded), day=format(day.day, padded))

    def _heading(self, place: int, name: str) -> str:
        return f"{_NUMERALS[place]}、{name}" if self._chinese else f"{place + 1}. {name}"


def plain(lines: Sequence[Runs]) -> list[str]:
    """Sentences without their links."""
    return ["".join(text for text, _ in runs) for runs in lines]
