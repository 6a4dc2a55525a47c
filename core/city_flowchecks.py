"""What is wrong in a flow. Pure: a flow goes in, sentences with the places that they are about come out."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import product

from core.city_flows import PHASES, Flow, FlowAction, FlowEdge, FlowRole, Phase
from core.cityfaults import Faults, File, quote

#: Where in a flow a fault lies: keys and places in lists, as :meth:`core.yamltext.Node.at` takes them.
Where = tuple[str | int, ...]

OPEN: tuple[Phase, ...] = PHASES[:-1]
#: What each action means to the machinery: the phases that an edge of it may join.
MEANINGS: dict[FlowAction, frozenset[tuple[Phase, Phase]]] = {
    "file": frozenset({("draft", "filed")}),
    "answer": frozenset({("draft", "closed"), ("filed", "closed")}),
    "dispatch": frozenset({("filed", "dispatched")}),
    "accept": frozenset({("dispatched", "handling")}),
    "refuse": frozenset({("dispatched", "filed"), ("handling", "filed")}),
    "depart": frozenset({("dispatched", "handling"), ("handling", "handling")}),
    "arrive": frozenset({("dispatched", "handling"), ("handling", "handling")}),
    "handle": frozenset({("handling", "handling")}),
    "report": frozenset({("handling", "reported")}),
    "call_back": frozenset({("reported", "callback")}),
    "settle": frozenset({("callback", "closed")}),
    "reopen": frozenset({("callback", "handling"), ("closed", "filed")}),
    "follow": frozenset(product(OPEN, ("closed",))),
    "overrule": frozenset(product(OPEN, ("closed",))),
}
#: The actions that may lead back to an earlier phase.
BACK: frozenset[FlowAction] = frozenset({"refuse", "reopen"})
#: What heyi itself does; no other edge is ever taken by ``system``.
OWN: frozenset[FlowAction] = frozenset({"call_back", "settle", "reopen", "follow"})
#: No way to the end: one needs another ticket, the other is the last resort.
_LAST: frozenset[FlowAction] = frozenset({"follow", "overrule"})
#: Who has a ticket only once it was dispatched to them.
_SENT_TO: frozenset[FlowRole] = frozenset({"department", "grid"})
_SENT: tuple[Phase, ...] = ("dispatched", "handling", "reported", "callback")
#: What must be possible in every step of a phase, and for whom (empty: for anybody who can be there).
NEEDED: tuple[tuple[Phase, FlowAction, FlowRole | None], ...] = (
    ("draft", "file", None),
    ("filed", "dispatch", None),
    ("reported", "call_back", "system"),
    ("callback", "settle", "system"),
    ("callback", "reopen", "system"),
    ("closed", "reopen", "system"),
    *((phase, "follow", "system") for phase in OPEN),
    *((phase, "overrule", "supervisor") for phase in OPEN),
)


def can_be_there(role: FlowRole, phase: Phase, action: FlowAction) -> bool:
    """Whether anybody of this role can meet a ticket in that phase and take this action."""
    if role == "system":
        return action in OWN
    return role not in _SENT_TO or phase in _SENT


def complaints(flow: Flow) -> list[tuple[Where, str]]:
    """Every fault of one flow; what follows from a wrong step or edge is not told on top of it."""
    found = [*_steps(flow), *_edges(flow)]
    return found or [*_missing_edges(flow), *_unreached(flow)]


def _steps(flow: Flow) -> Iterator[tuple[Where, str]]:
    seen: set[str] = set()
    for at, step in enumerate(flow.steps):
        if step.key in seen:
            yield ("steps", at, "key"), f"step {quote(step.key)} stands twice, expected each key once"
        seen.add(step.key)
    first = flow.steps[0]
    if first.phase != "draft":
        text = (
            f"the first step {quote(first.key)} lies in phase {first.phase}, expected draft: every ticket begins there"
        )
        yield ("steps", 0, "phase"), text
    there = {step.phase for step in flow.steps}
    for phase in PHASES:
        if phase not in there:
            text = f"no step lies in phase {phase}, expected one in each: lists, clocks and callbacks go by them"
            yield ("steps",), text


def _edges(flow: Flow) -> Iterator[tuple[Where, str]]:
    phases = {step.key: step.phase for step in flow.steps}
    taken: set[tuple[str, FlowAction]] = set()
    for at, edge in enumerate(flow.edges):
        where: Where = ("edges", at)
        if bool(edge.name) != bool(edge.name_en):
            yield (*where, "name"), "a name in one language, expected both name and name_en, or neither"
        if edge.after not in phases:
            yield (*where, "after"), _no_step("after", edge.after, phases)
        for before in edge.before:
            if before not in phases:
                yield (*where, "before"), _no_step("before", before, phases)
                continue
            if (before, edge.action) in taken:
                text = f"there is another way to {edge.action} from {quote(before)}, expected one for a step and action"
                yield (*where, "before"), text
            taken.add((before, edge.action))
            if edge.after in phases:
                yield from _meaning(where, edge, before, phases)


def _meaning(where: Where, edge: FlowEdge, before: str, phases: dict[str, Phase]) -> Iterator[tuple[Where, str]]:
    start, end = phases[before], phases[edge.after]
    if before == edge.after:
        yield (*where, "after"), f"{edge.action} leads from {quote(before)} to itself, expected another step"
    elif PHASES.index(end) < PHASES.index(start) and edge.action not in BACK:
        text = (
            f"{edge.action} leads from {quote(before)} back to {quote(edge.after)} (phase {start} to {end}), "
            "expected onward: only refuse and reopen lead back"
        )
        yield (*where, "after"), text
    elif (start, end) not in MEANINGS[edge.action]:
        pairs = sorted(f"{a} to {b}" for a, b in MEANINGS[edge.action])
        meant = "an open phase to closed" if edge.action in _LAST else " or ".join(pairs)
        leads = f"{edge.action} leads from {quote(before)} to {quote(edge.after)} (phase {start} to {end})"
        text = f"{leads}, expected {meant}"
        yield (*where, "after"), text
    elif not any(can_be_there(role, start, edge.action) for role in edge.roles):
        who = " and ".join(edge.roles)
        yield (*where, "roles"), f"{who} cannot {edge.action} in phase {start}, expected a role that can be there"


def _no_step(key: str, value: str, steps: Iterable[str]) -> str:
    near = get_close_matches(value, list(steps), 1)
    hint = f'did you mean "{near[0]}"?' if near else "expected one of its steps"
    return f"{key} {quote(value)} is no step of this flow, {hint}"


def _missing_edges(flow: Flow) -> Iterator[tuple[Where, str]]:
    roles = {(before, edge.action): edge.roles for edge in flow.edges for before in edge.before}
    for at, step in enumerate(flow.steps):
        for phase, action, role in NEEDED:
            if step.phase != phase:
                continue
            allowed = roles.get((step.key, action), ())
            if not allowed or (role is not None and role not in allowed):
                whom = f" with the role {role}" if role else ""
                yield ("steps", at), f"from {quote(step.key)} there is no way to {action}, expected one{whom}"


def _unreached(flow: Flow) -> Iterator[tuple[Where, str]]:
    phases = {step.key: step.phase for step in flow.steps}
    ways = [
        (edge.action, before, edge.after)
        for edge in flow.edges
        for before in edge.before
        if edge.action not in _LAST and any(can_be_there(role, phases[before], edge.action) for role in edge.roles)
    ]
    first = flow.steps[0].key
    reached = _closure({first}, {(before, after) for _, before, after in ways})
    # Giving a ticket back brings it no nearer to its end.
    onward = {(after, before) for action, before, after in ways if action not in BACK}
    ends = _closure({key for key, phase in phases.items() if phase == "closed"}, onward)
    for at, step in enumerate(flow.steps):
        if step.key not in reached:
            yield ("steps", at), f"step {quote(step.key)} is never reached from {quote(first)}, expected an edge to it"
        if step.key not in ends:
            text = f"from {quote(step.key)} nobody who can be there brings a ticket to closed, expected a way"
            yield ("steps", at), text


def _closure(begin: set[str], ways: set[tuple[str, str]]) -> set[str]:
    reached = set(begin)
    while more := {after for before, after in ways if before in reached} - reached:
        reached |= more
    return reached


def check_flows(flows: File[Flow], faults: Faults) -> None:
    """Note every fault of the city's flows, and of which tickets they are for."""
    seen: dict[str, int] = {}
    for flow, node in flows.records:
        for where, text in complaints(flow):
            faults.add(flows.path, node.at(where).line, text)
        for name, value in _claims(flow):
            line = node.get("key").line if name == "key" else node.get("use").get(f"{name}s").line
            if f"{name} {value}" in seen:
                text = (
                    f"{name} {quote(value)} is taken by the flow on line {seen[f'{name} {value}']}, expected each once"
                )
                faults.add(flows.path, line, text)
            seen.setdefault(f"{name} {value}", node.line)
    if flows.records and flows.sound:
        for kind in ("emergency", "service"):
            if f"kind {kind}" not in seen:
                text = f"no flow is for kind {kind}, expected one with use: {{kinds: [{kind}]}}"
                faults.add(flows.path, 1, text)


def _claims(flow: Flow) -> Iterator[tuple[str, str]]:
    """What one flow alone may have."""
    yield "key", flow.key
    for name, values in (("kind", flow.use.kinds), ("line", flow.use.lines), ("code", flow.use.codes)):
        for value in values:
            yield name, value
