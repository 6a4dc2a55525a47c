"""What a check says of a call."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

#: ``na``: the call gave no occasion for it (no address needed, the caller hung up, a nuisance call).
Answer = Literal["pass", "fail", "na"]
#: ``note``: for the reviewer to know; ``minor`` and ``major`` are faults; ``grave`` harms somebody.
Severity = Literal["note", "minor", "major", "grave"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing a reviewer should look at. ``text[start:end]`` of turn ``turn`` are the words; ``turn`` is -1, and the
    span empty, where what is missing was said nowhere."""

    check: str
    severity: Severity
    #: Why, in one Chinese sentence.
    reason: str
    #: Name of the violation that it is; empty where it is none.
    label: str = ""
    #: The rule that was met, e.g. ``curt.hurry``; empty where there is none.
    rule: str = ""
    turn: int = -1
    start: int = 0
    end: int = 0
    words: str = ""
    #: Second of the recording; ``None`` where the transcript has no times.
    second: float | None = None


@dataclass(frozen=True)
class Checked:
    """One check's answer and what it rests on."""

    answer: Answer
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Review:
    """All checks of one call, by name, in the order in which they are shown."""

    checks: dict[str, Checked]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(f for checked in self.checks.values() for f in checked.findings)

    @property
    def violations(self) -> tuple[str, ...]:
        """Names of the violations, each once, in the order of the checks."""
        return tuple(dict.fromkeys(f.label for f in self.findings if f.label))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "checks": {name: checked.answer for name, checked in self.checks.items()},
            "violations": list(self.violations),
            "findings": [asdict(f) for f in self.findings],
        }
