"""What the checks have learned, fitted by a process of its own: ``python -m quality.checks.fitting CACHE``.

It takes some ten seconds of a processor once after each change of the examples, which calls must not feel.
"""

import asyncio
import os
import sys
from pathlib import Path

from core.city import City
from core.settings import Settings
from quality.checks.learned import ensure
from quality.checks.review import Checks, prepare


async def prepared(settings: Settings, city: City) -> Checks:
    """:func:`quality.checks.review.prepare` for a house with calls."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(settings.cache / "quality"), stdin=asyncio.subprocess.DEVNULL
    )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return await asyncio.to_thread(prepare, settings, city)


if __name__ == "__main__":
    os.nice(19)
    ensure(Path(sys.argv[1]))
