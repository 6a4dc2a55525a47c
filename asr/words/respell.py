"""Other ways to write what was heard: the same sounds, or near ones, as characters that the hotline's model expects.

Recognition writes 着火 as 找火 and 护栏 as 后来. A lattice holds for each character those that sound like it and that
were seen beside a likewise possible neighbour; a beam search with the model of :mod:`asr.words.charmodel` walks it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.words.charmodel import BEGIN, END, CharModel, plain
from asr.words.confusion import Sounds
from asr.words.sounds import is_han

#: Pairs of the corpus seen less often say nothing.
_LEAST_PAIR = 1.5
#: What one character, and two neighbours together, may differ by in sound.
_ONE, _TWO = 4.0, 6.0
_BEAM = 12


@dataclass(frozen=True)
class Edit:
    """Characters ``start`` to ``end`` of a text written as ``text``, which is as long."""

    start: int
    end: int
    text: str
    #: How much likelier the model holds the whole text with it, natural logarithm.
    gain: float
    #: What the sounds differ by, see :mod:`asr.words.confusion`.
    cost: float


class Respeller:
    """For one model; not for several threads at once."""

    def __init__(self, model: CharModel, weight: float = 1.0) -> None:
        """``weight``: of sound against the model. Only characters that the model has seen beside others are written."""
        self._model = model
        self._weight = weight
        self._after: dict[str, set[str]] = defaultdict(set)
        for first, second, times in model.pairs():
            if times >= _LEAST_PAIR and is_han(first) and is_han(second):
                self._after[first].add(second)
        known = sorted(self._after.keys() | {char for after in self._after.values() for char in after})
        self._sounds = Sounds(known)
        # Every reading of every character, side by side.
        readings = [(char, number) for char in known for number in self._sounds.readings(char)]
        self._owners = [char for char, _ in readings]
        self._numbers = np.array([number for _, number in readings], np.intp)
        self._near: dict[int, dict[str, float]] = {}

    def edits(self, text: str, keep: Sequence[tuple[int, int]] = ()) -> list[Edit]:
        """Changes of ``text`` that the model likes, in order, none touching another; none in the stretches ``keep``."""
        choices = self._lattice(text)
        for start, end in keep:
            choices[start:end] = [{char: 0.0} for char in text[start:end]]
        path = self._walk(choices)
        found: list[Edit] = []
        at = 0
        while at < len(text):
            if path[at] == text[at]:
                at += 1
                continue
            end = at
            while end < len(text) and path[end] != text[end]:
                end += 1
            new = path[at:end]
            cost = sum(choices[i][path[i]] for i in range(at, end))
            changed = text[:at] + new + text[end:]
            found.append(Edit(at, end, new, self._model.score(changed) - self._model.score(text), cost))
            at = end
        return found

    def _lattice(self, text: str) -> list[dict[str, float]]:
        """For each place of ``text`` the characters that may stand there, each with what its sound differs by."""
        near = [self._alike(number) if number else {} for number in self._sounds.read(text)]
        choices: list[dict[str, float]] = [{char: 0.0} for char in text]
        for at in range(len(text) - 1):
            ones, twos = {text[at]: 0.0} | near[at], {text[at + 1]: 0.0} | near[at + 1]
            if not (near[at] and near[at + 1]):
                continue
            for one, cost in ones.items():
                for two in self._after.get(one, set()) & twos.keys():
                    if cost + twos[two] <= _TWO:
                        choices[at].setdefault(one, cost)
                        choices[at + 1].setdefault(two, twos[two])
        return choices

    def _alike(self, number: int) -> dict[str, float]:
        found = self._near.get(number)
        if found is None:
            costs = self._sounds.costs()[number][self._numbers]
            found = self._near[number] = {}
            for at in np.flatnonzero(costs <= _ONE):
                char, cost = self._owners[at], float(costs[at])
                found[char] = min(cost, found.get(char, cost))
        return found

    def _walk(self, choices: list[dict[str, float]]) -> str:
        """The likeliest way through."""
        beam: list[tuple[float, str, str]] = [(0.0, "", BEGIN)]
        for place in choices:
            chars = list(place)
            if not chars[0].isalnum():
                # Marks stand in the text and not in the model.
                beam = [(worth, written + chars[0], history) for worth, written, history in beam]
                continue
            seen = [plain(char) for char in chars]
            gains = self._model.among(seen)
            costs = [self._weight * cost for cost in place.values()]
            grown: dict[str, tuple[float, str, str]] = {}
            for worth, written, history in beam:
                for char, sign, gain, cost in zip(chars, seen, gains(history), costs, strict=True):
                    after = (history + sign)[-(self._model.order - 1) :]
                    total = worth + gain - cost
                    if after not in grown or grown[after][0] < total:
                        grown[after] = (total, written + char, after)
            beam = sorted(grown.values(), reverse=True)[:_BEAM]
        return max((worth + self._model.log(history, END), written) for worth, written, history in beam)[1]
