"""The conversations by which recognition is timed: where speech is, and when it was over."""

import numpy as np
import pytest

from bench._asr_talk import RATE, TURN_RATE, Leg, conversation, stretches
from bench.asr import Heard, timed


def tone(seconds: float, loud: int = 8000) -> np.ndarray:
    return (loud * np.sin(np.arange(int(seconds * TURN_RATE)))).astype(np.int16)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * TURN_RATE), np.int16)


def test_speech_is_found_and_short_silences_belong_to_it() -> None:
    turn = np.concatenate([quiet(0.5), tone(1), quiet(0.1), tone(1), quiet(0.4), tone(0.5), quiet(0.3)])
    assert stretches(turn) == [pytest.approx((0.5, 2.6), abs=0.02), pytest.approx((3.0, 3.5), abs=0.02)]
    assert stretches(quiet(1)) == []


def test_sides_take_turns_and_every_stretch_lies_where_it_is_said_to() -> None:
    turns = [(True, np.concatenate([tone(2), quiet(0.5)])), (False, tone(1.5)), (True, tone(1, 4000))]
    caller, agent = conversation(turns, 30, seed=1)
    assert caller.pcm.size == agent.pcm.size == 30 * RATE
    assert len(caller.spoken) > len(agent.spoken) > 2
    for leg in (caller, agent):
        assert leg.spoken == sorted(leg.spoken) and leg.spoken[-1][1] < 29
        for begun, over in leg.spoken:
            inside = leg.pcm[int((begun + 0.05) * RATE) : int((over - 0.05) * RATE)]
            assert np.abs(inside.astype(int)).mean() > 1500
            after = leg.pcm[int((over + 0.02) * RATE) : int((over + 0.1) * RATE)]
            assert np.abs(after.astype(int)).mean() < 300


def test_the_same_seed_gives_the_same_conversation_and_another_another() -> None:
    turns = [(True, tone(2)), (False, tone(1.5))]
    one, same, other = (conversation(turns, 20, seed)[0] for seed in (3, 3, 4))
    assert (one.pcm == same.pcm).all() and one.spoken == same.spoken != other.spoken


def test_the_end_of_speech_is_that_of_the_last_word_heard() -> None:
    leg = Leg(np.zeros(0, np.int16), [(1.0, 2.0), (2.5, 4.0), (6.0, 9.0)])
    assert leg.end_of_speech(0.7, 4.6) == 4.0
    assert leg.end_of_speech(5.7, 8.0) == 8.0  # cut in the middle of a word
    assert leg.end_of_speech(4.2, 5.0) is None


def test_a_stretch_without_a_final_is_counted() -> None:
    legs = {("c", "caller"): Leg(np.zeros(0, np.int16), [(1.0, 2.0), (5.0, 6.0)])}
    figures = timed(Heard(), legs, 0.0, set())
    assert (figures["stretches_said"], figures["stretches_without_final"], figures["final_p95_s"]) == (2, 2, 0.0)
