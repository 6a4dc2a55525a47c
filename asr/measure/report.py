"""What a run over labelled sound has found: rates for both texts, by voice and noise, as JSON and as tables."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from asr.measure.manifest import Broken, Row
from asr.measure.score import (
    Errors,
    Interval,
    errors,
    interval,
    numbers_right,
    phones_right,
    place_names,
    reduction,
    says,
)


@dataclass(frozen=True)
class Scored:
    """One file: what the engine wrote, what people would see, and what it cost in seconds of one thread."""

    row: Row
    raw: str
    text: str
    seconds: float
    decode_s: float
    words_s: float
    #: For each name that was heard the places offered, the likeliest first: name, town, community.
    told: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def raw_errors(self) -> Errors:
        return errors(self.row.text, self.raw)

    @cached_property
    def text_errors(self) -> Errors:
        return errors(self.row.text, self.text)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of town and community that the speaker says."""
        return place_names(self.row.place, self.row.text)

    def told_rightly(self, among: int) -> bool:
        """Each of :attr:`names` stands in the text or among the first so many places of a name that was heard."""
        places = [self.text, *(place for told in self.told for place in told[:among])]
        return all(any(says([name], place) for place in places) for name in self.names)


@dataclass(frozen=True)
class Count:
    """So many of so many."""

    right: int
    of: int

    @property
    def share(self) -> float:
        return self.right / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.share:.1%} ({self.right}/{self.of})" if self.of else "–"


@dataclass(frozen=True)
class Report:
    """Of one manifest. ``raw`` is the engine alone, ``text`` what people see, with the city's words and numbers."""

    manifest: str
    engine: str
    words: bool
    scored: tuple[Scored, ...]
    broken: tuple[Broken, ...]
    rss_mb: float
    #: The machine's load average over a minute: other work makes the times longer.
    load: float

    def cer(self) -> tuple[Interval, Interval]:
        """Character error rate of raw and text."""
        raw, text = self._errors()
        return interval(raw), interval(text)

    def gain(self) -> Interval:
        """By which share of itself the rate fell from raw to text."""
        return reduction(*self._errors())

    def phones(self) -> tuple[Count, Count]:
        return self._counts(phones_right)

    def numbers(self) -> tuple[Count, Count]:
        return self._counts(numbers_right)

    def places(self) -> tuple[Count, Count]:
        """Files that say a town or a village, and in how many every such name is right."""
        named = [one for one in self.scored if one.names]
        return (
            Count(sum(says(one.names, one.raw) for one in named), len(named)),
            Count(sum(says(one.names, one.text) for one in named), len(named)),
        )

    def places_told(self, among: int) -> Count:
        """Files that say a town or a village, and in how many each name is in the text or among the first ``among``."""
        named = [one for one in self.scored if one.names]
        return Count(sum(one.told_rightly(among) for one in named), len(named))

    def silent(self) -> tuple[Count, Count]:
        """Files in which nobody speaks, and in how many nothing was written."""
        quiet = [one for one in self.scored if not one.row.text]
        return Count(sum(not s.raw for s in quiet), len(quiet)), Count(sum(not s.text for s in quiet), len(quiet))

    @property
    def rtf(self) -> float:
        """Seconds of one thread for a second of sound."""
        return sum(one.decode_s + one.words_s for one in self.scored) / max(self.seconds, 1e-9)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.scored)

    @property
    def words_ms(self) -> float:
        """Milliseconds of the city's words for a file."""
        return 1000 * sum(one.words_s for one in self.scored) / max(len(self.scored), 1)

    def by(self, key: Callable[[Row], str]) -> dict[str, tuple[Errors, Errors]]:
        """Errors of raw and text for each value of a column; empty where the table has none."""
        groups: dict[str, tuple[Errors, Errors]] = {}
        for one in self.scored:
            if name := key(one.row):
                raw, text = groups.get(name, (Errors(), Errors()))
                groups[name] = (raw + one.raw_errors, text + one.text_errors)
        return dict(sorted(groups.items()))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: rates as shares of one, counts beside them."""
        pairs = {"places": self.places(), "phones": self.phones(), "numbers": self.numbers(), "silent": self.silent()}
        raw, text = self._errors()
        return {
            "manifest": self.manifest,
            "engine": self.engine,
            "words": self.words,
            "files": len(self.scored),
            "broken": [asdict(fault) for fault in self.broken],
            "seconds": round(self.seconds, 2),
            "cer": {
                name: {**_rounded(asdict(interval(parts))), **asdict(sum(parts, Errors()))}
                for name, parts in (("raw", raw), ("text", text))
            },
            "cer_reduction": _rounded(asdict(self.gain())),
            **{name: {"raw": asdict(pair[0]), "text": asdict(pair[1])} for name, pair in pairs.items()},
            "places_first": asdict(self.places_told(1)),
            "places_among_three": asdict(self.places_told(3)),
            "by_voice": _rates(self.by(lambda row: row.voice)),
            "by_snr": _rates(self.by(lambda row: row.snr)),
            "rtf": round(self.rtf, 4),
            "words_ms": round(self.words_ms, 2),
            "rss_mb": round(self.rss_mb, 1),
            "load": round(self.load, 2),
        }

    def write_predictions(self, path: Path) -> None:
        """One JSON object a line for each line of the manifest: file, raw, text; and ``error`` where there was one."""
        lines: list[tuple[int, dict[str, str]]] = [
            (one.row.line, {"file": one.row.file, "raw": one.raw, "text": one.text}) for one in self.scored
        ]
        lines += [(b.line, {"file": b.file, "raw": "", "text": "", "error": b.reason}) for b in self.broken]
        made = (json.dumps(line, ensure_ascii=False) for _, line in sorted(lines, key=lambda numbered: numbered[0]))
        path.write_text("".join(f"{line}\n" for line in made), encoding="utf-8")

    def __rich__(self) -> Group:
        table = Table()
        for name in ("", "bare model", "with the city's words" if self.words else "as shown"):
            table.add_column(name)
        raw, text = self.cer()
        table.add_row("character error rate [95 %]", _percent(raw), _percent(text))
        for name, pair in (
            ("places said and right", self.places()),
            ("telephone numbers right", self.phones()),
            ("numbers right", self.numbers()),
            ("silence left empty", self.silent()),
        ):
            if pair[0].of:
                table.add_row(name, str(pair[0]), str(pair[1]))
        if self.words and self.places_told(1).of:
            table.add_row("places right or offered first", "", str(self.places_told(1)))
            table.add_row("places right or among three", "", str(self.places_told(3)))
        tables = [table]
        for title, groups in (("voice", self.by(lambda row: row.voice)), ("noise, dB", self.by(lambda row: row.snr))):
            if groups:
                part = Table(title, "characters", "CER bare", "CER shown")
                for name, (before, after) in groups.items():
                    part.add_row(name, str(before.characters), f"{before.rate:.1%}", f"{after.rate:.1%}")
                tables.append(part)
        gain = self.gain()
        return Group(
            f"{self.manifest}: {len(self.scored)} files, {self.seconds:.0f} s of sound, engine {self.engine}",
            *tables,
            f"share of the bare model's errors that is gone: {_percent(gain)}",
            f"real-time factor {self.rtf:.3f} on one thread, city's words {self.words_ms:.1f} ms a file, "
            f"{self.rss_mb:.0f} MB at most, load average {self.load:.1f}",
        )

    def _errors(self) -> tuple[list[Errors], list[Errors]]:
        return [one.raw_errors for one in self.scored], [one.text_errors for one in self.scored]

    def _counts(self, right: Callable[[str, str], tuple[int, int]]) -> tuple[Count, Count]:
        return (
            _total([right(one.row.text, one.raw) for one in self.scored]),
            _total([right(one.row.text, one.text) for one in self.scored]),
        )


def _total(pairs: Sequence[tuple[int, int]]) -> Count:
    return Count(sum(right for right, _ in pairs), sum(every for _, every in pairs))


def _percent(found: Interval) -> str:
    return f"{found.rate:.1%} [{found.low:.1%}, {found.high:.1%}]"


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figure, 4) for name, figure in figures.items()}


def _rates(groups: dict[str, tuple[Errors, Errors]]) -> dict[str, dict[str, float]]:
    return {
        name: {"characters": raw.characters, "raw": round(raw.rate, 4), "text": round(text.rate, 4)}
        for name, (raw, text) in groups.items()
    }
