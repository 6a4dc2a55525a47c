"""Who may do what: the one table of roles and actions. Pure.

A role that is not in the row is refused at the door of every route of that action (:mod:`desk.access.routes`). What is
finer stands where it is known: a ticket's area, a call's desk, the step of a flow, the figures of one's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from desk.access.users import Role, User

ROLE_NAMES: Mapping[Role, str] = MappingProxyType({
    "agent": "坐席", "dispatcher": "派单员", "department": "部门", "grid": "网格员", "supervisor": "班长",
    "reviewer": "质检员", "arbiter": "督查员", "leader": "领导", "administrator": "管理员", "auditor": "审计员",
})  # fmt: skip

_EVERYBODY: frozenset[Role] = frozenset(ROLE_NAMES)
#: Who does something to tickets: the step of the flow and the area say what.
_HANDLING: frozenset[Role] = frozenset({"agent", "dispatcher", "department", "grid", "supervisor", "arbiter"})
_FLOOR: frozenset[Role] = frozenset({"agent", "supervisor"})
_LEAD: frozenset[Role] = frozenset({"supervisor"})
_FIGURES: frozenset[Role] = frozenset({"supervisor", "arbiter", "leader"})
_QUALITY: frozenset[Role] = frozenset({"agent", "supervisor", "reviewer"})


@dataclass(frozen=True)
class Action:
    """One row: what it is called, who may, and why they and nobody else."""

    key: str
    name: str
    roles: frozenset[Role]
    why: str
    #: Programs may be given it (scope of a token).
    scope: bool = True


ACTIONS: tuple[Action, ...] = (
    Action("account", "本人账号", _EVERYBODY, "Everybody keeps their own password, second factor and sessions.", False),
    Action("home", "首页与接口文档", _EVERYBODY, "Where a day begins; what the API offers is no secret of the house."),
    Action("follow", "实时动态", _HANDLING | {"reviewer", "leader"},
           "Each person hears only what rights.py gives; who keeps the house needs no events of calls.", False),
    Action("call.take", "接听与处理来电", _FLOOR, "Whoever takes calls, and who takes one over."),
    Action("call.supervise", "监听、强插、切换模式", _LEAD,
           "Listening to others and the centre's mode are the shift leader's; each use is in the audit."),
    Action("call.list", "通话清单", _FLOOR | {"arbiter", "leader"},
           "Call takers their own calls, the shift leader all; who reads the city's figures finds the calls behind "
           "them, without numbers."),
    Action("call.search", "实录检索", _FLOOR, "Call takers in their own calls, the shift leader in all."),
    Action("call.read", "通话详情、录音与实录", _HANDLING | {"reviewer"},
           "Whose desk had the call, or whose ticket came of it; inside, grid staff and reviewers are refused."),
    Action("missed", "未接来电回拨", _FLOOR, "They ring back; releasing for others and marks are the shift leader's."),
    Action("mode.read", "运行模式", _HANDLING | {"reviewer", "leader"}, "A typhoon concerns all who work."),
    Action("board", "指挥大屏与坐席工时", _LEAD, "It shows callers' numbers and what each desk does.", False),
    Action("health", "线路状态", _LEAD | {"administrator"}, "Who leads the floor, and who keeps the machines."),
    Action("ticket.read", "查看工单", _HANDLING | {"reviewer", "leader"},
           "Callers ask anybody at a desk how theirs stands; departments and areas see what is theirs; who only reads "
           "figures or scores calls sees no name and no number."),
    Action("ticket.list", "工单列表", _HANDLING - {"agent"} | {"reviewer", "leader"},
           "Call takers find tickets by call and number, not by leafing through them."),
    Action("ticket.person", "来电人号码与姓名", _HANDLING - {"dispatcher", "arbiter"},
           "Who speaks to callers, visits them or answers for both; for all others they are masked."),
    Action("ticket.reveal", "说明理由后查看号码与姓名", frozenset({"dispatcher", "arbiter"}),
           "Sending and ruling need no names; where they do, the reason is in the audit."),
    Action("ticket.work", "填写与办理工单", _HANDLING, "The flow's table says which step is whose."),
    Action("ticket.assign", "分派、会办、催办、督办", _HANDLING, "The levels of the city say who passes what to whom."),
    Action("ticket.rule", "督查室", frozenset({"arbiter", "supervisor"}), "The supervision office decides refusals."),
    Action("ticket.clock", "时限：延期、暂停", _HANDLING, "Departments ask, and whom the city names decides."),
    Action("ticket.incident", "事件合并", _HANDLING, "Who takes calls joins them; inside, others are refused."),
    Action("ticket.callback", "回访", _FLOOR, "Who takes calls rings back and enters the answer."),
    Action("ticket.handover", "紧急移交", _LEAD, "Leaves the house with the caller's name and number."),
    Action("unit", "单位与派遣", _HANDLING, "Desks and dispatchers send; departments see and move their own."),
    Action("dispatch", "派单台", frozenset({"dispatcher", "supervisor"}),
           "One screen of all open tickets and units, for who sends all day; call takers send their own call's."),
    Action("field", "现场作业", frozenset({"department", "grid"}), "Whoever is on the spot."),
    Action("field.help", "现场求助", frozenset({"supervisor", "dispatcher"}), "Who commands, answers."),
    Action("letter", "市长信箱", _HANDLING, "Departments draft, the shift leader approves, desks send."),
    Action("walkin", "登记来访", _FLOOR, "The counter is a desk."),
    Action("notice", "停水停电公告", _HANDLING | {"leader"}, "All read them; the city's file says who enters which."),
    Action("knowledge", "知识库", _HANDLING | {"reviewer", "leader"}, "All read; its steps say who writes."),
    Action("calendar", "日历与时限", _HANDLING | {"reviewer", "leader"}, "Everybody's deadlines follow from it."),
    Action("figures", "分析研判与语音导航", _FIGURES, "The whole city's figures; repeat callers' numbers are masked."),
    Action("leader", "领导驾驶舱", _FIGURES,
           "The figures of today and the rows behind each; who only reads them sees no name and no number."),
    Action("leader.wall", "领导大屏", _FIGURES,
           "A screen on a wall stays signed in for weeks, so it may show the figures and nothing else.", False),
    Action("figures.work", "批注预警与编发简报", frozenset({"supervisor", "arbiter"}),
           "Leaders read; what goes out in the centre's name is written by who answers for it."),
    Action("assess", "一键考核", _FIGURES | {"department"}, "Departments see their own; few may freeze."),
    Action("quality", "质检、申诉与辅导", _QUALITY, "Who is scored, who scores, who answers for both."),
    Action("quality.oversee", "质检管理", frozenset({"supervisor"}), "Who draws does not score."),
    Action("speech", "实录更正与词库", _LEAD, "Who answers for the quality of the calls."),
    Action("models", "研判模型", _LEAD, "Which model judges calls is the shift leader's."),
    Action("hooks", "系统对接", _LEAD | {"administrator"}, "Keys of other systems and where messages go."),
    Action("users", "账号、岗位与会话管理", frozenset({"administrator"}),
           "Who makes logins handles no tickets, hears no calls and reads no audit.", False),
    Action("roles", "岗位权限", frozenset({"administrator", "auditor"}),
           "Who gives roles, and who looks after that, know what each may; neither changes it here.", False),
    Action("config", "系统配置", frozenset({"administrator"}),
           "Who keeps the house changes its lines, desks and rules, with a reason; a program never does.", False),
    Action("tokens", "接口令牌管理", frozenset({"administrator"}), "The same; a token never makes a token.", False),
    Action("audit", "审计日志", frozenset({"auditor"}), "Who looks after all reads, and changes nothing."),
)  # fmt: skip

BY_KEY: Mapping[str, Action] = MappingProxyType({action.key: action for action in ACTIONS})
SCOPES: tuple[Action, ...] = tuple(action for action in ACTIONS if action.scope)


def may(role: str, action: str) -> bool:
    """Whether the table gives this action to the role."""
    return role in BY_KEY[action].roles


def holds(user: User, action: str) -> bool:
    """Whether this person may; a program what its token names besides."""
    return may(user.role, action) and (user.scopes is None or action in user.scopes)


def actions_of(role: Role) -> tuple[Action, ...]:
    """What a role may."""
    return tuple(action for action in ACTIONS if role in action.roles)
