"""Chinese by its sound: each character becomes one symbol for its syllable, alike-sounding syllables folded.

Recognition writes homophones and callers speak with an accent; compared by these symbols both still match.
"""

from functools import lru_cache
from itertools import count

from pypinyin import Style, lazy_pinyin
from pypinyin.pinyin_dict import pinyin_dict

#: Private-use code points: one for each folded syllable, in order of first use.
_FIRST = 0xE000
_next = count(_FIRST)
_symbols: dict[str, str] = {}

#: Vowels with a tone to those without, as pypinyin writes them: ü is v.
_TONELESS = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüńňǹḿ", "aaaaeeeeiiiioooouuuuvvvvvnnnm")
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


def syllable(char: str) -> str:
    """Pinyin of one character without its tone; empty for what is not Chinese or has no known reading (鿮)."""
    # What lazy_pinyin says of a single character, in a fiftieth of the time.
    return pinyin_dict.get(ord(char), "").partition(",")[0].translate(_TONELESS)


@lru_cache(maxsize=20_000)
def _of_char(char: str) -> str:
    read = syllable(char) if is_han(char) else ""
    return _symbol(fold(read)) if read else char


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
