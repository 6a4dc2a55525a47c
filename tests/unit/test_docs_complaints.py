"""The table of complaints: every test that it names exists, and no complaint is without one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "complaints.md"
#: The table's rows, without its head: number, complaint, what heyi does, tests.
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("|")
][2:]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([^`]+)`", row[3])})


@cache
def defined_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_complaint_has_its_row_its_source_and_a_test() -> None:
    assert [int(row[0]) for row in ROWS if row[0]] == list(range(1, 18))
    for number, complaint, done, tests in ROWS:
        assert re.search(r"#\d+", complaint) and done and "::test_" in tests, (number, complaint)


@pytest.mark.parametrize("name", NAMED)
def test_the_test_that_is_named_exists(name: str) -> None:
    path, function = name.split("::")
    assert function.startswith("test_") and function in defined_in(ROOT / "tests" / path)
