"""After the call: the whole recording once more, and better; this becomes the transcript of record."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import structlog

from asr.ears import Decoder
from asr.events import TranscriptReady
from asr.pool import DecodeFailed, PoolStopped
from asr.recognition import RATE, Pcm
from asr.segmenter import Cut, Moment
from asr.sound import read_recording
from asr.transcripts import PendingRecording, Utterance, forget_pending, pending, replace_record
from asr.vad import Hearing
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from core.ids import new_id
from telephony.events import Leg

log = structlog.get_logger(__name__)

#: Asterisk finishes its file a moment after the call has ended.
_PATIENCE = (0.0, 1.0, 3.0)
_PAUSE_S = 5.0
#: Tries at one recording until the next start.
_TRIES = 3
#: Bytes of a WAV file without any sound.
_HEADER = 44
#: Nobody waits for the end of an utterance here, so a sentence with a pause in it stays whole.
_CUT = Cut(endpoint_s=1.2)


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
        async with self._database.read() as session:
            return len(await pending(session))

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
        if self._tries[recording.call_id] >= _TRIES:
            return True
        self._tries[recording.call_id] += 1
        try:
            await self._transcribe(recording)
        except PoolStopped:
            # Being shut down: it stays pending for the next start.
            return True
        except Exception:
            log.exception("a recording could not be transcribed", call_id=recording.call_id)
            return self._tries[recording.call_id] >= _TRIES
        del self._tries[recording.call_id]
        return True

    async def _transcribe(self, recording: PendingRecording) -> None:
        call_id, rows = recording.call_id, []
        readable = False
        for leg, wav in zip(get_args(Leg), (recording.caller_wav, recording.agent_wav), strict=True):
            try:
                pcm = await self._read(Path(wav))
            except HeyiError as error:
                log.warning("a recording is not transcribed", call_id=call_id, leg=leg, reason=str(error))
                continue
            readable = True
            if leg == "agent":
                pcm = pcm.copy()
                pcm[: int(recording.agent_from_s * RATE)] = 0
            rows += await self._leg(call_id, leg, pcm)
        async with self._database.work() as work:
            if not readable:
                # What was heard live stays the transcript.
                await forget_pending(work.session, call_id)
                return
            await replace_record(work.session, call_id, rows)
            work.record(TranscriptReady(at=self._clock.now(), call_id=call_id, utterances=len(rows)))

    async def _read(self, wav: Path) -> Pcm:
        loop = asyncio.get_running_loop()
        for pause in _PATIENCE:
            await asyncio.sleep(pause)
            if await loop.run_in_executor(self._thread, _size, wav) > _HEADER:
                return await loop.run_in_executor(self._thread, read_recording, wav)
        raise HeyiError(f"the recording {wav} is not there or empty")

    async def _leg(self, call_id: str, leg: Leg, pcm: Pcm) -> list[Utterance]:
        loop = asyncio.get_running_loop()
        moments = await loop.run_in_executor(self._thread, utterances, pcm)
        rows: list[Utterance] = []
        # One at a time: more would only wait in the pool, and a restart would lose them all.
        for moment in moments:
            row_id = new_id()
            try:
                found = await (await self._pool.submit(row_id, moment.pcm, "record"))
            except PoolStopped:
                raise
            except DecodeFailed as error:
                log.error("part of a recording was not recognised", call_id=call_id, leg=leg, reason=str(error))
                continue
            if found is not None and found.text:
                rows.append(
                    Utterance(
                        id=row_id,
                        call_id=call_id,
                        leg=leg,
                        source="record",
                        start_s=round(moment.start_s, 2),
                        end_s=round(moment.end_s, 2),
                        text=found.text,
                        raw=found.raw,
                        confidence=round(found.confidence, 3),
                        at=self._clock.now(),
                    )
                )
        return rows


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def utterances(pcm: Pcm) -> list[Moment]:
    """All finished utterances of a whole recording at 16 kHz."""
    hearing = Hearing(_CUT)
    moments: list[Moment] = []
    for start in range(0, pcm.size, RATE):
        moments += [m for m in hearing.push(pcm[start : start + RATE]) if m.final]
    return moments + hearing.flush()
