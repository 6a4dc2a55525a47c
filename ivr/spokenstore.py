"""Spoken texts on disk, by the hash of what they were made from; what was not used for longest goes first."""

import contextlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from core.speaking import Language
from ivr.joints import seconds_of
from ivr.sound import Pcm, write_wav
from ivr.voice import key
from ivr.voice_model import speaker
from ivr.wording import MARKS

#: One hour of speech is 58 MB.
MOST_BYTES = 400 << 20
#: The same words with another closing mark sound nearly the same: tried in this order.
_CLOSINGS = ("。", "，", "", ".", ",")


class SpokenStore:
    """``folder``/KEY.wav, one for each text. Looks at the disk each time: several processes may write."""

    def __init__(self, folder: Path, voice: str, most_bytes: int = MOST_BYTES) -> None:
        # Absolute: Asterisk runs in another folder.
        self.folder = folder.resolve()
        self.voice = voice
        self._most_bytes = most_bytes

    def place(self, text: str, language: Language) -> Path:
        """Where the sound of ``text`` lies, or will."""
        return self.folder / f"{key(text, speaker(self.voice, language), 1.0)}.wav"

    def has(self, text: str, language: Language) -> bool:
        """Whether just this text is there."""
        return self.place(text, language).is_file()

    def find(self, text: str, language: Language) -> Path | None:
        """The sound of ``text``, or of the same words with another closing mark; counts as used now."""
        path = self.place(text, language)
        if not path.is_file():
            bare = text.rstrip(MARKS)
            near = (self.place(bare + mark, language) for mark in _CLOSINGS)
            found = next((one for one in near if one.is_file()), None)
            if found is None:
                return None
            path = found
        with contextlib.suppress(OSError):
            os.utime(path)
        return path

    def put(self, text: str, language: Language, pcm: Pcm) -> Path:
        path = self.place(text, language)
        write_wav(path, pcm, 8000)
        return path

    def tidy(self, keep: Collection[Path]) -> int:
        """Removes what was not used for longest until the folder is within its size; never ``keep``. How many."""
        found = []
        for path in self.folder.glob("*.wav"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        over = sum(size for _, size, _ in found) - self._most_bytes
        removed = 0
        for _, size, path in sorted(found):
            if over <= 0:
                break
            if path not in keep:
                path.unlink(missing_ok=True)
                over -= size
                removed += 1
        return removed

    def seconds(self, texts: Iterable[tuple[str, Language]]) -> float:
        """Length of what is there of ``texts``."""
        return sum(seconds_of(self.place(*one)) for one in texts)
