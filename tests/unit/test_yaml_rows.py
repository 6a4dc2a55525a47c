"""Entries of a list changed line by line: what nobody touched stays as it was written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.yamlrows import NotRows, Row, Value, edited, rows

CITY = Path(__file__).parents[2] / "cities" / "jinjiang"
BLOCK = """\
# head

# --- emergency ---
- number: 110
  name: 报警   # said by all
  aliases: [公安, 报警]
- number: 119
  # in between
  name: 消防

# --- service ---
- number: 12345
  name: 便民
# tail
"""
FLOW = "# desks\n- {extension: 1001, name: 一号席, groups: [a, b]}  # window\n- {extension: 1002, name: 二号席}\n"


def all_of(text: str) -> list[Row]:
    return [Row(n, {}) for n in range(len(rows(text)))]


@pytest.mark.parametrize("name", ["lines", "desks", "groups", "modes", "departments", "exchanges"])
def test_nothing_changed_is_the_same_file(name: str) -> None:
    text = (CITY / f"{name}.yaml").read_text("utf-8")
    assert edited(text, all_of(text)) == text


def test_one_key_of_one_entry_is_one_line() -> None:
    changed = all_of(BLOCK)
    changed[1] = Row(1, {"name": "消防救援", "number": "119"})
    assert edited(BLOCK, changed) == BLOCK.replace("name: 消防\n", "name: 消防救援\n")
    changed[1] = Row(1, {"number": "1190"})
    assert edited(BLOCK, changed) == BLOCK.replace("number: 119\n", "number: 1190\n")


def test_a_key_comes_and_goes() -> None:
    changed = all_of(BLOCK)
    changed[0] = Row(0, {"aliases": (), "target_s": "10"})
    assert "  name: 报警   # said by all\n  target_s: 10\n- number: 119" in edited(BLOCK, changed)
    changed[0] = Row(0, {"number": ""})
    assert "- name: 报警   # said by all\n  aliases: [公安, 报警]\n" in edited(BLOCK, changed)


def test_an_entry_goes_and_the_comments_of_the_others_stay() -> None:
    text = edited(BLOCK, [Row(0, {}), Row(2, {})])
    assert "消防" not in text
    assert text == BLOCK.replace("- number: 119\n  # in between\n  name: 消防\n", "")


def test_a_new_entry_stands_at_the_end_in_the_style_of_the_file() -> None:
    new = Row(None, {"number": "96110", "name": "反诈: 专线", "aliases": ("反诈", "a, b")})
    text = edited(BLOCK, [*all_of(BLOCK), new])
    assert text.endswith("  name: 便民\n- number: 96110\n  name: '反诈: 专线'\n  aliases: [反诈, 'a, b']\n# tail\n")
    desk = Row(None, {"extension": "1003", "name": "三号席", "penalty": ""})
    assert edited(FLOW, [*all_of(FLOW), desk]) == FLOW + "- {extension: 1003, name: 三号席}\n"


def test_an_entry_on_one_line_keeps_its_comment() -> None:
    changed = [Row(0, {"groups": ("b",), "auto_answer": "true"}), Row(1, {})]
    first = "- {extension: 1001, name: 一号席, groups: [b], auto_answer: true}  # window\n"
    assert edited(FLOW, changed).splitlines(keepends=True)[1] == first


@pytest.mark.parametrize("text", ["", "# 只有说明\n", "# 说明\n[]\n"])
def test_a_file_without_entries_takes_its_first(text: str) -> None:
    made = edited(text, [Row(None, {"key": "minnan", "name": "闽南语席"})])
    assert rows(made) == [{"key": "minnan", "name": "闽南语席"}]
    assert made.startswith("- key") or "说明" in made


@pytest.mark.parametrize(
    "text",
    ["a: b\n", "- a\n- b\n", "[{a: b}]\n", "-\n  a: b\n", "- a: &x b\n", "- {a: {b: c}}\n", "? a\n: b\n"],
)
def test_what_is_no_such_list_is_edited_as_text(text: str) -> None:
    with pytest.raises(NotRows):
        edited(text, [Row(0, {"a": "other"})])


def test_a_hash_inside_a_long_text_is_no_comment() -> None:
    text = "- a: |\n    one\n    # two\n- a: three\n"
    assert edited(text, [Row(0, {"a": "x"}), Row(1, {})]) == "- a: x\n- a: three\n"
    assert edited(text, all_of(text)) == text


_words = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" :#-'\"{}[],&*!|>%@`\\"), max_size=12)
_keys = st.sampled_from(["number", "name", "aliases", "opening", "new"])


@given(
    st.sampled_from(["lines", "desks", "groups"]),
    st.lists(st.tuples(st.integers(0, 15), st.dictionaries(_keys, _words | st.lists(_words, max_size=3).map(tuple)))),
    st.sets(st.integers(0, 15)),
    st.lists(st.dictionaries(_keys, _words.filter(bool), min_size=1), max_size=3),
)
def test_whatever_is_entered_reads_back_and_no_other_line_moves(
    name: str, changes: list[tuple[int, dict[str, object]]], gone: set[int], new: list[dict[str, str]]
) -> None:
    text = (CITY / f"{name}.yaml").read_text("utf-8")
    before = rows(text)
    given_ = {n: values for n, values in changes if n < len(before)}
    wanted = [Row(n, given_.get(n, {})) for n in range(len(before)) if n not in gone]  # type: ignore[arg-type]
    wanted += [Row(None, values) for values in new]
    made = edited(text, wanted)
    after = rows(made)
    assert len(after) == len(wanted)
    for row, found in zip(wanted, after, strict=True):
        old = before[row.origin] if row.origin is not None else {}
        for key in {*old, *row.values}:
            told = row.values.get(key, old.get(key))
            assert found.get(key) == ((list(told) if isinstance(told, tuple) else told) or None)
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert [line for line in made.splitlines() if line.startswith("#")] == comments


# --- comments beside what changes -------------------------------------------------------------------------------------


def changed(text: str, **values: Value) -> str:
    return edited(text, [Row(0, values)])


@pytest.mark.parametrize("comment", ["", "  # 换过", "  # see {c}", " # a # b", "  # 一个 } 在里面"])
def test_a_comment_beside_a_row_stays(comment: str) -> None:
    assert changed(f"- {{a: x, b: y}}{comment}\n", a="z") == f"- {{a: z, b: y}}{comment}\n"
    assert changed(f'- {{a: "x #1", b: y}}{comment}\n', b="z") == f"- {{a: 'x #1', b: z}}{comment}\n"
    assert changed(f"- {{a: x,\n   b: y}}{comment}\n", a="z") == f"- {{a: z, b: y}}{comment}\n"
    assert changed(f"- a: x{comment}\n  b: y\n", a="z") == f"- a: z{comment}\n  b: y\n"
    assert changed(f"- a: x\n  b: 'y #1'{comment}\n", b="z") == f"- a: x\n  b: z{comment}\n"


@pytest.mark.parametrize("text", ["- {a: x,  # 原因\n   b: y}\n", "- {a: x,\n   # 原因\n   b: y}  # 行末\n"])
def test_a_comment_within_a_row_is_not_lost(text: str) -> None:
    with pytest.raises(NotRows, match="a comment within") as refused:
        changed(text, a="z")
    assert text.splitlines()[refused.value.line - 1].count("# 原因") == 1
    assert changed(text, a="x") == text, "what is not changed stays as it is"
    assert edited(text, [Row(0, {}), Row(None, {"a": "n"})]).startswith(text)
