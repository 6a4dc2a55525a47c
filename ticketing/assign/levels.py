"""Whose a matter is: the department at the level where it begins, by its place; and the one above. Pure."""

from dataclasses import dataclass

from core.city import City, Community, Department, Town
from core.city_dispatch import Grid
from core.city_levels import LEVELS, Level
from ticketing.grids import Grids

#: Longitude and latitude in degrees of WGS 84.
Point = tuple[float, float]
NO_GRIDS = Grids(())


@dataclass(frozen=True)
class Where:
    """The town, the community and the grid that a place lies in; None where that is not known for sure."""

    town: Town | None = None
    community: Community | None = None
    grid: Grid | None = None


def where(city: City, place: str) -> Where:
    """By the names that stand in a place's text: of towns, of communities, of landmarks.

    A community's name that several towns have says nothing without its town, nor does one of two towns.
    """
    towns = [town for town in city.towns if town.name in place]
    if len(towns) == 1:
        within = [c for c in towns[0].communities if c.name in place]
        # 新塘社区 also stands in 上新塘社区: the longest name is meant.
        return Where(towns[0], max(within, key=lambda c: len(c.name), default=None))
    if towns:
        return Where()
    found = [(t, c) for t in city.towns for c in t.communities if c.name in place]
    longest = max((len(c.name) for _, c in found), default=0)
    best = [(t, c) for t, c in found if len(c.name) == longest]
    if len(best) == 1:
        return Where(*best[0])
    marks = {(m.town, m.community) for m in city.landmarks if m.town and len(m.name) > 2 and m.name in place}
    if best or len(marks) != 1:
        return Where()
    (name, inner), *_ = marks
    town = next((t for t in city.towns if t.name == name), None)
    return Where(town, next((c for c in town.communities if c.name == inner), None) if town else None)


def located(city: City, place: str, grids: Grids = NO_GRIDS, point: Point | None = None) -> Where:
    """Where a place lies by its names, and in which grid.

    The grid is known by its own name, by an exact point (``point``, which a person set; else a surveyed landmark's), or
    as the only one of its community. One that the names contradict is none.
    """
    found = where(city, place)
    spots = [
        (mark.lon, mark.lat)
        for mark in city.landmarks
        if mark.lon is not None and mark.lat is not None and not mark.approximate and mark.name in place
    ]
    spot = point or (spots[0] if len(set(spots)) == 1 else None)
    named = [grid for grid in city.dispatch.grids if grid.name in place]
    grid = grids.at(*spot) if spot else (named[0] if len(named) == 1 else None)
    if grid is None and found.community and found.town:
        inside = [g for g in city.dispatch.grids if (g.town, g.community) == (found.town.name, found.community.name)]
        grid = inside[0] if len(inside) == 1 else None
    if grid is None or (found.town and grid.town and grid.town != found.town.name):
        return found
    if found.community and grid.community and grid.community != found.community.name:
        return found
    town = found.town or next((t for t in city.towns if t.name == grid.town), None)
    within = next((c for c in town.communities if c.name == grid.community), None) if town else None
    return Where(town, found.community or within, grid)


def starts_with(city: City, code: str, place: str, grids: Grids = NO_GRIDS, point: Point | None = None) -> str:
    """Key of the department below the city where a matter of this category begins; empty: the category's own.

    ``point``: longitude and latitude (degrees of WGS 84) that a person set.
    """
    rule = city.levels.rule(code) if code else None
    if rule is None or city.is_emergency(code):
        return ""
    found = located(city, place, grids, point)
    for level in LEVELS[LEVELS.index(rule.start) : 0 : -1]:
        department = _at(city, found, level)
        if department is not None:
            return department.id
    return ""


def above(city: City, department: str, code: str) -> str:
    """Key of the department to which a matter goes up; empty where there is none above."""
    own = city.department(department)
    if own is None or own.at_level == "district":
        return ""
    if own.parent:
        return own.parent
    category = city.category(code)
    return category.department if category and category.department != department else ""


def _at(city: City, found: Where, level: Level) -> Department | None:
    if level == "grid" and found.grid:
        return city.grid_departments.get(f"grid_{found.grid.key}")
    if level == "town" and found.town:
        return city.department_of_town(found.town.name)
    if level == "community" and found.community:
        return city.communities.get(f"community_{found.community.code}")
    return None
