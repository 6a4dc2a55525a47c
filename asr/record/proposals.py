"""Words for the city's lexicon, found in what people corrected. Pure.

A correction changes a few characters of a sentence; what the lexicon needs is the whole word. Which characters belong
to it shows when the same is corrected in another sentence: what both have in common around the change is the word.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from rapidfuzz.distance import Levenshtein

#: Characters of a word, wrong or right: one alone says too little to be put right everywhere.
_SHORTEST, _LONGEST = 2, 8
#: Characters on each side of a change that may belong to its word.
_REACH = 3
#: Utterances in which the same must have been corrected.
ENOUGH = 2


@dataclass(frozen=True)
class Proposal:
    """``wrong`` was put right as ``right`` in ``count`` utterances."""

    wrong: str
    right: str
    count: int
    #: Utterances and their calls, as they were given.
    seen: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def readings(before: str, after: str) -> list[frozenset[tuple[str, str]]]:
    """For each change of this correction every pair of words, wrong and right, that it may have been about."""
    found: list[frozenset[tuple[str, str]]] = []
    for a, b, c, d in _changes(before, after):
        left = _letters(before[max(a - _REACH, 0) : a][::-1])
        right = _letters(before[b : b + _REACH])
        pairs = {(before[a - i : b + j], after[c - i : d + j]) for i in range(left + 1) for j in range(right + 1)}
        found.append(frozenset(pair for pair in pairs if all(map(_is_word, pair))))
    return found


def _is_word(text: str) -> bool:
    return _SHORTEST <= len(text) <= _LONGEST and text.isalnum()


def _changes(before: str, after: str) -> list[tuple[int, int, int, int]]:
    """Stretches of both texts that differ, characters aligned; what was only added or left out is none."""
    codes = Levenshtein.opcodes(before, after)
    found = []
    for same, group in groupby(codes, key=lambda code: code.tag == "equal"):
        if same:
            continue
        parts = list(group)
        a, b, c, d = parts[0].src_start, parts[-1].src_end, parts[0].dest_start, parts[-1].dest_end
        if a < b and c < d:
            found.append((a, b, c, d))
    return found


def _letters(text: str) -> int:
    """How many characters of its beginning are letters or figures."""
    return next((place for place, c in enumerate(text) if not c.isalnum()), len(text))


def proposals(changes: Iterable[tuple[str, str, str, str]], decided: Iterable[tuple[str, str]] = ()) -> list[Proposal]:
    """What was corrected in the same way in at least :data:`ENOUGH` utterances, the most frequent first.

    ``changes``: utterance, call, text before and after; one for each utterance. ``decided``: pairs that somebody has
    accepted or refused; the changes that they explain propose nothing any more.
    """
    places: dict[tuple[str, str], dict[tuple[str, int], str]] = {}
    for utterance_id, call_id, before, after in changes:
        for number, pairs in enumerate(readings(before, after)):
            for pair in pairs:
                places.setdefault(pair, {})[utterance_id, number] = call_id
    explained = {place for pair in decided for place in places.pop(pair, ())}
    found: list[Proposal] = []
    # Of those that are equally frequent the longest: it is all that the sentences have in common.
    for pair in sorted(places, key=lambda p: (-len(places[p]), -len(p[0]) - len(p[1]), p)):
        seen = {utterance: call for (utterance, n), call in places[pair].items() if (utterance, n) not in explained}
        if len(seen) >= ENOUGH:
            explained |= places[pair].keys()
            found.append(Proposal(*pair, len(seen), tuple(seen.items())))
    return found
