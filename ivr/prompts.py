"""The city's spoken prompts as sound files for Asterisk."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ivr.voice import Voice, key


def ensure_prompts(
    texts: Mapping[str, str],
    folder: Path,
    voice: Voice,
    *,
    speaker: str = "zf_xiaobei",
    speed: float = 1.0,
    console: Console | None = None,
) -> list[Path]:
    """Make ``<name>.wav`` (8 kHz, mono, 16-bit) in ``folder`` for each name and text; returns those newly written.

    What is up to date stays untouched: beside each sound lies ``<name>.key``, which names what it was made from.
    Names become file names: letters, digits, ``_``, ``-`` and ``/`` for subfolders.
    """
    stale = [name for name, text in texts.items() if not _current(folder, name, key(text, speaker, speed))]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    written: list[Path] = []
    if not stale:
        return written
    with Progress(*columns, console=console or Console(stderr=True)) as progress:
        task = progress.add_task("speaking prompts", total=len(stale))
        for name in stale:
            sound = voice.wav8k(texts[name], speaker, speed)
            target = _place(folder, name)
            _copy(sound, target)
            target.with_suffix(".key").write_text(key(texts[name], speaker, speed), encoding="ascii")
            written.append(target)
            progress.advance(task)
    return written


def _place(folder: Path, name: str) -> Path:
    path = folder / f"{name}.wav"
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise ValueError(f"a prompt's name must stay inside its folder: {name!r}")
    return path


def _current(folder: Path, name: str, wanted: str) -> bool:
    sound = _place(folder, name)
    made_from = sound.with_suffix(".key")
    return sound.is_file() and made_from.is_file() and made_from.read_text(encoding="ascii") == wanted


def _copy(source: Path, target: Path) -> None:
    """By rename: Asterisk may be playing the old file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".wav", delete=False) as scratch,
        source.open("rb") as sound,
    ):
        shutil.copyfileobj(sound, scratch)
    Path(scratch.name).chmod(0o644)
    Path(scratch.name).replace(target)
