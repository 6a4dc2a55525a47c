"""Measures the automatic checks on calls that people have marked."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.progress import track
from rich.table import Table

from core.city import City
from core.errors import HeyiError
from quality.call import Call, Turn, Who
from quality.checks.findings import Review
from quality.checks.review import Checks
from telephony.events import Leg
from triage.judge import Judge
from triage.turns import Turn as Said

#: Name in a marked file → name of the check.
MARKED = {
    "greeting": "greeting", "closing": "closing", "address_confirmed": "address", "phone_confirmed": "phone",
    "polite": "polite",
}  # fmt: skip
_WHO: dict[str, Who] = {"A": "agent", "C": "caller", "T": "third"}
_LEGS: dict[Who, Leg] = {"agent": "agent", "caller": "caller", "third": "caller"}
_HINT = '{"id", "line", "turns": [{"who": "A" or "C", "text"}], "qa": {"greeting": true or false, …, "violations": []}}'


@dataclass(frozen=True)
class Marked:
    """One call and what a reviewer marked; a mark that the file does not have is ``None``."""

    call: Call
    marks: dict[str, bool]
    violations: frozenset[str] | None
    #: Whether an emergency's questions were asked.
    questions: bool | None


@dataclass(frozen=True)
class Score:
    """Counts of a yes-or-no answer: found and right, found and wrong, missed, rightly not found."""

    right: int
    wrong: int
    missed: int
    neither: int = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        return (
            2 * self.right / (2 * self.right + self.wrong + self.missed)
            if self.right + self.wrong + self.missed
            else 1.0
        )

    def to_dict(self) -> dict[str, float | int]:
        return {
            **asdict(self), "precision": round(self.precision, 4), "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
        }  # fmt: skip


@dataclass(frozen=True)
class QualityReport:
    """What was measured on one file."""

    file: str
    rules_version: int
    dialogues: int
    #: By mark: that it was done, and that it was not.
    done: dict[str, Score]
    lacking: dict[str, Score]
    #: Over all pairs of call and violation; by violation; and whether a call has any.
    violations: Score
    by_violation: dict[str, Score]
    calls_with_any: Score
    questions: Score | None
    predictions: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, without the predictions."""
        return {
            "file": self.file, "rules_version": self.rules_version, "dialogues": self.dialogues,
            "checks": {
                name: {"done": score.to_dict(), "lacking": self.lacking[name].to_dict()}
                for name, score in self.done.items()
            },
            "violations": self.violations.to_dict(),
            "by_violation": {name: s.to_dict() for name, s in self.by_violation.items()},
            "calls_with_any": self.calls_with_any.to_dict(),
            "questions": self.questions.to_dict() if self.questions else None,
        }  # fmt: skip

    def write_predictions(self, path: Path) -> None:
        """One JSON object a line, a line for each dialogue; HeyiError where the file cannot be written."""
        lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.predictions)
        try:
            path.write_text(lines, encoding="utf-8")
        except OSError as error:
            raise HeyiError(f"{path} cannot be written: {error.strerror}") from error

    def __rich__(self) -> Group:
        title = f"{self.file}: {self.dialogues} dialogues, rules version {self.rules_version}"
        table = Table(title=title, title_justify="left")
        for column in ("check", "P", "R", "F1", "right", "wrong", "missed"):
            table.add_column(column, justify="left" if column == "check" else "right")
        for name, score in self.done.items():
            table.add_row(name, *_cells(score))
            table.add_row(f"  lacking: {name}", *_cells(self.lacking[name]))
        if self.questions:
            table.add_row("emergency questions asked", *_cells(self.questions))
        table.add_row("violations", *_cells(self.violations))
        table.add_row("  calls with any", *_cells(self.calls_with_any))
        kinds = Table(title="violations by name", title_justify="left")
        for column in ("violation", "P", "R", "F1", "right", "wrong", "missed"):
            kinds.add_column(column, justify="left" if column == "violation" else "right")
        for name, score in self.by_violation.items():
            kinds.add_row(name, *_cells(score))
        return Group(table, kinds)


def _cells(score: Score) -> tuple[str, ...]:
    rates = (f"{value:.3f}" for value in (score.precision, score.recall, score.f1))
    return (*rates, *(str(n) for n in (score.right, score.wrong, score.missed)))


def read_marked(path: Path) -> tuple[Marked, ...]:
    """The calls of a file of JSON lines; HeyiError names file and line of what is wrong.

    Turns may have ``gap_s`` (pause before, negative where it overlaps): without lengths it makes no times.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HeyiError(f"{path} cannot be read: {error}", hint=_HINT) from error
    made: list[Marked] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            made.append(_marked(json.loads(line)))
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise HeyiError(f"{path}, line {number}: {why}", hint=_HINT) from error
    if not made:
        raise HeyiError(f"{path} holds no dialogues", hint=_HINT)
    return tuple(made)


def _marked(row: dict[str, Any]) -> Marked:
    turns = []
    for turn in row["turns"]:
        who, text = turn["who"], turn["text"]
        if who not in _WHO or not isinstance(text, str):
            raise ValueError(f"a turn is {turn!r}")
        turns.append(Turn(_WHO[who], text))
    qa = row.get("qa") or {}
    for name in MARKED:
        if name in qa and not isinstance(qa[name], bool):
            raise ValueError(f"qa.{name} is {qa[name]!r}, not true or false")
    violations = qa.get("violations")
    if violations is not None and not (isinstance(violations, list) and all(isinstance(v, str) for v in violations)):
        raise ValueError("qa.violations is no list of names")
    call = Call(
        id=str(row["id"]), line=str(row["line"]), caller=str(row.get("caller_number") or ""), turns=tuple(turns)
    )
    marks = {name: qa[name] for name in MARKED if name in qa}
    return Marked(call, marks, None if violations is None else frozenset(violations), qa.get("questions"))


def judged(call: Call, city: City, judge: Judge) -> Call:
    """``call`` with the name of its line, and with what triage makes of its words."""
    line = city.line(call.line) or city.line_called(call.line)
    said = [Said(_LEGS[turn.who], turn.text) for turn in call.turns]
    verdict = judge.judge(line.number if line else call.line, said, call.caller)
    known: dict[str, Any] = {
        "line_name": line.name if line else call.line, "category": verdict.code, "outcome": verdict.outcome,
        "places": tuple(place.full for place in verdict.places),
    }  # fmt: skip
    return Call(**{**call.__dict__, **known})


def answers(review: Review) -> dict[str, Any]:
    """A review in the words of a marked file: what had no occasion was not done, and is no violation."""
    marks = {name: review.checks[check].answer == "pass" for name, check in MARKED.items()}
    return {**marks, "violations": list(review.violations)}


def evaluate(path: Path, city: City, checks: Checks, judge: Judge, *, progress: bool = True) -> QualityReport:
    """Check every call of ``path`` and compare; a progress bar goes to standard error."""
    rows = read_marked(path)
    bar: Iterable[Marked] = rows
    if progress:
        bar = track(rows, "listening", console=Console(stderr=True), transient=True)
    return _report(path, checks, [(row, checks.review(judged(row.call, city, judge))) for row in bar])


def _report(path: Path, checks: Checks, done: Sequence[tuple[Marked, Review]]) -> QualityReport:
    said = [(row, answers(review)) for row, review in done]
    per_check = {name: [(a[name], row.marks[name]) for row, a in said if name in row.marks] for name in MARKED}
    labelled = [(row.violations, frozenset(a["violations"])) for row, a in said if row.violations is not None]
    names = sorted({v for marked, found in labelled for v in marked | found})
    by_name = {v: _score([(v in found, v in marked) for marked, found in labelled]) for v in names}
    pairs: Counter[str] = Counter()
    for marked, found in labelled:
        pairs.update(right=len(marked & found), wrong=len(found - marked), missed=len(marked - found))
    asked = [
        (review.checks["questions"].answer == "pass", row.questions)
        for row, review in done
        if row.questions is not None
    ]
    return QualityReport(
        file=path.name, rules_version=checks.rules.version, dialogues=len(done),
        done={name: _score(p) for name, p in per_check.items()},
        lacking={name: _score([(not a, not b) for a, b in p]) for name, p in per_check.items()},
        violations=Score(pairs["right"], pairs["wrong"], pairs["missed"]),
        by_violation=by_name,
        calls_with_any=_score([(bool(found), bool(marked)) for marked, found in labelled]),
        questions=_score(asked) if asked else None,
        predictions=tuple(
            {"id": row.call.id, "checks": a, "findings": [asdict(f) for f in review.findings]}
            for (row, a), (_, review) in zip(said, done, strict=True)
        ),
    )  # fmt: skip


def _score(pairs: Sequence[tuple[bool, bool]]) -> Score:
    counted = Counter(pairs)
    return Score(counted[True, True], counted[True, False], counted[False, True], counted[False, False])
