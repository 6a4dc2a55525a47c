"""``heyi quality eval``: what it reads, counts, writes and refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import HeyiError
from heyi.cli import app
from quality.measure import Score, evaluate, read_marked
from tests.unit.quality_support import GOOD, NUMBER, checks
from tests.unit.triage_support import small_city, small_judge

HELDOUT = Path(__file__).parents[2] / "quality" / "heldout" / "dialogues.jsonl"
CORPUS = Path(__file__).parents[2] / "quality" / "corpus"


def row(name: str, turns: tuple[str, ...], violations: list[str], **marks: bool) -> str:
    qa = {
        "greeting": True, "closing": True, "address_confirmed": True, "phone_confirmed": True, "polite": True,
        "violations": violations, **marks,
    }  # fmt: skip
    said = [{"who": turn[0], "text": turn[2:], "gap_s": 0.5} for turn in turns]
    return json.dumps({"id": name, "line": "12345", "caller_number": NUMBER, "turns": said, "qa": qa}) + "\n"


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    path = tmp_path / "marked.jsonl"
    rude = (*GOOD[:8], "A 行了，催什么催。")
    path.write_text(
        row("good", GOOD, []) + row("rude", rude, ["态度生硬", "无结束语", "推诿"], closing=False, polite=False),
        encoding="utf-8",
    )
    return path


def test_counts_by_check_and_by_violation(marked: Path) -> None:
    report = evaluate(marked, small_city(), checks(), small_judge(), progress=False)
    assert report.done["closing"] == Score(1, 0, 0, 1)
    assert report.lacking["polite"] == Score(1, 0, 0, 1)
    assert report.violations == Score(2, 0, 1)
    assert report.by_violation["推诿"] == Score(0, 0, 1, 1)
    assert report.calls_with_any.f1 == 1.0


def test_the_command_prints_json_and_writes_a_line_for_each_dialogue(
    marked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEYI_CITY", str(Path(__file__).parents[2] / "cities" / "jinjiang"))
    out = tmp_path / "out.jsonl"
    told = CliRunner().invoke(
        app, ["quality", "eval", str(marked), "--rules-only", "--json", "--predictions", str(out)]
    )
    assert told.exit_code == 0
    assert json.loads(told.stdout)["checks"]["greeting"]["done"]["f1"] == 1.0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["good", "rude"]
    assert set(lines[1]["checks"]) == {
        "greeting", "closing", "address_confirmed", "phone_confirmed", "polite", "violations",
    }  # fmt: skip
    assert lines[0]["checks"]["violations"] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no dialogues"),
        ("{", "line 1"),
        ('{"id": "x", "line": "110"}', "'turns' is missing"),
        ('{"id": "x", "line": "110", "turns": [{"who": "B", "text": ""}]}', "line 1: a turn is"),
        ('{"id": "x", "line": "110", "turns": [], "qa": {"polite": 1}}', "qa.polite is 1"),
        ('{"id": "x", "line": "110", "turns": [], "qa": {"violations": "无"}}', "no list"),
        ("[]", "line 1"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HeyiError, match=told):
        read_marked(path)


def test_the_held_out_calls_share_no_long_words_with_the_corpus() -> None:
    def grams(paths: list[Path]) -> set[str]:
        texts = [
            turn.text for path in paths for one in read_marked(path) for turn in one.call.turns if turn.who == "caller"
        ]
        return {text[i : i + 18] for text in texts for i in range(len(text) - 17)}

    assert not grams([HELDOUT]) & grams(sorted(CORPUS.glob("*.jsonl")))
    assert len(read_marked(HELDOUT)) >= 50
