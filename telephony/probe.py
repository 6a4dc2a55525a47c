"""Is a SIP trunk alive? Asks with OPTIONS, as exchanges ask each other.

aiosip carries the messages. Ours, because it does otherwise: it takes 183 and a challenge for something to act upon,
stumbles over tags with ``=`` in them, repeats nothing and waits for ever.
"""

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import Any

import structlog

from core.ids import new_id
from telephony.compat_aiosip import aiosip

log = structlog.get_logger(__name__)

#: Before asking again where the machine itself said that nobody listens: enough for a server that is starting anew.
_REFUSED_PAUSE_S = 0.3
#: Headers that match an answer to its question, by their compact names too (RFC 3261, 7.3.3).
_MATCHED = {b"via": b"Via", b"v": b"Via", b"call-id": b"Call-ID", b"i": b"Call-ID", b"cseq": b"CSeq"}


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What a trunk said."""

    #: It gave a final answer, whichever: who refuses (401, 403, 404, 405) is there.
    reachable: bool
    #: SIP status of that answer.
    code: int | None = None
    #: Milliseconds from the question that was answered to its answer.
    rtt_ms: float | None = None
    #: Why it is not reachable, in words.
    reason: str = ""

    @property
    def in_service(self) -> bool:
        """Reachable, and without telling a fault of its own (5xx, 6xx)."""
        return self.code is not None and self.code < 500


async def probe(
    host: str, port: int = 5060, *, source: str = "", user: str = "", timeout_s: float = 1.0, attempts: int = 3
) -> ProbeResult:
    """Send OPTIONS over UDP (IPv4) up to ``attempts`` times, each with ``timeout_s`` seconds for a final answer.

    ``source`` is the address to ask from, where the trunk knows us by it; ``user`` the user part of the request's
    address, none if empty. Never raises for a trunk's sake: what is wrong stands in the result.
    """
    loop = asyncio.get_running_loop()
    app = _Application(loop=loop)
    try:
        transport, udp = await loop.create_datagram_endpoint(
            lambda: _Udp(app, loop),
            local_addr=(source, 0) if source else None,
            remote_addr=(host, port),
            family=socket.AF_INET,
        )
    except OSError as error:
        return ProbeResult(reachable=False, reason=f"{host}: {error.strerror or error}")
    app.udp = udp
    address, local_port = transport.get_extra_info("sockname")[:2]
    reason = ""
    try:
        for attempt in range(attempts):
            # A dialog of its own for every attempt: an exchange that answered one badly is asked as if for the first
            # time, and an answer that comes too late is not taken for the next one's.
            dialog = await app.start_dialog(
                from_uri=f"<sip:heyi@{address}:{local_port}>",
                to_uri=f"<sip:{user}{'@' if user else ''}{host}:{port}>",
                call_id=new_id(),
                protocol=_Udp,
                local_addr=(address, local_port),
                remote_addr=(host, port),
                dialog=_Dialog,
            )
            headers = {
                "Via": f"SIP/2.0/%(protocol)s {address}:{local_port};rport;branch=z9hG4bK{new_id()}",
                "User-Agent": "heyi",
                "Accept": "application/sdp",
            }
            asked = time.perf_counter()
            udp.waiting = dialog.send_message("OPTIONS", headers=headers)
            try:
                answer = await asyncio.wait_for(udp.waiting, timeout_s)
            except TimeoutError:
                reason = f"no answer within {timeout_s:g} s"
            except OSError as error:
                reason = error.strerror or str(error)
                if attempt + 1 < attempts:
                    await asyncio.sleep(_REFUSED_PAUSE_S)
            else:
                rtt_ms = round((time.perf_counter() - asked) * 1000, 2)
                return ProbeResult(reachable=True, code=answer.status_code, rtt_ms=rtt_ms)
        return ProbeResult(reachable=False, reason=reason)
    finally:
        transport.close()


class _Dialog(aiosip.Dialog):  # type: ignore[misc]
    """One question. Any final answer ends it; provisional ones and those that come twice are passed over."""

    def receive_message(self, msg: Any) -> None:
        if not isinstance(msg, aiosip.Response) or msg.status_code < 200:
            return
        asked = self._msgs[msg.method].pop(msg.cseq, None)
        if asked is not None and not asked.future.done():
            asked.future.set_result(msg)


class _Application(aiosip.Application):  # type: ignore[misc]
    """All dialogs over one socket of ours, so that it can be closed and its port is known."""

    udp: Any = None

    async def create_connection(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.udp

    def send_message(self, _protocol: Any, _local: Any, _remote: Any, msg: Any) -> None:
        self.udp.send_message(msg)


class _Udp(aiosip.UDP):  # type: ignore[misc]
    """The socket: hands only what is needed to aiosip's parser, and survives whatever arrives."""

    waiting: "asyncio.Future[Any] | None" = None

    def datagram_received(self, data: bytes, addr: Any) -> None:
        try:
            super().datagram_received(_lean(data), addr)
        except Exception as error:  # a stranger's bytes in a parser that asks no questions
            log.debug("datagram not understood", peer=addr, error=repr(error))

    def error_received(self, exc: Exception) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(exc)


def _lean(data: bytes) -> bytes:
    """A response with the headers that match it to its request; From and To, which aiosip must see, are blanked."""
    first, *lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        known = _MATCHED.get(name.strip().lower())
        if known is not None and colon:
            kept.setdefault(known, value.strip())
    headers = [b"%s: %s" % item for item in kept.items()]
    return b"\r\n".join([first, *headers, b"From: <sip:heyi>", b"To: <sip:peer>", b"", b""])
