"""What may be done to an article, by whom, and why. Pure."""

from dataclasses import dataclass
from typing import Literal

from core.errors import NotAllowed
from ticketing.actor import Role
from ticketing.knowledge.tables import ArticleState

Step = Literal["save", "publish", "withdraw", "review"]

#: Why an answer did not help: key and name.
UNHELPFUL: dict[str, str] = {
    "off": "答非所问",
    "old": "内容过时",
    "local": "与本地规定不符",
    "unclear": "来电人听不明白",
    "short": "内容不全",
    "other": "其他",
}


@dataclass(frozen=True)
class Edge:
    step: Step
    before: ArticleState
    after: ArticleState
    roles: frozenset[Role]
    #: Why there is this edge.
    why: str


_WRITERS: frozenset[Role] = frozenset({"agent", "department", "supervisor"})
_REVIEWERS: frozenset[Role] = frozenset({"supervisor"})
_FILES: frozenset[Role] = frozenset({"system"})

EDGES: tuple[Edge, ...] = (
    Edge("save", "draft", "draft", _WRITERS | _FILES, "谁接到问题谁最清楚，坐席和部门都可以起草、修改"),
    Edge("save", "published", "published", _WRITERS | _FILES, "修改只存为新版本，审核发布之前坐席看到的仍是旧版"),
    Edge("save", "withdrawn", "draft", _WRITERS | _FILES, "已下架的条目改好后重新走审核"),
    Edge("publish", "draft", "published", _REVIEWERS | _FILES, "由起草人以外的值班主任审核后发布"),
    Edge("publish", "published", "published", _REVIEWERS | _FILES, "新版本审核后替换旧版本"),
    Edge("withdraw", "published", "withdrawn", _REVIEWERS | _FILES, "内容失效或有误，立即不再推荐"),
    Edge("withdraw", "draft", "withdrawn", _REVIEWERS, "不采用的草稿"),
    Edge("review", "published", "published", _REVIEWERS, "核实内容仍然有效，不改内容"),
)


def after(step: Step, before: ArticleState, role: Role) -> ArticleState:
    """The state after a step; :class:`NotAllowed` where the table has no such edge or not for this role."""
    edge = next((e for e in EDGES if e.step == step and e.before == before), None)
    if edge is None:
        raise NotAllowed("条目当前状态不能这样操作", hint=f"{before} → {step}")
    if role not in edge.roles:
        raise NotAllowed("您没有此项权限", hint=f"{step}: {', '.join(sorted(edge.roles))}")
    return edge.after


def steps_of(state: ArticleState, role: Role) -> list[Step]:
    """What this role may do to an article in this state."""
    return [e.step for e in EDGES if e.before == state and role in e.roles]
