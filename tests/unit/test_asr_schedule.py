"""The order in which speech is decoded."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from asr.recognition import Effort
from asr.schedule import Job, Limits, Line

ROOMY = Limits(finals_service=1000, finals_emergency=1000, stale_s=1000)


def job(uid: str, effort: Effort = "final", *, emergency: bool = False, at: float = 0.0) -> Job[None]:
    return Job(uid, effort, emergency, at, None)


def order(line: Line[None], now: float = 0.0) -> list[tuple[str, str]]:
    taken = []
    while (found := line.take(now)[0]) is not None:
        taken.append((found.utterance_id, found.effort))
    return taken


def test_emergencies_come_first_finals_before_partials_recordings_last() -> None:
    line: Line[None] = Line(2, ROOMY)
    line.put(job("r", "record", emergency=True))
    line.put(job("sp", "partial"))
    line.put(job("sf", "final"))
    line.put(job("ep", "partial", emergency=True))
    line.put(job("ef", "final", emergency=True))
    assert [uid for uid, _ in order(line)] == ["ef", "ep", "sf", "sp", "r"]


def test_a_newer_partial_takes_the_turn_of_the_older() -> None:
    line: Line[None] = Line(2, ROOMY)
    line.put(job("a", "partial", at=1))
    line.put(job("b", "partial", at=2))
    dropped = line.put(job("a", "partial", at=3))
    assert [(d.utterance_id, d.at) for d in dropped] == [("a", 1)]
    first, _ = line.take(3)
    assert first is not None and (first.utterance_id, first.at) == ("a", 3)


def test_a_final_makes_its_own_partial_pointless() -> None:
    line: Line[None] = Line(2, ROOMY)
    line.put(job("a", "partial"))
    dropped = line.put(job("a", "final"))
    assert [d.effort for d in dropped] == ["partial"]
    assert order(line) == [("a", "final")]
    assert line.counters.shed == 1


def test_under_load_service_partials_go_first_and_emergency_partials_later() -> None:
    line: Line[None] = Line(1, Limits(finals_service=1, finals_emergency=3, stale_s=100))
    line.put(job("ep", "partial", emergency=True))
    line.put(job("sp", "partial"))
    assert line.put(job("f1")) == []
    assert [d.utterance_id for d in line.put(job("f2"))] == ["sp"]
    assert [d.utterance_id for d in line.put(job("late", "partial"))] == ["late"]
    line.put(job("f3"))
    assert [d.utterance_id for d in line.put(job("f4"))] == ["ep"]
    assert [uid for uid, _ in order(line)] == ["f1", "f2", "f3", "f4"]


def test_stale_partials_are_given_back_when_looking_for_work() -> None:
    line: Line[None] = Line(1, Limits(stale_s=2))
    line.put(job("a", "partial", at=0))
    found, dropped = line.take(2.5)
    assert found is None
    assert [d.utterance_id for d in dropped] == ["a"]


def test_recordings_can_be_left_out() -> None:
    line: Line[None] = Line(1)
    line.put(job("r", "record"))
    assert line.take(0, records=False)[0] is None
    assert line.take(0)[0] == job("r", "record")


def test_lag_is_the_age_of_the_oldest_waiting_final() -> None:
    line: Line[None] = Line(1)
    assert line.lag(5) == 0
    line.put(job("a", at=1))
    line.put(job("b", at=3))
    assert line.lag(5) == 4


JOBS = st.lists(
    st.builds(
        job,
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(get_args(Effort)),
        emergency=st.booleans(),
        at=st.integers(0, 5),
    ),
    max_size=40,
)


@given(JOBS, st.integers(1, 3))
def test_finals_and_recordings_are_never_lost_and_nothing_comes_twice(jobs: list[Job[None]], workers: int) -> None:
    line: Line[None] = Line(workers)
    out: list[int] = []
    for number, item in enumerate(jobs):
        out += [id(d) for d in line.put(item)]
        if number % 3 == 2:
            found, dropped = line.take(item.at)
            out += [id(d) for d in dropped] + ([id(found)] if found else [])
    shed = line.counters.shed
    while True:
        found, dropped = line.take(100)
        out += [id(d) for d in dropped] + ([id(found)] if found else [])
        shed += len(dropped)
        if found is None:
            break
    assert sorted(out) == sorted(id(item) for item in jobs)
    assert shed == line.counters.shed <= sum(item.effort == "partial" for item in jobs)
    assert len(line) == 0


@given(JOBS)
def test_at_most_one_partial_of_an_utterance_waits(jobs: list[Job[None]]) -> None:
    line: Line[None] = Line(2, ROOMY)
    for item in jobs:
        line.put(item)
    partials = [uid for uid, effort in order(line) if effort == "partial"]
    assert len(partials) == len(set(partials))


@given(JOBS)
def test_what_is_taken_is_never_outranked_by_what_waits(jobs: list[Job[None]]) -> None:
    line: Line[None] = Line(2, ROOMY)
    for item in jobs:
        line.put(item)
    ranks = []
    while (found := line.take(0)[0]) is not None:
        ranks.append(found.rank)
    assert ranks == sorted(ranks)
