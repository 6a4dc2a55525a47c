"""Decode processes, and the line of jobs before them."""

import asyncio
import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from asr.recognition import RATE, Effort, Pcm, Recognition, Word
from asr.schedule import Job, Limits, Line
from core.errors import HeyiError, ModelMissing

log = structlog.get_logger(__name__)

#: A model is read from disk at the start, perhaps a cold and busy one.
_START_S = 120.0
#: The longest job is 30 s of speech, about 3 s of work; beyond this the process hangs.
_DECODE_S = 60.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_ROOT = str(Path(__file__).resolve().parent.parent)


class DecodeFailed(Exception):
    """Two processes died or hung on this stretch of speech."""


class PoolStopped(DecodeFailed):
    """The pool was closed before this stretch had its turn."""

    def __init__(self) -> None:
        super().__init__("recognition was stopped")


@dataclass(frozen=True)
class PoolState:
    """For metrics and screens; ``lag_s`` is the age of the oldest final that still waits."""

    workers: int
    busy: int
    finals: int
    partials: int
    records: int
    lag_s: float
    decoded: dict[Effort, int]
    shed: int
    failed: int
    restarts: int


@dataclass(frozen=True)
class _Order:
    pcm: Pcm
    #: Resolves to None where a partial was shed.
    answer: "asyncio.Future[Recognition | None]"


class Pool:
    """``workers`` processes of one thread each, fed in the order of :mod:`asr.schedule`.

    Recordings use all but one of them, so that a living caller never waits behind two long recordings.
    """

    def __init__(
        self,
        engine: str,
        model_path: Path,
        workers: int = 2,
        limits: Limits | None = None,
        *,
        module: str = "asr.worker",
    ) -> None:
        """``engine`` and ``model_path`` as for :func:`asr.engine.load_engine`; ``module`` is what each process runs."""
        self._command = (sys.executable, "-m", module, engine, str(model_path))
        self._count = workers
        self._line: Line[_Order] = Line(workers, limits)
        self._wake = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._closing = False
        self._busy = 0
        self._records = 0
        self._failed = 0
        self._restarts = 0

    async def start(self) -> None:
        """Starts the processes and waits until each has its model; raises :class:`ModelMissing` where it cannot."""
        started: list[asyncio.subprocess.Process] = []
        for found in await asyncio.gather(*(self._spawn(n) for n in range(self._count)), return_exceptions=True):
            if isinstance(found, BaseException):
                await self.close()
                raise found
            started.append(found)
        self._tasks = [
            asyncio.create_task(self._work(number, process), name=f"decode:{number}")
            for number, process in enumerate(started)
        ]

    async def close(self) -> None:
        """Ends the processes. What still waits is given up: callers who want it first await their answers."""
        self._closing = True
        async with self._wake:
            self._wake.notify_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(_end(process) for process in self._processes.values()))
        self._processes.clear()
        for job in self._line.clear():
            _fail(job, PoolStopped())

    def state(self) -> PoolState:
        line = self._line
        return PoolState(
            workers=self._count,
            busy=self._busy,
            finals=line.count("final"),
            partials=line.count("partial"),
            records=line.count("record"),
            lag_s=line.lag(time.monotonic()),
            decoded=dict(line.counters.decoded),
            shed=line.counters.shed,
            failed=self._failed,
            restarts=self._restarts,
        )

    async def submit(
        self, utterance_id: str, pcm: Pcm, effort: Effort, *, emergency: bool = False
    ) -> "asyncio.Future[Recognition | None]":
        """Queues one stretch of speech (mono, 16 kHz, at most 30 s); the future gives None for a partial that was shed.

        Raises :class:`DecodeFailed` through the future when two processes died on it.
        """
        answer: asyncio.Future[Recognition | None] = asyncio.get_running_loop().create_future()
        job = Job(utterance_id, effort, emergency, time.monotonic(), _Order(pcm[: 30 * RATE], answer))
        if self._closing:
            _fail(job, PoolStopped())
            return answer
        async with self._wake:
            _shed(self._line.put(job))
            self._wake.notify()
        return answer

    async def _next(self) -> Job[_Order]:
        async with self._wake:
            while True:
                records = self._records < max(1, self._count - 1)
                job, stale = self._line.take(time.monotonic(), records=records)
                _shed(stale)
                if job is not None:
                    return job
                await self._wake.wait()

    async def _work(self, number: int, process: asyncio.subprocess.Process) -> None:
        while True:
            job = await self._next()
            self._busy += 1
            self._records += job.effort == "record"
            try:
                process = await self._serve(number, process, job)
            except asyncio.CancelledError:
                _fail(job, PoolStopped())
                raise
            finally:
                self._busy -= 1
                self._records -= job.effort == "record"
            if job.effort == "record":
                async with self._wake:
                    self._wake.notify_all()

    async def _serve(
        self, number: int, process: asyncio.subprocess.Process, job: Job[_Order]
    ) -> asyncio.subprocess.Process:
        """Decodes one job; returns the process that serves from now on, a new one if this job killed the old."""
        for attempt in (1, 2):
            try:
                found = await asyncio.wait_for(_decode(process, job), _DECODE_S)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                log.warning("decode process lost", worker=number, attempt=attempt, reason=type(error).__name__)
                process = await self._again(number, process)
                continue
            self._line.counters.decoded[job.effort] += 1
            if not job.payload.answer.done():
                job.payload.answer.set_result(found)
            return process
        self._failed += 1
        _fail(job, DecodeFailed(f"utterance {job.utterance_id} could not be decoded"))
        return process

    async def _again(self, number: int, old: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
        """A new process in place of ``old``, tried until one starts: audio waits meanwhile, none is lost."""
        await _end(old)
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
            # Ctrl-C in a terminal goes to the whole group; when these end is for the parent to say.
            start_new_session=True,
        )
        self._processes[number] = process
        try:
            hello = await asyncio.wait_for(_answer(process), _START_S)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            await _end(process)
            raise HeyiError("a recognition process did not start", hint="its own message stands above") from error
        if "missing" in hello:
            await _end(process)
            raise ModelMissing(hello["missing"], hint=hello.get("hint", ""))
        return process


async def _decode(process: asyncio.subprocess.Process, job: Job[_Order]) -> Recognition:
    assert process.stdin is not None  # noqa: S101  both pipes are asked for in _spawn
    pcm = job.payload.pcm
    head = json.dumps({"effort": job.effort, "samples": int(pcm.size)}).encode()
    process.stdin.write(head + b"\n" + pcm.astype("<i2").tobytes())
    await process.stdin.drain()
    found = await _answer(process)
    words = tuple(Word(**word) for word in found.pop("words"))
    return Recognition(**found, words=words)


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101
    line = await process.stdout.readline()
    if not line:
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    """Closing its input lets it leave; one that does not is killed."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def _shed(jobs: list[Job[_Order]]) -> None:
    for job in jobs:
        if not job.payload.answer.done():
            job.payload.answer.set_result(None)


def _fail(job: Job[_Order], error: Exception) -> None:
    if not job.payload.answer.done():
        job.payload.answer.set_exception(error)
