"""Bytes to samples."""

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.live.sound import Feed, read_recording
from core.errors import HeyiError


def tone(rate: int, hz: float, seconds: float = 0.5) -> np.ndarray:
    return (np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate) * 10_000).astype(np.int16)


@pytest.mark.parametrize("hz", [200, 1000, 3300])
def test_doubling_keeps_a_tone_and_makes_no_image_of_it(hz: float) -> None:
    out = Feed(8000).push(tone(8000, hz).astype("<i2").tobytes()).astype(float)[200:]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size)))
    peak = np.argmax(spectrum) * 16000 / out.size
    assert peak == pytest.approx(hz, abs=5)
    image = spectrum[int((8000 - hz - 50) * out.size / 16000) : int((8000 - hz + 50) * out.size / 16000)].max()
    assert image < spectrum.max() / 100


@given(st.lists(st.integers(0, 700), min_size=1, max_size=12), st.sampled_from([8000, 16000]))
def test_blocks_of_any_size_give_the_same_samples(sizes: list[int], rate: int) -> None:
    data = tone(rate, 440).astype("<i2").tobytes()
    whole = Feed(rate).push(data)
    feed, parts, at = Feed(rate), [], 0
    for size in sizes:
        parts.append(feed.push(data[at : at + size]))
        at += size
    parts.append(feed.push(data[at:]))
    assert np.array_equal(np.concatenate(parts), whole)


def test_unknown_rate_is_refused() -> None:
    with pytest.raises(HeyiError, match="44100"):
        Feed(44100)


def save(path: Path, rate: int = 8000, channels: int = 1, width: int = 2) -> bytes:
    data = tone(rate, 500).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return data


def test_recording_is_read_at_16_khz(tmp_path: Path) -> None:
    save(tmp_path / "a.wav")
    assert read_recording(tmp_path / "a.wav").size == 8000


def test_recording_whose_header_was_never_finished(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    save(path)
    raw = bytearray(path.read_bytes())
    raw[4:8] = raw[40:44] = b"\0\0\0\0"
    path.write_bytes(raw)
    assert read_recording(path).size == 8000


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all, but long enough to be read as one" * 4])
def test_damaged_recording_gives_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(HeyiError, match="cannot be read"):
        read_recording(path)


def test_absent_and_stereo_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="not there"):
        read_recording(tmp_path / "none.wav")
    save(tmp_path / "stereo.wav", channels=2)
    with pytest.raises(HeyiError, match="2 channels"):
        read_recording(tmp_path / "stereo.wav")
