"""Character errors, numbers, places, intervals, manifests, and a run over labelled sound without a model."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from asr.measure.evaluate import evaluate
from asr.measure.manifest import read_manifest
from asr.measure.score import (
    Errors,
    comparable,
    errors,
    interval,
    numbers_right,
    phones_right,
    place_names,
    reduction,
    says,
)
from asr.recognition import Capabilities, Effort, NameCandidate, NameHeard, Pcm, Recognition
from asr.record import transcribe
from core.errors import HeyiError
from tests.unit.asr_support import LoudIsSpeech, loudness, silence, speech


@pytest.mark.parametrize(
    ("label", "heard", "wrong"),
    [
        ("我家着火了", "我家着火了。", (0, 0, 0)),
        ("我家着火了", "我家这火了", (1, 0, 0)),
        ("我家着火了", "家着火了", (0, 1, 0)),
        ("我家着火了", "我我家着火了", (0, 0, 1)),
        ("我家電話壞了", "我家电话坏了", (0, 0, 0)),
        ("三十七吨，二楼", "37吨 2楼", (0, 0, 0)),
        ("打幺幺零", "打110", (0, 0, 0)),
        ("KTV门口", "ktv门口！", (0, 0, 0)),
        ("下午三点半", "下午3:30", (0, 0, 0)),
        ("", "谢谢", (0, 0, 2)),
        ("你好", "", (0, 2, 0)),
    ],
)
def test_errors_of_one_text(label: str, heard: str, wrong: tuple[int, int, int]) -> None:
    found = errors(label, heard)
    assert (found.substituted, found.deleted, found.inserted) == wrong
    assert found.characters == len(comparable(label))


def test_errors_add_up_and_are_a_share_of_the_label() -> None:
    total = errors("我家着火了", "我家这火") + errors("你好", "你好")
    assert total == Errors(1, 1, 0, 7)
    assert total.rate == pytest.approx(2 / 7)
    assert errors("", "谢谢").rate == 0.0


@given(st.text(max_size=30))
def test_a_text_has_no_error_against_itself(text: str) -> None:
    assert errors(text, text).count == 0
    assert comparable(comparable(text)) == comparable(text)


@given(st.text(alphabet="你好着火了一二十8，", max_size=12), st.text(alphabet="你好着火了一二十8，", max_size=12))
def test_errors_never_exceed_the_longer_text(label: str, heard: str) -> None:
    assert errors(label, heard).count <= max(len(comparable(label)), len(comparable(heard)))


@pytest.mark.parametrize(
    ("label", "heard", "right"),
    [
        ("电话13859501234", "电话13859501234", (1, 1)),
        ("电话幺三八五九五零幺二三四", "电话138，5950，1234。", (1, 1)),
        ("电话13859501234", "电话1385950123", (0, 1)),
        ("电话13859501234", "电话113859501234", (0, 1)),
        ("电话13859501234", "电话138595012341", (0, 1)),
        ("电话13859501234", "电话13859501235", (0, 1)),
        ("电话13859501234", "电话要三八五九五零幺二三四", (0, 1)),
        ("座机0595-85661234", "座机零五九五，八五六六一二三四", (1, 1)),
        ("三楼着火", "3楼着火", (0, 0)),
    ],
)
def test_a_telephone_number_is_right_or_wrong_as_a_whole(label: str, heard: str, right: tuple[int, int]) -> None:
    assert phones_right(label, heard) == right
    if right[1]:
        assert numbers_right(label, heard) == right


def test_numbers_stand_where_they_belong() -> None:
    assert numbers_right("十二楼一共三十七个人", "12楼一共36个人") == (1, 2)
    assert numbers_right("三百块", "3百块") == (1, 1)
    assert numbers_right("等一下", "等1下") == (0, 0)


@pytest.mark.parametrize(
    ("place", "label", "names"),
    [
        ("池店镇溪头村", "气往外喷，旁边是幼儿园，池店溪头", ("池店", "溪头")),
        ("陈埭镇霞村", "二楼女工还在车间，霞村鞋面厂", ("霞村",)),
        ("梅岭街道岭山社区", "岭山社区", ("岭山",)),
        ("龙湖镇埔锦村路口", "龙湖埔锦路口", ("龙湖", "埔锦")),
        ("安海镇", "在安海这边", ("安海",)),
        ("安海镇", "在镇上", ()),
        ("世纪大道", "世纪大道这里", ("世纪大道",)),
        ("", "我家着火了", ()),
    ],
)
def test_names_of_a_place_that_the_speaker_says(place: str, label: str, names: tuple[str, ...]) -> None:
    assert place_names(place, label) == names
    assert says(names, label)


def test_an_interval_holds_its_rate_and_is_the_same_each_time() -> None:
    parts = [Errors(n % 3, 0, 0, 10) for n in range(60)]
    found = interval(parts)
    assert found.low < found.rate < found.high
    assert found.rate == pytest.approx(0.1)
    assert found == interval(parts)
    assert interval([]) == interval([Errors(0, 0, 3, 0)])


def test_reduction_is_paired_by_file() -> None:
    before = [Errors(n % 4, 0, 0, 10) for n in range(40)]
    halved = reduction(before, [Errors(0, 0, 0, 10)] * 40)
    assert (halved.rate, halved.low, halved.high) == (1.0, 1.0, 1.0)
    same = reduction(before, before)
    assert (same.rate, same.low, same.high) == (0.0, 0.0, 0.0)


def recorded(path: Path, *parts: Pcm) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.concatenate(parts).astype("<i2").tobytes())
    return path


def test_a_manifest_gives_its_rows_and_names_each_broken_line(tmp_path: Path) -> None:
    recorded(tmp_path / "a.wav", speech(1))
    recorded(tmp_path / "b.wav", speech(1))
    lines = [
        "file\ttext\tplace\tcode",
        'a.wav\t他说"着火了\t池店镇\tE1',
        "",
        "gone.wav\t你好\t",
        "\t没有名字\t",
        "a.wav\t再来\t",
    ]
    (tmp_path / "m.tsv").write_text("\ufeff" + "\n".join([*lines, "b.wav", "b.wav\t\t"]) + "\n", encoding="utf-8")
    rows, broken = read_manifest(tmp_path / "m.tsv")
    assert [(row.file, row.text, row.place, row.voice) for row in rows] == [
        ("a.wav", '他说"着火了', "池店镇", ""),
        ("b.wav", "", "", ""),
    ]
    assert [(fault.line, fault.file) for fault in broken] == [(4, "gone.wav"), (5, ""), (6, "a.wav"), (7, "b.wav")]
    assert "gone.wav is not there" in str(broken[0])


@pytest.mark.parametrize(
    ("content", "says_so"),
    [
        (None, "there is no manifest"),
        (b"file,text\n", "no column"),
        (b"", "no column"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, content: bytes | None, says_so: str) -> None:
    path = tmp_path / "m.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HeyiError, match=says_so):
        read_manifest(path)


class Loud:
    """Writes the loudness of what it hears, in an engine's own way."""

    name = "loud"
    capabilities = Capabilities(streaming=False, word_times=False, languages=("zh",))

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        raw = {4000: "我在吃点", 5000: "着货,"}[loudness(pcm)]
        return Recognition(raw, raw, 0.5)


class Better:
    def improve(self, recognition: Recognition, effort: Effort) -> Recognition:
        offered = (NameCandidate("溪口村", "池店镇", "溪口村", 0.5), NameCandidate("溪头村", "池店镇", "溪头村", 0.4))
        text = recognition.text.replace("吃点", "池店").replace("着货,", "着火。")
        return Recognition(text, recognition.raw, 0.5, names=(NameHeard(0, 1, "", "unsure", offered),))


def test_a_run_scores_both_texts_and_a_bad_file_takes_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "Hearing", LoudIsSpeech)
    recorded(tmp_path / "a.wav", speech(1, 4000), silence(2), speech(1, 5000), silence(1))
    recorded(tmp_path / "quiet.wav", silence(2))
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    head, quiet = "file\ttext\tplace\tvoice", "quiet.wav\t\t\t"
    lines = [head, "a.wav\t我在池店溪头，着火\t池店镇溪头村\tv1", "bad.wav\t你好\t\t", quiet]
    manifest = tmp_path / "m.tsv"
    manifest.write_text("\n".join(lines), encoding="utf-8")
    rows, broken = read_manifest(manifest)
    steps: list[None] = []
    report = evaluate(manifest, rows, broken, Loud(), Better(), done=lambda: steps.append(None))
    assert len(steps) == 3
    assert [(fault.line, fault.file) for fault in report.broken] == [(3, "bad.wav")]
    plain = report.to_dict()
    assert (plain["files"], plain["cer"]["raw"]["rate"], plain["cer"]["text"]["rate"]) == (2, 0.625, 0.25)
    assert plain["cer_reduction"]["rate"] == 0.6
    assert plain["places"] == {"raw": {"right": 0, "of": 1}, "text": {"right": 0, "of": 1}}
    assert plain["places_first"] == {"right": 0, "of": 1}
    assert plain["places_among_three"] == {"right": 1, "of": 1}
    assert plain["silent"]["text"] == {"right": 1, "of": 1}
    assert plain["by_voice"] == {"v1": {"characters": 8, "raw": 0.625, "text": 0.25}}
    assert plain["seconds"] == pytest.approx(7)
    assert plain["rss_mb"] > 10
    assert json.loads(json.dumps(plain)) == plain

    report.write_predictions(tmp_path / "out.jsonl")
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["file"] for line in out] == ["a.wav", "bad.wav", "quiet.wav"]
    assert (out[0]["raw"], out[0]["text"]) == ("我在吃点，着货,", "我在池店，着火。")
    assert "error" in out[1] and out[2]["text"] == ""
    with (tmp_path / "shown.txt").open("w", encoding="utf-8") as file:
        Console(file=file, width=120).print(report)
    shown = (tmp_path / "shown.txt").read_text(encoding="utf-8")
    assert "62.5%" in shown and "25.0%" in shown and "100.0% (1/1)" in shown


def test_a_run_over_nothing_is_still_a_report(tmp_path: Path) -> None:
    report = evaluate(tmp_path / "m.tsv", [], [], Loud(), None)
    assert report.to_dict()["files"] == 0
    with (tmp_path / "shown.txt").open("w") as file:
        Console(file=file, width=100).print(report)
    assert "m.tsv: 0 files" in (tmp_path / "shown.txt").read_text()
