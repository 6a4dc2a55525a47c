"""The commands that measure: what they print and write, and how they refuse."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asr.measure.manifest import Broken, Row
from asr.measure.report import Report, Scored
from core.errors import HeyiError
from heyi.cli import app

HEADER = "id\tline\ttext\tis_emergency\tcode\tplace\tphone\tnature\ttags\n"
DIALOGUE = {
    "id": "one", "line": "12345", "turns": [{"who": "A", "text": "您好"}, {"who": "C", "text": "三楼着火了"}],
    "gold": {"is_emergency": True, "becomes_emergency_at_turn": None, "code": "E101"},
}  # fmt: skip


def hears(text: str) -> Callable[..., Report]:
    """An engine that hears the same in every sound."""

    def recognise(
        manifest: Path, rows: Sequence[Row], broken: Sequence[Broken], engine: object, words: object,
        done: Callable[[], None],
    ) -> Report:  # fmt: skip
        scored = tuple(Scored(row, text, text, 1.0, 0.1, 0.0) for row in rows)
        return Report(str(manifest), "fake", False, scored, tuple(broken), 0.0, 0.0)

    return recognise


@pytest.fixture
def city(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYI_CITY", str(Path(__file__).parents[2] / "cities" / "jinjiang"))


@pytest.mark.usefixtures("city")
def test_eval_prints_json_and_writes_predictions(tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text(HEADER + "r1\t119\t三楼着火了\t1\tE101\t\t\t求助\tplain\n", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    told = CliRunner().invoke(
        app,
        ["triage", "eval", str(tmp_path / "one.tsv"), "--rules-only", "--asr", "--json", "--predictions", str(out)],
    )
    assert told.exit_code == 0
    data = json.loads(told.stdout)
    assert (data["recall"]["hits"], data["recognised"], data["model"]) == (1, True, "")
    assert json.loads(out.read_text(encoding="utf-8"))["id"] == "r1"


@pytest.mark.usefixtures("city")
def test_with_asr_the_sounds_of_the_table_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label's text tells nothing, what the engine hears does."""
    (tmp_path / "call.wav").write_bytes(b"sound")
    table = tmp_path / "manifest.tsv"
    table.write_text("file\ttext\tis_emergency\ncall.wav\t喂\t1\n", encoding="utf-8")
    monkeypatch.setattr("heyi.triage_eval_command.models.require", lambda name, cache: tmp_path)
    monkeypatch.setattr("heyi.triage_eval_command.load_engine", lambda name, folder, threads: None)
    monkeypatch.setattr("heyi.triage_eval_command.improver_of", lambda settings, city, engine: None)
    monkeypatch.setattr("heyi.triage_eval_command.recognise", hears("三楼着火了"))
    args = ["triage", "eval", str(table), "--rules-only", "--json"]
    assert json.loads(CliRunner().invoke(app, args).stdout)["recall"]["hits"] == 0
    assert json.loads(CliRunner().invoke(app, [*args, "--asr"]).stdout)["recall"]["hits"] == 1
    (tmp_path / "call.wav").unlink()
    told = CliRunner().invoke(app, [*args, "--asr"])
    assert isinstance(told.exception, HeyiError)
    assert "line 2: call.wav is not there" in str(told.exception)


@pytest.mark.usefixtures("city")
def test_eval_dialogues_prints_json_and_writes_predictions(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps(DIALOGUE, ensure_ascii=False), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    told = CliRunner().invoke(
        app,
        ["triage", "eval-dialogues", str(tmp_path / "one.jsonl"), "--rules-only", "--json", "--predictions", str(out)],
    )
    assert told.exit_code == 0
    data = json.loads(told.stdout)
    assert (data["found"]["hits"], data["characters_until_alert"]["p50"]) == (1, 4)
    assert "pairs" in data["incidents"]
    assert json.loads(out.read_text(encoding="utf-8"))["alert"]["turn"] == 1


@pytest.mark.usefixtures("city")
def test_the_report_for_people_goes_to_standard_output(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps(DIALOGUE, ensure_ascii=False), encoding="utf-8")
    told = CliRunner().invoke(app, ["triage", "eval-dialogues", str(tmp_path / "one.jsonl"), "--rules-only"])
    assert told.exit_code == 0
    assert "emergencies found by words" in told.stdout


@pytest.mark.usefixtures("city")
def test_predictions_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps(DIALOGUE, ensure_ascii=False), encoding="utf-8")
    args = ["triage", "eval-dialogues", str(tmp_path / "one.jsonl"), "--rules-only", "--predictions", str(tmp_path)]
    told = CliRunner().invoke(app, args)
    assert isinstance(told.exception, HeyiError)
    assert "cannot be written" in str(told.exception)


def test_bench_written(tmp_path: Path) -> None:
    lines = [
        f"{label}\t第{n}封来信说{word}的事情\n" for n in range(20) for label, word in (("水", "水管"), ("路", "路灯"))
    ]
    (tmp_path / "m.tsv").write_text("label\ttext\n" + "".join(lines), encoding="utf-8")
    told = CliRunner().invoke(app, ["triage", "bench-written", str(tmp_path / "m.tsv"), "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout)["macro_f1"] == 1.0
    missing = CliRunner().invoke(app, ["triage", "bench-written", str(tmp_path / "none.tsv")])
    assert isinstance(missing.exception, HeyiError)
    assert "none.tsv" in str(missing.exception)
