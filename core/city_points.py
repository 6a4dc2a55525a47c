"""Checks of the coordinates of towns, communities and landmarks (``towns.yaml``, ``landmarks.yaml``)."""

from pathlib import Path

from core.city import Community, Landmark, Town
from core.cityfaults import Faults, File, quote
from core.earth import metres_between
from core.yamltext import Node

#: A community or landmark that lies farther from its town's middle is a slip of the pen: no town is so wide.
_TOWN_M = 30_000


def check_points(towns: File[Town], landmarks: File[Landmark], faults: Faults) -> None:
    """Coordinates are whole, and what lies in a town is near its middle. (Their ranges: the models.)"""
    middles = {town.name: town for town, _ in towns.records}
    for town, node in towns.records:
        _check_point(towns.path, town, None, node, faults)
        for community, inner in zip(town.communities, node.get("communities").items(), strict=True):
            _check_point(towns.path, community, town, inner, faults)
    for mark, node in landmarks.records:
        _check_point(landmarks.path, mark, middles.get(mark.town), node, faults)


def _check_point(path: Path, place: Town | Community | Landmark, town: Town | None, node: Node, faults: Faults) -> None:
    name = quote(place.name)
    if (place.lon is None) != (place.lat is None):
        faults.add(path, node.line, f"{name} has one of lon and lat, expected both or neither")
    elif place.lon is None or place.lat is None:
        if place.approximate:
            text = f"{name} is approximate without coordinates, expected lon and lat beside it"
            faults.add(path, node.get("approximate").line, text)
    elif town is not None and town.lon is not None and town.lat is not None:
        apart = metres_between(place.lon, place.lat, town.lon, town.lat)
        if apart > _TOWN_M:
            text = f"{name} lies {apart / 1000:.0f} km from the middle of {town.name}, expected at most 30"
            faults.add(path, node.get("lon").line, text)
