"""heyi itself, as a process of its own, as a city would run it."""

import asyncio
import sys
import time

import httpx

from core.errors import HeyiError
from core.settings import Settings

#: Seconds against waiting for ever: its first start on a slow machine reads every model and trains what is missing.
START_S = 900.0


class Serving:
    """One ``heyi serve``."""

    def __init__(self, settings: Settings, environment: dict[str, str]) -> None:
        self._settings, self._environment = settings, environment
        self._process: asyncio.subprocess.Process | None = None
        #: Where it writes what it has to say.
        self.log = settings.data / "serve.log"

    async def start(self, timeout_s: float = START_S) -> None:
        """Start it and wait until the desk answers; :class:`HeyiError` with its last words when it ends instead."""
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "heyi", "serve",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment,
                start_new_session=True,
            )  # fmt: skip
        url = f"http://{self._settings.host}:{self._settings.desk_port}/health"
        deadline = time.monotonic() + timeout_s
        async with httpx.AsyncClient(trust_env=False) as http:
            while time.monotonic() < deadline and self._process.returncode is None:
                try:
                    if (await http.get(url)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.2)
        await self.stop()
        words = self.log.read_text("utf-8", "replace").strip().splitlines()
        raise HeyiError(f"heyi did not start: {words[-1] if words else 'no output'}", hint=f"see {self.log}")

    async def ended(self) -> None:
        """Wait until it ends by itself."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 15)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
