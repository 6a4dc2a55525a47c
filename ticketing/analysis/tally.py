"""Callers counted by cell and by stretch of time: what :mod:`ticketing.analysis.rising` judges. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ticketing.analysis.facts import Fact
from ticketing.analysis.pattern import ALL, Pattern, pattern

Ints = NDArray[np.int64]
#: What is watched: a group of matters in a community, in a town, in the whole city; a category; a word.
Kind = Literal["community", "town", "group", "category", "word"]
#: The last 24 hours, the last seven days.
Window = Literal["day", "week"]
HOURS: Mapping[Window, int] = {"day": 24, "week": 168}


@dataclass(frozen=True, order=True)
class Cell:
    """One count that is watched; what does not belong to its kind is empty."""

    kind: Kind
    town: str = ""
    community: str = ""
    #: Of a group, of a category.
    code: str = ""
    word: str = ""

    @property
    def key(self) -> str:
        return "|".join((self.kind, self.town, self.community, self.code, self.word))


@dataclass(frozen=True)
class Pool:
    """Cells of one kind and group, which are alike enough to learn from each other."""

    kind: Kind
    group: str


WORDS = Pool("word", ALL)


@dataclass(frozen=True)
class Tally:
    """``counts[i, 0]`` is the window now, ``counts[i, 1:]`` the stretches of the past before it, the latest first."""

    window: Window
    cells: Sequence[Cell]
    pools: Sequence[Pool]
    counts: NDArray[np.float64]
    #: By group: share of the past that the window would have, and that each stretch of the past has (sums to 1).
    expected: Mapping[str, float]
    shares: Mapping[str, NDArray[np.float64]]
    #: Cells of a pool that nobody has called about in all this time.
    silent: Mapping[Pool, int]


def cells_of(fact: Fact) -> list[tuple[Cell, Pool]]:
    """The cells that a fact counts in, besides those of its words."""
    found = [
        (Cell("group", code=fact.group), Pool("group", ALL)),
        (Cell("category", code=fact.code), Pool("category", ALL)),
    ]
    spot = fact.spot
    if spot.town:
        found.append((Cell("town", spot.town, code=fact.group), Pool("town", fact.group)))
        if spot.community:
            cell = Cell("community", spot.town, spot.community, code=fact.group)
            found.append((cell, Pool("community", fact.group)))
    return found


def tallies(
    facts: Sequence[Fact],
    end: int,
    weeks: int,
    kind: Callable[[date], tuple[int, bool]],
    places: Mapping[Kind, int],
    watched: Callable[[Fact], bool] = lambda _fact: True,
) -> dict[Window, Tally]:
    """Counts of the last 24 hours and of the last seven days before ``end`` (hours), beside the ``weeks`` before these.

    A caller counts once in a cell and a stretch of time: who rings ten times is one who rings. ``places``: how many
    communities and towns the city has. The past of both windows is the same, so that a day does not hide behind the
    rising week that it belongs to. Tickets older than the first are no past: it begins with the first one.
    """
    seen = [fact for fact in facts if fact.hour < end and watched(fact)]
    hours_of = np.asarray([fact.hour for fact in seen], dtype=np.int64)
    past_end = end - HOURS["week"]
    first = int(hours_of.min()) if len(seen) else past_end
    begin = max(past_end - weeks * HOURS["week"], min(first - first % 24, past_end))
    usual = pattern(seen, begin, past_end, kind)
    holidays = {day for day in range(begin // 24, past_end // 24 + 1) if kind(date.fromordinal(day))[1]}
    holiday = np.isin(hours_of // 24, np.asarray(sorted(holidays), dtype=np.int64))
    cells, pools, row, of = _rows(seen)
    who = _numbered([fact.caller or fact.id for fact in seen])
    found: dict[Window, Tally] = {}
    for window, hours in HOURS.items():
        stretches = -(-(past_end - begin) // hours)
        now, past = hours_of >= end - hours, (hours_of >= begin) & (hours_of < past_end) & ~holiday
        at = np.where(now, 0, 1 + (past_end - 1 - hours_of) // hours)
        counted = (now | past)[of]
        place = row[counted] * (stretches + 1) + at[of[counted]]
        callers = np.unique(np.stack([place, who[of[counted]]]), axis=1)[0]
        counts = np.bincount(callers, minlength=len(cells) * (stretches + 1)).astype(np.float64)
        counts = counts.reshape(len(cells), stretches + 1)
        found[window] = Tally(
            window,
            cells,
            pools,
            counts,
            {group: usual.share(group, end - hours, end) for group in usual.weights},
            {group: _shares(usual, group, past_end, stretches, hours) for group in usual.weights},
            _silent(cells, pools, places, counts),
        )
    return found


def _numbered(names: Sequence[str]) -> Ints:
    numbers: dict[str, int] = {}
    return np.asarray([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _rows(facts: Sequence[Fact]) -> tuple[list[Cell], list[Pool], Ints, Ints]:
    """All cells with their pools, and every pair of a cell's row and a fact's place that counts in it."""
    cells: dict[Cell, int] = {}
    pools: list[Pool] = []
    known: dict[tuple[str, str, str], list[int]] = {}
    words: dict[str, int] = {}

    def row_of(cell: Cell, pool: Pool) -> int:
        row = cells.setdefault(cell, len(cells))
        if row == len(pools):
            pools.append(pool)
        return row

    rows: list[int] = []
    of: list[int] = []
    for place, fact in enumerate(facts):
        which = (fact.spot.town, fact.spot.community, fact.code)
        mine = known.get(which)
        if mine is None:
            mine = known[which] = [row_of(cell, pool) for cell, pool in cells_of(fact)]
        rows += mine
        for word in fact.words:
            row = words.get(word)
            if row is None:
                row = words[word] = row_of(Cell("word", word=word), WORDS)
            rows.append(row)
        of += [place] * (len(mine) + len(fact.words))
    return list(cells), pools, np.asarray(rows, dtype=np.int64), np.asarray(of, dtype=np.int64)


def group_of(cell: Cell, groups: Collection[str]) -> str:
    """By whose weekdays and hours a cell goes."""
    if cell.kind == "category":
        return max((group for group in groups if group and cell.code.startswith(group)), key=len, default=ALL)
    return cell.code if cell.code in groups else ALL


def _shares(usual: Pattern, group: str, past_end: int, stretches: int, hours: int) -> NDArray[np.float64]:
    shares = [
        usual.share(group, past_end - (at + 1) * hours, past_end - at * hours, past=True) for at in range(stretches)
    ]
    return np.asarray(shares, dtype=np.float64)


def _silent(
    cells: Sequence[Cell], pools: Sequence[Pool], places: Mapping[Kind, int], counts: NDArray[np.float64]
) -> dict[Pool, int]:
    there = Counter(pools)
    silent = {pool: max(0, places[pool.kind] - count) for pool, count in there.items() if pool.kind in places}
    if WORDS in there:
        # As many words are still unheard as were heard once (Good 1953).
        once = counts[:, 1:].sum(axis=1) == 1
        silent[WORDS] = sum(cell.kind == "word" and bool(one) for cell, one in zip(cells, once, strict=True))
    return silent
