"""Errors that are meant for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class HeyiError(Exception):
    """Something a person must mend: one clear line, and what to do about it.

    The command line prints ``message`` and ``hint`` without a traceback and exits with ``exit_code``.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a file, and where."""

    file: Path
    line: int
    text: str


class CityFileError(HeyiError):
    """A file of a city folder is wrong: says file, line and what was expected; ``faults`` are the same one by one."""

    def __init__(self, message: str, *, hint: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(message, hint=hint)
        self.faults = list(faults)


class ModelMissing(HeyiError):
    """A speech or voice model is absent or damaged."""


class AmiError(HeyiError):
    """Asterisk's manager interface refused, timed out or went away."""


class NotAllowed(HeyiError):
    """The state machine or the person's role does not allow this step."""


class Conflict(HeyiError):
    """Somebody else saved the same thing in between."""
