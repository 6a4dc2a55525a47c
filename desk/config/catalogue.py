"""The city's files in the operators' words: in which group each stands, how it is edited, when a change holds. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import triage
from core.cityfolder import CityFolder

#: When a change holds: what pages show of it at once; what Asterisk reads when it is applied; the rest at a restart.
Effect = Literal["screens", "asterisk", "restart"]
#: Flows of the voice, one file each.
FLOW = re.compile(r"ivr/[a-z0-9][a-z0-9-]{0,39}\.yaml")
#: Rules that come with heyi; a city's own lie under the same names in its folder.
RULES = Path(triage.__file__).resolve().parent / "rules"


@dataclass(frozen=True)
class Kind:
    """One file, or one sort of them."""

    name: str
    title: str
    effects: tuple[Effect, ...] = ("restart",)
    #: What one should know before changing it.
    note: str = ""


@dataclass(frozen=True)
class Group:
    title: str
    kinds: tuple[Kind, ...]


_CALLS: tuple[Effect, ...] = ("screens", "asterisk", "restart")
GROUPS: tuple[Group, ...] = (
    Group("线路与坐席", (
        Kind("lines.yaml", "线路", _CALLS, "紧急线路的优先级须高于所有服务线路，且不放欢迎语"),
        Kind("desks.yaml", "坐席与技能", _CALLS, "第一个技能组是本组；至少要有一个坐席接紧急来电"),
        Kind("groups.yaml", "技能组", _CALLS, "emergency 与 service 两组不能删除"),
        Kind("modes.yaml", "运行模式", _CALLS, "第一种是平时的模式"),
        Kind("matters.yaml", "移交事项"),
        Kind("exchanges.yaml", "局号归属", note="只写运营商确认过的号段：写错会把人派到别的镇"),
    )),
    Group("工单", (
        Kind("flows.yaml", "流程", note="已在办理的工单按其流程继续"),
        Kind("taxonomy.yaml", "事项分类", ("screens", "restart")),
        Kind("departments.yaml", "部门", ("screens", "restart")),
        Kind("levels.yaml", "逐级交办"),
        Kind("clocks.yaml", "办理时限"),
        Kind("calendar.yaml", "工作日历"),
        Kind("callbacks.yaml", "回访"),
    )),
    Group("研判与词库", (
        Kind("rules/emergency.yaml", "研判规则", note="决定哪些话算紧急；改动前后请用 heyi triage eval 量一遍"),
        Kind("rules/categories.yaml", "分类用词"),
        Kind("rules/questions.yaml", "首问", ("screens",)),
        Kind("lexicon.yaml", "词库"),
        Kind("landmarks.yaml", "地名"),
        Kind("towns.yaml", "镇街与村社"),
    )),
    Group("语音导航", (
        Kind("ivr/*.yaml", "语音流程", ("asterisk", "restart")),
        Kind("selfservice.yaml", "来电自助"),
    )),
    Group("派遣与值班", (
        Kind("roster.yaml", "人员排班"),
        Kind("units.yaml", "处置单位"),
        Kind("plans.yaml", "预案"),
        Kind("grids.geojson", "网格"),
        Kind("cameras.csv", "摄像头"),
    )),
    Group("质检与考核", (
        Kind("quality.yaml", "质检抽样"),
        Kind("scorecards.yaml", "评分表"),
        Kind("checks.yaml", "自动检查用语"),
        Kind("analysis.yaml", "分析研判"),
        Kind("assessment.yaml", "一键考核"),
    )),
    Group("其他", (
        Kind("city.yaml", "城市基本信息"),
        Kind("doors.yaml", "对外渠道"),
        Kind("knowledge.yaml", "知识库底稿", note="只补入没有人改过的条目；日常维护请在知识库页进行"),
    )),
)  # fmt: skip

_BY_NAME: Mapping[str, Kind] = MappingProxyType({kind.name: kind for group in GROUPS for kind in group.kinds})


def kind_of(name: str) -> Kind | None:
    """What a file is; None for a name that is none of the city's, and for logins: those have a page of their own."""
    if is_flow(name):
        return _BY_NAME["ivr/*.yaml"]
    return _BY_NAME.get(name) if "*" not in name else None


def is_flow(name: str) -> bool:
    """Whether it is a flow of the voice, of which there may be more or fewer."""
    return FLOW.fullmatch(name) is not None


def original(folder: CityFolder, name: str) -> Path:
    """Where the file lies that the city came with; it need not exist."""
    own = folder.seed / name
    return RULES / own.name if name.startswith("rules/") and not own.is_file() else own


def effective(folder: CityFolder, name: str) -> Path:
    """The file that holds."""
    path = folder.path(name)
    return path if path.is_file() else original(folder, name)


def is_there(folder: CityFolder, name: str) -> bool:
    """Whether the city has the file: one that was taken away is empty."""
    path = effective(folder, name)
    return path.is_file() and path.stat().st_size > 0


def names_of(kind: Kind, folder: CityFolder, stored: Iterable[str]) -> list[str]:
    """The files of this sort that there are, or may be made: flows by name, every other its one."""
    if "*" not in kind.name:
        return [kind.name]
    there = {f"ivr/{path.name}" for path in folder.listed("ivr", "*.yaml")}
    return sorted(there | {name for name in stored if is_flow(name)})
