"""Does a line work from end to end? A synthetic caller dials it and is answered by a robot, over real SIP and RTP.

Caller and robot are one telephone (``PJSIP/probe``, context ``from-probe``), which walks the line's real way: greeting,
queue, bridge, recording. Only the last step differs, since it waits in a queue of its own and rings nobody's desk.
"""

import asyncio
import fcntl
import math
import os
import re
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from core.errors import HeyiError
from core.settings import Settings
from telephony.dialplan import free_ports, sip_secret
from telephony.phone import RATE, Audio, Phone, PhoneCall

log = structlog.get_logger(__name__)

USER = "probe"
#: Step that failed; empty where none did.
Step = Literal["", "asterisk", "dial", "queue", "ring", "caller_voice", "desk_voice", "recording"]
#: What a step's failure means, in words.
FAILURES: dict[Step, str] = {
    "asterisk": "总机不应答检测话机",
    "dial": "号码拨不通",
    "queue": "接通后中断，没有进入排队",
    "ring": "进入排队后坐席没有振铃",
    "caller_voice": "坐席听不到来电人",
    "desk_voice": "来电人听不到坐席",
    "recording": "录音没有写入",
}
#: Lines that are checked at the same time; each costs Asterisk as much as a call.
AT_ONCE = 4
_DIAL_S, _RING_S, _HEAR_S = 10.0, 60.0, 5.0
#: Music and ringing still under way when the robot answers are not taken for its voice.
_SETTLE_S = 0.5
#: Frames of 20 ms in which the other side must be heard.
_HEARD = 25
_NUMBER = re.compile(r"sip:([0-9]+)@")
#: 440 Hz for a second, at about -12 dBFS.
TONE = b"".join(struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * n / RATE))) for n in range(RATE))


@dataclass(frozen=True, kw_only=True)
class LineResult:
    """What became of one synthetic call; times in seconds from dialling, None where it did not come so far."""

    line: str
    step: Step = ""
    #: What the other side said, for whoever mends it.
    detail: str = ""
    answered_s: float | None = None
    #: The robot's telephone rang: the whole way through greeting and queue.
    rung_s: float | None = None
    took_s: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.step

    @property
    def why(self) -> str:
        """What failed, in words; empty where nothing did."""
        return FAILURES.get(self.step, "")


class NoRegistration(HeyiError):
    """Asterisk refused the line check's telephone, or kept silent: no line can be dialled."""


class LineChecker:
    """The telephone of the line check, registered while it is open (``async with``).

    Only one is open at a time on a machine, whichever process asks: two would take each other's calls.
    """

    def __init__(self, settings: Settings, *, ring_s: float = _RING_S, wait_s: float = 60.0) -> None:
        """``ring_s``: how long a line may take from its answer to the robot's telephone, greeting included;
        ``wait_s``: how long another check may take before this one gives up."""
        self._settings, self._ring_s, self._wait_s = settings, ring_s, wait_s
        self._robots: dict[str, asyncio.Future[PhoneCall]] = {}
        self._phone: Phone | None = None
        self._lock = -1

    async def __aenter__(self) -> "LineChecker":
        """Raises :class:`NoRegistration` where Asterisk does not take the telephone, :class:`HeyiError` where another
        check does not end or the site's addresses allow none."""
        settings = self._settings
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
        if host == settings.trunk_host:
            # Asterisk would take the synthetic caller for a real one.
            raise HeyiError("lines cannot be dialled from the exchange's own address", hint="HEYI_TRUNK_HOST")
        await self._take_lock()
        try:
            port, rtp = free_ports(2)
            self._phone = Phone(
                USER, host=host, port=port, rtp_start=min(rtp & ~1, 65000), rtp_count=200,
                registrar=(host, settings.sip_port), password=sip_secret(settings)(USER),
            )  # fmt: skip
            self._phone.on_call = self._robot
            await self._phone.start()
            try:
                await self._phone.register()
            except HeyiError as error:
                raise NoRegistration(str(error), hint="is Asterisk running? ./run heyi asterisk start") from error
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def check(self, line: str) -> LineResult:
        """Dial ``line`` and walk its way. What is wrong stands in the result; nothing of the call remains."""
        began = time.monotonic()
        _remove(self._files(line))
        calls: list[PhoneCall] = []
        marks: dict[str, float] = {}
        try:
            step, detail = await self._walk(
                line, calls, lambda name: marks.setdefault(name, round(time.monotonic() - began, 3))
            )
        except OSError as error:
            step, detail = "dial", str(error)
        finally:
            self._robots.pop(line, None)
            for call in calls:
                with suppress(OSError, HeyiError):
                    await call.hang_up()
            await asyncio.sleep(0.2)  # until Asterisk has put down its pen
            _remove(self._files(line))
        took = round(time.monotonic() - began, 3)
        result = LineResult(
            line=line, step=step, detail=detail[:200], answered_s=marks.get("answered"), rung_s=marks.get("rung"),
            took_s=took,
        )  # fmt: skip
        log.debug("line checked", line=line, ok=result.ok, step=step, detail=detail, took_s=took)
        return result

    async def _walk(self, line: str, calls: list[PhoneCall], mark: Callable[[str], float]) -> tuple[Step, str]:
        assert self._phone is not None  # noqa: S101
        self._robots[line] = ringing = asyncio.get_running_loop().create_future()
        try:
            caller = await self._phone.call(line, timeout_s=_DIAL_S)
        except HeyiError as error:
            return "dial", str(error)
        calls.append(caller)
        mark("answered")
        gone = asyncio.create_task(caller.ended.wait())
        try:
            await asyncio.wait({ringing, gone}, timeout=self._ring_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if not ringing.done():
            return ("queue", "hung up") if caller.ended.is_set() else ("ring", f"not within {self._ring_s:g} s")
        mark("rung")
        robot = ringing.result()
        calls.append(robot)
        try:
            await robot.answer()
        except HeyiError as error:
            return "caller_voice", str(error)
        return await self._talk(line, caller, robot)

    async def _talk(self, line: str, caller: PhoneCall, robot: PhoneCall) -> tuple[Step, str]:
        at_caller, at_robot = caller.audio, robot.audio
        assert at_caller is not None and at_robot is not None  # noqa: S101
        await asyncio.sleep(_SETTLE_S)
        sizes = _sizes(self._files(line))
        speaking = [asyncio.create_task(_speak(call)) for call in (caller, robot)]
        try:
            heard = await asyncio.gather(_hears(at_robot), _hears(at_caller))
            grown = all(heard) and await self._recorded(line, sizes)
        finally:
            for task in speaking:
                task.cancel()
            await asyncio.gather(*speaking, return_exceptions=True)
        if not heard[0]:
            return "caller_voice", _frames(at_robot)
        if not heard[1]:
            return "desk_voice", _frames(at_caller)
        return ("", "") if grown else ("recording", ", ".join(path.name for path in self._files(line)))

    async def _recorded(self, line: str, before: list[int]) -> bool:
        """Whether the mix and both legs grow: Asterisk writes them in pieces."""
        deadline = time.monotonic() + _HEAR_S
        while time.monotonic() < deadline:
            if all(now > then for then, now in zip(before, _sizes(self._files(line)), strict=True)):
                return True
            await asyncio.sleep(0.1)
        return False

    async def _robot(self, call: PhoneCall) -> None:
        number = _NUMBER.search(call.from_header)
        waiting = self._robots.get(number[1]) if number else None
        if waiting is None or waiting.done():
            await call.hang_up()
            return
        waiting.set_result(call)

    def _files(self, line: str) -> list[Path]:
        folder = self._settings.recordings
        return [folder / f"{USER}-{line}{leg}.wav" for leg in ("", "-caller", "-agent")]

    async def _take_lock(self) -> None:
        self._settings.data.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._settings.data / "line-check.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self._wait_s
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise HeyiError("another line check is under way", hint="try again in a minute") from None
                    await asyncio.sleep(0.2)
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    async def _close(self) -> None:
        if self._phone is not None:
            await self._phone.close()
            self._phone = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


async def check_lines(
    settings: Settings, lines: Sequence[str], tell: Callable[[LineResult], None] = lambda result: None
) -> list[LineResult]:
    """Dial these lines, some at a time, and once more, alone, each that failed; results in the order of ``lines``.

    ``tell`` hears each result as it comes. Raises what :class:`LineChecker` raises.
    """
    results: dict[str, LineResult] = {}
    places = asyncio.Semaphore(AT_ONCE)

    async def one(line: str) -> None:
        async with places:
            results[line] = await checker.check(line)
        if results[line].ok:
            tell(results[line])

    async with LineChecker(settings) as checker:
        async with asyncio.TaskGroup() as group:
            for line in lines:
                group.create_task(one(line))
        for line in lines:
            if not results[line].ok:
                results[line] = await checker.check(line)
                tell(results[line])
    return [results[line] for line in lines]


async def _speak(call: PhoneCall) -> None:
    while not call.ended.is_set():
        await call.play(TONE)


async def _hears(audio: Audio) -> bool:
    """Whether the other side is heard within some seconds."""
    before, deadline = audio.voiced, time.monotonic() + _HEAR_S
    while audio.voiced - before < _HEARD:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def _frames(audio: Audio) -> str:
    return f"{audio.frames} frames received, {audio.voiced} with a voice"


def _sizes(files: list[Path]) -> list[int]:
    return [path.stat().st_size if path.exists() else 0 for path in files]


def _remove(files: list[Path]) -> None:
    for path in files:
        with suppress(OSError):  # a folder that cannot be written is told by the step "recording"
            path.unlink()
