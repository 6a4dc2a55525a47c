"""Runs an engine, and the city's words behind it, over labelled sound."""

import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asr.measure.manifest import Broken, Row
from asr.measure.report import Report, Scored
from asr.recognition import RATE, Effort, Engine, Pcm, Recognition
from asr.record.soundfiles import read_sound
from asr.record.transcribe import utterances
from core.errors import HeyiError


class Words(Protocol):
    """What is done to a recognition before people see it; :class:`asr.words.city.CityWords` in the house."""

    def improve(self, recognition: Recognition, effort: Effort) -> Recognition: ...


@dataclass(frozen=True)
class _Heard:
    raw: str
    text: str
    seconds: float
    decode_s: float
    words_s: float
    recognitions: tuple[Recognition, ...]


def evaluate(
    manifest: Path,
    rows: Sequence[Row],
    broken: Sequence[Broken],
    engine: Engine,
    words: Words | None,
    *,
    done: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Report:
    """Every row decoded as the pass after the call does it: cut into utterances, each with effort ``record``.

    A file that cannot be read joins ``broken``. ``done`` is called after each row.
    """
    scored: list[Scored] = []
    faults = list(broken)
    for row in rows:
        try:
            heard = _hear(read_sound(row.path), engine, words, clock)
        except HeyiError as error:
            faults.append(Broken(row.line, row.file, error.message))
        else:
            scored.append(_scored(row, heard))
        done()
    return Report(
        manifest=str(manifest),
        engine=engine.name,
        words=words is not None,
        scored=tuple(scored),
        broken=tuple(sorted(faults, key=lambda fault: fault.line)),
        rss_mb=peak_rss_mb(),
        load=os.getloadavg()[0],
    )


def _hear(channels: Sequence[Pcm], engine: Engine, words: Words | None, clock: Callable[[], float]) -> _Heard:
    found: list[tuple[float, Recognition, Recognition]] = []
    seconds = decode_s = words_s = 0.0
    for channel in channels:
        seconds += channel.size / RATE
        began = clock()
        moments = utterances(channel)
        decode_s += clock() - began
        for moment in moments:
            began = clock()
            bare = engine.recognise(moment.pcm, "record")
            decoded = clock()
            better = words.improve(bare, "record") if words else bare
            decode_s += decoded - began
            words_s += clock() - decoded
            found.append((moment.start_s, bare, better))
    found.sort(key=lambda one: one[0])
    return _Heard(
        raw="，".join(bare.raw for _, bare, _ in found if bare.raw),
        text=_joined([better.text for _, _, better in found]),
        seconds=seconds,
        decode_s=decode_s,
        words_s=words_s,
        recognitions=tuple(better for _, _, better in found),
    )


def _joined(texts: Sequence[str]) -> str:
    whole = ""
    for text in filter(None, texts):
        whole += ("，" if whole and whole[-1].isalnum() else "") + text
    return whole


def _scored(row: Row, heard: _Heard) -> Scored:
    told = tuple(
        tuple(" ".join((candidate.text, candidate.town, candidate.community)) for candidate in name.candidates)
        for recognition in heard.recognitions
        for name in recognition.names
    )
    return Scored(row, heard.raw, heard.text, heard.seconds, heard.decode_s, heard.words_s, told)


def peak_rss_mb() -> float:
    """The most memory that this process has had in use, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
