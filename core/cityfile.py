"""Reads a city folder: YAML files into a :class:`core.city.City`, every fault told with its file and line."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError

from core.city import (
    USUAL_GROUPS,
    USUAL_MODES,
    Category,
    City,
    Community,
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
from core.city_analysis import CityAnalysis
from core.city_assessment import CityAssessment, Grade, Tier, Weight
from core.city_callbacks import CallbackRule, CityCallbacks
from core.city_clocks import CityCalendar, CityClocks, ClockPolicy, Colours, OfficeHours, PauseReason, SpecialDay
from core.city_dispatch import (
    Plan,
    PlanCall,
    PlanItem,
    PlanResource,
    PlanUnits,
    Roster,
    Shift,
    Swap,
    Team,
    Unit,
    UnitKind,
    Units,
)
from core.city_dispatchfiles import DispatchFiles, check_dispatch, read_cameras
from core.city_doors import CityDoors
from core.city_flows import Flow, FlowEdge, FlowStep, FlowUse, usual_flows
from core.city_grids import read_grids
from core.city_ivr import PARTS, IvrFlow
from core.city_ivrchecks import check_ivr
from core.city_knowledge import KnowledgeArticle
from core.city_levels import CityLevels, LevelRule
from core.city_quality import CityQuality, QualityShift, RiskWeight
from core.city_scorecards import Scorecard, ScoreItem, ScoreSection
from core.city_selfservice import CitySelfService
from core.citychecks import CityFiles, check
from core.cityfaults import MAX_FAULTS, Faults, File, M, quote
from core.cityfolder import CityFolder
from core.citytypes import FORMS
from core.errors import CityFileError, Fault
from core.yamltext import Node, YamlFault, read

__all__ = ["MAX_FAULTS", "load_city", "open_city", "sound"]


def open_city(folder: CityFolder) -> tuple[City, list[Fault]]:
    """The city, whatever became of its changed files; see :func:`sound`."""
    city, faults, _ = sound(folder)
    return city, faults


def sound(folder: CityFolder) -> tuple[City, list[Fault], CityFolder]:
    """The city, whatever became of its changed files: one with a fault is left out, and the fault told.

    They were sound when they were saved; a newer heyi may ask for more, and the folder itself may have changed below
    them. Raises :class:`CityFileError` where the folder itself is wrong.
    """
    told: list[Fault] = []
    while True:
        try:
            return load_city(folder), told, folder
        except CityFileError as error:
            left = [name for name in folder.changes() if name not in folder.without]
            faulty = {folder.name_of(fault.file) for fault in error.faults} & set(left)
            if not left:
                raise
            told += error.faults
            # A fault of the folder's own file comes of a changed one that it no longer fits.
            folder = folder.leaving_out(faulty or left)


def load_city(folder: Path | CityFolder) -> City:
    """The city that ``folder`` describes.

    Raises :class:`CityFileError` with one line ``file:line: what is wrong, what was expected`` for each fault of the
    whole folder, at most 20.
    """
    files_of = folder if isinstance(folder, CityFolder) else CityFolder(folder)
    if not files_of.seed.is_dir():
        raise CityFileError(f"{files_of.seed}: there is no such city folder", hint="heyi city new CODE starts one")
    faults, at = Faults(), files_of.path
    files = CityFiles(
        profile=_read(at("city.yaml"), Profile, faults, single=True),
        lines=_read(at("lines.yaml"), Line, faults),
        desks=_read(at("desks.yaml"), Desk, faults),
        departments=_read(at("departments.yaml"), Department, faults),
        towns=_read(at("towns.yaml"), Town, faults),
        taxonomy=_read(at("taxonomy.yaml"), Group, faults),
        people=_read(at("people.yaml"), Person, faults, optional=True),
        landmarks=_read(at("landmarks.yaml"), Landmark, faults, optional=True),
        groups=_read(at("groups.yaml"), SkillGroup, faults, optional=True),
        modes=_read(at("modes.yaml"), Mode, faults, optional=True),
        matters=_read(at("matters.yaml"), Matter, faults, optional=True),
        exchanges=_read(at("exchanges.yaml"), Exchange, faults, optional=True),
        terms=_read(at("lexicon.yaml"), Term, faults, optional=True),
        flows=_read(at("flows.yaml"), Flow, faults, optional=True),
        calendar=_read(at("calendar.yaml"), CityCalendar, faults, single=True, optional=True),
        clocks=_read(at("clocks.yaml"), CityClocks, faults, single=True, optional=True),
        knowledge=_read(at("knowledge.yaml"), KnowledgeArticle, faults, optional=True),
        callbacks=_read(at("callbacks.yaml"), CityCallbacks, faults, single=True, optional=True),
        doors=_read(at("doors.yaml"), CityDoors, faults, single=True, optional=True),
        levels=_read(at("levels.yaml"), CityLevels, faults, single=True, optional=True),
        assessment=_read(at("assessment.yaml"), CityAssessment, faults, single=True, optional=True),
        analysis=_read(at("analysis.yaml"), CityAnalysis, faults, single=True, optional=True),
        quality=_read(at("quality.yaml"), CityQuality, faults, single=True, optional=True),
        scorecards=_read(at("scorecards.yaml"), Scorecard, faults, optional=True),
        selfservice=_read(at("selfservice.yaml"), CitySelfService, faults, single=True, optional=True),
    )
    sent = DispatchFiles(
        units=_read(at("units.yaml"), Units, faults, single=True, optional=True),
        roster=_read(at("roster.yaml"), Roster, faults, single=True, optional=True),
        plans=_read(at("plans.yaml"), Plan, faults, optional=True),
        grids=read_grids(at("grids.geojson"), faults),
        cameras=read_cameras(at("cameras.csv"), faults),
    )
    ivr = [_read(path, IvrFlow, faults, single=True) for path in files_of.listed("ivr", "*.yaml")]
    groups = [group.key for group in files.groups.models or USUAL_GROUPS] if files.groups.sound else None
    check_ivr(ivr, files.lines.models if files.lines.sound else None, groups, faults)
    check(files, faults, [grid.key for grid in sent.grids.models])
    check_dispatch(sent, files.departments, files.towns, files.taxonomy, faults)
    if faults:
        raise CityFileError(faults.message(), faults=faults.found)
    return City(
        profile=files.profile.models[0],
        lines=files.lines.models,
        desks=files.desks.models,
        departments=files.departments.models,
        towns=files.towns.models,
        taxonomy=files.taxonomy.models,
        people=files.people.models,
        landmarks=files.landmarks.models,
        groups=files.groups.models or USUAL_GROUPS,
        modes=files.modes.models or USUAL_MODES,
        matters=files.matters.models,
        exchanges=files.exchanges.models,
        terms=files.terms.models,
        flows=files.flows.models or usual_flows(),
        calendar=next(iter(files.calendar.models), CityCalendar()),
        clocks=next(iter(files.clocks.models), CityClocks()),
        knowledge=files.knowledge.models,
        callbacks=next(iter(files.callbacks.models), CityCallbacks()),
        dispatch=sent.city(),
        doors=next(iter(files.doors.models), CityDoors()),
        levels=next(iter(files.levels.models), CityLevels()),
        assessment=next(iter(files.assessment.models), CityAssessment()),
        analysis=next(iter(files.analysis.models), CityAnalysis()),
        quality=next(iter(files.quality.models), CityQuality()),
        scorecards=files.scorecards.models,
        selfservice=next(iter(files.selfservice.models), CitySelfService()),
        ivr=tuple(flow for file in ivr for flow in file.models),
    )


# --- one file -----------------------------------------------------------------------------------------------------


def _read(path: Path, model: type[M], faults: Faults, *, single: bool = False, optional: bool = False) -> File[M]:
    """The records of one file: a single mapping, or a list of them; faults in shape and type are noted."""
    file: File[M] = File(path)
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
    "union_tag_invalid": "expected do to be {expected_tags}",
    "union_tag_not_found": "expected the key do beside it",
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
            yield node.key_line(where), f"unknown key {quote(name)}, {hint}"
        else:
            if item["type"] == "string_pattern_mismatch":
                expected = f"expected {FORMS[context['pattern']]}"
            elif item["type"] in _EXPECTED:
                expected = _EXPECTED[item["type"]].format_map(context)
            else:
                expected = item["msg"]
            found = node.at(where)
            yield found.line, f"{name} is {quote(found)}, {expected}"


def _label(where: tuple[int | str, ...]) -> str:
    """The key that a complaint is about; an entry of a list goes by the name of the list."""
    keys = [step for step in where if isinstance(step, str)]
    return keys[-1] if keys else "the entry"


#: Models inside a model, by key.
_INNER: dict[str, type[BaseModel]] = {
    **PARTS,
    "communities": Community, "categories": Category, "steps": FlowStep, "edges": FlowEdge, "use": FlowUse,
    "office_hours": OfficeHours, "hall_hours": OfficeHours, "closed": SpecialDay, "working": SpecialDay,
    "units": Unit, "kinds": UnitKind, "shifts": Shift, "teams": Team, "swaps": Swap,
    "items": PlanItem, "send": PlanUnits, "resources": PlanResource, "calls": PlanCall,
    "cases": CallbackRule, "policies": ClockPolicy, "pause_reasons": PauseReason, "colours": Colours,
    "rules": LevelRule, "departments": Weight, "agents": Weight, "tiers": Tier, "grades": Grade,
    "CityQuality.shifts": QualityShift, "risks": RiskWeight, "sections": ScoreSection, "ScoreSection.items": ScoreItem,
}  # fmt: skip


def _model_at(model: type[BaseModel], where: tuple[int | str, ...]) -> type[BaseModel]:
    for step in where:
        model = _INNER.get(f"{model.__name__}.{step}") or _INNER.get(str(step), model)
    return model
