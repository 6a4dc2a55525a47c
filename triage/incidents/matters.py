"""What a call is about, finer than its category: the reviewed words of ``matters.yaml``."""

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from triage.rulefile import RuleData, RuleFileError, load
from triage.words import Lexicon, plain

DEFAULT = Path(__file__).parent / "matters.yaml"


class _Event(RuleData):
    matters: frozenset[str]
    codes: tuple[str, ...]


class _FileData(RuleData):
    version: int
    reviewed: date
    matters: dict[str, tuple[str, ...]] = Field(min_length=1)
    patterns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    events: dict[str, _Event] = Field(default_factory=dict)


class Matters:
    """The compiled file."""

    def __init__(self, data: _FileData) -> None:
        self._words = Lexicon((plain(word), name) for name, many in data.matters.items() for word in many)
        self._patterns = [(name, re.compile(p)) for name, many in data.patterns.items() for p in many]
        self._events = tuple(data.events.values())
        self._named = data.events

    def find(self, text: str) -> dict[str, str]:
        """The matters of ``text``, each with the words that told it."""
        text = plain(text)
        found: dict[str, str] = {}
        for start, end, name in self._words.find(text):
            found.setdefault(name, text[start:end])
        for name, pattern in self._patterns:
            if name not in found and (match := pattern.search(text)):
                found[name] = match[0]
        return found

    def akin(self, some: Iterable[str], others: Iterable[str]) -> bool:
        """Whether one event may bring about a matter of ``some`` and one of ``others``."""
        return any(
            not event.matters.isdisjoint(some) and not event.matters.isdisjoint(others) for event in self._events
        )

    def kinds(self, code: str) -> tuple[str, ...]:
        """The kinds of event that ``code`` may be of; its own group where none is listed."""
        return tuple(n for n, event in self._named.items() if code.startswith(event.codes)) or (code[:3],)

    def akin_codes(self, code: str, other: str) -> bool:
        """Whether one event may make one caller report ``code`` and the next ``other``."""
        return any(code.startswith(event.codes) and other.startswith(event.codes) for event in self._events)


@cache
def load_matters(path: Path = DEFAULT) -> Matters:
    """Read the file; :class:`RuleFileError` where it is wrong."""
    data = load(path, _FileData)
    named = {*data.patterns, *(name for event in data.events.values() for name in event.matters)}
    if unknown := named - data.matters.keys():
        raise RuleFileError(f"{path.name}: unknown matters: {', '.join(sorted(unknown))}")
    return Matters(data)
