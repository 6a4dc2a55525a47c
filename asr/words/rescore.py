"""The sentence that was most likely said: what the engine heard, weighed with what callers of hotlines say.

First the engine's readings are ranked anew with a language model. Then the city's names are set right, by somebody
else. Then the model proposes to write some of the other characters otherwise (:mod:`asr.words.respell`); the engine
says how likely the sound is under the proposal, and a proposal is taken where both together speak for it.
"""

import csv
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from asr.recognition import Effort, Engine, Hypothesis, Recognition
from asr.words import charmodel, hotline, plain
from asr.words.charmodel import CharModel
from asr.words.hotline import FOLDER, sentences
from asr.words.kept import kept
from asr.words.plain import word_file, word_list
from asr.words.respell import Edit, Respeller
from core.errors import HeyiError

_ORDER = 3
#: Everyday words are seen so often in all, against some ten thousand sentences of callers.
_EVERYDAY = 50_000.0
#: Words that would be seen less often than this are names and book words.
_RARE = 0.07
#: The name of a place that the city does not know, or not so written, is no wrong word.
_NAMED = re.compile(r"[\u4e00-\u9fff]{0,2}(?:镇|村|社区|街道)")
_SLOT = re.compile(r"\{\w+\}")


@runtime_checkable
class Judge(Protocol):
    """An engine that can weigh a text against the sound that it recognised last."""

    def likely(self, text: str) -> Sequence[float]:
        """Natural log-probability of each character given the sound and those before it; () if it cannot say."""
        ...


class Improver(Protocol):
    """What is done to a recognition before people see it."""

    def improve(self, recognition: Recognition, effort: Effort) -> Recognition: ...


@dataclass(frozen=True)
class Weights:
    """What counts for a change, as natural logarithms; chosen on half of the development set (docs/speech.md)."""

    #: The language model against the engine's score, in choosing between the engine's readings.
    reading: float = 0.5
    #: The engine's belief against the language model, in changing characters.
    engine: float = 0.5
    #: Each unit of difference in sound (:mod:`asr.words.confusion`).
    sound: float = 2.0


def improver(
    engine: Engine, words: Improver | None, texts: Path | None = None, cache: Path | None = None
) -> Improver | None:
    """What makes ``engine``'s recognitions better, ``words`` being the city's own.

    Only an engine that is a :class:`Judge` is rescored: the others bring a language model of their own. ``texts``: see
    :func:`texts_of`. ``cache``: folder in which the language model is kept; learning it takes two seconds.
    """
    if not isinstance(engine, Judge):
        return words

    def learn() -> CharModel:
        return language_model(texts_of(texts) if texts else ())

    return Rescored(engine, words, kept(cache, learned_from(texts), learn) if cache else learn())


def learned_from(texts: Path | None) -> Iterator[Path]:
    """The files that the language model is made of, its code among them."""
    yield from sorted(FOLDER.glob("*.txt"))
    yield from sorted(texts.glob("*.tsv")) if texts else ()
    yield from filter(None, [word_file()])
    for module in (charmodel, hotline, plain, sys.modules[__name__]):
        yield Path(str(module.__file__))


def texts_of(folder: Path) -> Iterator[str]:
    """Sentences that callers might say, from the column ``text`` of the ``*.tsv`` files of a folder, slots left out."""
    for path in sorted(folder.glob("*.tsv")):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    yield _SLOT.sub("", row.get("text") or "")
        except (OSError, UnicodeDecodeError) as error:
            raise HeyiError(f"the sentences in {path} cannot be read: {error}") from error


def language_model(texts: Iterable[str] = (), places: Sequence[str] = ()) -> CharModel:
    """Learns the corpus of this room, ``texts`` besides, and everyday words. ``places``: names for the corpus."""
    model = CharModel(_ORDER)
    model.learn(sentences(places))
    model.learn(texts)
    seen = ((word, _EVERYDAY * math.exp(log)) for word, log in word_list().items())
    model.learn_words((word, times) for word, times in seen if times >= _RARE)
    return model


class Rescored:
    """An :class:`Improver` around another; not for several threads at once."""

    def __init__(self, judge: Judge, words: Improver | None, model: CharModel, weights: Weights | None = None) -> None:
        """``words``: the city's own, between the choice of a reading and the change of single characters."""
        self._judge = judge
        self._words = words
        self._model = model
        self._weights = weights or Weights()
        self._respeller = Respeller(model, self._weights.sound)

    def improve(self, recognition: Recognition, effort: Effort) -> Recognition:
        """With the likeliest sentence as ``text``. What is still being said gets the city's names only: it changes."""
        weigh = effort != "partial" and bool(recognition.text)
        found = self.ranked(recognition) if weigh else recognition
        found = self._words.improve(found, effort) if self._words else found
        if not weigh:
            return found
        text = self.respelled(found.text, tuple((name.start, name.end) for name in found.names))
        return found if text == found.text else replace(found, text=text)

    def ranked(self, recognition: Recognition) -> Recognition:
        """With ``hypotheses`` in the order of both scores, the first as ``text``."""
        made = [Hypothesis(one.text, self._both(one)) for one in recognition.hypotheses]
        if len(made) < 2:
            return recognition
        made.sort(key=lambda one: one.score * (len(one.text) + 1), reverse=True)
        return replace(recognition, text=made[0].text, hypotheses=tuple(made))

    def respelled(self, text: str, keep: Sequence[tuple[int, int]] = ()) -> str:
        """``text``, of the same length; ``keep``: stretches (start, end) not touched, besides names before 镇, 村 …"""
        named = tuple(found.span() for found in _NAMED.finditer(text))
        edits = self._respeller.edits(text, (*keep, *named))
        if not edits:
            return text
        before, after = self._judge.likely(text), self._judge.likely(applied(text, edits))
        if len(before) != len(text) or len(after) != len(text):
            return text
        return applied(text, (edit for edit in edits if self._worth(edit, before, after) > 0))

    def _both(self, one: Hypothesis) -> float:
        return one.score + self._weights.reading * self._model.score(one.text) / (len(one.text) + 1)

    def _worth(self, edit: Edit, before: Sequence[float], after: Sequence[float]) -> float:
        belief = sum(after[edit.start : edit.end]) - sum(before[edit.start : edit.end])
        return edit.gain + self._weights.engine * belief - self._weights.sound * edit.cost


def applied(text: str, edits: Iterable[Edit]) -> str:
    """``text`` with all ``edits``, which keep its length."""
    written = list(text)
    for edit in edits:
        written[edit.start : edit.end] = edit.text
    return "".join(written)
