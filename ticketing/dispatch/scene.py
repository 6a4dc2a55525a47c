"""Where a ticket is. Pure: what a person set goes before what its place says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ticketing.dispatch.nearest import Spot
from ticketing.dispatch.tables import TicketScene
from triage.verdict import Place

#: Who says so: a person, the place's own point in the city's files, or nobody.
Source = Literal["person", "place", "none"]


@dataclass(frozen=True)
class Scene:
    spot: Spot
    source: Source
    #: 1 特别重大 … 4 一般; None where nobody has graded it.
    grade: int | None = None
    #: Name of the place that the point or the town comes from.
    place: str = ""


def scene_of(kept: TicketScene | None, places: Sequence[Place]) -> Scene:
    """The scene of a ticket from what a person set, and from the places that its place's words name (best first)."""
    town = next((place.town for place in places if place.town), "")
    grade = kept.grade if kept else None
    if kept is not None and kept.lon is not None and kept.lat is not None:
        return Scene(Spot(kept.lon, kept.lat, 0.0, town), "person", grade)
    named = next((place for place in places if place.point is not None), None)
    if named is not None and named.point is not None:
        lat, lon = named.point
        return Scene(Spot(lon, lat, named.point_m, named.town or town), "place", grade, named.canonical)
    return Scene(Spot(town=town), "none", grade, town)
