"""English text to the phonemes that the voice model was trained on: by misaki's word lists, without its other parts.

The lists (Apache-2.0, American English) come with the package that speaks Mandarin. A word that they lack is read by
its stem and ending, else spelled. Names in Chinese characters are left to the Mandarin reader.
"""

import json
import re
import threading
from collections.abc import Callable
from importlib.resources import files

#: Letter names in the model's phonemes (its diphthongs are written A, I, O, W, Y).
LETTERS = {
    "A": "ˈA", "B": "bˈi", "C": "sˈi", "D": "dˈi", "E": "ˈi", "F": "ˈɛf", "G": "ʤˈi", "H": "ˈAʧ", "I": "ˈI",
    "J": "ʤˈA", "K": "kˈA", "L": "ˈɛl", "M": "ˈɛm", "N": "ˈɛn", "O": "ˈO", "P": "pˈi", "Q": "kjˈu", "R": "ˈɑɹ",
    "S": "ˈɛs", "T": "tˈi", "U": "jˈu", "V": "vˈi", "W": "dˈʌbᵊlju", "X": "ˈɛks", "Y": "wˈI", "Z": "zˈi",
}  # fmt: skip
#: How these are said in a sentence; the lists have them as they are said alone, or not at all.
_WEAK = {"a": "ɐ", "the": "ðə", "to": "tə", "an": "ən", "and": "ænd", "of": "ʌv", "i": "ˈI"}
_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_PARTS = re.compile(r"[\u3400-\u9fff]+|[A-Za-z]+(?:['’][A-Za-z]+)*|\d[\d,]*(?:[.:]\d+)?%?|[,.!?;:]+|\s+|.")
_VOICELESS, _SIBILANT = frozenset("ptkfθ"), frozenset("szʃʒʧʤ")


class EnglishPhonemes:
    """Callable: English text → its phonemes. ``chinese`` reads names in Chinese characters.

    The lists (6 MB) are read at the first call, about a quarter of a second.
    """

    def __init__(self, chinese: Callable[[str], str]) -> None:
        self._chinese = chinese
        self._lock = threading.Lock()
        self._words: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        self._load()
        said: list[str] = []
        for part in _PARTS.findall(text):
            if "\u3400" <= part[0] <= "\u9fff":
                said.append(f" {self._chinese(part)} ")
            elif part[0].isascii() and part[0].isalpha():
                said.append(self.word(part))
            elif part[0].isdigit():
                said.append(" ".join(self.word(word) for word in number_words(part)))
            elif part[0] in ",.!?;:":
                said.append(part[0])
            elif part.isspace():
                said.append(" ")
        return re.sub(r"\s+", " ", "".join(said)).strip()

    def word(self, word: str) -> str:
        """Phonemes of one word."""
        self._load()
        plain = word.replace("’", "'").rstrip("'")
        if len(plain) > 1 and plain.isupper() and plain.lower() not in self._words:
            return " ".join(LETTERS[letter] for letter in plain if letter in LETTERS)
        return self._known(plain.lower()) or " ".join(LETTERS[c] for c in plain.upper() if c in LETTERS)

    def _known(self, word: str) -> str:
        if word in _WEAK:
            return _WEAK[word]
        if word in self._words:
            return self._words[word]
        for ending, stems, add in _ENDINGS:
            if word.endswith(ending) and len(word) > len(ending) + 1:
                bare = word.removesuffix(ending)
                for stem in (bare + more for more in stems):
                    if stem in self._words:
                        return add(self._words[stem])
                # cutting, stopped
                if ending in ("ing", "ed") and bare[-1] == bare[-2] and bare[:-1] in self._words:
                    return add(self._words[bare[:-1]])
        return ""

    def _load(self) -> None:
        with self._lock:
            if self._words:
                return
            words: dict[str, str] = {}
            # The second list was looked over by people, so it stands above the first.
            for name in ("us_silver.json", "us_gold.json"):
                for word, said in json.loads(files("misaki.data").joinpath(name).read_text(encoding="utf-8")).items():
                    # A word read in several ways: as it is read mostly.
                    one = said.get("DEFAULT") if isinstance(said, dict) else said
                    if one and (word.islower() or word.lower() not in words):
                        words[word.lower()] = one
            self._words = words


def number_words(text: str) -> list[str]:
    """A number as words: 12 → twelve, 250 → two hundred fifty, 8:30 → eight thirty; rows of five figures and more,
    and those that begin with 0, figure by figure."""
    percent = ["percent"] if text.endswith("%") else []
    plain = text.rstrip("%").replace(",", "")
    if ":" in plain:
        hour, minute = plain.split(":")
        rest = [] if int(minute) == 0 else (["oh"] if int(minute) < 10 else []) + _quantity(int(minute))
        return _quantity(int(hour)) + (rest or ["o'clock"])
    whole, _, part = plain.partition(".")
    if (len(whole) > 4 and "," not in text) or (len(whole) > 1 and whole.startswith("0")):
        words = [_ONES[int(figure)] for figure in whole]
    else:
        words = _quantity(int(whole))
    return words + (["point", *(_ONES[int(figure)] for figure in part)] if part else []) + percent


def _quantity(number: int) -> list[str]:
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10 - 2], *(_quantity(number % 10) if number % 10 else [])]
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            high, low = divmod(number, size)
            return [*_quantity(high), name, *(_quantity(low) if low else [])]
    return []


def _plural(stem: str) -> str:
    return stem + ("ᵻz" if stem[-1] in _SIBILANT else "s" if stem[-1] in _VOICELESS else "z")


def _past(stem: str) -> str:
    return stem + ("ᵻd" if stem[-1] in "td" else "t" if stem[-1] in _VOICELESS | frozenset("sʃʧ") else "d")


#: Ending, what its stem may end in, and the ending's sound.
_ENDINGS: tuple[tuple[str, tuple[str, ...], Callable[[str], str]], ...] = (
    ("'s", ("",), _plural),
    ("ies", ("y",), _plural),
    ("ied", ("y",), _past),
    ("es", ("", "e"), _plural),
    ("s", ("",), _plural),
    ("ed", ("", "e"), _past),
    ("ing", ("", "e"), lambda stem: stem + "ɪŋ"),
    ("ly", ("", "le"), lambda stem: stem + "li"),
)
