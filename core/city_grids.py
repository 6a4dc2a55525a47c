"""Reads and checks ``grids.geojson`` (RFC 7946): the city's grids as polygons in degrees."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydantic import ValidationError
from shapely.validation import explain_validity

from core.city_dispatch import Grid, Ring
from core.cityfaults import Faults, quote
from core.earth import METRES_OF_A_DEGREE, metres_of_lon

Box = tuple[float, float, float, float]
#: Overlaps and gaps smaller than this come of drawing and rounding, not of a wrong border.
TOLERANCE_M2 = 100.0
_FEATURES = re.compile(r'"features"\s*:\s*\[\s*')
_NEXT = re.compile(r"\s*,\s*")


@dataclass
class GridFile:
    """The grids of a city folder, each with its line; empty where there is no such file."""

    path: Path
    box: Box | None = None
    grids: list[tuple[Grid, int]] = field(default_factory=list)

    @property
    def models(self) -> tuple[Grid, ...]:
        return tuple(grid for grid, _ in self.grids)


def read_grids(path: Path, faults: Faults) -> GridFile:
    """The grids of this file; every fault is noted with its line."""
    file = GridFile(path)
    if not path.exists():
        return file
    try:
        text = path.read_text(encoding="utf-8-sig")
        top = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        faults.add(path, 1, f"cannot be read ({error}), expected GeoJSON in UTF-8")
        return file
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        faults.add(path, line, f"is not JSON: {error}")
        return file
    if not isinstance(top, dict) or top.get("type") != "FeatureCollection" or not isinstance(top.get("features"), list):
        faults.add(path, 1, "is no FeatureCollection, expected GeoJSON with features")
        return file
    file.box = _box(top.get("bbox"))
    if file.box is None:
        faults.add(path, 1, 'bbox is missing or wrong, expected "bbox": [west, south, east, north] of the city')
        return file
    seen: dict[str, int] = {}
    for feature, line in zip(top["features"], _lines(text, len(top["features"])), strict=True):
        grid = _grid(feature, path, line, faults)
        if grid is None:
            continue
        if grid.key in seen:
            faults.add(
                path, line, f"grid {quote(grid.key)} stands on line {seen[grid.key]} too, expected each key once"
            )
        elif fault := _shape_fault(grid, file.box):
            faults.add(path, line, f"grid {quote(grid.key)}: {fault}")
        else:
            file.grids.append((grid, line))
        seen.setdefault(grid.key, line)
    _neighbours(file, faults, gaps_allowed=top.get("gaps") == "allowed")
    return file


def _box(value: Any) -> Box | None:
    try:
        west, south, east, north = (float(v) for v in value)
    except (TypeError, ValueError):
        return None
    sound = -180 <= west < east <= 180 and -90 <= south < north <= 90
    return (west, south, east, north) if sound else None


def _lines(text: str, count: int) -> list[int]:
    """The line on which each feature begins."""
    decoder = json.JSONDecoder()
    found: list[int] = []
    start = _FEATURES.search(text)
    at, line, counted = (start.end() if start else 0), 1, 0
    while start and len(found) < count:
        line += text.count("\n", counted, at)
        counted = at
        found.append(line)
        try:
            _, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            break
        following = _NEXT.match(text, end)
        if following is None:
            break
        at = following.end()
    return found if len(found) == count else [1] * count


def _grid(feature: Any, path: Path, line: int, faults: Faults) -> Grid | None:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        faults.add(path, line, "is no Feature, expected one grid")
        return None
    shape, said = feature.get("geometry"), feature.get("properties")
    kind = shape.get("type") if isinstance(shape, dict) else None
    if not isinstance(shape, dict) or kind not in ("Polygon", "MultiPolygon"):
        faults.add(path, line, f"geometry is {quote(str(kind))}, expected Polygon or MultiPolygon")
        return None
    polygons = [shape.get("coordinates")] if kind == "Polygon" else shape.get("coordinates")
    try:
        # A third number would be a height: left out.
        rings = [[[tuple(point)[:2] for point in ring] for ring in polygon] for polygon in polygons]  # type: ignore[union-attr]
        return Grid.model_validate({**(said if isinstance(said, dict) else {}), "polygons": rings})
    except TypeError:
        faults.add(path, line, "coordinates are no list of rings of points, expected [[[lon, lat], …]]")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"][:2])
        faults.add(
            path, line, f"{where or 'properties'}: {first['msg']}, expected properties key, name, town, community"
        )
    return None


def _shape_fault(grid: Grid, box: Box) -> str:
    """What is wrong with one grid by itself; empty where nothing is."""
    for polygon in grid.polygons:
        for ring in polygon:
            if len(ring) < 4 or ring[0] != ring[-1]:
                return "a ring is not closed, expected at least 4 points, the last the same as the first"
    points = [point for polygon in grid.polygons for ring in polygon for point in ring]
    outside = [p for p in points if not _inside(p, box)]
    if outside:
        lon, lat = outside[0]
        if all(_inside((b, a), box) for a, b in points):
            return f"[{lon}, {lat}] has latitude and longitude swapped, expected [lon, lat]"
        return f"[{lon}, {lat}] lies outside the city's bbox {list(box)}, expected WGS 84 degrees inside it"
    for polygon in grid.polygons:
        shape = shapely.Polygon(polygon[0], polygon[1:])
        if not shape.is_valid:
            return f"the outline is not valid ({explain_validity(shape)}), expected one that does not cross itself"
    return ""


def _inside(point: tuple[float, float], box: Box) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def shapes(grids: Sequence[Grid], middle_lat: float) -> Any:
    """The grids as an array of shapes in metres on a plane that touches the earth at this latitude.

    Within a city (100 km) its distances are right to about 0.1 %.
    """
    scale = (metres_of_lon(middle_lat), METRES_OF_A_DEGREE)

    def plane(ring: Ring) -> Any:
        return np.asarray(ring, dtype=float) * scale

    return np.array(
        [
            shapely.MultiPolygon(
                [(plane(polygon[0]), [plane(hole) for hole in polygon[1:]]) for polygon in grid.polygons]
            )
            for grid in grids
        ],
        dtype=object,
    )


def _neighbours(file: GridFile, faults: Faults, *, gaps_allowed: bool) -> None:
    """Note where two grids lie on one another, and where land between them belongs to none."""
    if not file.grids or file.box is None:
        return
    middle = (file.box[1] + file.box[3]) / 2
    made = shapes(file.models, middle)
    whole = shapely.union_all(made)
    # Looking at each pair of neighbours is slow: only where all together are smaller than their sum.
    overlapping = float(np.sum(shapely.area(made)) - shapely.area(whole)) > TOLERANCE_M2
    for one, other in _pairs(made) if overlapping else ():
        common = float(shapely.area(shapely.intersection(made[one], made[other])))
        if common > TOLERANCE_M2:
            (first, line), (second, _) = file.grids[other], file.grids[one]
            text = f"grid {quote(first.key)} overlaps grid {quote(second.key)} by {common:.0f} m², expected no overlap"
            faults.add(file.path, line, text)
    if gaps_allowed:
        return
    for lon, lat, area in _gaps(whole, middle):
        text = (
            f"{area:.0f} m² at [{lon:.5f}, {lat:.5f}] lie between grids and belong to none, expected no hole "
            '(or "gaps": "allowed" beside bbox)'
        )
        faults.add(file.path, 1, text)


def _pairs(made: Any) -> Iterator[tuple[int, int]]:
    left, right = shapely.STRtree(made).query(made, predicate="intersects")
    yield from ((int(a), int(b)) for a, b in zip(left, right, strict=True) if a < b)


def _gaps(whole: Any, middle: float) -> Iterator[tuple[float, float, float]]:
    for part in shapely.get_parts(whole):
        for ring in part.interiors:
            hole = shapely.Polygon(ring)
            if hole.area > TOLERANCE_M2:
                point = hole.representative_point()
                yield point.x / metres_of_lon(middle), point.y / METRES_OF_A_DEGREE, hole.area
