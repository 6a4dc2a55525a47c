"""After the call: the whole recording once more, and better; this becomes the transcript of record."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import structlog

from asr.decode.pool import PoolStopped
from asr.events import TranscriptReady
from asr.live.ears import Decoder
from asr.live.sound import read_recording
from asr.recognition import RATE, Pcm
from asr.record import corrections
from asr.record.backlog import Backlog, Fault, State, TranscriptPass, look
from asr.record.transcribe import Segment, transcribe
from asr.record.transcripts import PendingRecording, Utterance, forget_pending, pending, replace_record
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from core.ids import new_id
from telephony.events import Leg

log = structlog.get_logger(__name__)
#: The sides of a recording: a third who was called in is on the call taker's.
_LEGS: tuple[Leg, Leg] = ("caller", "agent")

#: Asterisk finishes its file a moment after the call has ended.
_PATIENCE = (0.0, 1.0, 3.0)
_PAUSE_S = 5.0
#: Tries at one recording until the next start.
_TRIES = 3
#: Bytes of a WAV file without any sound.
_HEADER = 44
#: Seconds between two notes of how far a recording is.
_NOTE_S = 3.0


class _Unreadable(HeyiError):
    """A side of a recording that cannot be transcribed."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


@dataclass
class _Progress:
    """How a pass stands, besides its row."""

    state: State = "working"
    fault: Fault = ""
    reason: str = ""
    done_s: float = 0.0
    total_s: float = 0.0

    def went_wrong(self, leg: Leg, error: _Unreadable) -> None:
        self.state = "half" if self.state == "working" else "failed"
        # A file that is damaged asks for more than one that never was.
        self.fault = "damaged" if "damaged" in (self.fault, error.fault) else error.fault
        self.reason = "; ".join(filter(None, (self.reason, f"{leg}: {error.message}")))[:400]


class AfterCall:
    """Transcribes recordings one call after the other, behind all living callers in the same pool."""

    def __init__(self, database: Database, clock: Clock, pool: Decoder) -> None:
        self._database = database
        self._clock = clock
        self._pool = pool
        self._news = asyncio.Event()
        self._tries: Counter[str] = Counter()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="after")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes up what an earlier run left."""
        self._news.set()
        self._task = asyncio.create_task(self._run(), name="after:run")

    async def close(self) -> None:
        """Stops; a recording that was not finished is taken up again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(cancel_futures=True)

    async def submit(self, call_id: str, caller_wav: Path, agent_wav: Path, *, agent_from_s: float = 0.0) -> None:
        """Notes a finished call's recording (one mono WAV per leg) for transcription; a second time does no harm.

        The agent's side is heard from second ``agent_from_s`` on: before it, it holds what Asterisk played.
        """
        async with self._database.work() as work:
            await work.session.merge(
                PendingRecording(
                    call_id=call_id,
                    caller_wav=str(caller_wav),
                    agent_wav=str(agent_wav),
                    agent_from_s=agent_from_s,
                    since=self._clock.now(),
                )
            )
        self._news.set()

    async def backlog(self) -> int:
        """Recordings that wait or are being worked on."""
        return (await self.look()).waiting

    async def look(self) -> Backlog:
        """What is left to do, and the faults of this moment on."""
        async with self._database.read() as session:
            return await look(session, self._clock.now())

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                async with self._database.read() as session:
                    waiting = await pending(session)
                again = not all([await self._try(recording) for recording in waiting])
            except Exception:
                log.exception("pending recordings could not be read", again_in_s=_PAUSE_S)
                again = True
            if again:
                await asyncio.sleep(_PAUSE_S)
                self._news.set()

    async def _try(self, recording: PendingRecording) -> bool:
        """True when nothing is left to do for it in this run."""
        call_id = recording.call_id
        if self._tries[call_id] >= _TRIES:
            return True
        self._tries[call_id] += 1
        progress = _Progress()
        try:
            async with self._noted(call_id, progress):
                await self._transcribe(recording, progress)
        except PoolStopped:
            # Being shut down: it stays pending for the next start.
            return True
        except Exception:
            log.exception("a recording could not be transcribed", call_id=call_id)
            return self._tries[call_id] >= _TRIES
        del self._tries[call_id]
        return True

    async def _transcribe(self, recording: PendingRecording, progress: _Progress) -> None:
        call_id = recording.call_id
        if await self._was_corrected(call_id):
            # What a person has put right is not replaced by what a machine hears.
            async with self._database.work() as work:
                await forget_pending(work.session, call_id)
            return
        legs: dict[str, Pcm] = {}
        for leg, wav in zip(_LEGS, (recording.caller_wav, recording.agent_wav), strict=True):
            try:
                pcm = await self._read(Path(wav))
            except _Unreadable as error:
                log.warning("a recording is not transcribed", call_id=call_id, leg=leg, reason=str(error))
                progress.went_wrong(leg, error)
                continue
            if leg == "agent":
                pcm = pcm.copy()
                pcm[: int(recording.agent_from_s * RATE)] = 0
            legs[leg] = pcm
        progress.total_s = sum(pcm.size for pcm in legs.values()) / RATE

        def done(seconds: float) -> None:
            progress.done_s = min(progress.done_s + seconds, progress.total_s)

        # One stretch at a time: more would only wait in the pool before the living, and a restart would lose them all.
        segments = await transcribe(legs, self._pool, done=done)
        async with self._database.work() as work:
            if not legs:
                # What was heard live stays the transcript.
                await forget_pending(work.session, call_id)
                return
            await replace_record(work.session, call_id, [self._row(call_id, segment) for segment in segments])
            work.record(TranscriptReady(at=self._clock.now(), call_id=call_id, utterances=len(segments)))

    @contextlib.asynccontextmanager
    async def _noted(self, call_id: str, progress: _Progress) -> AsyncIterator[None]:
        """Keep the row of this pass up to date while it goes on, and say how it ended."""
        row = TranscriptPass(call_id=call_id, began_at=self._clock.now(), ended_at=None)

        async def note() -> None:
            async with self._database.work() as work:
                # Until its end it is being worked on, whatever side was missing.
                row.state = progress.state if row.ended_at is not None else "working"
                row.fault, row.reason = progress.fault, progress.reason
                row.done_s, row.total_s = round(progress.done_s, 1), round(progress.total_s, 1)
                await work.session.merge(row)

        async def now_and_then() -> None:
            while True:
                await asyncio.sleep(_NOTE_S)
                with contextlib.suppress(Exception):  # the pass itself will find out what ails the database
                    await note()

        await note()
        over = False
        noting = asyncio.create_task(now_and_then(), name="after:progress")
        try:
            yield
            over = True
            progress.state = "done" if progress.state == "working" else progress.state
        except Exception as error:
            if not isinstance(error, PoolStopped):
                over, progress.state, progress.fault = True, "failed", "error"
                progress.reason = (str(error).splitlines() or [repr(error)])[0][:400]
            raise
        finally:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)
            row.ended_at = self._clock.now() if over else None
            with contextlib.suppress(Exception):
                await note()

    async def _was_corrected(self, call_id: str) -> bool:
        async with self._database.read() as session:
            return bool(await corrections.of_call(session, call_id))

    async def _read(self, wav: Path) -> Pcm:
        loop = asyncio.get_running_loop()
        for pause in _PATIENCE:
            await asyncio.sleep(pause)
            if await loop.run_in_executor(self._thread, _size, wav) > _HEADER:
                try:
                    return await loop.run_in_executor(self._thread, read_recording, wav)
                except HeyiError as error:
                    raise _Unreadable("damaged", error.message) from error
        raise _Unreadable("missing", f"the recording {wav} is not there or empty")

    def _row(self, call_id: str, segment: Segment) -> Utterance:
        return Utterance(
            id=new_id(),
            call_id=call_id,
            leg=cast(Leg, segment.leg),
            source="record",
            start_s=segment.start_s,
            end_s=segment.end_s,
            text=segment.found.text,
            raw=segment.found.raw,
            confidence=round(segment.found.confidence, 3),
            names=[asdict(name) for name in segment.found.names],
            at=self._clock.now(),
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
