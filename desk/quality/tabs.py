"""The pages of quality beside each other, by role. Pure."""

from dataclasses import dataclass

from desk.access.users import Role


@dataclass(frozen=True)
class Tab:
    """A page that the row of tabs leads to."""

    path: str
    name: str
    roles: tuple[Role, ...]

    @property
    def test(self) -> str:
        """What tests find it by."""
        return f"tab-{self.path.rsplit('/', 1)[-1]}"


TABS = (
    Tab("/quality/oversight", "质检任务", ("supervisor",)),
    Tab("/quality/sampling", "抽样", ("supervisor",)),
    Tab("/reviews", "我的任务", ("reviewer",)),
    Tab("/quality/appeals", "我的质检", ("agent",)),
    Tab("/quality/appeals", "申诉复核", ("reviewer", "supervisor")),
    Tab("/quality/calibration", "校准", ("supervisor",)),
    Tab("/quality/coaching", "辅导", ("agent", "supervisor")),
    Tab("/quality/reports", "质量报表", ("supervisor",)),
    Tab("/examples", "优秀案例", ("agent", "reviewer", "supervisor")),
)


def tabs_of(role: Role) -> list[Tab]:
    """The tabs of this role, in their order."""
    return [tab for tab in TABS if role in tab.roles]


def home_of(role: Role) -> str:
    """Where this role's quality begins; empty where it has none."""
    return next((tab.path for tab in TABS if role in tab.roles), "")
