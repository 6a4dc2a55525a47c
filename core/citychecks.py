"""Checks across the records and files of a city folder: what stands twice, what does not exist, the house's rules."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from core.city import (
    USUAL_GROUPS,
    Category,
    Department,
    Desk,
    Exchange,
    Group,
    Landmark,
    Line,
    Matter,
    Mode,
    Person,
    Profile,
    SkillGroup,
    Term,
    Town,
)
from core.city_analysis import CityAnalysis, check_analysis
from core.city_assessment import CityAssessment, check_assessment
from core.city_callbacks import CityCallbacks, check_callbacks
from core.city_clockchecks import check_calendar, check_clocks
from core.city_clocks import CityCalendar, CityClocks
from core.city_doors import CityDoors
from core.city_flowchecks import check_flows
from core.city_flows import Flow, usual_flows
from core.city_knowledge import KnowledgeArticle, check_knowledge
from core.city_levels import LEVELS, CityLevels, check_levels
from core.city_points import check_points
from core.city_quality import CityQuality, check_quality
from core.city_scorecards import Scorecard, check_scorecards
from core.city_selfservice import CitySelfService, check_selfservice
from core.cityfaults import Faults, File, M, quote
from core.yamltext import Node


@dataclass(frozen=True)
class CityFiles:
    """A city folder as it was read: each file's records, sound or not."""

    profile: File[Profile]
    lines: File[Line]
    desks: File[Desk]
    departments: File[Department]
    towns: File[Town]
    taxonomy: File[Group]
    people: File[Person]
    landmarks: File[Landmark]
    groups: File[SkillGroup]
    modes: File[Mode]
    matters: File[Matter]
    exchanges: File[Exchange]
    terms: File[Term]
    flows: File[Flow]
    calendar: File[CityCalendar]
    clocks: File[CityClocks]
    knowledge: File[KnowledgeArticle]
    callbacks: File[CityCallbacks]
    doors: File[CityDoors]
    levels: File[CityLevels]
    assessment: File[CityAssessment]
    analysis: File[CityAnalysis]
    quality: File[CityQuality]
    scorecards: File[Scorecard]
    selfservice: File[CitySelfService]


def check(city: CityFiles, faults: Faults, grids: Sequence[str] = ()) -> None:
    """Note every fault that no single record shows; silent on what refers to a file that is itself unsound.

    ``grids``: keys of the city's grids, whose staff may have logins.
    """
    lines, desks, departments, towns = city.lines, city.desks, city.departments, city.towns
    _check_lines(lines, faults)
    _check_desks(desks, lines, faults)
    _unique(departments, faults, "id", lambda d: [d.id])
    _unique(departments, faults, "name", lambda d: [d.name])
    _check_towns(towns, faults)
    _check_taxonomy(city.taxonomy, faults)
    _check_people(city.people, faults)
    _refer(departments, faults, "parent", lambda d: _some(d.parent), departments, lambda d: d.id)
    _check_parents(departments, faults)
    _refer(lines, faults, "department", lambda line: [line.department], departments, lambda d: d.id)
    _refer_categories(city.taxonomy, departments, faults)
    _check_staff(city.people, departments, towns, grids, faults)
    _refer(city.people, faults, "extension", lambda p: _some(p.extension), desks, lambda d: d.extension)
    _refer(city.landmarks, faults, "town", lambda m: _some(m.town), towns, lambda t: t.name)
    _check_landmarks(city.landmarks, towns, faults)
    check_points(towns, city.landmarks, faults)
    _check_groups(city.groups, faults)
    _check_modes(city.modes, faults)
    _refer_groups(city, faults)
    _check_matters(city.matters, lines, faults)
    _check_zone(city.profile, faults)
    _unique(city.exchanges, faults, "prefix", lambda e: [e.prefix])
    _unique(city.terms, faults, "name", lambda t: [t.name])
    _refer(city.exchanges, faults, "town", lambda e: [e.town], towns, lambda t: t.name)
    _refer(city.doors, faults, "line", lambda d: _some(d.line), lines, lambda line: line.number)
    check_flows(city.flows, faults)
    _refer_flows(city, faults)
    check_calendar(city.calendar, faults)
    check_callbacks(city.callbacks, _codes(city) if city.taxonomy.sound else None, faults)
    check_knowledge(
        city.knowledge,
        [c.code for _, c, _ in _categories(city.taxonomy)] if city.taxonomy.sound else None,
        [d.id for d in departments.models] if departments.sound else None,
        [town.name for town in towns.models] if towns.sound else None,
        faults,
    )
    check_clocks(city.clocks, _codes(city) if city.taxonomy.sound else None, _flow_keys(city), faults)
    check_levels(city.levels, _codes(city) if city.taxonomy.sound else None, faults)
    kinds = [d.kind for d in departments.models] if departments.sound else None
    check_assessment(city.assessment, _codes(city) if city.taxonomy.sound else None, kinds, faults)
    check_analysis(city.analysis, _codes(city) if city.taxonomy.sound else None, faults)
    check_quality(city.quality, faults)
    check_scorecards(city.scorecards, faults)
    check_selfservice(city.selfservice, [d.id for d in departments.models] if departments.sound else None, faults)


def _check_zone(profile: File[Profile], faults: Faults) -> None:
    for model, node in profile.records:
        if model.timezone not in available_timezones():
            text = f"timezone is {quote(model.timezone)}, expected a name such as Asia/Shanghai"
            faults.add(profile.path, node.get("timezone").line, text)


def _some(value: str | None) -> list[str]:
    return [value] if value else []


def _unique(file: File[M], faults: Faults, key: str, values: Callable[[M], Iterable[str]]) -> None:
    """No value of ``key`` may stand in two records (or twice in one)."""
    seen: dict[str, int] = {}
    for model, node in file.records:
        for value in values(model):
            line = node.get(key).line
            if value in seen:
                text = f"{key} {quote(value)} stands on line {seen[value]} too, expected each {key} once"
                faults.add(file.path, line, text)
            else:
                seen[value] = line


def _refer(
    file: File[M],
    faults: Faults,
    key: str,
    values: Callable[[M], Iterable[str]],
    other: File[Any],
    name: Callable[[Any], str],
) -> None:
    """Every value of ``key`` must be the name of a record in ``other``; says nothing while ``other`` is unsound."""
    if other.sound:
        names = [name(model) for model, _ in other.records]
        for model, node in file.records:
            for value in values(model):
                _missing(file.path, node.get(key).line, key, value, names, other.path, faults)


def _missing(path: Path, line: int, key: str, value: str, names: Iterable[str], source: Path, faults: Faults) -> None:
    known = list(names)
    if value not in known:
        near = get_close_matches(value, known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"expected one that {source.name} has"
        faults.add(path, line, f"{key} {quote(value)} does not exist, {hint}")


def _check_lines(lines: File[Line], faults: Faults) -> None:
    _unique(lines, faults, "number", lambda line: [line.number])
    _unique(lines, faults, "name", lambda line: [line.name])
    numbers = {line.number: line for line, _ in lines.records}
    names = {line.name: line for line, _ in lines.records}
    owner: dict[str, Line] = {}
    for line, node in lines.records:
        for alias, at in zip(line.aliases, node.get("aliases").items(), strict=True):
            taken = numbers.get(alias) or names.get(alias) or owner.get(alias)
            if taken:
                text = f"alias {quote(alias)} already means line {taken.number}, expected a name of its own"
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


def _check_desks(desks: File[Desk], lines: File[Line], faults: Faults) -> None:
    _unique(desks, faults, "extension", lambda desk: [desk.extension])
    numbers = {line.number for line, _ in lines.records}
    for desk, node in desks.records:
        if desk.extension in numbers:
            text = f"extension {desk.extension} is a line's number, expected one that no line has"
            faults.add(desks.path, node.get("extension").line, text)
    if desks.records and desks.sound and not any(d.emergency and d.in_queue for d, _ in desks.records):
        faults.add(desks.path, 1, "no desk in the queue takes emergency calls, expected at least one")


#: Skill groups that the dialplan knows by name: those of emergency and of service lines.
_NEEDED = ("emergency", "service")


def _check_groups(groups: File[SkillGroup], faults: Faults) -> None:
    _unique(groups, faults, "key", lambda group: [group.key])
    _unique(groups, faults, "hotkey", lambda group: _some(group.hotkey))
    keys = [group.key for group in groups.models]
    for key in _NEEDED:
        if groups.sound and keys and key not in keys:
            faults.add(groups.path, 1, f'no group has the key "{key}", expected one for the lines of that kind')
    for group, node in groups.records:
        for key in ("hotkey", "outside"):
            if getattr(group, key) and not group.linkage:
                text = f"{key} of a group that nobody is called in from, expected linkage: true beside it"
                faults.add(groups.path, node.get(key).line, text)


def _check_modes(modes: File[Mode], faults: Faults) -> None:
    _unique(modes, faults, "key", lambda mode: [mode.key])


def _refer_groups(city: CityFiles, faults: Faults) -> None:
    """Whoever names a group names one that there is."""
    if not city.groups.sound:
        return
    known = city.groups.models or USUAL_GROUPS
    # That a needed one is missing has been told once; not again for every desk that means it by saying nothing.
    keys, source = [*(group.key for group in known), *_NEEDED], city.groups.path
    linkage = {group.key for group in known if group.linkage}

    def named(file: File[Any], node: Node, key: str, values: Iterable[str]) -> None:
        for value in values:
            _missing(file.path, node.get(key).line, key, value, keys, source, faults)

    for group, node in city.groups.records:
        named(city.groups, node, "overflow", group.overflow)
    for line, node in city.lines.records:
        named(city.lines, node, "group", _some(line.group))
        if line.group in linkage:
            text = f"line {line.number} leads to {line.group}, which is called in, expected a group that answers lines"
            faults.add(city.lines.path, node.get("group").line, text)
    for desk, node in city.desks.records:
        named(city.desks, node, "groups", desk.groups)
    for mode, node in city.modes.records:
        named(city.modes, node, "groups", [*mode.groups, *mode.groups.values()])


def _check_matters(matters: File[Matter], lines: File[Line], faults: Faults) -> None:
    _refer(matters, faults, "source", lambda m: [m.source], lines, lambda line: line.number)
    _refer(matters, faults, "target", lambda m: [m.target], lines, lambda line: line.number)
    _unique(matters, faults, "name", lambda m: [f"{m.name} ({m.source} → {m.target})"])
    for matter, node in matters.records:
        if matter.source == matter.target:
            text = f"target is {matter.target}, the line that passes it on, expected another"
            faults.add(matters.path, node.get("target").line, text)


def _check_towns(towns: File[Town], faults: Faults) -> None:
    _unique(towns, faults, "name", lambda town: [town.name])
    _unique(towns, faults, "code", lambda town: _some(town.code))
    codes: dict[str, int] = {}
    for town, node in towns.records:
        names: dict[str, int] = {}
        for community, inner in zip(town.communities, node.get("communities").items(), strict=True):
            for seen, key, value in ((names, "name", community.name), (codes, "code", community.code)):
                line = inner.get(key).line
                if value and value in seen:
                    text = f"community {key} {quote(value)} stands on line {seen[value]} too, expected each once"
                    faults.add(towns.path, line, text)
                seen.setdefault(value, line)


def _check_taxonomy(taxonomy: File[Group], faults: Faults) -> None:
    _unique(taxonomy, faults, "code", lambda group: [group.code])
    seen: dict[str, int] = {}
    for group, category, node in _categories(taxonomy):
        line = node.get("code").line
        if category.code in seen:
            text = f"code {quote(category.code)} stands on line {seen[category.code]} too, expected each code once"
            faults.add(taxonomy.path, line, text)
        elif not category.code.startswith(group.code):
            text = f"code {quote(category.code)} lies in group {group.code}, expected to begin with {group.code}"
            faults.add(taxonomy.path, line, text)
        seen.setdefault(category.code, line)


def _refer_categories(taxonomy: File[Group], departments: File[Department], faults: Faults) -> None:
    if departments.sound:
        ids = [department.id for department, _ in departments.records]
        for _, category, node in _categories(taxonomy):
            path, source = taxonomy.path, departments.path
            _missing(path, node.get("department").line, "department", category.department, ids, source, faults)
            for assist, at in zip(category.assist, node.get("assist").items(), strict=True):
                _missing(path, at.line, "assist", assist, ids, source, faults)


def _categories(taxonomy: File[Group]) -> Iterator[tuple[Group, Category, Node]]:
    for group, node in taxonomy.records:
        for category, inner in zip(group.categories, node.get("categories").items(), strict=True):
            yield group, category, inner


def _check_people(people: File[Person], faults: Faults) -> None:
    _unique(people, faults, "login", lambda person: [person.login])
    #: What each role cannot work without.
    needs = {"agent": "extension", "department": "department", "grid": "department"}
    for person, node in people.records:
        key = needs.get(person.role)
        if key and not getattr(person, key):
            faults.add(people.path, node.line, f'{person.login} is of role {person.role}, expected key "{key}"')


def _check_staff(
    people: File[Person], departments: File[Department], towns: File[Town], grids: Sequence[str], faults: Faults
) -> None:
    """People's departments exist: listed ones, communities by division code, and grids."""
    if not (departments.sound and towns.sound):
        return
    derived = {f"community_{c.code}" for town in towns.models for c in town.communities if c.code}
    derived |= {f"grid_{key}" for key in grids}
    names = [department.id for department in departments.models]
    for person, node in people.records:
        if person.department and person.department not in derived:
            line = node.get("department").line
            _missing(people.path, line, "department", person.department, names, departments.path, faults)


def _check_landmarks(landmarks: File[Landmark], towns: File[Town], faults: Faults) -> None:
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


def _check_parents(departments: File[Department], faults: Faults) -> None:
    """What goes up arrives at last: every department above another lies at a higher level."""
    by_id = {d.id: d for d in departments.models}
    for department, node in departments.records:
        above = by_id.get(department.parent)
        if above is not None and LEVELS.index(above.at_level) >= LEVELS.index(department.at_level):
            text = f"parent {quote(above.id)} is of level {above.at_level}, expected one above {department.at_level}"
            faults.add(departments.path, node.get("parent").line, text)


def _refer_flows(city: CityFiles, faults: Faults) -> None:
    """A flow is for lines and categories that there are."""
    codes = _codes(city)
    numbers = [line.number for line in city.lines.models]
    for flow, node in city.flows.records:
        use = node.get("use")
        for key, values, known, file in (
            ("lines", flow.use.lines, numbers, city.lines),
            ("codes", flow.use.codes, codes, city.taxonomy),
        ):
            for value in values if file.sound else ():
                _missing(city.flows.path, use.get(key).line, key, value, known, file.path, faults)


def _codes(city: CityFiles) -> list[str]:
    return [group.code for group in city.taxonomy.models] + [c.code for _, c, _ in _categories(city.taxonomy)]


def _flow_keys(city: CityFiles) -> list[str]:
    return [flow.key for flow in city.flows.models or usual_flows()]
