"""Where tickets and units stand on the board's map, and what is drawn under them. Reads nothing but the city's data."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from core.city import City
from core.city_dispatch import Grid, Ring
from ticketing.assign.levels import located
from ticketing.dispatch.pending import Pending
from ticketing.dispatch.scene import scene_of
from ticketing.dispatch.views import UnitNow
from ticketing.grids import Grids
from triage.verdict import Place

Point = tuple[float, float]
#: How a place is known: a person set it; the place's words name it; else the middle of its grid, community or town.
Basis = Literal["person", "place", "grid", "community", "town"]
#: Texts of places that are remembered: the same ones are asked for at every change of a ticket.
REMEMBERED = 4_000


@dataclass(frozen=True)
class Spot:
    """Degrees of WGS 84, longitude first."""

    lon: float
    lat: float
    basis: Basis

    @property
    def middle(self) -> bool:
        """It lies somewhere around here: only the middle of what it lies in is known."""
        return self.basis in ("grid", "community", "town")


class Spots:
    """The places of one city."""

    def __init__(self, city: City, grids: Grids, find: Callable[[str], Sequence[Place]]) -> None:
        self._city, self._grids, self._find = city, grids, find
        self._of_text = lru_cache(REMEMBERED)(self._named)

    def of(self, ticket: Pending, place: str) -> Spot | None:
        """Where a ticket is; None where nobody knows."""
        if ticket.point is not None:
            return Spot(*ticket.point, "person")
        return self._of_text(place) if place else None

    def _named(self, place: str) -> Spot | None:
        scene = scene_of(None, self._find(place))
        if scene.spot.lon is not None and scene.spot.lat is not None:
            return Spot(scene.spot.lon, scene.spot.lat, "place")
        found = located(self._city, place, self._grids)
        grids = self._city.dispatch.grids
        if found.grid is not None:
            return _middle([found.grid], "grid")
        if found.community is not None and found.town is not None:
            own = [g for g in grids if (g.town, g.community) == (found.town.name, found.community.name)]
            if own:
                return _middle(own, "community")
        if found.town is not None:
            return self.of_town(found.town.name)
        return None

    def of_town(self, name: str) -> Spot | None:
        """The middle of a town as the city's file has it, else that of its grids."""
        town = next((t for t in self._city.towns if t.name == name), None)
        if town is not None and town.lon is not None and town.lat is not None:
            return Spot(town.lon, town.lat, "town")
        own = [grid for grid in self._city.dispatch.grids if grid.town == name]
        return _middle(own, "town") if own else None


def unit_at(unit: UnitNow) -> tuple[float, float, bool] | None:
    """Longitude, latitude, and whether the unit itself said so; else where it waits; None where nobody knows."""
    standing = unit.standing
    if standing.position is not None:
        return standing.position.lon, standing.position.lat, True
    return (*standing.station, False) if standing.station is not None else None


def ground(city: City, spots: Spots, name_of: Callable[[str], str]) -> dict[str, Any]:
    """The map's own ground: grids as GeoJSON, names of towns, the box of it all, the city's tiles where it has some.

    Without coordinates at all the box is None, and there is nothing to draw.
    """
    grids = city.dispatch.grids
    towns = [(town.name, spots.of_town(town.name)) for town in city.towns]
    points = [p for grid in grids for polygon in grid.polygons for p in polygon[0]]
    points += [(spot.lon, spot.lat) for _, spot in towns if spot is not None]
    points += [(u.lon, u.lat) for u in city.dispatch.units.units if u.lon is not None and u.lat is not None]
    north: dict[str, list[float]] = {}
    for grid in grids:
        north.setdefault(grid.town, []).extend(lat for polygon in grid.polygons for _, lat in polygon[0])
    tiles = city.profile.map_tiles
    return {
        "grids": {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {"key": grid.key, "name": grid.name},
                    "geometry": {"type": "MultiPolygon", "coordinates": [list(map(_line, p)) for p in grid.polygons]},
                }
                for grid in grids
            ],
        },
        # Over its northern edge, where its grids are known: the middle is where tickets stand that name the town alone.
        "towns": [
            {"name": name_of(name), "lon": spot.lon, "lat": max([spot.lat, *north.get(name, ())])}
            for name, spot in towns
            if spot is not None
        ],
        "box": _box(points),
        "limits": city.dispatch.box,
        "tiles": {"address": tiles, "credit": city.profile.map_credit} if tiles else None,
        "invented": any(grid.invented for grid in grids),
    }


def _line(ring: Ring) -> list[list[float]]:
    """A tenth of a metre is enough for a screen."""
    return [[round(lon, 6), round(lat, 6)] for lon, lat in ring]


def _middle(grids: Sequence[Grid], basis: Basis) -> Spot:
    """Of the box around them: inside or near, and the same for everybody."""
    west, south, east, north = _box([p for g in grids for polygon in g.polygons for p in polygon[0]]) or (0, 0, 0, 0)
    return Spot(round((west + east) / 2, 6), round((south + north) / 2, 6), basis)


def _box(points: Iterable[Point]) -> tuple[float, float, float, float] | None:
    found = list(points)
    if not found:
        return None
    lons, lats = [p[0] for p in found], [p[1] for p in found]
    return min(lons), min(lats), max(lons), max(lats)
