"""A process of ours that answers each request on its standard input with one line of JSON."""

import asyncio
import contextlib
import json
from typing import Any


async def answered(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next answer; :class:`EOFError` where the process has ended."""
    assert process.stdout is not None  # noqa: S101  whoever begins the process asks for the pipe
    line = await process.stdout.readline()
    if not line:
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    return answer


async def ended(process: asyncio.subprocess.Process) -> None:
    """End it, whatever it is at; it has ended on return."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()
