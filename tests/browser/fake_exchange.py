"""A telephone exchange for a page under test: SIP over WebSocket, as little of it as JsSIP needs. No sound."""

import asyncio
import itertools
import re
from dataclasses import dataclass, field

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

#: An offer that a browser accepts and answers; nothing listens at its address.
_OFFER = "\r\n".join(
    (
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 8 101", "c=IN IP4 127.0.0.1",
        "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16",
        "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "a=setup:actpass", "a=mid:0", "a=sendrecv", "a=rtcp-mux", "",
    )
)  # fmt: skip


@dataclass
class Message:
    """One SIP request or answer."""

    first: str
    headers: dict[str, str]
    body: str

    @property
    def method(self) -> str:
        return self.headers["cseq"].split()[1]

    @property
    def status(self) -> int:
        return int(self.first.split()[1]) if self.first.startswith("SIP/") else 0


def _parse(raw: str) -> Message:
    head, _, body = raw.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return Message(first, headers, body)


@dataclass
class Ring:
    """A call to the page."""

    call_id: str
    invite: str
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class FakeExchange:
    """Registers any telephone; rings it; takes what it dials."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._page: ServerConnection | None = None
        self._user = ""
        self._ids = itertools.count(1)
        self._rings: dict[str, Ring] = {}
        self.registered = asyncio.Event()
        #: What the page has asked of us, besides registering: method and target.
        self.asked: list[tuple[str, str]] = []
        self._dialled: list[Message] = []

    async def start(self) -> int:
        """Listen on a free port of loopback; returns it."""
        self._server = await serve(self._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("sip")])
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def ring(self, name: str = "", number: str = "13800001234") -> Ring:
        """The telephone rings."""
        call_id = f"call-{next(self._ids)}@exchange"
        shown = f'"{name}" ' if name else ""
        head = (
            f"Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bK{number}x{len(self._rings)}",
            f"From: {shown}<sip:{number}@127.0.0.1>;tag=x{len(self._rings)}", f"To: <sip:{self._user}@127.0.0.1>",
            f"Call-ID: {call_id}", "Contact: <sip:exchange@127.0.0.1;transport=ws>", "Max-Forwards: 70",
        )  # fmt: skip
        ring = self._rings[call_id] = Ring(call_id, "\r\n".join(head))
        await self._send(f"INVITE sip:{self._user}@127.0.0.1 SIP/2.0", ring.invite, "1 INVITE", _OFFER)
        return ring

    async def give_up(self, ring: Ring) -> None:
        """The caller is answered elsewhere, or has gone."""
        await self._send(f"CANCEL sip:{self._user}@127.0.0.1 SIP/2.0", ring.invite, "1 CANCEL")

    def dialled(self) -> list[str]:
        """Numbers that the page has dialled."""
        return [target for method, target in self.asked if method == "INVITE"]

    async def other_side_rings(self) -> None:
        """To the call that the page has dialled."""
        await self._reply(self._dialled[-1], "180 Ringing")

    async def refuse(self) -> None:
        await self._reply(self._dialled[-1], "486 Busy Here")

    async def _talk(self, page: ServerConnection) -> None:
        self._page = page
        async for raw in page:
            if not isinstance(raw, str) or not raw.strip():
                continue
            message = _parse(raw)
            if message.status:
                await self._answered(message)
            elif message.method == "REGISTER":
                self._user = re.sub(r"^.*<?sip:([^@]+)@.*$", r"\1", message.headers["to"])
                contact = f"Contact: {message.headers['contact']};expires=120\r\n"
                await self._reply(message, "200 OK", contact)
                self.registered.set()
            elif message.method != "ACK":
                self.asked.append((message.method, re.sub(r"^\S+ sip:([^@;]+).*$", r"\1", message.first)))
                await self._asked(message)

    async def _asked(self, message: Message) -> None:
        if message.method == "INVITE":
            self._dialled.append(message)
            await self._reply(message, "100 Trying")
            return
        await self._reply(message, "200 OK")
        if message.method == "CANCEL":
            await self._reply(self._dialled[-1], "487 Request Terminated")
        if ring := self._rings.get(message.headers["call-id"]):
            ring.over.set()

    async def _answered(self, message: Message) -> None:
        ring = self._rings.get(message.headers["call-id"])
        if ring is None or message.method != "INVITE" or message.status < 200:
            return
        if message.status == 200:
            ring.answered.set()
        else:
            ring.over.set()
        head = re.sub(r"To: [^\r\n]*", f"To: {message.headers['to']}", ring.invite)
        await self._send(f"ACK sip:{self._user}@127.0.0.1 SIP/2.0", head, "1 ACK")

    async def _reply(self, message: Message, status: str, more: str = "") -> None:
        kept = "".join(f"{name}: {message.headers[name.lower()]}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        to = message.headers["to"]
        tag = "" if ";tag=" in to else ";tag=exchange"
        assert self._page is not None
        await self._page.send(f"SIP/2.0 {status}\r\n{kept}To: {to}{tag}\r\n{more}Content-Length: 0\r\n\r\n")

    async def _send(self, first: str, head: str, cseq: str, body: str = "") -> None:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        assert self._page is not None
        await self._page.send(f"{first}\r\n{head}\r\nCSeq: {cseq}\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}")
