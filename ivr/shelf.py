"""The shelf of spoken things: what a caller hears, as files, given one after the other as they become ready.

For who plays::

    async with aclosing(shelf.sound(play)) as files:
        async for path in files:  # 8 kHz mono 16-bit WAV, an absolute path; Asterisk plays str(path.with_suffix(""))
            …

``sound`` raises nothing. It ends when all was given, or when what is still missing could not be said within the
play's limit: a prompt without any sound gives nothing, at once where nobody can speak. Before a file it takes
:data:`MOST_WAIT_S` at most. Leave it early (a key, the caller's words) by closing it.

For who has something long to say, and for who knows beforehand what will be said::

    shelf.knows(text)  # it can be said at once
    shelf.expect("announcement", texts)  # values of a variable, to be spoken in the background; most wanted first

A recording stands above what is spoken; a prompt that is there as a whole above its pieces; a piece that is there above
one put together of words; that above waiting for one that is spoken now.
"""

import asyncio
import contextlib
import time
import wave
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from core.city import City
from core.speaking import Language, seconds
from ivr import inventory
from ivr.inventory import Need
from ivr.joints import joined, read_wav
from ivr.recordings import Recorded
from ivr.signals import Play
from ivr.spokenstore import SpokenStore
from ivr.voice_model import speaker
from ivr.wording import Piece, clauses, pieces, sentences

log = structlog.get_logger(__name__)

#: Seconds for which a caller hears nothing at most, while the next piece is being spoken.
MOST_WAIT_S = 4.0
#: What would take longer is spoken for the next caller, after what others wait for.
_FAR_S = 20.0
#: Nothing is spoken in the background so soon after the start: others have to load, a demonstration has its calls.
FIRST_AFTER_S = 180.0
#: Rest after a text, in times of what it took: when it is quiet, and when it is not (a twentieth of one core).
_REST_QUIET, _REST_BUSY = 0.2, 20.0
_LONGEST_REST_S = 120.0
#: While nothing can be spoken.
_MUTE_S = 30.0
#: How often the folder's size is looked at.
_TIDY_S = 3600.0
#: Texts to speak in the background; more than these are not kept in mind.
_MOST_EXPECTED = 5000


class Speaks(Protocol):
    """Who speaks a text into a file (:class:`ivr.mouth.Mouth`)."""

    @property
    def mute(self) -> bool: ...
    def takes_s(self, speech_s: float) -> float: ...
    async def say(self, text: str, speaker: str, target: Path, *, now: bool, keep: bool = False) -> bool: ...


@dataclass(frozen=True)
class _Coming:
    """A piece that is being spoken, since now; ``takes_s`` until it is there, as far as one can tell."""

    target: Path
    task: "asyncio.Task[bool] | None"
    takes_s: float
    since: float = field(default_factory=time.monotonic)

    async def within(self, patience_s: float) -> Path | None:
        """The file, waited for only where it may come in time: silence that ends in nothing helps nobody."""
        if self.task is None or self.since + self.takes_s - time.monotonic() > patience_s:
            return self.target if self.target.is_file() else None
        # Not ended with this caller: another may wait for the same piece.
        await asyncio.wait([self.task], timeout=patience_s)
        return self.target if self.target.is_file() else None


class Shelf:
    """All sounds of one city. ``quiet`` tells whether nobody is on the line just now."""

    def __init__(
        self,
        city: City,
        store: SpokenStore,
        recorded: Recorded,
        mouth: Speaks,
        *,
        quiet: Callable[[], bool] = lambda: True,
        first_after_s: float = FIRST_AFTER_S,
    ) -> None:
        self._city = city
        self._store = store
        self._recorded = recorded
        self._mouth = mouth
        self._quiet = quiet
        self._first_after_s = first_after_s
        self._names = inventory.english_names(city)
        self._words = inventory.words(city)
        self._templates = dict(_templates(city))
        sayings = inventory.sayings(city)
        self._keep = frozenset(store.place(one.text, one.language) for one in sayings)
        self._soon = deque((one.text, one.language) for one in sayings if one.need <= Need.FIGURES)
        #: In the order in which it was told.
        self._expected: dict[str, None] = {}
        self._later = deque((one.text, one.language) for one in sayings if one.need > Need.FIGURES)
        self._news = asyncio.Event()
        self._speaking: dict[Path, asyncio.Task[bool]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Speak in the background from now on."""
        self._task = asyncio.create_task(self._background(), name="sounds")

    async def close(self) -> None:
        tasks = [task for task in (self._task, *self._speaking.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- in a call ----------------------------------------------------------------------------------------------

    async def sound(self, play: Play) -> AsyncGenerator[Path, None]:
        """The files of a prompt in their order."""
        language, text = play.language, self._worded(play.text, play.language)
        recording = self._recorded.find(language, "" if play.dynamic else play.sound, text)
        if recording is None and language == "nan":
            # Nobody speaks it: better Mandarin than nothing.
            language = "zh"
            recording = self._recorded.find(language, "" if play.dynamic else play.sound, text)
        whole = recording or self._store.find(text, language)
        if whole is not None:
            yield whole
            return
        template = self._worded(self._templates.get((language, play.sound), ""), language)
        cut = pieces(template, text, language) if template else tuple(map(Piece, sentences(text, language)))
        # What must still be said may not be waited away.
        patience = max(1.0, play.limit_s - seconds(text, language))
        for one in [self._ready(piece, language) or self._begin(piece, language) for piece in cut]:
            if isinstance(one, _Coming):
                began = time.monotonic()
                path = await one.within(min(patience, MOST_WAIT_S))
                patience = max(0.0, patience - (time.monotonic() - began))
                one = [path] if path is not None else []
            for path in one:
                yield path

    def knows(self, text: str, language: Language = "zh") -> bool:
        """Whether ``text`` can be said at once."""
        text, language = self._worded(text, language), _spoken_in(language)
        if self._store.find(text, language) is not None:
            return True
        parts = [Piece(one) for one in sentences(text, language)]
        return bool(parts) and all(self._ready(part, language) for part in parts)

    def _ready(self, piece: Piece, language: Language) -> list[Path]:
        """The piece from the shelf: as it stands, put together of words, or clause by clause; empty where it is not."""
        if (path := self._store.find(piece.text, language) or self._put_together(piece, language)) is not None:
            return [path]
        parts = clauses(piece, language)
        found = [path for part in parts if (path := self._store.find(part.text, language)) is not None]
        return found if len(found) == len(parts) else []

    def _put_together(self, piece: Piece, language: Language) -> Path | None:
        """The piece made of words; of longer ones where they are there, else of figures and letters."""
        for known in (self._words, inventory.WORDS) if language == "zh" else ():
            parts = inventory.parts_of(piece, known)
            found = [path for part in parts if (path := self._store.find(part, language)) is not None]
            if parts and len(found) == len(parts):
                return self._join(piece, parts, found, language)
        return None

    def _join(self, piece: Piece, parts: Sequence[str], found: Sequence[Path], language: Language) -> Path | None:
        try:
            sounds = [(part[:-1], read_wav(path)) for part, path in zip(parts, found, strict=True)]
            # Under a name of its own, so that the piece itself may still be spoken.
            return self._store.put(f"{piece.text}\n", language, joined(sounds, piece.text))
        except (OSError, EOFError, wave.Error) as error:
            log.warning("words could not be put together", reason=str(error))
            return None

    def _begin(self, piece: Piece, language: Language) -> "_Coming":
        """Have it spoken, unless it is being spoken already; where it cannot come in time, for the next caller."""
        target = self._store.place(piece.text, language)
        takes_s = self._mouth.takes_s(seconds(piece.text, language))
        if target not in self._speaking:
            if takes_s > _FAR_S:
                self._soon.appendleft((piece.text, language))
                self._news.set()
                return _Coming(target, None, takes_s)
            saying = self._mouth.say(piece.text, speaker(self._store.voice, language), target, now=True)
            task = self._speaking[target] = asyncio.create_task(saying, name="saying")
            task.add_done_callback(lambda _: self._speaking.pop(target, None))
        return _Coming(target, self._speaking[target], takes_s)

    def _worded(self, text: str, language: Language) -> str:
        return inventory.in_english(text, self._names) if language == "en" else text

    # --- in the background --------------------------------------------------------------------------------------

    def expect(self, name: str, values: Iterable[str], *, by_clause: bool = False) -> None:
        """Speak what prompts say where the variable ``name`` is one of ``values``, when there is time, in this order.

        It stands before the inventory's names and behind its prompts and figures. May be told again at any time; what
        is on the shelf is not spoken twice. ``by_clause``: see :func:`ivr.inventory.expected`.
        """
        for text in inventory.expected(self._city, name, values, by_clause=by_clause):
            if len(self._expected) < _MOST_EXPECTED:
                self._expected.setdefault(text)
        self._news.set()

    async def _background(self) -> None:
        await asyncio.sleep(self._first_after_s)
        tidied = float("-inf")
        while True:
            if time.monotonic() - tidied > _TIDY_S:
                removed = await asyncio.to_thread(self._store.tidy, self._keep)
                tidied = time.monotonic()
                if removed:
                    log.info("spoken texts that nobody heard for long are gone", texts=removed)
            saying = self._next()
            if saying is None:
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TIDY_S):
                        await self._news.wait()
                continue
            text, language = saying
            if self._store.find(text, language) is not None:
                await asyncio.sleep(0)
                continue
            while self._mouth.mute:  # noqa: ASYNC110  it is out of order for a while, and nobody says when it is not
                await asyncio.sleep(_MUTE_S)
            began = time.monotonic()
            target = self._store.place(text, language)
            # One that cannot be spoken is passed over: a call that needs it tries again.
            await self._mouth.say(
                text, speaker(self._store.voice, language), target, now=False, keep=target in self._keep
            )
            took = time.monotonic() - began
            await asyncio.sleep(min(_LONGEST_REST_S, took * (_REST_QUIET if self._quiet() else _REST_BUSY)))

    def _next(self) -> tuple[str, Language] | None:
        """What is spoken next in the background."""
        if self._soon:
            return self._soon.popleft()
        if self._expected:
            text = next(iter(self._expected))
            del self._expected[text]
            return text, "zh"
        return self._later.popleft() if self._later else None


def _spoken_in(language: Language) -> Language:
    return "en" if language == "en" else "zh"


def _templates(city: City) -> Iterator[tuple[tuple[Language, str], str]]:
    """(language, name of the sound) → what it says, slots open."""
    for flow in city.ivr:
        for name, prompt in flow.prompts.items():
            yield ("en", f"{flow.key}/{name}"), prompt.en
            yield ("zh", f"{flow.key}/{name}"), prompt.zh
            if prompt.nan:
                yield ("zh", prompt.nan), prompt.zh
