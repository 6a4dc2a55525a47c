"""Where tickets of one group lie close together, and who calls again and again. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.earth import RADIUS_M, metres_between
from ticketing.analysis.facts import Fact
from ticketing.analysis.words import shared


@dataclass(frozen=True)
class Cluster:
    group: str
    #: The most frequent of its tickets' places; empty where none has one.
    town: str
    community: str
    #: Degrees north and east of its middle; None where it is known by its community alone.
    middle: tuple[float, float] | None
    #: To the farthest of its tickets, in metres.
    radius_m: float
    #: Tickets, callers, and the tickets of the same group in the same place in a period of the past of the same length.
    ids: tuple[str, ...]
    callers: int
    usual: float
    words: tuple[str, ...]


def clusters(facts: Sequence[Fact], past: Sequence[Fact], periods: float, *, near_m: float, near: int) -> list[Cluster]:
    """Tickets of one group that lie densely (DBSCAN: ``near`` callers within ``near_m`` metres of one of them), those
    that stand out most from the past first. Where places have no coordinates, ``near`` callers of one community.

    ``past``: tickets of ``periods`` times as long as ``facts`` are.
    """
    found = []
    for group in sorted({fact.group for fact in facts}):
        here = [fact for fact in facts if fact.group == group]
        before = [fact for fact in past if fact.group == group]
        placed = [fact for fact in here if fact.spot.point]
        if placed:
            labels = dense(_points(placed), [fact.caller or fact.id for fact in placed], near_m, near)
            for label in range(int(labels.max()) + 1):
                members = [fact for fact, own in zip(placed, labels, strict=True) if own == label]
                found.append(_around(members, before, periods, near_m))
        of_community: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in here:
            if not fact.spot.point and fact.spot.community:
                of_community[fact.spot.town, fact.spot.community].append(fact)
        for place, members in of_community.items():
            if _callers(members) >= near:
                usual = sum((fact.spot.town, fact.spot.community) == place for fact in before) / periods
                found.append(_cluster(members, None, 0.0, usual))
    # How far a count stands above what is usual, in standard deviations of its square root.
    return sorted(found, key=lambda c: (-(c.callers**0.5 - c.usual**0.5), c.group, c.town, c.community))


def dense(points: NDArray[np.float64], callers: Sequence[str], near_m: float, near: int) -> NDArray[np.int64]:
    """DBSCAN over degrees (north, east): the cluster of each point from 0 on, -1 outside. A caller counts once."""
    lat, lon = np.radians(points).T
    # On the unit sphere the chord tells the great circle: a tree of plain distances is exact.
    tree = cKDTree(np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1))
    around = tree.query_ball_point(tree.data, 2 * np.sin(near_m / RADIUS_M / 2))
    core = np.asarray([len({callers[other] for other in others}) >= near for others in around])
    labels = np.full(len(points), -1, dtype=np.int64)
    label = 0
    for first in np.flatnonzero(core):
        if labels[first] >= 0:
            continue
        labels[first], stack = label, [int(first)]
        while stack:
            for other in around[stack.pop()]:
                if labels[other] < 0:
                    labels[other] = label
                    if core[other]:
                        stack.append(int(other))
        label += 1
    return labels


def _points(facts: Sequence[Fact]) -> NDArray[np.float64]:
    return np.asarray([fact.spot.point for fact in facts], dtype=np.float64)


def _callers(facts: Sequence[Fact]) -> int:
    return len({fact.caller or fact.id for fact in facts})


def _around(members: Sequence[Fact], before: Sequence[Fact], periods: float, near_m: float) -> Cluster:
    lat, lon = map(float, _points(members).mean(axis=0))
    radius = max(
        metres_between(lon, lat, fact.spot.point[1], fact.spot.point[0]) for fact in members if fact.spot.point
    )
    within = max(radius, near_m)
    usual = sum(
        metres_between(lon, lat, fact.spot.point[1], fact.spot.point[0]) <= within for fact in before if fact.spot.point
    )
    return _cluster(members, (lat, lon), radius, usual / periods)


def _cluster(members: Sequence[Fact], middle: tuple[float, float] | None, radius: float, usual: float) -> Cluster:
    ((town, community), _), *_ = Counter((f.spot.town, f.spot.community) for f in members).most_common(1)
    return Cluster(
        members[0].group, town, community, middle, radius, tuple(fact.id for fact in members), _callers(members), usual,
        tuple(shared(members)),
    )  # fmt: skip


@dataclass(frozen=True)
class Repeat:
    """One number that opened several tickets."""

    caller: str
    ids: tuple[str, ...]
    #: Its most frequent category and how many are of it, and of how many nobody has reported a result.
    code: str
    same: int
    open: int
    unsatisfied: int


def repeats(facts: Sequence[Fact], least: int) -> list[Repeat]:
    """Numbers with at least so many tickets, the most first. Unknown and withheld numbers are nobody's."""
    of: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if len(fact.caller) >= 7:
            of[fact.caller].append(fact)
    found = []
    for caller, own in of.items():
        if len(own) >= least:
            code, same = Counter(fact.code for fact in own).most_common(1)[0]
            found.append(
                Repeat(
                    caller, tuple(fact.id for fact in own), code, same,
                    sum(fact.reported_at is None and fact.state != "closed" for fact in own),
                    sum(fact.satisfaction == "unsatisfied" for fact in own),
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: (-len(one.ids), -one.same, one.caller))


def heat(facts: Sequence[Fact]) -> dict[str, list[int]]:
    """Tickets by weekday and hour, Monday 0 o'clock first (168 counts), of each group and of all (``""``)."""
    found: dict[str, list[int]] = {"": [0] * 168}
    for fact in facts:
        place = fact.at.weekday() * 24 + fact.at.hour
        found[""][place] += 1
        found.setdefault(fact.group, [0] * 168)[place] += 1
    return found
