"""Where a flow leads somebody who says nothing, and somebody who presses. Pure: the trap rule's measure.

All flows of a city are one graph: a flow may lead to another. What a branch, a look-up or a slow answer does is not
known beforehand, so each way counts, and the longest decides.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

from core.city_ivr import (
    LONGEST,
    USUAL_LONGEST,
    AskStep,
    BranchStep,
    CallBackStep,
    HangUpStep,
    IvrFlow,
    LookUpStep,
    Prompt,
    QueueStep,
    RecordStep,
    SayStep,
    Step,
    TransferStep,
    slots,
    targets,
)
from core.speaking import Language, seconds

#: Key of the flow, key of the step.
Place = tuple[str, str]

#: From the end of a question, a caller who does nothing is with a person after at most so many seconds (the product's
#: own rule: a menu that is not answered must not hold anybody longer than the 15 s in which the national standard has
#: calls answered, plus what is said on the way).
SILENT_S = 20.0
#: A caller is asked, or with a person, after at most so many seconds of being talked to.
TALK_S = 30.0
#: Whoever presses is with a person after at most so many inputs.
INPUTS = 2
#: Steps that wait for the caller, and steps after which nobody is there.
_ASKING = AskStep | RecordStep
_LEAVING = HangUpStep | CallBackStep


def prompt_seconds(prompt: Prompt, language: Language) -> float:
    """The longest that a prompt can take in a language: each slot with the most characters that it may have."""
    text = prompt.text(language)
    for name in slots(text):
        length = LONGEST.get(name, USUAL_LONGEST)
        # An English word has about six characters with its space.
        text = text.replace(f"{{{name}}}", "word " * -(-length // 6) if language == "en" else "字" * length)
    return seconds(text, language)


@dataclass(frozen=True)
class Path:
    """One way to a person: how long it takes, and the steps on it. Infinite where it never gets there."""

    seconds: float
    places: tuple[Place, ...]


class Paths:
    """The ways through a city's flows."""

    def __init__(self, flows: Mapping[str, IvrFlow]) -> None:
        self.flows = flows
        self._steps = {(flow.key, step.key): step for flow in flows.values() for step in flow.steps}
        self._silent: dict[Place, Path] = {}
        self._talked: dict[Place, Path] = {}

    def step(self, place: Place) -> Step | None:
        return self._steps.get(place)

    def resolve(self, flow: str, target: str) -> Place:
        """Where a target of a flow's step is; of another flow its first step. It need not exist."""
        if target.startswith("/"):
            other = self.flows.get(target[1:])
            return (target[1:], other.steps[0].key if other else "")
        return (flow, target)

    def ways(self, place: Place) -> Iterator[tuple[str, Place]]:
        """Every way out of a step: what leads there, and where."""
        flow = self.flows[place[0]]
        for why, target in targets(self._steps[place], flow):
            yield why, self.resolve(flow.key, target)

    def starts(self) -> list[Place]:
        """Where calls begin: the first steps of the flows that are used somewhere."""
        return [(f.key, f.steps[0].key) for f in self.flows.values() if f.use.lines or f.use.at]

    def reached(self) -> set[Place]:
        """Every step that some call can get to."""
        found: set[Place] = set()
        new = self.starts()
        while new:
            place = new.pop()
            if place in self._steps and place not in found:
                found.add(place)
                new += [after for _, after in self.ways(place)]
        return found

    def said_s(self, place: Place, prompt: str = "") -> float:
        """Seconds of a step's prompt (or of another of the flow's), in the slowest of its languages."""
        flow = self.flows[place[0]]
        found = flow.prompts.get(prompt or self._steps[place].prompt)
        return max((prompt_seconds(found, language) for language in flow.languages), default=0.0) if found else 0.0

    # --- who says nothing ---------------------------------------------------------------------------------------

    def silent(self, place: Place) -> Path:
        """From entering a step to a person, for a caller who does nothing; the longest way."""
        return self._longest(place, (), self._silent, asked=False)

    def silent_asked(self, place: Place) -> Path:
        """The same, from the end of the question that the step puts."""
        path = self.silent(place)
        return Path(path.seconds - self.said_s(place), path.places)

    def talked_to(self, place: Place) -> Path:
        """From entering a step until a question has been put, or to a person; the longest way."""
        return self._longest(place, (), self._talked, asked=True)

    def _longest(self, place: Place, before: tuple[Place, ...], known: dict[Place, Path], *, asked: bool) -> Path:
        """``asked``: a question ends the way. A step that comes round to itself never gets there."""
        if place in before:
            return Path(inf, (place,))
        if place in known:
            return known[place]
        step, said = self._steps[place], self.said_s(place)
        if self.is_person(place) or (asked and isinstance(step, _ASKING | _LEAVING)):
            path = Path(said, (place,))
        elif isinstance(step, _LEAVING):
            path = Path(said if self.flows[place[0]].lets_go else inf, (place,))
        else:
            spent, after = self._without_a_word(place)
            ways = [self._longest(p, (*before, place), known, asked=asked) for p in after]
            longest = max(ways, key=lambda way: way.seconds)
            path = Path(said + spent + longest.seconds, (place, *longest.places))
        known[place] = path
        return path

    def _without_a_word(self, place: Place) -> tuple[float, list[Place]]:
        """Seconds that a step takes after its prompt where nothing comes from the caller, and where it may lead."""
        flow, step = self.flows[place[0]], self._steps[place]
        out = step.out or flow.out
        spent, after = 0.0, [out]
        match step:
            case SayStep():
                after = [step.next]
            case AskStep():
                spent = step.limit_s + step.retries * (self.said_s(place, step.again) + step.limit_s)
                after = [step.on_silence or out]
            case BranchStep():
                after = [*(case.next for case in step.when), step.otherwise]
            case LookUpStep():
                spent, after = step.limit_s, [*step.results.values(), step.on_failure or out]
            case RecordStep():
                spent, after = step.silence_s, [step.on_silence or out]
            case TransferStep():
                # Ringing is no talk, and whoever hears it is being put through to somebody.
                after = [step.on_failure or out]
        return spent, [self.resolve(flow.key, target) for target in after]

    # --- who presses --------------------------------------------------------------------------------------------

    def presses(self) -> dict[Place, float]:
        """Inputs with which a caller gets from each step to a person; branches and look-ups go the worse way."""

        def asked(place: Place, costs: Mapping[Place, float]) -> float:
            idle = ("silence", "wrong key", "failed")
            return 1 + min(costs[after] for why, after in self.ways(place) if why not in idle)

        return self._costs(asked, gone=inf)

    def wrong(self) -> dict[Place, float]:
        """Inputs after which somebody whose keys never mean anything is with a person, or was let go."""

        def asked(place: Place, costs: Mapping[Place, float]) -> float:
            flow, step = self.flows[place[0]], self._steps[place]
            out = step.out or flow.out
            if isinstance(step, AskStep):
                return step.retries + 1 + costs[self.resolve(flow.key, step.on_wrong or out)]
            # No key ends a recording but #, so this is silence.
            target = step.on_silence if isinstance(step, RecordStep) else ""
            return costs[self.resolve(flow.key, target or out)]

        return self._costs(asked, gone=0.0)

    def _costs(self, asked: Callable[[Place, Mapping[Place, float]], float], *, gone: float) -> dict[Place, float]:
        """From above: what never leads to a person stays infinite. ``gone``: the cost of being let go."""
        costs = dict.fromkeys(self._steps, inf)
        changed = True
        while changed:
            changed = False
            for place, step in self._steps.items():
                if self.is_person(place):
                    cost = 0.0
                elif isinstance(step, _LEAVING):
                    cost = gone if self.flows[place[0]].lets_go else inf
                elif isinstance(step, _ASKING):
                    cost = asked(place, costs)
                else:
                    cost = max(costs[after] for after in self._without_a_word(place)[1])
                changed |= cost < costs[place]
                costs[place] = cost
        return costs

    def is_person(self, place: Place) -> bool:
        """Whether the step is with a person: a queue, or desks that take over."""
        step = self._steps[place]
        return isinstance(step, QueueStep) or (isinstance(step, TransferStep) and not step.party)

    def leaves(self, place: Place) -> bool:
        """Whether the step ends the call."""
        return isinstance(self._steps[place], _LEAVING)
