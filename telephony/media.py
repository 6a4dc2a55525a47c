"""Live audio: Asterisk connects here once for each leg and sends what that party says.

Everything on this machine reaches the port, so a connection is let in only with the token of a tap that heyi has just
ordered: once, and within seconds. Whoever has none is turned away before he costs more than a socket.
"""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event
from websockets.typing import Subprotocol

from core.errors import HeyiError
from telephony.audio import AudioSink
from telephony.events import Leg

log = structlog.get_logger(__name__)
#: What strangers do to the port is no news: the library would write a traceback for each.
_silent = logging.getLogger("heyi.media.websockets")
_silent.setLevel(logging.CRITICAL)

RATE = 16000
#: A tap connects within half a second of its order (``connection_timeout`` in websocket_client.conf), twice at most.
TOKEN_S = 10.0
#: Connections at once, those included that have said nothing yet: two legs of two hundred calls.
CONNECTIONS = 400
#: Seconds for the handshake, and again for the first message: Asterisk sends both at once.
PROMPT_S = 3.0
#: Seconds between two readings of a connection. A packet comes every 20 ms from each leg; to wake up for each of them
#: cost more than all that is done with it (``./run bench calls``), and recognition counts in larger stretches.
READ_S = 0.06
_MAX_FRAME = 64 * 1024
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class Tokens:
    """The taps that were ordered and have not come yet. Pure: ``now`` are seconds of any steady clock."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, tuple[str, Leg, float]] = OrderedDict()

    def issue(self, call_id: str, leg: Leg, now: float) -> str:
        """A token for one connection, good for :data:`TOKEN_S`."""
        # The oldest come first; a tap whose order failed leaves its token behind.
        while self._waiting and next(iter(self._waiting.values()))[2] <= now:
            self._waiting.popitem(last=False)
        token = secrets.token_urlsafe(16)
        self._waiting[token] = (call_id, leg, now + TOKEN_S)
        return token

    def redeem(self, token: str, now: float) -> tuple[str, Leg] | None:
        """Call and leg that the token stands for; ``None`` where there is none such, or no longer."""
        call_id, leg, until = self._waiting.pop(token, ("", "caller", 0.0))
        return (call_id, leg) if call_id and now < until else None

    def __len__(self) -> int:
        return len(self._waiting)


class MediaServer:
    """A WebSocket server on loopback (``chan_websocket`` with JSON control messages) ; feeds an :class:`AudioSink`."""

    def __init__(self, port: int, sink: AudioSink) -> None:
        self._port, self._sink = port, sink
        self._server: Server | None = None
        self._tokens = Tokens()
        #: TCP connections, whatever they have said so far.
        self._sockets = 0
        #: Who feeds a leg: a page that comes back opens its leg anew before the old tap is gone.
        self._feeding: dict[tuple[str, Leg], _Tap] = {}
        #: Taps that were just read, until all of them are read again.
        self._read: list[_Tap] = []

    async def start(self) -> None:
        """Listen. Raises :class:`HeyiError` where the port is taken."""
        try:
            self._server = await serve(
                self._take, "127.0.0.1", self._port, subprotocols=[Subprotocol("media")], max_size=_MAX_FRAME,
                compression=None, process_request=self._admit, open_timeout=PROMPT_S, close_timeout=PROMPT_S,
                create_connection=self._connection,  # type: ignore[arg-type]  # any callable does
                logger=_silent,
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

    def expect(self, call_id: str, leg: Leg) -> str:
        """The token with which the tap of this leg, ordered now, may connect: once, within :data:`TOKEN_S`."""
        return self._tokens.issue(call_id, leg, time.monotonic())

    def feeds(self, call_id: str, leg: Leg) -> bool:
        """Whether this leg's audio comes in."""
        return (call_id, leg) in self._feeding

    def _connection(self, *args: Any, **kwargs: Any) -> ServerConnection:
        return _Tap(self, *args, **kwargs)

    def _came(self, transport: asyncio.BaseTransport) -> None:
        self._sockets += 1
        if self._sockets > CONNECTIONS and isinstance(transport, asyncio.Transport):
            transport.abort()

    def _went(self) -> None:
        self._sockets -= 1

    def _later(self, tap: "_Tap") -> None:
        """Read no more of this tap for :data:`READ_S`."""
        tap.transport.pause_reading()
        if not self._read:
            asyncio.get_running_loop().call_later(READ_S, self._read_again)
        self._read.append(tap)

    def _read_again(self) -> None:
        taps, self._read = self._read, []
        for tap in taps:
            tap.transport.resume_reading()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The handshake: nobody comes in without a token."""
        address = urlsplit(request.path)
        token = parse_qs(address.query).get("token", [""])[0]
        leg = self._tokens.redeem(token, time.monotonic()) if address.path == "/media" else None
        if leg is None or not isinstance(connection, _Tap):
            return connection.respond(HTTPStatus.FORBIDDEN, "the token of a tap is needed\n")
        connection.leg = leg
        return None

    async def _take(self, connection: ServerConnection) -> None:
        """A connection from its handshake to its end; what it says comes to :meth:`_heard`."""
        assert isinstance(connection, _Tap)  # noqa: S101
        try:
            # MEDIA_START comes with the connection. After it silence is allowed: a telephone may be on hold.
            await asyncio.wait_for(connection.begun.wait(), PROMPT_S)
            await connection.wait_closed()
        except TimeoutError:
            pass
        finally:
            if self._feeding.get(connection.leg) is connection:
                del self._feeding[connection.leg]
                self._sink.closed(*connection.leg)

    def _heard(self, tap: "_Tap", is_text: bool, payload: bytes) -> None:
        former = self._feeding.get(tap.leg)
        if former is not tap:
            if tap.begun.is_set():
                return  # another has taken over
            if former is not None:
                self._sink.closed(*tap.leg)
                former.transport.abort()
            self._feeding[tap.leg] = tap
            tap.begun.set()
            self._sink.opened(*tap.leg, RATE)
        if is_text:
            log.debug("media control", call_id=tap.leg[0], said=payload[:200].decode("utf-8", "replace"))
        else:
            self._sink.audio(*tap.leg, payload)


class _Tap(ServerConnection):
    """A connection that its server counts from the first packet on, and that hands over each frame as it comes.

    The library's own way is a queue and a task that reads it; a sink returns at once and needs neither.
    """

    def __init__(self, owner: MediaServer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owner = owner
        self.leg: tuple[str, Leg] = ("", "caller")
        self.begun = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._owner._came(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._owner._went()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.leg[0]:
            self._owner._later(self)

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode in _DATA:
            self._owner._heard(self, event.opcode is Opcode.TEXT, bytes(event.data))
        else:
            super().process_event(event)
