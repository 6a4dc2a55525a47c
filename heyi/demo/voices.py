"""The demonstration's voices: every turn spoken beforehand, so that speech costs nothing while calls are up."""

import re
import wave
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from heyi.demo.script import Dialogue
from ivr.voice import Voice

#: Callers take turns with these; recognition hears all of them well (docs/speech.md).
CALLERS = ("zf_xiaobei", "zm_yunxi", "zf_xiaoxiao", "zm_yunjian", "zf_xiaoyi", "zm_yunxia")
CALL_TAKER = "zf_xiaobei"

_ASIDE = re.compile(r"（[^）]*）|\([^)]*\)")
_PAUSE = bytes(16000)

Spoken = dict[tuple[int, int], bytes]


def speak(dialogues: Sequence[Dialogue], voice: Voice, console: Console) -> Spoken:
    """Audio of every turn by (dialogue, turn): signed 16-bit mono at 8 kHz. Spoken once, then read from disk."""
    spoken: Spoken = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("speaking the callers' words", total=sum(len(d.turns) for d in dialogues))
        told: dict[tuple[int, int], tuple[str, str]] = {}
        for index, dialogue in enumerate(dialogues):
            caller = CALLERS[index % len(CALLERS)]
            for number, turn in enumerate(dialogue.turns):
                # What stands in brackets (a bottle falls, a door slams) is for readers.
                if words := _ASIDE.sub("", turn.text).strip():
                    told[index, number] = (words, caller if turn.who == "C" else CALL_TAKER)
                else:
                    spoken[index, number] = _PAUSE
        for place, path in zip(told, voice.each_wav8k(told.values()), strict=True):
            spoken[place] = _pcm(path)
            progress.update(task, completed=len(spoken))
    return spoken


def _pcm(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes())
