"""Emergency rules: the reviewed file compiled, and matched against one utterance."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from asr.words.sounds import symbols
from triage.rulefile import FOLDER, RuleData, RuleFileError, line_of, load
from triage.sieve import Sieve
from triage.words import Lexicon, plain

DEFAULT = FOLDER / "emergency.yaml"
_NAMED = re.compile(r"<([a-z_]+)>")
#: A gap inside a pattern ends with the sentence and at a denial: 狗不拴绳，狗没咬人.
_GAP = re.compile(r"(?<!\\)\.\{")
_CLAUSE_END = re.compile(r"[，。！？；,.!?;\n]")


class _RuleData(RuleData):
    name: str = Field(pattern=r"^[a-z]+\.[a-z_]+$")
    codes: tuple[str, ...]
    weight: float = Field(gt=0, lt=1)
    specific: float = Field(default=1.0, gt=0, le=2)
    terms: tuple[str, ...] = ()
    misheard: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    lines: tuple[Literal["emergency"], ...] = ()
    immune: tuple[str, ...] = ()


class _GuardData(RuleData):
    name: str
    reach: Literal["turn", "touching"]
    families: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class _FileData(RuleData):
    version: int
    reviewed: date
    words: dict[str, tuple[str, ...]]
    guards: tuple[_GuardData, ...]
    rules: tuple[_RuleData, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Rule:
    """One rule as matched."""

    name: str
    codes: tuple[str, ...]
    #: Chance that a caller who says this reports an emergency, as the reviewer judged it.
    weight: float
    #: How far it tells the category; 1 is usual.
    specific: float
    #: Counts only where the caller dialled an emergency line.
    emergency_line_only: bool
    immune: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    all: tuple[re.Pattern[str], ...]

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Guard:
    """Speech about something other than here and now."""

    name: str
    touching: bool
    families: frozenset[str]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None


@dataclass(frozen=True)
class Hit:
    """A rule met by some words: ``text[start:end]``."""

    rule: Rule
    start: int
    end: int
    words: str
    #: Name of the guard that reaches it and the guard's own words; both empty where it counts in full.
    guard: str = ""
    guard_words: str = ""


class RuleSet:
    """A compiled rule file."""

    def __init__(self, version: int, reviewed: date, rules: tuple[Rule, ...], guards: tuple[Guard, ...],
                 terms: list[tuple[str, Rule]], sounds: list[tuple[str, Rule]]) -> None:  # fmt: skip
        self.version = version
        self.reviewed = reviewed
        self.rules = rules
        self.guards = guards
        self._terms = Lexicon(terms)
        self._sounds = Lexicon(sounds)
        #: What is tried as one: a pattern, or all those that must occur together.
        self._units: list[tuple[Rule, tuple[re.Pattern[str], ...], bool]] = []
        for rule in rules:
            self._units += [(rule, (pattern,), False) for pattern in rule.patterns]
            if rule.all:
                self._units.append((rule, rule.all, True))
        self._sieve = Sieve([patterns for _, patterns, _ in self._units])

    def match(self, text: str) -> tuple[Hit, ...]:
        """The best hit of each rule in one utterance: one no guard reaches before one that a guard does."""
        text = plain(text)
        reached = [
            (guard, match) for guard in self.guards if not guard.touching and (match := self._reaches(guard, text))
        ]
        best: dict[str, Hit] = {}
        for rule, start, end in self._found(text):
            known = best.get(rule.name)
            if known is not None and not known.guard:
                continue
            guard, words = self._guard(rule, text, start, reached)
            if known is None or not guard:
                best[rule.name] = Hit(rule, start, end, text[start:end], guard, words)
        return tuple(best.values())

    def _found(self, text: str) -> Iterator[tuple[Rule, int, int]]:
        for start, end, rule in self._terms.find(text):
            yield rule, start, end
        for start, end, rule in self._sounds.find(symbols(text)):
            yield rule, start, end
        for number in self._sieve.possible(text):
            rule, patterns, together = self._units[number]
            if together:
                matches = [pattern.search(text) for pattern in patterns]
                if all(matches):
                    spans = [m.span() for m in matches if m]
                    yield rule, min(s for s, _ in spans), max(e for _, e in spans)
            else:
                for match in patterns[0].finditer(text):
                    if match.end() > match.start():
                        yield rule, match.start(), match.end()

    @staticmethod
    def _reaches(guard: Guard, text: str) -> re.Match[str] | None:
        match = guard.pattern.search(text)
        return match if match and not (guard.unless and guard.unless.search(text)) else None

    def _guard(self, rule: Rule, text: str, start: int, reached: list[tuple[Guard, re.Match[str]]]) -> tuple[str, str]:
        for guard, match in reached:
            if guard.name not in rule.immune and (not guard.families or rule.family in guard.families):
                return guard.name, match.group()
        clause = max((m.end() for m in _CLAUSE_END.finditer(text, 0, start)), default=0)
        for guard in self.guards:
            if guard.touching and guard.name not in rule.immune and (m := guard.pattern.search(text[clause:start])):
                return guard.name, m.group()
        return "", ""


def load_rules(path: Path = DEFAULT) -> RuleSet:
    """Read and compile a rule file; :class:`~triage.rulefile.RuleFileError` names file, line and rule."""
    data = load(path, _FileData)
    named = {name: "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"
             for name, words in data.words.items()}  # fmt: skip

    def fail(section: str, index: int, name: str, message: str) -> RuleFileError:
        line = line_of(path.read_text(encoding="utf-8"), (section, index))
        return RuleFileError(f"{path.name}, line {line}, {section[:-1]} {name}: {message}")

    def compiled(pattern: str, section: str, index: int, name: str) -> re.Pattern[str]:
        def one(match: re.Match[str]) -> str:
            if match[1] not in named:
                raise fail(section, index, name, f"<{match[1]}> is not a list under words")
            return named[match[1]]

        try:
            made = re.compile(_GAP.sub("[^。！？；没]{", _NAMED.sub(one, plain(pattern))))
        except re.error as error:
            raise fail(section, index, name, f"{pattern!r} is not a regular expression: {error}") from error
        if made.match(""):
            raise fail(section, index, name, f"{pattern!r} matches nothing at all, so it would match everything")
        return made

    guards = []
    for i, g in enumerate(data.guards):
        either = "|".join([*map(re.escape, map(plain, g.words)), *g.patterns])
        if not either:
            raise fail("guards", i, g.name, "has neither words nor patterns")
        unless = compiled("|".join(g.unless), "guards", i, g.name) if g.unless else None
        pattern = compiled(either, "guards", i, g.name)
        guards.append(Guard(g.name, g.reach == "touching", frozenset(g.families), pattern, unless))

    known = {g.name for g in guards}
    rules: list[Rule] = []
    terms: list[tuple[str, Rule]] = []
    sounds: list[tuple[str, Rule]] = []
    for i, r in enumerate(data.rules):
        if any(r.name == other.name for other in rules):
            raise fail("rules", i, r.name, "this name is used twice")
        if not (r.terms or r.patterns or r.all or r.sounds):
            raise fail("rules", i, r.name, "has no terms, patterns, all or sounds")
        if strange := set(r.immune) - known:
            raise fail("rules", i, r.name, f"immune names no guard: {', '.join(sorted(strange))}")
        if short := next((s for s in r.sounds if len(s) < 3), None):
            raise fail("rules", i, r.name, f"sounds needs three syllables or more, {short!r} would match by chance")
        rule = Rule(
            name=r.name, codes=r.codes, weight=r.weight, specific=r.specific,
            emergency_line_only=bool(r.lines), immune=frozenset(r.immune),
            patterns=tuple(compiled(p, "rules", i, r.name) for p in r.patterns),
            all=tuple(compiled(p, "rules", i, r.name) for p in r.all),
        )  # fmt: skip
        rules.append(rule)
        terms += [(plain(t), rule) for t in (*r.terms, *r.misheard)]
        sounds += [(symbols(s), rule) for s in r.sounds]
    return RuleSet(data.version, data.reviewed, tuple(rules), tuple(guards), terms, sounds)
