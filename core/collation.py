"""The order in which Chinese names stand in a list: by pinyin, numbers as numbers. Pure."""

import re
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

#: A number: in figures; in characters only where nothing else can be meant (第十二, 三号): 三里街 is a name.
_NUMBER = re.compile(
    r"(?P<figures>[0-9０-９]+)"
    r"|第(?P<ordinal>[〇零一二两三四五六七八九十百千]+)"
    r"|(?P<counted>[〇零一二两三四五六七八九十百千]+)(?=[号组班队期栋楼层室])"
)
_DIGITS = {"〇": 0, "零": 0, "一": 1, "二": 2, "两": 2, **{digit: n for n, digit in enumerate("三四五六七八九", 3)}}
_TENS = {"十": 10, "百": 100, "千": 1000}

#: Kind (figures before letters before characters), number, sound; the name itself decides between names of one sound.
Key = tuple[tuple[tuple[int, int, str], ...], str]


@lru_cache(maxsize=8192)
def by_name(name: str) -> Key:
    """What to sort by: ``sorted(names, key=by_name)``."""
    parts: list[tuple[int, int, str]] = []
    at = 0
    for found in _NUMBER.finditer(name):
        parts += _sounds(name[at : found.start()])
        if found["ordinal"]:
            parts += _sounds("第")
        spoken = found["ordinal"] or found["counted"]
        parts.append((0, chinese_number(spoken) if spoken else int(found["figures"]), ""))
        at = found.end()
    return (*parts, *_sounds(name[at:])), name


def chinese_number(text: str) -> int:
    """十二 is 12, 一百零三 is 103, 二〇 is 20: with or without words for tens."""
    if not any(character in _TENS for character in text):
        return int("".join(str(_DIGITS[character]) for character in text))
    whole, digit = 0, 0
    for character in text:
        if character in _TENS:
            whole += (digit or 1) * _TENS[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return whole + digit


def _sounds(text: str) -> list[tuple[int, int, str]]:
    # Runs of Chinese together: words decide how a character is read (重庆 chóng, 重要 zhòng).
    made = []
    for run in re.findall(r"[㐀-鿿]+|[^㐀-鿿]", text):
        if "㐀" <= run[0] <= "鿿":
            made += [(2, 0, sound) for sound in lazy_pinyin(run, style=Style.TONE3)]
        else:
            made.append((1, 0, run.casefold()))
    return made
