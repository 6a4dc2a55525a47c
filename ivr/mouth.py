"""The process that speaks while calls go on: started, fed one text after another, started again when it dies.

A process of its own, because synthesis holds the interpreter for seconds, and of low priority, because a caller who is
being heard comes first.
"""

import asyncio
import contextlib
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from core.helperprocess import answered, ended
from core.speaking import seconds

log = structlog.get_logger(__name__)

#: Model and word lists are read from disk, perhaps a cold and busy one.
_START_S = 120.0
#: The longest piece is 8 s of speech, 2 to 8 s of work on a free core; beyond this the process hangs.
_SAY_S = 90.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0
#: What callers wait for now; more than this cannot be said in time anyway.
MOST_WAITING = 24
#: An idle process is ended: it holds the model.
_IDLE_S = 900.0
#: Seconds of work for a second of speech, until it was measured here.
_PACE = 1.5
_NICE = 19
_ROOT = str(Path(__file__).resolve().parents[1])


@dataclass(order=True)
class _Order:
    rank: int
    number: int
    head: str = field(compare=False)
    speech_s: float = field(compare=False)
    done: "asyncio.Future[bool]" = field(compare=False)


class Mouth:
    """``command`` runs :mod:`ivr.speaker`, or what speaks its protocol."""

    def __init__(self, command: Sequence[str], *, first_pause_s: float = _FIRST_PAUSE_S) -> None:
        self._command = tuple(command)
        self._orders: asyncio.PriorityQueue[_Order] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._first_pause_s = self._pause_s = first_pause_s
        self._not_before = 0.0
        self._urgent_s = 0.0
        self._urgent = 0
        self._pace: float | None = None

    def start(self) -> None:
        """The process itself is started at the first text."""
        self._task = asyncio.create_task(self._work(), name="mouth")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._end()
        while not self._orders.empty():
            _answer(self._orders.get_nowait(), False)

    @property
    def mute(self) -> bool:
        """Nothing can be said at present: not running, or it died and rests."""
        return self._task is None or time.monotonic() < self._not_before

    def takes_s(self, speech_s: float) -> float:
        """Seconds until so much speech, wanted now, would be there; infinite where nobody can speak at present."""
        if self.mute or self._process is None or self._urgent >= MOST_WAITING:
            return math.inf
        return (self._urgent_s + speech_s) * (self._pace or _PACE)

    async def say(self, text: str, speaker: str, target: Path, *, now: bool, keep: bool = False) -> bool:
        """Speaks ``text`` into the file ``target``; whether it is there. ``now``: a caller waits for it.

        ``keep``: the text says nothing of a call, so it may stay in the machine's cache of spoken texts.
        """
        if self.mute or (now and self._urgent >= MOST_WAITING):
            return False
        head = json.dumps({"text": text, "speaker": speaker, "target": str(target), "keep": keep})
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        order = _Order(0 if now else 1, next(self._numbers), head, seconds(text), done)
        if now:
            self._urgent += 1
            self._urgent_s += order.speech_s
        try:
            self._orders.put_nowait(order)
            return await done
        finally:
            if now:
                self._urgent -= 1
                self._urgent_s -= order.speech_s

    async def _work(self) -> None:
        while True:
            try:
                # Not wait_for: before Python 3.12 it may swallow the end of this task.
                async with asyncio.timeout(_IDLE_S):
                    order = await self._orders.get()
            except TimeoutError:
                await self._end()
                continue
            if order.done.done():  # who asked has gone
                continue
            try:
                _answer(order, await self._serve(order))
            except BaseException:
                _answer(order, False)
                raise

    async def _serve(self, order: _Order) -> bool:
        if time.monotonic() < self._not_before:
            return False
        for attempt in (1, 2):
            try:
                process = self._process or await self._spawn()
                began = time.monotonic()
                async with asyncio.timeout(_SAY_S):
                    found = await _asked(process, order.head)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                log.warning("the speaking process is lost", attempt=attempt, reason=type(error).__name__)
                started = self._process is not None
                await self._end()
                if not started or attempt == 2:
                    self._rest()
                    return False
                continue
            self._pause_s = self._first_pause_s
            if "error" not in found:
                pace = (time.monotonic() - began) / max(order.speech_s, 1.0)
                self._pace = pace if self._pace is None else 0.8 * self._pace + 0.2 * pace
            else:
                log.warning("a text could not be spoken", reason=found["error"])
            return "error" not in found
        return False

    def _rest(self) -> None:
        self._not_before = time.monotonic() + self._pause_s
        log.error("nothing can be spoken", again_in_s=self._pause_s)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    async def _spawn(self) -> asyncio.subprocess.Process:
        env = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C in a terminal goes to the whole group; when this ends is for the parent to say.
            process_group=0,
        )
        # Before it has threads, which inherit it.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        try:
            async with asyncio.timeout(_START_S):
                hello = await answered(process)
            if "missing" in hello:
                raise EOFError(hello["missing"])
        except BaseException:
            await ended(process)
            raise
        self._process = process
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await ended(process)


def command(cache: Path) -> tuple[str, ...]:
    """Runs the speaking process; ``cache`` is the folder of models."""
    return (sys.executable, "-m", "ivr.speaker", str(cache))


async def _asked(process: asyncio.subprocess.Process, head: str) -> dict[str, str]:
    assert process.stdin is not None  # noqa: S101  both pipes are asked for in _spawn
    process.stdin.write(head.encode() + b"\n")
    await process.stdin.drain()
    return await answered(process)


def _answer(order: _Order, said: bool) -> None:
    if not order.done.done():
        order.done.set_result(said)
