"""FastAGI: Asterisk connects here for a call and does on its channel what it is told. Framing pure, the rest asyncio.

Everything on this machine reaches the port: a port scan, a peer that talks without end, one that says nothing, a dead
one. None of them costs more than a socket for seconds, and none the others anything. A call is let in only with the
site's token, which its dialplan passes as the script's first argument.

One command at a time: Asterisk reads ahead, and overlooks a second one that came together with the first.
"""

import asyncio
import contextlib
import hmac
import re
import socket
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from core.errors import HeyiError

log = structlog.get_logger(__name__)

#: Bytes of one line, and lines before the first empty one: Asterisk sends some twenty, of which none is as long.
MAX_LINE, MAX_VARIABLES = 4096, 100
#: Asterisk cuts a command that is longer (AGI_BUF_LEN).
MAX_COMMAND = 2000
#: Seconds for what a call says of itself: Asterisk sends all of it at once.
PROMPT_S = 2.0
#: Connections at once, those included that have said nothing yet.
CONNECTIONS = 1000
#: Of a refused command Asterisk may recite the usage: so many lines at most.
_MAX_USAGE = 200
_READ = 4096
#: Linux; it holds until the kernel changes its mind, so it is asked for after every reading.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_REPLY = re.compile(r"(\d{3})[ -](?:result=(\S*))?(?: ?\(([^)]*)\))?(?:.*?\bendpos=(\d+))?")
_BAD = re.compile(r"[\r\n\0]")


class AgiError(HeyiError):
    """The peer does not speak as Asterisk does, or did not answer in time."""


class Gone(Exception):
    """The caller has hung up, or Asterisk has closed: nothing more can be done on this channel."""


class Lines:
    """Turns bytes into lines. Raises :class:`AgiError` where a line has no end."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[str]:
        self._buffer += data
        *whole, rest = self._buffer.split(b"\n")
        if len(rest) > MAX_LINE or any(len(line) > MAX_LINE for line in whole):
            raise AgiError("a line without an end", hint="is this really Asterisk?")
        self._buffer = bytearray(rest)
        return [bytes(line).decode("utf-8", "replace").removesuffix("\r") for line in whole]


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one command."""

    #: 200 done; 510, 511, 520: not a command, not on this channel, not so.
    code: int
    #: Text after ``result=``: mostly a number, of a key its ASCII code.
    result: str = ""
    #: Text in parentheses: a variable's value, or why a recording ended.
    value: str = ""
    #: Samples that were played or recorded, where it is told.
    samples: int = 0

    @property
    def key(self) -> str:
        """The key that ended it; empty where none did."""
        char = chr(int(self.result)) if self.result.isdecimal() and int(self.result) < 128 else ""
        return char if char and char in "0123456789*#ABCD" else ""


class Replies:
    """Turns the lines that follow the call's variables into replies; pure.

    ``HANGUP`` may stand between any two; lines that begin with 1 say that a command is being worked on.
    """

    def __init__(self) -> None:
        self.hung_up = False
        self._usage = 0

    def read(self, line: str) -> Reply | None:
        """The reply that this line completes. Raises :class:`AgiError` where it is none."""
        if line == "HANGUP":
            self.hung_up = True
            return None
        if self._usage:
            self._usage += 1
            if line.startswith("520 End"):
                self._usage = 0
                return Reply(520)
            if self._usage > _MAX_USAGE:
                raise AgiError("a refusal without an end")
            return None
        if line.startswith("520-"):
            self._usage = 1
            return None
        found = _REPLY.match(line)
        if found is None:
            raise AgiError(f"no reply of Asterisk's: {line[:60]!r}")
        if found[1].startswith("1"):
            return None
        return Reply(int(found[1]), found[2] or "", found[3] or "", int(found[4] or 0))


def command(*words: str) -> str:
    """One command; words with spaces or quotes are quoted. Raises :class:`AgiError` for a word with a line break."""
    text = " ".join([words[0], *(_quoted(word) for word in words[1:])])
    if _BAD.search(text) or len(text.encode()) > MAX_COMMAND:
        raise AgiError(f"this must not reach Asterisk: {text[:40]!r}")
    return text


def _quoted(word: str) -> str:
    if word and not re.search(r'[\s"\\]', word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


class AgiCall:
    """One call on the line, as whoever handles it sees it."""

    def __init__(self, variables: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        #: ``agi_uniqueid``, ``agi_callerid`` … without ``agi_``.
        self.variables = variables
        self._writer = writer
        self._replies = Replies()
        self._answer: Reply | None = None
        #: A reply is to come.
        self._owed = False
        self._news = asyncio.Event()
        self._closed = False

    @property
    def script(self) -> str:
        """Path of the address without its first slash."""
        return urlsplit(self.variables.get("request", "")).path.lstrip("/")

    def argument(self, number: int) -> str:
        """Argument of the script, the first (the token) is 1; empty where there is none."""
        return self.variables.get(f"arg_{number}", "")

    @property
    def hung_up(self) -> bool:
        return self._replies.hung_up or self._closed

    async def run(self, command: str, *, limit_s: float) -> Reply:
        """Have this done (:func:`command`), and the reply to it.

        Raises :class:`Gone` where the caller is gone, :class:`AgiError` where there is no reply after ``limit_s``: the
        connection is closed then, since what comes later would belong to nobody.
        """
        if self._owed:
            raise AgiError("one thing after the other")
        if self.hung_up:
            raise Gone
        self._owed, self._answer = True, None
        self._writer.write(f"{command}\n".encode())
        try:
            async with asyncio.timeout(limit_s):
                while self._answer is None:
                    if self.hung_up:
                        raise Gone
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            self.close()
            raise AgiError(f"Asterisk did not answer within {limit_s:g} s", hint=command[:80]) from None
        except asyncio.CancelledError:
            self.close()
            raise
        return self._answer

    def close(self) -> None:
        """Give the call back to its dialplan."""
        self._closed = True
        self._news.set()
        self._writer.close()

    def acknowledge(self) -> None:
        """Have the kernel say at once that something came: Asterisk waits with the next reply until then, 40 ms."""
        sock = self._writer.get_extra_info("socket")
        if sock is not None and not self._closed and _QUICKACK is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def take(self, line: str) -> None:
        """A line of Asterisk's. Raises :class:`AgiError` for what nobody asked for."""
        reply = self._replies.read(line)
        if reply is not None:
            if not self._owed:
                raise AgiError("a reply to nothing")
            self._owed, self._answer = False, reply
        self._news.set()


Handler = Callable[[AgiCall], Awaitable[None]]


class AgiServer:
    """Listens on ``host``:``port`` (loopback); ``handler`` has each call until it returns or the call is gone."""

    def __init__(self, host: str, port: int, token: str, handler: Handler) -> None:
        self._host, self._port, self._token, self._handler = host, port, token, handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises :class:`HeyiError` where the port is taken."""
        try:
            self._server = await asyncio.start_server(self._came, self._host, self._port, backlog=CONNECTIONS)
        except OSError as error:
            raise HeyiError(
                f"port {self._port} (voice) cannot be used: {error.strerror}", hint="set HEYI_AGI_PORT"
            ) from error

    async def close(self) -> None:
        """Stop listening; every call goes back to its dialplan at once."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def __len__(self) -> int:
        """Connections that there are."""
        return len(self._tasks)

    def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer), name="agi")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = Lines()
            async with asyncio.timeout(PROMPT_S):
                call, more = await self._greet(reader, lines, writer)
            if call is not None:
                await self._hold(call, reader, lines, more)
        except (TimeoutError, OSError, HeyiError) as error:
            log.debug("agi peer turned away", reason=str(error))
        finally:
            # Not close(): a peer that never reads must not keep what was written for it.
            with contextlib.suppress(OSError):
                if writer.can_write_eof():
                    writer.write_eof()
            await _flushed(writer)
            writer.transport.abort()

    async def _greet(
        self, reader: asyncio.StreamReader, lines: Lines, writer: asyncio.StreamWriter
    ) -> tuple[AgiCall | None, list[str]]:
        """What the call says of itself; None for a peer that is none of ours. And lines that came with it."""
        variables: dict[str, str] = {}
        while data := await reader.read(_READ):
            got = lines.feed(data)
            for number, line in enumerate(got):
                if not line:
                    right = hmac.compare_digest(variables.get("arg_1", "").encode(), self._token.encode())
                    return (AgiCall(variables, writer) if right else None), got[number + 1 :]
                name, colon, value = line.partition(": ")
                if not line.startswith("agi_") or not (colon or name.endswith(":")) or len(variables) >= MAX_VARIABLES:
                    return None, []
                variables[name.removeprefix("agi_").removesuffix(":")] = value
        return None, []

    async def _hold(self, call: AgiCall, reader: asyncio.StreamReader, lines: Lines, more: list[str]) -> None:
        """The handler has the call, while its replies are read."""
        handling = asyncio.create_task(self._handle(call), name=f"voice {call.variables.get('uniqueid', '')}")
        reading = asyncio.create_task(_read(call, reader, lines, more))
        try:
            await asyncio.wait({handling, reading}, return_when=asyncio.FIRST_COMPLETED)
            call.close()
            if not handling.done():  # the call is gone: whoever waits for a reply learns it, others get a moment
                await asyncio.wait({handling}, timeout=PROMPT_S)
        finally:
            for task in (handling, reading):
                task.cancel()
            await asyncio.gather(handling, reading, return_exceptions=True)

    async def _handle(self, call: AgiCall) -> None:
        try:
            await self._handler(call)
        except Gone:
            pass
        except Exception as error:
            # One call's trouble is its own: its dialplan goes on to the queue. In one line: a traceback with all its
            # values takes so long to draw that it would hold up the others.
            where = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                "a voice failed", call_id=call.variables.get("uniqueid", ""), error=repr(error)[:200],
                where=f"{where.filename}:{where.lineno}",
            )  # fmt: skip


async def _read(call: AgiCall, reader: asyncio.StreamReader, lines: Lines, more: list[str]) -> None:
    """Until the end of the connection, or of its sense."""
    try:
        while True:
            for line in more:
                call.take(line)
            call.acknowledge()
            data = await reader.read(_READ)
            if not data:
                return
            more = lines.feed(data)
    except (OSError, AgiError) as error:
        log.warning("a voice lost its line", call_id=call.variables.get("uniqueid", ""), reason=str(error))


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Wait for what was written to leave; a peer that takes nothing gets no longer than a moment."""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(0.5):
            await writer.drain()
