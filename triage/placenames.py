"""Every way in which the places of a city are called: in full, by its short name, with its town before it."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from core.city import City, Community, Landmark, Town

_TOWN_END = re.compile(r"(?:街道|镇|乡|办事处|经济开发区|开发区)$")
COMMUNITY_END = re.compile(r"(?:社区|村委会|居委会|居民委员会|村民委员会|村|居)$")
#: 回族村, 畲族村: left out in speech. A radical before its character stands for one that fonts lack (氵丙).
_PEOPLE = re.compile(r"[回畲满壮苗]族$")


#: How far from its middle a place may lie that is known by its town, community or landmark alone, in metres: the half
#: width of a town of 50 km² and of a village of 2 km², rounded up; a road is as long as a town is wide.
_TOWN_M, _COMMUNITY_M, _LANDMARK_M = 4000.0, 1000.0, 200.0
#: What ``approximate`` in the city's files means.
_APPROXIMATE_M = 1000.0


@dataclass(frozen=True)
class Known:
    """One place of the gazetteer; exactly the parts that it has are set."""

    town: str = ""
    community: str = ""
    landmark: str = ""
    #: Degrees north and east of its middle, or of the middle of what it lies in; and how many metres it may be off.
    point: tuple[float, float] | None = field(default=None, compare=False)
    point_m: float = field(default=0.0, compare=False)

    @property
    def level(self) -> int:
        """1 town, 2 community, 3 landmark: the higher the more exact."""
        return 3 if self.landmark else 2 if self.community else 1


@dataclass(frozen=True)
class Name:
    text: str
    places: tuple[Known, ...]
    #: Without its 村, 镇 …: needs the words around it.
    short: bool


def names_of(city: City) -> Iterable[Name]:
    """Every way the city's places are called."""
    spoken: dict[tuple[str, bool], list[Known]] = defaultdict(list)

    def add(text: str, place: Known, short: bool) -> None:
        if len(text) >= 2 and place not in spoken[(text, short)]:
            spoken[(text, short)].append(place)

    town_of: dict[str, set[str]] = defaultdict(set)
    middles: dict[str, Known] = {}
    for town in city.towns:
        where = _known(Known(town=town.name), town, _TOWN_M, None)
        middles[town.name] = where
        short_town = _TOWN_END.sub("", town.name)
        if short_town == city.profile.name:
            # 晋江市经济开发区 without its end is the city.
            short_town = town.name
        add(town.name, where, False)
        if short_town != town.name:
            add(short_town, where, True)
        for community in town.communities:
            place = _known(Known(town=town.name, community=community.name), community, _COMMUNITY_M, where)
            middles[town.name + community.name] = place
            town_of[community.name].add(town.name)
            short_name = COMMUNITY_END.sub("", community.name)
            add(community.name, place, False)
            for base in {short_name, _PEOPLE.sub("", short_name), short_name.replace("氵", "")}:
                if base != community.name:
                    add(base, place, True)
                    for end in ("村", "社区"):
                        add(base + end, place, False)
                if short_town and base:
                    add(short_town + base, place, False)
                    # Said in full it is long enough to be known by sound alone, its 镇 and 村 misheard too.
                    add(town.name + base, place, False)
            if short_town:
                add(town.name + community.name, place, False)
                add(short_town + community.name, place, False)
    for landmark in city.landmarks:
        homes = town_of.get(landmark.community, set())
        home = landmark.town or (next(iter(homes)) if len(homes) == 1 else "")
        around = middles.get(home + landmark.community) or middles.get(home)
        wide = _TOWN_M if landmark.kind == "road" else _LANDMARK_M
        place = _known(Known(town=home, community=landmark.community, landmark=landmark.name), landmark, wide, around)
        add(landmark.name, place, False)
        name = landmark.name.removeprefix(city.profile.name.removesuffix("市"))
        if len(name) >= 4 and name != landmark.name:
            add(name, place, False)
        if name.endswith("广场"):
            # 万达 alone needs the words around it.
            add(name.removesuffix("广场"), place, True)
    return [Name(text, tuple(places), short) for (text, short), places in spoken.items()]


def _known(place: Known, said: Town | Community | Landmark, wide_m: float, around: Known | None) -> Known:
    """``place`` with its coordinates, else with those of what it lies in."""
    if said.lon is not None and said.lat is not None:
        return replace(place, point=(said.lat, said.lon), point_m=wide_m + _APPROXIMATE_M * said.approximate)
    return place if around is None else replace(place, point=around.point, point_m=around.point_m)
