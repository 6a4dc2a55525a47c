"""Chinese text to the phonemes that the voice model was trained on: misaki's, with letter names for Latin letters."""

import logging
import re
import threading
import warnings
from pathlib import Path

with warnings.catch_warnings():
    # jieba's source has old-style escapes, about which Python warns once, when it compiles the file.
    warnings.simplefilter("ignore")
    import jieba  # type: ignore[import-untyped]
    from misaki.zh import ZHG2P

from ivr.english import LETTERS
from ivr.readings import spoken

#: English words that stand in Chinese prompts (English 请按8); all others are spelled.
_WORDS = {"english": "ˈɪŋɡlɪʃ"}
_PIECES = re.compile(r"[A-Za-z]+|[^A-Za-z]+")
_HAN = re.compile(r"[\u4e00-\u9fff]")


class Phonemes:
    """Callable: one clause of text → its phonemes. The word list is read at the first call (about a second)."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._g2p: ZHG2P | None = None

    def __call__(self, text: str) -> str:
        said = ""
        for piece in _PIECES.findall(spoken(text)):
            if piece[0].isascii() and piece[0].isalpha():
                word = _WORDS.get(piece.lower())
                said += f" {word or ' '.join(LETTERS[letter] for letter in piece.upper())} "
            elif _HAN.search(piece) or piece.strip():
                said += self._chinese(piece)
        return re.sub(r"\s+", " ", said).strip()

    def _chinese(self, text: str) -> str:
        with self._lock:
            if self._g2p is None:
                jieba.setLogLevel(logging.WARNING)
                # Else jieba leaves its cache in the machine's temporary folder.
                self._cache.mkdir(parents=True, exist_ok=True)
                jieba.dt.tmp_dir = str(self._cache)
                self._g2p = ZHG2P()
            return str(self._g2p(text)[0])
