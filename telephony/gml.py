"""Where a caller is, read from what the exchange's PIDF-LO says (RFC 5491: shapes of GML in WGS 84). Pure.

Asterisk hands a shape over as ``name=value`` pairs, ``shape=Circle,crs=2d,pos=24.7814 118.5522,radius=350.5``; the
dialplan lets only letters, digits and ``.,=-`` and spaces of it through, and cuts it off. A stranger wrote it all the
same: what does not make sense is no place, and never an error.
"""

import math
import re
from dataclasses import dataclass

#: Longer ways are no uncertainty but nonsense: half the way around the earth, in metres.
MAX_RADIUS_M = 20_037_508.0
_EARTH_M = 6_371_008.8
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,15})?")
#: Shape → the pair that says how far from its middle the caller can be; none for a point.
_RADIUS = {
    "Point": "", "Circle": "radius", "Sphere": "radius", "Ellipse": "semiMajorAxis", "Ellipsoid": "semiMajorAxis",
    "ArcBand": "outerRadius",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees, and metres around them in which the caller is; 0 where that was not told."""

    latitude: float
    longitude: float
    radius_m: float = 0.0


def read_shape(text: str) -> Place | None:
    """The middle of the shape with its radius; None for anything that is no place on earth.

    A polygon becomes the circle around the middle of its box that holds all its corners; one whose ring is not closed
    (it was cut off) is none.
    """
    pairs = [(name, value) for name, equals, value in (part.partition("=") for part in text.split(",")) if equals]
    first = dict(reversed(pairs))
    shape = first.get("shape", "")
    if shape == "Polygon":
        return _polygon(pairs, 3 if first.get("crs") == "3d" else 2)
    if shape not in _RADIUS:
        return None
    middle = _numbers(first.get("pos", ""))
    if middle is None or len(middle) not in (2, 3):
        return None
    radius = 0.0
    if _RADIUS[shape]:
        told = _numbers(first.get(_RADIUS[shape], ""))
        if told is None or len(told) != 1:
            return None
        radius = told[0]
    return _place(middle[0], middle[1], radius)


def _polygon(pairs: list[tuple[str, str]], size: int) -> Place | None:
    corners: list[tuple[float, float]] = []
    for name, value in pairs:
        if name in ("pos", "posList"):
            numbers = _numbers(value)
            if numbers is None or len(numbers) % size or (name == "pos" and len(numbers) != size):
                return None
            corners += [(numbers[n], numbers[n + 1]) for n in range(0, len(numbers), size)]
    if len(corners) < 4 or corners[0] != corners[-1] or any(_place(*corner) is None for corner in corners):
        return None
    latitudes, longitudes = [c[0] for c in corners], [c[1] for c in corners]
    latitude = (min(latitudes) + max(latitudes)) / 2
    longitude = (min(longitudes) + max(longitudes)) / 2
    return _place(latitude, longitude, max(metres((latitude, longitude), corner) for corner in corners))


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance of two places, each latitude and longitude in degrees."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(a), math.radians(b)) for a, b in (one, other))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_M * math.asin(min(math.sqrt(h), 1.0))


def _numbers(text: str) -> list[float] | None:
    parts = text.split()
    if not parts or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    return [float(part) for part in parts]


def _place(latitude: float, longitude: float, radius: float = 0.0) -> Place | None:
    if abs(latitude) > 90 or abs(longitude) > 180 or not 0 <= radius <= MAX_RADIUS_M:
        return None
    return Place(latitude, longitude, round(radius, 1))
