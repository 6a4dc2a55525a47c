"""The city's spoken prompts as sound files for Asterisk, and the pieces of its flows for the shelf."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from core.speaking import seconds
from ivr.inventory import Saying
from ivr.joints import closed, read_wav
from ivr.spokenstore import SpokenStore
from ivr.voice import Voice, key
from ivr.voice_model import speaker as speaks


def ensure_prompts(
    texts: Mapping[str, str],
    folder: Path,
    voice: Voice,
    *,
    speaker: str = "zf_xiaobei",
    console: Console | None = None,
    recorded: Mapping[str, Path] | None = None,
) -> list[Path]:
    """Make ``<name>.wav`` (8 kHz, mono, 16-bit) in ``folder`` for each name and text; returns those newly written.

    What is up to date stays untouched: beside each sound lies ``<name>.key``, which names what it was made from.
    Names become file names: letters, digits, ``_``, ``-`` and ``/`` for subfolders. What ``recorded`` has under a name
    is taken from there.
    """
    wanted = _wanted(texts, speaker, recorded or {})
    stale = stale_prompts(texts, folder, speaker, recorded)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    written: list[Path] = []
    if not stale:
        return written
    with Progress(*columns, console=console or Console(stderr=True)) as progress:
        task = progress.add_task("speaking prompts", total=len(stale))
        given = {name: path for name, path in (recorded or {}).items() if name in stale}
        told = [name for name in stale if name not in given]
        made = zip(told, voice.each_wav8k((texts[name], speaker) for name in told), strict=True)
        for name, sound in chain(given.items(), made):
            target = _place(folder, name)
            _copy(sound, target)
            target.with_suffix(".key").write_text(wanted[name], encoding="ascii")
            written.append(target)
            progress.advance(task)
    return written


def stale_prompts(
    texts: Mapping[str, str], folder: Path, speaker: str, recorded: Mapping[str, Path] | None = None
) -> list[str]:
    """Names of the sounds that are not there or were made from something else."""
    wanted = _wanted(texts, speaker, recorded or {})
    return [name for name in texts if not _current(folder, name, wanted[name])]


def _wanted(texts: Mapping[str, str], speaker: str, recorded: Mapping[str, Path]) -> dict[str, str]:
    """What each sound is made from."""
    wanted = {name: key(text, speaker, 1.0) for name, text in texts.items()}
    for name, path in recorded.items():
        if name in texts:
            wanted[name] = f"recorded {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return wanted


def ensure_spoken(sayings: Iterable[Saying], store: SpokenStore, voice: Voice, console: Console | None = None) -> int:
    """Speaks what is not in ``store`` yet; how many. Broken off, it leaves what it has spoken."""
    absent = [one for one in sayings if not store.has(one.text, one.language)]
    if not absent:
        return 0
    lengths = [seconds(one.text, one.language) for one in absent]
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # The estimate looks back over many: texts differ in length.
    with Progress(*columns, console=console or Console(stderr=True), speed_estimate_period=300) as progress:
        task = progress.add_task(
            f"speaking {len(absent)} texts, {sum(lengths) / 60:.0f} min of speech", total=sum(lengths)
        )
        sounds = voice.each_wav8k((one.text, speaks(store.voice, one.language)) for one in absent)
        for one, length, path in zip(absent, lengths, sounds, strict=True):
            pcm = read_wav(path)
            store.put(one.text, one.language, closed(pcm, one.text))
            progress.advance(task, length)
    return len(absent)


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
