"""Where two calls are, one seen from the other: the same spot, the same village, the same town, or elsewhere. Pure.

Callers name one place at different precision (安海镇, 安平社区, 安平夜市), and often a second one: where they
stand, and where they see it.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from asr.words.sounds import symbols

_CROSSING = re.compile(r"(?P<road>.+?)与(?P<other>.+?)交叉口")
_ROAD = re.compile(r"(?:路|街|大道|通道|国道|省道|高速|高速公路|巷|线|连接线)$")
#: Share of the shorter one's pairs of syllables from which on two are one spot: 水果市场 and 华洲水果市场.
_ALIKE = 0.6


class Spot(NamedTuple):
    """One place that a call named; ``rest`` is what lies within the community, or the landmark outside of one."""

    town: str
    community: str
    rest: str


def spot_of(place: str, town: str, community: str) -> Spot:
    """The spot of an official name."""
    return Spot(town, community, place.removeprefix(town).removeprefix(community))


@dataclass(frozen=True)
class Relation:
    """How two places lie to each other, each 0 or 1; all 0 where nothing can be said."""

    spot: float = 0.0
    community: float = 0.0
    road: float = 0.0
    #: In one town, and of one of them its community is not known.
    coarse: float = 0.0
    #: Within one community two spots that are not alike.
    other_spot: float = 0.0
    elsewhere: float = 0.0

    @property
    def rank(self) -> float:
        """The higher the closer."""
        agreed = max(3 * self.spot, 2 * self.community, self.road, 0.5 * self.coarse) + 0.1 * self.community
        return agreed - 0.5 * self.other_spot - self.elsewhere


def relation(x: Spot, y: Spot) -> Relation:
    """How ``y`` lies to ``x``; symmetric."""
    if x.town and y.town and x.town != y.town:
        return Relation(elsewhere=1.0)
    if x.community and y.community:
        if x.community != y.community:
            return Relation(elsewhere=1.0)
        if x.rest and y.rest:
            alike = _alike(x.rest, y.rest)
            return Relation(spot=float(alike), community=1.0, other_spot=float(not alike))
        return Relation(community=1.0)
    coarse = float(bool(x.town) and x.town == y.town)
    if not (x.rest and y.rest):
        return Relation(coarse=coarse)
    one, other = roads(x.rest), roads(y.rest)
    if one and other:
        if one == other:
            return Relation(spot=float(len(one) > 1), road=float(len(one) == 1))
        # Two crossings of one road are two places; a road may be any of its crossings.
        crossings = len(one) > 1 and len(other) > 1
        return Relation(elsewhere=1.0) if crossings or not one & other else Relation(road=1.0)
    alike = x.rest == y.rest or (min(len(x.rest), len(y.rest)) > 2 and _alike(x.rest, y.rest))
    return Relation(spot=float(alike), coarse=coarse)


def roads(rest: str) -> frozenset[str]:
    """The road, or the two that cross; empty where it is neither."""
    if crossing := _CROSSING.match(rest):
        return frozenset((crossing["road"], crossing["other"]))
    return frozenset((rest,)) if _ROAD.search(rest) else frozenset()


def _alike(one: str, other: str) -> bool:
    pairs = [{sound[i : i + 2] for i in range(len(sound) - 1)} for sound in (symbols(one), symbols(other))]
    fewer = min(len(pairs[0]), len(pairs[1]))
    return one == other if not fewer else len(pairs[0] & pairs[1]) >= _ALIKE * fewer
