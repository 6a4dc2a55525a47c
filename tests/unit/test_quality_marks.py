"""Calls with marked sentences: their form, and the examples that are taken from them."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import HeyiError
from quality.checks import examples
from quality.checks.examples import CORPUS, agent_examples, reply_examples
from quality.checks.marks import FINE, NOT_IN_WORDS, read_calls

_TURNS = [
    {"who": "A", "text": "您好，12345，请讲。"},
    {"who": "C", "text": "我反映一下路灯不亮。"},
    {"who": "A", "text": "请您稍等一下。这个灯您找装的人去问。好不好？"},
    {"who": "C", "text": "那我到底要找哪一个？"},
    {"who": "A", "text": "祝您生活愉快，再见。"},
]
_MARK = {"turn": 2, "words": "这个灯您找装的人去问。", "violation": "推诿"}


def row(violations: list[str], *marks: dict[str, Any]) -> dict[str, Any]:
    return {"id": "x01", "turns": _TURNS, "qa": {"violations": violations}, "marks": list(marks)}


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus folder of its own, with no list and no other call."""
    monkeypatch.setattr(examples, "CORPUS", tmp_path / "own")
    monkeypatch.setattr(examples, "CALLS", tmp_path)
    monkeypatch.setattr(examples, "SENTENCES", tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "reply.txt").write_text("[推诿] 一\n我都跑断腿了\n", encoding="utf-8")
    (tmp_path / "dialogues-service.jsonl").write_text("", encoding="utf-8")
    return tmp_path / "own" / "calls.jsonl"


def write(path: Path, *rows: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows), encoding="utf-8")


def test_a_marked_sentence_is_an_example_and_the_others_of_its_call_are_fine(corpus: Path) -> None:
    write(corpus, row(["推诿", "无结束语"], _MARK))
    told = {e.text: e.label for e in agent_examples()}
    assert told == {
        "您好，12345，请讲。": FINE, "请您稍等一下。": FINE, "这个灯您找装的人去问。": "推诿", "好不好？": FINE,
        "祝您生活愉快，再见。": FINE,
    }  # fmt: skip


def test_where_a_violation_is_not_marked_only_the_marked_sentences_are_known(corpus: Path) -> None:
    write(corpus, row(["推诿", "态度生硬"], _MARK))
    assert [(e.label, e.text) for e in agent_examples()] == [("推诿", _MARK["words"])]
    assert [e.text for e in reply_examples()] == ["我都跑断腿了", "那我到底要找哪一个？"]


def test_a_call_with_violations_and_no_marks_teaches_nothing(corpus: Path) -> None:
    write(corpus, row(["推诿"]))
    assert agent_examples() == []
    assert [e.text for e in reply_examples()] == ["我都跑断腿了"]


def test_a_sentence_marked_as_what_is_no_wording_is_no_example(corpus: Path) -> None:
    write(corpus, row(["未安抚"], {**_MARK, "violation": "未安抚"}))
    assert _MARK["words"] not in {e.text for e in agent_examples()}


def test_the_caller_after_a_marked_turn_answers_it(corpus: Path) -> None:
    write(corpus, row(["推诿"], _MARK))
    assert ("推诿", "那我到底要找哪一个？") in {(e.label, e.text) for e in reply_examples()}


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ({"turn": 1}, "line 2: marks: turn 1 is none of the call taker's"),
        ({"turn": 9}, "line 2: marks: turn 9"),
        ({"words": "您去问他。"}, "line 2: marks: '您去问他。' is not said"),
        ({"words": ""}, "line 2: marks: '' is not said"),
        ({"violation": "态度生硬"}, "line 2: marks: 态度生硬 is not among"),
    ],
)
def test_a_mark_that_fits_nothing_is_refused_with_file_and_line(
    tmp_path: Path, mark: dict[str, Any], told: str
) -> None:
    path = tmp_path / "calls.jsonl"
    write(path, row(["推诿"], _MARK), row(["推诿"], {**_MARK, **mark}))
    with pytest.raises(HeyiError, match=f"calls.jsonl, {told}"):
        read_calls(path)


def test_what_is_no_call_is_refused_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"id": "x"}\n', encoding="utf-8")
    with pytest.raises(HeyiError, match=r"calls.jsonl, line 1: 'turns' is missing"):
        read_calls(path)


def test_the_corpora_are_read_and_the_marked_ones_mark_each_violation_that_lies_in_words() -> None:
    calls = {path.stem: read_calls(path) for path in sorted(CORPUS.glob("*.jsonl"))}
    for name in ("sixth", "seventh", "eighth"):
        assert len(calls[name]) >= 75
        assert all(call.all_marked for call in calls[name]), name
        assert {m.violation for call in calls[name] for m in call.marks} - NOT_IN_WORDS
    ids = [call.id for of in calls.values() for call in of]
    assert len(ids) == len(set(ids))
