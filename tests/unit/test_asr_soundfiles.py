"""Sound files of many kinds, and what is none; transcripts as text, subtitles and JSON."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from asr.recognition import RATE, Pcm, Recognition
from asr.record.formats import as_dict, as_subtitles, as_text, output_names
from asr.record.soundfiles import read_sound
from asr.record.transcribe import Segment
from core.errors import HeyiError

KINDS = [
    ("a.wav", "pcm_s16le", 8000),
    ("a.wav", "pcm_alaw", 8000),
    ("a.wav", "pcm_mulaw", 8000),
    ("a.wav", "pcm_s16le", 16000),
    ("a.wav", "pcm_f32le", 44100),
    ("a.mp3", "libmp3lame", 44100),
    ("a.ogg", "libopus", 48000),
    ("a.flac", "flac", 48000),
    ("a.m4a", "aac", 32000),
]


def tone(hertz: float, seconds: float, rate: int) -> Pcm:
    return np.asarray(8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate), dtype=np.int16)


def written(path: Path, codec: str, rate: int, *channels: Pcm) -> Path:
    """``channels`` (int16 at ``rate``) as a sound file."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(channels)]
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        stream.format = av.codec.Codec(codec, "w").audio_formats[0].name
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(np.stack(channels), format="s16p", layout=layout)
        frame.rate = rate
        resampler = av.AudioResampler(stream.format.name, layout, rate, frame_size=stream.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return path


def pitch(pcm: Pcm) -> float:
    """Hertz of the strongest tone."""
    return float(np.argmax(np.abs(np.fft.rfft(pcm[: RATE * 2]))) * RATE / min(pcm.size, RATE * 2))


@pytest.mark.parametrize(("name", "codec", "rate"), KINDS)
def test_every_usual_kind_is_read_with_its_two_sides(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    file = written(tmp_path / name, codec, rate, tone(440, 2, rate), tone(1000, 2, rate))
    left, right = read_sound(file)
    assert left.dtype == np.int16
    assert left.size == right.size == pytest.approx(2 * RATE, rel=0.05)
    assert pitch(left) == pytest.approx(440, abs=3)
    assert pitch(right) == pytest.approx(1000, abs=3)
    middle = left[RATE // 2 : RATE].astype(float)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(8000 / np.sqrt(2), rel=0.1)


def test_one_channel_two_equal_ones_and_many_are_one_voice(tmp_path: Path) -> None:
    once = tone(440, 1, 16000)
    (mono,) = read_sound(written(tmp_path / "m.wav", "pcm_s16le", 16000, once))
    (double,) = read_sound(written(tmp_path / "d.wav", "pcm_s16le", 16000, once, once))
    (many,) = read_sound(written(tmp_path / "s.wav", "pcm_s16le", 16000, *[once] * 6))
    assert np.array_equal(mono, once) and np.array_equal(double, once)
    assert pitch(many) == pytest.approx(440, abs=3)


def test_a_recording_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.wav", "pcm_s16le", 8000, tone(440, 2, 8000)).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2 + 1])
    (cut,) = read_sound(tmp_path / "cut.wav")
    assert 0.9 * RATE < cut.size < 1.1 * RATE
    song = written(tmp_path / "a.mp3", "libmp3lame", 44100, tone(440, 2, 44100)).read_bytes()
    (tmp_path / "cut.mp3").write_bytes(song[: len(song) // 2])
    (cut,) = read_sound(tmp_path / "cut.mp3")
    assert 0.5 * RATE < cut.size < 1.5 * RATE


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"RIFF\x24\x00\x00\x00WAVEfmt ", None])
def test_what_is_no_sound_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HeyiError, match=r"bad\.wav") as error:
        read_sound(path)
    assert "\n" not in str(error.value)


def test_a_folder_and_an_empty_recording_are_told(tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="is no file"):
        read_sound(tmp_path)
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    with pytest.raises(HeyiError, match=r"empty\.wav"):
        read_sound(tmp_path / "empty.wav")


SEGMENTS = [
    Segment("caller", 1.2, 3.45, Recognition("着火了", "著火了", 0.8123)),
    Segment("agent", 3725.04, 3726.0, Recognition("在哪里？", "在哪里", 0.9)),
    Segment("", 3800.0, 3801.0, Recognition("喂", "喂", 0.5)),
]


def test_text_to_read() -> None:
    assert as_text(SEGMENTS) == "[0:00:01] 来电人：着火了\n[1:02:05] 接线员：在哪里？\n[1:03:20] 喂\n"
    assert as_text([]) == ""


def test_subtitles() -> None:
    assert as_subtitles(SEGMENTS[:2]) == (
        "1\n00:00:01,200 --> 00:00:03,450\n来电人：着火了\n\n2\n01:02:05,040 --> 01:02:06,000\n接线员：在哪里？\n"
    )


def test_json_keeps_both_texts_and_the_side() -> None:
    plain = as_dict("a.wav", 12.3456, SEGMENTS[:1])
    segment = {"leg": "caller", "start_s": 1.2, "end_s": 3.45, "text": "着火了", "raw": "著火了", "confidence": 0.812}
    assert plain == {"file": "a.wav", "seconds": 12.35, "segments": [segment]}


def test_no_transcript_overwrites_another() -> None:
    files = [Path("x/a.wav"), Path("x/a.mp3"), Path("y/a.wav"), Path("b.wav")]
    assert output_names(files, "txt") == ["a.wav.txt", "a.mp3.txt", "a.wav-2.txt", "b.txt"]
