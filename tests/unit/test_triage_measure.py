"""The measurement: its figures on a file whose answers are known."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from core.errors import HeyiError
from tests.unit.triage_support import small_city, small_judge
from triage.measure.rates import found, macro_f1, spread, wilson
from triage.measure.report import Report
from triage.measure.rows import COLUMNS
from triage.measure.slots import name_right, part_found, place_found
from triage.measure.utterances import evaluate
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


def test_more_figures(tmp_path: Path) -> None:
    report = evaluate(write(tmp_path / "six.tsv"), small_city(), small_judge(), progress=False)
    # Right codes are of the right kind; of the two wrong ones neither is.
    assert (report.l1.hits, report.l1.of, report.l1_top2.hits) == (4, 6, 4)
    assert {code: r.hits for code, r in report.l2_per_code.items()} == {
        "E101": 1, "E501": 1, "E508": 0, "S0103": 1, "S0105": 1,
    }  # fmt: skip
    assert (report.indirect_covert.hits, report.indirect_covert.of) == (0, 1)
    assert report.false_alarms_per_tag["hardneg"].hits == 1
    assert (report.place.recall.hits, report.place.recall.of, report.place.precision.of) == (2, 4, 2)
    assert report.place.f1 == pytest.approx(2 * 2 / (2 + 4), abs=1e-3)
    assert report.unknown_codes == ()
    assert report.absent_columns == ()
    assert (report.rules_alone.recall.hits, report.rules_alone.threshold) == (2, 0.5)


def test_transfer_suggested(tmp_path: Path) -> None:
    rows = (("1", "110", "路灯坏了，路灯不亮", "0", "S0103", "", "", "", ""),
            ("2", "110", "他拿着刀追人砍", "1", "E501", "", "", "", ""))  # fmt: skip
    report = evaluate(write(tmp_path / "two.tsv", rows), small_city(), small_judge(), progress=False)
    assert (report.transfers_suggested.hits, report.transfers_suggested.of) == (1, 1)
    assert (report.transfers_suggested_wrongly.hits, report.transfers_suggested_wrongly.of) == (0, 1)


def test_what_the_judge_has_seen_before_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 0.004, 1.0, 1.5])
    monkeypatch.setattr("triage.measure.utterances.perf_counter", lambda: next(ticks, 2.0))
    rows = (ROWS[0], ("again", *ROWS[0][1:]))
    report = evaluate(write(tmp_path / "two.tsv", rows), small_city(), small_judge(), progress=False)
    assert (report.latency_ms_p50, report.latency_ms_p95) == (4.0, 4.0)


def test_columns_that_the_file_does_not_have_are_named(tmp_path: Path) -> None:
    path = tmp_path / "short.tsv"
    path.write_text("text\tis_emergency\tcode\n三楼着火了\t1\tE999\n", encoding="utf-8")
    report = evaluate(path, small_city(), small_judge(), progress=False)
    assert report.absent_columns == ("id", "line", "place", "phone", "nature", "tags")
    assert report.unknown_codes == ("E999",)
    assert report.predictions[0]["id"] == "2"
    assert (report.recall.hits, report.phone.of) == (1, 0)
    assert (report.phone_invented.of, report.place_invented.of, report.place.precision.of) == (0, 0, 0)
    assert "by tag" not in shown(report)


def shown(report: Report) -> str:
    out = StringIO()
    Console(file=out, width=120).print(report)
    return out.getvalue()


def test_tables_tell_the_figures(tmp_path: Path) -> None:
    report = evaluate(write(tmp_path / "six.tsv"), small_city(), small_judge(), progress=False, recognised=True)
    for part in ("6 rows, recognised", "place F1", "E508", "hardneg", "没有这条线", "rules alone: recall at ≤ 5%"):
        assert part in shown(report)


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


def test_found_spread_and_macro_f1() -> None:
    both = found(right=2, given=4, labelled=3)
    assert (both.precision.share, both.recall.share, both.f1) == (0.5, 0.6667, 0.5714)
    assert found(0, 0, 0).f1 == 0.0
    quantiles = spread(range(1, 101))
    assert (quantiles.of, quantiles.p50, quantiles.p90, quantiles.p95) == (100, 51, 91, 96)
    assert spread([]).of == 0
    mean, by_class = macro_f1(["a", "a", "b"], ["a", "b", "b"])
    assert by_class == {"a": pytest.approx(2 / 3), "b": pytest.approx(2 / 3)}
    assert mean == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("label", "heard", "right"),
    [
        ("蒲先生", "蒲先生", True), ("关秋霞", "关女士", True), ("蒲先生", "蒲建国", True), ("关秋霞", "关秋月", False),
        ("蒲先生", "戴先生", False), ("蒲先生", "", False), ("", "蒲先生", False), ("关秋霞", "关", False),
    ],
)  # fmt: skip
def test_name_right(label: str, heard: str, right: bool) -> None:
    assert name_right(label, heard) is right


def test_components_may_be_in_several_places_and_sound_alike() -> None:
    village = Place(canonical="池店镇华洲村", town="池店镇", community="华洲村", mention="华洲村", score=0.9)
    road = Place(canonical="世纪大道", town="", community="", mention="世纪大道路口", score=0.9)
    assert place_found("华洲村;世纪大道路口", [village, road])
    assert part_found("花州村", [village])
    assert not part_found("世纪大道", [])
    assert not place_found("华洲村;市场", [village, road])


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
        (ROWS, ("id", "line", "words", *COLUMNS[3:]), "header lacks text"),
        ((*ROWS, (*ROWS[0], "more")), COLUMNS, "row 8: more fields"),
        ((), COLUMNS, "no rows"),
        ((("1", "119", "x", "maybe", "", "", "", "", ""),), COLUMNS, "row 2: is_emergency"),
    ],
)
def test_wrong_file(tmp_path: Path, rows: tuple[tuple[str, ...], ...], header: tuple[str, ...], says: str) -> None:
    with pytest.raises(HeyiError, match=says):
        evaluate(write(tmp_path / "bad.tsv", rows, header), small_city(), small_judge(), progress=False)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="cannot be read"):
        evaluate(tmp_path / "none.tsv", small_city(), small_judge(), progress=False)
