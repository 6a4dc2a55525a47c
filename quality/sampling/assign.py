"""Who reviews what was drawn: nobody himself, everybody as much as the others, some calls two who do not know. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.city_quality import CityQuality
from quality.sampling.draw import Lots, Pick, pairs


@dataclass(frozen=True)
class Reviewer:
    """Somebody who reviews. ``desks``: where he takes calls himself, as ``desk:1001``."""

    login: str
    desks: tuple[str, ...] = ()

    def took_part(self, pick: Pick) -> bool:
        return not {self.login, *self.desks}.isdisjoint((pick.agent, *pick.others))


@dataclass(frozen=True)
class Duty:
    """One review to be done. ``copy``: 0 is the review, 1 the second one of a blind pair, for calibration alone."""

    call_id: str
    reviewer: str
    copy: int = 0


@dataclass(frozen=True)
class Assigned:
    """Duties by call. ``nobody``: drawn calls that no reviewer may or can take."""

    duties: tuple[Duty, ...]
    nobody: tuple[str, ...]


def room(reviewers: Sequence[Reviewer], plan: CityQuality) -> int:
    """Reviews of one shift that these can take together."""
    return len({one.login for one in reviewers}) * plan.reviewer_most


def assign(picks: Sequence[Pick], reviewers: Sequence[Reviewer], plan: CityQuality, lots: Lots) -> Assigned:
    """Deal the picks out.

    Loads differ by no more than what the rule that nobody reviews himself enforces: no single duty could go to somebody
    else and make them more even. The order of the arguments does not matter.
    """
    people = {one.login: one for one in reviewers}
    may = {pick.call_id: {login for login, one in people.items() if not one.took_part(pick)} for pick in picks}
    order = sorted(may, key=lambda call: (lots.of("blind", call), call))
    double = [call for call in order if len(may[call]) > 1][: pairs(len(picks), plan)]
    units = [(call, 0) for call in may] + [(call, 1) for call in double]
    load = dict.fromkeys(people, 0)
    has: dict[str, set[str]] = defaultdict(set)
    given: dict[tuple[str, int], str] = {}

    def free(call: str) -> list[str]:
        return [who for who in may[call] - has[call] if load[who] < plan.reviewer_most]

    def rank(call: str, who: str) -> tuple[int, int, str]:
        return load[who], lots.of(f"reviewer {call}", who), who

    # Whoever has few to go to first; first reviews before second ones, which may be left out.
    for call, copy in sorted(units, key=lambda unit: (unit[1], len(may[unit[0]]), lots.of("deal", unit[0]), unit)):
        if found := min(free(call), key=lambda who: rank(call, who), default=""):
            given[call, copy] = found
            has[call].add(found)
            load[found] += 1
    _even(given, may, has, load)
    duties = tuple(Duty(call, who, copy) for (call, copy), who in sorted(given.items()))
    return Assigned(duties, tuple(sorted(call for call in may if (call, 0) not in given)))


def _even(
    given: dict[tuple[str, int], str], may: dict[str, set[str]], has: dict[str, set[str]], load: dict[str, int]
) -> None:
    """Move single duties from who has at least two more, until none can be moved. Each move shrinks Σ load²."""
    moved = True
    while moved:
        moved = False
        for (call, copy), who in sorted(given.items()):
            other = min(may[call] - has[call], key=lambda one: (load[one], one), default="")
            if other and load[who] - load[other] > 1:
                given[call, copy] = other
                has[call] = has[call] - {who} | {other}
                load[who] -= 1
                load[other] += 1
                moved = True
