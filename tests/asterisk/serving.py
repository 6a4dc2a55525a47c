"""``heyi serve`` as a process of its own, for tests that kill it or look at it from outside."""

import asyncio
import os
import signal
import sys
import time

import httpx

from core.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the variables that another process reads them from."""
    given = {f"HEYI_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_none=True).items()}
    return {**os.environ, **given}


class Serve:
    """One process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self.base = f"http://{settings.host}:{settings.desk_port}"

    async def start(self, timeout_s: float = 60) -> None:
        log = (self._settings.data / "serve.log").open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "heyi", "serve", stdout=log, stderr=log, env=environment(self._settings)
            )
        deadline = time.monotonic() + timeout_s
        async with httpx.AsyncClient(trust_env=False) as http:
            while time.monotonic() < deadline and self._process.returncode is None:
                try:
                    if (await http.get(f"{self.base}/health")).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        await self.kill()
        raise AssertionError((self._settings.data / "serve.log").read_text())

    async def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:
                await self.kill()
                raise
