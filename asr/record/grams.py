"""Text as the search sees it: letters and figures alone, simplified, cut into overlapping pairs of characters. Pure.

Chinese has no spaces to cut at, and most of what is looked for has two characters (噪音, 着火). With every pair of
neighbours as a word, a phrase is a row of pairs that follow each other, whatever its length; a single character is the
beginning of pairs. Marks between characters do not count: who looks for 噪音很大 finds 噪音，很大, too.
"""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from asr.engines.text import simplified

#: What one query may hold: characters of all phrases together.
LONGEST = 60


def _letters(text: str) -> list[tuple[str, int]]:
    """Each character that counts, as it is compared, with the place in ``text`` where it stands."""
    same = simplified(text)
    # A conversion that changed the length would shift the places.
    source = same if len(same) == len(text) else text
    return [
        (letter, place)
        for place, character in enumerate(source)
        for letter in unicodedata.normalize("NFKC", character).casefold()
        if letter.isalnum()
    ]


def searchable(text: str) -> str:
    """``text`` as it is compared: simplified, half-width, lower case, without marks and spaces."""
    return "".join(letter for letter, _ in _letters(text))


def grams(body: str) -> list[str]:
    """The pairs of a :func:`searchable` text, and its last character alone, so that each character begins a word."""
    return [a + b for a, b in pairwise(body)] + list(body[-1:])


def phrases(query: str) -> tuple[str, ...]:
    """What a person typed, as phrases that must all be said in one utterance; spaces and marks part them.

    Marks within figures (138-0013-8000) part nothing.
    """
    joined = "".join(
        "" if mark in "-－–" and before.isdigit() and after.isdigit() else mark
        for before, mark, after in zip(" " + query, query, query[1:] + " ", strict=False)
    )
    parts = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFKC", joined)).split()
    found: list[str] = []
    room = LONGEST
    for part in map(searchable, parts):
        if part[:room] and part[:room] not in found:
            found.append(part[:room])
        room -= len(part[:room])
    return tuple(found)


def marked(text: str, wanted: Sequence[str]) -> list[tuple[str, bool]]:
    """``text`` in pieces, those that say one of the phrases marked; together they are ``text`` again."""
    letters = _letters(text)
    body = "".join(letter for letter, _ in letters)
    lit = [False] * len(text)
    for phrase in filter(None, wanted):
        start = body.find(phrase)
        while start >= 0:
            first, last = letters[start][1], letters[start + len(phrase) - 1][1]
            lit[first : last + 1] = [True] * (last + 1 - first)
            start = body.find(phrase, start + 1)
    pieces: list[tuple[str, bool]] = []
    for character, bright in zip(text, lit, strict=True):
        if pieces and pieces[-1][1] == bright:
            pieces[-1] = (pieces[-1][0] + character, bright)
        else:
            pieces.append((character, bright))
    return pieces
