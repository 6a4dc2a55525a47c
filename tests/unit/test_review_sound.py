"""The picture of a recording, silence, what is left out of sound and text, bounds of clips: pure parts."""

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HeyiError
from quality.listening import picture as pictures
from quality.listening.clips import LONGEST_S, bounds
from quality.listening.examples import numbers
from quality.listening.masked import HIDDEN, MARGIN_S, beeped, drawn, hide, merged, stretch
from quality.listening.picture import MOST, PER_SECOND, picture, silences
from telephony.recordings.files import BLOCK, look

RATE = 8000
#: 13.37 s, two sides: no whole number of values of a picture.
NOISE = np.random.default_rng(3).integers(-20000, 20000, (int(13.37 * RATE), 2))


def write(file: Path, frames: np.ndarray) -> Path:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(frames.shape[1])
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(frames.astype("<i2").tobytes())
    return file


@pytest.fixture
def noise() -> np.ndarray:
    return NOISE


@pytest.fixture(scope="module")
def noise_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of several blocks."""
    file = write(tmp_path_factory.mktemp("noise") / "a.wav", NOISE)
    assert file.stat().st_size > 3 * BLOCK
    return file


@pytest.mark.parametrize("channels", [1, 2])
def test_the_picture_is_the_loudest_sample_of_each_fiftieth_of_a_second(
    tmp_path: Path, noise: np.ndarray, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_AT_ONCE", 7)  # blocks end within the recording
    noise = noise[:, :channels]
    made = picture(write(tmp_path / "a.wav", noise), "seal")
    each = RATE // PER_SECOND
    assert made.seconds == pytest.approx(13.37, abs=1e-3)
    assert (len(made.sides), len(made.sides[0])) == (channels, -(-len(noise) // each))
    loudest = np.abs(noise).max()
    for side in range(channels):
        for value in (0, 6, 7, 300, len(made.sides[0]) - 1):
            there = np.abs(noise[value * each : (value + 1) * each, side]).max()
            assert made.sides[side][value] == int(there * (255 / loudest))


def test_a_picture_is_kept_by_the_hash_and_a_faint_call_stays_faint(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", np.full((RATE, 2), 100))
    assert picture(file, "one").sides[0].max() == 25  # of 255: not stretched to full height
    write(file, np.full((RATE, 2), -32768))
    assert picture(file, "one").sides[0].max() == 25
    assert picture(file, "two").sides[0].max() == 255


def test_a_long_call_is_drawn_more_coarsely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST", 100)
    made = picture(write(tmp_path / "a.wav", np.ones((20 * RATE, 2))), "long")
    assert len(made.sides[0]) == 100
    assert made.per_second == pytest.approx(5)
    assert MOST / PER_SECOND == 1800  # half an hour at full resolution


def test_what_is_no_recording_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF" + b"\0" * 60)
    with pytest.raises(HeyiError):
        picture(tmp_path / "a.wav", "x")


def test_silence_is_two_seconds_or_more_on_both_sides_with_a_rest_on_either_edge() -> None:
    levels = np.full(500, 9000)  # 10 s
    levels[100:250] = 20  # 3 s
    levels[300:380] = 20  # 1.6 s
    levels[400:] = 20  # until the end
    assert silences(levels, 50) == ((2.25, 4.75), (8.25, 9.75))
    assert silences(np.full(500, 9000), 50) == ()


def test_a_noisy_line_is_silent_too_and_a_loud_hum_is_not() -> None:
    levels = np.full(500, 9000)
    levels[:250] = 600
    assert len(silences(levels, 50)) == 1
    levels[:250] = 1500
    assert silences(levels, 50) == ()


# --- texts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    start: int
    end: int
    words: str


def test_words_are_hidden_where_they_stand_or_have_moved_to_and_all_where_they_are_gone() -> None:
    text = "我叫林小明，电话13800001234"
    name, number = Part(2, 5, "林小明"), Part(8, 19, "13800001234")
    assert hide(text, [number, name]) == f"我叫{HIDDEN}，电话{HIDDEN}"
    assert hide("嗯，我叫林小明，电话138", [name]) == f"嗯，我叫{HIDDEN}，电话138"
    assert hide("我叫林晓明", [name]) == HIDDEN
    # Nobody knows which of them it was: all are hidden, those that overlap too.
    assert hide("那个，林小明和林小明", [name]) == f"那个，{HIDDEN}和{HIDDEN}"
    assert hide("嗯，一二一二一完", [Part(0, 3, "一二一")]) == f"嗯，{HIDDEN}完"
    # Where it stands still, the others of its kind stay to be read.
    assert hide("林小林小明林小明", [name]) == f"林小{HIDDEN}林小明"
    assert hide(text, []) == text
    assert hide(text, [Part(2, 5, "林小明"), Part(4, 8, "明，电话")]) == f"我叫{HIDDEN}13800001234"


@given(st.text("甲乙丙丁1234", min_size=1, max_size=30), st.data())
def test_nothing_of_a_hidden_span_is_left(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    made = hide(text, [Part(start, end, text[start:end])])
    assert made == text[:start] + HIDDEN + text[end:]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_merged_spans_cover_the_same_and_do_not_touch(spans: list[tuple[int, int]]) -> None:
    made = merged(spans)
    assert {n for a, b in made for n in range(a, b)} == {n for a, b in spans for n in range(a, b)}
    assert all(one[1] < other[0] for one, other in pairwise(made))


def test_numbers_that_people_say_are_found_and_short_ones_left() -> None:
    assert numbers("电话是138 0000 1234，谢谢") == ["138 0000 1234"]
    assert numbers("幺三八零零零零幺二三四") == ["幺三八零零零零幺二三四"]
    assert numbers("12345热线，1001号坐席，三百二十一号") == []
    assert numbers(f"电话{HIDDEN}") == []


# --- sound ----------------------------------------------------------------------------------------------------------


def frames_of(data: bytes) -> np.ndarray:
    return np.frombuffer(data[44:], "<i2").reshape(-1, 2)


def whole(file: Path, spans: Sequence[tuple[float, float]], within: tuple[float, float] | None = None) -> bytes:
    shape = look(file)
    assert shape is not None
    wav = stretch(file, shape, spans, within)
    return b"".join(wav.read(0, wav.size))


def test_a_tone_stands_in_place_of_what_is_private_and_nothing_else_is_touched(
    tmp_path: Path, noise: np.ndarray
) -> None:
    file = write(tmp_path / "a.wav", noise)
    before = file.read_bytes()
    assert whole(file, []) == before
    made = whole(file, [(3.0, 4.0), (3.5, 5.0)])
    assert file.read_bytes() == before
    assert made[:44] == before[:44]
    frames, first, last = frames_of(made), int((3 - MARGIN_S) * RATE), int((5 + MARGIN_S) * RATE)
    assert (frames[:first] == noise[:first]).all()
    assert (frames[last:] == noise[last:]).all()
    hidden = frames[first:last]
    assert (hidden[:, 0] == hidden[:, 1]).all()
    peak = np.argmax(np.abs(np.fft.rfft(hidden[:, 0].astype(float)))) * RATE / len(hidden)
    assert peak == pytest.approx(1000, abs=1)


@given(st.integers(0, 500_000), st.integers(1, 200_000))
def test_any_range_is_the_same_bytes_as_of_the_whole(noise_file: Path, start: int, length: int) -> None:
    """Over headers, halves of frames, and blocks."""
    shape = look(noise_file)
    assert shape is not None
    wav = stretch(noise_file, shape, [(1.0, 2.0), (12.0, 99.0)], (0.5, 13.0))
    expected = whole(noise_file, [(1.0, 2.0), (12.0, 99.0)], (0.5, 13.0))
    assert len(expected) == wav.size
    assert b"".join(wav.read(start, start + length)) == expected[start : start + length]


def test_a_stretch_begins_and_ends_at_its_seconds(tmp_path: Path, noise: np.ndarray) -> None:
    file = write(tmp_path / "a.wav", noise)
    made = whole(file, [(0.0, 2.5)], (2.0, 4.0))
    frames = frames_of(made)
    assert len(frames) == 2 * RATE
    after = int((0.5 + MARGIN_S) * RATE)
    assert (frames[after:] == noise[2 * RATE + after : 4 * RATE]).all()
    assert not (frames[:after] == noise[2 * RATE : 2 * RATE + after]).any(axis=1).all()
    with wave.open(str(write(tmp_path / "b.wav", frames))) as opened:
        assert opened.getnframes() == 2 * RATE


def test_the_tone_goes_on_over_blocks() -> None:
    silent = np.zeros((RATE, 2), np.int16)
    one = beeped(silent, 0, RATE, [(0.0, 1.0)])
    two = np.concatenate([beeped(silent[:333], 0, RATE, [(0.0, 1.0)]), beeped(silent[333:], 333, RATE, [(0.0, 1.0)])])
    assert (one == two).all()


def test_the_picture_is_flat_where_something_is_left_out(tmp_path: Path, noise: np.ndarray) -> None:
    made = picture(write(tmp_path / "a.wav", noise), "flat")
    bare = drawn(made, [(2.0, 3.0)])
    assert bare.sides[1][100:150].max() == 0
    assert bare.sides[0][99] > 0
    assert bare.sides[0][150] > 0
    assert made.sides[1][100:150].min() > 0


# --- clips ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end"), [(5, 5), (6, 5), (-1, 5), (60.1, 61), (5, 5.2), (float("nan"), 5), (5, float("nan"))]
)
def test_what_is_no_clip(begin: float, end: float) -> None:
    with pytest.raises(HeyiError):
        bounds(begin, end, 60)


def test_a_clip_ends_with_the_recording_and_is_no_longer_than_it_may_be() -> None:
    assert bounds(5.12345, 61, 60) == (5.123, 60)
    assert bounds(0, LONGEST_S, 5000) == (0, LONGEST_S)
    with pytest.raises(HeyiError):
        bounds(0, LONGEST_S + 0.1, 5000)
