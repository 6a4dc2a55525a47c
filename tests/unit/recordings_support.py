"""Files of a call as Asterisk leaves them, for tests of recordings."""

import os
import struct
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telephony.recordings.files import (
    header,
)

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
SECOND = 16000  # bytes of a second of one leg
AFTER = {"over": True, "now": NOW.timestamp()}


def sound(seconds: float, value: int = 1000) -> bytes:
    return struct.pack("<h", value) * int(8000 * seconds)


def leg(path: Path, pcm: bytes, *, open_: bool = False, age_s: float = 60.0) -> Path:
    """A mono file as Asterisk writes it; ``open_``: before it is closed, its header speaks of nothing."""
    path.write_bytes(header(1, 8000, 0 if open_ else len(pcm)) + pcm)
    os.utime(path, (NOW.timestamp() - age_s,) * 2)
    return path


def call(folder: Path, stem: str = "c-1", seconds: float = 1.0, **how: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    leg(folder / f"{stem}.wav", sound(seconds, 3000), **how)
    leg(folder / f"{stem}-caller.wav", sound(seconds, 1000), **how)
    leg(folder / f"{stem}-agent.wav", sound(seconds, 2000), **how)


def heard(path: Path) -> tuple[int, list[tuple[int, ...]]]:
    """Rate and frames, read by the standard library."""
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2
        width = file.getnchannels()
        frames = file.readframes(file.getnframes())
        return file.getframerate(), list(struct.iter_unpack(f"<{width}h", frames))


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
