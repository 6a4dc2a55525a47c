"""Which units could go, the nearest first, and how soon they could be there. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.city_dispatch import Unit, UnitKind, Units
from core.earth import metres_between
from ticketing.dispatch.states import FREE, UnitState

#: Minutes of the rings: the 1-3-5-minute response of the police, by which cities measure themselves (design figure).
RINGS = (1, 3, 5)
#: How a unit's distance is known: by its position, by where it waits, by towns alone, or not at all.
Basis = Literal["position", "station", "town", "none"]


@dataclass(frozen=True)
class Spot:
    """Where a ticket is, as far as it is known."""

    #: Degrees; both or neither.
    lon: float | None = None
    lat: float | None = None
    #: Radius in metres within which it may lie.
    uncertain_m: float = 0.0
    town: str = ""


@dataclass(frozen=True)
class Position:
    """Where a unit said it was."""

    lon: float
    lat: float
    #: Radius in metres, None where the device did not say.
    accuracy_m: float | None
    at: datetime


@dataclass(frozen=True)
class Standing:
    """A unit as it is now."""

    unit: Unit
    kind: UnitKind
    state: UnitState
    on_duty: bool
    position: Position | None = None
    #: Where it waits: its own, else the middle of its town; None where neither is known.
    station: tuple[float, float] | None = None


@dataclass(frozen=True)
class Candidate:
    """A free unit that could be sent."""

    standing: Standing
    basis: Basis
    #: Straight line; None where it is not known.
    distance_m: float | None
    #: Estimated time on the way; None where the distance is not known.
    minutes: float | None
    #: How old its position is; None where it does not count by it.
    age: timedelta | None
    #: The position is older than the city's ``old_min``.
    old: bool
    #: How exactly its kind serves the category.
    serves: int
    #: It waits in the ticket's town, or is there for it.
    same_town: bool
    for_town: bool

    @property
    def ring(self) -> int | None:
        """The first of :data:`RINGS` within which it can be there; None beyond them, or where nobody knows."""
        return next((m for m in RINGS if self.minutes is not None and self.minutes <= m), None)


def travel_minutes(distance_m: float, speed_kmh: float, detour: float) -> float:
    """Time for a straight line of so many metres, at this speed, by roads that are ``detour`` times as long."""
    return distance_m * detour / (speed_kmh * 1000 / 60)


def candidates(standings: Iterable[Standing], spot: Spot, code: str, setting: Units, now: datetime) -> list[Candidate]:
    """Every unit that may be sent: free, on duty, of a kind that serves the category, there for the town.

    The nearest first; then those whose distance nobody knows, of the ticket's town before the others. Only a person
    sends.
    """
    found = []
    for standing in standings:
        serves = standing.kind.serves(code) if code else 1
        elsewhere = bool(spot.town and standing.unit.towns and spot.town not in standing.unit.towns)
        if standing.state in FREE and standing.on_duty and serves and not elsewhere:
            found.append(_candidate(standing, spot, serves, setting, now))
    found.sort(key=_order)
    return found


def _candidate(standing: Standing, spot: Spot, serves: int, setting: Units, now: datetime) -> Candidate:
    unit, position = standing.unit, standing.position
    age = None if position is None else max(now - position.at, timedelta())
    if age is not None and age > timedelta(minutes=setting.lost_min):
        position = age = None
    at = (position.lon, position.lat) if position else standing.station
    same_town = bool(spot.town) and unit.town == spot.town
    distance = minutes = None
    basis: Basis = "town" if same_town else "none"
    if at is not None and spot.lon is not None and spot.lat is not None:
        distance = metres_between(spot.lon, spot.lat, *at)
        minutes = travel_minutes(distance, standing.kind.speed_kmh, setting.detour)
        basis = "position" if position else "station"
    return Candidate(
        standing=standing,
        basis=basis,
        distance_m=distance,
        minutes=minutes,
        age=age,
        old=age is not None and age > timedelta(minutes=setting.old_min),
        serves=serves,
        same_town=same_town,
        for_town=bool(spot.town) and spot.town in unit.towns,
    )


def _order(one: Candidate) -> tuple[object, ...]:
    known = one.distance_m is not None
    return (
        not known,
        one.distance_m if known else 0.0,
        not one.same_town,
        not one.for_town,
        one.standing.state != "idle",
        one.standing.unit.key,
    )


def choose(found: Sequence[Candidate], wanted: Sequence[tuple[str, int]]) -> list[Candidate]:
    """What is proposed: of each wanted kind so many, the nearest; without wishes the nearest of each kind that serves
    the category best."""
    if wanted:
        return [c for kind, count in wanted for c in [c for c in found if c.standing.kind.key == kind][:count]]
    best = max((c.serves for c in found), default=0)
    first: dict[str, Candidate] = {}
    for candidate in found:
        if candidate.serves == best:
            first.setdefault(candidate.standing.kind.key, candidate)
    return list(first.values())


def within(found: Iterable[Candidate]) -> dict[int, list[Candidate]]:
    """The rings: minutes → units that can be there by then and not by the ring before."""
    rings: dict[int, list[Candidate]] = {minutes: [] for minutes in RINGS}
    for candidate in found:
        if candidate.ring is not None:
            rings[candidate.ring].append(candidate)
    return rings
