"""A city's flows as tables to ask: which step an action leads to, what a role may do, what a history tells. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, get_args

from core.city import City
from core.city_flows import Flow, FlowAction, FlowRole, FlowStep, Phase
from core.errors import NotAllowed
from ticketing.states import ACTION_NAMES

#: Actions of history rows that take an edge; all others stay where they are, but ``flow`` (another flow) and ``draft``.
MOVES: frozenset[str] = frozenset(get_args(FlowAction))


@dataclass(frozen=True)
class Edge:
    """One way out of one step."""

    before: str
    action: FlowAction
    after: str
    roles: tuple[FlowRole, ...]
    #: What its button says, in Chinese and in English; empty where that is the action's usual name.
    name: str
    name_en: str
    #: Why it exists.
    reason: str
    reason_en: str


class FlowTable:
    """One flow: a step and an action lead to at most one step."""

    def __init__(self, flow: Flow) -> None:
        self.key = flow.key
        self.name = flow.name
        self.name_en = flow.name_en
        #: In the order of a ticket's life.
        self.steps: dict[str, FlowStep] = {step.key: step for step in flow.steps}
        self.first = flow.steps[0]
        self.edges = tuple(
            Edge(before, e.action, e.after, e.roles, e.name, e.name_en, e.reason, e.reason_en)
            for e in flow.edges
            for before in e.before
        )
        self._table = {(edge.before, edge.action): edge for edge in self.edges}

    def edge(self, before: str, action: FlowAction) -> Edge | None:
        """The way of ``action`` from the step ``before``; None where there is none."""
        return self._table.get((before, action))

    def step(self, before: str, action: FlowAction, role: str) -> FlowStep:
        """The step that ``action`` leads to; :class:`NotAllowed` where there is no such edge for this role."""
        edge = self.edge(before, action)
        if edge is None:
            raise NotAllowed("工单当前状态不能这样处理", hint=f"{self.steps[before].name} × {ACTION_NAMES[action]}")
        if role not in edge.roles:
            raise NotAllowed("您的岗位不能这样处理工单", hint=f"{role} × {ACTION_NAMES[action]}")
        return self.steps[edge.after]

    def ways(self, step: str, role: str) -> tuple[Edge, ...]:
        """What ``role`` may do at ``step``, in the flow's order: the buttons of a screen."""
        return tuple(edge for edge in self.edges if edge.before == step and role in edge.roles)

    def of_phase(self, phase: Phase) -> FlowStep:
        """The first step of a phase; every flow has one."""
        return next(step for step in self.steps.values() if step.phase == phase)


class Placed(Protocol):
    """The part of a ticket by which its flow is chosen, and where it stands."""

    @property
    def line(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def is_emergency(self) -> bool: ...
    @property
    def flow(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def state(self) -> Phase: ...


class Flows:
    """The flows of a city."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.tables = {flow.key: FlowTable(flow) for flow in city.flows}
        #: What flow is for which code, line and kind.
        self._codes = {code: flow.key for flow in city.flows for code in flow.use.codes}
        self._lines = {number: flow.key for flow in city.flows for number in flow.use.lines}
        self._kinds = {kind: flow.key for flow in city.flows for kind in flow.use.kinds}

    def of(self, key: str) -> FlowTable:
        """The flow of this key."""
        return self.tables[key]

    def chosen(self, line: str, code: str, is_emergency: bool) -> FlowTable:
        """The flow that holds for such a ticket: by its category, else its class, its line, its kind.

        Category and line count only where the ticket is of their kind: an emergency on a service line, or with a
        service category, goes the way of emergencies.
        """
        found = None
        if code and self.city.is_emergency(code) == is_emergency:
            found = next((self._codes[code[:n]] for n in range(len(code), 0, -1) if code[:n] in self._codes), None)
        if found is None and (hotline := self.city.line(line)) and (hotline.kind == "emergency") == is_emergency:
            found = self._lines.get(line)
        return self.tables[found or self._kinds["emergency" if is_emergency else "service"]]

    def place(self, ticket: Placed) -> tuple[FlowTable, FlowStep]:
        """Where a ticket stands.

        One from before there were flows, or whose flow or step the city has since taken away, stands at the first step
        of its phase, in the flow that holds for it.
        """
        table = self.tables.get(ticket.flow) or self.chosen(ticket.line, ticket.code, ticket.is_emergency)
        step = table.steps.get(ticket.step)
        return table, step if step is not None and step.phase == ticket.state else table.of_phase(ticket.state)


class Kept(Protocol):
    """The part of a history row that tells of flow and step."""

    @property
    def action(self) -> str: ...
    @property
    def before(self) -> Phase | None: ...
    @property
    def after(self) -> Phase: ...
    @property
    def flow(self) -> str: ...
    @property
    def step_before(self) -> str: ...
    @property
    def step_after(self) -> str: ...


@dataclass(frozen=True)
class Standing:
    """Where a history has led; flow and step are empty while it tells only of times before there were flows."""

    flow: str
    step: str
    phase: Phase


def replay(rows: Iterable[Kept], flows: Flows) -> Standing:
    """Where a ticket's history leads, its opening first.

    Raises ``ValueError`` where a row took no edge of its flow, or does not start where the one before it ended.
    """
    now: Standing | None = None
    for row in rows:
        if fault := _fault(now, row, flows):
            raise ValueError(f"history is broken: {row.action} {row.step_before} → {row.step_after}: {fault}")
        now = Standing(row.flow, row.step_after, row.after)
    if now is None:
        raise ValueError("history is empty")
    return now


def _fault(now: Standing | None, row: Kept, flows: Flows) -> str:
    if row.before != (now.phase if now else None):
        return f"the ticket was {now.phase if now else 'not there'}"
    table = flows.tables.get(row.flow)
    if row.flow == "":
        # Written before there were flows: only the phases tell something.
        return "a flow was left" if now and now.flow else ""
    if table is None or row.step_after not in table.steps or table.steps[row.step_after].phase != row.after:
        return f"no such step in flow {row.flow}"
    if now is None:
        return "" if row.action == "draft" and row.step_after == table.first.key else "not the beginning"
    if row.action == "flow":
        return "" if row.before == row.after and row.step_before == now.step else "another flow, but not by the phase"
    if (row.flow, row.step_before) != (now.flow, now.step):
        return f"the ticket was at {now.flow} {now.step}"
    if row.action in MOVES:
        edge = table.edge(row.step_before, row.action)  # type: ignore[arg-type]
        return "" if edge is not None and edge.after == row.step_after else f"no edge of flow {row.flow}"
    return "" if row.step_before == row.step_after else "it moved without an edge"
