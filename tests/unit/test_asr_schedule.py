"""The order in which speech is decoded."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from asr.decode.schedule import HANDS, LOOKS, Hands, Job, Kind, Limits, Line

ROOMY = Limits(finals_service=1000, finals_emergency=1000, stale_s=1000, record_s=1000)


def job(uid: str, kind: Kind = "final", *, emergency: bool = False, at: float = 0.0) -> Job[None]:
    return Job(uid, kind, emergency, at, None)


def order(line: Line[None], hands: Hands = "live", now: float = 0.0) -> list[tuple[str, str]]:
    taken = []
    while (found := line.take(now, hands)[0]) is not None:
        taken.append((found.utterance_id, found.kind))
    return taken


def test_emergencies_come_first_and_what_is_over_before_what_may_be() -> None:
    line: Line[None] = Line(2, ROOMY)
    for item in (
        job("sp", "pause"), job("sf"), job("ep", "pause", emergency=True), job("ef", emergency=True), job("sf2"),
    ):  # fmt: skip
        line.put(item)
    assert [uid for uid, _ in order(line)] == ["ef", "ep", "sf", "sf2", "sp"]


def test_spare_processes_take_partials_then_recordings_and_leave_the_rest() -> None:
    line: Line[None] = Line(2, ROOMY)
    for item in (job("r", "record"), job("sp", "partial"), job("f"), job("ep", "partial", emergency=True)):
        line.put(item)
    assert [uid for uid, _ in order(line, "spare")] == ["ep", "sp", "r"]
    assert order(line, "live") == [("f", "final")]


def test_every_kind_has_its_hands() -> None:
    assert sorted(kind for kinds in HANDS.values() for kind in kinds) == sorted(get_args(Kind))


def test_a_newer_partial_takes_the_turn_of_the_older() -> None:
    line: Line[None] = Line(2, ROOMY)
    line.put(job("a", "partial", at=1))
    line.put(job("b", "partial", at=2))
    dropped = line.put(job("a", "partial", at=3))
    assert [(d.utterance_id, d.at) for d in dropped] == [("a", 1)]
    first, _ = line.take(3, "spare")
    assert first is not None and (first.utterance_id, first.at) == ("a", 3)


def test_a_pause_makes_the_partial_before_it_needless_and_the_other_way_round() -> None:
    line: Line[None] = Line(2, ROOMY)
    line.put(job("a", "partial"))
    assert [d.kind for d in line.put(job("a", "pause"))] == ["partial"]
    assert [d.kind for d in line.put(job("a", "partial"))] == ["pause"]
    assert order(line, "spare") == [("a", "partial")]


def test_a_final_makes_its_own_looks_pointless() -> None:
    line: Line[None] = Line(2, ROOMY)
    line.put(job("a", "partial"))
    dropped = line.put(job("a", "final"))
    assert [d.kind for d in dropped] == ["partial"]
    assert order(line) == [("a", "final")]
    assert (line.counters.replaced, line.counters.shed) == (1, 0)


def test_a_pause_that_was_the_end_waits_as_a_final_from_then_on() -> None:
    line: Line[None] = Line(1, Limits(finals_service=0, finals_emergency=0, stale_s=1))
    line.put(job("other", "pause", at=0))
    line.put(job("a", "pause", at=0))
    assert line.promote("a")
    assert [d.utterance_id for d in line.put(job("b", at=1))] == ["other"]
    assert line.lag(5) == 5
    assert order(line, now=100) == [("a", "final"), ("b", "final")]


def test_only_a_waiting_pause_can_be_promoted() -> None:
    line: Line[None] = Line(1)
    line.put(job("a", "pause"))
    line.take(0)
    line.put(job("b", "partial"))
    assert not any(line.promote(uid) for uid in ("a", "b", "nobody"))


def test_under_load_looks_at_service_calls_go_first_and_those_at_emergencies_later() -> None:
    line: Line[None] = Line(1, Limits(finals_service=1, finals_emergency=3, stale_s=100))
    line.put(job("ep", "partial", emergency=True))
    line.put(job("sp", "partial"))
    assert line.put(job("f1")) == []
    assert [d.utterance_id for d in line.put(job("f2"))] == ["sp"]
    assert [d.utterance_id for d in line.put(job("late", "partial"))] == ["late"]
    line.put(job("f3"))
    assert [d.utterance_id for d in line.put(job("f4"))] == ["ep"]
    assert [uid for uid, _ in order(line)] == ["f1", "f2", "f3", "f4"]
    assert line.counters.shed == 3


def test_stale_looks_are_given_back_when_looking_for_work() -> None:
    line: Line[None] = Line(1, Limits(stale_s=2))
    line.put(job("a", "partial", at=0))
    found, dropped = line.take(2.5)
    assert found is None
    assert [d.utterance_id for d in dropped] == ["a"]


def test_a_recording_that_has_waited_goes_before_partials_so_that_endless_speech_does_not_keep_it_out() -> None:
    line: Line[None] = Line(1, Limits(record_s=5, stale_s=100))
    line.put(job("r", "record", at=0))
    line.put(job("e", "partial", emergency=True, at=0))
    line.put(job("s", "partial", at=0))
    first, _ = line.take(4, "spare")
    second, _ = line.take(6, "spare")
    assert first is not None and second is not None
    assert (first.utterance_id, second.utterance_id) == ("e", "r")


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
        st.sampled_from(get_args(Kind)),
        emergency=st.booleans(),
        at=st.integers(0, 5),
    ),
    max_size=40,
)
BOTH: tuple[Hands, Hands] = ("live", "spare")


@given(JOBS, st.integers(1, 3), st.data())
def test_finals_and_recordings_are_never_lost_and_nothing_comes_twice(
    jobs: list[Job[None]], workers: int, data: st.DataObject
) -> None:
    line: Line[None] = Line(workers)
    taken: list[Job[None]] = []
    dropped: list[Job[None]] = []
    promoted = 0
    for item in jobs:
        dropped += line.put(item)
        if data.draw(st.booleans()):
            promoted += line.promote(item.utterance_id)
        if data.draw(st.booleans()):
            found, stale = line.take(item.at, data.draw(st.sampled_from(BOTH)))
            dropped += stale
            taken += [found] if found else []
    for hands in BOTH:
        found, stale = line.take(100, hands)
        while found is not None:
            taken.append(found)
            found, more = line.take(100, hands)
            stale += more
        dropped += stale
    assert len(line) == 0
    assert len(taken) + len(dropped) == len(jobs)
    assert {d.kind for d in dropped} <= LOOKS
    assert len(dropped) == line.counters.shed + line.counters.replaced
    for kind in ("final", "record"):
        expected = sum(item.kind == kind for item in jobs) + (promoted if kind == "final" else 0)
        assert sum(item.kind == kind for item in taken) == expected


@given(JOBS)
def test_at_most_one_look_at_an_utterance_waits(jobs: list[Job[None]]) -> None:
    line: Line[None] = Line(2, ROOMY)
    for item in jobs:
        line.put(item)
    looks = [uid for hands in BOTH for uid, kind in order(line, hands) if kind in LOOKS]
    assert len(looks) == len(set(looks))


@given(JOBS, st.sampled_from(BOTH))
def test_what_is_taken_is_never_outranked_by_what_waits_and_the_oldest_goes_first(
    jobs: list[Job[None]], hands: Hands
) -> None:
    line: Line[None] = Line(2, ROOMY)
    for item in jobs:
        line.put(item)
    taken = []
    while (found := line.take(0, hands)[0]) is not None:
        taken.append(found)
    assert [item.rank for item in taken] == sorted(item.rank for item in taken)
    asked = {id(item): number for number, item in enumerate(jobs)}
    for rank in {item.rank for item in taken if item.kind not in LOOKS}:
        numbers = [asked[id(item)] for item in taken if item.rank == rank]
        assert numbers == sorted(numbers)
