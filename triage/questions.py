"""The dispatcher's first questions for each kind of emergency, in Chinese and English."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from triage.rulefile import FOLDER, RuleData, load


@dataclass(frozen=True)
class Question:
    zh: str
    en: str


class _FileData(RuleData):
    version: int
    reviewed: date
    questions: dict[str, Annotated[tuple[tuple[str, str], ...], Field(min_length=3, max_length=5)]]


def load_questions(path: Path = FOLDER / "questions.yaml") -> dict[str, tuple[Question, ...]]:
    """Questions by L2 code, three to five each; :class:`~triage.rulefile.RuleFileError` for a wrong file."""
    data = load(path, _FileData)
    return {code: tuple(Question(zh, en) for zh, en in rows) for code, rows in data.questions.items()}
