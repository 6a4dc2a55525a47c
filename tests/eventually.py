"""Waiting in tests. What must happen may take its time, on whatever machine and beside whatever else."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import pytest

#: Seconds after which what has not happened never will: against hanging for ever, and no measure of speed.
PATIENCE_S = 120.0
#: The same for a browser, in milliseconds.
PATIENCE_MS = PATIENCE_S * 1000


async def until(
    condition: Callable[[], object] | Callable[[], Awaitable[object]],
    what: str | Callable[[], str],
    patience_s: float | None = PATIENCE_S,
) -> None:
    """Wait until ``condition`` is true, or what it asks for (a table, say) is; otherwise fail with ``what``."""
    try:
        async with asyncio.timeout(patience_s):
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"never happened: {what if isinstance(what, str) else what()}")
