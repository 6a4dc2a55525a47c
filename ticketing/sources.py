"""How a matter came to the city: one of these words stands on every ticket."""

from typing import Literal, get_args

TicketSource = Literal["call", "letter", "web", "walkin", "chat", "open311", "webhook", "patrol", "import"]
SOURCES: tuple[TicketSource, ...] = get_args(TicketSource)
NAMES: dict[TicketSource, str] = {
    "call": "来电",
    "letter": "市长信箱",
    "web": "网上诉求",
    "walkin": "窗口来访",
    "chat": "微信",
    "open311": "Open311",
    "webhook": "外部系统",
    "patrol": "巡查上报",
    "import": "数据导入",
}
#: Of which nearly all tickets are: no index of words is asked for them.
USUAL: frozenset[TicketSource] = frozenset({"call", "import"})
