"""Prompts that people have recorded: any usual WAV becomes telephone sound, a bad file is named with what is wrong."""

import csv
import shutil
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from speaking_support import tone
from typer.testing import CliRunner

from core.cityfile import load_city
from core.speaking import seconds
from heyi.cli import app
from heyi.ivr_sounds import TEXTS, export_texts, rows
from ivr.inventory import first_sayings, sayings
from ivr.joints import RATE, read_wav, trimmed
from ivr.phrases import prompts
from ivr.prompts import ensure_prompts, ensure_spoken
from ivr.recordings import recordables, take
from ivr.sound import write_wav
from ivr.spokenstore import SpokenStore

JINJIANG = Path(__file__).resolve().parents[2] / "cities" / "jinjiang"
CITY = load_city(JINJIANG)
NAME = "zh/welcome/person.wav"


def studio(
    path: Path, rate: int = 48_000, width: int = 2, channels: int = 1, loud: float = 0.5, length_s: float = 1.5
) -> None:
    """A tone of 440 Hz between silences, as a studio delivers it."""
    at = np.arange(int(rate * length_s)) / rate
    silence = np.zeros(rate // 2)
    sound = np.concatenate([silence, loud * np.sin(2 * np.pi * 440 * at), silence])
    if width == 1:
        raw = np.round(sound * 127 + 128).astype(np.uint8).tobytes()
    elif width == 3:
        whole = np.round(sound * (2**23 - 1)).astype("<i4")
        raw = whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        raw = np.round(sound * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}").tobytes()
    frames = np.frombuffer(raw, np.uint8).reshape(-1, width)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(np.repeat(frames[:, None, :], channels, axis=1).tobytes())


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 2), (3, 1), (4, 1)])
def test_any_usual_wav_becomes_telephone_sound(tmp_path: Path, rate: int, width: int, channels: int) -> None:
    studio(tmp_path / "in" / NAME, rate, width, channels)
    recorded, faults = take(tmp_path / "in", CITY, tmp_path / "out")
    assert not faults
    path = recorded.by_name["zh", "welcome/person"]
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
    pcm = read_wav(path).astype(float)
    assert trimmed(read_wav(path)).size / RATE == pytest.approx(1.5, abs=0.15)
    spectrum = np.abs(np.fft.rfft(pcm))
    assert np.fft.rfftfreq(pcm.size, 1 / RATE)[spectrum.argmax()] == pytest.approx(440, abs=5)
    loud = pcm[np.abs(pcm) > 0.1 * np.abs(pcm).max()]
    assert 20 * np.log10(np.sqrt(np.mean(loud**2)) / 32768) == pytest.approx(-20, abs=1)


def test_it_is_converted_once_and_again_when_it_changes_and_goes_when_it_is_gone(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    studio(source / NAME)
    first = take(source, CITY, out)[0].by_name["zh", "welcome/person"]
    before = first.stat().st_mtime_ns
    take(source, CITY, out)
    assert first.stat().st_mtime_ns == before
    studio(source / NAME, length_s=2.5)
    take(source, CITY, out)
    assert read_wav(first).size > 2.4 * RATE
    (source / NAME).unlink()
    assert take(source, CITY, out)[0].by_name == {}
    assert not list(out.rglob("*.wav")) + list(out.rglob("*.key"))


def test_no_folder_is_no_recording(tmp_path: Path) -> None:
    recorded, faults = take(tmp_path / "absent", CITY, tmp_path / "out")
    assert recorded.by_name == {} and faults == []


@pytest.mark.parametrize(
    ("name", "make", "said", "hint"),
    [
        (NAME, lambda path: path.write_bytes(b"RIFFnonsense"), "cannot be read as a WAV file", ""),
        (NAME, lambda path: path.write_bytes(b""), "cannot be read as a WAV file", ""),
        (NAME, lambda path: studio(path, loud=0.0), "holds no voice", "louder"),
        (NAME, lambda path: studio(path, rate=4000), "has 4000 Hz", "8000"),
        (NAME, lambda path: studio(path, length_s=70, rate=8000), "70", "60 s"),
        (NAME, lambda path: studio(path, length_s=0.05), "s of voice", "0.2"),
        ("zh/welcome/persom.wav", studio, "no prompt is called 'welcome/persom'", 'did you mean "welcome/person"?'),
        ("zh/welcome/greeting.wav", studio, "no prompt is called 'welcome/greeting'", "welcome/greeting-12"),
        ("zh/welcome/person.mp3", studio, "is no recording", ".wav"),
        ("fr/welcome/person.wav", studio, "no language's folder", "zh, nan or en"),
    ],
)  # fmt: skip
def test_a_bad_recording_is_named_and_the_good_ones_are_taken(tmp_path, name, make, said, hint) -> None:  # type: ignore[no-untyped-def]
    bad = tmp_path / "in" / name
    bad.parent.mkdir(parents=True)
    make(bad)
    studio(tmp_path / "in" / "zh" / "welcome" / "wait.wav")
    recorded, (fault,) = take(tmp_path / "in", CITY, tmp_path / "out")
    assert str(bad) in fault.message and said in fault.message and hint in fault.hint
    assert list(recorded.by_name) == [("zh", "welcome/wait")]


def test_the_greeting_is_recorded_for_each_line_and_the_dialplans_prompts_by_their_names(tmp_path: Path) -> None:
    names = {(one.language, one.name): one.text for one in recordables(CITY)}
    assert names["zh", "welcome/greeting-12345"] == "您好，晋江市政务服务便民热线，通话将被录音。请说您的诉求。"
    assert "Citizen Service" in names["en", "welcome/greeting-12345"]
    assert ("zh", "recall-intro") in names
    # What says something of the call cannot be recorded.
    assert not any("{" in text for text in names.values())
    assert ("zh", "waiting/tell") not in names


def test_minnan_is_recorded_under_its_own_name(tmp_path: Path) -> None:
    flow = CITY.ivr[0]
    name, prompt = next((n, p) for n, p in flow.prompts.items() if p.zh and "{" not in p.zh)
    spoken = flow.model_copy(update={"prompts": {**flow.prompts, name: prompt.model_copy(update={"nan": "hello-nan"})}})
    city = CITY.model_copy(update={"ivr": (spoken,)})
    studio(tmp_path / "in" / "nan" / "hello-nan.wav")
    recorded, faults = take(tmp_path / "in", city, tmp_path / "out")
    assert not faults and list(recorded.by_name) == [("nan", "hello-nan")]


def test_a_recording_takes_the_place_of_a_spoken_prompt_of_the_dialplan(tmp_path: Path) -> None:
    voice = Typist(tmp_path / "cache")
    file = tmp_path / "recorded.wav"
    write_wav(file, tone("录"), RATE)
    folder = tmp_path / "sounds"
    ensure_prompts({"recall-intro": "请不要挂机。"}, folder, voice, recorded={"recall-intro": file})
    assert voice.spoken == [] and read_wav(folder / "recall-intro.wav").tolist() == read_wav(file).tolist()
    assert ensure_prompts({"recall-intro": "请不要挂机。"}, folder, voice, recorded={"recall-intro": file}) == []
    # The recording was taken away: spoken again.
    ensure_prompts({"recall-intro": "请不要挂机。"}, folder, voice)
    assert voice.spoken == ["请不要挂机。"]


class Typist:
    """In place of the voice: a tone for each text, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.spoken: list[str] = []
        self._folder = folder

    def each_wav8k(self, texts: Iterable[tuple[str, str]]) -> Iterator[Path]:
        return (self.wav8k(*told) for told in texts)

    def wav8k(self, text: str, voice: str = "zf_xiaobei", speed: float = 1.0) -> Path:
        self.spoken.append(text)
        path = self._folder / f"{len(self.spoken)}.wav"
        write_wav(path, tone(text), RATE)
        return path


def test_set_up_speaks_what_is_missing_once(tmp_path: Path) -> None:
    store, voice = SpokenStore(tmp_path / "spoken", "zf_xiaobei"), Typist(tmp_path / "cache")
    first = first_sayings(CITY, {"12345", "119"})
    # All that the first demonstration waits for.
    assert [one.text for one in first] == [
        "您好，晋江市政务服务便民热线，通话将被录音。请说您的诉求。", "请稍候，为您转接话务员。",
        "您好，", "我是晋江市12345热线的语音机器人，", "请问问题解决了吗？解决了请按1，没有解决请按2，也可以直接说。",
        "您对办理结果满意吗？满意请按1，不满意请按2。", "感谢您的评价，再见。",
    ]  # fmt: skip
    # They take the place of what the dialplan says by itself: no more speech than before there were flows.
    before, now = (prompts(CITY, {"12345", "119"}, voiced=voiced) for voiced in (False, True))
    assert now.items() < before.items()
    said = [*now.values(), *(one.text for one in first)]
    assert sum(map(seconds, said)) < 1.1 * sum(map(seconds, before.values()))
    assert ensure_spoken(first, store, voice) == len(first)  # type: ignore[arg-type]
    assert ensure_spoken(first, store, voice) == 0  # type: ignore[arg-type]
    every = sayings(CITY)
    assert ensure_spoken(every, store, voice) == len(every) - len(first)  # type: ignore[arg-type]
    listed = rows(CITY, take(tmp_path / "none", CITY, tmp_path / "taken")[0], store)
    states = {row.state for row in listed if row.name.startswith("welcome/") and "{" not in row.text}
    assert states == {"spoken"}


def test_the_list_says_what_can_be_heard(tmp_path: Path) -> None:
    store = SpokenStore(tmp_path / "spoken", "zf_xiaobei")
    studio(tmp_path / "in" / NAME, length_s=2)
    recorded, _ = take(tmp_path / "in", CITY, tmp_path / "out")
    store.put("请稍候。", "zh", tone("请稍候。"))
    listed = {(row.language, row.name): row for row in rows(CITY, recorded, store)}
    assert listed["zh", "welcome/person"].state == "recorded"
    assert listed["zh", "welcome/person"].length_s == pytest.approx(2.5, abs=0.15)
    # The same words in another flow.
    assert listed["zh", "progress/person"].state == "recorded"
    assert listed["zh", "welcome/wait"].state == "spoken"
    assert listed["zh", "welcome/menu"].state == "missing" and listed["en", "welcome/wait"].state == "missing"
    there, _, wanted = listed["zh", "waiting/tell"].state.partition("/")
    assert there == "0" and int(wanted) > 60


def test_a_studio_gets_every_text_once_under_the_name_that_is_found_again(tmp_path: Path) -> None:
    count = export_texts(CITY, tmp_path / "studio")
    with (tmp_path / "studio" / TEXTS).open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == count
    assert len({(row["语言"], row["文本"]) for row in table}) == count
    for row in table[::9]:
        studio(tmp_path / "back" / row["文件名"], rate=16_000)
    recorded, faults = take(tmp_path / "back", CITY, tmp_path / "out")
    assert not faults and len(recorded.by_name) == len(table[::9])


def test_the_command_tells_a_bad_recording_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    city = tmp_path / "city"
    shutil.copytree(JINJIANG, city)
    monkeypatch.setenv("HEYI_CITY", str(city))
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "var"))
    studio(city / "sounds" / NAME)
    good = CliRunner().invoke(app, ["ivr", "sounds"])
    assert good.exit_code == 0 and "recorded  zh" in good.stdout
    only = CliRunner().invoke(app, ["ivr", "sounds", "--missing"])
    assert only.exit_code == 0 and "recorded  zh" not in only.stdout and "missing" in only.stdout
    (city / "sounds" / "zh" / "nobody.wav").write_bytes(b"x")
    bad = CliRunner().invoke(app, ["ivr", "sounds"])
    assert bad.exit_code == 1 and "nobody.wav" in bad.output
