"""Reads ``cameras.csv``, and checks what the files of dispatch say of each other and of the rest of the city."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.city import Department, Group, Town
from core.city_dispatch import Camera, CityDispatch, Plan, Roster, Units
from core.city_grids import GridFile
from core.cityfaults import Faults, File, quote
from core.citytypes import FORMS
from core.yamltext import Node

_COLUMNS = ("id", "name", "lon", "lat", "link")


@dataclass
class CameraFile:
    """The cameras of a city folder; empty where there is no such file."""

    path: Path
    cameras: list[tuple[Camera, int]] = field(default_factory=list)


def read_cameras(path: Path, faults: Faults) -> CameraFile:
    """The rows of ``cameras.csv`` (UTF-8, header ``id,name,lon,lat,link``); each bad row is noted with its line."""
    file = CameraFile(path)
    if not path.exists():
        return file
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        faults.add(path, 1, f"cannot be read ({error}), expected CSV in UTF-8")
        return file
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        if tuple(name.strip() for name in next(rows, [])) != _COLUMNS:
            faults.add(path, 1, f"the first line is another, expected {','.join(_COLUMNS)}")
            return file
        seen: dict[str, int] = {}
        for row in rows:
            _camera(row, rows.line_num, seen, file, faults)
    except csv.Error as error:
        faults.add(path, rows.line_num, f"is not CSV: {error}")
    return file


def _camera(row: list[str], line: int, seen: dict[str, int], file: CameraFile, faults: Faults) -> None:
    if not row:
        return
    if len(row) != len(_COLUMNS):
        faults.add(file.path, line, f"{len(row)} fields, expected {len(_COLUMNS)}: {','.join(_COLUMNS)}")
        return
    try:
        camera = Camera.model_validate(dict(zip(_COLUMNS, (cell.strip() for cell in row), strict=True)))
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = str(item["loc"][0])
            wanted = FORMS.get(item.get("ctx", {}).get("pattern", ""), "")
            faults.add(
                file.path,
                line,
                f"{name} is {quote(str(item['input']))}, {(wanted and 'expected ' + wanted) or item['msg']}",
            )
        return
    if camera.id in seen:
        faults.add(
            file.path, line, f"id {quote(camera.id)} stands on line {seen[camera.id]} too, expected each id once"
        )
        return
    seen[camera.id] = line
    file.cameras.append((camera, line))


@dataclass(frozen=True)
class DispatchFiles:
    """The five files, sound or not."""

    units: File[Units]
    roster: File[Roster]
    plans: File[Plan]
    grids: GridFile
    cameras: CameraFile

    def city(self) -> CityDispatch:
        """What they hold, once they are found to be sound."""
        return CityDispatch(
            units=next(iter(self.units.models), Units()),
            roster=next(iter(self.roster.models), Roster()),
            plans=self.plans.models,
            grids=self.grids.models,
            box=self.grids.box,
            cameras=tuple(camera for camera, _ in self.cameras.cameras),
        )


def check_dispatch(
    files: DispatchFiles, departments: File[Department], towns: File[Town], taxonomy: File[Group], faults: Faults
) -> None:
    """Note every fault that no single record shows."""
    known = _Known(
        departments={d.id for d in departments.models} if departments.sound else None,
        towns={t.name for t in towns.models} if towns.sound else None,
        codes={c for g in taxonomy.models for c in (g.code, *(x.code for x in g.categories))}
        if taxonomy.sound
        else None,
    )
    for units, node in files.units.records:
        _check_units(units, node, files.units.path, known, faults)
    for roster, node in files.roster.records:
        _check_roster(roster, node, files, faults)
    kinds = {k.key for u in files.units.models for k in u.kinds}
    seen: dict[str, int] = {}
    for plan, node in files.plans.records:
        _check_plan(plan, node, files.plans.path, kinds, known, faults)
        _once("plan", plan.key, node.line, seen, files.plans.path, faults)
    for grid, line in files.grids.grids:
        _exists("town", [grid.town] if grid.town else [], known.towns, files.grids.path, line, faults)
    if box := files.grids.box:
        for camera, line in files.cameras.cameras:
            if not (box[0] <= camera.lon <= box[2] and box[1] <= camera.lat <= box[3]):
                swapped = box[0] <= camera.lat <= box[2] and box[1] <= camera.lon <= box[3]
                what = "has lon and lat swapped" if swapped else "lies outside the city's bbox"
                text = (
                    f"camera {quote(camera.id)} at [{camera.lon}, {camera.lat}] {what}, expected WGS 84 degrees inside"
                )
                faults.add(files.cameras.path, line, text)


@dataclass(frozen=True)
class _Known:
    """What other files have; None while they are unsound themselves."""

    departments: set[str] | None
    towns: set[str] | None
    codes: set[str] | None


def _check_units(units: Units, node: Node, path: Path, known: _Known, faults: Faults) -> None:
    kinds: dict[str, int] = {}
    for kind, inner in zip(units.kinds, node.get("kinds").items(), strict=True):
        _once("kind", kind.key, inner.line, kinds, path, faults)
        _exists("codes", kind.codes, known.codes, path, inner.get("codes").line, faults)
    seen: dict[str, int] = {}
    for unit, inner in zip(units.units, node.get("units").items(), strict=True):
        _once("unit", unit.key, inner.line, seen, path, faults)
        _exists("kind", [unit.kind], set(kinds), path, inner.get("kind").line, faults)
        _exists("department", [unit.department], known.departments, path, inner.get("department").line, faults)
        _exists("town", [unit.town] if unit.town else [], known.towns, path, inner.get("town").line, faults)
        _exists("towns", unit.towns, known.towns, path, inner.get("towns").line, faults)
        if (unit.lon is None) != (unit.lat is None):
            faults.add(path, inner.line, f"unit {quote(unit.key)} has one of lon and lat, expected both or neither")


def _check_roster(roster: Roster, node: Node, files: DispatchFiles, faults: Faults) -> None:
    path = files.roster.path
    shifts: dict[str, int] = {}
    for shift, inner in zip(roster.shifts, node.get("shifts").items(), strict=True):
        _once("shift", shift.key, inner.line, shifts, path, faults)
    units = {u.key for all_units in files.units.models for u in all_units.units} if files.units.sound else None
    teams: dict[str, int] = {}
    for team, inner in zip(roster.teams, node.get("teams").items(), strict=True):
        _once("team", team.key, inner.line, teams, path, faults)
        _exists("units", team.units, units, path, inner.get("units").line, faults)
        _exists("pattern", [key for key in team.pattern if key], set(shifts), path, inner.get("pattern").line, faults)
        if not any(team.pattern):
            faults.add(path, inner.get("pattern").line, f"team {quote(team.key)} never works, expected a shift")
    swapped: dict[str, int] = {}
    for swap, inner in zip(roster.swaps, node.get("swaps").items(), strict=True):
        _exists("one", [swap.one], set(teams), path, inner.get("one").line, faults)
        _exists("other", [swap.other], set(teams), path, inner.get("other").line, faults)
        if swap.one == swap.other:
            faults.add(path, inner.line, f"team {quote(swap.one)} is swapped with itself, expected another")
        else:
            for key in (swap.one, swap.other):
                _once("swap of", f"{key} {swap.day}", inner.line, swapped, path, faults)


def _check_plan(plan: Plan, node: Node, path: Path, kinds: set[str], known: _Known, faults: Faults) -> None:
    _exists("codes", plan.codes, known.codes, path, node.get("codes").line, faults)
    _exists("departments", plan.departments, known.departments, path, node.get("departments").line, faults)
    for wanted, inner in zip(plan.send, node.get("send").items(), strict=True):
        _exists("kind", [wanted.kind], kinds, path, inner.line, faults)
    items: dict[str, int] = {}
    for item, inner in zip(plan.items, node.get("items").items(), strict=True):
        _once("item", item.key, inner.line, items, path, faults)


def _once(what: str, key: str, line: int, seen: dict[str, int], path: Path, faults: Faults) -> None:
    if key in seen:
        faults.add(path, line, f"{what} {quote(key)} stands on line {seen[key]} too, expected each once")
    seen.setdefault(key, line)


def _exists(what: str, values: Iterable[Any], known: set[str] | None, path: Path, line: int, faults: Faults) -> None:
    for value in values if known is not None else ():
        if value not in (known or set()):
            near = get_close_matches(value, sorted(known or ()), 1)
            hint = f'did you mean "{near[0]}"?' if near else "expected one that the city has"
            faults.add(path, line, f"{what} {quote(value)} does not exist, {hint}")
