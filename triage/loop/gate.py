"""Compares two judges case by case, and refuses the new one where it does worse than is allowed. Pure.

Cases come from three sources: ``fixed``, the regression set that never changes with the city; ``policy``, what must
hold whatever was learned; ``own``, calls of the city that were kept aside. The first two decide; the third is shown.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from triage.judge import Judge, Turn
from triage.measure.rates import Rate, wilson
from triage.verdict import Outcome

Source = Literal["fixed", "policy", "own"]
Became = Literal["better", "worse", "other"]
_RANK: dict[str, int] = {"service": 0, "review": 1, "emergency": 2}
_ORDER = {"worse": 0, "better": 1, "other": 2}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call with its right answer; an empty code or nature is not asked for."""

    name: str
    source: Source
    line: str
    turns: tuple[Turn, ...]
    emergency: bool
    code: str = ""
    nature: str = ""
    #: A service call that sounds like an emergency.
    hard: bool = False
    #: By policy the outcome is this or higher.
    least: Outcome | None = None

    @property
    def text(self) -> str:
        """What the caller said."""
        return "\n".join(turn.text for turn in self.turns if turn.leg == "caller")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a judge says of a case."""

    outcome: Outcome
    p_emergency: float
    #: By the words alone, whatever the line.
    alarmed: bool
    #: At most two, best first.
    codes: tuple[str, ...]
    nature: str


@dataclass(frozen=True)
class Answered:
    """A case with both answers."""

    case: Case
    before: Answer
    after: Answer

    @property
    def became(self) -> Became | None:
        """None where both say the same. Of two wrong answers neither is better."""
        old, new = (rights(self.case, answer) for answer in (self.before, self.after))
        if old != new:
            return "better" if new > old else "worse"
        same = _shown(self.before) == _shown(self.after)
        return None if same else "other"


@dataclass(frozen=True)
class Measure:
    """One figure of a comparison, and how far it may get worse (a share); no margin: shown, not judged."""

    name: str
    #: Which cases it counts, and which of them fail.
    counts: Callable[[Case], bool]
    fails: Callable[[Case, Answer], bool]
    margin: float | None
    #: Why it may get worse by so much and no more.
    reason: str


def _calm(case: Case) -> bool:
    return case.source != "policy" and not case.emergency


def _wrong_code(case: Case, answer: Answer) -> bool:
    return answer.codes[:1] != (case.code,)


MEASURES: tuple[Measure, ...] = (
    Measure(
        "policy", lambda c: c.least is not None, lambda c, a: breaks_policy(c, a), 0.0,
        "policy holds whatever was learned: not one case may break it",
    ),
    Measure(
        "missed", lambda c: c.source != "policy" and c.emergency, lambda _, a: not a.alarmed, 0.01,
        "an emergency that is not recognised costs most: one in a hundred is what a change of threshold moves",
    ),
    Measure(
        "raised", _calm, lambda _, a: a.alarmed, 0.01,
        "call takers stop believing in alarms that are false",
    ),
    Measure(
        "raised_hard", lambda c: _calm(c) and c.hard, lambda _, a: a.alarmed, 0.03,
        "few cases, all of them hard: three in a hundred",
    ),
    Measure(
        "code", lambda c: c.source != "policy" and bool(c.code), _wrong_code, 0.02,
        "a wrong code sends a ticket to the wrong department, and a person looks before it goes",
    ),
    Measure(
        "code_of_two", lambda c: c.source != "policy" and bool(c.code), lambda c, a: c.code not in a.codes, 0.02,
        "the same, for the two that are shown",
    ),
    Measure(
        "nature", lambda c: c.source != "policy" and bool(c.nature), lambda c, a: a.nature != c.nature, None,
        "shown only: one line in a form",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One measure on the cases of one source: shares of failures before and after."""

    measure: str
    source: Source
    before: Rate
    after: Rate
    margin: float | None
    #: Names of the cases that fail now and did not before, where the margin is exceeded; for policy all that fail.
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Both judges on all cases."""

    answered: tuple[Answered, ...]
    figures: tuple[Figure, ...]

    @property
    def refused(self) -> tuple[Figure, ...]:
        """The figures for which the new model is refused; empty: a person may decide."""
        return tuple(figure for figure in self.figures if figure.refused)

    @property
    def differing(self) -> tuple[Answered, ...]:
        """The cases answered otherwise, and those refused for; what got worse first, the fixed set before others."""
        named = {(f.source, name) for f in self.refused for name in f.refused}
        shown = [a for a in self.answered if a.became or (a.case.source, a.case.name) in named]
        return tuple(sorted(shown, key=lambda a: (_ORDER[a.became or "other"], a.case.source == "own", a.case.name)))

    def count(self, became: Became) -> int:
        return sum(a.became == became for a in self.answered)

    def plain(self) -> list[dict[str, Any]]:
        """The figures as plain JSON types."""
        return [asdict(figure) for figure in self.figures]


def answer(judge: Judge, case: Case) -> Answer:
    """What this judge says of a case."""
    verdict = judge.judge(case.line, case.turns)
    return Answer(
        outcome=verdict.outcome, p_emergency=verdict.p_emergency, alarmed=verdict.p_emergency >= judge.emergency,
        codes=tuple(c.code for c in verdict.candidates[:2]), nature=verdict.nature,
    )  # fmt: skip


def compare(answered: Iterable[Answered]) -> Comparison:
    """The figures of both, and what the new one is refused for."""
    rows = tuple(answered)
    sources: tuple[Source, ...] = ("fixed", "policy", "own")
    made = [
        _figure(measure, source, [a for a in rows if a.case.source == source and measure.counts(a.case)])
        for source in sources
        for measure in MEASURES
        if (measure.name == "policy") == (source == "policy")
    ]
    return Comparison(rows, tuple(figure for figure in made if figure.before.of))


def _figure(measure: Measure, source: Source, rows: Sequence[Answered]) -> Figure:
    old = [measure.fails(a.case, a.before) for a in rows]
    new = [measure.fails(a.case, a.after) for a in rows]
    # The city's own calls differ from site to site and may be few: they inform, they do not decide.
    margin = None if source == "own" else measure.margin
    exceeded = margin is not None and bool(rows) and sum(new) - sum(old) > margin * len(rows)
    if measure.name == "policy":
        exceeded = any(new)
    lost = (
        a.case.name for a, was, now in zip(rows, old, new, strict=True) if now and (not was or measure.name == "policy")
    )
    return Figure(
        measure.name, source, wilson(sum(old), len(rows)), wilson(sum(new), len(rows)), margin,
        tuple(lost) if exceeded else (),
    )  # fmt: skip


def breaks_policy(case: Case, given: Answer) -> bool:
    """True where the outcome is lower than policy allows."""
    return case.least is not None and _RANK[given.outcome] < _RANK[case.least]


def rights(case: Case, given: Answer) -> tuple[bool, ...]:
    """What of an answer is right, the weightiest first, so that answers can be compared."""
    if case.source == "policy":
        return (not breaks_policy(case, given),)
    return (
        given.alarmed == case.emergency,
        not case.code or given.codes[:1] == (case.code,),
        not case.code or case.code in given.codes,
        not case.nature or given.nature == case.nature,
    )


def _shown(given: Answer) -> tuple[object, ...]:
    return given.alarmed, given.outcome, given.codes[:1], given.nature
