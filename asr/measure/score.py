"""Two texts compared: character errors, numbers, names of places; and how sure a rate is. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from asr.engines.text import simplified
from asr.words.digits import phones
from asr.words.numbers import figures

_RESAMPLES = 1000
#: The same table gives the same interval.
_SEED = 4
_TOWN = re.compile(r"(.+?)(街道|镇|乡|办事处|开发区)")
_COMMUNITY = re.compile(r"(.+?)(社区|村委会|居委会|村|居)")
_FIGURES = re.compile(r"\d{2,}")


def comparable(text: str) -> str:
    """Simplified, half width, small letters, every number in Arabic figures; no marks and no spaces."""
    text = figures(simplified(unicodedata.normalize("NFKC", text)).lower())
    return "".join(c for c in text if c.isalnum())


@dataclass(frozen=True)
class Errors:
    """Character errors against ``characters`` of label."""

    substituted: int = 0
    deleted: int = 0
    inserted: int = 0
    characters: int = 0

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(
            self.substituted + other.substituted,
            self.deleted + other.deleted,
            self.inserted + other.inserted,
            self.characters + other.characters,
        )

    @property
    def count(self) -> int:
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float:
        """Character error rate; 0 where there is no label at all. Above 1 where more was written than said."""
        return self.count / self.characters if self.characters else 0.0


def errors(label: str, heard: str) -> Errors:
    """Least edits that make ``heard`` out of ``label``; both made :func:`comparable` here."""
    wanted, got = comparable(label), comparable(heard)
    kinds = [edit.tag for edit in Levenshtein.editops(wanted, got)]
    return Errors(kinds.count("replace"), kinds.count("delete"), kinds.count("insert"), len(wanted))


def numbers_right(label: str, heard: str) -> tuple[int, int]:
    """(right, all) of the label's numbers of two figures and more: each where it belongs, no figure more or less."""
    wanted, got = comparable(label), comparable(heard)
    edits = Levenshtein.editops(wanted, got)
    right = every = 0
    for number in _FIGURES.finditer(wanted):
        start, end = number.span()
        every += 1
        right += not any(
            start <= edit.src_pos < end
            # What was added at either edge belongs to the number if it is a figure.
            or (edit.tag == "insert" and edit.src_pos == end and got[edit.dest_pos].isdigit())
            for edit in edits
        )
    return right, every


def phones_right(label: str, heard: str) -> tuple[int, int]:
    """(right, all) of the label's telephone numbers: written in what was heard, with exactly these digits."""
    wanted = [phone.number for phone in phones(label, by_sound=False)]
    # Beside which word it stands does not matter here, so every row of figures counts.
    got = {phone.number for phone in phones(heard, by_sound=False)} | set(re.findall(r"\d+", comparable(heard)))
    return sum(number in got for number in wanted), len(wanted)


def place_names(place: str, label: str) -> tuple[str, ...]:
    """The names of town and community in the canonical ``place``, bare (池店, 华洲), as far as the label says them."""
    names: list[str] = []
    for part in place.split(";"):
        town = _TOWN.match(part)
        rest = part[town.end() :] if town else part
        community = _COMMUNITY.match(rest)
        names += [_bare(match) for match in (town, community) if match]
        if not town and not community and part.strip():
            names.append(part.strip())
    said = comparable(label)
    return tuple(name for name in dict.fromkeys(names) if comparable(name) in said)


def _bare(match: re.Match[str]) -> str:
    return match[1] if len(match[1]) > 1 else match[0]


def says(names: Sequence[str], heard: str) -> bool:
    """True where every one of ``names`` stands in ``heard``."""
    got = comparable(heard)
    return all(comparable(name) in got for name in names)


@dataclass(frozen=True)
class Interval:
    """A rate with its 95 % bootstrap interval over the files."""

    rate: float
    low: float
    high: float


def interval(parts: Sequence[Errors]) -> Interval:
    """The character error rate of all ``parts`` (one for each file) together."""
    counts, sizes = _columns(parts)
    sums = _resampled(len(parts))
    return _interval(counts, sizes, sums)


def reduction(before: Sequence[Errors], after: Sequence[Errors]) -> Interval:
    """By which share of itself the rate fell from ``before`` to ``after`` (0.25: a quarter), the files paired."""
    old, _ = _columns(before)
    new, _ = _columns(after)
    return _interval(old - new, old, _resampled(len(before)))


def _columns(parts: Sequence[Errors]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    counts = np.array([part.count for part in parts], np.float64)
    return counts, np.array([part.characters for part in parts], np.float64)


def _resampled(files: int) -> NDArray[np.int64]:
    return np.random.default_rng(_SEED).integers(0, max(files, 1), (_RESAMPLES, files))


def _interval(top: NDArray[np.float64], bottom: NDArray[np.float64], picks: NDArray[np.int64]) -> Interval:
    if not bottom.sum():
        return Interval(0.0, 0.0, 0.0)
    tops, bottoms = top[picks].sum(axis=1), bottom[picks].sum(axis=1)
    rates = tops[bottoms > 0] / bottoms[bottoms > 0]
    low, high = np.quantile(rates, (0.025, 0.975))
    return Interval(float(top.sum() / bottom.sum()), float(low), float(high))
