"""Colours stand in two sheets by the same names, and in no other."""

import re

import pytest

from desk.render import STATIC

LITERAL = re.compile(r"#[0-9a-fA-F]{3,8}\b(?![^{}]*\{)|\brgba?\(")
NAMED = re.compile(r"(--[\w-]+):\s*([^;]+);")


def names(sheet: str) -> dict[str, str]:
    return dict(NAMED.findall((STATIC / sheet).read_text(encoding="utf-8")))


def test_day_and_night_name_the_same_colours() -> None:
    assert names("tokens.css").keys() - names("dark.css").keys() == {"--size"}
    assert names("dark.css").keys() <= names("tokens.css").keys()


@pytest.mark.parametrize("sheet", sorted(file.name for file in STATIC.glob("*.css")))
def test_no_other_sheet_names_a_colour(sheet: str) -> None:
    if sheet in ("tokens.css", "dark.css"):
        return
    text = (STATIC / sheet).read_text(encoding="utf-8")
    # The wallboard, which is always dark, has some names of its own.
    text = re.sub(r"--[\w-]+:\s*#[0-9a-fA-F]{3,8};", "", text) if sheet == "wallboard.css" else text
    assert [found for found in LITERAL.findall(text) if found] == []
