"""The trap rule: what the checker works out from a flow is what a session does to a caller."""

from collections.abc import Callable, Mapping
from itertools import product
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ivr_support import Caller, flow

from core.city_ivr import AskStep, BranchStep, IvrFlow, RecordStep, Step
from core.city_ivrchecks import complaints
from core.city_ivrpaths import INPUTS, SILENT_S, TALK_S, Paths
from core.speaking import seconds
from ivr.signals import CallBack as CallBackOut
from ivr.signals import (
    HangUp,
    Heard,
    Input,
    Judged,
    Key,
    Listen,
    Note,
    Queue,
    Record,
    Recorded,
    TimeUp,
    Transfer,
)

PROMPTS = {
    "short": {"zh": "您好。"},
    "usual": {"zh": "请说您的诉求，或者按1。"},
    "long": {"zh": "请您仔细收听下面的内容，" * 5},
}
PERSON = {"key": "person", "do": "queue"}
#: Each branch has one of its own, so that every combination of ways can happen.
VARIABLES = ("line", "line_name", "open", "hour", "caller", "city")
_KEYS = ("p", "a", "b", "c", "d", "e")


@st.composite
def flows(draw: st.DrawFn) -> IvrFlow:
    """Small flows of every kind of step, with targets by chance; what is never reached is left out."""
    keys = [*_KEYS[: draw(st.integers(1, len(_KEYS)))], "person"]
    # Else nearly all flows by chance would trap.
    target = st.sampled_from([*keys, *["person"] * draw(st.integers(0, 9))])
    prompt = st.sampled_from(list(PROMPTS))
    steps: list[dict[str, Any]] = []
    for at, key in enumerate(keys[:-1]):
        do = draw(
            st.sampled_from(["say", "ask", "ask", "ask", "branch", "look_up", "record", "transfer", "queue", "hang_up"])
        )
        step: dict[str, Any] = {"key": key, "do": do}
        if do != "branch":
            step["prompt"] = draw(prompt)
        if draw(st.integers(0, 3)) == 0:
            step["out"] = draw(target)
        if do == "say":
            step["next"] = draw(target)
        elif do == "ask":
            step |= {"limit_s": draw(st.sampled_from([1, 4, 8])), "retries": draw(st.integers(0, 2))}
            step |= {name: draw(target) for name in ("on_silence", "on_wrong") if draw(st.booleans())}
            answer = draw(st.sampled_from(["choices", "digits", "heard"]))
            if answer == "choices":
                step["choices"] = [{"key": str(n), "next": draw(target)} for n in range(1, draw(st.integers(2, 3)))]
            elif answer == "digits":
                step["digits"] = {"into": "figures", "least": 2, "most": 4, "next": draw(target)}
            else:
                step["heard"] = draw(target)
        elif do == "branch":
            step["when"] = [{"on": VARIABLES[at], "equals": ["yes"], "next": draw(target)}]
            step["otherwise"] = draw(target)
        elif do == "look_up":
            step |= {"name": "answer", "arguments": {"words": "x"}, "limit_s": draw(st.sampled_from([1, 5]))}
            step["results"] = {"found": draw(target), "none": draw(target)}
        elif do == "record":
            step |= {"into": "recording", "next": draw(target)}
        elif do == "transfer":
            step |= draw(st.sampled_from([{"group": "service"}, {"party": "words"}]))
        steps.append(step)
    use = draw(st.sampled_from([{"lines": ["12345"]}, {"at": ["robot-callback"]}]))
    made = flow(steps=[*steps, PERSON], prompts=PROMPTS, use=use, limit_s=600)
    there = {key for _, key in Paths({"test": made}).reached()} | {"person"}
    kept = [step for step in made.steps if step.key in there]
    said = {name for step in kept for name in (step.prompt, getattr(step, "again", ""))}
    return made.model_copy(
        update={"steps": tuple(kept), "prompts": {n: p for n, p in made.prompts.items() if n in said}}
    )


def known_ways(made: IvrFlow) -> list[dict[str, str]]:
    """Every combination of what the flow's branches ask for."""
    asked = [case.on for step in made.steps if isinstance(step, BranchStep) for case in step.when]
    known = dict.fromkeys((*VARIABLES, "words"), "someone")
    return [known | dict(zip(asked, values, strict=True)) for values in product(("yes", "no"), repeat=len(asked))]


def rescued(caller: Caller) -> bool:
    """Whether the session had to end what went round: on the telephone a help, in a flow a fault."""
    return any(isinstance(output, Note) and output.why in ("goes round", "limit") for output in caller.outputs)


def arrived(caller: Caller, made: IvrFlow) -> bool:
    """With a person, or let go where that may be."""
    there = isinstance(caller.ended, Queue | Transfer) or (made.lets_go and isinstance(caller.ended, HangUp))
    return there and not rescued(caller)


class Trial:
    """One flow tried out by a session, with fixed answers to its branches. A state that comes round is met once."""

    def __init__(self, made: IvrFlow, known: Mapping[str, str]) -> None:
        self.made, self.flows, self.known = made, {"test": made}, known
        self.seen: dict[object, float] = {}

    def at(self, step: str) -> Caller:
        return Caller.starts(self.flows, "test", at=step, **self.known)

    def once(self, caller: Caller, *more: object, work: Callable[[], float]) -> float:
        """``work``'s result for the caller's state; infinite where the state leads to itself."""
        key = (caller.session.where, caller.session.state, len(caller.session._again_for), *more)
        if key not in self.seen:
            self.seen[key] = inf
            self.seen[key] = work()
        return self.seen[key]

    def idle(self, caller: Caller, *, until_asked: bool) -> float:
        """Seconds until a silent caller is where he should be, on the longest way; infinite where he never is."""
        if caller.session.state == "ended":
            gone = until_asked and isinstance(caller.ended, HangUp | CallBackOut) and not rescued(caller)
            return 0.0 if gone or arrived(caller, self.made) else inf
        if until_asked and isinstance(caller.waits, Listen | Record):
            return 0.0
        return self.once(
            caller,
            ("idle", until_asked),
            work=lambda: max(spent + self.idle(way, until_asked=until_asked) for way, spent in caller.idle(self.flows)),
        )

    def inputs(self, caller: Caller, budget: int) -> float:
        """Inputs to a person with the best keys and the worst answers of look-ups."""
        wait = caller.waits
        if wait is None:
            return 0.0 if isinstance(caller.ended, Queue | Transfer) and arrived(caller, self.made) else inf
        if not isinstance(wait, Listen | Record):
            return self.once(
                caller,
                ("inputs", budget),
                work=lambda: max(self.inputs(way, budget) for way, _ in caller.idle(self.flows, answered=True)),
            )
        if not budget:
            return inf
        done = [Key("#")] if isinstance(wait, Listen) else [Recorded(wait.of, "a.wav", 3)]
        said: list[Input] = [Heard("你好"), Judged("service")]
        best = inf
        for inputs in ([Key("0")], [Key("1")], [Key("2")], [Key("1"), Key("2"), Key("#")], said, done):
            way = caller.copied()
            for one in inputs:
                if not way.left(len(caller.outputs)):
                    way.gives(one)
            if way.left(len(caller.outputs)):
                best = min(best, 1 + self.inputs(way, budget - 1))
        return best

    def wrong(self, caller: Caller) -> float:
        """Meaningless inputs until the caller is where he should be."""
        wait = caller.waits
        if wait is None:
            return 0.0 if arrived(caller, self.made) else inf
        return self.once(caller, "wrong", work=lambda: self._wrong(caller, wait))

    def _wrong(self, caller: Caller, wait: object) -> float:
        if not isinstance(wait, Listen):
            return max(self.wrong(way) for way, _ in caller.idle(self.flows, answered=True))
        way = caller.copied()
        way.gives(Key("5"))
        if isinstance(way.waits, Listen):  # one figure, too few
            way.gives(TimeUp(way.waits.of))
        return 1 + self.wrong(way)


def tried(made: IvrFlow, step: Step) -> tuple[float, float, float, float]:
    """From one step, the worst of all ways: seconds of talk, seconds of silence after the question, inputs with the
    best keys, inputs with meaningless ones."""
    asks = isinstance(step, AskStep | RecordStep)
    worst = (0.0, 0.0, 0.0, 0.0)
    for known in known_ways(made):
        trial = Trial(made, known)
        asked = trial.at(step.key)
        asked.hears_out()
        one = (
            trial.idle(trial.at(step.key), until_asked=True),
            trial.idle(asked, until_asked=False) if asks else 0.0,
            trial.inputs(trial.at(step.key), INPUTS + 1),
            trial.wrong(trial.at(step.key)),
        )
        worst = tuple(map(max, worst, one))  # type: ignore[assignment]
    return worst


@settings(max_examples=120, deadline=None)
@given(flows())
def test_the_checker_says_what_trying_out_says(made: IvrFlow) -> None:
    """Both ways: no flow that traps is let through, none that does not is refused; and the figures are the same."""
    paths = Paths({"test": made})
    presses, wrong = paths.presses(), paths.wrong()
    trapped = False
    for step in made.steps:
        place = ("test", step.key)
        asks = isinstance(step, AskStep | RecordStep)
        talk, silent, inputs, meaningless = tried(made, step)
        assert paths.talked_to(place).seconds == pytest.approx(talk, abs=0.1)
        if asks:
            assert paths.silent_asked(place).seconds == pytest.approx(silent, abs=0.1)
        assert (presses[place] if presses[place] <= INPUTS + 1 else inf) == inputs
        assert wrong[place] == meaningless
        trapped |= talk > TALK_S or silent > SILENT_S
        if step.do != "hang_up" and (asks or not made.lets_go):
            trapped |= inputs > INPUTS or meaningless > INPUTS
    assert bool(complaints({"test": made})) == trapped


def ask(key: str, **values: Any) -> dict[str, Any]:
    usual = {"key": key, "do": "ask", "prompt": "usual", "choices": [{"key": "1", "next": "person"}]}
    return {**usual, **values}


def told(*steps: dict[str, Any], prompts: Mapping[str, Any] = PROMPTS, **values: Any) -> list[str]:
    made = flow(steps=[*steps, PERSON], prompts=prompts, **values)
    said = {name for step in made.steps for name in (step.prompt, getattr(step, "again", ""))}
    made = made.model_copy(update={"prompts": {n: p for n, p in made.prompts.items() if n in said}})
    return [text for _, _, text in complaints({"test": made})]


LONG_S = seconds(PROMPTS["long"]["zh"])
SHORT_S = seconds(PROMPTS["short"]["zh"])


def look_up(key: str, **values: Any) -> dict[str, Any]:
    usual = {"key": key, "do": "look_up", "name": "answer", "arguments": {"words": "x"}}
    return {**usual, "results": {"found": "person", "none": "person"}, **values}


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (
            [ask("a", on_silence="b"), ask("b", on_silence="a")],
            'who says nothing at "a" is never with a person, expected within 20 s: a → b → a',
        ),
        (
            [ask("a", limit_s=8, on_silence="b"), {"key": "b", "do": "say", "prompt": "long", "next": "person"}],
            f'who says nothing at "a" is after {8 + LONG_S:.1f} s with a person, expected within 20 s: a → b → person',
        ),
        ([ask("a", on_silence="b"), {"key": "b", "do": "hang_up"}], 'who says nothing at "a" is never with a person'),
        (
            [ask("a", on_silence="l"), look_up("l", on_failure="b"), {"key": "b", "do": "hang_up"}],
            'who says nothing at "a" is never with a person, expected within 20 s: a → l → b',
        ),
        (
            [ask("a", limit_s=9, on_silence="l"), look_up("l", prompt="short", limit_s=10)],
            f'who says nothing at "a" is after {9 + SHORT_S + 10:.1f} s with a person, '
            "expected within 20 s: a → l → person",
        ),
        (
            [ask("a", retries=2)],
            'from "a" a caller whose keys mean nothing there needs 3 inputs, expected a person within 2 inputs',
        ),
        (
            [
                ask("a", out="b", on_silence="person", choices=[{"key": "1", "next": "b"}]),
                {"key": "b", "do": "hang_up"},
            ],
            'from "a" a caller who presses gets nowhere, expected a person within 2 inputs',
        ),
        (
            [
                {"key": "a", "do": "say", "prompt": "long", "next": "b"},
                {"key": "b", "do": "say", "prompt": "long", "next": "c"},
                {"key": "c", "do": "say", "prompt": "long", "next": "person"},
            ],
            f'from "a" on {3 * LONG_S:.1f} s of talk without a question or a person, expected at most 30 s: '
            "a → b → c → person",
        ),
        (
            [
                {"key": "a", "do": "say", "prompt": "short", "next": "b"},
                {"key": "b", "do": "say", "prompt": "short", "next": "a"},
                ask("c"),
            ],
            'step "c" is never reached, expected a way to it',
        ),
    ],
)
def test_a_trap_is_told_with_its_path(steps: list[dict[str, Any]], sentence: str) -> None:
    found = told(*steps)
    assert any(text.startswith(sentence) for text in found), found


def test_silence_may_end_a_call_that_nobody_asked_for() -> None:
    steps = [ask("a", on_silence="b"), {"key": "b", "do": "hang_up"}]
    assert told(*steps, use={"at": ["robot-callback"]}) == []
    assert told(*steps) != []


def test_twenty_seconds_are_counted_from_the_end_of_the_question() -> None:
    """The question itself may be long; what comes after it may not."""
    assert told(ask("a", prompt="long", limit_s=8)) == []
    assert told(ask("a", prompt="long", limit_s=8, retries=1)) != []


def test_a_trap_over_two_flows_is_found() -> None:
    one = flow(key="one", steps=[ask("a", on_silence="/two"), PERSON], prompts={"usual": PROMPTS["usual"]})
    two = flow(key="two", use={}, steps=[ask("b", on_silence="/one"), PERSON], prompts={"usual": PROMPTS["usual"]})
    found = complaints({"one": one, "two": two})
    assert any(text.endswith("a → /two:b → a") for _, _, text in found), found
