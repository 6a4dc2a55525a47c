"""Chinese by its sound: each character becomes one symbol for its syllable, alike-sounding syllables folded.

Recognition writes homophones and callers speak with an accent; compared by these symbols both still match.
"""

from functools import lru_cache
from itertools import count

from pypinyin import Style, lazy_pinyin

#: Private-use code points: one for each folded syllable, in order of first use.
_FIRST = 0xE000
_next = count(_FIRST)
_symbols: dict[str, str] = {}

#: Accents confuse these beginnings of a syllable. ``f`` before ``hu``: 福建 and 湖南 say both for either.
_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))
_F_TO_H = {"fa": "hua", "fan": "huan", "fang": "huang", "fei": "hui", "fen": "hun", "feng": "hong", "fo": "huo",
           "fu": "hu", "fou": "hou"}  # fmt: skip


def fold(syllable: str) -> str:
    """A pinyin syllable without tone, folded: zh/z ch/c sh/s n/l ing/in eng/en f/h."""
    syllable = _F_TO_H.get(syllable, syllable)
    for spoken, kept in _INITIALS:
        if syllable.startswith(spoken) and len(syllable) > len(spoken):
            syllable = kept + syllable[len(spoken) :]
            break
    if syllable.endswith(("ing", "eng")):
        syllable = syllable[:-1]
    return syllable


def _symbol(syllable: str) -> str:
    known = _symbols.get(syllable)
    if known is None:
        known = _symbols[syllable] = chr(next(_next))
    return known


def is_han(char: str) -> bool:
    """True for a character of the main block of Chinese characters."""
    return "一" <= char <= "鿿"


@lru_cache(maxsize=20_000)
def _of_char(char: str) -> str:
    if not is_han(char):
        return char
    read = lazy_pinyin(char, style=Style.NORMAL, errors="ignore")
    return _symbol(fold(read[0])) if read else char


def symbols(text: str) -> str:
    """One symbol for each character of ``text``, so that positions agree; what is not Chinese stays itself."""
    return "".join(map(_of_char, text))


def variants(name: str) -> tuple[str, ...]:
    """Symbol strings of a name: character by character, and as a word where that reads otherwise (长, 厦, 埔 …)."""
    plain = symbols(name)
    if not all(map(is_han, name)):
        return (plain,)
    read = lazy_pinyin(name, style=Style.NORMAL, errors="ignore")
    if len(read) != len(name):
        return (plain,)
    word = "".join(_symbol(fold(s)) for s in read)
    return (plain,) if word == plain else (plain, word)
