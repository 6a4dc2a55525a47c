"""The live ears: every leg's audio in, partial and final utterances out."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from asr.events import UtteranceHeard, UtterancePartial
from asr.pool import DecodeFailed
from asr.recognition import Effort, Pcm, Recognition
from asr.segmenter import Moment
from asr.sound import Feed
from asr.transcripts import Utterance, has
from asr.vad import Hearing
from core.bus import Bus
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from core.ids import new_id
from telephony.events import Leg

log = structlog.get_logger(__name__)

#: Blocks come every 20 ms and frames last 32: to look less often costs nothing and saves wake-ups.
_LOOK_EVERY_S = 0.03
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
#: At close a database that refuses gets this long to come back.
_GRACE_S = 10.0
#: Legs whose beginning is remembered, for taps that break and come back.
_REMEMBERED = 2000


class Decoder(Protocol):
    """What the ears need of :class:`asr.pool.Pool`."""

    async def submit(
        self, utterance_id: str, pcm: Pcm, effort: Effort, *, emergency: bool = False
    ) -> "asyncio.Future[Recognition | None]": ...


class _Stream:
    """One leg. ``hear`` runs in the ears' thread, everything else on the event loop."""

    def __init__(self, call_id: str, leg: Leg, rate: int, opened_at: datetime, offset_s: float) -> None:
        self.call_id = call_id
        self.leg = leg
        self.opened_at = opened_at
        #: Audio of this leg that went before, when its tap broke and came back.
        self.offset_s = offset_s
        self.closing = False
        #: Heard to its end.
        self.over = False
        self.blocks: list[bytes] = []
        self._feed = Feed(rate)
        self._hearing = Hearing()
        self._ids: dict[int, str] = {}
        #: Text last shown of each running utterance.
        self.shown: dict[str, str] = {}

    def hear(self, block: bytes, last: bool) -> list[Moment]:
        moments = self._hearing.push(self._feed.push(block)) if block else []
        return moments + self._hearing.flush() if last else moments

    def id_of(self, moment: Moment) -> str:
        found = self._ids.setdefault(moment.number, new_id())
        if moment.final:
            del self._ids[moment.number]
        return found


class Ears:
    """Implements :class:`telephony.audio.AudioSink`.

    Partials go straight onto the bus; one with empty ``text`` takes back what an earlier one showed. Finals are stored,
    as a row and as an event, before anybody hears of them; while the database refuses they are kept and tried again.
    """

    def __init__(
        self, bus: Bus, database: Database, clock: Clock, pool: Decoder, emergency: Callable[[str], bool]
    ) -> None:
        """``emergency`` says of a call's id whether it goes before others, asked anew for every utterance."""
        self._bus = bus
        self._database = database
        self._clock = clock
        self._pool = pool
        self._emergency = emergency
        self._streams: dict[tuple[str, Leg], _Stream] = {}
        self._ending: list[_Stream] = []
        self._began: OrderedDict[tuple[str, Leg], datetime] = OrderedDict()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ears")
        self._asked: set[asyncio.Task[None]] = set()
        self._heard: asyncio.Queue[tuple[UtteranceHeard, Utterance]] = asyncio.Queue()
        self._finals = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._listen(), name="ears:listen"),
            asyncio.create_task(self._keep(), name="ears:keep"),
        ]

    async def close(self) -> None:
        """Ends every leg, waits until what was said is decoded and stored, then stops."""
        for call_id, leg in tuple(self._streams):
            self.closed(call_id, leg)
        if self._tasks:
            await self._ended.wait()
            # A pool whose processes cannot start would keep us here for ever; the recording still has the words.
            deadline = asyncio.get_running_loop().time() + _GRACE_S
            while self._asked and asyncio.get_running_loop().time() < deadline:
                await asyncio.wait(self._asked, timeout=_GRACE_S)
            for task in tuple(self._asked):
                task.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.join(), _GRACE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._thread.shutdown()
        if self._finals:
            log.error("utterances were not stored", count=self._finals)

    def backlog(self) -> int:
        """Finished utterances that are not stored yet."""
        return self._finals

    def opened(self, call_id: str, leg: Leg, rate: int) -> None:
        self.closed(call_id, leg)
        now = self._clock.now()
        began = self._began.setdefault((call_id, leg), now)
        while len(self._began) > _REMEMBERED:
            self._began.popitem(last=False)
        try:
            stream = _Stream(call_id, leg, rate, now, (now - began).total_seconds())
        except HeyiError as error:
            log.error("a leg cannot be heard", call_id=call_id, leg=leg, reason=str(error))
            return
        self._streams[call_id, leg] = stream

    def audio(self, call_id: str, leg: Leg, pcm: bytes) -> None:
        stream = self._streams.get((call_id, leg))
        if stream is not None and pcm:
            stream.blocks.append(bytes(pcm))
            self._news.set()

    def closed(self, call_id: str, leg: Leg) -> None:
        stream = self._streams.pop((call_id, leg), None)
        if stream is not None:
            stream.closing = True
            self._ending.append(stream)
            self._ended.clear()
            self._news.set()

    async def _listen(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            for stream in (*self._ending, *self._streams.values()):
                await self._hear(stream)
            # Legs may have ended while others were heard: those come next time.
            self._ending = [stream for stream in self._ending if not stream.over]
            if not self._ending:
                self._ended.set()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _hear(self, stream: _Stream) -> None:
        block, last = b"".join(stream.blocks), stream.closing
        stream.blocks.clear()
        if not block and not last:
            return
        try:
            moments = await asyncio.get_running_loop().run_in_executor(self._thread, stream.hear, block, last)
        except Exception:
            # One leg's trouble must not deafen the others.
            log.exception("a leg could not be heard", call_id=stream.call_id, leg=stream.leg)
            return
        finally:
            stream.over = last
        for moment in moments:
            self._finals += moment.final
            task = asyncio.create_task(self._decode(stream, moment, stream.id_of(moment)))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

    async def _decode(self, stream: _Stream, moment: Moment, utterance_id: str) -> None:
        effort: Effort = "final" if moment.final else "partial"
        urgent = self._emergency(stream.call_id)
        try:
            found = await (await self._pool.submit(utterance_id, moment.pcm, effort, emergency=urgent))
        except DecodeFailed as error:
            log.error("an utterance was not recognised", call_id=stream.call_id, leg=stream.leg, reason=str(error))
            found = None
        if not moment.final:
            self._show(stream, moment, utterance_id, found)
        elif found is not None and found.text:
            await self._heard.put(self._finished(stream, moment, utterance_id, found))
        else:
            self._finals -= 1
            self._withdraw(stream, moment, utterance_id)
        if moment.final:
            stream.shown.pop(utterance_id, None)

    def _show(self, stream: _Stream, moment: Moment, utterance_id: str, found: Recognition | None) -> None:
        over = utterance_id not in stream._ids.values()
        if found is None or over or not found.text or stream.shown.get(utterance_id) == found.text:
            return
        stream.shown[utterance_id] = found.text
        self._bus.publish(self._partial(stream, moment, utterance_id, found))

    def _withdraw(self, stream: _Stream, moment: Moment, utterance_id: str) -> None:
        if stream.shown.get(utterance_id):
            self._bus.publish(self._partial(stream, moment, utterance_id, Recognition("", "", 0.0)))

    def _partial(self, stream: _Stream, moment: Moment, utterance_id: str, found: Recognition) -> UtterancePartial:
        return UtterancePartial(
            at=self._clock.now(),
            call_id=stream.call_id,
            utterance_id=utterance_id,
            leg=stream.leg,
            text=found.text,
            raw=found.raw,
            start_s=round(stream.offset_s + moment.start_s, 2),
            end_s=round(stream.offset_s + moment.end_s, 2),
            confidence=round(found.confidence, 3),
        )

    def _finished(
        self, stream: _Stream, moment: Moment, utterance_id: str, found: Recognition
    ) -> tuple[UtteranceHeard, Utterance]:
        event = UtteranceHeard(
            at=self._clock.now(),
            call_id=stream.call_id,
            utterance_id=utterance_id,
            leg=stream.leg,
            text=found.text,
            raw=found.raw,
            start_s=round(stream.offset_s + moment.start_s, 2),
            end_s=round(stream.offset_s + moment.end_s, 2),
            confidence=round(found.confidence, 3),
        )
        row = Utterance(
            id=utterance_id,
            call_id=stream.call_id,
            leg=event.leg,
            source="live",
            start_s=event.start_s,
            end_s=event.end_s,
            text=event.text,
            raw=event.raw,
            confidence=event.confidence,
            at=stream.opened_at + timedelta(seconds=moment.start_s),
        )
        return event, row

    async def _keep(self) -> None:
        while True:
            event, row = await self._heard.get()
            pause = _FIRST_PAUSE_S
            while True:
                try:
                    await self._store(event, row)
                    break
                except Exception as error:
                    log.error("an utterance waits for the database", call_id=event.call_id, reason=str(error))
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_S)
            self._finals -= 1
            self._heard.task_done()

    async def _store(self, event: UtteranceHeard, row: Utterance) -> None:
        async with self._database.work() as work:
            # A commit whose answer was lost has stored it already.
            if await has(work.session, row.id):
                return
            work.session.add(_copy(row))
            work.record(event)


def _copy(row: Utterance) -> Utterance:
    """A fresh row for each attempt: one that was in a failed transaction cannot be added to another."""
    return Utterance(**{column.key: getattr(row, column.key) for column in Utterance.__table__.columns})
