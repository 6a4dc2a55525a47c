"""The page of pictures: every page of the bar is on it, and what it shows is there."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from desk.navigation import LINKS

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def made() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(DOCS / "pictures" / "screens.py")))


def test_every_page_that_a_bar_leads_to_has_a_picture(made: SimpleNamespace) -> None:
    # The wallboard and the call taker's page are taken by acts of their own.
    shown = {screen.path.partition("?")[0] for group in made.SCREENS.values() for screen in group} | {"/wallboard"}
    assert {link.path for link in LINKS} - shown == set()


def test_the_page_is_the_one_that_the_script_writes_and_its_pictures_are_there(made: SimpleNamespace) -> None:
    written = (DOCS / "screens.md").read_text("utf-8")
    assert written == made.gallery()
    pictures = re.findall(r"!\[\]\((pictures/[\w.-]+)\)", written)
    assert len(pictures) > len(made.SCREENS)
    assert [name for name in pictures if not (DOCS / name).is_file()] == []
