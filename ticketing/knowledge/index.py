"""Finds articles by words and by sounds, in memory. Pure.

Every text is cut into characters and pairs of neighbours, as written and by sound (:mod:`asr.words.sounds`): what
recognition wrote with another character of the same sound still matches, for less. Two indexes stand side by side:

- of whole articles, for what somebody types (:meth:`Index.search`);
- of the ways in which callers ask (title and question forms, without the words that every question has), for what is
  heard (:meth:`Index.propose`): how much of one of these ways the caller has said.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from asr.words.sounds import is_han, symbols
from ticketing.knowledge.content import Content
from triage.words import plain

#: What a pair counts that was only heard alike, not written alike.
BY_SOUND = 0.7
#: A word in the title or in a question counts more than one in the answer.
_ASKED, _ANSWERED = 1.0, 0.4
#: Share of a query's weight that an article must have to be found.
_FOUND = 0.45
#: At most this many of the caller's latest characters are looked at.
HEARD = 160

#: Words that questions have whatever they are about; they separate what a question is about.
_FUNCTION = re.compile(
    "怎么办|怎么|怎样|如何|什么|哪里|哪儿|哪些|哪个|谁|多少|多久|多长时间|几天|几点|能不能|可不可以|是不是|有没有|要不要|"
    "可以|需要|应该|请问|想问|问一下|咨询|一下|我家|我们|你们|他们|我|你|您|他|她|了|的|地|得|吗|呢|啊|吧|呀|嘛|"
    "要|想|去|到|在|和|跟|给|把|被|是|有|就|都|也|还|能|会|不|没|又|再|这个|那个|这|那|个|时候|现在|办|找|打"
)


@dataclass(frozen=True)
class Entry:
    """One article in the index."""

    id: str
    key: str
    version: int
    published: bool
    content: Content


@dataclass(frozen=True)
class Found:
    """One article that was found."""

    entry: Entry
    #: 0..1, how much of what was looked for (proposals: of how callers ask) is there.
    score: float
    #: The words of the query, or of the caller, that decided, in their order.
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Postings:
    places: NDArray[np.int32]
    weights: NDArray[np.float32]


def runs(text: str) -> Iterator[str]:
    """Letters and figures without what stands between them."""
    run: list[str] = []
    for char in text:
        if char.isalnum():
            run.append(char)
        elif run:
            yield "".join(run)
            run = []
    if run:
        yield "".join(run)


def pairs(text: str) -> Iterator[tuple[int, str]]:
    """Place and text of every pair of neighbours that belong to one run; of a run of one character that alone."""
    for at, char in enumerate(text):
        if not char.isalnum():
            continue
        follows = text[at + 1 : at + 2]
        if follows.isalnum():
            yield at, char + follows
        elif at == 0 or not text[at - 1].isalnum():
            yield at, char


def asked(question: str) -> list[str]:
    """The pieces of a question that say what it is about."""
    pieces = [piece for run in runs(plain(question)) for piece in _FUNCTION.split(run) if piece]
    return [piece for piece in pieces if len(piece) > 1 or not is_han(piece)]


def _sound(gram: str) -> str:
    return symbols(gram)


@dataclass(frozen=True)
class _Cut:
    """One article's grams: with their share of the text's weight, and of each way to ask."""

    texts: dict[str, float]
    forms: tuple[tuple[tuple[str, ...], float], ...]


class Index:
    """An unchanging index of these articles.

    ``weight`` says how telling a pair is in spoken language (natural logarithm of how seldom it is said). What
    ``former`` has cut already of articles that have not changed is taken over.
    """

    def __init__(self, entries: Iterable[Entry], weight: Callable[[str], float], former: "Index | None" = None) -> None:
        self.entries = tuple(entries)
        self._weight = weight
        known = former._cuts if former is not None and former._weight is weight else {}
        self._cuts: dict[Entry, _Cut] = {e: known.get(e) or _cut(e.content, weight) for e in self.entries}
        texts: dict[str, list[tuple[int, float]]] = defaultdict(list)
        forms: dict[str, list[int]] = defaultdict(list)
        owners: list[int] = []
        totals: list[float] = []
        for place, entry in enumerate(self.entries):
            cut = self._cuts[entry]
            for gram, share in cut.texts.items():
                texts[gram].append((place, share))
            for grams, total in cut.forms:
                for gram in grams:
                    forms[gram].append(len(owners))
                owners.append(place)
                totals.append(total)
        self._texts = {gram: _postings(found) for gram, found in texts.items()}
        self._forms = {gram: np.array(found, dtype=np.int32) for gram, found in forms.items()}
        self._owners = np.array(owners, dtype=np.int32)
        self._totals = np.array(totals, dtype=np.float32)

    def search(self, query: str, day: date | None = None, *, unpublished: bool = False, limit: int = 20) -> list[Found]:
        """Articles that have most of what was typed, the best first; ``day``: only what is valid then."""
        text = plain(query)[:100]
        grams = dict.fromkeys(gram for _, gram in pairs(text))
        if not grams or not self.entries:
            return []
        scores = np.zeros(len(self.entries), dtype=np.float32)
        whole = 0.0
        for gram in grams:
            sound = _sound(gram)
            heard = self._texts.get(sound)
            idf = math.log(1 + len(self.entries) / (1 + (heard.places.size if heard else 0)))
            whole += idf
            if heard is not None:
                scores[heard.places] += idf * heard.weights * (BY_SOUND if sound != gram else 1.0)
                written = self._texts.get(gram) if sound != gram else None
                if written is not None:
                    scores[written.places] += idf * written.weights * (1 - BY_SOUND)
        scores /= whole
        found: list[Found] = []
        likely = np.nonzero(scores >= _FOUND * _ANSWERED)[0]
        for place in likely[np.argsort(-scores[likely], kind="stable")]:
            score = float(scores[place])
            if len(found) >= limit:
                break
            entry = self.entries[place]
            if (unpublished or entry.published) and (day is None or entry.content.holds(day)):
                found.append(Found(entry, round(min(score, 1.0), 3), self._words(text, int(place), self._in_text)))
        return found

    def propose(
        self,
        said: str,
        day: date,
        *,
        bar: float,
        least: float,
        limit: int = 3,
        boost: Mapping[str, float] | None = None,
        otherwise: float = 0.0,
        town: str = "",
        takes: Callable[[Content], bool] | None = None,
    ) -> list[Found]:
        """Articles that answer what a caller says, the best first.

        ``bar``: share of one of the ways to ask that must have been said; ``boost`` adds to the share of articles with
        these codes, ``otherwise`` to that of articles with others. ``least``: weight of what was said of it at least.
        ``takes``: only articles that it takes. One for another town than ``town`` is left out, where that is known.
        """
        text = plain(said)[-HEARD:]
        grams = dict.fromkeys(gram for _, gram in pairs(text))
        if not grams or not self._owners.size:
            return []
        said_so = np.zeros(self._owners.size, dtype=np.float32)
        # Of what has no sound of its own (figures, letters) both shares come from the one gram.
        for share, heard in ((1 - BY_SOUND, grams), (BY_SOUND, dict.fromkeys(map(_sound, grams)))):
            for gram in heard:
                if (forms := self._forms.get(gram)) is not None:
                    said_so[forms] += share * self._weight(gram)
        shares = np.minimum(said_so / self._totals, 1.0)
        best: dict[int, float] = {}
        most = max((0.0, otherwise, *(boost or {}).values()))
        for form in np.nonzero((said_so >= least) & (shares >= bar - most))[0]:
            owner, share = int(self._owners[form]), float(shares[form])
            best[owner] = max(best.get(owner, 0.0), share)
        likely: list[tuple[float, str, int]] = []
        for place, share in best.items():
            entry = self.entries[place]
            content = entry.content
            if not entry.published or not content.holds(day) or (content.area and town and content.area != town):
                continue
            if takes is not None and not takes(content):
                continue
            more = max(((boost or {}).get(code, otherwise) for code in content.codes), default=0.0)
            if share + more >= bar:
                likely.append((-share - more, entry.key, place))
        return [
            Found(self.entries[place], round(-score, 3), self._words(text, place, self._in_forms))
            for score, _key, place in sorted(likely)[:limit]
        ]

    def _in_text(self, gram: str, place: int) -> bool:
        held = self._texts.get(gram)
        return held is not None and _holds(held.places, place)

    def _in_forms(self, gram: str, place: int) -> bool:
        # Forms stand in the order of their articles, so these owners are sorted.
        forms = self._forms.get(gram)
        return forms is not None and _holds(self._owners[forms], place)

    @staticmethod
    def _words(text: str, place: int, held: Callable[[str, int], bool]) -> tuple[str, ...]:
        """The runs of ``text`` that are made of pairs which this article has."""
        lit = [False] * len(text)
        for at, gram in pairs(text):
            if held(_sound(gram), place) or held(gram, place):
                lit[at : at + len(gram)] = [True] * len(gram)
        words: list[str] = []
        run = ""
        for char, on in zip((*text, ""), (*lit, False), strict=True):
            if on:
                run += char
            elif run:
                words.append(run)
                run = ""
        return tuple(dict.fromkeys(words))


def _cut(content: Content, weight: Callable[[str], float]) -> _Cut:
    questions = tuple(dict.fromkeys((content.title, *content.questions)))
    # Of the answer only the sound of its pairs: less to hold, and it rarely decides.
    texts = {_sound(gram): _ANSWERED for line in content.steps for _, gram in pairs(plain(line))}
    texts |= {gram: _ASKED for line in questions for gram in _both(line)}
    forms = []
    for question in questions:
        grams = {gram for piece in asked(question) for _, gram in pairs(piece)}
        total = sum(BY_SOUND * weight(_sound(gram)) + (1 - BY_SOUND) * weight(gram) for gram in grams)
        if total > 0:
            forms.append((tuple(grams | set(map(_sound, grams))), total))
    return _Cut(texts, tuple(forms))


def _holds(places: NDArray[np.int32], place: int) -> bool:
    at = int(np.searchsorted(places, place))
    return at < places.size and int(places[at]) == place


def _both(line: str) -> set[str]:
    """Pairs and single characters of a line as written and by sound."""
    text = plain(line)
    grams = {gram for _, gram in pairs(text)} | {char for char in text if char.isalnum()}
    return grams | set(map(_sound, grams))


def _postings(found: Sequence[tuple[int, float]]) -> _Postings:
    return _Postings(
        np.array([place for place, _ in found], dtype=np.int32), np.array([w for _, w in found], dtype=np.float32)
    )
