"""What became of callers before a person, reckoned from the journal. Pure."""

import math
import statistics
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from core.city_ivr import IvrFlow, LookUpStep
from ivr.journal import How

#: What a session came to. ``answer``: the caller heard an answer of the knowledge base and hung up; ``done``: another
#: look-up gave what was wanted, or the party was reached; ``left``: hung up with nothing; ``let_go``: the flow ended
#: with nothing, as a robot's call does when nobody speaks; ``late``: the dialplan went on without us.
Outcome = Literal["person", "emergency", "answer", "done", "callback", "left", "let_go", "late"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_ENDS: Mapping[str, Outcome] = {
    "queue": "person", "group": "person", "line": "person", "keep": "person", "emergency": "emergency",
    "party": "done", "callback": "callback", "late": "late",
}  # fmt: skip
#: Results of look-ups with which a caller has what was wanted, if no person was asked for afterwards.
_HELPS: Mapping[str, frozenset[str]] = {
    "answer": frozenset({"found"}), "ticket": frozenset({"found"}), "urge": frozenset({"done", "already", "closed"}),
    "message": frozenset({"done"}), "announcement": frozenset({"found", "none"}),
    "hours": frozenset({"open", "closed"}), "result": frozenset({"done"}),
}  # fmt: skip
#: Whoever hangs up sooner after a look-up's result has not heard it.
_HEARD_S = 2.0

#: Ways out of a step that are a trouble, beside hanging up with nothing.
Trouble = Literal["silence", "wrong", "not_understood", "failed", "left"]
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
_TROUBLES: Mapping[str, Trouble] = {
    "silence": "silence", "wrong key": "wrong", "too few figures": "wrong", "not understood": "not_understood",
    "not judged": "not_understood", "failed": "failed", "no such flow": "failed", "no such step": "failed",
    "goes round": "failed",
}  # fmt: skip
HUNG_UP = "hung up"


@dataclass(frozen=True)
class StepRow:
    """A row of ``voice_steps``."""

    call_id: str
    flow: str
    step: str
    entered: datetime
    left: datetime
    why: str
    again: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return (self.left - self.entered).total_seconds()


@dataclass(frozen=True)
class SessionRow:
    """A row of ``voice_sessions``."""

    call_id: str
    flow: str
    began: datetime
    ended: datetime
    how: How
    to: str = ""


@dataclass(frozen=True)
class Walk:
    """One session with its steps in order, and what it came to."""

    session: SessionRow
    steps: tuple[StepRow, ...]
    outcome: Outcome
    #: An answer of the knowledge base was heard, whatever came after.
    answered: bool
    #: Seconds from the session's beginning until a person answered; None where none did.
    person_s: float | None

    @property
    def voice_s(self) -> float:
        return (self.session.ended - self.session.began).total_seconds()

    def targets(self) -> Iterator[tuple[StepRow, str]]:
        """Each step with where it led: ``flow/step``, or ``:`` and how the session ended."""
        for step, after in zip(self.steps, self.steps[1:], strict=False):
            yield step, f"{after.flow}/{after.step}"
        if self.steps:
            yield self.steps[-1], f":{self.session.how}"

    def troubles(self, step: StepRow) -> Iterator[Trouble]:
        """Every time that something went wrong in a step of this walk."""
        for why in (*step.again, step.why):
            if (trouble := _TROUBLES.get(why)) is not None:
                yield trouble
        if step.why == HUNG_UP and self.outcome == "left":
            yield "left"


def walks(
    sessions: Iterable[SessionRow],
    steps: Iterable[StepRow],
    answered: Mapping[str, datetime],
    flows: Mapping[str, IvrFlow],
) -> list[Walk]:
    """Sessions with their steps, the earliest first. ``answered``: call → when a person answered."""
    of_call: dict[str, list[SessionRow]] = defaultdict(list)
    for session in sorted(sessions, key=lambda one: one.began):
        of_call[session.call_id].append(session)
    own: dict[int, list[StepRow]] = defaultdict(list)
    for step in steps:
        # Sessions of a call follow one another: a step is of the one that began last before it.
        known = of_call.get(step.call_id, [])
        if place := bisect_right(known, step.entered, key=lambda one: one.began):
            own[id(known[place - 1])].append(step)
    made = [
        _walk(session, sorted(own[id(session)], key=lambda one: (one.left, one.entered)), answered, flows)
        for known in of_call.values()
        for session in known
    ]
    return sorted(made, key=lambda walk: walk.session.began)


def _walk(
    session: SessionRow, steps: Sequence[StepRow], answered: Mapping[str, datetime], flows: Mapping[str, IvrFlow]
) -> Walk:
    helped = [
        name for step in steps
        if (name := _gave(step, flows)) and (session.ended - step.left).total_seconds() >= _HEARD_S
    ]  # fmt: skip
    outcome = _ENDS.get(session.how)
    if outcome is None and helped:
        outcome = "answer" if helped[-1] == "answer" else "done"
    at = answered.get(session.call_id)
    return Walk(
        session,
        tuple(steps),
        outcome or ("left" if session.how == "caller" else "let_go"),
        "answer" in helped,
        (at - session.began).total_seconds() if at is not None and at >= session.began else None,
    )


def _gave(step: StepRow, flows: Mapping[str, IvrFlow]) -> str:
    """The look-up that gave what was wanted in this step, or nothing."""
    flow = flows.get(step.flow)
    known = flow.step(step.step) if flow is not None else None
    return known.name if isinstance(known, LookUpStep) and step.why in _HELPS.get(known.name, ()) else ""


# --- figures --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Longest:
    """The longest of something, and the call that had it."""

    seconds: float
    call_id: str


@dataclass(frozen=True)
class Way:
    """How often a step was left so, and where that led (:meth:`Walk.targets`)."""

    why: str
    to: str
    count: int


@dataclass(frozen=True)
class StepFigures:
    """One step: ``entered`` is the sum of its ways."""

    flow: str
    step: str
    entered: int
    ways: tuple[Way, ...]
    #: Callers who hung up here, with or without what they wanted.
    hung_up: int
    troubles: Mapping[Trouble, int]
    median_s: float
    p95_s: float

    @property
    def trouble(self) -> int:
        """How often something went wrong: what the worst step has most of."""
        return sum(self.troubles.values())


@dataclass(frozen=True)
class FlowFigures:
    """All sessions that began with a flow (or, of one flow alone, came by it): the outcomes' sum is ``sessions``."""

    flow: str
    sessions: int
    outcomes: Mapping[Outcome, int]
    #: Sessions in which an answer of the knowledge base was heard.
    answers: int
    #: Seconds from the beginning to the end of the session.
    voice_median_s: float
    voice_p95_s: float
    #: Of those that went on to a person, the emergencies among them: longest in the voice part, and longest until
    #: a person answered.
    longest_voice: Longest | None
    longest_person: Longest | None

    def share(self, outcome: Outcome) -> float:
        """0..1."""
        return self.outcomes.get(outcome, 0) / self.sessions if self.sessions else 0.0


@dataclass(frozen=True)
class Report:
    """``steps``: the worst first."""

    flows: tuple[FlowFigures, ...]
    steps: tuple[StepFigures, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        steps = [{**asdict(step), "trouble": step.trouble} for step in self.steps]
        return {"flows": [asdict(flow) for flow in self.flows], "steps": steps}


def report(found: Iterable[Walk], flow: str = "") -> Report:
    """The figures of these walks; with ``flow`` of its steps and of the sessions that came by it alone."""
    groups: dict[str, list[Walk]] = defaultdict(list)
    taken: dict[tuple[str, str], list[tuple[Walk, StepRow, str]]] = defaultdict(list)
    for walk in found:
        if not touches(walk, flow):
            continue
        groups[flow or walk.session.flow].append(walk)
        for step, target in walk.targets():
            if not flow or step.flow == flow:
                taken[step.flow, step.step].append((walk, step, target))
    flows = [_flow(key, group) for key, group in groups.items()]
    steps = [_step(key, own) for key, own in taken.items()]
    return Report(
        tuple(sorted(flows, key=lambda one: (-one.sessions, one.flow))),
        tuple(sorted(steps, key=lambda one: (-one.trouble, -one.entered, one.flow, one.step))),
    )


def touches(walk: Walk, flow: str) -> bool:
    """Whether it began with this flow or came by it; every walk touches none."""
    return not flow or walk.session.flow == flow or any(step.flow == flow for step in walk.steps)


def _flow(key: str, group: Sequence[Walk]) -> FlowFigures:
    counted = Counter(walk.outcome for walk in group)
    talked = [walk.voice_s for walk in group]
    to_person = [walk for walk in group if walk.outcome in ("person", "emergency", "late")]
    return FlowFigures(
        key,
        len(group),
        {outcome: counted[outcome] for outcome in OUTCOMES},
        sum(walk.answered for walk in group),
        _median(talked),
        p95(talked),
        _longest((walk.voice_s, walk.session.call_id) for walk in to_person),
        _longest((walk.person_s, walk.session.call_id) for walk in to_person if walk.person_s is not None),
    )


def _step(key: tuple[str, str], own: Sequence[tuple[Walk, StepRow, str]]) -> StepFigures:
    ways = Counter((step.why, target) for _, step, target in own)
    troubles = Counter(trouble for walk, step, _ in own for trouble in walk.troubles(step))
    seconds = [step.seconds for _, step, _ in own]
    return StepFigures(
        *key,
        len(own),
        tuple(Way(*way, count) for way, count in sorted(ways.items(), key=lambda one: (-one[1], one[0]))),
        sum(step.why == HUNG_UP for _, step, _ in own),
        {trouble: troubles[trouble] for trouble in TROUBLES},
        _median(seconds),
        p95(seconds),
    )


def _longest(found: Iterable[tuple[float, str]]) -> Longest | None:
    longest = max(found, default=None)
    return Longest(round(longest[0], 2), longest[1]) if longest is not None else None


def _median(seconds: Sequence[float]) -> float:
    return round(statistics.median(seconds), 2) if seconds else 0.0


def p95(seconds: Sequence[float]) -> float:
    """What 95 of 100 do not exceed (nearest rank)."""
    return round(sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1], 2) if seconds else 0.0


# --- the calls behind a figure --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Which walks a figure counts; what is empty asks nothing."""

    #: That touch it; where ``began``, that began with it.
    flow: str = ""
    began: bool = False
    outcome: str = ""
    heard_answer: bool = False
    #: That came by a step, as ``flow/step`` (without it any of ``flow``); left it for this reason, for this target
    #: (:meth:`Walk.targets`, or ``/`` and a flow), or with this trouble.
    step: str = ""
    why: str = ""
    to: str = ""
    trouble: str = ""

    def has(self, walk: Walk) -> bool:
        if not touches(walk, self.flow) or (self.began and walk.session.flow != self.flow):
            return False
        if (self.outcome and walk.outcome != self.outcome) or (self.heard_answer and not walk.answered):
            return False
        asks = self.step or self.why or self.to or self.trouble
        return not asks or any(self._counts(walk, step, target) for step, target in walk.targets())

    def _counts(self, walk: Walk, step: StepRow, target: str) -> bool:
        here = f"{step.flow}/{step.step}" == self.step if self.step else self.flow in ("", step.flow)
        return (
            here
            and self.why in ("", step.why)
            and (self.to in ("", target) or (self.to.startswith("/") and target.startswith(f"{self.to[1:]}/")))
            and (not self.trouble or any(one == self.trouble for one in walk.troubles(step)))
        )
