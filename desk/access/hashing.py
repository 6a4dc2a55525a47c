"""Checking passwords costs processor and memory on purpose (argon2id): so little of it at once that calls go on.

Two lanes: browsers in which this login has signed in before, and strangers. However many strangers guess, a call
taker's own browser waits for none of them.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from core.errors import HeyiError

Given = ParamSpec("Given")
Made = TypeVar("Made")


class Crowded(HeyiError):
    """More sign-ins at once than are checked; the next try may go through."""

    def __init__(self) -> None:
        super().__init__("登录人数过多，请稍候再试")


class Lane:
    """At most ``threads`` at work and ``most`` waiting; whoever comes then is told at once (:class:`Crowded`)."""

    def __init__(self, name: str, threads: int, most: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"argon2-{name}")
        self._room, self.inside = threads + most, 0

    def room(self) -> None:
        """:class:`Crowded` where nobody more may wait."""
        if self.inside >= self._room:
            raise Crowded

    async def run(self, work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
        """``work`` in a thread of this lane."""
        self.room()
        self.inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*given, **named))
        finally:
            self.inside -= 1


#: A shift of 200 that comes at once is through in some ten seconds.
KNOWN = Lane("known", 2, 500)
STRANGERS = Lane("strangers", 1, 32)
