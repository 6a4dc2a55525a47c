"""Word lists and patterns of the checks: data, compiled once, a city's own added to those that come with heyi."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import structlog
from pydantic import Field

from asr.words.sounds import symbols
from core.cityfolder import CityFolder
from quality.checks.findings import Severity
from triage.rulefile import RuleData, RuleFileError, line_of, load
from triage.words import plain

log = structlog.get_logger(__name__)

FOLDER = Path(__file__).parents[1] / "rules"
#: A city's additions, in its folder; none is needed.
CITY_FILE = "checks.yaml"
_NAMED = re.compile(r"<([a-z_]+)>")
_GAP = re.compile(r"(?<!\\)\.\{")
_SENTENCE = re.compile(r"[^。！？!?；;]*[。！？!?；;]?")


class _PhraseData(RuleData):
    terms: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class _WordingData(_PhraseData):
    name: str = Field(pattern=r"^[a-z]+\.[a-z_]+$")
    label: str = Field(min_length=2)
    severity: Severity
    reason: str = Field(min_length=4)
    after: tuple[str, ...] = ()
    weak: bool = False


class _FileData(RuleData):
    version: int
    reviewed: date
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    phrases: dict[str, _PhraseData] = Field(default_factory=dict)
    rules: tuple[_WordingData, ...] = ()


class _TopicData(RuleData):
    asked: tuple[str, ...] = Field(min_length=1)
    told: tuple[str, ...] = ()


class _QuestionsData(RuleData):
    version: int
    reviewed: date
    topics: dict[str, _TopicData]
    codes: dict[str, tuple[str, ...]]
    least: int = Field(ge=1, le=4)


@dataclass(frozen=True)
class Phrase:
    """Ways to say one thing."""

    patterns: re.Pattern[str] | None
    #: Folded sounds (:func:`asr.words.sounds.symbols`): what recognition writes otherwise still matches.
    sounds: tuple[str, ...]
    #: In the same sentence these take it back.
    unless: re.Pattern[str] | None

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Spans in ``text``, by sentence; the text may be in any spelling of width."""
        text = plain(text)
        for sentence in _SENTENCE.finditer(text):
            if not sentence[0] or (self.unless and self.unless.search(sentence[0])):
                continue
            at = sentence.start()
            if self.patterns:
                yield from ((at + m.start(), at + m.end()) for m in self.patterns.finditer(sentence[0]))
            if self.sounds:
                heard = symbols(sentence[0])
                for sound in self.sounds:
                    if (found := heard.find(sound)) >= 0:
                        yield at + found, at + found + len(sound)

    def taken_back(self, text: str) -> bool:
        """``text`` says what makes the same words harmless."""
        return self.unless is not None and self.unless.search(plain(text)) is not None

    def first(self, text: str) -> tuple[int, int] | None:
        return next(self.find(text), None)

    def __call__(self, text: str) -> bool:
        return self.first(text) is not None


@dataclass(frozen=True)
class Wording:
    """Something a call taker must not say."""

    name: str
    label: str
    severity: Severity
    reason: str
    phrase: Phrase
    #: What the caller said just before must match this.
    after: Phrase | None
    #: Alone it is no fault where the matter was taken up after all.
    weak: bool


@dataclass(frozen=True)
class Topic:
    """Something a dispatcher must know: how it is asked, and how callers tell it unasked."""

    asked: Phrase
    told: Phrase | None


@dataclass(frozen=True)
class Rulebook:
    """Everything the checks read from files."""

    version: int
    phrases: dict[str, Phrase]
    wordings: tuple[Wording, ...]
    topics: dict[str, Topic]
    #: Topics by category code or its beginning (``E1``, ``E``); the longest beginning counts.
    codes: dict[str, tuple[str, ...]]
    #: So many of a category's topics must be known.
    least: int

    def __getitem__(self, name: str) -> Phrase:
        return self.phrases[name]

    def topics_of(self, code: str) -> tuple[str, ...]:
        """Topics of a category code, those of the longest beginning that is listed."""
        for size in range(len(code), 0, -1):
            if code[:size] in self.codes:
                return self.codes[code[:size]]
        return self.codes.get("E", ())


#: The checks ask for these by name; a file without one is refused when it is read.
NEEDED = frozenset(
    """
    courtesy named offer bare farewell line_kept caller_left hung_up asks_place asks_phone accepts asks_who protests
    declines agrees denies this_number registers refuses referral nuisance misdialled enquiry complains report
    online wants_record cut_off apology distress worry comfort cuts unfinished promise_result promise_contact hold_asked
    """.split()  # noqa: SIM905
)


def load_rulebook(city: Path | None = None) -> Rulebook:
    """The rules that come with heyi, and those of the city's folder ``city`` (``checks.yaml``) added where it has any.

    A phrase of the city adds to the ways of saying the same; a rule of the city stands beside the others. Raises
    :class:`~triage.rulefile.RuleFileError` naming file, line and what was expected.
    """
    phrases: dict[str, Phrase] = {}
    wordings: list[Wording] = []
    own = [FOLDER / "phrases.yaml", FOLDER / "wording.yaml"]
    if city is not None and (city / CITY_FILE).is_file():
        own.append(city / CITY_FILE)
    version = 0
    for path in own:
        data = load(path, _FileData)
        made = _Compiler(path, data.words)
        version = version or data.version
        for name, phrase in data.phrases.items():
            if path.name == CITY_FILE and name not in NEEDED:
                raise made.fault(("phrases", name), "no check asks for this phrase")
            compiled = made.phrase(phrase, ("phrases", name))
            phrases[name] = _joined(phrases[name], compiled) if name in phrases else compiled
        for at, rule in enumerate(data.rules):
            where = ("rules", at)
            if any(rule.name == other.name for other in wordings):
                raise made.fault(where, f"the name {rule.name} is used twice")
            after = made.phrase(_PhraseData(patterns=rule.after), where) if rule.after else None
            wordings.append(
                Wording(
                    rule.name, rule.label, rule.severity, rule.reason, made.phrase(rule, where), after, rule.weak
                )
            )  # fmt: skip
    if missing := NEEDED - phrases.keys():
        raise RuleFileError(f"phrases.yaml: phrases: {', '.join(sorted(missing))} missing")
    topics, codes, least = _questions(FOLDER / "questions.yaml")
    return Rulebook(version, phrases, tuple(wordings), topics, codes, least)


def sound_rulebook(folder: CityFolder) -> Rulebook:
    """The same, whatever became of the city's file: as it was changed, else as it came, else without it."""
    for place in dict.fromkeys((folder.path(CITY_FILE).parent, folder.seed)):
        try:
            return load_rulebook(place)
        except RuleFileError as error:
            log.error("a rule file of the city is left out", file=str(place / CITY_FILE), fault=str(error))
    return load_rulebook()


def _questions(path: Path) -> tuple[dict[str, Topic], dict[str, tuple[str, ...]], int]:
    data = load(path, _QuestionsData)
    made = _Compiler(path, {})
    topics = {
        name: Topic(
            made.phrase(_PhraseData(patterns=topic.asked), ("topics", name)),
            made.phrase(_PhraseData(patterns=topic.told), ("topics", name)) if topic.told else None,
        )
        for name, topic in data.topics.items()
    }
    for code, names in data.codes.items():
        if strange := set(names) - topics.keys():
            raise made.fault(("codes", code), f"no topic is called {', '.join(sorted(strange))}")
    return topics, dict(data.codes), data.least


def _joined(one: Phrase, other: Phrase) -> Phrase:
    def either(a: re.Pattern[str] | None, b: re.Pattern[str] | None) -> re.Pattern[str] | None:
        return re.compile(f"{a.pattern}|{b.pattern}") if a and b else a or b

    return Phrase(
        either(one.patterns, other.patterns), one.sounds + other.sounds, either(one.unless, other.unless)
    )  # fmt: skip


class _Compiler:
    """Patterns of one file; faults name its line."""

    def __init__(self, path: Path, words: dict[str, tuple[str, ...]]) -> None:
        self._path = path
        self._named = {
            name: "(?:" + "|".join(map(re.escape, sorted(map(plain, ways), key=len, reverse=True))) + ")"
            for name, ways in words.items()
        }

    def fault(self, where: tuple[str | int, ...], message: str) -> RuleFileError:
        line = line_of(self._path.read_text(encoding="utf-8"), where)
        return RuleFileError(f"{self._path.name}, line {line}, {'.'.join(map(str, where))}: {message}")

    def phrase(self, data: _PhraseData, where: tuple[str | int, ...]) -> Phrase:
        if not (data.terms or data.patterns or data.sounds):
            raise self.fault(where, "has no terms, patterns or sounds")
        if short := next((s for s in data.sounds if len(s) < 2), None):
            raise self.fault(where, f"sounds needs two syllables or more, {short!r} would match by chance")
        ways = [*map(re.escape, map(plain, data.terms)), *data.patterns]
        return Phrase(
            self._compiled(ways, where) if ways else None,
            tuple(symbols(plain(s)) for s in data.sounds),
            self._compiled(list(data.unless), where) if data.unless else None,
        )

    def _compiled(self, ways: list[str], where: tuple[str | int, ...]) -> re.Pattern[str]:
        def named(match: re.Match[str]) -> str:
            if match[1] not in self._named:
                raise self.fault(where, f"<{match[1]}> is not a list under words")
            return self._named[match[1]]

        parts = []
        for way in ways:
            part = _GAP.sub("[^。！？；]{", _NAMED.sub(named, way))
            try:
                if re.compile(part).search(""):
                    raise self.fault(where, f"{way!r} matches nothing at all, so it would match everything")
            except re.error as error:
                raise self.fault(where, f"{way!r} is not a regular expression: {error}") from error
            parts.append(f"(?:{part})")
        return re.compile("|".join(parts))
