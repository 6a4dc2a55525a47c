"""Draws of calls for review: quotas kept, strata shared, the same again in any order, fair; reviewers' loads even."""

import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, norm

from core.city_quality import CityQuality, Risk
from quality.sampling.assign import Reviewer, assign, room
from quality.sampling.draw import Candidate, Drawn, Lots, Pick, draw, pairs, plain, plan_hash, population_hash
from quality.sampling.draw import population_of as read_back

PLAN = CityQuality(seed="测试", share=10, risk_share=40)
RISKS: tuple[Risk, ...] = ("complaint", "angry", "long_hold", "emergency", "verdict_changed")


@st.composite
def populations(draws: st.DrawFn) -> list[Candidate]:
    chance = random.Random(draws(st.integers(0, 2**32)))  # noqa: S311  the same every time, not a secret
    agents = [f"agent{n}" for n in range(1, draws(st.integers(1, 8)) + 1)]
    return [
        Candidate(
            f"hy1-{number}", chance.choice(agents), chance.choice(["12345", "110", "96110"]),
            chance.choice(["S0101", "S0404", ""]), chance.randrange(24), (),
            tuple(sorted(risk for risk in RISKS if chance.random() < 0.1)),
        )
        for number in range(draws(st.integers(0, 120)))
    ]  # fmt: skip


PLANS = st.builds(
    CityQuality,
    seed=st.sampled_from(["a", "b"]),
    share=st.sampled_from([0, 3, 10.5, 100]),
    risk_share=st.sampled_from([0, 40, 100]),
    agent_least=st.integers(0, 3),
    agent_most=st.integers(3, 8),
    blind_share=st.sampled_from([0, 10, 100]),
)


@settings(max_examples=80, deadline=None)
@given(populations(), PLANS, st.integers(0, 100))
def test_quotas_are_kept(calls: list[Candidate], plan: CityQuality, space: int) -> None:
    drawn = draw(calls, plan, occasion="2026-11-20 day", room=space)
    got, have = Counter(pick.agent for pick in drawn.picks), Counter(one.agent for one in calls)
    least = {agent: min(plan.agent_least, count) for agent, count in have.items()}
    assert len({pick.call_id for pick in drawn.picks}) == len(drawn.picks)
    assert {pick.call_id for pick in drawn.picks} <= {one.call_id for one in calls}
    assert all(count <= plan.agent_most for count in got.values())
    assert len(drawn.picks) + pairs(len(drawn.picks), plan) <= space or not drawn.picks
    assert drawn.fewer == tuple(sorted(agent for agent in have if got[agent] < least[agent]))
    wanted = max(ceil(Fraction(len(calls)) * Fraction(str(plan.share)) / 100), sum(least.values()))
    possible = min(wanted, sum(min(plan.agent_most, count) for count in have.values()))
    if possible + pairs(possible, plan) <= space:
        assert len(drawn.picks) == possible
        assert drawn.fewer == ()
    elif drawn.fewer:
        # Nobody has two while somebody who has calls has none.
        assert max(got.values(), default=0) - min(got[agent] for agent in drawn.fewer) <= max(least.values())


@settings(max_examples=60, deadline=None)
@given(populations(), PLANS, st.randoms(use_true_random=False))
def test_the_order_of_the_calls_does_not_matter(
    calls: list[Candidate], plan: CityQuality, chance: random.Random
) -> None:
    mixed = list(calls)
    chance.shuffle(mixed)
    assert draw(mixed, plan, occasion="x", room=40) == draw(calls, plan, occasion="x", room=40)
    assert read_back(plain(mixed)) == sorted(calls, key=lambda one: one.call_id)


@settings(max_examples=100, deadline=None)
@given(populations(), st.integers(0, 2**32))
def test_each_stratum_of_a_call_taker_has_its_share_to_within_one(calls: list[Candidate], seed: int) -> None:
    plan = PLAN.model_copy(update={"risk_share": 0, "seed": str(seed), "share": 30, "agent_most": 1000})
    drawn = {pick.call_id for pick in draw(calls, plan, occasion="x", room=1000).picks}
    for agent in {one.agent for one in calls}:
        own = [one for one in calls if one.agent == agent]
        taken = sum(one.call_id in drawn for one in own)
        cells: dict[tuple[object, ...], list[bool]] = {}
        for one in own:
            for cell in ((one.line,), (one.line, one.category), (one.line, one.category, one.hour)):
                cells.setdefault(cell, []).append(one.call_id in drawn)
        for cell, picked in cells.items():
            share = Fraction(taken * len(picked), len(own))
            # Neighbouring cells share the calls at their borders: at most one more or less than the whole numbers.
            assert floor(share) <= sum(picked) <= ceil(share), cell


def test_lines_balance_over_all_call_takers() -> None:
    """Rare lines get their share of the whole draw, closer than a plain random sample would give it to them."""
    calls = [
        Candidate(f"c{n}", f"agent{n % 40}", "110" if n // 40 % 5 == 0 else "12345", hour=8 + n % 12)
        for n in range(1000)
    ]
    counts = []
    for seed in range(100):
        plan = PLAN.model_copy(update={"risk_share": 0, "seed": str(seed), "share": 12, "agent_least": 0})
        picks = {pick.call_id for pick in draw(calls, plan, occasion="x", room=1000).picks}
        counts.append(sum(one.line == "110" for one in calls if one.call_id in picks))
    mean = sum(counts) / len(counts)
    spread = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    plain_sample = 120 * 0.2 * 0.8 * (1 - 120 / 1000)
    assert abs(mean - 24) < 0.5
    assert spread < plain_sample / 4


_CALLS = [Candidate(f"c{n}", f"agent{n % 5}", ("110", "12345", "12319")[n % 3], "S0101", n % 24) for n in range(100)]
_ROUNDS = 600


def _deviations(sample: Callable[[Sequence[Candidate], CityQuality], Drawn], **plan: object) -> list[float]:
    """How far each call's count lies from what it would be were all as likely, in standard deviations of a binomial."""
    given = PLAN.model_copy(update={"risk_share": 0, "share": 20, "agent_least": 0, **plan})
    hits: Counter[str] = Counter()
    for seed in range(_ROUNDS):
        hits.update(pick.call_id for pick in sample(_CALLS, given.model_copy(update={"seed": str(seed)})).picks)
    return [(hits[one.call_id] - _ROUNDS * 0.2) / (_ROUNDS * 0.2 * 0.8) ** 0.5 for one in _CALLS]


def _even(deviations: Sequence[float]) -> float:
    """Chance of counts as uneven as these where every call is as likely (χ²).

    Four of each call taker's 20 are taken, so his counts sum up: of 20 deviations 19 are free, and each is smaller.
    """
    return float(chi2.sf(sum(one * one for one in deviations) * 19 / 20, 95))


def _drawn(calls: Sequence[Candidate], plan: CityQuality) -> Drawn:
    return draw(calls, plan, occasion="x", room=100)


def test_every_call_is_as_likely_as_the_others() -> None:
    assert 0.01 < _even(_deviations(_drawn, strata=())) < 0.99


def test_strata_make_no_call_more_likely() -> None:
    """Strata tie calls to each other, so that deviations are not free: each alone within Bonferroni's bound for 1 %."""
    assert max(map(abs, _deviations(_drawn))) < norm.isf(0.01 / 2 / len(_CALLS))


def test_the_test_of_fairness_finds_an_unfair_draw() -> None:
    def by_line(calls: Sequence[Candidate], plan: CityQuality) -> Drawn:
        """Emergencies a quarter more often than the rest."""
        chance = random.Random(plan.seed)  # noqa: S311  the same every time, not a secret
        order = sorted(calls, key=lambda one: chance.random() * (0.8 if one.line == "110" else 1))
        return Drawn(tuple(Pick(one.call_id, one.agent, (), "lot", 0) for one in order[:20]), (), "", "")

    assert _even(_deviations(by_line)) < 0.001


def test_the_heaviest_come_first() -> None:
    calls = [Candidate(f"c{n:03}", f"agent{n % 10}", "12345") for n in range(100)]
    for number, risks in {7: ("verdict_changed", "complaint"), 18: ("complaint",), 29: ("long_hold",)}.items():
        calls[number] = replace(calls[number], risks=risks)
    drawn = draw(calls, PLAN.model_copy(update={"risk_share": 20}), occasion="x", room=100)
    assert [(pick.call_id, pick.weight) for pick in drawn.picks if pick.why == "risk"] == [("c007", 11), ("c018", 5)]
    assert len(drawn.picks) == 10


def test_another_seed_plan_shift_or_call_is_another_draw() -> None:
    calls = [Candidate(f"c{n}", f"agent{n % 4}", "12345") for n in range(80)]

    def ids(calls: Sequence[Candidate], plan: CityQuality, occasion: str) -> list[str]:
        return [pick.call_id for pick in draw(calls, plan, occasion=occasion, room=50).picks]

    first = ids(calls, PLAN, "2026-11-20 day")
    assert ids(calls, PLAN, "2026-11-20 day") == first
    assert ids(calls, PLAN.model_copy(update={"seed": "另一个"}), "2026-11-20 day") != first
    assert ids(calls, PLAN.model_copy(update={"version": 2}), "2026-11-20 day") != first
    assert ids(calls, PLAN, "2026-11-20 night") != first
    assert ids([*calls[:-1], replace(calls[-1], hour=3)], PLAN, "2026-11-20 day") != first


def test_a_draw_is_the_same_on_every_machine_and_version() -> None:
    """Known answer: what was drawn once must be drawn again by every later program."""
    calls = [
        Candidate(f"c{n}", f"agent{n % 3}", "12345", hour=n % 24, risks=("angry",) if n % 9 == 0 else ())
        for n in range(30)
    ]
    drawn = draw(calls, CityQuality(seed="晋江", share=20), occasion="2026-11-20 day", room=40)
    assert population_hash(calls)[:16] == KNOWN["population"]
    assert plan_hash(CityQuality(seed="晋江", share=20))[:16] == KNOWN["plan"]
    assert [pick.call_id for pick in drawn.picks] == KNOWN["picks"]


KNOWN = {
    "population": "828f0bfbfb3ac52b",
    "plan": "94d77d634c0690c3",
    "picks": ["c12", "c23", "c27", "c4", "c8", "c9"],
}


def test_a_call_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        draw([Candidate("c1", "a", "110")] * 2, PLAN, occasion="x", room=9)


def test_work_grows_with_the_calls_and_no_faster() -> None:
    """Counted in calls of functions, which no machine's speed changes; sorting's comparisons make no such calls."""

    def work(size: int) -> int:
        calls = [Candidate(f"c{n}", f"agent{n % (size // 50)}", "12345", hour=n % 24) for n in range(size)]
        count = 0

        def note(_frame: object, event: str, _arg: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            drawn = draw(calls, PLAN, occasion="x", room=size)
        finally:
            sys.setprofile(None)
        assert len(drawn.picks) == size // 10
        return count

    few, many = work(1000), work(8000)
    assert 7 < many / few < 9


# --- reviewers ----------------------------------------------------------------------------------------------------

LOTS = Lots("plan", "calls", "x")


@st.composite
def deals(draws: st.DrawFn) -> tuple[list[Pick], list[Reviewer], CityQuality]:
    people = [f"r{n}" for n in range(draws(st.integers(0, 6)))]
    voices = [*people, "agent1", "agent2", "desk:1001"]
    picks = [
        Pick(f"c{n}", agent, tuple(others), "lot", 0)
        for n, (agent, others) in enumerate(
            draws(
                st.lists(st.tuples(st.sampled_from(voices), st.lists(st.sampled_from(voices), max_size=2)), max_size=40)
            )
        )
    ]
    reviewers = [Reviewer(who, ("desk:1001",) if who == "r0" else ()) for who in people]
    plan = PLAN.model_copy(
        update={"blind_share": draws(st.sampled_from([0, 10, 50])), "reviewer_most": draws(st.integers(1, 30))}
    )
    return picks, reviewers, plan


@settings(max_examples=150, deadline=None)
@given(deals(), st.randoms(use_true_random=False))
def test_reviewers_get_even_loads_and_never_themselves(
    deal: tuple[list[Pick], list[Reviewer], CityQuality], chance: random.Random
) -> None:
    picks, reviewers, plan = deal
    done = assign(picks, reviewers, plan, LOTS)
    by_call, people = {pick.call_id: pick for pick in picks}, {one.login: one for one in reviewers}
    load = Counter({who: 0 for who in people})
    pairs_of: dict[str, list[str]] = {}
    for duty in done.duties:
        assert not people[duty.reviewer].took_part(by_call[duty.call_id])
        load[duty.reviewer] += 1
        pairs_of.setdefault(duty.call_id, []).append(duty.reviewer)
    assert all(len(set(both)) == len(both) <= 2 for both in pairs_of.values())
    assert {duty.call_id for duty in done.duties if duty.copy == 0} | set(done.nobody) == set(by_call)
    assert all(count <= plan.reviewer_most for count in load.values())
    assert sum(len(both) == 2 for both in pairs_of.values()) <= pairs(len(picks), plan)
    for duty in done.duties:
        for other in people.values():
            if other.login not in pairs_of[duty.call_id] and not other.took_part(by_call[duty.call_id]):
                assert load[duty.reviewer] - load[other.login] <= 1
    for call in done.nobody:
        able = [one.login for one in reviewers if not one.took_part(by_call[call])]
        assert all(load[who] == plan.reviewer_most for who in able)
    mixed, others = list(picks), list(reviewers)
    chance.shuffle(mixed)
    chance.shuffle(others)
    assert assign(mixed, others, plan, LOTS) == done


def test_blind_pairs_meet_all_their_colleagues() -> None:
    """With enough calls every pair of reviewers scores some in common, or nobody could be compared."""
    picks = [Pick(f"c{n}", "agent1", (), "lot", 0) for n in range(100)]
    people = [Reviewer(f"r{n}") for n in range(4)]
    plan = PLAN.model_copy(update={"blind_share": 50, "reviewer_most": 100})
    assert room(people, plan) == 400
    met: dict[str, set[str]] = {}
    for duty in assign(picks, people, plan, LOTS).duties:
        met.setdefault(duty.call_id, set()).add(duty.reviewer)
    together = Counter(frozenset(both) for both in met.values() if len(both) == 2)
    assert sum(together.values()) == 50
    assert len(together) == 6
    assert min(together.values()) >= 3
