"""The city's words in what was heard: names that recognition wrote as other characters are set right.

A name is put in place of the text where it is much likelier than the text as it stands and than every other name. What
is less sure stays as it was heard, and its candidates are told beside it.
"""

import contextlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asr.recognition import Effort, Hypothesis, NameCandidate, NameHeard, NameState, Recognition
from asr.words import overlay
from asr.words.context import points
from asr.words.lexicon import names_of
from asr.words.match import Hit, Matcher
from asr.words.numbers import display
from core.city import City
from core.cityfile import load_city, open_city
from core.cityfolder import CityFolder
from core.errors import HeyiError

#: Natural logarithms of likelihood ratios. A name is told as a candidate from ``_TOLD`` on, and put in place where it
#: beats the text by ``_PUT`` and the next name by ``_AHEAD``. Chosen on development utterances: docs/speech.md.
_TOLD, _PUT, _AHEAD = -1.0, 1.5, 0.5
#: What the sounds of a character may differ by, on average, for its name to be put in place or told.
_PUT_COST, _TOLD_COST = 2.2, 3.0
#: Words that are no places are known by their sound alone, tones apart.
_TERM_COST = 1.25
_CANDIDATES = 3
#: So many of the engine's readings are looked through for names: the right one is often not the first.
_READINGS: dict[Effort, int] = {"partial": 1, "final": 3, "record": 5}
#: What surroundings may add to a name that the sounds alone would not tell.
_MOST_CONTEXT = 3.2


@dataclass(frozen=True)
class Corrected:
    """A text with the city's names in it; ``names`` in order."""

    text: str
    names: tuple[NameHeard, ...]


class CityWords:
    """One city's names, ready for the decode processes. Not for several threads at once."""

    def __init__(self, city: City, added: Iterable[overlay.Word] = ()) -> None:
        """``added``: words that people put to the city's lexicon (:func:`asr.words.overlay.read`)."""
        self._matcher = Matcher(names_of(city, added))

    def improve(self, recognition: Recognition, effort: Effort = "final") -> Recognition:
        """With the names set right and numbers written for display; ``raw`` stays as the engine gave it."""
        if not recognition.text:
            return recognition
        readings = _readings(recognition)[: _READINGS[effort]]
        made = [(reading, self._groups(reading.text)) for reading in readings]
        best, groups = max(made, key=lambda one: one[0].score * len(one[0].text) + self._gain(one[1]))
        corrected = self._written(best.text, groups)
        text = display(corrected.text)
        return replace(recognition, text=text, names=_moved(corrected, text))

    def correct(self, text: str) -> Corrected:
        """``text`` with the names that are surely meant, and every name in it with its candidates."""
        return self._written(text, self._groups(text))

    def _gain(self, groups: list[list[Hit]]) -> float:
        """How much likelier the places that are surely meant make a reading."""
        return sum(group[0].score for group in groups if group[0].name.spot is not None and self._sure(group))

    def _written(self, text: str, groups: list[list[Hit]]) -> Corrected:
        made: list[str] = []
        names: list[NameHeard] = []
        at = size = 0
        for group in groups:
            best = group[0]
            right = best.text if self._sure(group) else text[best.start : best.end]
            made += [text[at : best.start], right]
            size += best.start - at
            if best.name.spot is not None:
                heard = text[best.start : best.end]
                state: NameState = "said" if heard == best.text else "corrected" if heard != right else "unsure"
                names.append(NameHeard(size, size + len(right), heard, state, _candidates(group)))
            size += len(right)
            at = best.end
        made.append(text[at:])
        return Corrected("".join(made), tuple(names))

    def _groups(self, text: str) -> list[list[Hit]]:
        """Hits that speak of the same stretch, the best first; groups in order, none overlapping another's best."""
        hits = [
            replace(hit, score=hit.score + points(text, hit)) for hit in self._matcher.hits(text, _TOLD - _MOST_CONTEXT)
        ]
        hits = [hit for hit in hits if hit.score >= _TOLD and _alike(hit, _TOLD_COST)]
        hits.sort(key=lambda hit: -hit.score)
        groups: list[list[Hit]] = []
        for hit in hits:
            own = next((g for g in groups if hit.start < g[0].end and g[0].start < hit.end), None)
            if own is None:
                groups.append([hit])
            elif hit.text not in (other.text for other in own) or hit.name.spot not in (o.name.spot for o in own):
                own.append(hit)
        return sorted(groups, key=lambda group: group[0].start)

    def _sure(self, group: Sequence[Hit]) -> bool:
        best = group[0]
        if best.score < _PUT or not _alike(best, _PUT_COST):
            return False
        # Another village of the same name is no rival: the text would be the same.
        rival = next((hit for hit in group[1:] if hit.text != best.text and hit.name.spot != best.name.spot), None)
        return rival is None or best.score - rival.score >= _AHEAD


class FreshWords:
    """The words of a city folder and of a file of added words, read again when that file changes."""

    def __init__(self, folder: Path | CityFolder, lexicon: Path) -> None:
        """Raises :class:`core.errors.HeyiError` where folder or file cannot be read."""
        self._city = open_city(folder)[0] if isinstance(folder, CityFolder) else load_city(folder)
        self._lexicon = lexicon
        self._seen = _stamp(lexicon)
        self._words = CityWords(self._city, overlay.read(lexicon))

    def improve(self, recognition: Recognition, effort: Effort = "final") -> Recognition:
        """See :meth:`CityWords.improve`; a file that became unreadable leaves the words as they were."""
        stamp = _stamp(self._lexicon)
        if stamp != self._seen:
            self._seen = stamp
            with contextlib.suppress(HeyiError):
                self._words = CityWords(self._city, overlay.read(self._lexicon))
        return self._words.improve(recognition, effort)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_mtime_ns, status.st_size


def _readings(recognition: Recognition) -> list[Hypothesis]:
    """What the engine holds for possible, its own choice first."""
    first = [one for one in recognition.hypotheses if one.text == recognition.text]
    if not first:
        return [Hypothesis(recognition.text, 0.0)]
    return [first[0], *(one for one in recognition.hypotheses if one.text not in ("", recognition.text))]


def _alike(hit: Hit, most: float) -> bool:
    """Whether the sounds are near enough; what is no place must sound the same, character for character."""
    if hit.name.spot is None:
        return hit.worst <= _TERM_COST
    return hit.cost <= most * len(hit.text)


def _candidates(group: Sequence[Hit]) -> tuple[NameCandidate, ...]:
    """Different names of a group, each with its share; the text as it stands has a share too."""
    weights: dict[tuple[str, str, str], float] = {}
    for hit in group:
        spot = hit.name.spot
        key = (spot.community or spot.landmark or spot.town, spot.town, spot.community) if spot else (hit.text, "", "")
        weights[key] = max(weights.get(key, 0.0), math.exp(min(hit.score, 50.0)))
    whole = 1.0 + sum(weights.values())
    ranked = sorted(weights.items(), key=lambda item: -item[1])[:_CANDIDATES]
    return tuple(NameCandidate(text, town, community, round(w / whole, 3)) for (text, town, community), w in ranked)


def _moved(corrected: Corrected, text: str) -> tuple[NameHeard, ...]:
    """The names' places in ``text``, in which numbers were written otherwise."""
    if text == corrected.text:
        return corrected.names
    moved: list[NameHeard] = []
    at = 0
    for name in corrected.names:
        words = corrected.text[name.start : name.end]
        found = text.find(words, at)
        if found >= 0:
            at = found + len(words)
            moved.append(replace(name, start=found, end=at))
    return tuple(moved)
