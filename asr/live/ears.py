"""The live ears: every leg's audio in, partial and final utterances out."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from asr.decode.pool import DecodeFailed
from asr.decode.schedule import Kind
from asr.events import UtteranceHeard, UtterancePartial
from asr.live.segmenter import LIVE, Moment
from asr.live.sound import Feed
from asr.live.vad import Hearing
from asr.recognition import Effort, Pcm, Recognition
from asr.record.transcripts import Utterance, has, keep
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
    """What the ears need of :class:`asr.decode.pool.Pool`."""

    async def submit(
        self, utterance_id: str, pcm: Pcm, effort: Effort, /, *, emergency: bool = False
    ) -> "asyncio.Future[Recognition | None]": ...


class LiveDecoder(Decoder, Protocol):
    """And what only living calls need."""

    async def submit(
        self, utterance_id: str, pcm: Pcm, kind: Kind, /, *, emergency: bool = False
    ) -> "asyncio.Future[Recognition | None]": ...

    async def promote(self, utterance_id: str) -> None:
        """The pause that was submitted for this utterance is its end."""
        ...


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
        self._hearing = Hearing(LIVE)
        self._ids: dict[int, str] = {}
        #: What each running utterance was last decoded as: until which second, and with what text.
        self.shown: dict[str, tuple[float, str]] = {}
        #: Its last pause that was sent to be decoded.
        self.pauses: dict[str, asyncio.Future[Recognition | None]] = {}
        #: Its final that was asked for last: finals of one leg are told in their order.
        self.last: asyncio.Task[None] | None = None

    @property
    def unheard_s(self) -> float:
        return sum(map(len, self.blocks)) / 2 / self._feed.rate

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
        self, bus: Bus, database: Database, clock: Clock, pool: LiveDecoder, emergency: Callable[[str], bool]
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
        #: Finished utterances that are not stored yet, by id: when each ended, on the loop's clock. Oldest first.
        self._open: dict[str, float] = {}
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
        if self._open:
            log.error("utterances were not stored", count=len(self._open))

    def backlog(self) -> int:
        """Finished utterances that are not stored yet."""
        return len(self._open)

    def lag(self) -> float:
        """Seconds since the oldest of them ended, or of sound that nobody has listened to; 0 when all is done."""
        oldest = next(iter(self._open.values()), None)
        stored = 0.0 if oldest is None else asyncio.get_running_loop().time() - oldest
        return max(stored, *(stream.unheard_s for stream in (*self._streams.values(), *self._ending)), 0.0)

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
        ended = {moment.number for moment in moments if moment.final}
        for moment in moments:
            if not moment.final and moment.number in ended:
                # We are behind: nobody needs to see how it began.
                continue
            utterance_id = stream.id_of(moment)
            if moment.final:
                self._open[utterance_id] = asyncio.get_running_loop().time()
            task = asyncio.create_task(self._decode(stream, moment, utterance_id, stream.last))
            if moment.final:
                stream.last = task
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

    async def _decode(
        self, stream: _Stream, moment: Moment, utterance_id: str, former: asyncio.Task[None] | None
    ) -> None:
        try:
            found = await self._recognise(stream, moment, utterance_id)
        except DecodeFailed as error:
            log.error("an utterance was not recognised", call_id=stream.call_id, leg=stream.leg, reason=str(error))
            found = None
        if not moment.final:
            self._show(stream, moment, utterance_id, found)
            return
        if former is not None:
            await asyncio.wait([former])
        if found is not None and found.text:
            await self._heard.put(self._finished(stream, moment, utterance_id, found))
        else:
            del self._open[utterance_id]
            self._withdraw(stream, moment, utterance_id)
        stream.shown.pop(utterance_id, None)

    async def _recognise(self, stream: _Stream, moment: Moment, utterance_id: str) -> Recognition | None:
        pause = stream.pauses.pop(utterance_id, None) if moment.final else None
        if moment.paused and pause is not None:
            # Nothing was said since: what was heard by then is all of it, and its decoding began that much earlier.
            await self._pool.promote(utterance_id)
            if (found := await pause) is not None:
                return found
        urgent = self._emergency(stream.call_id)
        answer = await self._pool.submit(utterance_id, moment.pcm, moment.kind, emergency=urgent)
        if moment.kind == "pause":
            stream.pauses[utterance_id] = answer
        return await answer

    def _show(self, stream: _Stream, moment: Moment, utterance_id: str, found: Recognition | None) -> None:
        over = utterance_id not in stream._ids.values()
        until, text = stream.shown.get(utterance_id, (0.0, ""))
        # Processes work side by side: an earlier look may be done after a later one.
        if found is None or over or not found.text or moment.end_s < until:
            return
        stream.shown[utterance_id] = moment.end_s, found.text
        if text != found.text:
            self._bus.publish(self._partial(stream, moment, utterance_id, found))

    def _withdraw(self, stream: _Stream, moment: Moment, utterance_id: str) -> None:
        if utterance_id in stream.shown:
            self._bus.publish(self._partial(stream, moment, utterance_id, Recognition("", "", 0.0)))

    def _partial(self, stream: _Stream, moment: Moment, utterance_id: str, found: Recognition) -> UtterancePartial:
        return UtterancePartial(**self._told(stream, moment, utterance_id, found))

    def _finished(
        self, stream: _Stream, moment: Moment, utterance_id: str, found: Recognition
    ) -> tuple[UtteranceHeard, Utterance]:
        event = UtteranceHeard(**self._told(stream, moment, utterance_id, found))
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
            names=[asdict(name) for name in event.names],
            at=stream.opened_at + timedelta(seconds=moment.start_s),
        )
        return event, row

    def _told(self, stream: _Stream, moment: Moment, utterance_id: str, found: Recognition) -> dict[str, Any]:
        """What partial and final say alike."""
        return {
            "at": self._clock.now(),
            "call_id": stream.call_id,
            "utterance_id": utterance_id,
            "leg": stream.leg,
            "text": found.text,
            "raw": found.raw,
            "start_s": round(stream.offset_s + moment.start_s, 2),
            "end_s": round(stream.offset_s + moment.end_s, 2),
            "confidence": round(found.confidence, 3),
            "names": found.names,
        }

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
            del self._open[event.utterance_id]
            self._heard.task_done()

    async def _store(self, event: UtteranceHeard, row: Utterance) -> None:
        async with self._database.work() as work:
            # A commit whose answer was lost has stored it already.
            if await has(work.session, row.id):
                return
            await keep(work.session, _copy(row))
            work.record(event)


def _copy(row: Utterance) -> Utterance:
    """A fresh row for each attempt: one that was in a failed transaction cannot be added to another."""
    return Utterance(**{column.key: getattr(row, column.key) for column in Utterance.__table__.columns})
