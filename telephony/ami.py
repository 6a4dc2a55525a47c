"""The connection to Asterisk's manager interface: panoramisk's ``Manager``, used narrowly.

From panoramisk come connecting, login and reconnecting. Ours, because its own do otherwise (docs/telephony.md): framing
on bytes, a refusal of line breaks, a time limit on every action, no action ever sent twice, a watchdog that notices a
mute peer, growing pauses between attempts, and one sink that cannot break the connection.
"""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from panoramisk import Manager

from core.errors import AmiError, HeyiError
from telephony.wire import Decoder, Message, encode

log = structlog.get_logger(__name__)

WATCHDOG_S = 5.0
ACTION_TIMEOUT_S = 5.0
_MAX_PAUSE_S = 30


class Response(Message):
    """An answer; ``success`` is what panoramisk's login looks at."""

    @property
    def success(self) -> bool:
        return self.get("Response") in ("Success", "Goodbye", "Pong")


class _Pending:
    """An action under way: its answer, and the events of its list where it gives one."""

    def __init__(self, future: asyncio.Future[Response], list_end: str) -> None:
        self.future = future
        self.list_end = list_end
        self.items: list[Message] = []


class _Protocol(asyncio.Protocol):
    """One connection. ``Manager`` fills in ``factory`` and the other attributes once it is made."""

    def __init__(self, sink: Callable[[Message], None]) -> None:
        self._sink = sink
        self._decoder = Decoder()
        self._ids = itertools.count(1)
        self._transport: asyncio.Transport | None = None
        self.pending: dict[str, _Pending] = {}
        self.closed = False
        # Filled in by Manager.
        self.factory: Any = None
        self.queue: deque[Any] = deque()
        self.log: Any = None
        self.config: Any = None
        self.encoding = "utf8"
        self.responses: dict[str, Any] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._decoder.feed(data)
        except AmiError as error:
            log.error("manager interface", error=str(error))
            self.abort()
            return
        for message in messages:
            self._take(message)

    def _take(self, message: Message) -> None:
        pending = self.pending.get(message.get("ActionID", ""))
        if "Response" in message:
            if pending is None or pending.future.done():
                return
            answer = Response(message)
            if not answer.success or not pending.list_end:
                pending.future.set_result(answer)
                return
            pending.items.append(message)
        elif pending is not None and pending.list_end:
            if message.get("Event") == pending.list_end:
                if not pending.future.done():
                    pending.future.set_result(Response(pending.items[0]))
            else:
                pending.items.append(message)
        else:
            self._sink(message)

    def send(self, action: Mapping[str, str], as_list: Any = None) -> asyncio.Future[Response]:
        """Manager's way in (login and ping); ours is :meth:`request`."""
        headers = dict(action)
        return self.request(headers.pop("Action"), headers).future

    def request(self, action: str, headers: Mapping[str, str | Iterable[str]], list_end: str = "") -> _Pending:
        action_id = str(next(self._ids))
        data = encode(action, {"ActionID": action_id, **headers})
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        pending = _Pending(future, list_end)
        if self._transport is None or self._transport.is_closing():
            future.set_exception(AmiError("Asterisk's manager interface is not connected"))
            return pending
        self.pending[action_id] = pending
        future.add_done_callback(lambda _: self.pending.pop(action_id, None))
        self._transport.write(data)
        return pending

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed:
            return
        self.closed = True
        for pending in tuple(self.pending.values()):
            if not pending.future.done():
                # Never sent again: a call placed twice would ring a caller twice.
                pending.future.set_exception(AmiError("the connection to Asterisk was lost"))
                pending.future.exception()
        if self.factory is not None:
            self.factory.connection_lost(exc)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Manager(Manager):  # type: ignore[misc]
    """panoramisk's manager with an end: it neither reconnects once closed nor hides a refused login."""

    def __init__(self, owner: "Ami", **config: Any) -> None:
        super().__init__(**config)
        self.pinger: asyncio.TimerHandle | None = None
        self._owner = owner
        self.closing = False

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        if self.closing:
            return None
        return super().connect(*args, **kwargs)

    def connection_made(self, f: "asyncio.Task[tuple[asyncio.Transport, _Protocol]]") -> None:
        if not self.closing:
            if not f.cancelled() and f.exception() is not None:  # refused: while Asterisk is away the pauses grow, too
                self.reconnect_timeout = self._owner._next_pause()
            super().connection_made(f)
        elif not f.cancelled() and f.exception() is None:  # made while the end came: nobody would close it
            f.result()[0].close()

    def login(self, future: asyncio.Future[Response]) -> bool:
        if future.cancelled() or future.exception() is not None:
            return False
        accepted = bool(super().login(future))
        if self.pinger is not None:  # ours has a time limit
            self.pinger.cancel()
            self.pinger = None
        self._owner._logged_in(accepted, future.result())
        return accepted

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closing:
            return
        self.reconnect_timeout = self._owner._next_pause()
        super().connection_lost(exc)


class Ami:
    """A manager connection that heals itself.

    ``on_event`` gets every event and must only put it away. ``on_up`` is called after each login (the first and those
    after a lost connection), ``on_down`` when the connection is gone.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        secret: str,
        on_event: Callable[[Message], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
    ) -> None:
        self._address = f"{host}:{port}"
        self._host, self._port, self._user, self._secret = host, port, user, secret
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down
        self._manager: _Manager | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None
        self._failures = 0
        self.up = False

    async def start(self) -> None:
        """Connect and log in. Raises :class:`AmiError` when the first attempt fails; later ones are tried again."""
        loop = asyncio.get_running_loop()
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(self._host, self._port), ACTION_TIMEOUT_S)
            writer.close()
            await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            raise AmiError(
                f"no Asterisk answers on {self._address}", hint="is it running? ./run heyi asterisk start"
            ) from error
        self._first = loop.create_future()
        self._manager = _Manager(
            self,
            loop=loop,
            host=self._host,
            port=self._port,
            username=self._user,
            secret=self._secret,
            protocol_factory=lambda: _Protocol(self._on_event),
            on_disconnect=lambda *_: self._lost(),
            ping_delay=3600,
            ping_interval=3600,
            log=_Quiet(),
        )
        self._manager.connect()
        try:
            await asyncio.wait_for(asyncio.shield(self._first), ACTION_TIMEOUT_S)
        except (TimeoutError, HeyiError) as error:
            await self.close()
            if isinstance(error, HeyiError):
                raise
            raise AmiError(f"{self._address} does not speak as Asterisk's manager interface does") from error
        self._watchdog = asyncio.create_task(self._watch(), name="ami watchdog")

    async def close(self) -> None:
        self.up = False
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
        if self._manager is not None:
            self._manager.closing = True
            self._manager.close()
        await asyncio.sleep(0)

    async def action(
        self,
        action: str,
        headers: Mapping[str, str | Iterable[str]] | None = None,
        *,
        timeout_s: float = ACTION_TIMEOUT_S,
    ) -> Response:
        """Send an action once and wait for its answer. Raises :class:`AmiError` on refusal, silence or a lost line."""
        return await self._finish(self._request(action, headers or {}), action, timeout_s)

    async def query(
        self,
        action: str,
        list_end: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = ACTION_TIMEOUT_S,
    ) -> list[Message]:
        """An action that answers with a list of events up to the event ``list_end``."""
        pending = self._request(action, headers or {}, list_end)
        await self._finish(pending, action, timeout_s)
        return pending.items[1:]

    def _request(self, action: str, headers: Mapping[str, str | Iterable[str]], list_end: str = "") -> _Pending:
        protocol = self._manager.protocol if self._manager is not None else None
        if protocol is None or not self.up:
            raise AmiError("Asterisk's manager interface is not connected")
        pending: _Pending = protocol.request(action, headers, list_end)
        return pending

    async def _finish(self, pending: _Pending, action: str, timeout_s: float) -> Response:
        try:
            answer = await asyncio.wait_for(pending.future, timeout_s)
        except TimeoutError:
            raise AmiError(f"Asterisk did not answer {action} within {timeout_s:g} s") from None
        if not answer.success:
            raise AmiError(f"Asterisk refused {action}: {answer.get('Message', 'no reason given')}")
        return answer

    def _logged_in(self, accepted: bool, answer: Response) -> None:
        if not accepted:
            refusal = AmiError(
                f"Asterisk refused the manager login of {self._user!r}: {answer.get('Message', '')}",
                hint="HEYI_AMI_USER and HEYI_AMI_SECRET must match Asterisk's manager.conf",
            )
            if self._first is not None and not self._first.done():
                self._first.set_exception(refusal)
            else:
                log.error("manager login refused", reason=answer.get("Message", ""))
            return
        self._failures = 0
        self.up = True
        if self._first is not None and not self._first.done():
            self._first.set_result(None)
        self._on_up()

    def _lost(self) -> None:
        was_up, self.up = self.up, False
        if was_up:
            log.warning("the connection to Asterisk was lost", address=self._address)
            self._on_down()

    def _next_pause(self) -> float:
        """Seconds until the next attempt: doubled with each failure, a little shorter by chance.

        Many that lost one Asterisk must not all come back in the same moment.
        """
        self._failures += 1
        return float(min(_MAX_PAUSE_S, 2 ** min(self._failures - 1, 10))) * random.uniform(0.8, 1.0)  # noqa: S311

    async def _watch(self) -> None:
        """Ping; a peer that does not answer in time is cut off, so that reconnecting begins."""
        not_in: _Protocol | None = None
        while True:
            await asyncio.sleep(WATCHDOG_S)
            if self._manager is None:
                continue
            protocol = self._manager.protocol
            if not self.up:
                # It took the connection a round ago and still has not answered the login.
                if not_in is not None and protocol is not_in:
                    not_in.abort()
                not_in = protocol
                continue
            not_in = None
            try:
                await self.action("Ping", timeout_s=WATCHDOG_S)
            except AmiError as error:
                log.warning("manager watchdog", error=str(error))
                protocol.abort()


class _Quiet:
    """panoramisk logs each attempt with a traceback; ours is one line."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_kwargs: None
