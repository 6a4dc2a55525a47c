"""What is different between two texts, line by line, as a page shows it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Sign = Literal["+", "−", " ", "…"]


@dataclass(frozen=True)
class DiffLine:
    """One line: its numbers before and after (None on the side that has it not). ``…`` stands for lines left out."""

    sign: Sign
    old: int | None
    new: int | None
    text: str


def diff(before: str, after: str, around: int = 3) -> list[DiffLine]:
    """The changed lines with ``around`` lines beside them; empty where nothing is different."""
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return [] if before == after else [DiffLine("+", None, len(new), "（仅行末换行不同）")]
    made: list[DiffLine] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(around):
        if made or group[0][1] > 0:
            made.append(DiffLine("…", None, None, ""))
        for step, i1, i2, j1, j2 in group:
            made += _lines(step, old, new, (i1, i2), (j1, j2))
    if made and made[-1].old != len(old) and made[-1].new != len(new):
        made.append(DiffLine("…", None, None, ""))
    return made


def _lines(
    step: str, old: Sequence[str], new: Sequence[str], was: tuple[int, int], now: tuple[int, int]
) -> Iterator[DiffLine]:
    if step == "equal":
        for i, j in zip(range(*was), range(*now), strict=True):
            yield DiffLine(" ", i + 1, j + 1, old[i])
        return
    for i in range(*was):
        yield DiffLine("−", i + 1, None, old[i])
    for j in range(*now):
        yield DiffLine("+", None, j + 1, new[j])


def merged(base: str, theirs: str, mine: str) -> str | None:
    """Both changes of ``base`` together; None where they touch the same lines, or lines side by side."""
    made = _changes(base, theirs)
    for change in _changes(base, mine):
        if change in made:
            continue  # both did the same
        if any(change[0] <= other[1] and other[0] <= change[1] for other in made):
            return None
        made.append(change)
    lines = base.splitlines(keepends=True)
    for start, end, new in sorted(made, reverse=True):
        lines[start:end] = new
    return "".join(lines)


def _changes(before: str, after: str) -> list[tuple[int, int, list[str]]]:
    """First line, the one after the last, and what stands there now; lines as they are counted by lists."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(i1, i2, new[j1:j2]) for step, i1, i2, j1, j2 in steps if step != "equal"]


def counts(lines: Sequence[DiffLine]) -> tuple[int, int]:
    """Lines that came and that went."""
    return sum(line.sign == "+" for line in lines), sum(line.sign == "−" for line in lines)
