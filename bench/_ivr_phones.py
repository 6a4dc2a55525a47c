"""Callers and desks of the benchmark of voices, all of them in one loop: SIP and RTP by hand, no more than it takes.

A telephone library spends a third of a processor on a hundred calls; here one packet is one call of the system. Every
telephone sends a packet each 20 ms as long as its call is up, and knows at each moment which prompt it hears, since
each prompt is one A-law value over and over.
"""

import asyncio
import itertools
import re
import socket
import struct
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from bench._ivr_site import PERSON, SILENCE

_FRAME = 160
_PCMA, _EVENT = 8, 101
#: A key is held for so many packets, then its end is told thrice (RFC 4733).
_KEY_PACKETS, _END_PACKETS = 5, 3
_KEYS = "0123456789*#"
#: What is heard where it is no prompt: music, ringing.
OTHER = -1
_AGAIN_S = 0.5
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
)


class Ended(Exception):
    """The call has ended, or what was waited for did not come."""


@dataclass
class Leg:
    """One call of one telephone."""

    id: str
    voice: int
    remote: tuple[str, int] | None = None
    #: What is heard now, and every change of it with its time.
    hears: int = SILENCE
    changes: "asyncio.Queue[tuple[int, float]]" = field(default_factory=asyncio.Queue)
    over: bool = False
    answered: "asyncio.Event" = field(default_factory=asyncio.Event)
    #: Packets of a key that are still to be sent, and when it was let go.
    key: list[bytes] = field(default_factory=list)
    let_go: "asyncio.Future[float] | None" = None
    sequence: int = 0
    stamp: int = 0
    #: Of SIP: tags, where requests go, what was sent last.
    tag: str = ""
    far: str = ""
    target: str = ""
    invite: str = ""

    async def until(self, wanted: Collection[int], limit_s: float) -> float:
        """When one of these begins to be heard. Raises :class:`Ended`."""
        deadline = time.monotonic() + limit_s
        while True:
            left = deadline - time.monotonic()
            if self.over or left <= 0:
                raise Ended(
                    f"{'the call ended' if self.over else 'nothing came'} while {sorted(wanted)} was waited for"
                )
            try:
                heard, at = await asyncio.wait_for(self.changes.get(), min(left, 1.0))
            except TimeoutError:
                continue
            if heard in wanted:
                return at

    async def press(self, digit: str) -> float:
        """Press a key for 100 ms; when it was let go."""
        number, stamp = _KEYS.index(digit), self.stamp
        ends = [0] * _KEY_PACKETS + [0x80] * _END_PACKETS
        lengths = [*(_FRAME * (n + 1) for n in range(_KEY_PACKETS)), *[_FRAME * (_KEY_PACKETS + 1)] * _END_PACKETS]
        packets = [
            struct.pack("!BBIIBBH", 0x80, _EVENT | (0x80 if n == 0 else 0), stamp, 1, number, end | 10, length)
            for n, (end, length) in enumerate(zip(ends, lengths, strict=True))
        ]  # the sequence is put in as they leave
        self.let_go = asyncio.get_running_loop().create_future()
        self.key = packets
        return await self.let_go


class Phones:
    """Telephones at one address: they dial out, or answer whoever rings."""

    def __init__(self, host: str, port: int, exchange: tuple[str, int], voice: int = SILENCE) -> None:
        self._host, self._port, self._exchange, self._voice = host, port, exchange, voice
        self._legs: dict[str, Leg] = {}
        self._by_port: dict[int, Leg] = {}
        self._branch = itertools.count(1)
        self._sip = _bound(host, port)
        self._rtp, self._rtcp = _pair(host)
        self._ticking: asyncio.Task[None] | None = None
        self._ringing: set[asyncio.Task[None]] = set()
        #: The longest that packets of sound were late, in seconds: the callers' own trouble, not that of the measured.
        self.late = 0.0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sip, self._read_sip)
        loop.add_reader(self._rtp, self._read_rtp)
        self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        tasks = [*self._ringing, *([self._ticking] if self._ticking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (self._sip, self._rtp):
            loop.remove_reader(one)
        for one in (self._sip, self._rtp, self._rtcp):
            one.close()

    # -- calls

    async def dial(self, caller: str, line: str, limit_s: float = 60.0) -> Leg:
        """Call ``line``; the call once it is up. Raises :class:`Ended`."""
        leg = self._legs[caller] = Leg(caller, self._voice, tag=f"t{caller}")
        leg.target = f"sip:{line}@{self._exchange[0]}:{self._exchange[1]}"
        leg.invite = self._request(leg, "INVITE", 1, caller, f"<sip:{line}@{self._exchange[0]}>", self._sdp())
        deadline = time.monotonic() + limit_s
        while not leg.answered.is_set():
            if leg.over or time.monotonic() > deadline:
                raise Ended(f"{caller} was not let in")
            # Until something comes back: then the exchange has it.
            if leg.invite:
                self._send(leg.invite)
            try:
                await asyncio.wait_for(leg.answered.wait(), _AGAIN_S)
            except TimeoutError:
                continue
        return leg

    def hang_up(self, leg: Leg) -> None:
        if not leg.over:
            leg.over = True
            self._send(self._request(leg, "BYE", 2, leg.id, leg.far))

    def _request(self, leg: Leg, method: str, number: int, caller: str, to: str, body: str = "") -> str:
        return _message(
            f"{method} {leg.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self._port};branch=z9hG4bK{next(self._branch)}",
            f"From: <sip:{caller}@{self._host}:{self._port}>;tag={leg.tag}", f"To: {to}", f"Call-ID: {leg.id}",
            f"CSeq: {number} {method}", f"Contact: <sip:{caller}@{self._host}:{self._port}>", "Max-Forwards: 70",
            body=body,
        )  # fmt: skip

    def _sdp(self) -> str:
        return _SDP.format(host=self._host, port=self._rtp.getsockname()[1])

    def _send(self, text: str) -> None:
        self._sip.sendto(text.encode(), self._exchange)

    # -- signalling

    def _read_sip(self) -> None:
        while True:
            try:
                text = self._sip.recv(8192).decode("utf-8", "replace")
            except BlockingIOError:
                return
            head, _, body = text.partition("\r\n\r\n")
            first, *rest = head.split("\r\n")
            fields = [(name.strip().lower(), value.strip()) for name, _, value in (one.partition(":") for one in rest)]
            if first.startswith("SIP/2.0 "):
                self._replied(int(first.split()[1]), dict(fields), body)
            else:
                self._asked(first.split()[0], fields, body)

    def _replied(self, status: int, fields: dict[str, str], body: str) -> None:
        leg = self._legs.get(fields.get("call-id", ""))
        if leg is None or "INVITE" not in fields.get("cseq", ""):
            return
        leg.invite = ""
        if status < 200:
            return
        leg.far = fields["to"]
        if status >= 300:
            leg.over = True
        if found := re.search(r"<([^>]+)>", fields.get("contact", "")):
            leg.target = found[1]
        self._send(self._request(leg, "ACK", 1, leg.id, leg.far))
        if status == 200 and not leg.answered.is_set():
            self._up(leg, body)
            leg.answered.set()

    def _asked(self, method: str, fields: list[tuple[str, str]], body: str) -> None:
        one = dict(fields)
        call_id = one["call-id"]
        leg = self._legs.get(call_id)
        if method == "ACK":
            return
        if method == "INVITE" and leg is None:
            leg = self._legs[call_id] = Leg(call_id, self._voice, tag=f"d{next(self._branch)}")
            task = asyncio.create_task(self._take(leg, fields, body))
            self._ringing.add(task)
            task.add_done_callback(self._ringing.discard)
            return
        if method in ("BYE", "CANCEL") and leg is not None:
            self._down(leg)
        if method == "INVITE" and leg is not None and not leg.answered.is_set():
            return  # told again before it was answered
        self._send(self._reply("200 OK", fields, leg, self._sdp() if method == "INVITE" else ""))

    async def _take(self, leg: Leg, fields: list[tuple[str, str]], body: str) -> None:
        """Ring for a moment, then answer."""
        self._send(self._reply("180 Ringing", fields, leg))
        await asyncio.sleep(0.2)
        if leg.over:
            self._send(self._reply("487 Request Terminated", fields, leg))
            return
        self._up(leg, body)
        leg.answered.set()
        self._send(self._reply("200 OK", fields, leg, self._sdp()))

    def _reply(self, status: str, fields: list[tuple[str, str]], leg: Leg | None, body: str = "") -> str:
        kept = [f"{name}: {value}" for name, value in fields if name in ("via", "from", "call-id", "cseq")]
        to = dict(fields)["to"]
        tagged = to if "tag=" in to or leg is None else f"{to};tag={leg.tag}"
        contact = f"Contact: <sip:phone@{self._host}:{self._port}>"
        return _message(f"SIP/2.0 {status}", *kept, f"To: {tagged}", contact, body=body)

    def _up(self, leg: Leg, body: str) -> None:
        found = re.search(r"^c=IN IP4 (\S+)", body, re.MULTILINE), re.search(r"^m=audio (\d+)", body, re.MULTILINE)
        if found[0] is not None and found[1] is not None:
            leg.remote = found[0][1], int(found[1][1])
            self._by_port[leg.remote[1]] = leg

    def _down(self, leg: Leg) -> None:
        leg.over = True

    # -- sound

    async def _tick(self) -> None:
        due = time.monotonic()
        while True:
            for leg in list(self._legs.values()):
                if leg.over and leg.remote is not None:
                    self._by_port.pop(leg.remote[1], None)
                    leg.remote = None
                if leg.remote is not None:
                    self._speak(leg)
            due += 0.02
            now = time.monotonic()
            self.late = max(self.late, now - due)
            if now - due > 0.2:
                due = now  # what was missed is not sent in one go
            await asyncio.sleep(max(0.0, due - now))

    def _speak(self, leg: Leg) -> None:
        leg.sequence = (leg.sequence + 1) & 0xFFFF
        leg.stamp = (leg.stamp + _FRAME) & 0xFFFFFFFF
        assert leg.remote is not None  # noqa: S101
        if leg.key:
            packet = leg.key.pop(0)
            self._rtp.sendto(packet[:2] + leg.sequence.to_bytes(2, "big") + packet[2:], leg.remote)
            if len(leg.key) == _END_PACKETS - 1 and leg.let_go is not None and not leg.let_go.done():
                leg.let_go.set_result(time.monotonic())
            return
        head = struct.pack("!BBHII", 0x80, _PCMA, leg.sequence, leg.stamp, 1)
        self._rtp.sendto(head + _payload(leg.voice), leg.remote)

    def _read_rtp(self) -> None:
        while True:
            try:
                data, source = self._rtp.recvfrom(2048)
            except BlockingIOError:
                return
            leg = self._by_port.get(source[1])
            if leg is None or len(data) < 12 + _FRAME or data[1] & 0x7F != _PCMA:
                continue
            # One value throughout is a prompt, a desk, or silence.
            value = data[12]
            heard = value if data[12 + 79] == value == data[12 + 159] else OTHER
            if heard != leg.hears:
                leg.hears = heard
                leg.changes.put_nowait((heard, time.monotonic()))


def _payload(value: int, known: dict[int, bytes] = {}) -> bytes:  # noqa: B006  a cache
    return known.setdefault(value, bytes([value]) * _FRAME)


def _message(*lines: str, body: str = "") -> str:
    kind = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, *kind, f"Content-Length: {len(body)}", "", body])


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind((host, port))
    made.setblocking(False)
    return made


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Ports for sound and, one higher, for its reports, which nobody reads."""
    while True:
        rtp = _bound(host, 0)
        try:
            return rtp, _bound(host, rtp.getsockname()[1] + 1)
        except OSError:
            rtp.close()


def desks(host: str, port: int, exchange: tuple[str, int]) -> Phones:
    """Telephones of people who answer at once."""
    return Phones(host, port, exchange, PERSON)
