"""heyi itself, as a process of its own, as a city would run it."""

import asyncio
import subprocess
import sys
import time

import httpx

from core.errors import HeyiError
from core.settings import Settings

#: Seconds against waiting for ever: its first start on a slow machine reads every model and trains what is missing.
START_S = 900.0
_LOOK_S = 0.2


class Serving:
    """One ``heyi serve``."""

    def __init__(self, settings: Settings, environment: dict[str, str]) -> None:
        self._settings, self._environment = settings, environment
        self._process: subprocess.Popen[bytes] | None = None
        #: Where it writes what it has to say.
        self.log = settings.data / "serve.log"

    async def start(self) -> None:
        """Start it and wait until the desk answers; see :meth:`up`."""
        self.begin()
        await self.up()

    def begin(self) -> None:
        """Start it."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "heyi", "serve"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True,
            )  # fmt: skip

    async def up(self, timeout_s: float = START_S) -> None:
        """Wait until the desk answers; :class:`HeyiError` with its last words when it ends instead."""
        url = f"http://{self._settings.host}:{self._settings.desk_port}/health"
        deadline = time.monotonic() + timeout_s
        async with httpx.AsyncClient(trust_env=False) as http:
            while time.monotonic() < deadline and self._runs():
                try:
                    if (await http.get(url)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(_LOOK_S)
        self.stop()
        words = self.log.read_text("utf-8", "replace").strip().splitlines()
        raise HeyiError(f"heyi did not start: {words[-1] if words else 'no output'}", hint=f"see {self.log}")

    async def ended(self) -> None:
        """Wait until it ends by itself."""
        while self._runs():  # noqa: ASYNC110  (a thread that waits would outlive whoever asks)
            await asyncio.sleep(_LOOK_S)

    def stop(self) -> None:
        """End it, within 15 s by force."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None
