"""The wait that callers are told: its properties, and how far it is off in a queue that is played through."""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.city import City
from switchboard.figures.expected import (
    LEAST,
    MOST,
    WINDOW,
    InLine,
    Pace,
    ahead,
    by_answers,
    by_desks,
    expected,
    position,
)
from telephony.queues import queues
from tests.citykit import small_city

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
paces = st.builds(
    Pace,
    answers=st.integers(0, 400),
    busy_s=st.floats(0, 40_000),
    window_s=st.just(WINDOW.total_seconds()),
    desks=st.integers(0, 40),
    free=st.integers(0, 0),
)


@given(st.integers(0, 300), paces)
def test_never_negative_and_never_shorter_for_who_stands_further_back(place: int, pace: Pace) -> None:
    for method in (by_desks, by_answers):
        here, behind = method(place, pace), method(place + 1, pace)
        assert (here is None) == (behind is None)
        if here is not None and behind is not None:
            assert 0 <= here <= behind


@given(st.integers(0, 300), paces, st.integers(1, 20))
def test_more_desks_never_make_it_longer_and_free_ones_never_either(place: int, pace: Pace, more: int) -> None:
    now = by_desks(place, pace)
    with_more = by_desks(place, replace(pace, desks=pace.desks + more))
    with_free = by_desks(place, replace(pace, desks=pace.desks + more, free=more))
    if now is not None:
        assert with_more is not None and with_more <= now
        assert with_free is not None and with_free <= with_more


@given(st.integers(0, 300), paces)
def test_what_is_told_is_a_whole_minute_at_least_one_and_fits_the_sentence(place: int, pace: Pace) -> None:
    told = expected(place, pace)
    assert told.ahead == place
    assert told.minutes is None or 1 <= told.minutes <= MOST


@pytest.mark.parametrize(
    "pace",
    [
        Pace(answers=LEAST - 1, busy_s=3000, window_s=1800, desks=3, free=0),
        Pace(answers=40, busy_s=3000, window_s=1800, desks=0, free=0),
        Pace(answers=40, busy_s=0, window_s=1800, desks=3, free=0),
    ],
    ids=["hardly any answers", "nobody signed in", "nobody was at work"],
)
def test_what_cannot_be_known_is_not_told(pace: Pace) -> None:
    assert expected(2, pace).minutes is None


def test_more_than_an_hour_is_not_told() -> None:
    slow = Pace(answers=LEAST, busy_s=1800, window_s=1800, desks=1, free=0)
    assert expected(8, slow).minutes == 54
    assert expected(10, slow).minutes is None


def test_a_free_desk_is_the_next_minute() -> None:
    assert expected(1, Pace(answers=0, busy_s=0, window_s=1800, desks=2, free=2)).minutes == 1


# --- who stands before whom -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def city() -> City:
    return small_city()


def _at(call_id: str, queue: str, priority: int, second: int) -> InLine:
    return InLine(call_id, queue, priority, NOON + timedelta(seconds=second))


def test_place_is_that_of_the_queue(city: City) -> None:
    me = _at("me", "service", 20, 10)
    others = [
        me,
        _at("earlier", "service", 20, 5),
        _at("later", "service", 20, 11),
        _at("higher", "service", 21, 50),
        _at("lower", "service", 19, 0),
    ]
    assert ahead(me, others, queues(city)) == 2
    assert position(me, others) == 3


def test_heavier_queues_count_where_they_take_the_same_desks(city: City) -> None:
    made = {queue.name: queue for queue in queues(city)}
    me = _at("me", "service", 20, 0)
    mine = {desk.extension for desk in made["service"].desks}
    for name, queue in made.items():
        if name == "service":
            continue
        other = _at("other", name, 1, 60)
        shares = bool(mine & {desk.extension for desk in queue.desks})
        assert ahead(me, [other], queues(city)) == int(shares and queue.weight > made["service"].weight), name
        assert position(me, [other]) == 1


@given(st.lists(st.tuples(st.sampled_from(["service", "emergency"]), st.integers(1, 9), st.integers(0, 9)), max_size=8))
def test_everybody_in_a_queue_has_a_place_of_his_own(found: list[tuple[str, int, int]]) -> None:
    line = [_at(f"c{n}", queue, priority, second) for n, (queue, priority, second) in enumerate(found)]
    for name in ("service", "emergency"):
        own = [caller for caller in line if caller.queue == name]
        assert sorted(position(caller, line) for caller in own) == list(range(1, len(own) + 1))


# --- the announced wait against the real one --------------------------------------------------------------------------

Told = list[tuple[float, float, float]]
#: When something changes.
NOON_S = 4 * 3600
SEEDS = range(3)


@dataclass
class Centre:
    """A queue and its desks, played through from one thing that happens to the next. All times in seconds."""

    desks: int
    #: Mean of a conversation with what is written after it; mean between two callers, also from :data:`NOON_S` on.
    handling_s: float
    between_s: float
    rush_s: float
    length: Callable[[random.Random, float], float]
    #: From these moments on so many desks sign in (or, negative, out, as soon as one is free).
    shifts: tuple[tuple[float, int], ...] = ()
    hours: float = 8.0
    #: What those who had to wait were told: when they came, what they were told, how long it took.
    told: dict[str, Told] = field(default_factory=lambda: {"desks": [], "answers": [], "omniscient": []})

    def run(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  chance of a play, no secret
        clock, desks, leaving = 0.0, self.desks, 0
        ends: list[float] = []
        done: deque[tuple[float, float]] = deque()
        line: deque[tuple[float, dict[str, float | None]]] = deque()
        arrival, shifts = chance.expovariate(1 / self.between_s), deque(self.shifts)
        while clock < self.hours * 3600:
            clock = min([arrival, *ends[:1], *(at for at, _ in list(shifts)[:1])])
            if shifts and clock == shifts[0][0]:
                change = shifts.popleft()[1]
                desks, leaving = desks + max(change, 0), leaving + max(-change, 0)
            elif clock == arrival:
                line.append((clock, self._tell(clock, len(line), desks - leaving, len(ends), done)))
                arrival = clock + chance.expovariate(1 / (self.between_s if clock < NOON_S else self.rush_s))
            else:
                heapq.heappop(ends)
            while leaving and len(ends) < desks:
                desks, leaving = desks - 1, leaving - 1
            while line and len(ends) < desks:
                came, said = line.popleft()
                end = clock + self.length(chance, self.handling_s)
                heapq.heappush(ends, end)
                done.append((clock, end))
                for method, seconds in said.items():
                    if seconds is not None and clock > came:
                        self.told[method].append((came, seconds, clock - came))
            while done and done[0][0] < clock - WINDOW.total_seconds() - 3600:
                done.popleft()

    def _tell(
        self, now: float, waiting: int, desks: int, busy: int, done: Iterable[tuple[float, float]]
    ) -> dict[str, float | None]:
        since = now - WINDOW.total_seconds()
        if since < 0:
            return {}
        pace = Pace(
            answers=sum(begin >= since for begin, _ in done),
            busy_s=sum(max(0.0, min(end, now) - max(begin, since)) for begin, end in done),
            window_s=WINDOW.total_seconds(),
            desks=desks,
            free=max(0, desks - busy),
        )
        return {
            "desks": by_desks(waiting, pace),
            "answers": by_answers(waiting, pace),
            "omniscient": (waiting + 1) * self.handling_s / desks,
        }

    def error(self, method: str, since: float = 0, until: float = 1e9) -> float:
        """Mean distance of the announced wait from the real one, as a share of the mean real wait."""
        chosen = [(said, real) for came, said, real in self.told[method] if since <= came < until]
        return mean(abs(said - real) for said, real in chosen) / mean(real for _, real in chosen)


def _memoryless(chance: random.Random, usual: float) -> float:
    return chance.expovariate(1 / usual)


def _as_people_talk(chance: random.Random, usual: float) -> float:
    """Lognormal, as conversations in call centres are; its mean is ``usual``."""
    return chance.lognormvariate(-0.32, 0.8) * usual


CENTRES = {
    "M/M/6 at 98 %": Centre(6, 240, 40.8, 40.8, _memoryless),
    "lognormal conversations": Centre(6, 240, 40.8, 40.8, _as_people_talk),
    "a third goes to lunch": Centre(9, 240, 29, 29, _as_people_talk, ((NOON_S, -3), (NOON_S + 1800, 3))),
    "quiet, then a rush of callers": Centre(9, 240, 60, 22, _as_people_talk, hours=NOON_S / 3600 + 1),
}


@pytest.fixture(scope="module")
def played() -> dict[str, Centre]:
    for centre in CENTRES.values():
        for seed in SEEDS:
            centre.run(seed)
    return CENTRES


@pytest.mark.parametrize("name", CENTRES)
def test_the_announced_wait_is_near_the_real_one(played: dict[str, Centre], name: str) -> None:
    """Chance alone keeps one who knows everything 13 to 17 % off; docs/ivr.md has the figures."""
    assert len(played[name].told["desks"]) > 300
    assert played[name].error("desks") < 0.25
    assert played[name].error("desks") < played[name].error("omniscient") + 0.08


@pytest.mark.parametrize("name", CENTRES)
def test_counting_desks_is_at_least_as_near_as_counting_answers(played: dict[str, Centre], name: str) -> None:
    assert played[name].error("desks") <= played[name].error("answers")


def test_who_was_idle_before_the_rush_is_not_taken_for_slow(played: dict[str, Centre]) -> None:
    rush = played["quiet, then a rush of callers"]
    assert rush.error("answers") > 0.5 > 2 * rush.error("desks")
