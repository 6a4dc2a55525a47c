"""The bar on every page: which pages a person's role has, the daily ones side by side, the rest in a menu. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from desk.access.users import Role


@dataclass(frozen=True)
class Link:
    """A page that the bar leads to."""

    path: str
    name: str
    #: Roles in whose bar it stands, and in whose menu.
    bar: frozenset[Role] = frozenset()
    menu: frozenset[Role] = frozenset()

    @property
    def test(self) -> str:
        """What tests find it by."""
        return f"nav-{self.path.strip('/')}"


def _roles(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


#: In the order in which they stand. The page of a person's own work is behind the name of the product.
LINKS = (
    Link("/wallboard", "大屏", _roles("supervisor")),
    Link("/leader", "驾驶舱", _roles("leader"), _roles("supervisor", "arbiter")),
    Link("/calls", "通话清单", _roles("supervisor"), _roles("arbiter", "leader")),
    Link("/board", "派单台", _roles("dispatcher"), _roles("supervisor")),
    Link("/department", "工单处理", _roles("supervisor", "arbiter", "dispatcher", "leader")),
    Link("/rulings", "督查室", _roles("arbiter"), _roles("supervisor")),
    Link("/callbacks", "回访", _roles("agent"), _roles("supervisor")),
    Link(
        "/knowledge",
        "知识库",
        _roles("agent", "department", "arbiter", "dispatcher", "grid", "reviewer", "leader"),
        _roles("supervisor"),
    ),
    Link("/search", "实录检索", _roles("agent"), _roles("supervisor")),
    Link("/units", "单位", _roles("department", "dispatcher"), _roles("agent", "supervisor", "arbiter")),
    Link("/field/", "现场", _roles("grid"), _roles("department")),
    Link("/mailbox", "信箱", _roles("department"), _roles("agent", "supervisor", "arbiter")),
    Link("/worktime", "坐席工时", menu=_roles("supervisor")),
    Link("/quality", "质检", _roles("agent", "reviewer", "supervisor")),
    Link("/assessment", "一键考核", _roles("arbiter", "leader"), _roles("supervisor", "department")),
    Link("/analysis", "分析研判", _roles("arbiter", "leader"), _roles("supervisor")),
    Link("/voice", "语音导航", menu=_roles("supervisor", "arbiter", "leader")),
    Link("/calendar", "日历与时限", menu=_roles("supervisor", "arbiter", "department", "dispatcher", "grid")),
    Link("/announcements", "停水停电公告", menu=_roles("agent", "supervisor", "arbiter", "department", "dispatcher")),
    Link("/models", "研判模型", menu=_roles("supervisor")),
    Link("/webhooks", "系统对接", _roles("administrator"), _roles("supervisor")),
    Link("/settings", "系统配置", _roles("administrator")),
    Link("/users", "账号管理", _roles("administrator")),
    Link("/roles", "岗位权限", _roles("auditor"), _roles("administrator")),
    Link("/tokens", "接口令牌", _roles("administrator")),
    Link("/audit", "审计日志", _roles("auditor")),
)


def in_bar(role: Role, path: str) -> list[Link]:
    """The links beside each other, without the page that is shown."""
    return _of(LINKS, "bar", role, path)


def in_menu(role: Role, path: str) -> list[Link]:
    """The links behind 更多, without the page that is shown."""
    return _of(LINKS, "menu", role, path)


def _of(links: Iterable[Link], where: str, role: Role, path: str) -> list[Link]:
    return [link for link in links if role in getattr(link, where) and link.path != path]
