"""Where tickets come from: counts of one day's facts, and those of several days together. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.collation import by_name
from ticketing.analysis.facts import Fact

#: Communities that are shown beside the towns: those with the most tickets.
COMMUNITIES = 15

Place = tuple[str, str]


@dataclass(frozen=True)
class DayCounts:
    """The tickets of one day: by town, community and group of matters, and by grid."""

    places: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    grids: Mapping[str, int] = field(default_factory=dict)
    total: int = 0
    #: Tickets that have a point on the map.
    pointed: int = 0


def counted(facts: Iterable[Fact]) -> DayCounts:
    """Facts with grids, one by one; what is in no town that is known counts in ``total`` alone."""
    places: Counter[tuple[str, str, str]] = Counter()
    grids: Counter[str] = Counter()
    total = pointed = 0
    for fact in facts:
        total += 1
        pointed += fact.spot.point is not None
        if fact.spot.town:
            places[fact.spot.town, fact.spot.community, fact.group] += 1
        if fact.grid:
            grids[fact.grid] += 1
    return DayCounts(places, grids, total, pointed)


def together(days: Sequence[DayCounts]) -> dict[str, Any]:
    """What the heat of areas is drawn from: towns × groups, the busiest communities × groups, grids. JSON types.

    ``towns`` and ``communities``: the busiest first, each with its count of each group.
    """
    of_town: dict[str, Counter[str]] = {}
    of_community: dict[Place, Counter[str]] = {}
    groups: Counter[str] = Counter()
    grids: Counter[str] = Counter()
    for day in days:
        for (town, community, group), count in day.places.items():
            of_town.setdefault(town, Counter())[group] += count
            groups[group] += count
            if community:
                of_community.setdefault((town, community), Counter())[group] += count
        grids.update(day.grids)
    towns = sorted(of_town.items(), key=lambda entry: (-entry[1].total(), by_name(entry[0])))
    ranked = sorted(of_community.items(), key=lambda entry: (-entry[1].total(), *map(by_name, entry[0])))
    places = ranked[:COMMUNITIES]
    return {
        "groups": [group for group, _ in sorted(groups.items(), key=lambda entry: (-entry[1], by_name(entry[0])))],
        "towns": [{"town": town, "count": own.total(), "groups": dict(own)} for town, own in towns],
        "communities": [
            {"town": town, "community": community, "count": own.total(), "groups": dict(own)}
            for (town, community), own in places
        ],
        "grids": dict(sorted(grids.items())),
        "total": sum(day.total for day in days),
        "placed": groups.total(),
        "pointed": sum(day.pointed for day in days),
    }
