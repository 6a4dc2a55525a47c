"""What is different between two texts, line by line, as a page shows it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

#: Lines on both sides, multiplied, up to which the least difference is looked for: its cost grows with their cube.
#: Beyond it lines that stand everywhere are passed over, which may show more as changed than need be.
EXACT = 250_000

Step = tuple[str, int, int, int, int]
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
    for group in _grouped(_steps(old, new), around):
        if made or group[0][1] > 0:
            made.append(DiffLine("…", None, None, ""))
        for step, i1, i2, j1, j2 in group:
            made += _lines(step, old, new, (i1, i2), (j1, j2))
    if made and made[-1].old != len(old) and made[-1].new != len(new):
        made.append(DiffLine("…", None, None, ""))
    return made


def _steps(old: Sequence[str], new: Sequence[str]) -> list[Step]:
    """What :class:`SequenceMatcher` calls opcodes, of all lines; what is alike at both ends is never searched."""
    head = next(
        (n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    most = min(len(old), len(new)) - head
    backwards = zip(reversed(old), reversed(new), strict=False)
    tail = min(next((n for n, pair in enumerate(backwards) if pair[0] != pair[1]), most), most)
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    matcher = SequenceMatcher(None, left, right, autojunk=len(left) * len(right) > EXACT)
    steps: list[Step] = [("equal", 0, head, 0, head)] if head else []
    steps += [(step, i1 + head, i2 + head, j1 + head, j2 + head) for step, i1, i2, j1, j2 in matcher.get_opcodes()]
    if tail:
        steps.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return steps


def _grouped(steps: Sequence[Step], around: int) -> Iterator[list[Step]]:
    """The steps with at most ``around`` equal lines on each side, in groups that stand apart."""
    group: list[Step] = []
    for place, (step, i1, i2, j1, j2) in enumerate(steps):
        if step != "equal":
            group.append((step, i1, i2, j1, j2))
            continue
        before, after = place > 0, place < len(steps) - 1
        if not (before and after and i2 - i1 <= 2 * around):
            if before:
                end = min(i2 - i1, around)
                yield [*group, ("equal", i1, i1 + end, j1, j1 + end)]
            group = []
            if after:
                start = min(i2 - i1, around)
                group = [("equal", i2 - start, i2, j2 - start, j2)]
            continue
        group.append((step, i1, i2, j1, j2))
    if any(step != "equal" for step, *_ in group):
        yield group


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
    return [(i1, i2, new[j1:j2]) for step, i1, i2, j1, j2 in _steps(old, new) if step != "equal"]


def counts(lines: Sequence[DiffLine]) -> tuple[int, int]:
    """Lines that came and that went."""
    return sum(line.sign == "+" for line in lines), sum(line.sign == "−" for line in lines)
