"""What is wrong in a city's voice flows. Pure: flows go in, sentences with the places that they are about come out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from math import inf
from typing import Protocol

from core.city_ivr import (
    ALWAYS,
    KNOWN_AT,
    LOOK_UPS,
    MAY_LACK,
    AskStep,
    BranchStep,
    IvrFlow,
    LookUpStep,
    QueueStep,
    RecordStep,
    Step,
    TransferStep,
    slots,
    targets,
)
from core.city_ivrpaths import INPUTS, SILENT_S, TALK_S, Path, Paths, Place
from core.cityfaults import Faults, File, quote

#: Where in a flow a fault lies: keys and places in lists, as :meth:`core.yamltext.Node.at` takes them.
Where = tuple[str | int, ...]


class LineLike(Protocol):
    """What the checks need of a line."""

    @property
    def number(self) -> str: ...
    @property
    def kind(self) -> str: ...


def complaints(flows: Mapping[str, IvrFlow]) -> list[tuple[str, Where, str]]:
    """Every fault of the flows by themselves, as (flow, where, sentence).

    What follows from a wrong name is not told on top of it: the trap rule is looked at once all names are right.
    """
    found = [(flow.key, *fault) for flow in flows.values() for fault in _names(flow, flows)]
    if found:
        return found
    paths = Paths(flows)
    return [*_unreached(paths), *_unfilled(paths)] or [*_traps(paths)]


# --- names ----------------------------------------------------------------------------------------------------------


def _names(flow: IvrFlow, flows: Mapping[str, IvrFlow]) -> Iterator[tuple[Where, str]]:
    seen: set[str] = set()
    keys = [step.key for step in flow.steps]
    if flow.out not in keys:
        yield ("out",), _unknown("out", flow.out, keys, "step of this flow")
    for at, step in enumerate(flow.steps):
        where: Where = ("steps", at)
        if step.key in seen:
            yield (*where, "key"), f"step {quote(step.key)} stands twice, expected each key once"
        seen.add(step.key)
        for target, why in {target: why for why, target in targets(step, flow)}.items():
            yield from _target(where, why, target, keys, flows)
        for name in [step.prompt, getattr(step, "again", "")]:
            if name and name not in flow.prompts:
                yield (*where, "prompt"), _unknown("prompt", name, flow.prompts, "prompt of this flow")
        yield from _step(where, step)
    yield from _prompts(flow)


def _target(
    where: Where, why: str, target: str, keys: list[str], flows: Mapping[str, IvrFlow]
) -> Iterator[tuple[Where, str]]:
    if target.startswith("/"):
        if target[1:] not in flows:
            yield where, _unknown(f"{why} leads to", target, [f"/{key}" for key in flows], "flow of this city")
    elif target not in keys:
        yield where, _unknown(f"{why} leads to", target, keys, "step of this flow")


def _step(where: Where, step: Step) -> Iterator[tuple[Where, str]]:
    match step:
        case AskStep():
            yield from _ask(where, step)
        case BranchStep():
            for at, case in enumerate(step.when):
                if not case.equals and case.at_least is None:
                    yield (*where, "when", at), "a case that never holds, expected equals or at_least"
        case LookUpStep():
            yield from _look_up(where, step)
        case QueueStep() | TransferStep():
            given = [key for key in ("group", "line", "party") if getattr(step, key, "")]
            if len(given) > 1:
                yield (*where, given[1]), f"{' and '.join(given)} at once, expected one of them"
            if isinstance(step, TransferStep) and not given:
                yield where, "a transfer to nobody, expected group, line or party"
            if isinstance(step, QueueStep) and step.keep and given:
                yield (*where, given[0]), f"keep and {given[0]} at once: who keeps the place goes nowhere else"
        case _:
            return


def _ask(where: Where, step: AskStep) -> Iterator[tuple[Where, str]]:
    if not step.choices and step.digits is None and not step.heard:
        yield where, "a question without an answer, expected choices, digits or heard"
    seen: set[str] = set()
    for at, choice in enumerate(step.choices):
        place: Where = (*where, "choices", at)
        if not choice.key and not choice.words:
            yield place, "a choice that nothing chooses, expected key or words"
        if choice.key and step.digits is not None:
            yield (*place, "key"), f"key {choice.key} is one of the figures to be entered, expected words alone"
        for value in [choice.key, *choice.words]:
            if value and value in seen:
                yield place, f"{quote(value)} means two choices, expected one"
            seen.add(value)
    if step.digits is not None and step.digits.most < step.digits.least:
        text = f"most is {step.digits.most}, expected at least {step.digits.least}"
        yield (*where, "digits", "most"), text


def _look_up(where: Where, step: LookUpStep) -> Iterator[tuple[Where, str]]:
    kind = LOOK_UPS.get(step.name)
    if kind is None:
        yield (*where, "name"), _unknown("name", step.name, LOOK_UPS, "look-up")
        return
    for missing in sorted(kind.arguments - set(step.arguments)):
        yield (*where, "arguments"), f"look-up {step.name} needs {quote(missing)} among its arguments"
    for name in step.arguments:
        if name not in kind.arguments | kind.optional:
            known = sorted(kind.arguments | kind.optional)
            yield (*where, "arguments", name), _unknown("argument", name, known, f"argument of {step.name}")
    for result in kind.results:
        if result not in step.results:
            yield (*where, "results"), f"look-up {step.name} may answer {quote(result)}, expected a way for it"
    for result in step.results:
        if result not in kind.results:
            yield (*where, "results", result), _unknown("result", result, kind.results, f"answer of {step.name}")


def _prompts(flow: IvrFlow) -> Iterator[tuple[Where, str]]:
    used = {name for step in flow.steps for name in (step.prompt, getattr(step, "again", ""))}
    for name, prompt in flow.prompts.items():
        where: Where = ("prompts", name)
        if name not in used:
            yield where, f"prompt {quote(name)} is never said, expected a step that says it"
        for language in flow.languages:
            if not getattr(prompt, language):
                what = "the name of a recording" if language == "nan" else "a text"
                yield where, f"prompt {quote(name)} has no {language}, expected {what}: the flow speaks {language}"
        for language in ("zh", "en"):
            if text := getattr(prompt, language):
                if text.count("{") != len(slots(text)) or text.count("}") != len(slots(text)):
                    yield where, f"prompt {quote(name)} has a brace without its pair, expected slots like {{ticket}}"
                if {*slots(text)} != {*slots(prompt.text("zh"))}:
                    yield where, f"prompt {quote(name)} has other slots in {language} than in zh, expected the same"
    for at, step in enumerate(flow.steps):
        for place, choice in enumerate(step.choices if isinstance(step, AskStep) else ()):
            if choice.language is not None and choice.language not in flow.languages:
                text = f"language {choice.language} is none of the flow's, expected one of {', '.join(flow.languages)}"
                yield ("steps", at, "choices", place, "language"), text


def _unknown(key: str, value: str, known: Iterable[str], what: str) -> str:
    known = list(known)
    near = get_close_matches(value, known, 1)
    hint = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(known)}"
    return f"{key} {quote(value)}, which is no {what}, {hint}"


# --- the graph ------------------------------------------------------------------------------------------------------


def _at(paths: Paths, place: Place) -> tuple[str, Where]:
    flow = paths.flows[place[0]]
    return flow.key, ("steps", next(at for at, step in enumerate(flow.steps) if step.key == place[1]))


def _unreached(paths: Paths) -> Iterator[tuple[str, Where, str]]:
    reached = paths.reached()
    for flow in paths.flows.values():
        places = [(flow.key, step.key) for step in flow.steps]
        if not any(place in reached for place in places):
            if not flow.draft:
                text = f"flow {quote(flow.key)} is used nowhere and no flow leads to it, expected use or a /{flow.key}"
                yield flow.key, ("key",), f"{text}, or draft: true"
            continue
        for place in places:
            # The way out has to be there also where nothing takes it yet.
            if place not in reached and place[1] != flow.out:
                yield *_at(paths, place), f"step {quote(place[1])} is never reached, expected a way to it"


def _unfilled(paths: Paths) -> Iterator[tuple[str, Where, str]]:
    """Slots that some way leaves empty: what is known at a step is what all ways to it have brought.

    What may lack stands as ``name?``: a branch can ask for it, and gives it where the case holds.
    """
    known: dict[Place, frozenset[str]] = {}
    new: list[tuple[Place, frozenset[str]]] = []
    for place in paths.starts():
        at = paths.flows[place[0]].use.at
        given = [KNOWN_AT[occasion] for occasion in at] + ([frozenset()] if paths.flows[place[0]].use.lines else [])
        promised = ALWAYS | frozenset.intersection(*given)
        new.append((place, promised - MAY_LACK | {f"{name}?" for name in promised & MAY_LACK}))
    while new:
        place, brought = new.pop()
        before = known.get(place)
        now = brought if before is None else before & brought
        if now == before:
            continue
        known[place] = now
        step = paths.step(place)
        if step is not None:
            new += [(after, now | _gives(step, why)) for why, after in _given_ways(paths, place, step)]
    for place, names in known.items():
        flow, step = paths.flows[place[0]], paths.step(place)
        needed: set[str] = set()
        for prompt in [step.prompt, getattr(step, "again", "")] if step else []:
            if prompt:
                needed |= {*slots(flow.prompts[prompt].text("zh"))}
        if isinstance(step, LookUpStep):
            needed |= {name for text in step.arguments.values() for name in slots(text)}
        if isinstance(step, BranchStep):
            needed |= {case.on for case in step.when if f"{case.on}?" not in names}
        if isinstance(step, TransferStep) and step.party:
            needed.add(step.party)
        for name in sorted(needed - names):
            text = f"{quote(name)} is used at step {quote(place[1])}, and nothing on some way there gives it"
            yield *_at(paths, place), text


def _given_ways(paths: Paths, place: Place, step: Step) -> Iterator[tuple[str, Place]]:
    """The ways out of a step; the choices of a question each by itself, since they set different things."""
    if isinstance(step, AskStep):
        for at, choice in enumerate(step.choices):
            yield f"choice {at}", paths.resolve(place[0], choice.next)
        chosen = {f"key {choice.key}" if choice.key else "words" for choice in step.choices}
        yield from ((why, after) for why, after in paths.ways(place) if why not in chosen)
    elif isinstance(step, BranchStep):
        for at, case in enumerate(step.when):
            yield f"case {at}", paths.resolve(place[0], case.next)
        yield "otherwise", paths.resolve(place[0], step.otherwise)
    else:
        yield from paths.ways(place)


def _gives(step: Step, why: str) -> frozenset[str]:
    match step:
        case AskStep():
            if why.startswith("choice "):
                return frozenset(step.choices[int(why.removeprefix("choice "))].sets)
            return frozenset({step.digits.into}) if why == "figures" and step.digits else frozenset()
        case BranchStep():
            return frozenset({step.when[int(why.removeprefix("case "))].on}) if why != "otherwise" else frozenset()
        case LookUpStep():
            return LOOK_UPS[step.name].results.get(why, frozenset())
        case RecordStep():
            return frozenset({step.into}) if why == "recorded" else frozenset()
        case _:
            return frozenset()


def _traps(paths: Paths) -> Iterator[tuple[str, Where, str]]:
    """The trap rule; see :mod:`core.city_ivrpaths` for its figures."""
    presses, wrong = paths.presses(), paths.wrong()
    for place in sorted(paths.reached()):
        step, where = paths.step(place), _at(paths, place)
        if isinstance(step, AskStep | RecordStep):
            path = paths.silent_asked(place)
            if path.seconds > SILENT_S:
                after = f"after {path.seconds:.1f} s" if path.seconds < inf else "never"
                text = f"who says nothing at {quote(step.key)} is {after} with a person, expected within {SILENT_S:g} s"
                yield *where, f"{text}: {_shown(path)}"
        if (path := paths.talked_to(place)).seconds > TALK_S:
            talk = f"{path.seconds:.1f} s of talk" if path.seconds < inf else "steps that go round"
            text = f"from {quote(place[1])} on {talk} without a question or a person, expected at most {TALK_S:g} s"
            yield *where, f"{text}: {_shown(path)}"
        # Once nobody asked for anything, the steps after the last question may simply end.
        asks = isinstance(step, AskStep | RecordStep) or not paths.flows[place[0]].lets_go
        if asks and not paths.is_person(place) and not paths.leaves(place):
            for count, who in ((presses[place], "who presses"), (wrong[place], "whose keys mean nothing there")):
                if count > INPUTS:
                    some = f"needs {count:g} inputs" if count < inf else "gets nowhere"
                    text = f"from {quote(place[1])} a caller {who} {some}, expected a person within {INPUTS} inputs"
                    yield *where, text


def _shown(path: Path) -> str:
    first = path.places[0][0]
    return " → ".join(key if flow == first else f"/{flow}:{key}" for flow, key in path.places)


# --- in the city's folder -------------------------------------------------------------------------------------------


def check_ivr(
    files: Sequence[File[IvrFlow]], lines: Sequence[LineLike] | None, groups: Sequence[str] | None, faults: Faults
) -> None:
    """Note every fault of the folder ``ivr``; ``lines`` and ``groups`` are None while they are not known for sure."""
    flows: dict[str, IvrFlow] = {}
    taken: dict[str, str] = {}
    for file in files:
        for flow, node in file.records:
            if flow.key in flows:
                faults.add(file.path, node.get("key").line, f"flow {quote(flow.key)} is in two files, expected one")
                continue
            flows[flow.key] = flow
            for where, text in _outside(flow, lines, groups):
                faults.add(file.path, node.at(where).line, text)
            for key, values in (("lines", flow.use.lines), ("at", flow.use.at)):
                for value in values:
                    if value in taken:
                        text = f"{value} has the flow {quote(taken[value])} already, expected one flow for each"
                        faults.add(file.path, node.at(("use", key)).line, text)
                    taken.setdefault(value, flow.key)
    if all(file.sound for file in files):
        places = {flow.key: (file.path, node) for file in files for flow, node in file.records}
        for name, where, text in complaints(flows):
            path, node = places[name]
            faults.add(path, node.at(where).line, text)


def _outside(
    flow: IvrFlow, lines: Sequence[LineLike] | None, groups: Sequence[str] | None
) -> Iterator[tuple[Where, str]]:
    """Lines and groups that a flow names; no flow stands before an emergency line."""
    kinds = None if lines is None else {line.number: line.kind for line in lines}
    for number in flow.use.lines:
        if kinds is not None and number not in kinds:
            yield ("use", "lines"), _unknown("line", number, list(kinds), "line of this city")
        elif kinds is not None and kinds[number] == "emergency":
            text = f"line {number} is an emergency line, expected none: its callers go straight to the desks"
            yield ("use", "lines"), text
    for at, step in enumerate(flow.steps):
        if isinstance(step, QueueStep | TransferStep):
            if step.group and groups is not None and step.group not in groups:
                yield ("steps", at, "group"), _unknown("group", step.group, groups, "group of this city")
            if step.line and kinds is not None and step.line not in kinds:
                yield ("steps", at, "line"), _unknown("line", step.line, list(kinds), "line of this city")
