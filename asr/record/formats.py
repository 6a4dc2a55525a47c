"""A transcript as text to read, as subtitles, as JSON. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.record.transcribe import Segment

#: Who speaks on which side of a recorded call; a single side has no name.
_WHO = {"caller": "来电人：", "agent": "接线员："}


def as_text(segments: Sequence[Segment]) -> str:
    """A line for each utterance: when it began, who speaks, what was said."""
    return "".join(f"[{_clock(s.start_s)}] {_said(s)}\n" for s in segments)


def as_subtitles(segments: Sequence[Segment]) -> str:
    """SubRip (.srt)."""
    blocks = (
        f"{number}\n{_stamp(segment.start_s)} --> {_stamp(segment.end_s)}\n{_said(segment)}\n"
        for number, segment in enumerate(segments, 1)
    )
    return "\n".join(blocks)


def as_dict(file: str, seconds: float, segments: Sequence[Segment]) -> dict[str, Any]:
    """Plain JSON types; ``leg`` is ``caller``, ``agent`` or empty, times are seconds."""
    return {
        "file": file,
        "seconds": round(seconds, 2),
        "segments": [
            {
                "leg": segment.leg,
                "start_s": segment.start_s,
                "end_s": segment.end_s,
                "text": segment.found.text,
                "raw": segment.found.raw,
                "confidence": round(segment.found.confidence, 3),
            }
            for segment in segments
        ],
    }


def output_names(files: Sequence[Path], ending: str) -> list[str]:
    """A file name for each transcript, no two alike: call.wav → call.txt, or call.wav.txt where call.mp3 comes too."""
    stems = [file.stem for file in files]
    names: list[str] = []
    for file in files:
        base = file.stem if stems.count(file.stem) == 1 else file.name
        name, number = f"{base}.{ending}", 1
        while name in names:
            number += 1
            name = f"{base}-{number}.{ending}"
        names.append(name)
    return names


def _said(segment: Segment) -> str:
    return _WHO.get(segment.leg, "") + segment.found.text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _stamp(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{thousandths:03d}"
