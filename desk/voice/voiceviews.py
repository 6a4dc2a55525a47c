"""What callers did before a person, in words: steps, ways, outcomes and troubles in the reader's language."""

from collections.abc import Mapping

from core.city import City
from core.city_ivr import (
    BranchStep,
    CallBackStep,
    HangUpStep,
    IvrFlow,
    LookUpStep,
    QueueStep,
    RecordStep,
    Step,
    TransferStep,
    filled,
    slots,
)
from desk.i18n import Language, translate
from ivr.gist import gist
from ivr.report import Outcome, Trouble

OUTCOME_NAMES: Mapping[Outcome, str] = {
    "person": "转人工",
    "emergency": "转紧急席",
    "answer": "听到答案",
    "done": "自助办完",
    "callback": "留号等回电",
    "left": "中途挂机",
    "let_go": "未应答",
    "late": "语音未响应",
}
TROUBLE_NAMES: Mapping[Trouble, str] = {
    "silence": "没说话",
    "wrong": "按错键",
    "not_understood": "没听懂",
    "failed": "未办成",
    "left": "中途挂机",
}
#: How a session may end, as the last arrow shows it.
END_NAMES = {
    "queue": "排队等人工",
    "emergency": "紧急席",
    "group": "技能组",
    "line": "转热线",
    "keep": "回到原位次",
    "party": "已接通对方",
    "callback": "留号等回电",
    "hangup": "语音结束",
    "caller": "挂机",
    "late": "语音未响应",
}
WHY_NAMES = {
    "said": "播完",
    "silence": "没说话",
    "wrong key": "按错键",
    "too few figures": "位数不够",
    "not understood": "没听懂",
    "not judged": "来不及判断",
    "heard": "说出诉求",
    "words": "说出选项",
    "figures": "输入完",
    "#": "输入完",
    "pause": "输入完",
    "recorded": "录完",
    "failed": "未办成",
    "hung up": "挂机",
    "emergency": "说到险情",
    "limit": "超过总时限",
    "otherwise": "其他",
    "outcome": "按研判",
    "category": "按类别",
    "caller": "按来电号码",
    "found": "查到",
    "none": "没有查到",
    "unclear": "没听清",
    "done": "办好",
    "already": "已催过",
    "closed": "已办结",
    "queue": "排队等人工",
    "transfer": "转接",
    "call back": "留号等回电",
    "hang up": "语音结束",
}
_HOURS = {"open": "上班时间", "closed": "下班时间"}
LOOK_UP_NAMES = {
    "ticket": "查工单",
    "urge": "催办",
    "message": "转交留言",
    "announcement": "查停水停电",
    "hours": "查办公时间",
    "car_owner": "查车主",
    "answer": "查知识库",
    "result": "记下评价",
}
#: What stands in a prompt for a value of the call.
SLOT_NAMES = {
    "city": "城市",
    "line_name": "热线名称",
    "answer": "答案",
    "matter": "事项",
    "progress": "进度",
    "plate": "车牌号",
    "area": "地点",
    "announcement": "公告",
    "hours": "办公时间",
    "place": "位次",
    "wait": "分钟数",
    "ticket": "工单号",
}
#: Reasons that say nothing beside the end to which they lead.
_OWN_ENDS = frozenset({"queue", "transfer", "call back", "hang up"})
#: Heads of the tables, on the page and in the terminal.
HEADS = {
    "flow": "流程",
    "sessions": "通话数",
    "answers": "听过答案",
    "voice": "语音时长（中位 / 95%）",
    "longest_voice": "转人工前语音最长",
    "longest_person": "到人工应答最长",
    "step": "环节",
    "words": "播报内容",
    "entered": "进入",
    "hung_up": "挂机",
    "ways": "去向",
    "seconds": "停留（中位 / 95%）",
}


class VoiceViews:
    """Flows in one language."""

    def __init__(self, city: City, language: Language) -> None:
        self.flows: Mapping[str, IvrFlow] = {flow.key: flow for flow in city.ivr}
        self.language: Language = language
        self._desks = {
            key: name if language == "zh" else name_en
            for key, name, name_en in (
                *((group.key, group.name, group.name_en) for group in city.groups),
                *((line.number, line.name, line.name_en) for line in city.lines),
            )
        }

    def text(self, source: str) -> str:
        return translate(self.language, source)

    def flow(self, key: str) -> str:
        """A flow's name; its key where the city has it no more."""
        flow = self.flows.get(key)
        return key if flow is None else flow.name if self.language == "zh" else flow.name_en

    def words(self, place: str) -> str:
        """What a step (``flow/step``) says, slots as their names in brackets; empty for one that says nothing."""
        flow, step = self._found(place)
        prompt = flow.prompts.get(step.prompt) if flow is not None and step is not None else None
        text = prompt.text(self.language) if prompt is not None else ""
        left, right = "〔〕" if self.language == "zh" else "[]"
        return filled(text, {slot: f"{left}{self._slot(slot)}{right}" for slot in slots(text)})

    def step(self, place: str) -> str:
        """A step's short name."""
        _, step = self._found(place)
        said = self.words(place)
        match step:
            case LookUpStep(name=name):
                return self.text(LOOK_UP_NAMES.get(name, name))
            case BranchStep():
                return self.text("分流")
            case RecordStep():
                return self.text("录音留言")
            case QueueStep(keep=True):
                return self.text("回到原位次")
            case QueueStep(group=group, line=line):
                return self._named(group or line) or self.text("排队等人工")
            case TransferStep(group=group, line=line):
                return self._named(group or line) or self.text("转接")
            case CallBackStep():
                return self.text("留号等回电")
            case HangUpStep():
                return self.text("语音结束")
            case _:
                return gist(said, self.language) or place.partition("/")[2]

    def _named(self, desks: str) -> str:
        """Name of a group's or a line's desks; their key where the city has them no more."""
        return self._desks.get(desks, desks)

    def _slot(self, name: str) -> str:
        return self.text(SLOT_NAMES[name]) if name in SLOT_NAMES else name

    def target(self, to: str) -> str:
        """Where an arrow leads: a step, or how the session ended."""
        return self.text(END_NAMES.get(to[1:], to[1:])) if to.startswith(":") else self.step(to)

    def why(self, place: str, why: str) -> str:
        """Why a step was left."""
        if why.startswith("key "):
            return self.text("按 {key}").format(key=why[4:])
        _, step = self._found(place)
        if isinstance(step, LookUpStep) and step.name == "hours" and why in _HOURS:
            return self.text(_HOURS[why])
        return self.text(WHY_NAMES.get(why, why))

    def way(self, place: str, why: str, to: str) -> str:
        """Why a step was left, and where that led."""
        if to.startswith(":") and why in _OWN_ENDS:
            return self.target(to)
        return f"{self.why(place, why)} → {self.target(to)}"

    def _found(self, place: str) -> tuple[IvrFlow | None, Step | None]:
        key, _, name = place.partition("/")
        flow = self.flows.get(key)
        return flow, flow.step(name) if flow is not None else None
