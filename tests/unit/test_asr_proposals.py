"""Words that corrections propose, and the small table in which the accepted ones are kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.record.proposals import proposals, readings
from asr.words import overlay
from core.errors import HeyiError


def changes(*pairs: tuple[str, str]) -> list[tuple[str, str, str, str]]:
    return [(f"u{n}", f"c{n}", before, after) for n, (before, after) in enumerate(pairs)]


def proposed(*pairs: tuple[str, str], decided: tuple[tuple[str, str], ...] = ()) -> list[tuple[str, str, int]]:
    return [(p.wrong, p.right, p.count) for p in proposals(changes(*pairs), decided)]


ONE, TWO = ("我在华州村那边", "我在华洲村那边"), ("就是华州村的人", "就是华洲村的人")


def test_the_word_is_what_both_sentences_have_in_common() -> None:
    assert proposed(ONE, TWO) == [("华州村", "华洲村", 2)]
    assert proposals(changes(ONE, TWO))[0].seen == (("u0", "c0"), ("u1", "c1"))


def test_once_is_not_enough_and_one_character_alone_is_no_word() -> None:
    assert proposed(ONE) == []
    assert proposed(("甲州乙", "甲洲乙"), ("丙州丁", "丙洲丁")) == []


def test_marks_end_a_word_and_additions_are_none() -> None:
    assert proposed(("吃点，有火", "池店，有火"), ("吃点，有人", "池店，有人")) == [("吃点", "池店", 2)]
    assert proposed(("火", "着火"), ("火了", "着火了")) == []
    assert proposed(("着着火了", "着火了"), ("着着火吗", "着火吗")) == []


def test_a_word_that_comes_in_more_sentences_is_proposed_once() -> None:
    assert proposed(ONE, TWO, ("华州的", "华洲的")) == [("华州", "华洲", 3)]


def test_two_words_of_one_sentence_are_two_proposals() -> None:
    first, second = ("吃点镇很远的华州村", "池店镇很远的华洲村"), ("去吃点镇", "去池店镇")
    assert proposed(first, second, ("找华州村", "找华洲村")) == [("华州村", "华洲村", 2), ("吃点镇", "池店镇", 2)]


def test_what_somebody_decided_about_is_not_proposed_again() -> None:
    assert proposed(ONE, TWO, decided=(("华州", "华洲"),)) == []
    # The same characters of another word are.
    others = (("福州路口", "福洲路口"), ("到福州路", "到福洲路"))
    assert proposed(ONE, TWO, *others, decided=(("华州村", "华洲村"),)) == [("福州路", "福洲路", 2)]


@given(st.text("甲乙丙，1", max_size=12), st.text("甲乙丙，1", max_size=12))
def test_every_reading_stands_in_its_sentence(before: str, after: str) -> None:
    for pairs in readings(before, after):
        for wrong, right in pairs:
            assert wrong in before and right in after and wrong != right
            assert wrong.isalnum() and right.isalnum() and len(wrong) >= 2 and len(right) >= 2


def test_the_table_of_words_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "data" / overlay.FILE
    assert overlay.read(file) == []
    words = [overlay.Word("吃点镇", "池店镇", "landmark"), overlay.Word("", "公积金", "term")]
    overlay.write(file, words)
    assert overlay.read(file) == words
    assert [path.name for path in file.parent.iterdir()] == [overlay.FILE]


@pytest.mark.parametrize("line", ["池店镇", "a\t\tterm", "a\tb\tcity", "a\tb\tterm\tmore"])
def test_a_broken_line_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / overlay.FILE
    file.write_text(f"wrong\tright\tkind\n\n{line}\n", encoding="utf-8")
    with pytest.raises(HeyiError, match=r"lexicon\.tsv:3"):
        overlay.read(file)
