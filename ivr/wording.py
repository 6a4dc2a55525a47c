"""A prompt in pieces: where its text may be cut so that each piece can be spoken by itself. Pure.

Cut is at punctuation only, where a speaker pauses anyway: a stretch without slots is one piece, and a clause with slots
is one. Where such a clause is not on the shelf as a whole it may be put together of parts: what stands before its
slots, the values, and what stands behind (:func:`tokens`).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from core.city_ivr import slots
from core.speaking import Language, seconds
from ivr.readings import spoken

#: Ends of clauses, as the two languages write them. A colon between figures is a time of day.
_CLAUSE_ZH = re.compile(r"[^，。！？；：]*[，。！？；：]+|[^，。！？；：]+$")
_CLAUSE_EN = re.compile(r"\S.*?[,.!?;:]+(?=\s|$)|\S.*$")
_SENTENCE_ZH = re.compile(r"[^。！？；]*[。！？；]+|[^。！？；]+$")
_SENTENCE_EN = re.compile(r"\S.*?[.!?;]+(?=\s|$)|\S.*$")
_SLOT = re.compile(r"\{[^{}]*\}")
#: Marks that may close a piece.
MARKS = "，。！？；：、,.!?;: "
#: Beyond this one piece is cut at its clauses, so that its first words come soon.
_LONG_S = 8.0


@dataclass(frozen=True)
class Piece:
    """``text`` is what is said, its closing mark included. Where it holds values: what stands ``before`` the first,
    the ``values`` with what is between them, and what stands ``behind`` the last."""

    text: str
    before: str = ""
    values: str = ""
    behind: str = ""


def pieces(template: str, text: str, language: Language) -> tuple[Piece, ...]:
    """``text``, which is ``template`` with its slots filled, as pieces in their order.

    Values that hold whole sentences (answers, announcements) are pieces of sentences.
    """
    runs: list[tuple[str, bool]] = []
    for clause in (_CLAUSE_EN if language == "en" else _CLAUSE_ZH).findall(template):
        holds = bool(slots(clause))
        if runs and not holds and not runs[-1][1]:
            runs[-1] = (runs[-1][0] + (" " if language == "en" else "") + clause, False)
        else:
            runs.append((clause, holds))
    space = r"\s*" if language == "en" else ""
    found = re.fullmatch(space.join(_pattern(run) for run, _ in runs) + space, text, re.DOTALL)
    if found is None:
        return tuple(Piece(one) for one in sentences(text, language))
    made: list[Piece] = []
    groups = iter(found.groups())
    for run, holds in runs:
        whole = next(groups)
        if not holds:
            made += [Piece(one) for one in _short(whole, language)]
            continue
        values = next(groups)
        parts = sentences(whole, language)
        if len(parts) > 1 or seconds(whole, language) > _LONG_S:
            made += [Piece(one) for one in parts]
        else:
            made.append(Piece(whole, run[: run.index("{")], values, run[run.rindex("}") + 1 :]))
    return tuple(piece for piece in made if piece.text.strip(MARKS))


def sentences(text: str, language: Language) -> list[str]:
    """The sentences of ``text``; a long one as its clauses."""
    found = (_SENTENCE_EN if language == "en" else _SENTENCE_ZH).findall(text)
    return [part for one in found if one.strip(MARKS) for part in _short(one, language)]


def clauses(piece: Piece, language: Language) -> tuple[Piece, ...]:
    """The clauses of a piece that has several, for values whose clauses recur (已转城管局，预计11月25日前办结)."""
    found = [one for one in (_CLAUSE_EN if language == "en" else _CLAUSE_ZH).findall(piece.text) if one.strip(MARKS)]
    return tuple(Piece(one) for one in found) if len(found) > 1 else ()


def tokens(piece: Piece, known: Collection[str]) -> tuple[str, ...]:
    """The piece as words of ``known`` with what stands before and behind; empty where they do not suffice.

    Words are taken as they are read aloud (车牌号闽C12345 → 车牌号, 闽, C, 幺, 二, 三, 四, 五), the longest first.
    """
    if not piece.values or any(c.isdigit() for c in piece.before + piece.behind):
        return ()
    behind = piece.behind.rstrip(MARKS)
    read = spoken(piece.text).rstrip(MARKS)
    if not (read.startswith(piece.before) and read.endswith(behind)):
        return ()
    left = read[len(piece.before) : len(read) - len(behind)]
    words: list[str] = []
    longest = max(map(len, known), default=0)
    while left:
        word = next((left[:n] for n in range(min(longest, len(left)), 0, -1) if left[:n] in known), "")
        if not word:
            return ()
        words.append(word)
        left = left[len(word) :].lstrip("，")
    return tuple(word for word in (piece.before.rstrip(MARKS), *words, behind) if word)


def _pattern(run: str) -> str:
    if not slots(run):
        return f"({re.escape(run)})"
    first, last = run.index("{"), run.rindex("}") + 1
    between = ".*?".join(re.escape(part) for part in _SLOT.split(run[first:last]))
    return f"({re.escape(run[:first])}({between}){re.escape(run[last:])})"


def _short(text: str, language: Language) -> list[str]:
    text = text.strip()
    if seconds(text, language) <= _LONG_S:
        return [text]
    made: list[str] = []
    for clause in (_CLAUSE_EN if language == "en" else _CLAUSE_ZH).findall(text):
        joined = f"{made[-1]}{' ' if language == 'en' else ''}{clause}" if made else ""
        if made and seconds(joined, language) <= _LONG_S:
            made[-1] = joined
        else:
            made.append(clause)
    return made
