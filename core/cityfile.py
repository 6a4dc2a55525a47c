"""Reads a city folder: YAML files into a :class:`core.city.City`, every fault told with its file and line."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from core.city import (
    FORMS,
    Category,
    City,
    Community,
    Department,
    Desk,
    Group,
    Landmark,
    Line,
    Person,
    Profile,
    Town,
)
from core.errors import CityFileError
from core.yamltext import Node, YamlFault, read

#: More faults than these are counted, not listed.
MAX_FAULTS = 20

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class _Fault:
    file: Path
    line: int
    text: str


@dataclass
class _File(Generic[M]):
    """One file's records, each with the node that it came from; ``sound`` while no fault was found in it."""

    path: Path
    records: list[tuple[M, Node]] = field(default_factory=list)
    sound: bool = True


class _Faults:
    def __init__(self) -> None:
        self.found: list[_Fault] = []

    def add(self, file: Path, line: int, text: str) -> None:
        self.found.append(_Fault(file, line, text))

    def __bool__(self) -> bool:
        return bool(self.found)

    def message(self) -> str:
        lines = [f"{fault.file}:{fault.line}: {fault.text}" for fault in self.found[:MAX_FAULTS]]
        if len(self.found) > MAX_FAULTS:
            lines.append(f"… and {len(self.found) - MAX_FAULTS} more")
        return "\n".join(lines)


def load_city(folder: Path) -> City:
    """The city that ``folder`` describes.

    Raises :class:`CityFileError` with one line ``file:line: what is wrong, what was expected`` for each fault of the
    whole folder, at most 20.
    """
    if not folder.is_dir():
        raise CityFileError(f"{folder}: there is no such city folder", hint="heyi city new CODE starts one")
    faults = _Faults()
    profile = _read(folder / "city.yaml", Profile, faults, single=True)
    lines = _read(folder / "lines.yaml", Line, faults)
    desks = _read(folder / "desks.yaml", Desk, faults)
    departments = _read(folder / "departments.yaml", Department, faults)
    towns = _read(folder / "towns.yaml", Town, faults)
    taxonomy = _read(folder / "taxonomy.yaml", Group, faults)
    people = _read(folder / "people.yaml", Person, faults, optional=True)
    landmarks = _read(folder / "landmarks.yaml", Landmark, faults, optional=True)

    _check_lines(lines, faults)
    _check_desks(desks, lines, faults)
    _unique(departments, faults, "id", lambda d: [d.id])
    _unique(departments, faults, "name", lambda d: [d.name])
    _check_towns(towns, faults)
    _check_taxonomy(taxonomy, faults)
    _check_people(people, faults)
    _refer(lines, faults, "department", lambda line: [line.department], departments, lambda d: d.id)
    _refer_categories(taxonomy, departments, faults)
    _refer(people, faults, "department", lambda p: _some(p.department), departments, lambda d: d.id)
    _refer(people, faults, "extension", lambda p: _some(p.extension), desks, lambda d: d.extension)
    _refer(landmarks, faults, "town", lambda m: _some(m.town), towns, lambda t: t.name)
    _check_landmarks(landmarks, towns, faults)

    if faults:
        faults.found.sort(key=lambda fault: (fault.file, fault.line))
        raise CityFileError(faults.message())
    return City(
        profile=profile.records[0][0],
        lines=_models(lines),
        desks=_models(desks),
        departments=_models(departments),
        towns=_models(towns),
        taxonomy=_models(taxonomy),
        people=_models(people),
        landmarks=_models(landmarks),
    )


# --- one file -----------------------------------------------------------------------------------------------------


def _read(path: Path, model: type[M], faults: _Faults, *, single: bool = False, optional: bool = False) -> _File[M]:
    """The records of one file: a single mapping, or a list of them; faults in shape and type are noted."""
    file: _File[M] = _File(path)
    before = len(faults.found)
    if optional and not path.exists():
        return file
    try:
        top = read(path.read_bytes())
    except OSError as error:
        faults.add(path, 1, f"cannot be read ({error.strerror}), expected a YAML file of {_what(model)}")
    except YamlFault as error:
        faults.add(path, error.line, str(error))
    else:
        if single:
            nodes = [top]
        elif isinstance(top.value, list):
            nodes = top.value
        else:
            nodes = []
            faults.add(path, top.line, f"is {top.shape}, expected a list of {_what(model)}")
        if not nodes and len(faults.found) == before and not optional:
            faults.add(path, top.line, f"the list is empty, expected at least one of {_what(model)}")
        for node in nodes:
            try:
                file.records.append((model.model_validate(node.plain()), node))
            except ValidationError as error:
                for line, text in _shape_faults(error, node, model):
                    faults.add(path, line, text)
    file.sound = len(faults.found) == before
    return file


def _what(model: type[BaseModel]) -> str:
    return f"{model.__name__.lower()} entries ({', '.join(model.model_fields)})"


#: Pydantic's error type → what was expected; ``{…}`` come from the error's context.
_EXPECTED = {
    "literal_error": "expected {expected}",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "expected a smaller whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "tuple_type": "expected a list",
    "model_type": "expected keys with values",
    "greater_than_equal": "expected at least {ge}",
    "greater_than": "expected more than {gt}",
    "less_than_equal": "expected at most {le}",
    "string_too_short": "expected at least {min_length} characters",
    "too_short": "expected at least {min_length} of them",
}


def _shape_faults(error: ValidationError, node: Node, model: type[BaseModel]) -> Iterator[tuple[int, str]]:
    """Each of pydantic's complaints as (line, message)."""
    for item in error.errors(include_url=False):
        where, context = item["loc"], item.get("ctx", {})
        name = _label(where)
        if item["type"] == "missing":
            owner = _model_at(model, where[:-1]).__name__.lower()
            yield node.at(where[:-1]).line, f'key "{name}" is missing, expected in every {owner}'
        elif item["type"] == "extra_forbidden":
            known = list(_model_at(model, where[:-1]).model_fields)
            near = get_close_matches(name, known, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(known)}"
            yield node.key_line(where), f"unknown key {_quote(name)}, {hint}"
        else:
            if item["type"] == "string_pattern_mismatch":
                expected = f"expected {FORMS[context['pattern']]}"
            elif item["type"] in _EXPECTED:
                expected = _EXPECTED[item["type"]].format_map(context)
            else:
                expected = item["msg"]
            found = node.at(where)
            yield found.line, f"{name} is {_quote(found)}, {expected}"


def _label(where: tuple[int | str, ...]) -> str:
    """The key that a complaint is about; an entry of a list goes by the name of the list."""
    keys = [step for step in where if isinstance(step, str)]
    return keys[-1] if keys else "the entry"


#: Lists of models inside a model, by key.
_INNER: dict[str, type[BaseModel]] = {"communities": Community, "categories": Category}


def _model_at(model: type[BaseModel], where: tuple[int | str, ...]) -> type[BaseModel]:
    for step in where:
        model = _INNER.get(str(step), model)
    return model


def _quote(value: Node | str) -> str:
    """A value as it is shown in a message: short, on one line, nothing in it that a terminal would obey."""
    if isinstance(value, Node):
        if not isinstance(value.value, str):
            return value.shape
        value = value.value
    text = value if len(value) <= 40 else value[:39] + "…"
    return f'"{text}"' if text.isprintable() else ascii(text)


# --- across records and files -------------------------------------------------------------------------------------


def _models(file: _File[M]) -> tuple[M, ...]:
    return tuple(model for model, _ in file.records)


def _some(value: str | None) -> list[str]:
    return [value] if value else []


def _unique(file: _File[M], faults: _Faults, key: str, values: Callable[[M], Iterable[str]]) -> None:
    """No value of ``key`` may stand in two records (or twice in one)."""
    seen: dict[str, int] = {}
    for model, node in file.records:
        for value in values(model):
            line = node.get(key).line
            if value in seen:
                text = f"{key} {_quote(value)} stands on line {seen[value]} too, expected each {key} once"
                faults.add(file.path, line, text)
            else:
                seen[value] = line


def _refer(
    file: _File[M],
    faults: _Faults,
    key: str,
    values: Callable[[M], Iterable[str]],
    other: _File[Any],
    name: Callable[[Any], str],
) -> None:
    """Every value of ``key`` must be the name of a record in ``other``; says nothing while ``other`` is unsound."""
    if other.sound:
        names = [name(model) for model, _ in other.records]
        for model, node in file.records:
            for value in values(model):
                _missing(file.path, node.get(key).line, key, value, names, other.path, faults)


def _missing(path: Path, line: int, key: str, value: str, names: Iterable[str], source: Path, faults: _Faults) -> None:
    known = list(names)
    if value not in known:
        near = get_close_matches(value, known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"expected one that {source.name} has"
        faults.add(path, line, f"{key} {_quote(value)} does not exist, {hint}")


def _check_lines(lines: _File[Line], faults: _Faults) -> None:
    _unique(lines, faults, "number", lambda line: [line.number])
    _unique(lines, faults, "name", lambda line: [line.name])
    numbers = {line.number: line for line, _ in lines.records}
    names = {line.name: line for line, _ in lines.records}
    owner: dict[str, Line] = {}
    for line, node in lines.records:
        for alias, at in zip(line.aliases, node.get("aliases").items(), strict=True):
            taken = numbers.get(alias) or names.get(alias) or owner.get(alias)
            if taken:
                text = f"alias {_quote(alias)} already means line {taken.number}, expected a name of its own"
                faults.add(lines.path, at.line, text)
            owner.setdefault(alias, line)
        if line.kind == "emergency" and line.greeting:
            text = f"emergency line {line.number} has a greeting, expected none: its callers go straight in"
            faults.add(lines.path, node.get("greeting").line, text)
    services = [line for line, _ in lines.records if line.kind == "service"]
    if services:
        top = max(services, key=lambda line: line.priority)
        for line, node in lines.records:
            if line.kind == "emergency" and line.priority <= top.priority:
                text = (
                    f"emergency line {line.number} has priority {line.priority}, "
                    f"expected above every service line ({top.number} has {top.priority})"
                )
                faults.add(lines.path, node.get("priority").line, text)


def _check_desks(desks: _File[Desk], lines: _File[Line], faults: _Faults) -> None:
    _unique(desks, faults, "extension", lambda desk: [desk.extension])
    numbers = {line.number for line, _ in lines.records}
    for desk, node in desks.records:
        if desk.extension in numbers:
            text = f"extension {desk.extension} is a line's number, expected one that no line has"
            faults.add(desks.path, node.get("extension").line, text)
    if desks.records and desks.sound and not any(d.emergency and d.in_queue for d, _ in desks.records):
        faults.add(desks.path, 1, "no desk in the queue takes emergency calls, expected at least one")


def _check_towns(towns: _File[Town], faults: _Faults) -> None:
    _unique(towns, faults, "name", lambda town: [town.name])
    _unique(towns, faults, "code", lambda town: _some(town.code))
    codes: dict[str, int] = {}
    for town, node in towns.records:
        names: dict[str, int] = {}
        for community, inner in zip(town.communities, node.get("communities").items(), strict=True):
            for seen, key, value in ((names, "name", community.name), (codes, "code", community.code)):
                line = inner.get(key).line
                if value and value in seen:
                    text = f"community {key} {_quote(value)} stands on line {seen[value]} too, expected each once"
                    faults.add(towns.path, line, text)
                seen.setdefault(value, line)


def _check_taxonomy(taxonomy: _File[Group], faults: _Faults) -> None:
    _unique(taxonomy, faults, "code", lambda group: [group.code])
    seen: dict[str, int] = {}
    for group, category, node in _categories(taxonomy):
        line = node.get("code").line
        if category.code in seen:
            text = f"code {_quote(category.code)} stands on line {seen[category.code]} too, expected each code once"
            faults.add(taxonomy.path, line, text)
        elif not category.code.startswith(group.code):
            text = f"code {_quote(category.code)} lies in group {group.code}, expected to begin with {group.code}"
            faults.add(taxonomy.path, line, text)
        seen.setdefault(category.code, line)


def _refer_categories(taxonomy: _File[Group], departments: _File[Department], faults: _Faults) -> None:
    if departments.sound:
        ids = [department.id for department, _ in departments.records]
        for _, category, node in _categories(taxonomy):
            path, source = taxonomy.path, departments.path
            _missing(path, node.get("department").line, "department", category.department, ids, source, faults)
            for assist, at in zip(category.assist, node.get("assist").items(), strict=True):
                _missing(path, at.line, "assist", assist, ids, source, faults)


def _categories(taxonomy: _File[Group]) -> Iterator[tuple[Group, Category, Node]]:
    for group, node in taxonomy.records:
        for category, inner in zip(group.categories, node.get("categories").items(), strict=True):
            yield group, category, inner


def _check_people(people: _File[Person], faults: _Faults) -> None:
    _unique(people, faults, "login", lambda person: [person.login])
    #: What each role cannot work without.
    needs = {"agent": "extension", "department": "department"}
    for person, node in people.records:
        key = needs.get(person.role)
        if key and not getattr(person, key):
            faults.add(people.path, node.line, f'{person.login} is of role {person.role}, expected key "{key}"')


def _check_landmarks(landmarks: _File[Landmark], towns: _File[Town], faults: _Faults) -> None:
    _unique(landmarks, faults, "name", lambda mark: [f"{mark.name} ({mark.town})" if mark.town else mark.name])
    if towns.sound:
        communities = {town.name: [c.name for c in town.communities] for town, _ in towns.records}
        for mark, node in landmarks.records:
            if mark.community and mark.town in communities:
                at = node.get("community").line
                _missing(landmarks.path, at, "community", mark.community, communities[mark.town], towns.path, faults)
            elif mark.community and not mark.town:
                text = 'community without a town, expected key "town" beside it'
                faults.add(landmarks.path, node.get("community").line, text)
