"""The learner on written messages: what is held out, what is refused."""

import gzip
from pathlib import Path

import pytest

from core.errors import HeyiError
from triage.measure.written import FOLDS, bench_written, read_messages

TOPICS = {"供水": ("自来水", "水压", "水管", "停水", "水表"), "教育": ("学校", "老师", "补课", "入学", "学费")}
OPENINGS = ("请问", "反映", "投诉", "希望", "建议", "本人", "家里", "小区", "昨天", "最近")


def messages() -> list[tuple[str, str]]:
    return [
        (label, f"{opening}一下第{number}处{word}的问题，{word}一直没有人来处理")
        for label, words in TOPICS.items()
        for number, opening in enumerate(OPENINGS)
        for word in words
    ]


def write(path: Path, rows: list[tuple[str, str]], header: str = "label\ttext") -> Path:
    text = header + "\n" + "".join(f"{label}\t{text}\n" for label, text in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_what_can_be_learned_is_learned(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    report = bench_written(
        write(tmp_path / "m.tsv.gz", messages(), "label\ttext_segmented"), lambda *at: told.append(at)
    )
    assert (report.messages, report.folds) == (100, FOLDS)
    assert report.macro_f1 == 1.0
    assert report.f1 == {"供水": 1.0, "教育": 1.0}
    assert told[-1] == ("cross-validating", FOLDS, FOLDS)


def test_labels_that_the_text_does_not_tell_are_not_learned(tmp_path: Path) -> None:
    """A message never teaches its own label: with labels by turns nothing is left but chance."""
    rows = [("甲" if at % 2 else "乙", text) for at, (_, text) in enumerate(messages())]
    report = bench_written(write(tmp_path / "m.tsv", rows))
    assert report.macro_f1 < 0.75
    assert report.goal > report.macro_f1


def test_messages_that_begin_alike_are_held_out_together(tmp_path: Path) -> None:
    """Each text comes twice, labelled by its own number: to know one from the other would be to look it up."""
    rows = [(str(number % 5), f"第{number * 7919}号来信，编号{number * 104729}") for number in range(60)]
    report = bench_written(write(tmp_path / "m.tsv", rows * 2))
    assert report.accuracy < 0.5


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        ([("供水", "停水了")], "topic\ttext", "header lacks label or text"),
        ([("供水", "停水了"), ("", "没有水")], "label\ttext", "row 3: label or text is empty"),
        ([("供水", "停水了"), ("供水", "没有水")], "label\ttext", "two labels"),
    ],
)
def test_wrong_file(tmp_path: Path, rows: list[tuple[str, str]], header: str, says: str) -> None:
    with pytest.raises(HeyiError, match=says):
        read_messages(write(tmp_path / "bad.tsv", rows, header))


def test_absent_or_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="cannot be read"):
        read_messages(tmp_path / "none.tsv.gz")
    (tmp_path / "plain.tsv.gz").write_text("label\ttext\n", encoding="utf-8")
    with pytest.raises(HeyiError, match="cannot be read"):
        read_messages(tmp_path / "plain.tsv.gz")
