"""Where utterances begin and end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.live.segmenter import FRAME, LIVE, Cut, Moment, Segmenter

S = 1000 / 32  # frames in a second


def run(chances: list[float], cut: Cut | None = None) -> list[Moment]:
    """Frame ``i`` is filled with the value ``i``, so that audio can be told apart."""
    segmenter = Segmenter(cut)
    moments = []
    for number, chance in enumerate(chances):
        moments += segmenter.push(np.full(FRAME, number % 30000, np.int16), chance)
    return moments + segmenter.flush()


def frames(seconds: float) -> int:
    return round(seconds * S)


def test_one_utterance_with_preroll_and_endpoint() -> None:
    moments = run([0.0] * frames(2) + [0.9] * frames(0.8) + [0.0] * frames(2))
    finals = [m for m in moments if m.final]
    assert len(finals) == 1
    assert finals[0].start_s == pytest.approx(2 - 0.3, abs=0.05)
    assert finals[0].end_s == pytest.approx(2 + 0.8 + Cut().endpoint_s, abs=0.07)
    assert finals[0].pcm.size == pytest.approx((finals[0].end_s - finals[0].start_s) * 16000)


def test_a_short_pause_does_not_cut_a_sentence() -> None:
    moments = run([0.9] * frames(1) + [0.0] * frames(0.4) + [0.9] * frames(1) + [0.0] * frames(1))
    assert sum(m.final for m in moments) == 1


def test_a_pause_does_and_the_second_utterance_has_its_own_number() -> None:
    moments = run(([0.9] * frames(1) + [0.0] * frames(0.9)) * 2)
    assert [m.number for m in moments if m.final] == [0, 1]


def test_a_click_is_no_utterance() -> None:
    assert run([0.0] * 20 + [0.9] * 2 + [0.0] * 60) == []


def test_a_hesitating_detector_does_not_flutter() -> None:
    moments = run([0.9] * 20 + [0.4, 0.45, 0.36] * 20 + [0.0] * 40)
    assert sum(m.final for m in moments) == 1


def test_partials_come_at_most_every_second_and_belong_to_the_final() -> None:
    moments = run([0.9] * frames(4.5) + [0.0] * frames(1))
    assert [round(m.end_s) for m in moments if m.kind == "partial"] == [1, 2, 3, 4]
    assert {m.number for m in moments} == {0}


def test_no_partial_while_the_speaker_pauses() -> None:
    moments = run([0.9] * frames(0.9) + [0.0] * frames(0.55) + [0.9] * 5, Cut(partial_every_s=1.0))
    assert all(m.end_s > 1.4 for m in moments if m.kind == "partial")


def test_a_pause_is_told_once_and_the_final_that_follows_says_so() -> None:
    pause, final = run([0.9] * frames(0.9) + [0.0] * frames(1))
    assert (pause.kind, final.kind, final.paused) == ("pause", "final", True)
    assert pause.number == final.number
    assert pause.end_s == pytest.approx(0.9 + 0.16, abs=0.05)
    assert (final.pcm[: pause.pcm.size] == pause.pcm).all()


def test_after_a_pause_that_was_none_the_final_does_not_rest_on_it() -> None:
    moments = run([0.9] * frames(0.9) + [0.0] * frames(0.3) + [0.9] * frames(0.3))
    assert [(m.kind, m.paused) for m in moments] == [("pause", False), ("final", False)]


def test_every_pause_of_an_utterance_is_told() -> None:
    moments = run(([0.9] * frames(0.7) + [0.0] * frames(0.3)) * 3 + [0.0] * frames(1))
    assert [m.kind for m in moments] == ["pause", "pause", "pause", "final"]
    assert moments[-1].paused


def test_what_was_no_speech_yet_makes_no_pause() -> None:
    assert run([0.9] * 2 + [0.0] * frames(0.5)) == []


def test_a_long_utterance_ends_at_a_shorter_silence() -> None:
    talk = [0.9] * frames(13) + [0.0] * frames(0.45) + [0.9] * frames(1) + [0.0] * frames(1)
    assert sum(m.final for m in run(talk, Cut(longest_s=20))) == 1
    assert sum(m.final for m in run(talk, Cut(longest_s=20, patient_s=6))) == 2
    brief = [0.9] * frames(4) + [0.0] * frames(0.45) + [0.9] * frames(1) + [0.0] * frames(1)
    assert sum(m.final for m in run(brief, Cut(longest_s=20, patient_s=6))) == 1


@given(st.floats(0, 15), st.floats(0, 15))
def test_patience_only_shrinks_and_stays_above_a_pause(one: float, other: float) -> None:
    sooner, later = sorted((one, other))
    assert LIVE.endpoint_s >= LIVE.endpoint(sooner) >= LIVE.endpoint(later) >= LIVE.endpoint_at_last_s > LIVE.pause_s


def test_a_long_speaker_is_cut_where_it_was_quietest_and_nothing_is_lost() -> None:
    chances = [0.9] * frames(40)
    chances[frames(13)] = 0.5
    finals = [m for m in run(chances) if m.final]
    assert finals[0].end_s == pytest.approx(13.03, abs=0.05)
    joined = np.concatenate([m.pcm for m in finals])
    assert (joined[::FRAME] == np.arange(frames(40))).all()
    assert all(m.end_s - m.start_s <= 15.01 for m in finals)


def test_what_is_open_ends_with_the_audio() -> None:
    (final,) = [m for m in run([0.9] * 20) if m.final]
    assert final.pcm.size == 20 * FRAME


@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.95]), max_size=1200))
def test_times_and_audio_agree_for_any_probabilities(chances: list[float]) -> None:
    end = 0.0
    for moment in run(chances):
        first, last = int(moment.pcm[0]), int(moment.pcm[-1])
        assert moment.start_s == pytest.approx(first * 0.032)
        assert moment.end_s == pytest.approx((last + 1) * 0.032)
        assert (moment.pcm[::FRAME] == np.arange(first, last + 1)).all()
        if moment.final:
            assert moment.start_s >= end - 1e-6
            end = moment.end_s
