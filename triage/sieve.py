"""Which regular expressions can match a text at all, by the characters that each of them cannot do without.

Five hundred patterns and only a handful that can match: trying those alone takes a tenth of the time.
"""

import re
from collections.abc import Iterator, Sequence
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

#: So many sets of characters are looked at for each unit, the smallest first; more sift hardly finer.
_LAYERS = 3


class Sieve:
    """Units of one or more patterns that must all match; tells which units are worth trying on a text."""

    def __init__(self, units: Sequence[Sequence[re.Pattern[str]]]) -> None:
        everything = (1 << len(units)) - 1
        #: For each layer: the units that ask nothing of it, and by character those that it satisfies.
        self._free = [everything] * _LAYERS
        self._by_char: list[dict[str, int]] = [{} for _ in range(_LAYERS)]
        for number, patterns in enumerate(units):
            asked = [chars for pattern in patterns for chars in needed(pattern)]
            for layer, chars in enumerate(sorted(asked, key=len)[:_LAYERS]):
                self._free[layer] &= ~(1 << number)
                for char in chars:
                    self._by_char[layer][char] = self._by_char[layer].get(char, 0) | 1 << number

    def possible(self, text: str) -> Iterator[int]:
        """Numbers of the units that may match ``text``, ascending; none that does match is left out."""
        chars = set(text)
        left = -1
        for free, by_char in zip(self._free, self._by_char, strict=True):
            met = free
            for char in chars:
                met |= by_char.get(char, 0)
            left &= met
        while left:
            lowest = left & -left
            yield lowest.bit_length() - 1
            left ^= lowest


def needed(pattern: re.Pattern[str]) -> list[frozenset[str]]:
    """Sets of characters of each of which every match of ``pattern`` holds at least one; empty where none is sure."""
    if pattern.flags & re.IGNORECASE:
        return []
    return _of_sequence(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))


def _of_sequence(items: Any) -> list[frozenset[str]]:
    return [chars for kind, value in items for chars in _of_item(kind, value)]


def _of_item(kind: Any, value: Any) -> list[frozenset[str]]:
    if kind is op.LITERAL:
        return [frozenset(chr(value))]
    if kind is op.IN and all(inner is op.LITERAL for inner, _ in value):
        return [frozenset(chr(code) for _, code in value)]
    if kind is op.BRANCH:
        smallest = [min(_of_sequence(branch), key=len, default=None) for branch in value[1]]
        known = [chars for chars in smallest if chars is not None]
        return [frozenset().union(*known)] if len(known) == len(smallest) else []
    if kind is op.SUBPATTERN and not value[1] & re.IGNORECASE:
        return _of_sequence(value[3])
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT) and value[0]:
        return _of_sequence(value[2])
    return []
