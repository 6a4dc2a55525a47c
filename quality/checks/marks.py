"""Calls in which a reviewer marked the faulty sentences, and what there is to learn from each of their sentences.

A call is ``{"turns": [{"who", "text"}], "qa": {"violations": []}, "marks": [{"turn", "words", "violation"}]}``;
``words`` are whole sentences of the call taker's turn ``turn``, counted from 0.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HeyiError

#: Of what is lacking, and of how a call ends, no sentence need be marked.
NOT_IN_WORDS = frozenset({"无问候语", "无结束语", "未确认地址", "未确认电话", "未安抚", "提前挂机", "打断来电人"})
#: Marks a sentence in which there is nothing to find.
FINE = "-"


@dataclass(frozen=True)
class Mark:
    """``words`` of the call taker's turn ``turn`` are the violation."""

    turn: int
    words: str
    violation: str


@dataclass(frozen=True)
class MarkedCall:
    """A call of a corpus; ``turns``: (``A`` or ``C``, text)."""

    id: str
    turns: tuple[tuple[str, str], ...]
    violations: frozenset[str]
    marks: tuple[Mark, ...] = ()

    @property
    def all_marked(self) -> bool:
        """Each violation that lies in words is marked: what is not marked is fine."""
        return self.violations - NOT_IN_WORDS <= {mark.violation for mark in self.marks}

    def label(self, turn: int, start: int, end: int) -> str | None:
        """What ``turns[turn][start:end]`` of the call taker is: a violation, :data:`FINE`, or unknown."""
        text = self.turns[turn][1]
        for mark in self.marks:
            at = text.find(mark.words) if mark.turn == turn else -1
            if at >= 0 and start < at + len(mark.words) and at < end:
                return mark.violation
        return FINE if self.all_marked else None

    def answers(self) -> Iterator[tuple[str, str]]:
        """(violation or :data:`FINE`, text) of the caller's turns: the one after a marked turn answers it."""
        said = {mark.turn + 1: mark.violation for mark in self.marks}
        for at, (who, text) in enumerate(self.turns):
            if who == "C" and at > 1 and (at in said or self.all_marked):
                yield said.get(at, FINE), text


def read_calls(path: Path) -> tuple[MarkedCall, ...]:
    """The calls of a corpus of JSON lines; HeyiError names file and line of a fault."""
    made = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            made.append(_call(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise HeyiError(f"{path.name}, line {number}: {why}") from error
    return tuple(made)


def _call(row: dict[str, Any]) -> MarkedCall:
    turns = tuple((turn["who"], turn["text"]) for turn in row["turns"])
    violations = frozenset(row.get("qa", {}).get("violations", ()))
    marks = tuple(Mark(mark["turn"], mark["words"], mark["violation"]) for mark in row.get("marks", ()))
    for mark in marks:
        if not 0 <= mark.turn < len(turns) or turns[mark.turn][0] != "A":
            raise ValueError(f"marks: turn {mark.turn} is none of the call taker's")
        if not mark.words or mark.words not in turns[mark.turn][1]:
            raise ValueError(f"marks: {mark.words!r} is not said in turn {mark.turn}")
        if mark.violation not in violations:
            raise ValueError(f"marks: {mark.violation} is not among qa.violations")
    return MarkedCall(str(row["id"]), turns, violations, marks)
