"""Live audio: Asterisk connects here once for each leg and sends what that party says."""

import json
from typing import cast, get_args
from urllib.parse import parse_qs, urlsplit

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from core.errors import HeyiError
from telephony.audio import AudioSink
from telephony.events import Leg

log = structlog.get_logger(__name__)

RATE = 16000
_MAX_FRAME = 64 * 1024


class MediaServer:
    """A WebSocket server on loopback (``chan_websocket`` with JSON control messages) ; feeds an :class:`AudioSink`."""

    def __init__(self, port: int, sink: AudioSink) -> None:
        self._port, self._sink = port, sink
        self._server: Server | None = None
        #: Who feeds a leg: a page that comes back opens its leg anew before the old tap is gone.
        self._feeding: dict[tuple[str, Leg], ServerConnection] = {}

    async def start(self) -> None:
        """Listen. Raises :class:`HeyiError` where the port is taken."""
        try:
            self._server = await serve(
                self._take, "127.0.0.1", self._port, subprotocols=[Subprotocol("media")], max_size=_MAX_FRAME,
                compression=None,
                # A page in a browser on this machine always names its origin; Asterisk has none.
                origins=[None], ping_interval=None,
            )  # fmt: skip
        except OSError as error:
            raise HeyiError(
                f"port {self._port} (live audio) cannot be used: {error.strerror}", hint="set HEYI_MEDIA_PORT"
            ) from error

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _take(self, connection: ServerConnection) -> None:
        address = urlsplit(connection.request.path if connection.request else "")
        query = parse_qs(address.query)
        call_id = query.get("call", [""])[0]
        named = query.get("leg", [""])[0]
        if address.path != "/media" or not call_id or named not in get_args(Leg):
            await connection.close(1008, "/media with call and leg is needed")
            return
        leg = cast(Leg, named)
        key = (call_id, leg)
        if key in self._feeding:
            self._sink.closed(call_id, leg)
        self._feeding[key] = connection
        self._sink.opened(call_id, leg, RATE)
        try:
            async for frame in connection:
                if self._feeding.get(key) is not connection:
                    break
                if isinstance(frame, bytes):
                    self._sink.audio(call_id, leg, frame)
                else:
                    self._control(call_id, frame)
        except ConnectionClosed:
            pass
        finally:
            if self._feeding.get(key) is connection:
                del self._feeding[key]
                self._sink.closed(call_id, leg)

    @staticmethod
    def _control(call_id: str, text: str) -> None:
        try:
            event = json.loads(text).get("event", "")
        except (ValueError, AttributeError):
            event = text[:40]
        log.debug("media control", call_id=call_id, event_name=event)
