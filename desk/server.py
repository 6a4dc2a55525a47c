"""Runs the application on a port, inside the event loop that everything shares."""

import asyncio
import contextlib
import socket

import uvicorn
from fastapi import FastAPI

from core.errors import HeyiError
from desk.live import Feed
from desk.render import STATIC


def bundle_ready() -> bool:
    """Whether the pages' scripts are built (``npm ci && npm run build`` in ``desk/web``)."""
    return (STATIC / "dist" / "desk.js").is_file()


class DeskServer:
    """The desk on ``host:port`` (port 0: a free one)."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._app = app
        self._host, self._wanted = host, port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = port

    async def start(self) -> None:
        """Listen; :class:`HeyiError` with one line when the port is taken."""
        listener = _listen(self._host, self._wanted)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(self._app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="desk:server")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise HeyiError("the desk's web server ended while it started", hint="see the log above")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End the live streams, let running requests finish, stop listening."""
        if self._server is None or self._task is None:
            return
        feed: Feed = self._app.state.feed
        # Live streams never end by themselves: without this the server would wait for them.
        await feed.close()
        self._server.should_exit = True
        await self._task
        self._server = self._task = None


class _Server(uvicorn.Server):
    """Signals belong to heyi, not to this server."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named asyncio sends at once (TCP_NODELAY); else the body of each answer waits 40 ms for the
    # browser to acknowledge its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise HeyiError(
            f"the desk cannot listen on {host}:{port}: {error.strerror}", hint="set HEYI_DESK_PORT to a free port"
        ) from error
    listener.listen(256)
    listener.setblocking(False)
    return listener
