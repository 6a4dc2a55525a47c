"""``ivr/*.yaml``: what callers may meet before a person, one flow in each file. Checks: :mod:`core.city_ivrchecks`.

A flow is a list of steps; the first is where it begins. A target (``next``, ``out`` …) is the key of a step of the same
flow, or ``/`` and the key of another flow, which then goes on with what is known so far.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from pydantic import Field

from core.citytypes import Data, Key, KeyOrNone, LineNumber, MaybeText, Text, form
from core.speaking import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
Target = Annotated[str, form(r"^/?[a-z][a-z0-9_-]*$", "the key of a step, or / and the key of another flow")]
TargetOrNone = Annotated[str, form(r"^(/?[a-z][a-z0-9_-]*)?$", "the key of a step, or / and the key of another flow")]
#: A key of the telephone that a flow may give a meaning to.
Digit = Annotated[
    str, form(r"^[1-8]?$", "a key from 1 to 8: 0 is always a person, 9 and * are always an emergency, # ends an entry")
]
#: Where a flow is used besides lines: ``service`` is every service line without a flow of its own.
Occasion = Literal["service", "waiting", "robot-callback", "satisfaction"]
#: Occasions on which nobody asked for anything: who says nothing there is let go, and may be a machine.
AFTER: frozenset[Occasion] = frozenset({"robot-callback", "satisfaction"})
#: Keys that no flow can take away.
PERSON, EMERGENCY, ENTERED = "0", ("9", "*"), "#"
_SLOT = re.compile(r"\{([^{}]*)\}")


def slots(text: str) -> tuple[str, ...]:
    """Names of the slots in a prompt's text: ``您的工单{ticket}`` → ``("ticket",)``."""
    return tuple(_SLOT.findall(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its slots replaced; one without a value becomes nothing."""
    return _SLOT.sub(lambda found: values.get(found[1], ""), text)


class Prompt(Data):
    """What is said: the text in each language. 闽南语 is a recording, of which ``nan`` is the file's name."""

    zh: MaybeText = ""
    en: MaybeText = ""
    nan: KeyOrNone = ""

    def text(self, language: Language) -> str:
        """What is written beside the sound; a recording in 闽南语 says what the Chinese text says."""
        return (self.en if language == "en" else "") or self.zh or self.en


class Choice(Data):
    """One answer to a question."""

    key: Digit = ""
    #: Words that mean it, as they may stand in what was heard.
    words: tuple[Text, ...] = ()
    next: Target
    #: Variables that it sets: ``{satisfied: "yes"}``.
    sets: dict[Key, Text] = Field(default_factory=dict)
    #: The language in which the call goes on.
    language: Language | None = None


class Digits(Data):
    """A row of figures; ends with #, with ``most`` figures, or with a pause."""

    into: Key
    least: Annotated[int, Field(ge=1, le=20)] = 1
    most: Annotated[int, Field(ge=1, le=20)]
    next: Target


class Case(Data):
    """One way out of a branch: the variable is one of ``equals``, or a number from ``at_least`` on."""

    on: Key
    equals: tuple[Text, ...] = ()
    at_least: float | None = None
    next: Target

    def holds(self, values: Mapping[str, str]) -> bool:
        value = values.get(self.on, "")
        if self.at_least is None:
            return value in self.equals
        try:
            return value in self.equals or float(value) >= self.at_least
        except ValueError:
            return False


class _Step(Data):
    key: Key
    #: Name of the prompt that is said first.
    prompt: KeyOrNone = ""
    #: Where whoever presses 0 goes, and whatever has no way of its own; empty: the flow's ``out``.
    out: TargetOrNone = ""


class SayStep(_Step):
    do: Literal["say"]
    prompt: Key
    next: Target


class AskStep(_Step):
    do: Literal["ask"]
    prompt: Key
    #: Said when the question is put once more; empty: the same.
    again: KeyOrNone = ""
    choices: tuple[Choice, ...] = ()
    digits: Digits | None = None
    #: Where free speech leads, once it was judged; empty: only the words of the choices are understood.
    heard: TargetOrNone = ""
    #: Seconds to wait for an answer after the question.
    limit_s: Annotated[float, Field(ge=1, le=15)] = 5
    #: How often the question is put once more, after silence or a wrong key.
    retries: Annotated[int, Field(ge=0, le=3)] = 0
    on_silence: TargetOrNone = ""
    on_wrong: TargetOrNone = ""

    @property
    def speech(self) -> bool:
        """Whether words are an answer."""
        return bool(self.heard) or any(choice.words for choice in self.choices)


class BranchStep(_Step):
    do: Literal["branch"]
    prompt: Literal[""] = ""
    when: Annotated[tuple[Case, ...], Field(min_length=1)]
    otherwise: Target


class LookUpStep(_Step):
    do: Literal["look_up"]
    name: Key
    #: Argument → a text with slots.
    arguments: dict[Key, Text] = Field(default_factory=dict)
    #: Result → where it leads.
    results: dict[Key, Target]
    limit_s: Annotated[float, Field(ge=0.5, le=10)] = 3
    on_failure: TargetOrNone = ""


class RecordStep(_Step):
    do: Literal["record"]
    prompt: Key
    #: Variable that takes the recording's name.
    into: Key
    limit_s: Annotated[float, Field(ge=5, le=120)] = 60
    #: Seconds of silence that end it.
    silence_s: Annotated[float, Field(ge=1, le=10)] = 4
    next: Target
    on_silence: TargetOrNone = ""
    on_failure: TargetOrNone = ""


class QueueStep(_Step):
    do: Literal["queue"]
    #: Skill group, or line whose desks answer; both empty: as the dialled line's calls go.
    group: KeyOrNone = ""
    line: Annotated[str, form(r"^([0-9]{3,12})?$", "a telephone number of 3 to 12 digits, or nothing")] = ""
    #: How much higher than usual; a hint that the switchboard may cap.
    priority: Annotated[int, Field(ge=0, le=5)] = 0
    #: Back to the place in the queue that the caller has.
    keep: bool = False


class CallBackStep(_Step):
    """Hangs up, keeps the place, and the caller is rung when the turn comes."""

    do: Literal["call_back"]


class TransferStep(_Step):
    """To the desks of a group or a line, or to ``party``: a variable with which a look-up named somebody outside."""

    do: Literal["transfer"]
    group: KeyOrNone = ""
    line: Annotated[str, form(r"^([0-9]{3,12})?$", "a telephone number of 3 to 12 digits, or nothing")] = ""
    party: KeyOrNone = ""
    ring_s: Annotated[float, Field(ge=5, le=60)] = 25
    on_failure: TargetOrNone = ""


class HangUpStep(_Step):
    do: Literal["hang_up"]


Step = SayStep | AskStep | BranchStep | LookUpStep | RecordStep | QueueStep | CallBackStep | TransferStep | HangUpStep


class IvrUse(Data):
    """Where the flow begins; empty for one that only other flows lead to."""

    lines: tuple[LineNumber, ...] = ()
    at: tuple[Occasion, ...] = ()


class IvrFlow(Data):
    """One file of ``ivr/``."""

    key: Annotated[Key, Field(max_length=40)]
    name: Text
    name_en: Text
    #: The first is spoken until the caller chooses another.
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = ("zh",)
    use: IvrUse = IvrUse()
    #: Being written: nothing uses it or leads to it yet.
    draft: bool = False
    #: The step to which everything leads that has no other way: a person.
    out: Key
    #: Seconds after which the caller is with a person, whatever was pressed.
    limit_s: Annotated[int, Field(ge=30, le=600)] = 180
    prompts: dict[Key, Prompt]
    steps: Annotated[tuple[Annotated[Step, Field(discriminator="do")], ...], Field(min_length=1)]

    @property
    def lets_go(self) -> bool:
        """Used only where nobody asked for anything: silence may end it."""
        return bool(self.use.at) and not self.use.lines and set(self.use.at) <= AFTER

    def step(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)


def targets(step: Step, flow: IvrFlow) -> Iterator[tuple[str, str]]:
    """Every way out of a step as (what leads there, target); the defaults are filled in."""
    out = step.out or flow.out
    match step:
        case SayStep():
            yield "said", step.next
        case AskStep():
            for choice in step.choices:
                yield f"key {choice.key}" if choice.key else "words", choice.next
            if step.digits is not None:
                yield "figures", step.digits.next
            if step.heard:
                yield "heard", step.heard
            yield "silence", step.on_silence or out
            yield "wrong key", step.on_wrong or out
        case BranchStep():
            for case in step.when:
                shown = ", ".join([*case.equals, *([f"≥ {case.at_least:g}"] if case.at_least is not None else [])])
                yield f"{case.on} {shown}", case.next
            yield "otherwise", step.otherwise
            return
        case LookUpStep():
            yield from step.results.items()
            yield "failed", step.on_failure or out
        case RecordStep():
            yield "recorded", step.next
            yield "silence", step.on_silence or out
            yield "failed", step.on_failure or out
        case TransferStep(party=party) if party:
            yield "failed", step.on_failure or out
        case _:
            return
    yield "key 0", out


# --- what is known, and what can be asked ---------------------------------------------------------------------------


@dataclass(frozen=True)
class LookUpKind:
    """Something that can be asked while a caller listens."""

    what: str
    arguments: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    #: Result → the variables that it gives.
    results: Mapping[str, frozenset[str]] = field(default_factory=dict)


#: Names that ``look_up`` may use. Whoever serves the flows has to answer each of them.
LOOK_UPS: Mapping[str, LookUpKind] = {
    "ticket": LookUpKind(
        "a ticket by its number, or by the caller's telephone and the last figures of the number",
        frozenset({"figures"}),
        results={"found": frozenset({"ticket", "matter", "progress"}), "none": frozenset()},
    ),
    "urge": LookUpKind(
        "urge a ticket's department",
        frozenset({"ticket"}),
        results={"done": frozenset(), "already": frozenset(), "closed": frozenset()},
    ),
    "message": LookUpKind(
        "put a recorded message to a ticket", frozenset({"ticket", "recording"}), results={"done": frozenset()}
    ),
    "announcement": LookUpKind(
        "a cut of water or power in an area that the caller named",
        frozenset({"words"}),
        results={"found": frozenset({"area", "announcement"}), "none": frozenset({"area"}), "unclear": frozenset()},
    ),
    "hours": LookUpKind(
        "when the offices are open",
        results={"open": frozenset({"hours"}), "closed": frozenset({"hours"})},
    ),
    "car_owner": LookUpKind(
        "the owner of a car that blocks the way, by its plate; gives no number, only a name for transfer",
        frozenset({"words"}),
        results={"found": frozenset({"plate", "owner"}), "none": frozenset({"plate"}), "unclear": frozenset()},
    ),
    "answer": LookUpKind(
        "the knowledge base's answer to a question",
        frozenset({"words"}),
        results={"found": frozenset({"answer"}), "none": frozenset()},
    ),
    "result": LookUpKind(
        "write down what the caller answered about a ticket",
        frozenset({"ticket", "satisfied"}),
        frozenset({"solved", "recording"}),
        {"done": frozenset()},
    ),
}
#: Known in every call. ``open`` is yes or no, ``hour`` 0 to 23, ``caller`` known or unknown; the last four are what
#: was last heard and judged: words, outcome (emergency, review, service), category and its probability.
ALWAYS = frozenset(
    {"city", "line", "line_name", "open", "hour", "caller", "language", "words", "outcome", "category", "p"}
)
#: Known besides, by where the flow is used.
KNOWN_AT: Mapping[Occasion, frozenset[str]] = {
    "service": frozenset(),
    "waiting": frozenset({"place", "wait"}),
    "robot-callback": frozenset({"ticket", "matter"}),
    "satisfaction": frozenset({"ticket"}),
}
#: Of those, what may be unknown in some calls: prompts may say it only behind a branch that holds.
MAY_LACK = frozenset({"wait"})
#: The most characters of a variable that prompts may read out; what gives it keeps to that. All others: 20.
LONGEST: Mapping[str, int] = {
    "city": 8, "line": 12, "line_name": 12, "hour": 2, "place": 3, "wait": 3, "ticket": 15, "matter": 16,
    "progress": 40, "area": 10, "announcement": 60, "hours": 30, "plate": 8, "answer": 80,
}  # fmt: skip
USUAL_LONGEST = 20


#: Models inside a flow, by key; a step is of the model that its ``do`` names (pydantic puts that into the path).
PARTS: Mapping[str, type[Data]] = {
    "IvrFlow.use": IvrUse, "prompts": Prompt, "choices": Choice, "when": Case, "digits": Digits,
    "say": SayStep, "ask": AskStep, "branch": BranchStep, "look_up": LookUpStep, "record": RecordStep,
    "queue": QueueStep, "call_back": CallBackStep, "transfer": TransferStep, "hang_up": HangUpStep,
}  # fmt: skip
