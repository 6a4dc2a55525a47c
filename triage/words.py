"""Find many fixed words in a short text in one pass, and the spelling that all matching is done in."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

#: Full-width letters, digits and the ideographic space to ASCII, capitals to small: positions stay the same.
_PLAIN = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20}
_PLAIN |= {ord(c): ord(c.lower()) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_PLAIN |= {0xFF21 + i: ord("a") + i for i in range(26)}
#: Chinese sentence marks stay themselves: clauses are cut at them.
for _mark in "，！？；：":
    _PLAIN.pop(ord(_mark))


def plain(text: str) -> str:
    """``text`` in the spelling of the rules: half width, small letters, same length."""
    return text.translate(_PLAIN)


class Lexicon(Generic[T]):
    """Words with something attached to each; ``find`` yields every occurrence of every word."""

    def __init__(self, words: Iterable[tuple[str, T]]) -> None:
        known = list(words)
        self._by_first: dict[str, list[tuple[str, T]]] = {}
        #: By the first two characters, those of one character among them: most characters begin many words.
        self._by_two: dict[str, list[tuple[str, T]]] = {word[:2]: [] for word, _ in known if len(word) > 1}
        for word, what in known:
            self._by_first.setdefault(word[0], []).append((word, what))
        for two, beginning in self._by_two.items():
            beginning += [w for w in self._by_first[two[0]] if w[0].startswith(two) or len(w[0]) == 1]
        self._single: dict[str, list[tuple[str, T]]] = {}
        for word, what in known:
            if len(word) == 1:
                self._single.setdefault(word, []).append((word, what))

    def find(self, text: str) -> Iterator[tuple[int, int, T]]:
        """Occurrences as (start, end, what is attached), by start."""
        for start, char in enumerate(text):
            known = self._by_two.get(text[start : start + 2])
            for word, what in self._single.get(char, ()) if known is None else known:
                if text.startswith(word, start):
                    yield start, start + len(word), what
