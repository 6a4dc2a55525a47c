"""Decode processes, and the line of jobs before them."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from asr.decode.schedule import EFFORT, Hands, Job, Kind, Limits, Line
from asr.recognition import RATE, Hypothesis, NameHeard, Pcm, Recognition, Word
from core.errors import HeyiError, ModelMissing
from core.helperprocess import answered, ended

log = structlog.get_logger(__name__)

#: A model is read from disk at the start, perhaps a cold and busy one.
_START_S = 600.0
#: The longest job is 30 s of speech, about 3 s of work; beyond this the process hangs.
_DECODE_S = 60.0
#: Of 19: a spare process has a twentieth of what a live one has, while both have work.
_SPARE_NICE = 13
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_ROOT = str(Path(__file__).resolve().parents[2])


class DecodeFailed(Exception):
    """Two processes died or hung on this stretch of speech."""


class PoolStopped(DecodeFailed):
    """The pool was closed before this stretch had its turn."""

    def __init__(self) -> None:
        super().__init__("recognition was stopped")


@dataclass(frozen=True)
class PoolState:
    """For metrics and screens; ``lag_s`` is the age of the oldest final that still waits."""

    #: Processes, and those at work.
    workers: int
    busy: int
    #: Jobs that wait.
    finals: int
    pauses: int
    partials: int
    records: int
    lag_s: float
    #: Since start.
    decoded: dict[Kind, int]
    replaced: int
    shed: int
    failed: int
    restarts: int


@dataclass(frozen=True)
class _Order:
    pcm: Pcm
    #: Resolves to None where a partial was shed.
    answer: "asyncio.Future[Recognition | None]"


class Pool:
    """``workers`` processes of one thread each for finished utterances, and half as many for partials and recordings.

    All are fed in the order of :mod:`asr.decode.schedule`. The spare ones run at a low priority: they have what the
    others leave of the processor, and no final ever waits behind what they do.
    """

    def __init__(
        self,
        engine: str,
        model_path: Path,
        workers: int = 2,
        limits: Limits | None = None,
        *,
        words: Sequence[Path] | None = None,
        module: str = "asr.decode.worker",
    ) -> None:
        """``engine`` and ``model_path``: see :func:`asr.engines.load.load_engine`; each process runs ``module``.

        ``words``: city folder, file of added words, folder of sentences…, as :mod:`asr.decode.worker` takes them.
        """
        self._command = (sys.executable, "-m", module, engine, str(model_path), *map(str, words or ()))
        #: What each process is for, by its number.
        spare = max(1, workers // 2)
        self._hands: list[Hands] = ["live" if number < workers else "spare" for number in range(workers + spare)]
        self._line: Line[_Order] = Line(workers, limits)
        self._wake = asyncio.Condition()
        self._loading: list[asyncio.Task[asyncio.subprocess.Process]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._closing = False
        self._busy = 0
        self._failed = 0
        self._restarts = 0

    async def start(self) -> None:
        """Starts the processes and waits until each has its model; raises :class:`ModelMissing` where it cannot."""
        self.begin()
        await self.ready(spare=True)

    def begin(self) -> None:
        """Starts the processes. What is submitted waits in the line until one has its model."""
        self._loading = [asyncio.create_task(self._spawn(number)) for number in range(len(self._hands))]
        self._tasks = [
            asyncio.create_task(self._work(number, loading), name=f"decode:{number}")
            for number, loading in enumerate(self._loading)
        ]

    async def ready(self, *, spare: bool = False) -> None:
        """Waits until each process for finished utterances has its model, with ``spare`` the spare ones, too.

        Raises :class:`ModelMissing` or :class:`HeyiError` where one cannot have it; everything is closed then.
        """
        needed = [
            loading for hands, loading in zip(self._hands, self._loading, strict=True) if spare or hands == "live"
        ]
        found = await asyncio.gather(*map(asyncio.shield, needed), return_exceptions=True)
        if failed := next((one for one in found if isinstance(one, BaseException)), None):
            await self.close()
            raise failed

    async def close(self) -> None:
        """Ends the processes. What still waits is given up: callers who want it first await their answers."""
        self._closing = True
        async with self._wake:
            self._wake.notify_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(ended(process) for process in self._processes.values()))
        self._processes.clear()
        for job in self._line.clear():
            _fail(job, PoolStopped())

    def state(self) -> PoolState:
        line = self._line
        return PoolState(
            workers=len(self._hands),
            busy=self._busy,
            finals=line.count("final"),
            pauses=line.count("pause"),
            partials=line.count("partial"),
            records=line.count("record"),
            lag_s=line.lag(time.monotonic()),
            decoded=dict(line.counters.decoded),
            replaced=line.counters.replaced,
            shed=line.counters.shed,
            failed=self._failed,
            restarts=self._restarts,
        )

    async def submit(
        self, utterance_id: str, pcm: Pcm, kind: Kind, *, emergency: bool = False
    ) -> "asyncio.Future[Recognition | None]":
        """Queues one stretch of speech (mono, 16 kHz, at most 30 s); the future gives None for a look that was shed.

        Raises :class:`DecodeFailed` through the future when two processes died on it.
        """
        answer: asyncio.Future[Recognition | None] = asyncio.get_running_loop().create_future()
        job = Job(utterance_id, kind, emergency, time.monotonic(), _Order(pcm[: 30 * RATE], answer))
        if self._closing:
            _fail(job, PoolStopped())
            return answer
        async with self._wake:
            _shed(self._line.put(job))
            self._wake.notify_all()
        return answer

    async def promote(self, utterance_id: str) -> None:
        """What was asked for as ``pause`` is the whole utterance: where it still waits, it waits as a final now."""
        async with self._wake:
            if self._line.promote(utterance_id):
                self._wake.notify_all()

    async def _next(self, hands: Hands) -> Job[_Order]:
        async with self._wake:
            while True:
                job, stale = self._line.take(time.monotonic(), hands)
                _shed(stale)
                if job is not None:
                    return job
                await self._wake.wait()

    async def _work(self, number: int, loading: "asyncio.Task[asyncio.subprocess.Process]") -> None:
        try:
            process = await loading
        except (HeyiError, OSError) as error:
            log.error("decode process does not start", worker=number, reason=str(error))
            process = await self._again(number)
        while True:
            job = await self._next(self._hands[number])
            self._busy += 1
            try:
                process = await self._serve(number, process, job)
            except asyncio.CancelledError:
                _fail(job, PoolStopped())
                raise
            finally:
                self._busy -= 1

    async def _serve(
        self, number: int, process: asyncio.subprocess.Process, job: Job[_Order]
    ) -> asyncio.subprocess.Process:
        """Decodes one job; returns the process that serves from now on, a new one if this job killed the old."""
        for attempt in (1, 2):
            try:
                found = await asyncio.wait_for(_decode(process, job), _DECODE_S)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                log.warning("decode process lost", worker=number, attempt=attempt, reason=type(error).__name__)
                await ended(process)
                process = await self._again(number)
                continue
            self._line.counters.decoded[job.kind] += 1
            if not job.payload.answer.done():
                job.payload.answer.set_result(found)
            return process
        self._failed += 1
        _fail(job, DecodeFailed(f"utterance {job.utterance_id} could not be decoded"))
        return process

    async def _again(self, number: int) -> asyncio.subprocess.Process:
        """A new process in place of one that ended, tried until one starts: audio waits meanwhile, none is lost."""
        pause = _FIRST_PAUSE_S
        while True:
            self._restarts += 1
            try:
                return await self._spawn(number)
            except (HeyiError, OSError) as error:
                log.error("decode process does not start", worker=number, reason=str(error), again_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _spawn(self, number: int) -> asyncio.subprocess.Process:
        # Threads that spin while they wait would take the other process's core.
        env = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 20,
            # Ctrl-C in a terminal goes to the whole group; when these end is for the parent to say. Not a session of
            # their own: Linux shares the processor out between sessions first, and priorities count only within one.
            process_group=0,
        )
        self._processes[number] = process
        if self._hands[number] == "spare":
            # Before it has threads, which inherit it. Never above us, where we run with a low priority ourselves.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, max(os.getpriority(os.PRIO_PROCESS, 0), _SPARE_NICE))
        try:
            hello = await asyncio.wait_for(answered(process), _START_S)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            await ended(process)
            raise HeyiError("a recognition process did not start", hint="its own message stands above") from error
        if "missing" in hello:
            await ended(process)
            raise ModelMissing(hello["missing"], hint=hello.get("hint", ""))
        return process


async def _decode(process: asyncio.subprocess.Process, job: Job[_Order]) -> Recognition:
    assert process.stdin is not None  # noqa: S101  both pipes are asked for in _spawn
    pcm = job.payload.pcm
    head = json.dumps({"effort": EFFORT[job.kind], "samples": int(pcm.size)}).encode()
    process.stdin.write(head + b"\n" + pcm.astype("<i2").tobytes())
    await process.stdin.drain()
    found = await answered(process)
    words = tuple(Word(**word) for word in found.pop("words"))
    hypotheses = tuple(Hypothesis(**one) for one in found.pop("hypotheses"))
    names = tuple(NameHeard.of(one) for one in found.pop("names"))
    return Recognition(**found, words=words, hypotheses=hypotheses, names=names)


def _shed(jobs: list[Job[_Order]]) -> None:
    for job in jobs:
        if not job.payload.answer.done():
            job.payload.answer.set_result(None)


def _fail(job: Job[_Order], error: Exception) -> None:
    if not job.payload.answer.done():
        job.payload.answer.set_exception(error)
