"""Every screen that has a picture: its file, what it is called, who looks at it, where, and at what size."""

from dataclasses import dataclass

#: Width and height in CSS pixels.
DESK, WALL, PHONE = (1366, 768), (1920, 1080), (390, 844)


@dataclass(frozen=True)
class Screen:
    """One picture. ``path`` may name ``{call}`` and ``{ticket}`` of the demonstration."""

    name: str
    title: str
    english: str
    #: Nobody is signed in where it is empty.
    login: str
    path: str
    size: tuple[int, int] = DESK
    #: Appearance chosen in the bar: light, dark; big type.
    look: str = "light"


#: In the order of the page that shows them, by who works there, taken when the demonstration's calls are over. The call
#: taker's page in a call and a ticket are taken in the middle of it (take.py), the wallboard and the page of a review
#: from a busy centre in memory (scenes.py).
SCREENS: dict[str, tuple[Screen, ...]] = {
    "坐席 Call takers": (
        Screen("desk-check", "设备检查", "check of microphone, speaker and network", "agent1", "/desk/check"),
        Screen("desk-dark", "坐席页（深色）", "the call taker's page by night", "agent1", "/desk", look="dark"),
        Screen("missed", "未接来电", "missed calls", "agent1", "/missed"),
        Screen("callbacks", "回访", "callbacks", "agent1", "/callbacks"),
        Screen("search", "实录检索", "search over transcripts", "agent1", "/search?q=工地"),
        Screen("knowledge", "知识库", "knowledge base", "agent1", "/knowledge"),
        Screen("walkin", "来访登记", "the counter", "agent1", "/walkin"),
        Screen("announcements", "停水停电公告", "announced cuts", "agent1", "/announcements"),
        Screen("reviews-own", "我的质检", "a call taker's own reviews", "agent1", "/quality"),
        Screen("account", "本人账号", "own account", "agent1", "/account"),
    ),
    "派单与单位 Dispatch, departments, grid": (
        Screen("board", "派单台", "the dispatcher's board", "diaodu", "/board"),
        Screen("board-wall", "派单台（大屏）", "the same on a large screen", "diaodu", "/board", WALL),
        Screen("department", "部门工单", "a department's tickets", "urban", "/department"),
        Screen("units", "单位", "units", "diaodu", "/units"),
        Screen("rulings", "督查室", "the supervision office", "duchashi", "/rulings"),
        Screen("mailbox", "市长信箱", "letters", "duchashi", "/mailbox"),
        Screen("calendar", "日历与时限", "calendar and time limits", "duchashi", "/calendar"),
        Screen("field", "现场", "work on the spot", "wangge", "/field/", PHONE),
    ),
    "班长 Supervisors": (
        Screen("calls", "通话清单", "calls", "supervisor", "/calls"),
        Screen("call", "通话详情", "one call", "supervisor", "/calls/{call}"),
        Screen("worktime", "坐席工时", "working time", "supervisor", "/worktime"),
        Screen("voice", "语音导航", "what callers did before a person", "supervisor", "/voice"),
        Screen("lexicon", "词库", "words of recognition", "supervisor", "/lexicon"),
        Screen("models", "研判模型", "models", "supervisor", "/models"),
        Screen("webhooks", "系统对接", "other systems", "supervisor", "/webhooks"),
    ),
    "质检 Quality": (
        Screen("reviews", "待评录音", "reviews to do", "zhijian", "/reviews"),
        Screen("sampling", "抽样", "sampling", "supervisor", "/quality/sampling"),
        Screen("oversight", "质检管理", "oversight", "supervisor", "/quality/oversight"),
        Screen("calibration", "校准", "calibration", "supervisor", "/quality/calibration"),
        Screen("coaching", "辅导", "coaching", "supervisor", "/quality/coaching"),
        Screen("quality-reports", "质检报表", "quality reports", "supervisor", "/quality/reports"),
    ),
    "领导 Leaders": (
        Screen("leader", "领导驾驶舱", "today, trend, heat, ranking", "lingdao", "/leader"),
        Screen("leader-wall", "领导大屏", "the same on a wall", "lingdao", "/leader/wall", WALL),
        Screen("analysis", "分析研判", "analysis", "lingdao", "/analysis"),
        Screen("brief", "简报", "a brief", "supervisor", "/briefs"),
        Screen("assessment", "一键考核", "assessment", "lingdao", "/assessment"),
    ),
    "管理员与审计 Administrators and auditors": (
        Screen("settings", "系统配置", "the city's files, versioned", "admin", "/settings"),
        Screen("settings-lines", "线路", "lines", "admin", "/settings/file?name=lines.yaml"),
        Screen("settings-asterisk", "应用到 Asterisk", "check and apply", "admin", "/settings/asterisk"),
        Screen("users", "账号管理", "users", "admin", "/users"),
        Screen("roles", "岗位权限", "rights", "admin", "/roles"),
        Screen("tokens", "接口令牌", "tokens", "admin", "/tokens"),
        Screen("audit", "审计日志", "audit", "shenji", "/audit"),
    ),
    "公众 Everybody": (
        Screen("login", "登录", "signing in", "", "/login"),
        Screen("public", "我要反映", "the public form", "", "/public"),
        Screen("public-phone", "我要反映（手机）", "the same on a phone", "", "/public", PHONE),
    ),
}


def gallery() -> str:
    """The page that shows them all (``docs/screens.md``)."""
    lines = [
        "# Screens", "",
        "Every screen, taken by `docs/pictures/take.py` from the demonstration with its real calls, and by",
        "`docs/pictures/scenes.py` (the wallboard, the page of a review). All are there in English, by night and in",
        "big type as well (the bar's 外观).", "",
        "| | |", "|---|---|",
        "| 坐席页，通话中 the call taker's page in a call | ![](pictures/desk.png) |",
        "| the same in English | ![](pictures/desk-en.png) |",
        "| 工单 a ticket | ![](pictures/ticket.png) |",
        "| 指挥大屏 the wallboard | ![](pictures/wallboard.png) |",
        "| 质检页 the page of a review | ![](pictures/review.png) |",
    ]  # fmt: skip
    for group, screens in SCREENS.items():
        lines += ["", f"## {group}", "", "| | |", "|---|---|"]
        lines += [f"| {s.title} {s.english} | ![](pictures/{s.name}.webp) |" for s in screens]
    return "\n".join(lines) + "\n"
