"""Where in a text something sounds like a name, and by how much the name beats what is written.

The score of a name over a stretch is a log likelihood ratio: how likely the name is said there and written so
(:mod:`asr.words.confusion`) against what the stretch is worth as everyday text (:mod:`asr.words.plain`). The dynamic
programme runs over all names at once, one step for each character, so its time grows with the text's length alone. A
community's name may begin where its town's name ends, and is then likelier by as much as the town tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asr.words.confusion import EXTRA, MISSING, Sounds
from asr.words.lexicon import Name
from asr.words.plain import Plain, usual_characters

#: A character that sounds right but is another one than the name's.
_HOMOPHONE = 0.4
#: So many of a text's best are traced back to where they begin.
_LOOKED_AT = 24
#: Worse than anything that can be reached.
_NOTHING = -1e6

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Hit:
    """``name``, behind the name of its town where ``town`` is set, may have been said where ``text[start:end]`` is."""

    name: Name
    town: Name | None
    start: int
    #: Where the town's name ends and ``name`` begins; ``start`` where no town is said.
    middle: int
    end: int
    #: Natural logarithm: how much likelier the name is than the text as it stands.
    score: float
    #: What the sounds differ by, in all.
    cost: float
    #: The most that one character differs by, where each stands for one of the name's; else :data:`EXTRA`.
    worst: float

    @property
    def text(self) -> str:
        """What should be written there."""
        return (self.town.text if self.town else "") + self.name.text


class _Block:
    """Names in one matrix: row i has the i-th syllable of every name, the longest names first, so that rows shrink."""

    def __init__(self, names: Sequence[Name], readings: Mapping[str, list[int]]) -> None:
        self.names = sorted(names, key=lambda name: -len(name.sound))
        lengths = [len(name.sound) for name in self.names]
        self.rows = lengths[0] if lengths else 0
        self._wide = [sum(length > row for length in lengths) for row in range(self.rows)]
        self._syllables = [np.zeros(wide, np.intp) for wide in self._wide]
        self._chars = [np.zeros(wide, np.uint32) for wide in self._wide]
        for n, name in enumerate(self.names):
            for row, (sound, char) in enumerate(zip(readings[name.sound], name.sound, strict=True)):
                self._syllables[row][n] = sound
                self._chars[row][n] = ord(char)
        #: Names that end in each row.
        self._ending = [
            slice(self._wide[row + 1] if row + 1 < self.rows else 0, self._wide[row]) for row in range(self.rows)
        ]
        self.priors = np.array([name.prior for name in self.names], np.float32)

    def fresh(self) -> list[Floats]:
        """Before anything was said: row i is the best score of having said i syllables."""
        return [np.full(wide, _NOTHING, np.float32) for wide in (len(self.names), *self._wide)]

    def step(self, last: list[Floats], costs: Floats, char: str, entry: Floats) -> tuple[list[Floats], Floats]:
        """One character on; ``costs`` of hearing it for each syllable, ``entry`` to begin behind it.

        Gives the new rows and for each name the score of ending here.
        """
        now = [entry]
        ends = np.empty(len(self.names), np.float32)
        for row in range(self.rows):
            wide = self._wide[row]
            differ = costs[self._syllables[row]]
            differ += _HOMOPHONE * (self._chars[row] != ord(char))
            made = last[row][:wide] - differ
            np.maximum(made, last[row + 1] - EXTRA, out=made)
            # A name whose first syllable is missing begins with the second: behind the last character, as all do.
            np.maximum(made, now[row][:wide] - MISSING, out=made)
            now.append(made)
            ends[self._ending[row]] = made[self._ending[row]]
        return now, ends


@dataclass(frozen=True)
class _Heard:
    """One text on its way through the programme."""

    text: str
    sounds: list[int]
    #: For each character the costs of having heard it for each syllable.
    costs: list[list[float]]
    before: list[float]
    #: What was traced back already: names share towns and endings.
    ways: dict[tuple[str, int], list[tuple[int, float]]] = field(default_factory=dict)


class Matcher:
    """All names of a city, ready to be compared with texts."""

    def __init__(self, names: Sequence[Name]) -> None:
        self._sounds = Sounds(usual_characters())
        self._plain = Plain((name.text, name.prior) for name in names)
        self._said = {name.sound: self._sounds.read(name.sound) for name in names}
        self._towns = _Block([name for name in names if name.kind == "town"], self._said)
        self._others = _Block([name for name in names if name.kind != "town"], self._said)
        #: For each other name the towns' names that may come before it, best first; for none a score that never wins.
        places: dict[str, list[int]] = {}
        for n, name in enumerate(self._towns.names):
            places.setdefault(name.spot.town if name.spot else "", []).append(n)
        width = max(map(len, places.values()), default=1)
        #: A row for each town: the numbers of its names, the first again where it has fewer than others.
        self._town_names = np.array(
            [numbers + numbers[:1] * (width - len(numbers)) for numbers in places.values()], np.intp
        ).reshape(len(places), width)
        self._called = {town: [self._towns.names[n] for n in numbers] for town, numbers in places.items()}
        order = {town: i for i, town in enumerate(places)}
        none = len(order)
        self._town_of = np.array(
            [
                order.get(name.spot.town, none) if name.spot and name.following is not None else none
                for name in self._others.names
            ],
            np.intp,
        )
        self._following = np.array(
            [_NOTHING if name.following is None else name.following for name in self._others.names], np.float32
        )
        self._sounds.costs()
        self._rows: dict[int, list[float]] = {}

    def hits(self, text: str, least: float, most: int = 6) -> list[Hit]:
        """Names that beat the written text by ``least``, the best first; for each end at most ``most``."""
        heard = self._sounds.read(text)
        costs = self._sounds.costs()
        before, after = self._plain.weigh(text)
        found: list[tuple[float, int, Name]] = []
        towns, others = self._towns.fresh(), self._others.fresh()
        #: Score of each town as having ended behind each character.
        ended = np.full((len(text) + 1, len(self._town_names) + 1), _NOTHING, np.float32)
        for position, sound in enumerate(heard):
            end, char = position + 1, text[position]
            if sound == 0:
                towns, others = self._towns.fresh(), self._others.fresh()
                towns[0] = self._towns.priors + np.float32(before[end])
                others[0] = self._others.priors + np.float32(before[end])
                continue
            if position == 0:
                towns[0] = self._towns.priors + np.float32(before[0])
                others[0] = self._others.priors + np.float32(before[0])
            row = costs[sound]
            towns, at_town = self._towns.step(towns, row, char, self._towns.priors + np.float32(before[end]))
            ended[end, :-1] = at_town[self._town_names].max(axis=1)
            entry = np.maximum(
                self._others.priors + np.float32(before[end]), self._following + ended[end][self._town_of]
            )
            others, at_other = self._others.step(others, row, char, entry)
            rest = after[end] - before[-1]
            for block, ends in ((self._towns, at_town), (self._others, at_other)):
                best = np.flatnonzero(ends > least - rest)
                if best.size > most:
                    best = best[np.argpartition(-ends[best], most)[:most]]
                found += [(float(ends[n]) + rest, end, block.names[n]) for n in best]
        found.sort(key=lambda hit: -hit[0])
        # Only for the best: a stretch that nothing beats by much is not a name.
        traced = _Heard(text, heard, [self._row(sound) for sound in heard], before)
        return [self._trace(traced, name, end, score) for score, end, name in found[:_LOOKED_AT]]

    def _row(self, sound: int) -> list[float]:
        """One row of the matrix as plain numbers, which are quicker one by one."""
        found = self._rows.get(sound)
        if found is None or len(found) != len(self._sounds.costs()):
            found = self._rows[sound] = self._sounds.costs()[sound].tolist()
        return found

    def _trace(self, heard: _Heard, name: Name, end: int, score: float) -> Hit:
        """Where a name that ends at ``end`` begins, and whether its town stands before it."""
        worth, start, cost = self._begin(heard, name, end)
        town, middle, best = None, start, worth + name.prior
        if name.following is not None and name.spot is not None:
            for between, spent in self._ways_back(heard, name, end):
                for before_it in self._called[name.spot.town]:
                    worth, begin, more = self._begin(heard, before_it, between)
                    worth += before_it.prior + name.following - spent
                    if worth > best:
                        best, town, start, middle, cost = worth, before_it, begin, between, spent + more
        parts = (town.sound, name.sound) if town else (name.sound,)
        return Hit(name, town, start, middle, end, score, cost, self._worst(heard, start, end, parts))

    def _begin(self, heard: _Heard, name: Name, end: int) -> tuple[float, int, float]:
        """The best beginning of ``name`` before ``end``: what it is worth without prior, its place, its cost."""
        best = (_NOTHING, end, 0.0)
        for start, cost in self._ways_back(heard, name, end):
            if heard.before[start] - cost > best[0]:
                best = (heard.before[start] - cost, start, cost)
        return best

    def _ways_back(self, heard: _Heard, name: Name, end: int) -> list[tuple[int, float]]:
        """Every place where ``name`` may begin when it ends at ``end``, with the cost; two characters more at most."""
        sound = name.sound
        known = heard.ways.get((sound, end))
        if known is not None:
            return known
        said = [(number, char) for number, char in zip(self._said[sound], sound, strict=True)][::-1]
        # row[i]: cheapest way to have said the last i syllables from here to the end.
        row = [MISSING * i for i in range(len(said) + 1)]
        made: list[tuple[int, float]] = []
        for at in range(end - 1, max(end - len(said) - 3, -1), -1):
            if heard.sounds[at] == 0:
                break
            costs, char = heard.costs[at], heard.text[at]
            left = row[0] + EXTRA
            new = [left]
            for i, (number, wanted) in enumerate(said):
                through = row[i] + costs[number] + (_HOMOPHONE if char != wanted else 0.0)
                left = min(through, row[i + 1] + EXTRA, left + MISSING)
                new.append(left)
            row = new
            made.append((at, left))
        heard.ways[sound, end] = made
        return made

    def _worst(self, heard: _Heard, start: int, end: int, parts: Sequence[str]) -> float:
        sound, said = "".join(parts), [number for part in parts for number in self._said[part]]
        if end - start != len(sound):
            return EXTRA
        pairs = zip(heard.text[start:end], heard.costs[start:end], sound, said, strict=True)
        return max(costs[number] + (_HOMOPHONE if char != wanted else 0.0) for char, costs, wanted, number in pairs)
