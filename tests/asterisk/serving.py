"""``heyi serve`` as a process of its own, for tests that kill it or look at it from outside."""

import asyncio
import os
import signal
import sys

import httpx

from core.settings import Settings
from tests.eventually import PATIENCE_S, until


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the variables that another process reads them from."""
    given = {f"HEYI_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_none=True).items()}
    return {**os.environ, **given}


#: Seconds against hanging for ever: a start loads models, beside other work for minutes.
START_S = 900.0


class Serve:
    """One process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self.base = f"http://{settings.host}:{settings.desk_port}"

    async def start(self) -> None:
        log = (self._settings.data / "serve.log").open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "heyi", "serve", stdout=log, stderr=log, env=environment(self._settings)
            )
        process = self._process
        async with httpx.AsyncClient(trust_env=False) as http:

            async def up() -> bool:
                assert process.returncode is None, self._log()
                try:
                    return (await http.get(f"{self.base}/health")).is_success
                except httpx.HTTPError:
                    return False

            await until(up, self._log, START_S)

    def pid(self) -> int | None:
        """Its number while it runs."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    def _log(self) -> str:
        return (self._settings.data / "serve.log").read_text()

    async def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), PATIENCE_S)
            except TimeoutError:
                await self.kill()
                raise
