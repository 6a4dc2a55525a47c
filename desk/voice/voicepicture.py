"""A flow as callers went through it: its steps from left to right, arrows as broad as callers are many. Pure.

SVG with presentation attributes only, for no style may stand in a page. What ends a session stands in the last column;
an arrow that leads back is drawn below the steps.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from core.city_ivr import CallBackStep, HangUpStep, IvrFlow, QueueStep, TransferStep
from desk.voice.voiceviews import VoiceViews
from ivr.gist import cut
from ivr.report import StepFigures, Way

#: Size of a step, and between two columns and two steps of a column. Units are pixels at a width of 1366.
_WIDE, _HIGH, _BETWEEN, _BELOW = 112, 44, 58, 26
#: Height that each arrow needs at a step's side for its number.
_PORT = 15
#: Breadth of the arrow that most callers took.
_BROAD = 20.0
_LEAST_WIDTH = 1290
_MARGIN = 8
#: Room for an arrow that turns back.
_TURN = 46

Link = Callable[[Mapping[str, str]], str]


@dataclass
class _Node:
    """A step, another flow or an end in the picture; ``key`` as :meth:`ivr.report.Walk.targets` names it."""

    key: str
    entered: int
    column: int = 0
    y: float = 0.0
    figures: StepFigures | None = None
    out: list["_Arrow"] = field(default_factory=list)
    into: list["_Arrow"] = field(default_factory=list)

    @property
    def high(self) -> float:
        return max(_HIGH, _PORT * max(len(self.out), len(self.into)) + 12)

    @property
    def hung_up(self) -> int:
        return self.figures.hung_up if self.figures is not None else 0


@dataclass
class _Arrow:
    source: _Node
    target: _Node
    count: int
    whys: Counter[str]


def picture(flow: IvrFlow, steps: Sequence[StepFigures], views: VoiceViews, link: Link) -> Markup:
    """The steps of ``flow`` that anybody entered. ``link`` gives the address of the calls behind a figure, whose
    names are those of :class:`ivr.report.Figure`; ``{"flow": key}`` alone, with an empty ``step``, another picture."""
    nodes = _nodes(flow, steps)
    if not nodes:
        return Markup("")
    columns = _columns(flow, nodes)
    _place(columns)
    _order(columns)
    # Arrows that lead back from the last column need room beside it.
    right = _TURN if any(node.out for node in columns[-1]) else _MARGIN
    wide = max(_LEAST_WIDTH, len(columns) * (_WIDE + _BETWEEN) - _BETWEEN + _MARGIN + right)
    pitch = (wide - _MARGIN - right - _WIDE) / max(len(columns) - 1, 1)
    bottom = max(node.y + node.high + (14 if node.hung_up else 0) for node in nodes.values())
    back = [arrow for node in nodes.values() for arrow in node.out if arrow.target.column <= node.column]
    high = bottom + 18 + 12 * len(back) + _MARGIN
    scale = _BROAD / max([arrow.count for node in nodes.values() for arrow in node.out] or [1])
    drawn = [
        _arrow(arrow, pitch, max(1.5, arrow.count * scale), bottom + 14 + 12 * place, views, link)
        for place, arrow in enumerate(
            sorted((a for node in nodes.values() for a in node.out), key=lambda a: a not in back)
        )
    ]
    boxes = [_box(node, pitch, flow.key, views, link) for node in nodes.values()]
    # Numbers last, so that no arrow covers one.
    return Markup(
        '<svg class="voice-flow" viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-label="{t}"><title>{t}</title>{a}{b}{n}'
        "</svg>"
    ).format(
        w=wide, h=high, t=views.flow(flow.key), a=Markup("").join(path for path, _ in drawn),
        b=Markup("").join(boxes), n=Markup("").join(number for _, number in drawn),
    )  # fmt: skip


def _nodes(flow: IvrFlow, steps: Sequence[StepFigures]) -> dict[str, _Node]:
    own = {f"{s.flow}/{s.step}": s for s in steps if s.flow == flow.key}
    order = {f"{flow.key}/{step.key}": place for place, step in enumerate(flow.steps)}
    nodes = {
        key: _Node(key, own[key].entered, figures=own[key])
        for key in sorted(own, key=lambda key: (order.get(key, len(order)), key))
    }
    for key, figures in own.items():
        ways: dict[str, Counter[str]] = defaultdict(Counter)
        for way in figures.ways:
            if way.to != key and _shown(flow, figures, way):
                # Another flow is one node, whatever its first step is.
                to = way.to if way.to.startswith(":") or way.to in own else f"/{way.to.partition('/')[0]}"
                ways[to][way.why] += way.count
        for to, whys in ways.items():
            count = sum(whys.values())
            target = nodes.setdefault(to, _Node(to, 0))
            if target.figures is None:
                target.entered += count
            arrow = _Arrow(nodes[key], target, count, whys)
            nodes[key].out.append(arrow)
            target.into.append(arrow)
    return nodes


def _shown(flow: IvrFlow, figures: StepFigures, way: Way) -> bool:
    """Whoever hangs up is a number below the step; that a queue queues need not be said."""
    return way.to != ":caller" and not (way.to.startswith(":") and way.to != ":emergency" and _last(flow, figures))


def _last(flow: IvrFlow, figures: StepFigures) -> bool:
    step = flow.step(figures.step)
    return isinstance(step, QueueStep | HangUpStep | CallBackStep) or (
        isinstance(step, TransferStep) and not step.party
    )


def _columns(flow: IvrFlow, nodes: Mapping[str, _Node]) -> list[list[_Node]]:
    """Each step as few arrows from the beginning as can be, what ends a session in the last column."""
    ends = {key for key, node in nodes.items() if node.figures is None or _last(flow, node.figures)}
    column: dict[str, int] = {}
    # Steps that come from nowhere begin: the flow's first, and what other flows lead to.
    for start in [key for key in nodes if key not in ends]:
        if start in column:
            continue
        column[start] = 0
        line = [start]
        for key in line:
            for arrow in nodes[key].out:
                if arrow.target.key not in ends and arrow.target.key not in column:
                    column[arrow.target.key] = column[key] + 1
                    line.append(arrow.target.key)
    # A step that its own neighbour leads to as well stands behind it.
    for key in nodes:
        for arrow in nodes[key].out if key in column else ():
            if arrow.target.key in column and column[arrow.target.key] == column[key]:
                column[arrow.target.key] += 1
    last = max(column.values(), default=-1) + 1
    columns: list[list[_Node]] = [[] for _ in range(last + bool(ends))]
    for key, node in nodes.items():
        node.column = last if key in ends else column[key]
        columns[node.column].append(node)
    return columns


def _place(columns: Sequence[list[_Node]]) -> None:
    """Order each column by where its callers come from, then put the steps below one another."""
    for column in columns:
        y = float(_MARGIN)
        if column and column[0].into:
            weights = {
                id(node): sum(a.count * (a.source.y + a.source.high / 2) for a in node.into)
                / max(sum(a.count for a in node.into), 1)
                for node in column
            }
            column.sort(key=lambda node: weights[id(node)])
        for node in column:
            node.y = y
            y += node.high + _BELOW
    high = max(column[-1].y + column[-1].high for column in columns if column)
    for column in columns:
        # In the middle of the picture, unless it is the tallest.
        down = (high - column[-1].y - column[-1].high) / 2 if column else 0
        for node in column:
            node.y += down


def _order(columns: Sequence[list[_Node]]) -> None:
    for column in columns:
        for node in column:
            node.out.sort(key=lambda a: (a.target.column <= a.source.column, a.target.y))
            node.into.sort(key=lambda a: (a.source.column >= a.target.column, a.source.y))


def _port(place: int, of: int, node: _Node) -> float:
    return node.y + node.high / 2 + (place - (of - 1) / 2) * _PORT


def _arrow(
    arrow: _Arrow, pitch: float, broad: float, below: float, views: VoiceViews, link: Link
) -> tuple[Markup, Markup]:
    source, target = arrow.source, arrow.target
    x0, x1 = _MARGIN + source.column * pitch + _WIDE, _MARGIN + target.column * pitch
    y0 = _port(source.out.index(arrow), len(source.out), source)
    y1 = _port(target.into.index(arrow), len(target.into), target)
    if target.column > source.column:
        bend = min(60.0, (x1 - x0) / 2)
        path = f"M{x0:.0f} {y0:.1f}C{x0 + bend:.0f} {y0:.1f} {x1 - bend:.0f} {y1:.1f} {x1:.0f} {y1:.1f}"
    else:
        path = (
            f"M{x0:.0f} {y0:.1f}C{x0 + 40:.0f} {y0:.1f} {x0 + 40:.0f} {below:.1f} {x0:.0f} {below:.1f}"
            f"H{x1:.0f}C{x1 - 40:.0f} {below:.1f} {x1 - 40:.0f} {y1:.1f} {x1:.0f} {y1:.1f}"
        )
    whys = "、".join(f"{views.why(source.key, why)} {count}" for why, count in arrow.whys.most_common())
    title = f"{views.target(source.key)} → {_name(target, views)}{': ' if views.language == 'en' else '：'}{whys}"
    asked = {"step": source.key, "to": target.key}
    line = Markup('<path d="{d}" stroke-width="{w:.1f}" class="{c}"><title>{t}</title></path>').format(
        d=path, w=broad, t=title, c="urgent" if target.key == ":emergency" else "way"
    )
    number = Markup(
        '<a href="{h}"><text x="{x:.0f}" y="{y:.1f}" class="count">{n}<title>{t}</title></text></a>'
    ).format(h=link(asked), x=x0 + 4, y=y0 + 4, n=arrow.count, t=title)
    return line, number


def _name(node: _Node, views: VoiceViews) -> str:
    return cut(views.flow(node.key[1:]) if node.key.startswith("/") else views.target(node.key), views.language)


def _box(node: _Node, pitch: float, flow: str, views: VoiceViews, link: Link) -> Markup:
    x = _MARGIN + node.column * pitch
    figures = node.figures
    if figures is None:
        other = node.key.startswith("/")
        href = link({"flow": node.key[1:]}) if other else link({"flow": flow, "to": node.key})
        below, hung_up = str(node.entered), Markup("")
        kind = "other" if other else "urgent" if node.key == ":emergency" else "end"
    else:
        href = link({"step": node.key})
        below = f"{figures.entered} · {views.text('{s} 秒').format(s=f'{figures.median_s:.0f}')}"
        hung_up = Markup("")
        if figures.hung_up:
            hung_up = Markup('<a href="{h}"><text x="{x:.0f}" y="{y:.1f}" class="gone">{t} {n}</text></a>').format(
                h=link({"step": node.key, "why": "hung up"}), x=x + _WIDE / 2, y=node.y + node.high + 13,
                t=views.text("挂机"), n=figures.hung_up,
            )  # fmt: skip
        kind = "step"
    middle = node.y + node.high / 2
    said = views.words(node.key) if figures is not None else ""
    return Markup(
        '<a href="{h}" class="{k}"><rect x="{x:.0f}" y="{y:.1f}" width="{w}" height="{high:.1f}" rx="6"/>'
        '<text x="{c:.0f}" y="{a:.1f}" class="name">{name}</text>'
        '<text x="{c:.0f}" y="{b:.1f}" class="many">{below}</text>'
        "<title>{t}</title></a>{hung}"
    ).format(
        h=href, k=kind, x=x, y=node.y, w=_WIDE, high=node.high, c=x + _WIDE / 2, a=middle - 4, b=middle + 13,
        name=_name(node, views), below=below, t=said or _name(node, views), hung=hung_up,
    )  # fmt: skip
