"""Which calls of a shift are reviewed: by risk first, the rest by a stratified systematic sample. Pure.

Whoever has the calls as they were frozen, the plan and the seed gets the same draw again, on any machine: every choice
is settled by SHA-256 and whole numbers, none by the order in which the calls came.

1. **How many**: the plan's share of the calls, but each call taker's least in any case, and no more than the reviewers
   can take.
2. **By risk**: a call's weights add up; the heaviest first, among equals by lot. Nobody gets more than his most, and
   never so many that others fall short of their least.
3. **By lot**: what is left is dealt out to the call takers, first to whoever is below his least, then in proportion to
   their calls (Sainte-Laguë). Each one's calls are put in the order of the plan's strata and every k-th is taken from
   a random start (systematic sampling, e.g. Cochran, *Sampling Techniques*, 3rd ed., ch. 8). So each of his calls has
   the same chance, and each stratum of his gets its share to within one call. The call takers' starts are spread evenly
   over the interval, so that lines balance over all of them, too.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heapreplace
from typing import Any, Literal

from core.city_quality import BESIDE_THE_DRAW, CityQuality, Risk

#: Lots are whole numbers below this.
_LOTS = 1 << 64


@dataclass(frozen=True)
class Candidate:
    """One answered call of the shift."""

    call_id: str
    #: Login of the call taker whose call it was; ``desk:1001`` where nobody knows who sat there.
    agent: str
    line: str
    #: Category code; empty where it has none.
    category: str = ""
    #: Hour of the day in which it was answered, by the city's clock.
    hour: int = 0
    #: Whoever else spoke in it: the same kind of names as ``agent``.
    others: tuple[str, ...] = ()
    #: Why it deserves a look, sorted.
    risks: tuple[Risk, ...] = ()


@dataclass(frozen=True)
class Pick:
    """One call that was drawn."""

    call_id: str
    agent: str
    others: tuple[str, ...]
    why: Literal["risk", "lot"]
    #: Sum of the weights of its risks.
    weight: int


@dataclass(frozen=True)
class Drawn:
    """A draw. ``fewer``: call takers who got less than their least because the reviewers can take no more."""

    picks: tuple[Pick, ...]
    fewer: tuple[str, ...]
    #: Hashes of what settled it.
    population: str
    plan: str


def population_hash(population: Iterable[Candidate]) -> str:
    """SHA-256 in hexadecimal of the calls as they are, in whatever order they come."""
    rows = sorted(json.dumps(vars(one), ensure_ascii=False, sort_keys=True) for one in population)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def plan_hash(plan: CityQuality) -> str:
    """SHA-256 in hexadecimal of all of the plan that a draw rests on, its version and seed among it."""
    plain = plan.model_dump(mode="json", exclude=set(BESIDE_THE_DRAW))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


class Lots:
    """Numbers that nobody chose: for each name one below 2⁶⁴, settled by plan, calls and occasion."""

    def __init__(self, plan: str, population: str, occasion: str) -> None:
        self._settled = hashlib.sha256(f"{plan}\n{population}\n{occasion}\n".encode())

    def of(self, purpose: str, name: str = "") -> int:
        lot = self._settled.copy()
        lot.update(f"{purpose}\n{name}".encode())
        return int.from_bytes(lot.digest()[:8], "big")


def draw(population: Sequence[Candidate], plan: CityQuality, *, occasion: str, room: int) -> Drawn:
    """The calls to be reviewed, in the order of their ids.

    ``occasion``: day and shift; ``room``: reviews that the reviewers can take together, second ones of blind pairs
    included. ``ValueError`` where a call stands twice.
    """
    told, ruled = population_hash(population), plan_hash(plan)
    lots = Lots(ruled, told, occasion)
    calls = sorted(population, key=lambda one: (lots.of("call", one.call_id), one.call_id))
    if len({one.call_id for one in calls}) < len(calls):
        raise ValueError("a call stands twice among those to be drawn from")
    mine = Counter(one.agent for one in calls)
    least = {agent: min(plan.agent_least, count) for agent, count in mine.items()}
    most = {agent: min(plan.agent_most, count) for agent, count in mine.items()}
    count = _how_many(calls, plan, sum(least.values()), sum(most.values()), room)

    taken: Counter[str] = Counter()
    risky = _by_risk(calls, plan, count, least, most, taken)
    chosen = {one.call_id for one in risky}
    rest: dict[str, list[Candidate]] = defaultdict(list)
    for one in calls:
        if one.call_id not in chosen:
            rest[one.agent].append(one)
    seats = _seats(rest, count - len(risky), least, most, taken, lots)
    drawn = [_pick(one, "risk", plan) for one in risky]
    drawn += [_pick(one, "lot", plan) for one in _systematic(rest, seats, plan, lots)]
    got = Counter(one.agent for one in drawn)
    fewer = tuple(sorted(agent for agent, need in least.items() if got[agent] < need))
    return Drawn(tuple(sorted(drawn, key=lambda one: one.call_id)), fewer, told, ruled)


def pairs(count: int, plan: CityQuality) -> int:
    """How many of ``count`` drawn calls two reviewers score: the plan's share, rounded up."""
    return _ceil(Fraction(count) * Fraction(str(plan.blind_share)) / 100)


# --- how many -----------------------------------------------------------------------------------------------------


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _how_many(calls: Sequence[Candidate], plan: CityQuality, least: int, most: int, room: int) -> int:
    wanted = max(_ceil(Fraction(len(calls)) * Fraction(str(plan.share)) / 100), least)
    count = max(min(wanted, most, room), 0)
    while count and count + pairs(count, plan) > room:
        count -= 1
    return count


# --- by risk ------------------------------------------------------------------------------------------------------


def _weight(one: Candidate, plan: CityQuality) -> int:
    return sum(plan.weight(risk) for risk in one.risks)


def _by_risk(
    calls: Sequence[Candidate], plan: CityQuality, count: int, least: Mapping[str, int], most: Mapping[str, int],
    taken: Counter[str],
) -> list[Candidate]:  # fmt: skip
    """The heaviest calls, within everybody's quota; ``calls`` come by lot, which settles among equals."""
    quota = int(Fraction(count) * Fraction(str(plan.risk_share)) / 100)
    #: Places that nobody's least needs.
    free = count - sum(least.values())
    found: list[Candidate] = []
    for one in sorted(calls, key=lambda one: -_weight(one, plan)):
        if len(found) >= quota or not _weight(one, plan):
            break
        needed = taken[one.agent] < least[one.agent]
        if taken[one.agent] >= most[one.agent] or not (needed or free > 0):
            continue
        free -= not needed
        taken[one.agent] += 1
        found.append(one)
    return found


# --- by lot -------------------------------------------------------------------------------------------------------


def _seats(
    rest: Mapping[str, Sequence[Candidate]], left: int, least: Mapping[str, int], most: Mapping[str, int],
    taken: Mapping[str, int], lots: Lots,
) -> dict[str, int]:  # fmt: skip
    """How many more calls each call taker gives, by lot: to the least first, then in proportion to his calls."""
    seats = dict.fromkeys(rest, 0)
    order = sorted(rest, key=lambda agent: (lots.of("agent", agent), agent))
    # A round for everybody's first, then one for the second: where places run out, nobody has two before all have one.
    for below in range(max(least.values(), default=0)):
        for agent in order:
            if left and taken[agent] + seats[agent] <= below < least[agent]:
                seats[agent] += 1
                left -= 1
    place = {agent: number for number, agent in enumerate(order)}

    def turn(agent: str) -> tuple[bool, Fraction, int]:
        full = taken[agent] + seats[agent] >= most[agent] or seats[agent] >= len(rest[agent])
        return full, -Fraction(len(rest[agent]), 2 * seats[agent] + 1), place[agent]

    turns = [(*turn(agent), agent) for agent in order]
    heapify(turns)
    while left and turns and not turns[0][0]:
        agent = turns[0][3]
        seats[agent] += 1
        left -= 1
        heapreplace(turns, (*turn(agent), agent))
    return seats


def _systematic(
    rest: Mapping[str, Sequence[Candidate]], seats: Mapping[str, int], plan: CityQuality, lots: Lots
) -> list[Candidate]:
    """So many of each one's calls, every k-th in the order of the strata; within a stratum they stand by lot."""
    giving = sorted((agent for agent in rest if seats[agent]), key=lambda agent: (lots.of("start", agent), agent))
    begin = lots.of("start")
    found: list[Candidate] = []
    for number, agent in enumerate(giving):
        # The calls come by lot, and sorting keeps that order among equals.
        calls = sorted(rest[agent], key=lambda one: tuple(str(getattr(one, name)).zfill(2) for name in plan.strata))
        start = (begin + number * _LOTS // len(giving)) % _LOTS
        places = ((k * _LOTS + start) * len(calls) // (seats[agent] * _LOTS) for k in range(seats[agent]))
        found += [calls[place] for place in places]
    return found


def _pick(one: Candidate, why: Literal["risk", "lot"], plan: CityQuality) -> Pick:
    return Pick(one.call_id, one.agent, one.others, why, _weight(one, plan))


# --- as it is kept ------------------------------------------------------------------------------------------------


def plain(population: Iterable[Candidate]) -> list[dict[str, Any]]:
    """The calls as JSON, in the order of their ids."""
    return [dict(vars(one)) for one in sorted(population, key=lambda one: one.call_id)]


def population_of(kept: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """What :func:`plain` was given."""
    return [Candidate(**{**one, "others": tuple(one["others"]), "risks": tuple(one["risks"])}) for one in kept]
