"""A telephone in software: registers, calls, answers, speaks, hears and presses keys, over real SIP and RTP.

The synthetic callers, the robot call taker and the tests use it. Signalling is aiosipua's, media aiortp's; a phone
sends a packet every 20 ms while a call is up, silence included, as telephones do.
"""

import asyncio
import contextlib
import itertools
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

import aiortp
import structlog
from aiosipua import SipUAC, SipUAS, UdpSipTransport
from aiosipua.auth import SipDigestAuth
from aiosipua.incoming_call import IncomingCall
from aiosipua.outgoing_call import OutgoingCall
from aiosipua.registration import Registration, RegistrationState
from aiosipua.sdp_negotiate import build_sdp, negotiate_sdp

from core.errors import HeyiError

log = structlog.get_logger(__name__)

RATE = 8000
FRAME = 160  # samples in 20 ms
_ALAW = 8
_DTMF = 101
_SILENCE = b"\xd5" * FRAME


class _Datagrams(asyncio.DatagramProtocol):
    """Hands datagrams to a SIP transport."""

    def __init__(self, owner: UdpSipTransport) -> None:
        self._owner = owner

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._owner._dispatch(data, (addr[0], addr[1]))


class _Udp(UdpSipTransport):
    """aiosipua 0.7.1 asserts a class of transport that Python 3.11 does not make; this one does not ask."""

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._udp_transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=self.local_addr
        )


class Audio:
    """Media of one call: sends what is queued in real time, silence otherwise; keeps count of what it hears."""

    def __init__(self, session: aiortp.RTPSession) -> None:
        self._session = session
        self._codec = aiortp.get_codec(_ALAW)
        self._queue: deque[bytes] = deque()
        self._empty = asyncio.Event()
        self._empty.set()
        self._clock = aiortp.MediaClock(0.02, self._tick)
        self._timestamp = 0
        #: 20 ms frames received, and those among them that carry a voice (mean level above -50 dBFS).
        self.frames = 0
        self.voiced = 0
        session.on_audio = self._hear
        self._clock.start()

    def _tick(self) -> None:
        payload = self._queue.popleft() if self._queue else _SILENCE
        self._timestamp = self._session.send_audio_auto(payload)
        if not self._queue:
            self._empty.set()

    def _hear(self, pcm: bytes, _timestamp: int) -> None:
        self.frames += 1
        samples = memoryview(pcm).cast("h")
        if sum(map(abs, samples)) > 100 * len(samples):
            self.voiced += 1

    async def play(self, pcm: bytes) -> None:
        """Speak: signed 16-bit mono at 8 kHz; returns when the last frame has been sent."""
        self._empty.clear()
        for start in range(0, len(pcm), FRAME * 2):
            frame = pcm[start : start + FRAME * 2]
            self._queue.append(self._codec.encode(frame.ljust(FRAME * 2, b"\0")))
        await self._empty.wait()

    def press(self, digit: str) -> None:
        """Press a key: an RFC 4733 event of 160 ms."""
        self._session.send_dtmf(digit, 160, timestamp=(self._timestamp + FRAME) & 0xFFFFFFFF)

    async def close(self) -> None:
        self._queue.clear()
        self._empty.set()
        await self._clock.stop()
        await self._session.close()


class PhoneCall:
    """One call of a phone, in either direction."""

    def __init__(self, phone: "Phone", sip: OutgoingCall | IncomingCall) -> None:
        self._phone = phone
        self._sip = sip
        self.audio: Audio | None = None
        self._port = 0
        self.ended = asyncio.Event()

    @property
    def id(self) -> str:
        """SIP Call-ID."""
        return self._sip.call_id

    @property
    def from_header(self) -> str:
        """Who calls, as the From header says."""
        return self._sip.caller

    async def answer(self) -> None:
        """Answer an incoming call."""
        sip = self._sip
        assert isinstance(sip, IncomingCall)  # noqa: S101
        if sip.sdp_offer is None or sip.sdp_offer.rtp_address is None:
            sip.reject(488)
            raise HeyiError("the call offers no audio")
        for last in (False, False, True):
            port = self._phone.next_rtp_port()
            answer, chosen = negotiate_sdp(sip.sdp_offer, self._phone.host, port, [_ALAW])
            try:
                await self._open(port, sip.sdp_offer.rtp_address, chosen)
                break
            except OSError as error:  # somebody else took it since
                if last:
                    sip.reject(503)
                    raise HeyiError(f"{self._phone.user}: no port for sound: {error.strerror}") from error
        sip.accept(answer)

    async def _open(self, port: int, remote: tuple[str, int], payload_type: int) -> None:
        await self._phone.finish(self._open_audio(port, remote, payload_type))

    async def _open_audio(self, port: int, remote: tuple[str, int], payload_type: int) -> None:
        session = await aiortp.RTPSession.create(
            (self._phone.host, port), remote, payload_type, dtmf_payload_type=_DTMF, jitter_prefetch=1
        )
        self.audio = Audio(session)
        self._port = port
        if self.ended.is_set():  # hung up while its sound was being opened
            await self.audio.close()

    async def play(self, pcm: bytes) -> None:
        """Speak, unless the call has ended; returns early when it ends."""
        if self.audio is None or self.ended.is_set():
            return
        speaking = asyncio.create_task(self.audio.play(pcm))
        ending = asyncio.create_task(self.ended.wait())
        await asyncio.wait({speaking, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in (speaking, ending):
            task.cancel()
        await asyncio.gather(speaking, ending, return_exceptions=True)

    def press(self, digit: str) -> None:
        if self.audio is not None and not self.ended.is_set():
            self.audio.press(digit)

    def hold(self, held: bool) -> None:
        """Put the other side on hold, or take it back: an UPDATE (RFC 3311) of our audio's direction."""
        if self._port and not self.ended.is_set():
            offer = build_sdp(self._phone.host, self._port, _ALAW, "PCMA", dtmf_payload_type=_DTMF)
            for media in offer.media:
                media.attributes.pop("sendrecv", None)
                media.attributes["sendonly" if held else "sendrecv"] = []
            self._phone.uac.send_update(self._sip.dialog, self._phone.server, sdp=offer)

    def refer(self, number: str) -> None:
        """Pass the other side on to ``number`` at once, as telephones do by their own key: REFER (RFC 3515)."""
        host, port = self._phone.server
        self._phone.uac.send_refer(self._sip.dialog, f"sip:{number}@{host}:{port}", self._phone.server)

    async def hang_up(self) -> None:
        """End the call, or give up a call that was not answered yet."""
        if isinstance(self._sip, IncomingCall):
            if self.audio is None:
                self._sip.reject(486)
            else:
                self._sip.hangup()
        elif self.audio is None:
            self._sip.cancel(self._phone.uac)
        else:
            self._sip.hangup(self._phone.uac)
        await self._finish()

    async def _finish(self) -> None:
        if not self.ended.is_set():
            self.ended.set()
            self._phone.forget(self)
            if self.audio is not None:
                await self._phone.finish(self.audio.close())


class Phone:
    """A SIP telephone on ``host``:``port``; with ``registrar`` and ``password`` it can register there."""

    def __init__(
        self,
        user: str,
        *,
        host: str,
        port: int,
        rtp_start: int,
        registrar: tuple[str, int],
        password: str = "",
        rtp_count: int = 100,
    ) -> None:
        self.user, self.host, self._port, self.server = user, host, port, registrar
        self._auth = SipDigestAuth(user, password) if password else None
        self._rtp_count = rtp_count
        self._rtp = itertools.cycle(range(rtp_start, rtp_start + 2 * rtp_count, 2))
        self._transport = _Udp(local_addr=(host, port))
        self.uac = SipUAC(self._transport)
        self._uas = SipUAS(self._transport, user_agent="heyi-phone", uac=self.uac)
        self._uas.on_invite = self._invited
        self._uas.on_bye = lambda call, _request: self._over(call.call_id)
        self._uas.on_cancel = lambda call, *_: self._over(call.call_id)
        self._uas.on_reinvite = self._reinvited
        self._calls: dict[str, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        #: Ports being taken or given back: goes on to its end whoever asked for it is cancelled.
        self._settling: set[asyncio.Task[None]] = set()
        self._registration: Registration | None = None
        #: Called for each incoming call; without it calls are refused as busy.
        self.on_call: Callable[[PhoneCall], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Take the SIP port. Raises :class:`HeyiError` where it is taken."""
        try:
            await self._uas.start()
        except OSError as error:
            raise HeyiError(f"SIP port {self.host}:{self._port} cannot be used: {error.strerror}") from error

    async def register(self, timeout_s: float = 30) -> None:
        """Register at the server. Raises :class:`HeyiError` when it refuses or keeps silent."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def settle(result: str) -> None:
            if not done.done():
                done.set_result(result)

        self._registration = Registration(
            self.uac, f"sip:{self.user}@{self.server[0]}", self.server, auth=self._auth, expires=300
        )
        self._registration.on_registered = lambda _: settle("")
        self._registration.on_failed = lambda _, code, reason: settle(f"{code} {reason}")
        self._registration.register()
        try:
            refused = await asyncio.wait_for(done, timeout_s)
        except TimeoutError:
            raise HeyiError(f"{self.user}: no answer to REGISTER from {self.server[0]}:{self.server[1]}") from None
        if refused:
            raise HeyiError(f"{self.user}: registration refused: {refused}")

    async def call(self, number: str, *, caller: str = "", timeout_s: float = 60) -> PhoneCall:
        """Dial ``number`` and wait for the answer. Raises :class:`HeyiError` when refused or not answered in time."""
        port = self.next_rtp_port()
        server = f"{self.server[0]}:{self.server[1]}"
        sip = self.uac.send_invite(
            f"sip:{caller or self.user}@{self.host}:{self._port}",
            f"sip:{number}@{server}",
            self.server,
            build_sdp(self.host, port, _ALAW, "PCMA", dtmf_payload_type=_DTMF),
            auth=self._auth,
        )
        call = PhoneCall(self, sip)
        self._calls[sip.call_id] = call
        try:
            await sip.wait_answered(timeout_s)
        except (TimeoutError, RuntimeError) as error:
            if isinstance(error, TimeoutError):
                await call.hang_up()
            else:
                await call._finish()
            raise HeyiError(f"{number} did not answer: {error}") from error
        except asyncio.CancelledError:
            await call.hang_up()
            raise
        answer = sip.sdp_answer
        if answer is None or answer.rtp_address is None:
            await call.hang_up()
            raise HeyiError(f"{number} answered without audio")
        await call._open(port, answer.rtp_address, _ALAW)
        return call

    def next_rtp_port(self) -> int:
        """A port for RTP with its neighbour for RTCP, both free a moment ago: other programs use this machine, too."""
        for port in itertools.islice(self._rtp, self._rtp_count):
            with socket.socket(type=socket.SOCK_DGRAM) as rtp, socket.socket(type=socket.SOCK_DGRAM) as rtcp:
                try:
                    rtp.bind((self.host, port))
                    rtcp.bind((self.host, port + 1))
                except OSError:
                    continue
            return port
        raise HeyiError(f"{self.user}: no port for sound is free on {self.host}")

    def forget(self, call: PhoneCall) -> None:
        self._calls.pop(call.id, None)

    async def close(self) -> None:
        """Hang up everything, take the registration back and give the port free."""
        for call in tuple(self._calls.values()):
            await call.hang_up()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._settling, return_exceptions=True)
        if self._registration is not None and self._registration.state is RegistrationState.REGISTERED:
            self._registration.unregister()
            await asyncio.sleep(0.1)
        with contextlib.suppress(Exception):
            await self._uas.stop()

    def _invited(self, sip: IncomingCall) -> None:
        if self.on_call is None:
            sip.reject(486)
            return
        call = PhoneCall(self, sip)
        self._calls[sip.call_id] = call
        sip.ringing()
        self._spawn(self._handle(call), self._tasks)

    async def _handle(self, call: PhoneCall) -> None:
        assert self.on_call is not None  # noqa: S101
        try:
            await self.on_call(call)
        except HeyiError as error:
            log.warning("phone", user=self.user, error=str(error))

    def _reinvited(self, sip: IncomingCall) -> None:
        # Hold or a new address: agree, the audio goes on where it is.
        call = self._calls.get(sip.call_id)
        if sip.sdp_offer is not None and call is not None:
            answer, _ = negotiate_sdp(sip.sdp_offer, self.host, self.next_rtp_port(), [_ALAW])
            sip.accept(answer)

    def _over(self, sip_call_id: str) -> None:
        call = self._calls.get(sip_call_id)
        if call is not None:
            self._spawn(call._finish(), self._settling)

    async def finish(self, work: Coroutine[None, None, None]) -> None:
        """Wait for ``work``, which goes on to its end also where the one who waits is cancelled."""
        await asyncio.shield(self._spawn(work, self._settling))

    def _spawn(self, work: Coroutine[None, None, None], tasks: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task
