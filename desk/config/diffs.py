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


def counts(lines: Sequence[DiffLine]) -> tuple[int, int]:
    """Lines that came and that went."""
    return sum(line.sign == "+" for line in lines), sum(line.sign == "−" for line in lines)
