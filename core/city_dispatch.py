"""What a city sends out: units, who is on duty, plans, grids and cameras. Reading: :mod:`core.city_dispatchfiles`.

Coordinates are degrees east and north of WGS 84, as GPS gives them; maps made in China are often shifted (GCJ-02) and
must be converted before they come into these files.
"""

from datetime import date, time
from typing import Annotated, Literal

from pydantic import Field

from core.citytypes import Data, Key, MaybeText, Text, form

Lon = Annotated[float, Field(ge=-180, le=180)]
Lat = Annotated[float, Field(ge=-90, le=90)]
Code = Annotated[str, form(r"^[A-Z][0-9]{0,4}$", "the code of a group or a category, such as E1 or E101")]
#: Grade of an incident: 1 特别重大, 2 重大, 3 较大, 4 一般 (突发事件应对法).
Grade = Annotated[int, Field(ge=1, le=4)]
#: A point: degrees east, degrees north.
Point = tuple[float, float]
#: A closed line of points; the first ring of a polygon is its outline, the others are cut out of it.
Ring = tuple[Point, ...]


class UnitKind(Data):
    """What a unit is: a police car, a fire engine…"""

    key: Key
    name: Text
    name_en: Text
    #: Groups and categories that it serves; empty: all.
    codes: tuple[Code, ...] = ()
    #: How fast it goes through the city on an order, by which arrival is estimated: a setting.
    speed_kmh: Annotated[float, Field(gt=0, le=200)] = 40

    def serves(self, code: str) -> int:
        """How exactly it serves a category: by the longest code that fits; 0 not at all, 1 where it serves all."""
        if not self.codes:
            return 1
        return max((len(own) for own in self.codes if code.startswith(own)), default=0)


class Unit(Data):
    """One car, engine or patrol that can be sent."""

    key: Annotated[Key, Field(max_length=40)]
    #: Call sign.
    name: Text
    name_en: Text
    kind: Key
    #: Department whose unit it is.
    department: Key
    #: Town in which it waits.
    town: MaybeText = ""
    #: Towns for which it is there; empty: the whole city.
    towns: tuple[Text, ...] = ()
    #: Where it waits, where that is known better than by the town.
    lon: Lon | None = None
    lat: Lat | None = None
    crew: Annotated[int | None, Field(ge=1, le=60)] = None
    phone: Annotated[str, form(r"^([0-9]{3,20})?$", "a telephone number, or nothing")] = ""


class Units(Data):
    """``units.yaml``."""

    kinds: tuple[UnitKind, ...] = ()
    units: tuple[Unit, ...] = ()
    #: Way by road over the straight line: a setting, to be measured on the city's own runs.
    detour: Annotated[float, Field(ge=1, le=5)] = 1.4
    #: Minutes after which a position is marked as old, ...
    old_min: Annotated[float, Field(gt=0)] = 10
    #: ... and after which it says nothing any more: the unit counts as where it waits.
    lost_min: Annotated[float, Field(gt=0)] = 120
    #: Made up to show how it works, no real unit.
    invented: bool = False


class Shift(Data):
    """A stretch of a day's duty; one that ends at or before its beginning goes over midnight."""

    key: Key
    name: Text
    name_en: Text
    starts: time
    ends: time


class Team(Data):
    """Units that are on duty together."""

    key: Key
    name: Text
    name_en: Text
    units: Annotated[tuple[Key, ...], Field(min_length=1)]
    #: Names of who is in charge, in the order of being called.
    people: tuple[Text, ...] = ()
    #: Shift of each day of the cycle, over and over; empty: a day of rest.
    pattern: Annotated[tuple[Annotated[str, form(r"^([a-z][a-z0-9_-]*)?$", "a shift's key, or nothing")], ...],
                       Field(min_length=1)]  # fmt: skip
    #: The day on which the cycle begins.
    since: date
    #: ``workdays``: rests on the city's days off, swapped days (调休) as the calendar has them.
    days: Literal["all", "workdays"] = "all"


class Swap(Data):
    """Two teams do each other's duty of one day."""

    day: date
    one: Key
    other: Key
    reason: Text


class Roster(Data):
    """``roster.yaml``. A unit that no team has is on duty around the clock."""

    shifts: tuple[Shift, ...] = ()
    teams: tuple[Team, ...] = ()
    swaps: tuple[Swap, ...] = ()
    invented: bool = False


class PlanItem(Data):
    """One thing to be done."""

    key: Annotated[Key, Field(max_length=40)]
    text: Text
    text_en: Text


class PlanUnits(Data):
    """How many of a kind go."""

    kind: Key
    count: Annotated[int, Field(ge=1, le=50)] = 1


class PlanResource(Data):
    """What is needed, and who keeps it."""

    name: Text
    name_en: Text
    amount: MaybeText = ""
    keeper: MaybeText = ""


class PlanCall(Data):
    """Who must be told."""

    name: Text
    name_en: Text
    phone: Annotated[str, form(r"^([0-9]{3,20})?$", "a telephone number, or nothing")] = ""
    note: MaybeText = ""


class Plan(Data):
    """What is done in an incident of certain categories and grades (``plans.yaml``)."""

    key: Annotated[Key, Field(max_length=40)]
    name: Text
    name_en: Text
    codes: Annotated[tuple[Code, ...], Field(min_length=1)]
    #: Grades for which it holds; empty: all, also where nobody has graded it.
    grades: tuple[Grade, ...] = ()
    items: Annotated[tuple[PlanItem, ...], Field(min_length=1)]
    send: tuple[PlanUnits, ...] = ()
    #: Keys of departments that are told at once.
    departments: tuple[Key, ...] = ()
    resources: tuple[PlanResource, ...] = ()
    calls: tuple[PlanCall, ...] = ()
    #: Document that it stands in.
    source: MaybeText = ""


class Grid(Data):
    """One grid (网格): a feature of ``grids.geojson``."""

    #: A department's key is made of it (``grid_``), which has 40 at most.
    key: Annotated[Key, Field(max_length=35)]
    name: Text
    town: MaybeText = ""
    community: MaybeText = ""
    #: Made up to show how it works, not the city's real grid.
    invented: bool = False
    polygons: Annotated[tuple[Annotated[tuple[Ring, ...], Field(min_length=1)], ...], Field(min_length=1)]


class Camera(Data):
    """One row of ``cameras.csv``."""

    id: Annotated[str, form(r"^[A-Za-z0-9._-]{1,40}$", "1 to 40 letters, digits, . _ or -")]
    name: Text
    lon: Lon
    lat: Lat
    #: Only shown, never fetched.
    link: Annotated[
        str, form(r"^(https|rtsps?)://[^\s\"'<>\\]{1,400}$", "an address beginning with https:// or rtsp://")
    ]


class CityDispatch(Data):
    """All of it; a city may leave out every part."""

    units: Units = Units()
    roster: Roster = Roster()
    plans: tuple[Plan, ...] = ()
    grids: tuple[Grid, ...] = ()
    #: West, south, east, north of the city: ``bbox`` of ``grids.geojson``.
    box: tuple[float, float, float, float] | None = None
    cameras: tuple[Camera, ...] = ()

    def unit(self, key: str) -> Unit | None:
        return next((u for u in self.units.units if u.key == key), None)

    def kind(self, key: str) -> UnitKind | None:
        return next((k for k in self.units.kinds if k.key == key), None)

    def plan(self, key: str) -> Plan | None:
        return next((p for p in self.plans if p.key == key), None)
