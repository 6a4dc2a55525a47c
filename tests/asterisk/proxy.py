"""A bad line between heyi and Asterisk's manager interface: silent without an end, stuck, or cut into crumbs."""

import asyncio
import random
import socket
from typing import Literal

#: ``mute``: what either side sends vanishes, no FIN. ``stuck``: nothing is read from Asterisk any more. ``crumbs``:
#: every byte passes, one to seven at a time, each piece a TCP segment of its own.
Mode = Literal["pass", "mute", "stuck", "crumbs"]


class Proxy:
    """Listens on ``port`` and passes on to ``target`` on loopback; ``mode`` may change at any time."""

    def __init__(self, target: int, mode: Mode = "pass") -> None:
        self._target = target
        self.mode: Mode = mode
        self.port = 0
        #: Connections that were taken.
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._chance = random.Random(7)  # noqa: S311

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        there = socket.socket()
        # Small, so that a stuck line is full soon.
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        there.setblocking(False)
        far_writer: asyncio.StreamWriter | None = None
        try:
            await asyncio.get_running_loop().sock_connect(there, ("127.0.0.1", self._target))
            far_reader, far_writer = await asyncio.open_connection(sock=there, limit=4096)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer, from_asterisk=False))
                both.create_task(self._pass_on(far_reader, writer, from_asterisk=True))
        except* (OSError, _Ended):
            pass
        finally:
            there.close()
            for each in filter(None, (writer, far_writer)):
                each.transport.abort()

    async def _while(self, mode: Mode) -> None:
        while self.mode == mode:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_asterisk: bool
    ) -> None:
        while True:
            if from_asterisk:
                await self._while("stuck")
            data = await reader.read(2048)
            if not data:
                # A line that is silent tells of no end either.
                await self._while("mute")
                raise _Ended
            if self.mode == "mute":
                continue
            if self.mode != "crumbs":
                writer.write(data)
                await writer.drain()
                continue
            while data:
                size = self._chance.randint(1, 7)
                writer.write(data[:size])
                data = data[size:]
                await asyncio.sleep(0)
                await writer.drain()


class _Ended(Exception):
    """One side closed: the other is closed, too."""
