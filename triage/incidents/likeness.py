"""How likely two calls are about one matter, and why. Pure and symmetric."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from triage.incidents.account import MOST_CHARACTERS, NEAR_KEY, Account, Profile, keys, profile, wanted_keys
from triage.incidents.matters import load_matters
from triage.incidents.spots import Relation, Spot, relation

#: Calls farther apart are never taken for the same: two emergencies, two service requests, one of each.
EMERGENCY_WINDOW = timedelta(minutes=60)
SERVICE_WINDOW = timedelta(days=14)
MIXED_WINDOW = timedelta(days=1)
#: From here on another call is shown to the call taker (how it was chosen: docs/triage.md).
LIKELY = 0.5
#: Positions this far apart are half one place: the distance within which FixMyStreet suggests duplicates.
_NEAR_M = 250.0
#: Farther apart two calls are not about one matter: smoke is seen from as far, but its place is said then.
_FAR_M = 3000.0
#: An emergency brings its different calls within minutes: likeness of what is akin falls to a third after this time.
_SOON = timedelta(minutes=10)
#: Likeness of two positions from which on their callers are in one place.
_TOGETHER = 0.2
_MOST_OF_A_NAME = 0.3
_METRES_OF_A_DEGREE = 111_195.0

#: Logistic regression over :func:`measures`, fitted to our own pairs and dialogues (``triage.measure.weights``;
#: docs/triage.md). ``near`` was judged: none of them has positions.
_BIAS = -3.47
_WEIGHTS: Mapping[str, float] = {
    "code": 0.72, "akin": 1.94, "matter": 3.09, "other_matter": -1.61, "words": 0.49, "telling": 0.91, "long": -1.65,
    "mixed": -0.29, "spot": 0.0, "community": 0.22, "coarse": 0.04, "other_spot": -1.18, "elsewhere": -0.89,
    "other_unit": -0.75, "loose": -0.99, "near": 0.4, "time": 0.76, "soon": 1.07, "soon_close": 1.96,
}  # fmt: skip

#: Why two calls may be one matter, or may not: put into words by the desk.
Why = Literal["place", "near", "code", "matter", "time", "other_unit", "elsewhere"]


@dataclass(frozen=True)
class Ground:
    """One reason for or against, with what it is about: a place's name, metres, a code, words, seconds between them."""

    why: Why
    about: str = ""


@dataclass(frozen=True)
class Likeness:
    """Probability that two accounts are of one matter, and the grounds, those that decided most first."""

    probability: float
    grounds: tuple[Ground, ...]


def window(a: Account, b: Account) -> timedelta:
    """How far apart in time these two may be."""
    if _urgent(a) and _urgent(b):
        return EMERGENCY_WINDOW
    return MIXED_WINDOW if a.emergency or b.emergency else SERVICE_WINDOW


def comparable(a: Account, b: Account) -> bool:
    """Whether both may be of one matter at all: two calls, close enough in time, with a place in common."""
    if a.call_id == b.call_id or abs(a.at - b.at) > window(a, b):
        return False
    met = (set(wanted_keys(a)) & set(keys(b))) | (set(wanted_keys(b)) & set(keys(a)))
    if not met:
        return False
    if _near(a, b) > _TOGETHER:
        return True
    if all(key.startswith(NEAR_KEY) for key in met):
        return False
    (at, _), p, q = closest(a, b), profile(a), profile(b)
    if at.spot or at.community or at.road or at.coarse:
        return True
    named = _share(p.own_names, q.own_names)
    # In two villages most of another name is needed; where one names no place, rare words do.
    return named > _MOST_OF_A_NAME if at.elsewhere else named > 0 or not (p.names and q.names)


def likeness(a: Account, b: Account) -> Likeness | None:
    """How likely ``a`` and ``b`` are of one matter; None where they cannot be (:func:`comparable`).

    ``b`` is the one that is told about: the grounds name its place and its words.
    """
    if not comparable(a, b):
        return None
    p, q = profile(a), profile(b)
    shares = {name: _WEIGHTS[name] * value for name, value in measures(p, q).items()}
    probability = 1.0 / (1.0 + math.exp(-_BIAS - math.fsum(shares.values())))
    return Likeness(round(probability, 4), tuple(_grounds(p, q, shares)))


def likely(account: Account, others: Iterable[Account], least: float = LIKELY) -> list[tuple[Account, Likeness]]:
    """Those of ``others`` that probably are of one matter with ``account``, the likeliest first, then the newest."""
    found = [(other, alike) for other in others if (alike := likeness(account, other)) and alike.probability >= least]
    return sorted(found, key=lambda pair: (pair[1].probability, pair[0].at), reverse=True)


def _grounds(a: Profile, b: Profile, shares: Mapping[str, float]) -> Iterator[Ground]:
    """The place and what agrees, in the order of their weight; then what differs."""
    x, y = a.account, b.account
    named = next((b.named[pair] for pair in sorted(a.names, key=lambda g: -a.names[g]) if pair in b.names), "")
    at, there = closest(x, y)
    if where := (there.community or there.rest or there.town) if at.rank > 0 else named:
        yield Ground("place", where)
    elif shares["near"] > 0 and (apart := _apart(x, y)):
        yield Ground("near", f"{apart[0]:.0f}")
    for name in sorted(("code", "matter"), key=lambda n: -shares[n]):
        if name == "code" and x.code and x.code == y.code:
            yield Ground("code", y.code)
        elif name == "matter" and (both := sorted(a.matters.keys() & b.matters.keys())):
            yield Ground("matter", b.matters[both[0]])
    yield Ground("time", str(round((x.at - y.at).total_seconds())))
    if shares["other_unit"]:
        yield Ground("other_unit")
    if shares["elsewhere"]:
        yield Ground("elsewhere", y.place)


def measures(a: Profile, b: Profile) -> dict[str, float]:
    """What is compared, each 0..1; the same whichever comes first."""
    x, y = a.account, b.account
    at, _ = closest(x, y)
    matters = len(a.matters.keys() & b.matters.keys())
    known = load_matters()
    akin = not matters and known.akin(a.matters, b.matters)
    units = [(a.units[u], b.units[u]) for u in a.units.keys() & b.units.keys()]
    soon = _soon(x, y)
    named = _share(a.own_names, b.own_names)
    near = _near(x, y)
    close = max(at.spot, 0.7 * at.community, named, near)
    return {
        "code": _overlap(dict(x.codes), dict(y.codes)),
        "akin": _akin(dict(x.codes), dict(y.codes)),
        "matter": matters / math.sqrt(len(a.matters) * len(b.matters)) if matters else 0.0,
        "other_matter": float(bool(a.matters and b.matters) and not matters and not akin),
        "words": (_cosine(a.words, b.words) + _cosine(a.sounds, b.sounds)) / 2,
        "telling": math.sqrt(_together(a.telling, b.telling)),
        "long": min(len(x.text), len(y.text)) / MOST_CHARACTERS,
        "mixed": float(_urgent(x) != _urgent(y)),
        "spot": at.spot,
        "community": at.community,
        "coarse": at.coarse,
        "other_spot": at.other_spot,
        "elsewhere": max(at.elsewhere, _far(x, y)),
        "other_unit": float(any(p.isdisjoint(q) for p, q in units)),
        "loose": float(not close and not at.road),
        "near": near,
        "time": math.exp(-abs(x.at - y.at) / (window(x, y) / 4)),
        "soon": soon,
        "soon_close": soon * close,
    }


def closest(x: Account, y: Account) -> tuple[Relation, Spot]:
    """How the places that both named lie to each other, of the two that lie closest; and that of ``y``."""
    related = [(relation(p, q), q) for p in x.spots for q in y.spots]
    # What agrees anywhere outweighs that the first ones differ: one names where he stands, the other what he sees.
    return max(related, key=lambda pair: pair[0].rank, default=(Relation(), Spot("", "", "")))


def _akin(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    """Chance that both categories are of one event's kind, by the shares of each."""
    known = load_matters()
    whole = sum(p.values()) * sum(q.values())
    both = math.fsum(s * t for c, s in p.items() for d, t in q.items() if c == d or known.akin_codes(c, d))
    return both / whole if whole else 0.0


def _together(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    """Weight of what both have, of the geometric mean of what each has."""
    whole = math.sqrt(math.fsum(p.values()) * math.fsum(q.values()))
    return math.fsum(weight for key, weight in p.items() if key in q) / whole if whole else 0.0


def _urgent(account: Account) -> bool:
    # What alarms but is of a service category may be no emergency after all.
    return account.emergency and not account.code.startswith("S")


def _share(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    """Weight of what both have, of what the one that has less has."""
    fewer = min(math.fsum(p.values()), math.fsum(q.values()))
    return math.fsum(weight for key, weight in p.items() if key in q) / fewer if fewer else 0.0


def _soon(x: Account, y: Account) -> float:
    return math.exp(-abs(x.at - y.at) / _SOON) if x.emergency or y.emergency else 0.0


def _overlap(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    """Bhattacharyya coefficient of two sets of shares, each taken as a whole."""
    whole = sum(p.values()) * sum(q.values())
    return sum(math.sqrt(p[key] * q[key]) for key in sorted(p.keys() & q.keys())) / math.sqrt(whole) if whole else 0.0


def _cosine(p: Mapping[str, float], q: Mapping[str, float]) -> float:
    # Exact, so that it does not depend on which comes first.
    return math.fsum(weight * q[gram] for gram, weight in p.items() if gram in q)


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance between two positions in degrees, flat: right to a per mille within a city."""
    north = (a[0] - b[0]) * _METRES_OF_A_DEGREE
    east = (a[1] - b[1]) * _METRES_OF_A_DEGREE * math.cos(math.radians((a[0] + b[0]) / 2))
    return math.hypot(north, east)


def _apart(x: Account, y: Account) -> tuple[float, float] | None:
    """Metres that two calls are apart at least, and how many these may be off; the surest that is known."""
    places = [
        [(at, off) for at, off in ((z.position, z.position_m), (z.point, z.point_m)) if at is not None] for z in (x, y)
    ]
    known = [(metres(p, q), off + more) for p, off in places[0] for q, more in places[1]]
    return min(((max(0.0, apart - off), off) for apart, off in known), default=None, key=lambda pair: pair[1])


def _near(x: Account, y: Account) -> float:
    """Half at :data:`_NEAR_M`, and the less the less surely both positions are known."""
    apart = _apart(x, y)
    return math.exp2(-apart[0] / _NEAR_M) * _NEAR_M / (_NEAR_M + apart[1]) if apart else 0.0


def _far(x: Account, y: Account) -> float:
    """1 where both are farther apart than any event is wide, whatever the positions may be off."""
    apart = _apart(x, y)
    return float(apart is not None and apart[0] > _FAR_M)
