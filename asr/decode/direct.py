"""Decoding in this process, where nobody else waits: for commands that work through files."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asr.recognition import Effort, Engine, Pcm, Recognition

Improve = Callable[[Recognition, Effort], Recognition]


class Direct:
    """One engine on one thread of its own; satisfies :class:`asr.live.ears.Decoder`."""

    def __init__(self, engine: Engine, improve: Improve | None = None) -> None:
        """``improve``: what is done to each recognition behind the engine."""
        self._engine = engine
        self._improve = improve
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="decode")

    async def submit(
        self, utterance_id: str, pcm: Pcm, effort: Effort, *, emergency: bool = False
    ) -> "asyncio.Future[Recognition | None]":
        """In the order in which it was asked; the future never gives None."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._recognise, pcm, effort)

    def close(self) -> None:
        """What still waits is given up."""
        self._thread.shutdown(cancel_futures=True)

    def _recognise(self, pcm: Pcm, effort: Effort) -> Recognition | None:
        found = self._engine.recognise(pcm, effort)
        return self._improve(found, effort) if self._improve else found
