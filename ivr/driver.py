"""Carries out what a session asks for, on one caller's line.

One loop takes inputs (keys, words, judgements, answers, time) from an inbox, hands each to the session and begins what
comes back. Beside it one task has the line, which can do one thing at a time: it says what is to be said, else it is
quiet and listens for keys. What a driver needs it is given: a line, sounds, look-ups, a journal.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog

from core.errors import HeyiError
from ivr.choosing import plain
from ivr.fetching import Fetching
from ivr.journal import Notes
from ivr.keys import KeysOnce
from ivr.line import voiced_s
from ivr.session import Session
from ivr.signals import (
    CallBack,
    Ending,
    HangUp,
    Heard,
    HungUp,
    Input,
    Judged,
    Key,
    LookedUp,
    LookUp,
    Note,
    Output,
    Play,
    Played,
    Queue,
    Record,
    Recorded,
    Started,
    TimeUp,
    Transfer,
    TransferFailed,
    Waiting,
)
from ivr.ways import WAYS, Left, way_of
from telephony.agi import AgiError, Gone

log = structlog.get_logger(__name__)

#: The recorder ends by itself at its limit; only one that does not is given up.
_RECORDER_S = 3.0
#: Before the end of a recording counts, the key that ended it may still be told.
_MOMENT_S = 0.05
#: The line is left alone for so long, much less than the dialplan's patience, while what it has told is heeded or
#: something is looked up: mostly what comes next is there sooner, and silence that was begun would have to be stopped.
_REST_S = 0.3


class Line(Protocol):
    """The caller's channel; what takes time raises :class:`telephony.agi.Gone` once he is gone."""

    @property
    def tells_keys(self) -> bool:
        """Whether keys come by :meth:`Driver.pressed` also while the line does nothing."""

    async def play(self, sound: Path) -> str: ...
    async def quiet(self) -> str: ...
    async def record(self, file: Path, limit_s: float, silence_s: float) -> str: ...
    async def stop(self, *, by_key: bool = False) -> None: ...
    async def leave(self, way: str, to: str = "", priority: int = 0, ring_s: float = 0) -> None: ...


class Sounds(Protocol):
    """What is to be heard, as files one after the other; raises nothing."""

    def sound(self, play: Play) -> AsyncIterator[Path]: ...


class LookUps(Protocol):
    """Answers of :data:`core.city_ivr.LOOK_UPS` for this call, and the number behind a name that one gave."""

    async def look_up(self, name: str, arguments: Mapping[str, str]) -> tuple[str, Mapping[str, str]]: ...
    async def party_number(self, party: str) -> str | None: ...


@dataclass(frozen=True)
class _Found:
    """The number of whom a transfer is to."""

    transfer: Transfer
    number: str


class _Cut:
    """The caller is wanted where he came from."""


class Driver:
    """One session on one line at a time. Inputs from elsewhere come by :meth:`tell` and :meth:`pressed`."""

    def __init__(
        self,
        call_id: str,
        session: Session,
        sounds: Sounds,
        look_ups: LookUps,
        notes: Notes,
        recordings: Path,
        now: Callable[[], datetime],
    ) -> None:
        """``recordings``: the folder for messages, ``<call id>-voice-<n>.wav``."""
        self.call_id, self.session = call_id, session
        self._sounds, self._look_ups, self._notes = sounds, look_ups, notes
        self._recordings, self._now = recordings, now
        self._inbox: asyncio.Queue[_Told] = asyncio.Queue()
        self._keys = KeysOnce()
        self._messages = 0
        #: What the line is to do; None: be quiet.
        self._wanted: Play | Record | None = None
        self._files: Fetching | None = None
        self._leaving = False
        #: The last input was a key: what he pressed it into ends by itself.
        self._by_key = False
        self._asking: asyncio.Task[None] | None = None
        #: What was looked up while the line was left alone.
        self._rested: asyncio.Task[None] | None = None
        #: What has come in was heeded: :attr:`_wanted` is what is wanted now.
        self._heeded = asyncio.Event()
        #: The output that is waited for, and until when.
        self._due: tuple[int, float] | None = None

    # -- what others tell

    def tell(self, *inputs: Heard | Judged) -> None:
        for one in inputs:
            self._inbox.put_nowait(one)

    def pressed(self, digit: str) -> None:
        """By the manager interface."""
        if self._keys.is_new("manager", digit, asyncio.get_running_loop().time()):
            self._inbox.put_nowait(Key(digit))

    def cut(self) -> None:
        """Break off, and give the caller back: a desk is there for him."""
        self._inbox.put_nowait(_Cut())

    # -- the walk

    async def run(self, line: Line) -> Left:
        """Until the session ends, the caller is gone, or somebody outside is rung for him."""
        return await self._walk(line, Started())

    async def resume(self, line: Line) -> Left:
        """Go on where somebody outside was rung, and did not take it."""
        return await self._walk(line, TransferFailed(self.session.waits_for))

    async def _walk(self, line: Line, first: Input) -> Left:
        self._wanted, self._due, self._leaving, self._by_key = None, None, False, False
        holding = asyncio.create_task(self._hold(line), name=f"line {self.call_id}")
        try:
            outputs = self.session.handle(first, self._now())
            while True:
                last = await self._begin(line, outputs)
                if self._inbox.empty():
                    self._heeded.set()
                if last is not None:
                    return await self._leave(line, holding, last)
                one = await self._next()
                self._by_key = isinstance(one, Key)
                match one:
                    case Gone() | AgiError():
                        await self._begin(line, self.session.handle(HungUp(), self._now()))
                        return Left("caller" if isinstance(one, Gone) else "late")
                    case _Cut():
                        return await self._leave(line, holding, Queue(keep=True))
                    case _Found(transfer=transfer, number=number):
                        if transfer.of == self.session.waits_for:
                            return await self._leave(line, holding, transfer, number)
                        outputs = ()
                    case _:
                        outputs = self._handled(one)
        finally:
            await _cancelled(holding)
            await _cancelled(self._asking)
            await self._shelve()

    def _handled(self, one: Input) -> tuple[Output, ...]:
        now = self._now()
        if isinstance(one, Heard) and not one.final and self.session.state == "asking" and plain(one.text):
            # Whoever answers into a question has heard enough of it.
            return (*self.session.handle(Played(self.session.waits_for), now), *self.session.handle(one, now))
        return self.session.handle(one, now)

    async def _next(self) -> "_Told":
        """The next input; time itself where an output's limit comes first."""
        if self._due is None:
            return await self._inbox.get()
        of, at = self._due
        try:
            async with asyncio.timeout_at(at):
                return await self._inbox.get()
        except TimeoutError:
            self._due = None
            return TimeUp(of)

    async def _begin(self, line: Line, outputs: tuple[Output, ...]) -> Ending | Transfer | None:
        """Begin what is asked for; what ends this part, where something does."""
        last: Ending | Transfer | None = None
        waiting: Waiting | None = None
        for output in outputs:
            match output:
                case Note():
                    self._notes.note(self.call_id, output)
                case Queue() | CallBack() | HangUp():
                    last = output
                case Transfer() if not output.party:
                    last = output
                case _:
                    waiting = output
        if last is not None or waiting is None:
            return last
        await _cancelled(self._asking)
        self._due = waiting.of, asyncio.get_running_loop().time() + _limit_s(waiting)
        self._asking = None
        if isinstance(waiting, LookUp):
            self._asking = asyncio.create_task(self._look_up(waiting), name=f"look-up {self.call_id}")
        elif isinstance(waiting, Transfer):
            self._asking = asyncio.create_task(self._find(waiting), name=f"party {self.call_id}")
        await self._change(line, waiting if isinstance(waiting, Play | Record) else None)
        return None

    async def _look_up(self, wanted: LookUp) -> None:
        try:
            result, values = await self._look_ups.look_up(wanted.name, wanted.arguments)
            self._inbox.put_nowait(LookedUp(wanted.of, result, values))
        except HeyiError as error:
            log.info("a look-up had no answer", call_id=self.call_id, name=wanted.name, reason=str(error))
            self._inbox.put_nowait(LookedUp(wanted.of, None))
        except Exception as error:
            # Whatever is wrong there, this caller goes on to a person.
            log.error("a look-up failed", call_id=self.call_id, name=wanted.name, error=repr(error)[:200])
            self._inbox.put_nowait(LookedUp(wanted.of, None))

    async def _find(self, wanted: Transfer) -> None:
        number = None
        with contextlib.suppress(HeyiError):
            number = await self._look_ups.party_number(wanted.party)
        self._inbox.put_nowait(_Found(wanted, number) if number else TransferFailed(wanted.of))

    async def _leave(
        self, line: Line, holding: "asyncio.Task[None]", last: Ending | Transfer, number: str = ""
    ) -> Left:
        """Give the caller back to the dialplan. The line is free first: it takes one command at a time."""
        how, to = way_of(last)
        self._wanted, self._leaving = None, True
        self._heeded.set()
        await line.stop(by_key=self._by_key)
        await asyncio.wait([holding])
        try:
            priority = last.priority if isinstance(last, Queue) else 0
            ring_s = last.ring_s if isinstance(last, Transfer) else 0.0
            await line.leave(WAYS[how], number or to, priority, ring_s)
        except Gone:
            return Left("caller", last=last)
        return Left(how, to, last)

    # -- the line

    async def _change(self, line: Line, wanted: Play | Record | None) -> None:
        """From now on the line does this; one that is quiet already stays so."""
        former, self._wanted = self._wanted, wanted
        if former is None and wanted is None:
            return
        self._heeded.clear()
        await self._shelve()
        if isinstance(wanted, Play):
            self._files = Fetching(self._sounds.sound(wanted))
        self._heeded.set()
        await line.stop(by_key=self._by_key)

    async def _shelve(self) -> None:
        files, self._files = self._files, None
        if files is not None:
            await files.close()

    async def _hold(self, line: Line) -> None:
        """Has the line, until it is to be left or the caller is gone."""
        try:
            while not self._leaving:
                match self._wanted:
                    case Play() as play if self._files is not None:
                        await self._say(line, play, self._files)
                    case Play():  # what was said before it is being put away
                        await self._rest()
                    case Record() as record:
                        await self._record(line, record)
                    case _ if line.tells_keys and self._asking is not None and self._asking is not self._rested:
                        self._rested = self._asking
                        self._heeded.clear()
                        await self._rest()
                    case _:
                        await self._ended_by(await line.quiet())
        except (Gone, AgiError) as error:
            self._inbox.put_nowait(error)
        except Exception as error:
            log.error("a line failed", call_id=self.call_id, error=repr(error)[:200])
            self._inbox.put_nowait(AgiError(str(error)))

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REST_S):
                await self._heeded.wait()

    async def _tell(self, one: Input) -> None:
        """Something of the line; what it is to do is looked at again when that was heeded."""
        self._heeded.clear()
        self._inbox.put_nowait(one)
        await self._rest()

    async def _ended_by(self, key: str) -> bool:
        if key and self._keys.is_new("channel", key, asyncio.get_running_loop().time()):
            await self._tell(Key(key))
        return bool(key)

    async def _say(self, line: Line, play: Play, files: Fetching) -> None:
        """One piece of what is to be said."""
        path = await files.next()
        if self._wanted is not play:
            return
        if path is not None:
            if not await self._ended_by(await line.play(path)):
                return
        elif not files.over:  # it is being spoken just now
            with files.waited_for(line.stop):
                await self._ended_by(await line.quiet())
            return
        # Said, or cut short by a key: if that meant something, this comes late and changes nothing.
        if self._wanted is play:
            self._wanted = None
            await self._tell(Played(play.of))

    async def _record(self, line: Line, record: Record) -> None:
        self._messages += 1
        file = self._recordings / f"{self.call_id}-voice-{self._messages}.wav"
        await self._ended_by(await line.record(file, record.limit_s, record.silence_s))
        await asyncio.sleep(_MOMENT_S)
        seconds = await asyncio.to_thread(voiced_s, file)
        if self._wanted is record:
            self._wanted = None
        await self._tell(Recorded(record.of, file.name if seconds else "", seconds))


#: What comes into a driver's inbox.
_Told = Input | _Found | _Cut | Gone | AgiError


def _limit_s(waiting: Waiting) -> float:
    match waiting:
        case Transfer():
            return waiting.ring_s
        case Record():
            return waiting.limit_s + _RECORDER_S
        case _:
            return waiting.limit_s


async def _cancelled(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
