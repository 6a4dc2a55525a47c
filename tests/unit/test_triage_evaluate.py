"""The measurement: its figures on a file whose answers are known."""

import json
from pathlib import Path

import pytest

from core.errors import HeyiError
from tests.unit.triage_support import small_city, small_judge
from triage.evaluate import COLUMNS, evaluate, place_found, wilson
from triage.verdict import Place

ROWS = (
    ("1", "119", "三楼着火了，华洲村", "1", "E101", "池店镇华洲村", "", "求助", "plain"),
    ("2", "供电", "停电了，坑边村，深沪的，电话13859501234", "0", "S0105", "深沪镇坑边村", "13859501234", "求助", ""),
    ("3", "12345", "他拿着刀追人砍", "1", "E501", "", "", "求助", "wrong_line,noplace"),
    ("4", "12345", "那个那个", "1", "E508", "", "", "求助", "covert"),
    ("5", "12345", "有人没有呼吸了", "0", "S0103", "安海镇石头村", "", "投诉", "hardneg"),
    ("6", "没有这条线", "路灯坏了", "0", "S0103", "池店;华洲", "", "求助", ""),
)  # fmt: skip


def write(path: Path, rows: tuple[tuple[str, ...], ...] = ROWS, header: tuple[str, ...] = COLUMNS) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in (header, *rows)), encoding="utf-8")
    return path


def test_figures(tmp_path: Path) -> None:
    report = evaluate(write(tmp_path / "six.tsv"), small_city(), small_judge(), progress=False)
    assert (report.recall.hits, report.recall.of) == (2, 3)
    assert (report.false_alarms.hits, report.false_alarms.of) == (1, 3)
    assert report.hard_negatives_alarmed.share == 1.0
    assert (report.missed_as_service.hits, report.missed_as_service.of) == (1, 3)
    assert report.recall_per_code["E508"].share == 0.0
    assert (report.l2.hits, report.l2.of) == (4, 6)
    assert (report.place_found.hits, report.place_found.of) == (2, 4)
    assert report.phone.share == 1.0
    assert report.phone_invented.hits == 0
    assert report.unknown_lines == ("没有这条线",)
    assert 0 < report.latency_ms_p50 <= report.latency_ms_p95
    level = report.at_false_alarms[-1]
    assert (level.recall.hits, level.threshold > EMERGENCY_OF_ROW_5) == (0, True)


#: p of 有人没有呼吸了 is at least this: nothing below may pass when no false alarm is allowed.
EMERGENCY_OF_ROW_5 = 0.9


def test_report_is_plain_json_and_predictions_have_a_line_per_row(tmp_path: Path) -> None:
    report = evaluate(write(tmp_path / "six.tsv"), small_city(), small_judge(), progress=False)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["recall"]["of"] == 3
    assert "predictions" not in data
    out = tmp_path / "out.jsonl"
    report.write_predictions(out)
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["1", "2", "3", "4", "5", "6"]
    assert set(lines[0]) == {
        "id", "p_emergency", "outcome", "suggest_transfer", "codes", "nature", "place", "place_mentions", "phone",
        "reasons",
    }  # fmt: skip
    assert lines[1]["phone"] == "13859501234"


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (0, 0, 0, 1)]
)
def test_wilson(hits: int, of: int, low: float, high: float) -> None:
    rate = wilson(hits, of)
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=2e-4)


def test_place_found() -> None:
    place = Place(canonical="池店镇华洲村市场", town="池店镇", community="华洲村", mention="池店花州", score=0.9)
    assert place_found("池店镇华洲村", [place])
    assert place_found("池店镇华洲村路口", [place])
    assert place_found("池店;市场", [place])
    assert not place_found("池店;小学", [place])
    assert not place_found("池店镇新店村", [place])
    assert not place_found("池店镇", [])


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        (ROWS, COLUMNS[:-1], "header lacks tags"),
        ((), COLUMNS, "no rows"),
        ((("1", "119", "x", "maybe", "", "", "", "", ""),), COLUMNS, "line 2: is_emergency"),
    ],
)
def test_wrong_file(tmp_path: Path, rows: tuple[tuple[str, ...], ...], header: tuple[str, ...], says: str) -> None:
    with pytest.raises(HeyiError, match=says):
        evaluate(write(tmp_path / "bad.tsv", rows, header), small_city(), small_judge(), progress=False)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="cannot be read"):
        evaluate(tmp_path / "none.tsv", small_city(), small_judge(), progress=False)
